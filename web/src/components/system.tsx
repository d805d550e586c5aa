import { EuiBasicTable, EuiPanel, EuiSpacer, EuiText, EuiTitle, type Criteria, type EuiBasicTableColumn } from '@elastic/eui';
import { useState } from 'react';
import { useSystemRecords } from '../api/queries';
import type { RecordLine } from '../api/types';
import { moment, who, words } from '../format';
import { Loaded } from './state';

const SIZES = [10, 25, 100];

/** What an act says beside its kind; the policy itself is too long for a line. */
export function details(line: RecordLine): string {
  const { event } = line.record;
  if (event.kind !== 'system') return '';
  return Object.entries(event.act as Record<string, unknown>)
    .filter(([name, one]) => !['kind', 'policy', 'digest'].includes(name) && one !== null)
    .map(([name, one]) => `${words(name)}: ${typeof one === 'object' ? JSON.stringify(one) : String(one)}`)
    .join(', ');
}

const COLUMNS: EuiBasicTableColumn<RecordLine>[] = [
  { name: 'At', width: '180px', render: (line: RecordLine) => moment(line.record.at) },
  { name: 'By', width: '180px', render: (line: RecordLine) => who(line.record.actor) },
  { name: 'What', width: '180px', render: (line: RecordLine) => (line.record.event.kind === 'system' ? words(line.record.event.act.kind) : '') },
  { name: 'How', render: details },
];

/** Stops, tokens, logins, people, policies: what is about no incident, in the same kind of chain. */
export function SystemRecords() {
  const [page, setPage] = useState({ index: 0, size: SIZES[0] });
  const records = useSystemRecords(page.index * page.size, page.size);
  const onChange = ({ page: wanted }: Criteria<RecordLine>) => { if (wanted) setPage({ index: wanted.index, size: wanted.size }); };
  return (
    <EuiPanel hasBorder paddingSize="l" data-test-subj="system-records">
      <EuiTitle size="s"><h2>Outside of incidents</h2></EuiTitle>
      <EuiText size="s" color="subdued">Stops, tokens, logins, people and policies of this month, with the same digests and anchors.</EuiText>
      <EuiSpacer size="m" />
      <Loaded query={records}>{(data) => (
        <EuiBasicTable<RecordLine> tableCaption="What was done outside of incidents" compressed items={data.items} columns={COLUMNS} onChange={onChange}
          pagination={{ pageIndex: page.index, pageSize: page.size, totalItemCount: data.total, pageSizeOptions: SIZES }} noItemsMessage="Nothing yet" />
      )}</Loaded>
    </EuiPanel>
  );
}
