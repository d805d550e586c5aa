//! Whose yes counts, and what a proposal still waits for. Pure: the state machine, the Executor's
//! verdict, the API and `datapulse policy test` ask the same functions.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::Action;
use crate::actor::Actor;
use crate::incident::{DecisionMade, ProposalState};
use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::time::Timestamp;

/// What a proposal waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Standing {
    /// People that the policy asks for.
    pub needed: u32,
    /// Names of those whose yes counts.
    pub yes: Vec<String>,
    /// Whose yes can't count, because they asked for it.
    pub excluded: Vec<String>,
    /// One of these must be among those who agree; `None`: the policy doesn't ask for it.
    pub on_call: Option<Vec<String>>,
    /// Enough have agreed.
    pub enough: bool,
    /// What else is missing, in words; empty: nothing.
    pub missing: String,
    /// The freeze that holds it back, and until when.
    pub frozen: Option<String>,
}

/// The subject of a person; nobody else decides.
pub fn subject(actor: &Actor) -> Option<&str> {
    match actor {
        Actor::Person { subject, .. } => Some(subject),
        _ => None,
    }
}

/// Whether this person's yes counts for nothing, because they asked for the action or edited it.
pub fn is_excluded(proposal: &Proposal, person: &str) -> bool {
    proposal.not_the_requester
        && proposal
            .requesters
            .iter()
            .any(|requester| requester.subject == person)
}

/// Names of those whose yes counts for nothing.
fn excluded(proposal: &Proposal) -> Vec<String> {
    let requesters = proposal.requesters.iter();
    requesters
        .filter(|requester| is_excluded(proposal, &requester.subject))
        .map(|requester| requester.name.clone())
        .collect()
}

/// Whether a person is one of those on call: by subject (with or without what stands before its
/// first colon) or by name, whatever the case.
fn is_on_call(actor: &Actor, people: &[String]) -> bool {
    let Actor::Person { subject, name, .. } = actor else {
        return false;
    };
    let bare = subject
        .split_once(':')
        .map_or(subject.as_str(), |(_, rest)| rest);
    people.iter().any(|person| {
        [subject.as_str(), bare, name.as_str()]
            .iter()
            .any(|known| known.to_lowercase() == person.trim().to_lowercase())
    })
}

/// The yeses that count, one a person, in order. `stands` says whether a subject may still decide.
pub fn counted<'a>(
    state: &'a ProposalState,
    stands: &dyn Fn(&str) -> bool,
) -> Vec<&'a DecisionMade> {
    let mut people: Vec<&str> = Vec::new();
    let mut counted = Vec::new();
    for made in state.decisions.iter().filter(|made| made.approve) {
        let Some(person) = subject(&made.actor) else {
            continue;
        };
        let alone = made.break_glass;
        if people.contains(&person) || (!alone && is_excluded(&state.proposal, person)) {
            continue;
        }
        if stands(person) {
            people.push(person);
            counted.push(made);
        }
    }
    counted
}

/// Whether these yeses suffice; else what is missing, in words.
pub fn suffices(proposal: &Proposal, counted: &[&DecisionMade]) -> Result<(), String> {
    if counted.iter().any(|made| made.break_glass) {
        return Ok(());
    }
    let quorum = proposal.quorum.max(1) as usize;
    let tier = proposal.risk.name();
    if counted.len() < quorum {
        let people = if quorum == 1 { "person's" } else { "people's" };
        let excluded = excluded(proposal);
        let but = match excluded.is_empty() {
            true => String::new(),
            false => format!(", and {} asked for it", excluded.join(", ")),
        };
        return Err(format!(
            "a {tier}-risk action needs {quorum} {people} yes{but}"
        ));
    }
    match &proposal.on_call {
        Some(people) if people.is_empty() => Err(format!(
            "a {tier}-risk action needs the yes of who is on call, and lookup-services names nobody for {}",
            proposal.action.target
        )),
        Some(people) if !counted.iter().any(|made| is_on_call(&made.actor, people)) => {
            Err(format!(
                "a {tier}-risk action needs the yes of who is on call: {}",
                people.join(", ")
            ))
        }
        _ => Ok(()),
    }
}

/// Whether this much is decided, by anybody's roles.
pub fn quorum_met(state: &ProposalState) -> Result<(), String> {
    suffices(&state.proposal, &counted(state, &|_| true))
}

/// The freeze that holds the proposal back now, in words; a break-glass goes through.
pub fn held_back(state: &ProposalState, policy: &Policy, now: Timestamp) -> Option<String> {
    if state.break_glass.is_some() {
        return None;
    }
    let action = &state.proposal.action;
    let freeze = policy.frozen(action.kind, &action.target, now)?;
    let until = match freeze.ends(now) {
        Some(end) if end.ms() < i64::MAX => format!(" until {end}"),
        _ => String::new(),
    };
    Some(format!("the freeze {:?} holds it back{until}", freeze.name))
}

/// For people: where the proposal stands.
pub fn standing(state: &ProposalState, policy: &Policy, now: Timestamp) -> Standing {
    let proposal = &state.proposal;
    let counted = counted(state, &|_| true);
    let missing = match state.is_automatic() {
        true => None,
        false => suffices(proposal, &counted).err(),
    };
    Standing {
        needed: proposal.quorum.max(1),
        yes: counted
            .iter()
            .map(|made| made.actor.label().to_owned())
            .collect(),
        excluded: excluded(proposal),
        on_call: proposal.on_call.clone(),
        enough: missing.is_none(),
        missing: missing.unwrap_or_default(),
        frozen: held_back(state, policy, now),
    }
}

fn parameters_of(parameters: &IndexMap<String, Value>) -> String {
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(key, value)| match value.as_str() {
            Some(text) => format!("{key} {text}"),
            None => format!("{key} {value}"),
        })
        .collect();
    match pairs.is_empty() {
        true => String::new(),
        false => format!(" ({})", pairs.join(", ")),
    }
}

/// What is another in the second action, in words.
pub fn difference(before: &Action, after: &Action) -> String {
    format!(
        "{} on {}{} instead of {} on {}{}",
        after.kind.name(),
        after.target,
        parameters_of(&after.parameters),
        before.kind.name(),
        before.target,
        parameters_of(&before.parameters)
    )
}

/// What is said yes to, in plain lines: what the seal covers, for people.
pub fn summary(state: &ProposalState) -> String {
    let proposal = &state.proposal;
    let mut lines = vec![format!(
        "{} on {}{}",
        proposal.action.kind.name(),
        proposal.action.target,
        parameters_of(&proposal.action.parameters)
    )];
    lines.push(match &proposal.undo {
        Some(undo) => format!(
            "undo: {}{}",
            undo.kind.name(),
            parameters_of(&undo.parameters)
        ),
        None => "there is no undo".to_owned(),
    });
    lines.push(format!(
        "{} risk: {} must agree{}",
        proposal.risk.name(),
        proposal.quorum.max(1),
        match excluded(proposal).is_empty() {
            true => "",
            false => ", not those who asked for it",
        }
    ));
    lines.push(format!(
        "the target as observed at {}",
        proposal.observed.observed_at
    ));
    if let Some(replaced) = &proposal.replaces {
        lines.push(format!(
            "in place of {}: {}",
            replaced.proposal, replaced.changed
        ));
    }
    lines.push(format!("open until {}", proposal.expires));
    lines.push(format!("seal {}", state.seal));
    lines.join("\n")
}
