//! Every history up to a length over two proposals, two people and the agents, where a policy lets
//! something run without a person: nothing runs past a no, and nothing twice for one incident.
//!
//! What may run is worked out anew from the bare records, by rules that share no code with the
//! state machine.

use std::collections::BTreeSet;

use crate::actor::{Actor, Agent};
use crate::incident::fixtures::{person, proposed};
use crate::incident::tests::History;
use crate::incident::{Incident, ProposalStage, ProposalState, Status};
use crate::proposal::Requester;
use crate::record::{Event, ExecutionResult, Record};

/// Events after the report: two offers with a rule's word, a verdict and a start each would be
/// eight; seven hold every way to the second start.
const LENGTH: usize = 7;
/// An offer is open for so many events after it was made.
const OPEN_FOR_MS: i64 = 5_500;
/// Histories with one outcome are followed once; more than this is a mistake in the bounds.
const MOST_STATES: usize = 2_000_000;
/// The rule that is on for what Resolver offers.
const RULE: &str = "on";

/// Offers: by Resolver with the rule in its seal, by Resolver without, and as a person asked.
fn offers(incident: &Incident) -> Vec<(Actor, Event)> {
    if incident.proposals.len() >= 2 {
        return Vec::new();
    }
    let expires = incident.updated_at.plus_ms(OPEN_FOR_MS);
    let plain = proposed(&incident.next_proposal_id(), expires, 1);
    let mut ruled = plain.clone();
    ruled.automation = vec![RULE.to_owned()];
    let mut asked = ruled.clone();
    asked.requesters = vec![Requester {
        subject: "ada".to_owned(),
        name: "ada".to_owned(),
    }];
    let offered = [plain, ruled, asked].into_iter().map(|mut proposal| {
        // Another action each, so that a no to one isn't a no to the other.
        proposal.action.target = format!("service-{}", incident.proposals.len());
        let seal = proposal.seal(&incident.id);
        let proposal = Box::new(proposal);
        let event = Event::Proposed { proposal, seal };
        (Actor::agent(Agent::Resolver), event)
    });
    offered.collect()
}

/// Everything that anybody might try with one offer.
fn attempts(state: &ProposalState) -> Vec<(Actor, Event)> {
    let executor = || Actor::agent(Agent::Executor);
    let id = || state.proposal.id.clone();
    let word = |rule: &str, shadow| Event::AutomationDecided {
        proposal: id(),
        seal: state.seal,
        rule: rule.to_owned(),
        shadow,
        reasons: vec!["why".to_owned()],
    };
    let decided = |approve| Event::Decided {
        proposal: id(),
        seal: state.seal,
        approve,
        reason: "why".to_owned(),
        break_glass: false,
    };
    let withdrawn = Event::Withdrawn {
        proposal: id(),
        reason: "why".to_owned(),
    };
    let verdict = Event::VerdictReached {
        proposal: id(),
        seal: state.seal,
        sufficient: true,
        reason: String::new(),
    };
    let started = Event::ExecutionStarted {
        proposal: id(),
        seal: state.seal,
        idempotency_key: id(),
    };
    let finished = Event::ExecutionFinished {
        proposal: id(),
        result: ExecutionResult::Failed,
        says: String::new(),
        target: None,
    };
    vec![
        (executor(), word(RULE, false)),
        (executor(), word("off", false)),
        (executor(), word(RULE, true)),
        (person("ada"), word(RULE, false)),
        (Actor::agent(Agent::Resolver), word(RULE, false)),
        (person("bob"), decided(true)),
        (person("bob"), decided(false)),
        (person("ada"), withdrawn),
        (executor(), verdict),
        (executor(), started),
        (executor(), finished),
    ]
}

/// What the records before a start say about one offer.
#[derive(Default)]
struct Seen {
    sealed: bool,
    asked: bool,
    word: bool,
    yes: bool,
    no: bool,
    verdict: bool,
}

fn seen(records: &[Record], id: &str) -> Seen {
    let mut seen = Seen::default();
    for record in records {
        match &record.event {
            Event::Proposed { proposal, .. } if proposal.id == id => {
                seen.sealed = !proposal.automation.is_empty();
                seen.asked = !proposal.requesters.is_empty();
            }
            Event::AutomationDecided {
                proposal, shadow, ..
            } if proposal == id && !shadow => seen.word = true,
            Event::Decided {
                proposal, approve, ..
            } if proposal == id => {
                seen.yes |= approve;
                seen.no |= !approve;
            }
            Event::Withdrawn { proposal, .. } if proposal == id => seen.no = true,
            Event::VerdictReached { proposal, .. } if proposal == id => seen.verdict = true,
            _ => {}
        }
    }
    seen
}

/// Why the last of these records must not have been, from the records alone.
fn forbidden(records: &[Record]) -> Option<String> {
    let last = records.last()?;
    let before = &records[..records.len() - 1];
    if let Event::AutomationDecided {
        proposal,
        rule,
        shadow,
        ..
    } = &last.event
    {
        let seen = seen(before, proposal);
        if last.actor != Actor::agent(Agent::Executor) {
            return Some("not the Executor's word".to_owned());
        }
        if seen.asked || seen.no {
            return Some("past a person".to_owned());
        }
        if !shadow && (!seen.sealed || rule != RULE) {
            return Some("a rule that isn't sealed".to_owned());
        }
        let earlier = before
            .iter()
            .any(|record| matches!(record.event, Event::AutomationDecided { shadow: false, .. }));
        return earlier.then(|| "twice for one incident".to_owned());
    }
    let Event::ExecutionStarted { proposal: id, .. } = &last.event else {
        return None;
    };
    let one = seen(before, id);
    if !one.verdict {
        return Some("without a verdict".to_owned());
    }
    if one.no {
        return Some("past a no".to_owned());
    }
    if !one.yes && (!one.word || !one.sealed || one.asked) {
        return Some("nobody agreed, and no rule".to_owned());
    }
    let by_itself = |record: &&Record| match &record.event {
        Event::ExecutionStarted { proposal, .. } => !seen(before, proposal).yes,
        _ => false,
    };
    (records.iter().filter(by_itself).count() > 1).then(|| "twice by itself".to_owned())
}

#[test]
fn nothing_runs_by_itself_past_a_person_or_twice_for_one_incident() {
    let mut history = History::open();
    history.explained().expect("legal");
    let mut front: Vec<(Incident, Vec<Record>)> = vec![(history.incident, Vec::new())];
    let (mut states, mut by_itself, mut late_noes) = (0_usize, 0_usize, 0_usize);
    for _ in 0..LENGTH {
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut next = Vec::new();
        for (incident, records) in &front {
            let offered = incident.proposals.iter().flat_map(attempts);
            for (actor, event) in offers(incident).into_iter().chain(offered) {
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
                // No verdict says no here: only a person's no after the verdict rejects.
                let rejected = |state: &ProposalState| state.stage == ProposalStage::Rejected;
                late_noes += usize::from(after.proposals.iter().any(rejected));
                let mut records = records.clone();
                records.push(record);
                if let Some(why) = forbidden(&records) {
                    panic!("{why}: {records:#?}");
                }
                by_itself += usize::from(after.status == Status::Executing);
                if known.insert(serde_json::to_string(&after).expect("writable")) {
                    next.push((after, records));
                }
            }
        }
        states += next.len();
        assert!(states < MOST_STATES, "{states} states");
        front = next;
    }
    assert!(
        states > 1_000 && by_itself > 10 && late_noes > 10,
        "{states} states, {by_itself} runs, {late_noes} late noes: the bounds show nothing"
    );
}
