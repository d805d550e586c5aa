import {
  EuiButton, EuiCallOut, EuiCodeBlock, EuiAccordion, EuiDescriptionList, EuiFieldText, EuiFlexGroup, EuiFlexItem, EuiFlyout,
  EuiFlyoutBody, EuiFlyoutHeader, EuiFormRow, EuiPanel, EuiSpacer, EuiText, EuiTitle,
} from '@elastic/eui';
import { useState } from 'react';
import { useDecide, useHealth, useMe, useProposals } from '../api/queries';
import type { Incident, ProposalState, ProposalView } from '../api/types';
import { action, clock, duration, isOver, moment, shortDigest, who, words } from '../format';
import { BreakGlassButton, BrokenGlass, Standing, Summary, WithdrawButton } from '../components/approval';
import { Automatic } from '../components/automatic';
import { OutcomeBadge, RiskBadge, StageBadge } from '../components/badges';
import { EditButton, Requests } from '../components/request';
import { pairs } from '../components/rows';
import { Nothing, ProblemNote } from '../components/state';

/** What can be done about it, each proposal with all that a yes is given to. */
export function ResolverFlyout({ incident, canApprove, onClose }: { incident: Incident; canApprove: boolean; onClose: () => void }) {
  const offered = useProposals(incident.incident_id).data;
  const me = useMe().data;
  const canAsk = me?.person === true && me.scopes.includes('incidents:write') && !isOver(incident);
  const viewOf = (id: string) => offered?.items.find((view) => view.proposal.id === id);
  return (
    <EuiFlyout ownFocus onClose={onClose} size="m" aria-labelledby="resolver-title" data-test-subj="resolver-flyout">
      <EuiFlyoutHeader hasBorder>
        <EuiTitle size="s"><h2 id="resolver-title">Proposals</h2></EuiTitle>
        <EuiText size="s" color="subdued">{incident.title}</EuiText>
      </EuiFlyoutHeader>
      <EuiFlyoutBody>
        {incident.proposals.length === 0 && (
          <Nothing title="Nothing is proposed">{incident.nothing_to_propose ?? 'Proposals appear here once there is a report.'}</Nothing>
        )}
        {incident.proposals.length > 0 && incident.nothing_to_propose && (
          <><EuiCallOut title="Nothing more to propose" color="warning" size="s"><p>{incident.nothing_to_propose}</p></EuiCallOut><EuiSpacer size="m" /></>
        )}
        {incident.proposals.map((state) => (
          <ProposalPanel key={state.proposal.id} incident={incident} state={state} view={viewOf(state.proposal.id)} canApprove={canApprove} canAsk={canAsk} />
        ))}
        <Requests incident={incident} requests={offered?.requests ?? incident.requests ?? []} canAsk={canAsk} />
      </EuiFlyoutBody>
    </EuiFlyout>
  );
}

interface Panel {
  incident: Incident;
  state: ProposalState;
  /** Where it stands for whoever looks; not yet known while it is asked for. */
  view?: ProposalView;
  canApprove: boolean;
  canAsk: boolean;
}

function ProposalPanel({ incident, state, view, canApprove, canAsk }: Panel) {
  const { proposal, stage } = state;
  const expired = useExpired(state);
  return (
    <>
      <EuiPanel hasBorder paddingSize="m" data-test-subj={`proposal-${proposal.id}`}>
        <EuiFlexGroup gutterSize="s" alignItems="center" responsive={false}>
          <EuiFlexItem><EuiTitle size="xs"><h3>{`${proposal.id} · ${action(proposal.action)}`}</h3></EuiTitle></EuiFlexItem>
          <EuiFlexItem grow={false}><RiskBadge risk={proposal.risk} /></EuiFlexItem>
          <EuiFlexItem grow={false}><StageBadge stage={expired ? 'expired' : stage === 'pending' && isOver(incident) ? 'not_decided' : stage} /></EuiFlexItem>
        </EuiFlexGroup>
        <EuiSpacer size="s" />
        <EuiText size="s"><p>{proposal.why}</p></EuiText>
        <EuiSpacer size="s" />
        {proposal.replaces && (
          <><EuiCallOut size="s" color="warning" iconType="merge" title={`In place of ${proposal.replaces.proposal}: ${proposal.replaces.changed}`} data-test-subj={`replaces-${proposal.id}`} /><EuiSpacer size="s" /></>
        )}
        <EuiDescriptionList compressed type="column" columnWidths={[1, 3]} listItems={facts(state)} />
        <EuiSpacer size="s" />
        <Observed state={state} />
        <EuiSpacer size="m" />
        <Automatic incident={incident.incident_id} state={state} expired={expired} mayStop={canApprove && !isOver(incident)} />
        <Outcome state={state} />
        <BrokenGlass incident={incident.incident_id} state={state} canApprove={canApprove} />
        {expired && (
          <EuiCallOut size="s" iconType="clock" title={`Expired ${moment(proposal.expires)} UTC: it can't be approved any more`} data-test-subj={`expired-${proposal.id}`} />
        )}
        {stage === 'pending' && !expired && (isOver(incident)
          ? <EuiText size="s" color="subdued"><p>{`The incident is ${words(incident.status)}: nothing more is decided unless it is reopened.`}</p></EuiText>
          : <Sealed incident={incident.incident_id} state={state} view={view} canApprove={canApprove} />)}
        {!expired && !isOver(incident) && (stage === 'pending' || stage === 'approved') && (
          <EuiFlexGroup gutterSize="none" responsive={false} wrap>
            {canAsk && <EuiFlexItem grow={false}><EditButton incident={incident} from={proposal.action} edits={proposal.id} /></EuiFlexItem>}
            {canApprove && <EuiFlexItem grow={false}><WithdrawButton incident={incident.incident_id} state={state} /></EuiFlexItem>}
          </EuiFlexGroup>
        )}
      </EuiPanel>
      <EuiSpacer size="l" />
    </>
  );
}

/** By the server's clock: the browser's may differ, and a demo's runs faster. */
function useExpired({ stage, proposal }: ProposalState): boolean {
  const now = useHealth().data?.now;
  return stage === 'pending' && now !== undefined && Date.parse(now) >= Date.parse(proposal.expires);
}

function facts({ proposal }: ProposalState) {
  return [
    { title: 'Target', description: proposal.action.target },
    { title: 'What may go wrong', description: proposal.risk_note },
    { title: 'Shows within', description: duration(proposal.eta_s) },
    { title: 'Undo', description: proposal.undo ? action(proposal.undo) : 'none: this cannot be undone by an action' },
    { title: 'It helped if', description: proposal.check.says },
    { title: 'Treats', description: proposal.hypothesis ?? '–' },
    { title: 'Rests on', description: proposal.evidence.length > 0 ? proposal.evidence.join(', ') : '–' },
    { title: 'Runbook', description: proposal.runbook ?? '–' },
    { title: 'Expires', description: `${moment(proposal.expires)} UTC` },
  ];
}

function Observed({ state: { proposal } }: { state: ProposalState }) {
  const { observed, check, id } = proposal;
  return (
    <EuiAccordion id={`observed-${id}`} buttonContent={<EuiText size="s">Observed state and check</EuiText>} paddingSize="s">
      <EuiText size="xs" color="subdued">{`${observed.target} at ${moment(observed.observed_at)} UTC, revision ${shortDigest(observed.revision)}`}</EuiText>
      <EuiCodeBlock fontSize="s" paddingSize="s" overflowHeight={240}>{JSON.stringify(observed.state, null, 2)}</EuiCodeBlock>
      <EuiSpacer size="s" />
      <EuiText size="xs" color="subdued">{`Check: ${check.tool}`}</EuiText>
      <EuiCodeBlock fontSize="s" paddingSize="s" overflowHeight={240}>{check.query}</EuiCodeBlock>
      <EuiDescriptionList compressed type="column" columnWidths={[1, 3]} listItems={pairs(check.parameters)} />
    </EuiAccordion>
  );
}

/** Decisions, and what became of it. */
function Outcome({ state }: { state: ProposalState }) {
  const ended = [state.result, state.recovery].filter((one): one is NonNullable<typeof one> => Boolean(one));
  if (state.decisions.length === 0 && !state.started_at && !state.note) return null;
  return (
    <div data-test-subj={`outcome-${state.proposal.id}`}>
      {state.decisions.map((decision, at) => (
        <EuiText size="s" key={at}>
          <p>{`${clock(decision.at)} ${who(decision.actor)} ${decision.approve ? 'approved' : 'rejected'}: ${decision.reason || 'no reason given'}`}</p>
        </EuiText>
      ))}
      {state.started_at && <EuiText size="s"><p>{`${clock(state.started_at)} execution started${state.finished_at ? `, finished ${clock(state.finished_at)}` : ''}`}</p></EuiText>}
      {ended.length > 0 && (
        <EuiFlexGroup gutterSize="s" responsive={false}>
          {ended.map((one) => <EuiFlexItem grow={false} key={one}><OutcomeBadge outcome={one} /></EuiFlexItem>)}
        </EuiFlexGroup>
      )}
      {state.note && state.stage !== 'voided' && <EuiText size="s" color="subdued"><p>{state.note}</p></EuiText>}
      {state.stage === 'voided' && (
        <EuiCallOut size="s" color="warning" iconType="warning" title="No longer as it was sealed: nothing is done on it" data-test-subj={`voided-${state.proposal.id}`}>
          <EuiText size="s"><p>{state.note}</p></EuiText>
        </EuiCallOut>
      )}
      <EuiSpacer size="m" />
    </div>
  );
}

/** The seal in plain words, and the yes or no to it. */
function Sealed({ incident, state, view, canApprove }: { incident: string; state: ProposalState; view?: ProposalView; canApprove: boolean }) {
  const { proposal, seal } = state;
  const people = proposal.quorum === 1 ? 'one person' : `${proposal.quorum} people`;
  return (
    <EuiCallOut size="s" color="warning" iconType="lock" title={`What is approved: ${action(proposal.action)}`} data-test-subj={`sealed-${proposal.id}`}>
      <EuiText size="s">
        <p>
          {`Run it once on ${proposal.action.target}, as that was observed at ${clock(proposal.observed.observed_at)} UTC, before ${moment(proposal.expires)} UTC. `}
          {`If anything of this changes, the approval is void. Needs ${people} under ${proposal.policy_version}.`}
        </p>
      </EuiText>
      {view ? <Summary view={view} /> : <EuiText size="xs" color="subdued"><p>{`Seal ${seal}`}</p></EuiText>}
      <EuiSpacer size="s" />
      {view && <><Standing view={view} /><EuiSpacer size="s" /></>}
      {canApprove ? <Decide incident={incident} state={state} cannot={view?.you_cannot ?? null} /> : <EuiText size="s" color="subdued">Your role reads. Deciding needs the scope actions:approve.</EuiText>}
    </EuiCallOut>
  );
}

function Decide({ incident, state, cannot }: { incident: string; state: ProposalState; cannot: string | null }) {
  const [reason, setReason] = useState('');
  const decide = useDecide(incident);
  const { proposal, seal } = state;
  const give = (approve: boolean) => decide.mutate({ proposal: proposal.id, decision: { seal, approve, reason: reason.trim() } });
  const without = reason.trim() === '';
  // Whoever asked for it may still say no; who has decided has nothing more to say.
  if (cannot?.includes('decided already')) return <EuiText size="s" data-test-subj={`cannot-${proposal.id}`}><p>You have decided; it waits for others.</p></EuiText>;
  return (
    <>
      {cannot && <EuiText size="s" data-test-subj={`cannot-${proposal.id}`}><p>{`You can't approve it: ${cannot}.`}</p></EuiText>}
      <EuiFormRow label="Reason" helpText="Goes into the journal with your name." fullWidth>
        <EuiFieldText fullWidth compressed value={reason} onChange={(event) => setReason(event.target.value)} data-test-subj={`reason-${proposal.id}`} />
      </EuiFormRow>
      <EuiSpacer size="s" />
      <EuiFlexGroup gutterSize="s" responsive={false}>
        {cannot === null && (
          <EuiFlexItem grow={false}>
            <EuiButton size="s" fill color="primary" iconType="check" isDisabled={without} isLoading={decide.isPending} onClick={() => give(true)} data-test-subj={`approve-${proposal.id}`}>
              Approve
            </EuiButton>
          </EuiFlexItem>
        )}
        <EuiFlexItem grow={false}>
          <EuiButton size="s" color="danger" iconType="cross" isDisabled={without} isLoading={decide.isPending} onClick={() => give(false)} data-test-subj={`reject-${proposal.id}`}>
            Reject
          </EuiButton>
        </EuiFlexItem>
        <EuiFlexItem grow={false}><BreakGlassButton incident={incident} state={state} /></EuiFlexItem>
      </EuiFlexGroup>
      {decide.error && (<><EuiSpacer size="s" /><ProblemNote error={decide.error} /></>)}
    </>
  );
}
