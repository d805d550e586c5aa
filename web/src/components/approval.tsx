import { EuiButton, EuiButtonEmpty, EuiCallOut, EuiFlexGroup, EuiFlexItem, EuiSpacer, EuiText } from '@elastic/eui';
import { useState } from 'react';
import { useDecide, useMe, useReview, useWithdraw } from '../api/queries';
import type { ProposalState, ProposalView } from '../api/types';
import { moment, who } from '../format';
import { AskReason } from './ask';

/** How many have agreed, who, and what else it waits for. */
export function Standing({ view }: { view: ProposalView }) {
  const { standing } = view;
  const agreed = `${standing.yes.length} of ${standing.needed} ${standing.needed === 1 ? 'has' : 'have'} agreed${standing.yes.length > 0 ? `: ${standing.yes.join(', ')}` : ''}`;
  return (
    <div data-test-subj={`standing-${view.proposal.id}`}>
      <EuiText size="s">
        <p><strong>{agreed}</strong>{standing.missing && `; ${standing.missing}`}</p>
        {standing.excluded.length > 0 && <p>{`Asked for by ${standing.excluded.join(', ')}, whose yes does not count.`}</p>}
        {standing.on_call && <p>{`On call: ${standing.on_call.join(', ') || 'nobody is known'}; one of them must agree.`}</p>}
      </EuiText>
      {standing.frozen && <EuiCallOut size="s" color="warning" iconType="clock" title={`Held back: ${standing.frozen}`} data-test-subj={`frozen-${view.proposal.id}`} />}
    </div>
  );
}

/** What the seal covers, to the letter. */
export function Summary({ view }: { view: ProposalView }) {
  return <EuiText size="xs"><pre style={{ whiteSpace: 'pre-wrap' }} data-test-subj={`summary-${view.proposal.id}`}>{view.summary}</pre></EuiText>;
}

/** To decide alone: for the few whose role it is, and never by a slip of the mouse. */
export function BreakGlassButton({ incident, state }: { incident: string; state: ProposalState }) {
  const allowed = useMe().data?.scopes.includes('actions:break_glass') ?? false;
  const [asked, setAsked] = useState(false);
  const decide = useDecide(incident);
  const { proposal, seal } = state;
  if (!allowed) return null;
  const give = (reason: string) => decide.mutate(
    { proposal: proposal.id, decision: { seal, approve: true, reason, break_glass: true } },
    { onSuccess: () => setAsked(false) },
  );
  return (
    <>
      <EuiButtonEmpty size="s" color="danger" iconType="warning" onClick={() => setAsked(true)} data-test-subj={`break-glass-${proposal.id}`}>Break glass</EuiButtonEmpty>
      {asked && (
        <AskReason danger title={`Decide alone on ${proposal.id}`} button="Break the glass" isLoading={decide.isPending} error={decide.error} onClose={() => setAsked(false)} onGive={give}>
          <p>It counts past the quorum and past a freeze. Everybody is told at once, and somebody else must review it. The seal, the look at the target before the act, and the journal hold as ever.</p>
        </AskReason>
      )}
    </>
  );
}

/** A decision that somebody made alone, and what somebody else says of it. */
export function BrokenGlass({ incident, state, canApprove }: { incident: string; state: ProposalState; canApprove: boolean }) {
  const [asked, setAsked] = useState<boolean | null>(null);
  const review = useReview(incident, state.proposal.id);
  const glass = state.break_glass;
  if (!glass) return null;
  const said = glass.review;
  return (
    <div data-test-subj={`broken-${state.proposal.id}`}>
      <EuiCallOut size="s" color={said?.justified ? 'primary' : 'danger'} iconType="warning" title={`${who(glass.by)} decided alone at ${moment(glass.at)} UTC`}>
        <EuiText size="s">
          <p>{glass.reason}</p>
          {said && <p>{`${who(said.by)}: ${said.justified ? 'justified' : 'not justified'}. ${said.note}`}</p>}
          {!said && <p>It waits for somebody else&apos;s review.</p>}
        </EuiText>
        {!said && canApprove && (
          <EuiFlexGroup gutterSize="s" responsive={false}>
            <EuiFlexItem grow={false}><EuiButton size="s" onClick={() => setAsked(true)} data-test-subj={`justified-${state.proposal.id}`}>Justified</EuiButton></EuiFlexItem>
            <EuiFlexItem grow={false}><EuiButton size="s" color="danger" onClick={() => setAsked(false)} data-test-subj={`unjustified-${state.proposal.id}`}>Not justified</EuiButton></EuiFlexItem>
          </EuiFlexGroup>
        )}
      </EuiCallOut>
      <EuiSpacer size="m" />
      {asked !== null && (
        <AskReason title={asked ? 'It was justified' : 'It was not justified'} label="Why" button="Review" isLoading={review.isPending} error={review.error} onClose={() => setAsked(null)}
          onGive={(note) => review.mutate({ justified: asked, note }, { onSuccess: () => setAsked(null) })} />
      )}
    </div>
  );
}

/** Takes an offer off the table. */
export function WithdrawButton({ incident, state }: { incident: string; state: ProposalState }) {
  const [asked, setAsked] = useState(false);
  const withdraw = useWithdraw(incident, state.proposal.id);
  return (
    <>
      <EuiButtonEmpty size="s" iconType="minusCircle" onClick={() => setAsked(true)} data-test-subj={`withdraw-${state.proposal.id}`}>Withdraw</EuiButtonEmpty>
      {asked && (
        <AskReason title={`Withdraw ${state.proposal.id}`} button="Withdraw" isLoading={withdraw.isPending} error={withdraw.error} onClose={() => setAsked(false)}
          onGive={(reason) => withdraw.mutate({ reason }, { onSuccess: () => setAsked(false) })} />
      )}
    </>
  );
}
