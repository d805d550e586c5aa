//! Every history up to a length over two proposals, three people and the agents: whatever order
//! they come in, nothing runs that was not agreed to.
//!
//! What may run is worked out anew from the bare records, by rules that share no code with the
//! state machine.

use std::collections::BTreeSet;

use super::fixtures::{person, proposed};
use super::tests::History;
use super::*;
use crate::proposal::Requester;

/// Events after the report: enough for two yeses, a verdict, a start, an end and one more.
const LENGTH: usize = 6;
/// A proposal is open for so many events after it was made.
const OPEN_FOR_MS: i64 = 5_500;
/// Histories with one outcome are followed once; more than this is a mistake in the bounds.
const MOST_STATES: usize = 2_000_000;

fn proposal(id: &str, now: Timestamp) -> Proposal {
    Proposal {
        risk: crate::policy::RiskTier::High,
        requesters: vec![Requester {
            subject: "cyd".to_owned(),
            name: "cyd".to_owned(),
        }],
        not_the_requester: true,
        ..proposed(id, now.plus_ms(OPEN_FOR_MS), 2)
    }
}

/// Everything that anybody might try next.
fn attempts(incident: &Incident) -> Vec<(Actor, Event)> {
    let executor = Actor::agent(Agent::Executor);
    let mut tries: Vec<(Actor, Event)> = Vec::new();
    if incident.proposals.len() < 2 {
        let proposal = proposal(&incident.next_proposal_id(), incident.updated_at);
        tries.push((
            Actor::agent(Agent::Resolver),
            Event::Proposed {
                seal: proposal.seal(&incident.id),
                proposal: Box::new(proposal),
            },
        ));
    }
    let other_seal = incident.proposals.first().map(|state| state.seal);
    for state in &incident.proposals {
        let id = &state.proposal.id;
        let decided = |approve, break_glass, seal| Event::Decided {
            proposal: id.clone(),
            seal,
            approve,
            reason: "why".to_owned(),
            break_glass,
        };
        for who in ["ada", "bob", "cyd"] {
            tries.push((person(who), decided(true, false, state.seal)));
        }
        tries.push((person("ada"), decided(false, false, state.seal)));
        tries.push((person("cyd"), decided(true, true, state.seal)));
        tries.push((executor.clone(), decided(true, false, state.seal)));
        if let Some(seal) = other_seal.filter(|seal| *seal != state.seal) {
            tries.push((person("bob"), decided(true, false, seal)));
        }
        tries.push((
            person("bob"),
            Event::Withdrawn {
                proposal: id.clone(),
                reason: "why".to_owned(),
            },
        ));
        tries.extend(
            executions(state)
                .into_iter()
                .map(|event| (executor.clone(), event)),
        );
    }
    tries.push((
        person("ada"),
        Event::Resolved {
            says: String::new(),
            evidence: None,
        },
    ));
    tries.push((
        person("ada"),
        Event::Reopened {
            reason: String::new(),
            finding: None,
        },
    ));
    tries
}

/// What the Executor might try with one proposal.
fn executions(state: &ProposalState) -> Vec<Event> {
    let proposal = || state.proposal.id.clone();
    let verdict = |sufficient| Event::VerdictReached {
        proposal: proposal(),
        seal: state.seal,
        sufficient,
        reason: String::new(),
    };
    let finished = |result| Event::ExecutionFinished {
        proposal: proposal(),
        result,
        says: String::new(),
        target: None,
    };
    vec![
        verdict(true),
        verdict(false),
        Event::ApprovalVoided {
            proposal: proposal(),
            reason: String::new(),
            changed: None,
        },
        Event::ExecutionStarted {
            proposal: proposal(),
            seal: state.seal,
            idempotency_key: proposal(),
        },
        finished(ExecutionResult::Succeeded),
        finished(ExecutionResult::Unknown),
    ]
}

/// Why the start at the end of these records must not have been, from the records alone.
fn forbidden(records: &[Record]) -> Option<String> {
    let last = records.last()?;
    let Event::ExecutionStarted { proposal: id, .. } = &last.event else {
        return None;
    };
    let mut expires = None;
    let mut yes: BTreeSet<String> = BTreeSet::new();
    let (mut alone, mut agreed, mut running) = (false, false, 0_i32);
    for record in &records[..records.len() - 1] {
        match &record.event {
            Event::Proposed { proposal, .. } if proposal.id == *id => {
                expires = Some(proposal.expires);
            }
            Event::Decided {
                proposal,
                approve,
                break_glass,
                ..
            } if proposal == id => {
                let Actor::Person { subject, .. } = &record.actor else {
                    return Some("an agent decided".to_owned());
                };
                if *approve && *break_glass {
                    alone = true;
                } else if *approve && subject != "cyd" && !yes.insert(subject.clone()) {
                    return Some("one person's yes counted twice".to_owned());
                }
            }
            Event::VerdictReached {
                proposal,
                sufficient,
                ..
            } if proposal == id => agreed = *sufficient,
            Event::ApprovalVoided { proposal, .. } | Event::Withdrawn { proposal, .. }
                if proposal == id =>
            {
                return Some("it was taken off the table".to_owned());
            }
            Event::Reopened { .. } if expires.is_some() => {
                return Some("it was offered before the incident was reopened".to_owned());
            }
            Event::ExecutionStarted { proposal, .. } => {
                running += 1;
                if proposal == id {
                    return Some("it ran twice".to_owned());
                }
            }
            Event::ExecutionFinished { .. } => running -= 1,
            _ => {}
        }
    }
    if !agreed || (yes.len() < 2 && !alone) {
        return Some(format!("{} agreed", yes.len()));
    }
    if expires.is_none_or(|at| last.at >= at) {
        return Some("it had expired".to_owned());
    }
    (running > 0).then(|| "another was running".to_owned())
}

#[test]
fn no_history_leads_to_an_action_that_was_not_agreed_to() {
    let mut history = History::open();
    history.explained().expect("legal");
    let mut front: Vec<(Incident, Vec<Record>)> = vec![(history.incident, Vec::new())];
    let (mut tried, mut started, mut states) = (0_usize, 0_usize, 0_usize);
    for _ in 0..LENGTH {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut next = Vec::new();
        for (incident, records) in &front {
            for (actor, event) in attempts(incident) {
                tried += 1;
                let record = Record {
                    incident: incident.id.clone(),
                    seq: incident.last_seq + 1,
                    at: incident.updated_at.plus_ms(1_000),
                    actor,
                    previous: crate::digest::Digest::ZERO,
                    event,
                };
                let mut after = incident.clone();
                if after.apply(&record).is_err() {
                    assert_eq!(&after, incident, "a refusal changes nothing");
                    continue;
                }
                let mut records = records.clone();
                records.push(record);
                if let Some(why) = forbidden(&records) {
                    panic!("{why}: {records:#?}");
                }
                started += usize::from(after.status == Status::Executing);
                // The order of what is folded is in the records; the state alone decides what
                // may follow, with the decisions in it.
                if seen.insert(serde_json::to_string(&after).expect("writable")) {
                    next.push((after, records));
                }
            }
        }
        states += next.len();
        assert!(states < MOST_STATES, "{states} states");
        front = next;
    }
    assert!(
        states > 1_000 && started > 10,
        "of {tried} tries {states} states and {started} running executions: the bounds show nothing"
    );
}
