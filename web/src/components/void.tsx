import { EuiSpacer, EuiText } from '@elastic/eui';
import { useState } from 'react';
import { useMark } from '../api/queries';
import { ReasonRow } from './ask';
import { Dialog } from './dialog';
import type { Asked } from './more';

/** It was declared by mistake, and is no incident at all. */
export function VoidDialog({ incident, onClose }: Asked) {
  const [reason, setReason] = useState('');
  const mark = useMark(incident.incident_id, onClose);
  const give = () => mark.mutate({ what: 'void', body: { reason: reason.trim() } });
  return (
    <Dialog name="void" danger title="Void: declared by mistake" button="Void" complete={reason.trim() !== ''} isLoading={mark.isPending} error={mark.error} onGive={give} onClose={onClose}>
      <EuiText size="s"><p>Nothing is deleted: the incident and its history stay. It leaves lists and statistics, what is proposed for it is void, and it can&apos;t be reopened.</p></EuiText>
      <EuiSpacer size="m" />
      <ReasonRow name="void-reason" value={reason} onChange={setReason} />
    </Dialog>
  );
}
