import { EuiButton, EuiButtonEmpty, EuiCallOut, EuiConfirmModal, EuiFlexGroup, EuiFlexItem, EuiFormRow, EuiSpacer, EuiText, EuiTextArea } from '@elastic/eui';
import { useState } from 'react';
import { useDecide, useMe, useReview, useWithdraw } from '../api/queries';
import type { ProposalState, ProposalView } from '../api/types';
import { moment, who } from '../format';
import { AskReason } from './ask';
import { ProblemNote } from './state';

/** How many have agreed, who, and what else it waits for. */
export function Standing({ view }: { view: ProposalView }) {
  const { standing } = view;
  // That some are still missing is said by the numbers already.
  const more = standing.yes.length >= standing.needed ? standing.missing : '';
  const agreed = `${standing.yes.length} of ${standing.needed} ${standing.needed === 1 ? 'has' : 'have'} agreed${standing.yes.length > 0 ? `: ${standing.yes.join(', ')}` : ''}`;
  return (
    <div data-test-subj={`standing-${view.proposal.id}`}>
      <EuiText size="s">
        <p><strong>{agreed}</strong>{more && `; ${more}`}</p>
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
  if (!allowed) return null;
  return (
    <>
      <EuiButton size="s" color="danger" iconType="warning" onClick={() => setAsked(true)} data-test-subj={`break-glass-${state.proposal.id}`}>Break glass</EuiButton>
      {asked && <ConfirmBreakGlass incident={incident} state={state} onClose={() => setAsked(false)} />}
    </>
  );
}

function ConfirmBreakGlass({ incident, state, onClose }: { incident: string; state: ProposalState; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const decide = useDecide(incident);
  const { proposal, seal } = state;
  const given = reason.trim();
  const give = () => decide.mutate({ proposal: proposal.id, decision: { seal, approve: true, reason: given, break_glass: true } }, { onSuccess: onClose });
  return (
    <EuiConfirmModal
      aria-labelledby="break-glass-title"
      title={`Decide alone on ${proposal.id}`}
      titleProps={{ id: 'break-glass-title', size: 's' }}
      maxWidth={520}
      buttonColor="danger"
      cancelButtonText="Cancel"
      confirmButtonText="Break the glass"
      confirmButtonDisabled={given === ''}
      isLoading={decide.isPending}
      onCancel={onClose}
      onConfirm={give}
      data-test-subj="confirm-break-glass"
    >
      <p>You decide alone: it counts past the quorum and past a freeze. Everybody is told at once, and somebody else must review it. The seal, the look at the target before the act, and the journal hold as ever.</p>
      <EuiFormRow label="Reason" helpText="Goes into the journal with your name.">
        <EuiTextArea compressed rows={3} value={reason} onChange={(event) => setReason(event.target.value)} data-test-subj="break-glass-reason" />
      </EuiFormRow>
      {decide.error && (<><EuiSpacer size="s" /><ProblemNote error={decide.error} /></>)}
    </EuiConfirmModal>
  );
}

/** A decision that somebody made alone, and what somebody else says of it. */
export function BrokenGlass({ incident, state, canApprove }: { incident: string; state: ProposalState; canApprove: boolean }) {
  const [asked, setAsked] = useState<boolean | null>(null);
  const review = useReview(incident, state.proposal.id);
  const me = useMe().data;
  const glass = state.break_glass;
  if (!glass) return null;
  const said = glass.review;
  // All that the page knows of whoever looks is a name; the server holds the subjects against each other.
  const another = me !== undefined && me.name !== who(glass.by);
  return (
    <div data-test-subj={`broken-${state.proposal.id}`}>
      <EuiCallOut size="s" color={said?.justified ? 'primary' : 'danger'} iconType="warning" title={`${who(glass.by)} decided alone at ${moment(glass.at)} UTC`}>
        <EuiText size="s">
          <p>{glass.reason}</p>
          {said && <p>{`${who(said.by)}: ${said.justified ? 'justified' : 'not justified'}. ${said.note}`}</p>}
          {!said && <p>It waits for somebody else&apos;s review.</p>}
        </EuiText>
        {!said && canApprove && another && (
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
