import { EuiFormRow, EuiSelectable, EuiSpacer, EuiText, type EuiSelectableOption } from '@elastic/eui';
import { useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { useIncidents, useMark } from '../api/queries';
import type { Incident, Summary } from '../api/types';
import { incidentPath, words } from '../format';
import { ReasonRow } from './ask';
import { Dialog } from './dialog';
import type { Asked } from './more';
import { ProblemNote } from './state';

const OPEN = 'open,investigating,explained,awaiting_approval,approved,executing,verifying,mitigated';
/** More than that are found by searching. */
const LISTED = 50;
const LIST_HEIGHT = 220;

/** Its story goes on in another open incident, where the page then goes. */
export function MergeDialog({ incident, onClose }: Asked) {
  const [into, setInto] = useState<Summary | null>(null);
  const [reason, setReason] = useState('');
  const navigate = useNavigate();
  const mark = useMark(incident.incident_id, (stays) => { onClose(); navigate(incidentPath(stays.incident_id)); });
  const give = () => { if (into) mark.mutate({ what: 'merge', body: { into: into.incident_id, reason: reason.trim() } }); };
  return (
    <Dialog name="merge" title="Merge into another incident" button="Merge" complete={into !== null && reason.trim() !== ''} isLoading={mark.isPending} error={mark.error} onGive={give} onClose={onClose}>
      <EuiText size="s"><p>This one is closed, what is proposed for it is void, and its findings and notes go on in the other. It can&apos;t be reopened.</p></EuiText>
      <EuiSpacer size="m" />
      <EuiFormRow label="Into" helpText={into ? `${into.incident_id}: ${into.title}` : 'Choose the incident that stays.'} fullWidth>
        <Others incident={incident} chosen={into} onChoose={setInto} />
      </EuiFormRow>
      <ReasonRow name="merge-reason" value={reason} onChange={setReason} />
    </Dialog>
  );
}

/** The other open incidents, the latest first. */
function Others({ incident, chosen, onChoose }: { incident: Incident; chosen: Summary | null; onChoose: (into: Summary | null) => void }) {
  const [text, setText] = useState('');
  const page = useIncidents({ offset: 0, limit: LISTED, sort: '-opened_at', status: OPEN, text: text.trim() || undefined });
  const others = page.data?.items.filter((one) => one.incident_id !== incident.incident_id) ?? [];
  const options = others.map((one): EuiSelectableOption => ({
    key: one.incident_id,
    label: said(one),
    checked: one.incident_id === chosen?.incident_id ? 'on' : undefined,
    'data-test-subj': `merge-${one.incident_id}`,
  }));
  const choose = (all: EuiSelectableOption[]) => {
    const on = all.find((option) => option.checked === 'on');
    onChoose(others.find((one) => one.incident_id === on?.key) ?? null);
  };
  if (page.error) return <ProblemNote error={page.error} />;
  return (
    <EuiSelectable
      aria-label="Open incidents"
      searchable
      isPreFiltered
      singleSelection
      height={LIST_HEIGHT}
      isLoading={page.isPending}
      options={options}
      onChange={choose}
      searchProps={{ compressed: true, placeholder: 'Search', value: text, onChange: setText, 'data-test-subj': 'merge-search' }}
      listProps={{ bordered: true, isVirtualized: false, textWrap: 'wrap' }}
      emptyMessage="No other open incident"
      noMatchesMessage="No open incident fits"
    >
      {(list, search) => <>{search}<EuiSpacer size="xs" />{list}</>}
    </EuiSelectable>
  );
}

/** Most titles name the service already. */
function said(one: Summary): string {
  const service = one['service.name'];
  return `${one.title.includes(service) ? '' : `${service}: `}${one.title} (${words(one.status)})`;
}
