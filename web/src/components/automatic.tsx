import { EuiButton, EuiCallOut, EuiSpacer, EuiText } from '@elastic/eui';
import { useState } from 'react';
import { useDecide } from '../api/queries';
import type { ProposalState } from '../api/types';
import { AskReason } from './ask';

/** What a rule decided without a person, or would have. */
export function Automatic({ incident, state, expired, mayStop }: { incident: string; state: ProposalState; expired: boolean; mayStop: boolean }) {
  const made = state.automation;
  if (!made) return null;
  const { id } = state.proposal;
  const live = !made.shadow && !made.void && !expired && (state.stage === 'pending' || state.stage === 'approved');
  return (
    <>
      <EuiCallOut size="s" color={live ? 'warning' : 'primary'} iconType="bolt" title={says(state, live)} data-test-subj={`automatic-${id}`}>
        <EuiText size="s">
          {made.void && !made.shadow && <p>{`Stopped: ${made.void}`}</p>}
          <ul>{made.reasons.map((reason, at) => <li key={at}>{reason}</li>)}</ul>
          {live && <p>A no, a withdrawal or a stop before it begins holds it.</p>}
        </EuiText>
        {/* While it is still pending, the no is beside the yes. */}
        {live && mayStop && state.stage === 'approved' && <><EuiSpacer size="s" /><NoButton incident={incident} state={state} /></>}
      </EuiCallOut>
      <EuiSpacer size="m" />
    </>
  );
}

function says({ automation, started_at: started }: ProposalState, live: boolean): string {
  const by = `without a person, by the rule “${automation?.rule}”`;
  if (automation?.shadow) return `Would have run ${by}`;
  if (started) return `Ran ${by}`;
  return live ? `Runs ${by}` : `Was to run ${by}`;
}

/** Until it begins, any person who may decide stops it for good. */
function NoButton({ incident, state: { proposal, seal } }: { incident: string; state: ProposalState }) {
  const [asked, setAsked] = useState(false);
  const decide = useDecide(incident);
  const give = (reason: string) => decide.mutate({ proposal: proposal.id, decision: { seal, approve: false, reason } }, { onSuccess: () => setAsked(false) });
  return (
    <>
      <EuiButton size="s" color="danger" iconType="cross" onClick={() => setAsked(true)} data-test-subj={`no-${proposal.id}`}>No</EuiButton>
      {asked && (
        <AskReason danger title={`No to ${proposal.id}`} button="No" isLoading={decide.isPending} error={decide.error} onClose={() => setAsked(false)} onGive={give}>
          <p>It doesn&apos;t run, and in this incident the same action doesn&apos;t run without a person again.</p>
        </AskReason>
      )}
    </>
  );
}
