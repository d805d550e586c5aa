import { EuiBasicTable, EuiButton, EuiCallOut, EuiFlexGroup, EuiFlexItem, EuiHealth, EuiLink, EuiPanel, EuiSpacer, EuiText, EuiTitle, type EuiBasicTableColumn } from '@elastic/eui';
import { useNavigate } from 'react-router-dom';
import { useAudit } from '../api/queries';
import type { Audit } from '../api/types';
import { Answers } from '../components/answers';
import { Loaded } from '../components/state';
import { SystemRecords } from '../components/system';
import { incidentPath } from '../format';

type Line = Audit['incidents'][number];

export function AuditPage() {
  const audit = useAudit();
  return (
    <>
      <EuiPanel hasBorder paddingSize="l">
      <EuiFlexGroup alignItems="center" responsive={false}>
        <EuiFlexItem>
          <EuiTitle size="s"><h1>Audit</h1></EuiTitle>
          <EuiText size="s" color="subdued">Every record holds the digest of the one before. Heads are also kept in an anchor file outside the database.</EuiText>
        </EuiFlexItem>
        <EuiFlexItem grow={false}>
          <EuiButton size="s" iconType="refresh" isLoading={audit.isFetching} onClick={() => void audit.refetch()} data-test-subj="verify">Verify again</EuiButton>
        </EuiFlexItem>
      </EuiFlexGroup>
      <EuiSpacer size="m" />
      <Loaded query={audit}>{(data) => <Verified audit={data} />}</Loaded>
      </EuiPanel>
      <EuiSpacer size="l" />
      <SystemRecords />
      <EuiSpacer size="l" />
      <Answers />
    </>
  );
}

export function Verified({ audit }: { audit: Audit }) {
  const navigate = useNavigate();
  const records = audit.incidents.reduce((sum, one) => sum + one.records, 0);
  const incidents = audit.incidents.filter((one) => !one.incident_id.startsWith('SYS-')).length;
  const uncovered = audit.incidents.filter((one) => !one.covered);
  const columns: EuiBasicTableColumn<Line>[] = [
    {
      field: 'incident_id', name: 'Incident',
      render: (id: string) => id.startsWith('SYS-') ? `System chain of ${id.slice(4, 8)}-${id.slice(8, 10)}` : <EuiLink href={incidentPath(id)} onClick={(event: React.MouseEvent) => { event.preventDefault(); navigate(incidentPath(id)); }}>{id}</EuiLink>,
    },
    { field: 'intact', name: 'Chain', width: '160px', render: (intact: boolean) => <EuiHealth textSize="xs" color={intact ? 'success' : 'danger'}>{intact ? 'intact' : 'damaged'}</EuiHealth> },
    { field: 'covered', name: 'Anchor', width: '160px', render: (covered: boolean) => <EuiHealth textSize="xs" color={covered ? 'success' : 'warning'}>{covered ? 'covers all' : 'not all covered'}</EuiHealth> },
    { field: 'records', name: 'Records', align: 'right', width: '112px' },
    { field: 'anchored_seq', name: 'Anchored up to', align: 'right', width: '144px', render: (seq: number | null | undefined) => seq ?? 'none' },
  ];
  return (
    <>
      <EuiCallOut
        size="s"
        color={audit.intact ? (uncovered.length > 0 ? 'warning' : 'success') : 'danger'}
        iconType={audit.intact ? 'check' : 'error'}
        title={audit.intact ? `Intact: ${records} records of ${incidents} incidents and the system chain, held against ${audit.anchor_lines} anchors` : 'The journal is damaged'}
        data-test-subj={audit.intact ? 'audit-intact' : 'audit-damaged'}
      >
        <EuiText size="s">
          {audit.faults.map((fault) => <p key={fault}>{fault}</p>)}
          {uncovered.map((one) => (
            <p key={one.incident_id}>{`${one.incident_id}: no anchor covers records after ${one.anchored_seq ?? 0}; a cut tail there would not show.`}</p>
          ))}
        </EuiText>
      </EuiCallOut>
      <EuiSpacer size="m" />
      <EuiBasicTable<Line> tableCaption="Incidents and their chains" compressed items={audit.incidents} columns={columns} itemId="incident_id" noItemsMessage="No incident yet" />
    </>
  );
}
