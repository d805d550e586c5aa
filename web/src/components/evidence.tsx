import {
  EuiAccordion, EuiBadge, EuiButton, EuiCallOut, EuiCodeBlock, EuiDescriptionList, EuiFlexGroup, EuiFlexItem, EuiSpacer, EuiText,
} from '@elastic/eui';
import { useAskAgain } from '../api/queries';
import type { Evidence } from '../api/types';
import { moment, shortDigest } from '../format';
import { ProblemNote } from './state';
import { pairs, Rows } from './rows';

interface Shown {
  incident: string;
  evidence: Evidence;
  stance?: 'for' | 'against';
  /** Where it is shown: one piece may speak to several hypotheses. */
  scope: string;
}

/** A piece of evidence, closed to one sentence; open it shows all that is needed to ask again, and asks. */
export function EvidenceItem({ incident, evidence, stance, scope }: Shown) {
  const heading = (
    <EuiFlexGroup gutterSize="s" alignItems="center" responsive={false}>
      <EuiFlexItem grow={false}>
        <EuiBadge color={stance === 'for' ? 'success' : stance === 'against' ? 'danger' : 'hollow'}>
          {stance ? `${evidence.id} ${stance}` : evidence.id}
        </EuiBadge>
      </EuiFlexItem>
      <EuiFlexItem><EuiText size="s">{evidence.says}</EuiText></EuiFlexItem>
    </EuiFlexGroup>
  );
  return (
    <EuiAccordion id={`evidence-${scope}-${evidence.id}`} buttonContent={heading} paddingSize="m" data-test-subj={`evidence-${evidence.id}`}>
      <EvidenceBody incident={incident} evidence={evidence} />
    </EuiAccordion>
  );
}

/** All that is needed to ask again, and the button that does. */
export function EvidenceBody({ incident, evidence }: { incident: string; evidence: Evidence }) {
  const again = useAskAgain(incident, evidence.id);
  const asked = {
    tool: evidence.tool,
    window: `${moment(evidence.window.from)} to ${moment(evidence.window.to)} UTC`,
    'asked at': `${moment(evidence.asked_at)} UTC`,
    'answer digest': shortDigest(evidence.answer_digest),
  };
  return (
    <>
      <EuiCodeBlock fontSize="s" paddingSize="s" isCopyable overflowHeight={240}>{evidence.query}</EuiCodeBlock>
      <EuiSpacer size="s" />
      <EuiDescriptionList compressed type="column" listItems={[...pairs(asked), ...pairs(evidence.parameters)]} columnWidths={[1, 3]} />
      <EuiSpacer size="s" />
      <Rows columns={evidence.columns} rows={evidence.rows} total={evidence.row_count} />
      <EuiSpacer size="s" />
      <EuiButton size="s" iconType="refresh" isLoading={again.isPending} onClick={() => again.mutate()} data-test-subj={`again-${evidence.id}`}>
        Run again
      </EuiButton>
      {again.error && (<><EuiSpacer size="s" /><ProblemNote error={again.error} /></>)}
      {again.data && (
        <>
          <EuiSpacer size="s" />
          <EuiCallOut
            announceOnMount
            size="s"
            color={again.data.holds ? 'success' : 'warning'}
            iconType={again.data.holds ? 'check' : 'warning'}
            title={again.data.holds ? 'Still holds' : 'No longer holds'}
            data-test-subj={`held-${evidence.id}`}
          >
            <EuiText size="s">{again.data.says}</EuiText>
          </EuiCallOut>
        </>
      )}
    </>
  );
}
