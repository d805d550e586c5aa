import { EuiButton, EuiButtonEmpty, EuiFieldText, EuiFlexGroup, EuiFlexItem, EuiForm, EuiFormRow, EuiModal, EuiModalBody, EuiModalFooter, EuiModalHeader, EuiModalHeaderTitle, EuiSelect, EuiSpacer, EuiTextArea } from '@elastic/eui';
import { useState } from 'react';
import { useMark, type Mark } from '../api/queries';
import type { Incident, Severity } from '../api/types';
import { isOver } from '../format';
import { ProblemNote } from './state';

/** What a person may ask of an incident, each with what the API wants to know. */
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

export function Marks({ incident }: { incident: Incident }) {
  const [asked, setAsked] = useState<Kind | null>(null);
  const over = isOver(incident);
  const offered: [Kind, string, string][] = [['acknowledge', 'Acknowledge', 'user'], ['note', 'Note', 'comment']];
  if (!over) offered.push(['severity', 'Severity', 'flag']);
  if (incident.status !== 'closed') offered.push(['false_alarm', 'False alarm', 'bell'], ['duplicate', 'Duplicate', 'copy']);
  if (over || incident.status === 'mitigated') offered.push(['reopen', 'Reopen', 'undo']);
  return (
    <>
      <EuiFlexGroup gutterSize="s" wrap responsive={false}>
        {offered.map(([kind, label, icon]) => (
          <EuiFlexItem grow={false} key={kind}>
            <EuiButtonEmpty size="s" iconType={icon} onClick={() => setAsked(kind)} data-test-subj={`mark-${kind}`}>{label}</EuiButtonEmpty>
          </EuiFlexItem>
        ))}
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
    <EuiModal onClose={onClose} aria-labelledby="mark-title" maxWidth={480}>
      <EuiModalHeader><EuiModalHeaderTitle id="mark-title" size="s">{form.title}</EuiModalHeaderTitle></EuiModalHeader>
      <EuiModalBody>
        <EuiForm component="form" onSubmit={(event) => { event.preventDefault(); if (complete) give(); }}>
          {form.extra === 'severity' && (
            <EuiFormRow label="Severity"><EuiSelect compressed options={SEVERITIES} value={extra} onChange={(event) => setExtra(event.target.value)} /></EuiFormRow>
          )}
          {form.extra === 'duplicate' && (
            <EuiFormRow label="Duplicate of"><EuiFieldText compressed placeholder="INC-…" value={extra} onChange={(event) => setExtra(event.target.value)} /></EuiFormRow>
          )}
          <EuiFormRow label={form.label} helpText="Goes into the journal with your name.">
            <EuiTextArea compressed rows={3} value={text} onChange={(event) => setText(event.target.value)} data-test-subj="mark-text" />
          </EuiFormRow>
        </EuiForm>
        {mark.error && (<><EuiSpacer size="s" /><ProblemNote error={mark.error} /></>)}
      </EuiModalBody>
      <EuiModalFooter>
        <EuiButtonEmpty size="s" onClick={onClose}>Cancel</EuiButtonEmpty>
        <EuiButton size="s" fill isDisabled={!complete} isLoading={mark.isPending} onClick={give} data-test-subj="mark-give">{form.button}</EuiButton>
      </EuiModalFooter>
    </EuiModal>
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
