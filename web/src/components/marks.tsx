import { EuiButtonEmpty, EuiFieldText, EuiFlexGroup, EuiFlexItem, EuiFormRow, EuiSelect } from '@elastic/eui';
import { useState } from 'react';
import { useMark, type Mark } from '../api/queries';
import type { Incident, Me, Severity } from '../api/types';
import { isFinal, isOver } from '../format';
import { ReasonRow } from './ask';
import { Dialog } from './dialog';
import { More } from './more';

/** What may be asked of an incident, each with what the API wants to know. */
type Kind = 'acknowledge' | 'note' | 'severity' | 'false_alarm' | 'duplicate' | 'reopen';

interface Form {
  title: string;
  button: string;
  label: string;
  /** The API wants a text. */
  required: boolean;
  extra?: 'severity' | 'duplicate';
}

const FORMS: Record<Kind, Form> = {
  acknowledge: { title: 'Acknowledge: you take it on', button: 'Acknowledge', label: 'Note', required: false },
  note: { title: 'Add a note', button: 'Add note', label: 'Note', required: true },
  severity: { title: 'Change the severity', button: 'Change severity', label: 'Reason', required: true, extra: 'severity' },
  false_alarm: { title: 'Close as a false alarm', button: 'Close', label: 'Reason', required: true },
  duplicate: { title: 'Close as a duplicate', button: 'Close', label: 'Reason', required: true, extra: 'duplicate' },
  reopen: { title: 'Reopen', button: 'Reopen', label: 'Reason', required: true },
};

const SEVERITIES = ['critical', 'high', 'medium', 'low'].map((value) => ({ value, text: value }));

/** What the state machine takes now; after a merge or a void, notes alone. */
function offeredOn(incident: Incident): [Kind, string, string][] {
  const note: [Kind, string, string] = ['note', 'Note', 'comment'];
  if (isFinal(incident)) return [note];
  const over = isOver(incident);
  const offered: [Kind, string, string][] = [['acknowledge', 'Acknowledge', 'user'], note];
  if (!over) offered.push(['severity', 'Severity', 'flag']);
  if (incident.status !== 'closed') offered.push(['false_alarm', 'False alarm', 'bell'], ['duplicate', 'Duplicate', 'copy']);
  if (over || incident.status === 'mitigated') offered.push(['reopen', 'Reopen', 'undo']);
  return offered;
}

/** `me`: what only a person may do is in the menu beside the marks. */
export function Marks({ incident, me }: { incident: Incident; me: Me }) {
  const [asked, setAsked] = useState<Kind | null>(null);
  return (
    <>
      <EuiFlexGroup gutterSize="s" wrap responsive={false}>
        {offeredOn(incident).map(([kind, label, icon]) => (
          <EuiFlexItem grow={false} key={kind}>
            <EuiButtonEmpty size="s" iconType={icon} onClick={() => setAsked(kind)} data-test-subj={`mark-${kind}`}>{label}</EuiButtonEmpty>
          </EuiFlexItem>
        ))}
        {me.person && !isFinal(incident) && <EuiFlexItem grow={false}><More incident={incident} me={me} /></EuiFlexItem>}
      </EuiFlexGroup>
      {asked && <Ask incident={incident} kind={asked} onClose={() => setAsked(null)} />}
    </>
  );
}

function Ask({ incident, kind, onClose }: { incident: Incident; kind: Kind; onClose: () => void }) {
  const form = FORMS[kind];
  const [text, setText] = useState('');
  const [extra, setExtra] = useState<string>(form.extra === 'severity' ? incident.severity : '');
  const mark = useMark(incident.incident_id);
  const complete = (!form.required || text.trim() !== '') && (form.extra === undefined || extra.trim() !== '');
  const give = () => mark.mutate(body(kind, text.trim(), extra.trim()), { onSuccess: onClose });
  return (
    <Dialog name="mark" title={form.title} button={form.button} complete={complete} isLoading={mark.isPending} error={mark.error} onGive={give} onClose={onClose}>
      {form.extra === 'severity' && (
        <EuiFormRow label="Severity" fullWidth><EuiSelect compressed fullWidth options={SEVERITIES} value={extra} onChange={(event) => setExtra(event.target.value)} /></EuiFormRow>
      )}
      {form.extra === 'duplicate' && (
        <EuiFormRow label="Duplicate of" fullWidth><EuiFieldText compressed fullWidth placeholder="INC-…" value={extra} onChange={(event) => setExtra(event.target.value)} /></EuiFormRow>
      )}
      <ReasonRow name="mark-text" label={form.label} value={text} onChange={setText} />
    </Dialog>
  );
}

export function body(kind: Kind, text: string, extra: string): Mark {
  switch (kind) {
    case 'acknowledge':
      return { what: 'acknowledge', body: { note: text || null } };
    case 'note':
      return { what: 'notes', body: { text } };
    case 'severity':
      return { what: 'severity', body: { severity: extra as Severity, reason: text } };
    case 'false_alarm':
      return { what: 'close', body: { as: { kind: 'false_alarm' }, reason: text } };
    case 'duplicate':
      return { what: 'close', body: { as: { kind: 'duplicate', of: extra }, reason: text } };
    case 'reopen':
      return { what: 'reopen', body: { reason: text } };
  }
}
