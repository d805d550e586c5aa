import { EuiBasicTable, EuiFieldText, EuiFlexGroup, EuiFlexItem, EuiFlyout, EuiFlyoutBody, EuiFlyoutHeader, EuiFormRow, EuiLink, EuiSelect, EuiSpacer, EuiSwitch, EuiText, EuiTextArea, EuiTitle, type EuiBasicTableColumn } from '@elastic/eui';
import { useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { useAddSilence, useEndSilence, useHidden, type HiddenNotice, type Silence, type Weekly } from '../api/silences';
import { incidentPath, moment, words } from '../format';
import { AskReason, ReasonRow } from './ask';
import { SeverityBadge } from './badges';
import { Dialog } from './dialog';
import { Loaded, Nothing } from './state';

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
/** A silence lasts a week at most, and a maintenance window comes back for a year at most. */
const LENGTHS = [[HOUR_S, '1 hour'], [4 * HOUR_S, '4 hours'], [DAY_S, '1 day'], [3 * DAY_S, '3 days'], [7 * DAY_S, '7 days']] as const;
const WINDOW_LENGTHS = [[30 * DAY_S, '30 days'], [90 * DAY_S, '90 days'], [365 * DAY_S, '365 days']] as const;

const options = (lengths: readonly (readonly [number, string])[]) => lengths.map(([seconds, text]) => ({ value: String(seconds), text }));

/** `sat,sun 22:00-06:00 Europe/Berlin`. */
export function hours({ days, from, to, zone }: Weekly): string {
  return `${days.length > 0 ? days.join(',') : 'every day'} ${from}-${to} ${zone}`;
}

export function AddSilence({ onClose }: { onClose: () => void }) {
  const [matchers, setMatchers] = useState('');
  const [reason, setReason] = useState('');
  const [length, setLength] = useState<string>(String(HOUR_S));
  const [weekly, setWeekly] = useState<Weekly | null>(null);
  const add = useAddSilence(onClose);
  const lines = matchers.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const recur = (on: boolean) => {
    setWeekly(on ? { days: [], from: '22:00', to: '06:00', zone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC' } : null);
    setLength(String((on ? WINDOW_LENGTHS : LENGTHS)[0][0]));
  };
  const give = () => add.mutate({ matchers: lines, for_s: Number(length), ...(weekly ? { weekly } : {}), reason: reason.trim() });
  return (
    <Dialog name="silence" title="Silence: hide notices for a while" button="Silence" complete={lines.length > 0 && reason.trim() !== ''} isLoading={add.isPending} error={add.error} onGive={give} onClose={onClose}>
      <EuiText size="s"><p>Detection and the journal go on. What is still open at the end is told then.</p></EuiText>
      <EuiSpacer size="m" />
      <EuiFormRow label="Hide what" helpText='One condition a line, all of them hold: service = "cart", team =~ "shop|web", severity != "critical"' fullWidth>
        <EuiTextArea compressed fullWidth rows={3} value={matchers} onChange={(event) => setMatchers(event.target.value)} data-test-subj="silence-matchers" />
      </EuiFormRow>
      <EuiFormRow fullWidth>
        <EuiSwitch compressed label="A maintenance window: certain hours of every week" checked={weekly !== null} onChange={(event) => recur(event.target.checked)} data-test-subj="silence-weekly" />
      </EuiFormRow>
      {weekly && <Hours weekly={weekly} onChange={setWeekly} />}
      <EuiFormRow label="For" fullWidth>
        <EuiSelect compressed fullWidth options={options(weekly ? WINDOW_LENGTHS : LENGTHS)} value={length} onChange={(event) => setLength(event.target.value)} data-test-subj="silence-length" />
      </EuiFormRow>
      <ReasonRow name="silence-reason" value={reason} onChange={setReason} />
    </Dialog>
  );
}

function Hours({ weekly, onChange }: { weekly: Weekly; onChange: (weekly: Weekly) => void }) {
  const field = (label: string, value: string, change: (text: string) => Partial<Weekly>, name: string) => (
    <EuiFlexItem>
      <EuiFormRow label={label}>
        <EuiFieldText compressed value={value} onChange={(event) => onChange({ ...weekly, ...change(event.target.value) })} data-test-subj={name} />
      </EuiFormRow>
    </EuiFlexItem>
  );
  const days = (text: string) => ({ days: text.split(',').map((day) => day.trim()).filter((day) => day !== '') });
  return (
    <EuiFlexGroup gutterSize="s">
      {field('Days (none: all)', weekly.days.join(','), days, 'silence-days')}
      {field('From', weekly.from, (from) => ({ from }), 'silence-from')}
      {field('To', weekly.to, (to) => ({ to }), 'silence-to')}
      {field('Time zone', weekly.zone, (zone) => ({ zone }), 'silence-zone')}
    </EuiFlexGroup>
  );
}

export function EndSilence({ silence, onClose }: { silence: Silence; onClose: () => void }) {
  const end = useEndSilence(silence.id, onClose);
  return (
    <AskReason title={`End ${silence.id}`} button="End it" isLoading={end.isPending} error={end.error} onGive={(reason) => end.mutate({ reason })} onClose={onClose}>
      <p>What it hides and is still open is told at once.</p>
    </AskReason>
  );
}

/** One silence, and the notices that the journal says it held. */
export function HiddenFlyout({ silence, onClose }: { silence: Silence; onClose: () => void }) {
  const hidden = useHidden(silence.id);
  return (
    <EuiFlyout onClose={onClose} size="l" aria-labelledby="hidden-title" data-test-subj="hidden">
      <EuiFlyoutHeader hasBorder>
        <EuiTitle size="s"><h2 id="hidden-title">{`What ${silence.id} hid`}</h2></EuiTitle>
        <EuiText size="s" color="subdued">
          <p>{silence.matchers.join(', ')}</p>
          <p>{silence.reason}</p>
          {silence.ended && <p>{`Ended at ${moment(silence.ended.at)} UTC: ${silence.ended.reason}`}</p>}
        </EuiText>
      </EuiFlyoutHeader>
      <EuiFlyoutBody>
        <Loaded query={hidden}>{(data) => (
          <>
            <HiddenTable notices={data.items} />
            {!data.complete && <EuiText size="xs" color="subdued">There was more: only the latest incidents were read.</EuiText>}
          </>
        )}</Loaded>
      </EuiFlyoutBody>
    </EuiFlyout>
  );
}

function HiddenTable({ notices }: { notices: HiddenNotice[] }) {
  const navigate = useNavigate();
  const columns: EuiBasicTableColumn<HiddenNotice>[] = [
    { name: 'Severity', width: '96px', render: (one: HiddenNotice) => <SeverityBadge severity={one.severity} /> },
    {
      name: 'Incident', truncateText: { lines: 2 },
      render: (one: HiddenNotice) => {
        const path = incidentPath(one.incident_id);
        return <EuiLink href={path} onClick={(event: React.MouseEvent) => { event.preventDefault(); navigate(path); }}>{one.title}</EuiLink>;
      },
    },
    { name: 'Notice', width: '120px', render: (one: HiddenNotice) => words(one.topic) },
    { name: 'Channel', width: '120px', truncateText: true, render: (one: HiddenNotice) => one.channel },
    { name: 'Held (UTC)', width: '168px', render: (one: HiddenNotice) => moment(one.held_at) },
    { name: 'Told (UTC)', width: '168px', render: (one: HiddenNotice) => (one.told_at ? moment(one.told_at) : 'not told') },
  ];
  const items = notices.map((one) => ({ ...one, key: `${one.incident_id}:${one.about}:${one.channel}` }));
  return <EuiBasicTable<HiddenNotice> tableCaption="Notices that it hid" compressed items={items} columns={columns} itemId="key" noItemsMessage={<Nothing title="Nothing">It hid no notice.</Nothing>} />;
}
