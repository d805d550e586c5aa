//! What people ask for: offered on the target as it is, or refused with the reason.

use casework::Error;
use model::incident::RequestState;
use model::{Actor, Agent, Event, Incident, Proposal, Replaced, Requester, TargetState, approval};

use super::{Resolver, check};
use crate::asked::asked;
use crate::parameters::Filled;

/// How long until it should show, where no runbook says it, in seconds.
const USUAL_ETA_S: u64 = 120;

impl Resolver {
    /// Answers the first open request; false where there is none.
    pub(super) async fn answer_request(&self, incident: &Incident) -> Result<bool, Error> {
        let Some(request) = incident.requests.iter().find(|request| request.is_open()) else {
            return Ok(false);
        };
        match self.prepared(request).await {
            Ok((filled, observed)) => {
                self.offer_asked(incident, request, filled, observed)
                    .await?
            }
            Err(reason) => self.refuse(incident, request.seq, reason).await?,
        }
        Ok(true)
    }

    async fn prepared(&self, request: &RequestState) -> Result<(Filled, TargetState), String> {
        let Some(runner) = &self.runner else {
            return Err("no runner is configured: nothing can be executed here".to_owned());
        };
        let target = &request.action.target;
        let state = runner
            .observe(target)
            .await
            .map_err(|error| format!("{target} can't be observed: {error}"))?;
        let now = self.casework.clock().now();
        let observed = self.casework.target_state(target, state, now);
        let filled = asked(&request.action, &observed.state)?.with_what_is_known();
        Ok((filled, observed))
    }

    async fn refuse(&self, incident: &Incident, seq: u64, reason: String) -> Result<(), Error> {
        let refused = |incident: &Incident| {
            let open = incident
                .requests
                .iter()
                .any(|request| request.seq == seq && request.is_open());
            let reason = reason.clone();
            open.then_some(Event::RequestRefused {
                request: seq,
                reason,
            })
        };
        let actor = Actor::agent(Agent::Resolver);
        self.casework
            .record_when(&incident.id, actor, refused)
            .await?;
        Ok(())
    }

    async fn offer_asked(
        &self,
        incident: &Incident,
        request: &RequestState,
        filled: Filled,
        observed: TargetState,
    ) -> Result<(), Error> {
        let terms = self.casework.terms(&filled.action).await?;
        let edited = request
            .edits
            .as_deref()
            .and_then(|id| incident.proposal(id))
            .map(|state| &state.proposal);
        let proposal = Proposal {
            id: String::new(),
            why: request.why.clone(),
            risk: terms.risk,
            risk_note: edited.map_or_else(String::new, |old| old.risk_note.clone()),
            eta_s: edited.map_or(USUAL_ETA_S, |old| old.eta_s),
            undo: filled.undo,
            check: check(&incident.findings[0]),
            runbook: edited.and_then(|old| old.runbook.clone()),
            hypothesis: edited.and_then(|old| old.hypothesis.clone()),
            evidence: edited.map_or_else(Vec::new, |old| old.evidence.clone()),
            observed,
            policy_version: terms.policy_version.clone(),
            quorum: terms.quorum,
            expires: terms.expires,
            requesters: requesters(request, edited),
            not_the_requester: terms.not_the_requester,
            on_call: terms.on_call,
            request: Some(request.seq),
            replaces: edited.map(|old| Replaced {
                proposal: old.id.clone(),
                changed: approval::difference(&old.action, &filled.action),
            }),
            // What a person asks for is people's to decide.
            automation: Vec::new(),
            action: filled.action,
        };
        let offer = |incident: &Incident| {
            let open = incident
                .requests
                .iter()
                .any(|known| known.seq == request.seq && known.is_open());
            if !open || incident.status.is_over() {
                return None;
            }
            let proposal = Proposal {
                id: incident.next_proposal_id(),
                ..proposal.clone()
            };
            Some(Event::Proposed {
                seal: proposal.seal(&incident.id),
                proposal: Box::new(proposal),
            })
        };
        let actor = Actor::agent(Agent::Resolver);
        self.casework
            .record_when(&incident.id, actor, offer)
            .await?;
        Ok(())
    }
}

/// Whoever asked, and whoever had asked for what it is an edit of.
fn requesters(request: &RequestState, edited: Option<&Proposal>) -> Vec<Requester> {
    let mut people = edited.map_or_else(Vec::new, |old| old.requesters.clone());
    if let Actor::Person { subject, name, .. } = &request.by
        && !people.iter().any(|known| known.subject == *subject)
    {
        people.push(Requester {
            subject: subject.clone(),
            name: name.clone(),
        });
    }
    people
}
