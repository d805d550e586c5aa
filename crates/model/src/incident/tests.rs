//! The state machine's promises.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::fixtures::{evidence, finding, hypothesis, person, proposed, report};
use super::*;
use crate::action::TargetState;
use crate::anchor::{self, AnchorLine};
use crate::chain::{self, StoredRecord};
use crate::digest::Digest;

/// A history in the making: what is appended is what the state machine allows.
pub(super) struct History {
    pub(super) incident: Incident,
    stored: Vec<StoredRecord>,
}

impl History {
    pub(super) fn open() -> Self {
        let tick = Timestamp(1_000_000);
        let record = Record {
            incident: IncidentId::derive("error-rate", "payment", tick),
            seq: 1,
            at: tick,
            actor: Actor::agent(Agent::Sentinel),
            previous: Digest::ZERO,
            event: Event::Opened {
                title: "payment fails".to_owned(),
                severity: Severity::High,
                severity_reason: String::new(),
                finding: Box::new(finding("payment", tick)),
                split_from: None,
                others: Vec::new(),
            },
        };
        let incident = Incident::open(&record).expect("legal");
        let stored = vec![StoredRecord::new(&record).expect("writable")];
        Self { incident, stored }
    }

    pub(super) fn stored(&self) -> &[StoredRecord] {
        &self.stored
    }

    pub(super) fn add(&mut self, actor: Actor, event: Event) -> Result<(), Illegal> {
        self.add_later(0, actor, event)
    }

    fn add_later(&mut self, ms: i64, actor: Actor, event: Event) -> Result<(), Illegal> {
        let record = Record {
            incident: self.incident.id.clone(),
            seq: self.incident.last_seq + 1,
            at: self.incident.updated_at.plus_ms(1_000 + ms),
            actor,
            previous: self.stored.last().map_or(Digest::ZERO, |last| last.digest),
            event,
        };
        self.incident.apply(&record)?;
        self.stored
            .push(StoredRecord::new(&record).expect("writable"));
        Ok(())
    }

    pub(super) fn agent(&mut self, agent: Agent, event: Event) -> Result<(), Illegal> {
        self.add(Actor::agent(agent), event)
    }

    /// Up to an approved proposal.
    fn approved() -> Self {
        let mut history = Self::open();
        history.explained().expect("legal");
        history.propose(1).expect("legal");
        history.decide("ada", true).expect("legal");
        history.verdict(true).expect("legal");
        history
    }

    pub(super) fn explained(&mut self) -> Result<(), Illegal> {
        self.agent(
            Agent::Analyst,
            Event::InvestigationStarted {
                claim: "c".to_owned(),
                until: self.incident.updated_at.plus_ms(60_000),
            },
        )?;
        self.agent(
            Agent::Analyst,
            Event::ReportRecorded {
                claim: Some("c".to_owned()),
                report: Box::new(report(vec![hypothesis(&["E1"])])),
            },
        )
    }

    fn propose(&mut self, quorum: u32) -> Result<(), Illegal> {
        let id = self.incident.next_proposal_id();
        let proposal = proposed(&id, self.incident.updated_at.plus_ms(600_000), quorum);
        let seal = proposal.seal(&self.incident.id);
        let proposal = Box::new(proposal);
        self.agent(Agent::Resolver, Event::Proposed { proposal, seal })
    }

    fn last(&self) -> (String, Seal) {
        let state = self.incident.proposals.last().expect("one");
        (state.proposal.id.clone(), state.seal)
    }

    fn decide(&mut self, who: &str, approve: bool) -> Result<(), Illegal> {
        let (proposal, seal) = self.last();
        let reason = "because".to_owned();
        self.add(
            person(who),
            Event::Decided {
                proposal,
                seal,
                approve,
                reason,
                break_glass: false,
            },
        )
    }

    fn verdict(&mut self, sufficient: bool) -> Result<(), Illegal> {
        let (proposal, seal) = self.last();
        let reason = String::new();
        self.agent(
            Agent::Executor,
            Event::VerdictReached {
                proposal,
                seal,
                sufficient,
                reason,
            },
        )
    }

    fn start(&mut self) -> Result<(), Illegal> {
        let (proposal, seal) = self.last();
        let idempotency_key = "k".to_owned();
        self.agent(
            Agent::Executor,
            Event::ExecutionStarted {
                proposal,
                seal,
                idempotency_key,
            },
        )
    }

    fn finish(&mut self, result: ExecutionResult) -> Result<(), Illegal> {
        let (proposal, _) = self.last();
        let says = "done".to_owned();
        self.agent(
            Agent::Executor,
            Event::ExecutionFinished {
                proposal,
                result,
                says,
                target: None,
            },
        )
    }
}

fn reason(result: Result<(), Illegal>) -> String {
    result.expect_err("refused").reason
}

#[test]
fn a_hypothesis_without_evidence_is_refused() {
    let mut history = History::open();
    let claim = None;
    let unsupported = report(vec![hypothesis(&[])]);
    let event = Event::ReportRecorded {
        claim: claim.clone(),
        report: Box::new(unsupported),
    };
    assert_eq!(
        reason(history.agent(Agent::Analyst, event)),
        "hypothesis H1 has no evidence"
    );
    let invented = report(vec![hypothesis(&["E9"])]);
    let event = Event::ReportRecorded {
        claim,
        report: Box::new(invented),
    };
    assert_eq!(
        reason(history.agent(Agent::Analyst, event)),
        "hypothesis H1 cites evidence E9, which is not in the report"
    );
}

#[test]
fn an_action_without_a_sufficient_verdict_is_refused() {
    let mut history = History::open();
    history.explained().expect("legal");
    history.propose(2).expect("legal");
    assert_eq!(reason(history.start()), "P1 has no sufficient verdict");
    history.decide("ada", true).expect("legal");
    assert_eq!(
        reason(history.verdict(true)),
        "a medium-risk action needs 2 people's yes"
    );
    assert_eq!(
        reason(history.decide("ada", true)),
        "ada has decided on P1 already"
    );
    history.decide("bob", true).expect("legal");
    history.verdict(true).expect("legal");
    history.start().expect("legal");
}

#[test]
fn a_proposal_is_executed_once() {
    let mut history = History::approved();
    history.start().expect("legal");
    assert_eq!(reason(history.start()), "another execution is under way");
    history.finish(ExecutionResult::Succeeded).expect("legal");
    assert_eq!(reason(history.start()), "P1 was executed before");
    assert!(history.finish(ExecutionResult::Succeeded).is_err());
}

#[test]
fn an_agent_never_decides_and_a_no_needs_a_reason() {
    let mut history = History::open();
    history.explained().expect("legal");
    history.propose(1).expect("legal");
    let (proposal, seal) = history.last();
    for agent in Agent::ALL {
        let event = Event::Decided {
            proposal: proposal.clone(),
            seal,
            approve: true,
            reason: String::new(),
            break_glass: false,
        };
        assert!(history.agent(agent, event).is_err());
    }
    let no = Event::Decided {
        proposal,
        seal,
        approve: false,
        reason: " ".to_owned(),
        break_glass: false,
    };
    assert_eq!(
        reason(history.add(person("ada"), no)),
        "a no needs a reason"
    );
}

#[test]
fn an_expired_or_differing_seal_is_refused() {
    let mut history = History::open();
    history.explained().expect("legal");
    history.propose(1).expect("legal");
    let (proposal, seal) = history.last();
    let other = Event::Decided {
        proposal: proposal.clone(),
        seal: Digest::of(b"other"),
        approve: true,
        reason: String::new(),
        break_glass: false,
    };
    assert_eq!(
        reason(history.add(person("ada"), other)),
        "the seal isn't that of P1: read it again"
    );
    let late = Event::Decided {
        proposal,
        seal,
        approve: true,
        reason: String::new(),
        break_glass: false,
    };
    assert!(reason(history.add_later(900_000, person("ada"), late)).starts_with("P1 expired at"));
}

#[test]
fn every_part_of_a_proposal_is_sealed() {
    let base = proposed("P1", Timestamp(5), 1);
    let incident = IncidentId::derive("r", "s", Timestamp(0));
    let mut others = vec![base.clone(); 9];
    others[0].action.target = "cart".to_owned();
    others[1]
        .action
        .parameters
        .insert("replicas".to_owned(), serde_json::json!(3));
    others[2].observed = TargetState::new(
        "payment".to_owned(),
        serde_json::json!({"v": 2}),
        Timestamp(0),
    );
    others[3].evidence.push("E1".to_owned());
    others[4].policy_version = "policy-2".to_owned();
    others[5].expires = Timestamp(6);
    others[6].quorum = 2;
    others[7].not_the_requester = true;
    others[8].on_call = Some(vec!["ada".to_owned()]);
    for other in others {
        assert_ne!(base.seal(&incident), other.seal(&incident), "{other:?}");
    }
    let elsewhere = IncidentId::derive("r", "t", Timestamp(0));
    assert_ne!(base.seal(&incident), base.seal(&elsewhere));
}

/// Kinds of steps that [`attempt`] knows.
const STEPS: u8 = 18;

/// The steps of an incident that goes well: explained, proposed, approved, executed, over.
const STORY: [u8; 8] = [0, 1, 3, 6, 7, 8, 10, 11];

/// Steps of any kind, among them the story's in their order, so that executions come about.
fn steps() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((any::<bool>(), 0..STEPS), 0..40).prop_map(|picks| {
        let mut story = STORY.into_iter().cycle();
        let pick = |(told, other)| {
            if told {
                story.next().unwrap_or(other)
            } else {
                other
            }
        };
        picks.into_iter().map(pick).collect()
    })
}

/// Any event at all, legal or not: what is illegal is refused and leaves no trace.
fn attempt(history: &mut History, step: u8) {
    let executor = Agent::Executor;
    let _ = match step % STEPS {
        0 => history.explained(),
        1 => history.propose(1),
        2 => history.propose(2),
        3 => history.decide_any("ada", true),
        4 => history.decide_any("bob", true),
        5 => history.decide_any("eve", false),
        6 => history.verdict_any(true),
        7 => history.start_any(),
        8 => history.finish_any(ExecutionResult::Succeeded),
        9 => history.finish_any(ExecutionResult::Unknown),
        10 => history.agent(
            executor,
            Event::Mitigated {
                says: "well".to_owned(),
            },
        ),
        11 => history.agent(
            Agent::Sentinel,
            Event::Resolved {
                says: "well".to_owned(),
                evidence: Some(Box::new(evidence("R1"))),
            },
        ),
        12 => history.agent(
            Agent::Sentinel,
            Event::Reopened {
                reason: "again".to_owned(),
                finding: None,
            },
        ),
        13 => history.add(
            person("ada"),
            Event::Closed {
                r#as: ClosedAs::FalseAlarm {},
                reason: "noise".to_owned(),
            },
        ),
        14 => history.add(
            person("ada"),
            Event::NoteAdded {
                text: "seen".to_owned(),
            },
        ),
        15 => history.agent(
            Agent::Analyst,
            Event::ReportRecorded {
                claim: None,
                report: Box::new(report(vec![hypothesis(&[])])),
            },
        ),
        16 => history.verdict_any(false),
        _ => history.agent(
            Agent::Sentinel,
            Event::SeverityChanged {
                severity: Severity::Low,
                reason: "less".to_owned(),
            },
        ),
    };
}

impl History {
    fn decide_any(&mut self, who: &str, approve: bool) -> Result<(), Illegal> {
        if self.incident.proposals.is_empty() {
            Ok(())
        } else {
            self.decide(who, approve)
        }
    }
    fn verdict_any(&mut self, sufficient: bool) -> Result<(), Illegal> {
        if self.incident.proposals.is_empty() {
            Ok(())
        } else {
            self.verdict(sufficient)
        }
    }
    fn start_any(&mut self) -> Result<(), Illegal> {
        if self.incident.proposals.is_empty() {
            Ok(())
        } else {
            self.start()
        }
    }
    fn finish_any(&mut self, result: ExecutionResult) -> Result<(), Illegal> {
        if self.incident.proposals.is_empty() {
            Ok(())
        } else {
            self.finish(result)
        }
    }
}

fn history(steps: &[u8]) -> History {
    let mut history = History::open();
    for step in steps {
        attempt(&mut history, *step);
    }
    history
}

proptest! {
    #[test]
    fn any_legal_history_folds_to_the_same(steps in steps()) {
        let history = history(&steps);
        let verified = chain::verify(&history.incident.id, &history.stored);
        prop_assert_eq!(verified.as_ref(), Ok(&history.incident));
        let executed = history.incident.proposals.iter().filter(|p| p.started_at.is_some());
        for state in executed {
            prop_assert_eq!(crate::approval::quorum_met(state), Ok(()));
        }
    }

    /// Read off the records, not off the state that the rules keep for themselves.
    #[test]
    fn no_history_breaks_the_rules(steps in steps()) {
        let (mut sufficient, mut started) = (BTreeSet::new(), BTreeSet::new());
        for stored in &history(&steps).stored {
            match stored.record().expect("readable").event {
                Event::ReportRecorded { report, .. } => {
                    let mut all = report.hypotheses.iter();
                    prop_assert!(all.all(|hypothesis| !hypothesis.supports.is_empty()));
                }
                Event::VerdictReached { proposal, sufficient: true, .. } => {
                    sufficient.insert(proposal);
                }
                Event::ExecutionStarted { proposal, .. } => {
                    prop_assert!(sufficient.contains(&proposal), "without a verdict");
                    prop_assert!(started.insert(proposal), "a second time");
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_tampered_chain_is_found(
        steps in steps(),
        at in any::<prop::sample::Index>(),
        how in 0..5u8,
        byte in any::<prop::sample::Index>(),
    ) {
        let history = history(&steps);
        let mut stored = history.stored.clone();
        let index = at.index(stored.len());
        match how {
            0 => {
                let place = byte.index(stored[index].bytes.len());
                stored[index].bytes[place] ^= 0x20;
            }
            // Edited, with its own digest computed anew: the next record or the anchor tells.
            1 => {
                let mut record = stored[index].record().expect("readable");
                record.at = record.at.plus_ms(1);
                stored[index] = StoredRecord::new(&record).expect("writable");
            }
            2 => { stored.remove(index); }
            3 => {
                let copy = stored[index].clone();
                stored.insert(index, copy);
            }
            _ => {
                let other = (index + 1) % stored.len();
                stored.swap(index, other);
            }
        }
        prop_assume!(stored != history.stored);
        let last = history.stored.last().expect("one");
        let anchor = AnchorLine {
            incident: history.incident.id.clone(),
            seq: last.seq,
            digest: last.digest,
            at: Timestamp(0),
            previous: Digest::ZERO,
        };
        let found = chain::verify(&history.incident.id, &stored).is_err()
            || anchor::check(&anchor, &stored).is_err();
        prop_assert!(found);
    }

    #[test]
    fn a_cut_tail_is_found_by_its_anchor(
        steps in steps(),
        keep in any::<prop::sample::Index>(),
    ) {
        let history = history(&steps);
        prop_assume!(history.stored.len() > 1);
        let last = history.stored.last().expect("one");
        let anchor = AnchorLine {
            incident: history.incident.id.clone(),
            seq: last.seq,
            digest: last.digest,
            at: Timestamp(0),
            previous: Digest::ZERO,
        };
        let cut = &history.stored[..keep.index(history.stored.len() - 1) + 1];
        prop_assert!(anchor::check(&anchor, cut).is_err());
        prop_assert!(anchor::check(&anchor, &history.stored).is_ok());
    }

    /// Ids come from the scheduled tick alone: late data and estimated onsets move nothing.
    #[test]
    fn one_bucket_gives_one_id(tick in 0i64..4_000_000_000_000, late in 0i64..crate::identity::BUCKET_MS) {
        let bucket = tick.div_euclid(crate::identity::BUCKET_MS) * crate::identity::BUCKET_MS;
        let a = IncidentId::derive("r", "s", Timestamp(bucket));
        let b = IncidentId::derive("r", "s", Timestamp(bucket + late));
        prop_assert_eq!(&a, &b);
        prop_assert_eq!(IncidentId::parse(a.as_str()), Some(a));
    }
}

/// Else the properties above say nothing.
#[test]
fn the_story_ends_with_one_execution() {
    let history = history(&STORY);
    let state = &history.incident.proposals[0];
    assert!(state.started_at.is_some() && state.finished_at.is_some());
    assert_eq!(history.incident.status, Status::Resolved);
}

#[test]
fn an_edited_anchor_file_is_found() {
    let line = |seq: u64, previous: Digest| AnchorLine {
        incident: IncidentId::derive("r", "s", Timestamp(0)),
        seq,
        digest: Digest::of(b"x"),
        at: Timestamp(0),
        previous,
    };
    let first = serde_json::to_string(&line(1, Digest::ZERO)).expect("writable");
    let second = serde_json::to_string(&line(2, Digest::of(first.as_bytes()))).expect("writable");
    let whole = format!("{first}\n{second}\n");
    assert_eq!(anchor::read(&whole).map(|lines| lines.len()), Ok(2));
    assert_eq!(anchor::head(&whole), Digest::of(second.as_bytes()));
    assert!(anchor::read(&whole.replace("\"seq\":1", "\"seq\":3")).is_err());
    assert_eq!(
        anchor::read(&whole[..whole.len() - 4]).map(|lines| lines.len()),
        Ok(1)
    );
}
