import {
  EuiBadge, EuiBasicTable, EuiCallOut, EuiFlexGroup, EuiFlexItem, EuiFlyout, EuiFlyoutBody, EuiFlyoutHeader, EuiHealth, EuiPanel,
  EuiProgress, EuiSpacer, EuiText, EuiTitle, type EuiBasicTableColumn,
} from '@elastic/eui';
import type { Hypothesis, Incident, LedgerEntry, Report, TimelineEntry } from '../api/types';
import { causeKind, clock, confidence, moment, number, place, words } from '../format';
import { EvidenceItem } from '../components/evidence';
import { Judge } from '../components/judge';
import { Nothing } from '../components/state';
import { DoubtNote } from '../components/ties';

/** Why it happened: what the Analyst found, and all that is needed to check it. */
export function RcaFlyout({ incident, canJudge, onClose }: { incident: Incident; canJudge: boolean; onClose: () => void }) {
  return (
    <EuiFlyout ownFocus onClose={onClose} size="l" aria-labelledby="rca-title" data-test-subj="rca-flyout">
      <EuiFlyoutHeader hasBorder>
        <EuiTitle size="s"><h2 id="rca-title">Root cause</h2></EuiTitle>
        <EuiText size="s" color="subdued">{incident.title}</EuiText>
      </EuiFlyoutHeader>
      <EuiFlyoutBody>
        {incident.report ? <ReportView incident={incident} report={incident.report} canJudge={canJudge} /> : <NoReport incident={incident} />}
      </EuiFlyoutBody>
    </EuiFlyout>
  );
}

function NoReport({ incident }: { incident: Incident }) {
  if (incident.person_needed) {
    return <EuiCallOut title="A person is asked" color="warning" iconType="user"><p>{incident.person_needed}</p></EuiCallOut>;
  }
  return (
    <Nothing title={incident.claim ? 'The Analyst is at work' : 'No report yet'}>
      {incident.claim ? `It has until ${moment(incident.claim.until)} UTC.` : 'The report appears here as soon as it is recorded.'}
    </Nothing>
  );
}

function ReportView({ incident: whole, report, canJudge }: { incident: Incident; report: Report; canJudge: boolean }) {
  const incident = whole.incident_id;
  return (
    <>
      {whole.doubt && <><DoubtNote incident={whole} /><EuiSpacer size="m" /></>}
      <EuiCallOut
        title={report.conclusion}
        color={report.known ? 'primary' : 'warning'}
        iconType={report.known ? 'inspect' : 'question'}
        data-test-subj="conclusion"
      >
        <EuiText size="s">
          {report.ask && <p>{report.ask}</p>}
          {report.out_of_time && <p>The time ran out before all questions were asked.</p>}
          <p>{`Looked at ${moment(report.window.from)} to ${moment(report.window.to)} UTC.`}</p>
        </EuiText>
      </EuiCallOut>
      <EuiSpacer size="m" />
      <Judge incident={whole} canJudge={canJudge} />
      <EuiSpacer size="l" />
      <Heading text="Hypotheses" />
      {report.hypotheses.length === 0 && <Nothing title="No hypothesis" />}
      {report.hypotheses.map((hypothesis, at) => (
        <HypothesisPanel key={hypothesis.id} incident={incident} hypothesis={hypothesis} report={report} first={at === 0} />
      ))}
      <EuiText size="xs" color="subdued" data-test-subj="basis">{`Confidence: ${report.confidence_basis}`}</EuiText>
      <EuiSpacer size="l" />
      <Heading text="Timeline" />
      <Timeline entries={report.timeline} />
      <EuiSpacer size="l" />
      <OtherEvidence incident={incident} report={report} />
      <Heading text="What was asked" />
      <Ledger entries={report.ledger} elapsedMs={report.elapsed_ms} />
    </>
  );
}

function Heading({ text }: { text: string }) {
  return (<><EuiTitle size="xs"><h3>{text}</h3></EuiTitle><EuiSpacer size="s" /></>);
}

function HypothesisPanel({ incident, hypothesis, report, first }: { incident: string; hypothesis: Hypothesis; report: Report; first: boolean }) {
  const found = (ids: string[]) => ids.flatMap((id) => report.evidence.filter((item) => item.id === id));
  // The conclusion over the list has said it.
  const said = hypothesis.says === report.conclusion;
  return (
    <>
      <EuiPanel hasBorder paddingSize="m" color={first ? 'plain' : 'subdued'} data-test-subj={`hypothesis-${hypothesis.id}`}>
        <EuiFlexGroup gutterSize="m" alignItems="center" responsive={false}>
          <EuiFlexItem>
            <EuiText size="s"><strong>{`${hypothesis.id} · ${place(hypothesis.cause)}`}</strong></EuiText>
          </EuiFlexItem>
          <EuiFlexItem grow={false}><EuiBadge color="hollow">{causeKind(hypothesis.cause)}</EuiBadge></EuiFlexItem>
          <EuiFlexItem grow={false}><EuiText size="s"><strong>{confidence(hypothesis.confidence)}</strong></EuiText></EuiFlexItem>
        </EuiFlexGroup>
        <EuiSpacer size="s" />
        <EuiProgress
          value={hypothesis.confidence}
          max={1}
          size="s"
          color={first ? 'primary' : 'subdued'}
          aria-label={`Confidence of ${hypothesis.id}`}
        />
        <EuiSpacer size="s" />
        {!said && <EuiText size="s"><p>{hypothesis.says}</p></EuiText>}
        {hypothesis.blamed_change && <EuiText size="s" color="subdued">{`Change to blame: ${hypothesis.blamed_change}`}</EuiText>}
        <EuiSpacer size="s" />
        {found(hypothesis.supports).map((item) => <EvidenceItem key={item.id} incident={incident} evidence={item} stance="for" scope={hypothesis.id} />)}
        {found(hypothesis.contradicts).map((item) => <EvidenceItem key={item.id} incident={incident} evidence={item} stance="against" scope={hypothesis.id} />)}
      </EuiPanel>
      <EuiSpacer size="m" />
    </>
  );
}

/** Evidence that no hypothesis names is shown too: nothing that was found is left out. */
function OtherEvidence({ incident, report }: { incident: string; report: Report }) {
  const named = new Set(report.hypotheses.flatMap((one) => [...one.supports, ...one.contradicts]));
  const rest = report.evidence.filter((item) => !named.has(item.id));
  if (rest.length === 0) return null;
  return (
    <>
      <Heading text="Other evidence" />
      {rest.map((item) => <EvidenceItem key={item.id} incident={incident} evidence={item} scope="other" />)}
      <EuiSpacer size="l" />
    </>
  );
}

function Timeline({ entries }: { entries: TimelineEntry[] }) {
  const columns: EuiBasicTableColumn<TimelineEntry>[] = [
    { field: 'at', name: 'UTC', width: '96px', render: (at: string) => clock(at) },
    { name: 'Service', width: '180px', render: (entry: TimelineEntry) => entry['service.name'] ?? '–' },
    { field: 'says', name: 'What', truncateText: false },
    { field: 'evidence', name: 'Evidence', width: '88px', render: (id: string | null | undefined) => id ?? '–' },
  ];
  return <EuiBasicTable<TimelineEntry> tableCaption="Timeline" compressed items={entries} columns={columns} noItemsMessage="Nothing in the timeline" />;
}

const ANSWERED = { answered: 'success', empty: 'subdued', failed: 'danger', cut: 'warning', not_asked: 'subdued' } as const;

function Ledger({ entries, elapsedMs }: { entries: LedgerEntry[]; elapsedMs: number }) {
  const columns: EuiBasicTableColumn<LedgerEntry>[] = [
    { field: 'tool', name: 'Tool', truncateText: true },
    { field: 'about', name: 'About', truncateText: { lines: 2 } },
    {
      field: 'state', name: 'Answer', width: '120px',
      render: (state: LedgerEntry['state']) => <EuiHealth textSize="xs" color={ANSWERED[state] ?? 'subdued'}>{words(state)}</EuiHealth>,
    },
    { field: 'note', name: 'Note', truncateText: { lines: 2 }, render: (note: string | null | undefined) => note ?? '–' },
    { field: 'rows', name: 'Rows', width: '80px', align: 'right', render: (rows: number) => number(rows) },
    { field: 'elapsed_ms', name: 'ms', width: '72px', align: 'right' },
  ];
  return (
    <div data-test-subj="ledger">
      <EuiBasicTable<LedgerEntry> tableCaption="What was asked" compressed items={entries} columns={columns} noItemsMessage="Nothing was asked" />
      <EuiText size="xs" color="subdued">{`${entries.length} questions in ${elapsedMs} ms`}</EuiText>
    </div>
  );
}
