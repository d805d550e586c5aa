import { EuiFormRow, EuiTextArea } from '@elastic/eui';
import { useState } from 'react';
import { useMark } from '../api/queries';
import type { EditRequest } from '../api/types';
import { Dialog } from './dialog';
import type { Asked } from './more';

const MAX_TITLE = 300;

/** What it is called, and whom it hurts. Only what was changed is sent. */
export function EditDialog({ incident, onClose }: Asked) {
  const [title, setTitle] = useState(incident.title);
  const [impact, setImpact] = useState(incident.impact ?? '');
  const mark = useMark(incident.incident_id, onClose);
  const body: EditRequest = {};
  if (title.trim() !== incident.title) body.title = title.trim();
  if (impact.trim() !== (incident.impact ?? '')) body.impact = impact.trim();
  const complete = title.trim() !== '' && Object.keys(body).length > 0;
  return (
    <Dialog name="edit" title="Edit" button="Save" complete={complete} isLoading={mark.isPending} error={mark.error} onGive={() => mark.mutate({ what: 'edit', body })} onClose={onClose}>
      <EuiFormRow label="Title" fullWidth>
        <EuiTextArea compressed fullWidth rows={2} maxLength={MAX_TITLE} value={title} onChange={(event) => setTitle(event.target.value.replaceAll('\n', ' '))} data-test-subj="edit-title-text" />
      </EuiFormRow>
      <EuiFormRow label="Impact" helpText="Whom it hurts and how; empty takes it away. What was there before stays in the history." fullWidth>
        <EuiTextArea compressed fullWidth rows={3} value={impact} onChange={(event) => setImpact(event.target.value)} data-test-subj="edit-impact" />
      </EuiFormRow>
    </Dialog>
  );
}
