import { EuiFieldText, EuiFormRow, EuiSelect } from '@elastic/eui';
import { useState } from 'react';
import { useMark } from '../api/queries';
import type { Assignee } from '../api/types';
import { ReasonRow } from './ask';
import { Dialog } from './dialog';
import type { Asked } from './more';

const KINDS = [{ value: 'person', text: 'Person' }, { value: 'team', text: 'Team' }];
const MAX_NAME = 200;

/** Anybody gives it to anybody, with a reason. */
export function AssignDialog({ incident, onClose }: Asked) {
  const [to, setTo] = useState<Assignee>({ kind: 'person', name: '' });
  const [reason, setReason] = useState('');
  const mark = useMark(incident.incident_id, onClose);
  const complete = to.name.trim() !== '' && reason.trim() !== '';
  const give = () => mark.mutate({ what: 'assign', body: { to: trimmed(to), reason: reason.trim() } });
  return (
    <Dialog name="assign" title="Assign" button="Assign" complete={complete} isLoading={mark.isPending} error={mark.error} onGive={give} onClose={onClose}>
      <To name="assign" to={to} onChange={setTo} />
      <ReasonRow name="assign-reason" value={reason} onChange={setReason} />
    </Dialog>
  );
}

/** Whoever has it says where things stand, and gives it on. */
export function HandOverDialog({ incident, onClose }: Asked) {
  const [to, setTo] = useState<Assignee>({ kind: 'person', name: '' });
  const [note, setNote] = useState('');
  const mark = useMark(incident.incident_id, onClose);
  const complete = to.name.trim() !== '' && note.trim() !== '';
  const give = () => mark.mutate({ what: 'handover', body: { from: incident.owner, to: trimmed(to), note: note.trim() } });
  return (
    <Dialog name="handover" title="Hand over" button="Hand over" complete={complete} isLoading={mark.isPending} error={mark.error} onGive={give} onClose={onClose}>
      <To name="handover" to={to} onChange={setTo} />
      <ReasonRow name="handover-note" label="Where things stand" value={note} onChange={setNote} />
    </Dialog>
  );
}

function trimmed(to: Assignee): Assignee {
  return { ...to, name: to.name.trim() };
}

function To({ name, to, onChange }: { name: string; to: Assignee; onChange: (to: Assignee) => void }) {
  const help = to.kind === 'team' ? 'All of them; whoever takes it on acknowledges it.' : undefined;
  return (
    <>
      <EuiFormRow label="To" fullWidth>
        <EuiSelect compressed fullWidth options={KINDS} value={to.kind} onChange={(event) => onChange({ kind: event.target.value as Assignee['kind'], name: to.name })} data-test-subj={`${name}-kind`} />
      </EuiFormRow>
      <EuiFormRow label="Name" helpText={help} fullWidth>
        <EuiFieldText compressed fullWidth maxLength={MAX_NAME} value={to.name} onChange={(event) => onChange({ ...to, name: event.target.value })} data-test-subj={`${name}-name`} />
      </EuiFormRow>
    </>
  );
}
