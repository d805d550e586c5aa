import { EuiBadge, EuiBasicTable, EuiLink, EuiPanel, EuiSpacer, EuiText, EuiTitle, type EuiBasicTableColumn } from '@elastic/eui';
import { useNavigate } from 'react-router-dom';
import { useSimilar } from '../api/queries';
import type { Similar } from '../api/types';
import { incidentPath, moment, percent } from '../format';
import { Loaded } from './state';

/** Resolved incidents that look alike: what it was then, and what helped. */
export function SimilarIncidents({ incident }: { incident: string }) {
  const similar = useSimilar(incident);
  return (
    <EuiPanel hasBorder paddingSize="l" data-test-subj="similar">
      <EuiTitle size="xs"><h2>Similar incidents</h2></EuiTitle>
      <EuiSpacer size="s" />
      <Loaded query={similar}>{(list) => <SimilarTable items={list.items} />}</Loaded>
    </EuiPanel>
  );
}

export function SimilarTable({ items }: { items: Similar[] }) {
  const navigate = useNavigate();
  const columns: EuiBasicTableColumn<Similar>[] = [
    {
      name: 'Incident', width: '200px',
      render: (one: Similar) => {
        const path = incidentPath(one.incident_id);
        return <EuiLink href={path} onClick={(event: React.MouseEvent) => { event.preventDefault(); navigate(path); }}>{one.incident_id}</EuiLink>;
      },
    },
    { field: 'opened_at', name: 'Opened (UTC)', width: '168px', render: (at: string) => moment(at) },
    { name: 'Cause', render: (one: Similar) => <Cause of={one} /> },
    { field: 'helped', name: 'What helped', render: (helped: string | null | undefined) => helped ?? 'nothing that DataPulse did' },
    { field: 'shared', name: 'Both show', truncateText: { lines: 3 }, render: (shared: string[]) => shared.join('; ') },
    { field: 'likeness', name: 'Alike', width: '72px', align: 'right', render: (share: number) => percent(share, 0) },
  ];
  return <EuiBasicTable<Similar> tableCaption="Similar incidents" compressed items={items} columns={columns} itemId="incident_id" noItemsMessage="No resolved incident looks like this one" />;
}

function Cause({ of }: { of: Similar }) {
  return (
    <EuiText size="s">
      {of.cause ?? 'not known'}{' '}
      {of.cause_is_right === true && <EuiBadge color="success">confirmed</EuiBadge>}
      {of.cause_is_right === false && <EuiBadge color="warning">put right by a person</EuiBadge>}
    </EuiText>
  );
}
