//! Whether the decisions on a proposal suffice. Pure.

use model::Timestamp;
use model::incident::{ProposalStage, ProposalState};
use model::{Actor, Event};

/// The record that is due on a proposal that waits for decisions, if any.
pub fn due(state: &ProposalState, now: Timestamp) -> Option<Event> {
    if !matches!(
        state.stage,
        ProposalStage::Pending | ProposalStage::Approved
    ) {
        return None;
    }
    let proposal = &state.proposal;
    if now >= proposal.expires {
        return Some(Event::ApprovalVoided {
            proposal: proposal.id.clone(),
            reason: format!("expired at {}", proposal.expires),
            changed: None,
        });
    }
    if state.stage == ProposalStage::Approved {
        return None;
    }
    let verdict = |sufficient, reason| Event::VerdictReached {
        proposal: proposal.id.clone(),
        seal: state.seal,
        sufficient,
        reason,
    };
    if let Some(no) = state.decisions.iter().find(|made| !made.approve) {
        let reason = format!("{} said no: {}", no.actor.label(), no.reason);
        return Some(verdict(false, reason));
    }
    let mut people: Vec<&Actor> = Vec::new();
    for made in &state.decisions {
        if made.actor.is_person() && !people.contains(&&made.actor) {
            people.push(&made.actor);
        }
    }
    let quorum = proposal.quorum.max(1) as usize;
    (people.len() >= quorum).then(|| {
        let names: Vec<&str> = people.iter().map(|actor| actor.label()).collect();
        let tier = proposal.risk.name();
        let reason = format!(
            "{tier} risk asks for {quorum}; {} said yes",
            names.join(", ")
        );
        verdict(true, reason)
    })
}
