import { EuiCheckboxGroup, EuiFieldText, EuiFormRow } from '@elastic/eui';
import { useState } from 'react';
import { useMark } from '../api/queries';
import { findingNames, findingSays } from '../format';
import { ReasonRow } from './ask';
import { Dialog } from './dialog';
import type { Asked } from './more';

const MAX_TITLE = 300;

/** Findings that are another trouble become an incident of their own. The first one stays. */
export function SplitDialog({ incident, onClose }: Asked) {
  const [chosen, setChosen] = useState<Record<string, boolean>>({});
  const [title, setTitle] = useState('');
  const [reason, setReason] = useState('');
  const mark = useMark(incident.incident_id, onClose);
  const names = findingNames(incident);
  const options = names.slice(1).map((name, at) => {
    const finding = incident.findings[at + 1];
    return { id: name, label: `${name} · ${finding.subject['service.name']}: ${findingSays(finding)}`, 'data-test-subj': `split-${name}` };
  });
  const findings = names.filter((name) => chosen[name]);
  const complete = findings.length > 0 && title.trim() !== '' && reason.trim() !== '';
  const give = () => mark.mutate({ what: 'split', body: { findings, title: title.trim(), reason: reason.trim() } });
  return (
    <Dialog name="split" title="Split findings off into a new incident" button="Split off" complete={complete} isLoading={mark.isPending} error={mark.error} onGive={give} onClose={onClose}>
      <EuiFormRow label="Findings" helpText={`${names[0]} opened the incident and stays.`} fullWidth>
        <EuiCheckboxGroup options={options} idToSelectedMap={chosen} onChange={(name) => setChosen((before) => ({ ...before, [name]: !before[name] }))} />
      </EuiFormRow>
      <EuiFormRow label="Title of the new incident" fullWidth>
        <EuiFieldText compressed fullWidth maxLength={MAX_TITLE} value={title} onChange={(event) => setTitle(event.target.value)} data-test-subj="split-title-text" />
      </EuiFormRow>
      <ReasonRow name="split-reason" value={reason} onChange={setReason} />
    </Dialog>
  );
}
