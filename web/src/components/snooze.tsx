import { EuiFormRow, EuiSelect, EuiText, EuiSpacer } from '@elastic/eui';
import { useState } from 'react';
import { useMark } from '../api/queries';
import { ReasonRow } from './ask';
import { Dialog } from './dialog';
import type { Asked } from './more';

const LENGTHS = [{ value: '1800', text: '30 minutes' }, { value: '7200', text: '2 hours' }, { value: '28800', text: '8 hours' }, { value: '86400', text: '1 day' }];

/** Nobody is reminded and nobody else is called for a while. */
export function SnoozeDialog({ incident, onClose }: Asked) {
  const [length, setLength] = useState(LENGTHS[0].value);
  const [reason, setReason] = useState('');
  const mark = useMark(incident.incident_id, onClose);
  const give = () => mark.mutate({ what: 'snooze', body: { for_s: Number(length), reason: reason.trim() } });
  return (
    <Dialog name="snooze" title="Snooze" button="Snooze" complete={reason.trim() !== ''} isLoading={mark.isPending} error={mark.error} onGive={give} onClose={onClose}>
      <EuiText size="s"><p>No reminder and no escalation until then. If nobody has taken it by then, its channels are reminded.</p></EuiText>
      <EuiSpacer size="m" />
      <EuiFormRow label="For" fullWidth><EuiSelect compressed fullWidth options={LENGTHS} value={length} onChange={(event) => setLength(event.target.value)} data-test-subj="snooze-length" /></EuiFormRow>
      <ReasonRow name="snooze-reason" value={reason} onChange={setReason} />
    </Dialog>
  );
}
