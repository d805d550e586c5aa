//! Whether the decisions on a proposal suffice. Pure.

use std::collections::BTreeSet;

use model::incident::{ProposalStage, ProposalState};
use model::{Event, Policy, Timestamp, approval};

/// The record that is due on a proposal that waits for decisions, if any. `standing`: the subjects
/// of those who decided and whose role still allows it.
pub fn due(
    state: &ProposalState,
    policy: &Policy,
    standing: &BTreeSet<String>,
    now: Timestamp,
) -> Option<Event> {
    if !state.stage.is_open() {
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
    let stands = |subject: &str| standing.contains(subject);
    // Whoever may not decide any more doesn't stop the others either.
    let no = state
        .decisions
        .iter()
        .filter(|made| !made.approve)
        .find(|made| approval::subject(&made.actor).is_some_and(stands));
    if let Some(no) = no {
        let reason = format!("{} said no: {}", no.actor.label(), no.reason);
        return Some(verdict(false, reason));
    }
    let yes = approval::counted(state, &stands);
    let agreed = approval::suffices(proposal, &yes).is_ok();
    // A rule's word carries it where people's don't; what it rests on is worked out anew before it
    // begins.
    let word = state
        .automation
        .as_ref()
        .filter(|_| !agreed && state.is_automatic());
    if (!agreed && word.is_none()) || approval::held_back(state, policy, now).is_some() {
        return None;
    }
    if let Some(made) = word {
        let (rule, why) = (&made.rule, made.reasons.join("; "));
        let reason = format!("the rule {rule:?} lets it run without a person: {why}");
        return Some(verdict(true, reason));
    }
    if let Some(alone) = yes.iter().find(|made| made.break_glass) {
        let reason = format!("{} broke the glass: {}", alone.actor.label(), alone.reason);
        return Some(verdict(true, reason));
    }
    let names: Vec<&str> = yes.iter().map(|made| made.actor.label()).collect();
    let reason = format!(
        "{} risk asks for {}; {} said yes",
        proposal.risk.name(),
        proposal.quorum.max(1),
        names.join(", ")
    );
    Some(verdict(true, reason))
}
