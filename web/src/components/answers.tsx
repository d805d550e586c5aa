import { EuiBasicTable, EuiFlexGroup, EuiFlexItem, EuiPanel, EuiProgress, EuiSpacer, EuiText, EuiTitle, type EuiBasicTableColumn } from '@elastic/eui';
import { useAnswerScore } from '../api/queries';
import type { AnswerBand, AnswerScore } from '../api/types';
import { percent } from '../format';
import { Loaded } from './state';

/** How often the answers of this installation were right, by how sure they were. */
export function Answers() {
  const score = useAnswerScore();
  return (
    <EuiPanel hasBorder paddingSize="l" data-test-subj="answers">
      <EuiTitle size="s"><h2>Answers</h2></EuiTitle>
      <EuiText size="s" color="subdued">How often the first cause was right, as people judged it, by the confidence that it had.</EuiText>
      <EuiSpacer size="m" />
      <Loaded query={score}>{(data) => <AnswerBands score={data} />}</Loaded>
    </EuiPanel>
  );
}

export function AnswerBands({ score }: { score: AnswerScore }) {
  const columns: EuiBasicTableColumn<AnswerBand>[] = [
    { name: 'Confidence', width: '128px', render: (band: AnswerBand) => `${percent(band.from, 0)} to ${percent(band.to, 0)}` },
    { name: 'Said and was', render: (band: AnswerBand) => <SaidAndWas band={band} /> },
    { name: '95 % interval', width: '136px', render: (band: AnswerBand) => (band.interval ? `${percent(band.interval[0], 0)} to ${percent(band.interval[1], 0)}` : '–') },
    { field: 'judged', name: 'Judged', align: 'right', width: '80px' },
    { field: 'right', name: 'Right', align: 'right', width: '80px' },
  ];
  const brier = score.brier?.toFixed(3);
  return (
    <>
      <EuiText size="s" data-test-subj="answers-judged">
        {`${score.answered} ${score.answered === 1 ? 'incident' : 'incidents'} with an answer, ${score.judged} judged, ${score.right} right.`}
        {brier && ` Brier score ${brier}; a constant at the share of right answers would have ${score.brier_of_constant?.toFixed(3)}.`}
      </EuiText>
      <EuiSpacer size="s" />
      <EuiBasicTable<AnswerBand> tableCaption="Answers by confidence" compressed items={score.bands} columns={columns} itemId="from" />
    </>
  );
}

/** Two bars, one over the other: they are as long as each other where confidence means what it says. */
function SaidAndWas({ band }: { band: AnswerBand }) {
  if (band.judged === 0) return <EuiText size="xs" color="subdued">none judged</EuiText>;
  return (
    <EuiFlexGroup direction="column" gutterSize="xs" responsive={false}>
      <EuiFlexItem><EuiProgress size="s" max={1} value={band.said ?? 0} color="subdued" label="said" valueText={percent(band.said, 0)} /></EuiFlexItem>
      <EuiFlexItem><EuiProgress size="s" max={1} value={band.was ?? 0} color="primary" label="was" valueText={percent(band.was, 0)} /></EuiFlexItem>
    </EuiFlexGroup>
  );
}
