//! The rules about what runs without a person.

use serde::{Deserialize, Serialize};

use super::apply::{Ruling, illegal};
use super::proposals::{pending, same_seal};
use super::{Incident, ProposalStage, ProposalState};
use crate::actor::Actor;
use crate::policy::RiskTier;
use crate::policy::automation;
use crate::record::{Event, Record};
use crate::time::Timestamp;

#[cfg(test)]
mod exhaustive;
#[cfg(test)]
mod simulation;

/// What a rule of the policy decided on a proposal, or would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AutomationMade {
    /// The rule's name.
    pub rule: String,
    pub at: Timestamp,
    /// It only says what would have been done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// A person's no since then, in words: it counts for nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
}

impl ProposalState {
    /// Whether a rule lets it run without a person, and no person has said no since: what a verdict
    /// may rest on, and what the Executor holds against the policy anew before it begins.
    pub fn is_automatic(&self) -> bool {
        let made = self.automation.as_ref();
        made.is_some_and(|made| !made.shadow && made.void.is_none())
    }

    /// Whether it would run without a person, has not begun, and a person's no still stops it.
    pub fn can_be_stopped(&self) -> bool {
        self.stage == ProposalStage::Approved && self.is_automatic()
    }
}

/// A rule's word on a proposal: only as its seal allows, never past a person, once an incident.
pub(super) fn decided(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    let Event::AutomationDecided {
        proposal: id,
        seal,
        rule,
        shadow,
        reasons,
    } = event
    else {
        return Ok(());
    };
    if reasons.iter().all(|reason| reason.trim().is_empty()) {
        return Err(illegal(event, "it needs its reasons"));
    }
    // Shadow's records hold back shadow only: nothing ran.
    let made = incident.proposals.iter().find(|state| {
        let made = state.automation.as_ref();
        made.is_some_and(|made| *shadow || !made.shadow)
    });
    if let Some(made) = made {
        let earlier = &made.proposal.id;
        let text =
            format!("{earlier} was decided on without a person: never twice for one incident");
        return Err(illegal(event, text));
    }
    let state = pending(incident, event, id)?;
    same_seal(event, state, *seal)?;
    let proposal = state.proposal.clone();
    let no = |text: String| Err(illegal(event, text));
    if record.at >= proposal.expires {
        return no(format!("{id} expired at {}", proposal.expires));
    }
    if !shadow && !proposal.automation.contains(rule) {
        return no(format!(
            "the policy that {id} is sealed with has no rule {rule:?} that is on for it"
        ));
    }
    if proposal.risk == RiskTier::High {
        return no(format!("{id} is of high risk: people decide on it"));
    }
    if proposal.is_asked_for() {
        return no(format!("a person asked for {id}: people decide on it"));
    }
    if let Some(refused) = automation::refused(incident, &proposal) {
        return no(format!("a person didn't want it: {refused}"));
    }
    pending(incident, event, id)?.automation = Some(AutomationMade {
        rule: rule.clone(),
        at: record.at,
        shadow: *shadow,
        reasons: reasons.clone(),
        void: None,
    });
    Ok(())
}

/// A person's no, before it began: what was decided without a person counts for nothing.
pub(super) fn stop(state: &mut ProposalState, no: &str) {
    if let Some(made) = &mut state.automation {
        made.void.get_or_insert_with(|| no.to_owned());
    }
}

/// Keeps who gave the report, and that what was offered rests on an earlier one.
pub(super) fn note_report(incident: &mut Incident, actor: &Actor) {
    incident.report_from = match actor {
        Actor::Agent { .. } => None,
        other => Some(other.label().to_owned()),
    };
    for state in &mut incident.proposals {
        state.older_report = true;
    }
}
