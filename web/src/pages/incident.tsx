import {
  EuiBadge, EuiBasicTable, EuiButton, EuiButtonEmpty, EuiCallOut, EuiFlexGroup, EuiFlexItem, EuiPanel, EuiSpacer, EuiText, EuiTitle, type EuiBasicTableColumn,
} from '@elastic/eui';
import { useState } from 'react';
import { useParams } from 'react-router-dom';
import { useIncident, useMe, useRecords } from '../api/queries';
import type { Finding, Incident, Me } from '../api/types';
import { SeverityBadge, StatusHealth } from '../components/badges';
import { ServiceCharts, type Mark } from '../components/charts';
import { EvidenceBody } from '../components/evidence';
import { Marks } from '../components/marks';
import { PostmortemButton } from '../components/postmortem';
import { Records } from '../components/records';
import { SimilarIncidents } from '../components/similar';
import { Loaded } from '../components/state';
import { DoubtNote, TiedEnds, Ties } from '../components/ties';
import { ResolverFlyout } from '../flyouts/resolver';
import { RcaFlyout } from '../flyouts/rca';
import { action, confidence, findingNames, findingSays, isOver, moment, number } from '../format';

export function IncidentPage() {
  const { id = '' } = useParams();
  const incident = useIncident(id);
  // Links lead from one incident to another: what was open on the first is not on the second.
  return <Loaded query={incident}>{(data) => <IncidentView key={data.incident_id} incident={data} />}</Loaded>;
}

function IncidentView({ incident }: { incident: Incident }) {
  const [flyout, setFlyout] = useState<'rca' | 'resolver' | null>(null);
  const me = useMe();
  const records = useRecords(incident.incident_id);
  const scopes = me.data?.scopes ?? [];
  return (
    <>
      <Head incident={incident} onOpen={setFlyout} me={me.data} />
      <EuiSpacer size="l" />
      <Charts incident={incident} />
      <EuiSpacer size="l" />
      <Findings incident={incident} />
      <EuiSpacer size="l" />
      <SimilarIncidents incident={incident.incident_id} />
      <EuiSpacer size="l" />
      <EuiPanel hasBorder paddingSize="l" data-test-subj="records">
        <EuiTitle size="xs"><h2>History</h2></EuiTitle>
        <EuiSpacer size="s" />
        <Loaded query={records}>{(page) => <Records lines={page.items} />}</Loaded>
      </EuiPanel>
      {flyout === 'rca' && <RcaFlyout incident={incident} canJudge={scopes.includes('incidents:write') && me.data?.person === true && !incident.voided} onClose={() => setFlyout(null)} />}
      {flyout === 'resolver' && <ResolverFlyout incident={incident} canApprove={scopes.includes('actions:approve') && me.data?.person === true} onClose={() => setFlyout(null)} />}
    </>
  );
}

function Head({ incident, onOpen, me }: { incident: Incident; onOpen: (which: 'rca' | 'resolver') => void; me: Me | undefined }) {
  const pending = isOver(incident) ? 0 : incident.proposals.filter((state) => state.stage === 'pending').length;
  return (
    <EuiPanel hasBorder paddingSize="l" data-test-subj="incident-head">
      <EuiFlexGroup gutterSize="l" alignItems="flexStart">
        <EuiFlexItem>
          <EuiTitle size="s"><h1>{incident.title}</h1></EuiTitle>
          <EuiSpacer size="s" />
          <EuiFlexGroup gutterSize="m" alignItems="center" wrap responsive={false}>
            <EuiFlexItem grow={false}><SeverityBadge severity={incident.severity} /></EuiFlexItem>
            <EuiFlexItem grow={false} data-test-subj="status"><StatusHealth status={incident.status} /></EuiFlexItem>
            <EuiFlexItem grow={false}><EuiText size="s">{incident['service.name']}</EuiText></EuiFlexItem>
            <EuiFlexItem grow={false}><EuiText size="s" color="subdued">{`owner ${incident.owner ?? 'nobody yet'}`}</EuiText></EuiFlexItem>
            {incident.team && <EuiFlexItem grow={false} data-test-subj="team"><EuiText size="s" color="subdued">{`team ${incident.team}`}</EuiText></EuiFlexItem>}
            <EuiFlexItem grow={false}><EuiText size="s" color="subdued">{`opened ${moment(incident.opened_at)} UTC`}</EuiText></EuiFlexItem>
            {incident.resolved_at && <EuiFlexItem grow={false}><EuiText size="s" color="subdued">{`resolved ${moment(incident.resolved_at)} UTC`}</EuiText></EuiFlexItem>}
            {incident.reopened > 0 && <EuiFlexItem grow={false}><EuiBadge>{`reopened ${incident.reopened}×`}</EuiBadge></EuiFlexItem>}
          </EuiFlexGroup>
          <EuiSpacer size="s" />
          <EuiText size="s" color="subdued">{`${incident.incident_id} · ${incident.severity_reason}`}</EuiText>
          <Ties incident={incident} />
        </EuiFlexItem>
        <EuiFlexItem grow={false}>
          <EuiFlexGroup gutterSize="s" responsive={false}>
            {isOver(incident) && <EuiFlexItem grow={false}><PostmortemButton incident={incident.incident_id} /></EuiFlexItem>}
            <EuiFlexItem grow={false}>
              <EuiButton size="s" iconType="inspect" onClick={() => onOpen('rca')} data-test-subj="open-rca">Root cause</EuiButton>
            </EuiFlexItem>
            <EuiFlexItem grow={false}>
              <EuiButton size="s" fill={pending > 0} iconType="wrench" onClick={() => onOpen('resolver')} data-test-subj="open-resolver">
                {pending > 0 ? `Proposals (${pending} to decide)` : 'Proposals'}
              </EuiButton>
            </EuiFlexItem>
          </EuiFlexGroup>
        </EuiFlexItem>
      </EuiFlexGroup>
      <Standing incident={incident} />
      {me?.scopes.includes('incidents:write') && (<><EuiSpacer size="s" /><Marks incident={incident} me={me} /></>)}
    </EuiPanel>
  );
}

/** The one thing to know now. */
function Standing({ incident }: { incident: Incident }) {
  const first = incident.report?.hypotheses[0];
  return (
    <>
      <TiedEnds incident={incident} />
      {incident.person_needed && (
        <><EuiSpacer size="m" /><EuiCallOut size="s" color="warning" iconType="user" title={`A person is asked: ${incident.person_needed}`} /></>
      )}
      {incident.report && (
        <>
          <EuiSpacer size="m" />
          <EuiCallOut size="s" color={incident.report.known ? 'primary' : 'warning'} iconType="inspect" title={first && incident.report.known ? `${incident.report.conclusion} (${confidence(first.confidence)})` : incident.report.conclusion} />
        </>
      )}
      {incident.doubt && <><EuiSpacer size="m" /><DoubtNote incident={incident} /></>}
      {incident.closed_as && (
        <><EuiSpacer size="m" /><EuiCallOut size="s" title={incident.closed_as.kind === 'duplicate' ? `Closed as a duplicate of ${incident.closed_as.of}` : 'Closed as a false alarm'} /></>
      )}
      {incident.resolved_evidence && (
        <><EuiSpacer size="m" /><EuiCallOut size="s" color="success" iconType="check" title={incident.resolved_evidence.says} data-test-subj="resolved-evidence" /></>
      )}
    </>
  );
}

/** Before the incident, so that what was usual is seen beside it. */
const BEFORE_MS = 30 * 60_000;
const AFTER_MS = 15 * 60_000;

/** The service while it failed; once it is over, the picture stays. */
function Charts({ incident }: { incident: Incident }) {
  const shift = (at: string, ms: number) => new Date(Date.parse(at) + ms).toISOString();
  const end = incident.resolved_at ?? incident.merged_into?.at ?? incident.voided?.at ?? (incident.closed_as ? incident.updated_at : null);
  const span = { from: shift(incident.opened_at, -BEFORE_MS), ...(end ? { to: shift(end, AFTER_MS) } : {}) };
  return <ServiceCharts service={incident['service.name']} span={span} marks={marks(incident)} />;
}

function marks(incident: Incident): Mark[] {
  const opened: Mark = { at: incident.opened_at, title: 'opened', details: incident.title, tone: 'danger', icon: 'bell' };
  const acted = incident.proposals.flatMap((state): Mark[] =>
    state.started_at ? [{ at: state.started_at, title: state.proposal.id, details: action(state.proposal.action), tone: 'success', icon: 'wrench' }] : [],
  );
  return [opened, ...acted];
}

interface Numbered extends Finding {
  id: string;
}

function Findings({ incident }: { incident: Incident }) {
  const [open, setOpen] = useState<string | null>(null);
  const names = findingNames(incident);
  const items: Numbered[] = incident.findings.map((finding, at) => ({ ...finding, id: names[at] }));
  const shown = items.find((one) => one.id === open);
  const columns: EuiBasicTableColumn<Numbered>[] = [
    {
      name: 'Evidence', width: '96px',
      render: (one: Numbered) => (
        <EuiButtonEmpty
          size="xs"
          flush="left"
          iconType={one.id === open ? 'chevronSingleDown' : 'chevronSingleRight'}
          aria-expanded={one.id === open}
          onClick={() => setOpen(one.id === open ? null : one.id)}
          data-test-subj={`finding-${one.id}`}
        >
          {one.id}
        </EuiButtonEmpty>
      ),
    },
    { name: 'Service', width: '176px', truncateText: true, render: (one: Numbered) => one.subject['service.name'] },
    { name: 'What', render: (one: Numbered) => findingSays(one) },
    { field: 'since', name: 'Since (UTC)', width: '168px', render: (at: string | null | undefined) => moment(at) },
    { name: 'Notes', render: (one: Numbered) => (one.notes.length > 0 ? one.notes.join('; ') : '–') },
    { field: 'requests', name: 'Requests', align: 'right', width: '96px', render: (value: number | null | undefined) => number(value) },
  ];
  return (
    <EuiPanel hasBorder paddingSize="l" data-test-subj="findings">
      <EuiTitle size="xs"><h2>Findings</h2></EuiTitle>
      <EuiSpacer size="s" />
      <EuiBasicTable<Numbered>
        tableCaption="Findings"
        compressed
        items={items}
        columns={columns}
        itemId="id"
        itemIdToExpandedRowMap={shown ? { [shown.id]: <Shown incident={incident.incident_id} finding={shown} /> } : {}}
      />
    </EuiPanel>
  );
}

function Shown({ incident, finding }: { incident: string; finding: Numbered }) {
  return (
    <EuiPanel color="transparent" paddingSize="s" grow>
      <EuiText size="s"><p>{finding.evidence.says}</p></EuiText>
      <EuiSpacer size="s" />
      <EvidenceBody incident={incident} evidence={{ ...finding.evidence, id: finding.id }} />
    </EuiPanel>
  );
}
