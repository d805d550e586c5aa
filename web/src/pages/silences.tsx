import { EuiBasicTable, EuiButton, EuiButtonEmpty, EuiFieldSearch, EuiFlexGroup, EuiFlexItem, EuiHealth, EuiLink, EuiPanel, EuiSelect, EuiSpacer, EuiText, EuiTitle, type Criteria, type EuiBasicTableColumn } from '@elastic/eui';
import { useState } from 'react';
import { useMe } from '../api/queries';
import { useSilences, type Phase, type Silence, type SilenceFilter } from '../api/silences';
import { AddSilence, EndSilence, HiddenFlyout, hours } from '../components/silence';
import { Nothing, ProblemNote } from '../components/state';
import { moment } from '../format';

const PAGE_SIZES = [10, 25, 50];
const PHASES: Record<Phase, { color: string; text: string }> = {
  active: { color: 'warning', text: 'hides now' },
  waiting: { color: 'primary', text: 'waits' },
  over: { color: 'subdued', text: 'over' },
};
const CHOICES = [{ value: '', text: 'Any phase' }, ...Object.entries(PHASES).map(([value, { text }]) => ({ value, text }))];

export function Silences() {
  const [filter, setFilter] = useState<SilenceFilter>({ offset: 0, limit: PAGE_SIZES[0], sort: '-made_at' });
  const [adding, setAdding] = useState(false);
  const [ending, setEnding] = useState<Silence | null>(null);
  const [shown, setShown] = useState<Silence | null>(null);
  const page = useSilences(filter);
  const me = useMe().data;
  // Machines hide nothing.
  const may = me !== undefined && me.person && me.scopes.includes('incidents:write');
  const set = (change: Partial<SilenceFilter>) => setFilter((before) => ({ ...before, offset: 0, ...change }));
  return (
    <EuiPanel hasBorder paddingSize="l" data-test-subj="silences">
      <EuiFlexGroup gutterSize="m" alignItems="center">
        <EuiFlexItem>
          <EuiTitle size="s"><h1>Silences</h1></EuiTitle>
          <EuiText size="s" color="subdued">They hide notices, never detection or the journal.</EuiText>
        </EuiFlexItem>
        <EuiFlexItem><EuiFieldSearch compressed fullWidth aria-label="Search silences" placeholder="Search" onSearch={(text) => set({ text: text || undefined })} /></EuiFlexItem>
        <EuiFlexItem grow={false}><EuiSelect compressed aria-label="Any phase" options={CHOICES} onChange={(event) => set({ phase: event.target.value || undefined })} data-test-subj="silence-phase" /></EuiFlexItem>
        {may && <EuiFlexItem grow={false}><EuiButton size="s" onClick={() => setAdding(true)} data-test-subj="add-silence">Silence</EuiButton></EuiFlexItem>}
      </EuiFlexGroup>
      <EuiSpacer size="m" />
      {page.error && <ProblemNote error={page.error} />}
      <EuiBasicTable<Silence>
        tableCaption="Silences"
        compressed
        itemId="id"
        items={page.data?.items ?? []}
        columns={columns(may, setShown, setEnding)}
        loading={page.isFetching && !page.data}
        noItemsMessage={page.isPending ? 'Asking…' : <Nothing title="No silences">Nothing is hidden, or none fits the filter.</Nothing>}
        pagination={{ pageIndex: filter.offset / filter.limit, pageSize: filter.limit, totalItemCount: page.data?.total ?? 0, pageSizeOptions: PAGE_SIZES }}
        sorting={{ sort: { field: filter.sort.replace(/^-/, '') as keyof Silence, direction: filter.sort.startsWith('-') ? 'desc' : 'asc' } }}
        onChange={({ page: at, sort }: Criteria<Silence>) =>
          setFilter((before) => ({
            ...before,
            ...(at ? { offset: at.index * at.size, limit: at.size } : {}),
            ...(sort ? { sort: `${sort.direction === 'desc' ? '-' : ''}${String(sort.field)}` } : {}),
          }))
        }
      />
      {adding && <AddSilence onClose={() => setAdding(false)} />}
      {ending && <EndSilence silence={ending} onClose={() => setEnding(null)} />}
      {shown && <HiddenFlyout silence={shown} onClose={() => setShown(null)} />}
    </EuiPanel>
  );
}

function columns(may: boolean, onShow: (silence: Silence) => void, onEnd: (silence: Silence) => void): EuiBasicTableColumn<Silence>[] {
  return [
    { field: 'phase', name: 'Now', width: '112px', sortable: true, render: (phase: Phase) => <EuiHealth textSize="xs" color={PHASES[phase].color}>{PHASES[phase].text}</EuiHealth> },
    {
      field: 'matchers', name: 'Hides', truncateText: { lines: 2 },
      render: (matchers: string[], silence: Silence) => <EuiLink onClick={() => onShow(silence)} data-test-subj={`hidden-by-${silence.id}`}>{matchers.join(', ')}</EuiLink>,
    },
    { name: 'Every week', width: '200px', render: (silence: Silence) => (silence.weekly ? hours(silence.weekly) : '–') },
    { field: 'from', name: 'From (UTC)', width: '168px', sortable: true, render: (at: string) => moment(at) },
    { field: 'until', name: 'Until (UTC)', width: '168px', sortable: true, render: (at: string, silence: Silence) => moment(silence.ended?.at ?? at) },
    { field: 'owner', name: 'Owner', width: '120px', truncateText: true, sortable: true, render: (_: unknown, silence: Silence) => silence.owner.name ?? '–' },
    { field: 'reason', name: 'Reason', truncateText: { lines: 2 } },
    {
      name: '', width: '80px', align: 'right',
      render: (silence: Silence) =>
        may && silence.phase !== 'over' ? <EuiButtonEmpty size="xs" onClick={() => onEnd(silence)} data-test-subj={`end-${silence.id}`}>End</EuiButtonEmpty> : null,
    },
  ];
}
