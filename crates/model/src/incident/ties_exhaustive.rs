//! Every short history with merges, splits, voids, edits and handovers, from several beginnings:
//! what may follow and what it makes of the incident is worked out anew from the bare records, by
//! rules that share no code with the state machine.

use std::collections::{BTreeMap, BTreeSet};

use super::fixtures::{finding, hypothesis, person, proposed, report};
use super::tests::History;
use super::*;
use crate::actor::Assignee;
use crate::digest::Digest;

/// Events after each beginning.
const LENGTH: usize = 4;
/// Histories with one outcome are followed once; more than this is a mistake in the bounds.
const MOST_STATES: usize = 2_000_000;
/// Of all states, one in so many is folded anew from its records.
const FOLDED_EVERY: usize = 50;

fn id(name: &str) -> IncidentId {
    IncidentId::derive("declared", name, Timestamp(0))
}

fn because() -> String {
    "because".to_owned()
}

fn named(name: &str) -> Assignee {
    Assignee::Person {
        subject: None,
        name: name.to_owned(),
    }
}

/// What only people may do: each once by a person, and once by somebody who may not.
fn by_people(incident: &Incident) -> Vec<Event> {
    let merged = |into: IncidentId| Event::MergedInto {
        into,
        reason: because(),
    };
    let absorbed = |incident: IncidentId, services: &[&str]| Event::Absorbed {
        incident,
        findings: services
            .iter()
            .map(|service| finding(service, Timestamp(9)))
            .collect(),
        notes: Vec::new(),
        reason: because(),
    };
    let split = |ids: &[&str], into: &str| Event::SplitOff {
        findings: ids.iter().map(|id| (*id).to_owned()).collect(),
        into: id(into),
        reason: because(),
    };
    let team = Assignee::Team {
        name: "shop".to_owned(),
    };
    let assigned = |to| Event::Assigned {
        to,
        reason: because(),
    };
    vec![
        Event::Edited {
            title: Some("other".to_owned()),
            impact: None,
        },
        Event::Edited {
            title: None,
            impact: Some("no orders".to_owned()),
        },
        assigned(named("ada")),
        assigned(team),
        Event::HandedOver {
            from: "ada".to_owned(),
            to: named("bob"),
            note: because(),
        },
        merged(id("x")),
        merged(incident.id.clone()),
        absorbed(id("x"), &["x"]),
        absorbed(id("x"), &[]),
        absorbed(id("y"), &["x", "y"]),
        absorbed(incident.id.clone(), &[]),
        split(&["F2"], "z"),
        split(&["F3", "F2"], "w"),
        split(&["F1"], "v"),
        Event::Voided { reason: because() },
    ]
}

/// What could be written before too.
fn others(incident: &Incident) -> Vec<(Actor, Event)> {
    let ada = || person("ada");
    let sentinel = || Actor::agent(Agent::Sentinel);
    let mut tries = vec![
        (
            ada(),
            Event::Acknowledged {
                owner: "ada".to_owned(),
                note: None,
            },
        ),
        (
            ada(),
            Event::Resolved {
                says: String::new(),
                evidence: None,
            },
        ),
        (
            sentinel(),
            Event::Reopened {
                reason: String::new(),
                finding: None,
            },
        ),
        (
            ada(),
            Event::Closed {
                r#as: ClosedAs::FalseAlarm {},
                reason: because(),
            },
        ),
        (
            sentinel(),
            Event::FindingAttached {
                finding: Box::new(finding("late", Timestamp(8))),
                relation: crate::finding::Relation::Same {},
                reason: String::new(),
            },
        ),
        (
            Actor::agent(Agent::Analyst),
            Event::ReportRecorded {
                claim: None,
                report: Box::new(report(vec![hypothesis(&["E1"])])),
            },
        ),
    ];
    if let Some(state) = incident.proposals.first() {
        let proposal = || state.proposal.id.clone();
        let executor = || Actor::agent(Agent::Executor);
        tries.push((
            executor(),
            Event::ExecutionStarted {
                proposal: proposal(),
                seal: state.seal,
                idempotency_key: proposal(),
            },
        ));
        tries.push((
            executor(),
            Event::ExecutionFinished {
                proposal: proposal(),
                result: ExecutionResult::Succeeded,
                says: String::new(),
                target: None,
            },
        ));
    }
    tries
}

/// What the bare records say of the incident.
#[derive(Default)]
struct Told {
    title: String,
    impact: Option<String>,
    owner: Option<String>,
    team: Option<String>,
    /// Services and ticks of the findings that it holds, by number; the next number.
    findings: BTreeMap<usize, (String, i64)>,
    next: usize,
    absorbed: BTreeSet<IncidentId>,
    split: BTreeSet<IncidentId>,
    merged: bool,
    voided: bool,
    over: bool,
    running: bool,
    acted: bool,
    /// A report that findings were split off from since.
    doubtful: bool,
    reported: bool,
}

impl Told {
    fn of(records: &[Record]) -> Self {
        let mut told = Self {
            next: 1,
            ..Self::default()
        };
        for record in records {
            told.take(&record.event);
        }
        told
    }

    fn hold(&mut self, finding: &Finding) {
        let what = (finding.subject.service.clone(), finding.tick.ms());
        self.findings.insert(self.next, what);
        self.next += 1;
    }

    fn give(&mut self, to: &Assignee) {
        match to {
            Assignee::Person { name, .. } => self.owner = Some(name.clone()),
            Assignee::Team { name } => (self.owner, self.team) = (None, Some(name.clone())),
        }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Opened { title, finding, .. } => {
                self.title = title.clone();
                self.hold(finding);
            }
            Event::FindingAttached { finding, .. } => self.hold(finding),
            Event::Acknowledged { owner, .. } => self.owner = Some(owner.clone()),
            Event::Edited { title, impact } => {
                self.title = title.clone().unwrap_or(self.title.clone());
                self.impact = impact.clone().or(self.impact.take());
            }
            Event::Assigned { to, .. } | Event::HandedOver { to, .. } => self.give(to),
            Event::MergedInto { .. } => (self.merged, self.over) = (true, true),
            Event::Voided { .. } => (self.voided, self.over) = (true, true),
            Event::Resolved { .. } | Event::Closed { .. } => self.over = true,
            Event::Reopened { .. } => {
                (self.over, self.reported, self.doubtful) = (false, false, false);
            }
            Event::Absorbed {
                incident, findings, ..
            } => {
                self.absorbed.insert(incident.clone());
                findings.iter().for_each(|finding| self.hold(finding));
            }
            Event::SplitOff { findings, into, .. } => {
                self.split.insert(into.clone());
                for name in findings {
                    let number: usize = name[1..].parse().expect("a number");
                    self.findings.remove(&number).expect("was there");
                }
                self.doubtful = self.reported;
            }
            Event::ReportRecorded { .. } => (self.reported, self.doubtful) = (true, false),
            Event::ExecutionStarted { .. } => (self.running, self.acted) = (true, true),
            Event::ExecutionFinished { .. } => self.running = false,
            _ => {}
        }
    }

    /// Whether one of the new events may follow.
    fn allows(&self, own: &IncidentId, actor: &Actor, event: &Event) -> bool {
        let Actor::Person { name, .. } = actor else {
            return false;
        };
        if self.merged || self.voided {
            return false;
        }
        match event {
            Event::Edited { title, impact } => {
                title.as_ref().is_some_and(|title| *title != self.title)
                    || impact.is_some() && *impact != self.impact
            }
            Event::Assigned { to, .. } => self.is_news(to),
            Event::HandedOver { from, to, .. } => {
                self.owner.as_ref() == Some(from) && name == from && self.is_news(to)
            }
            Event::MergedInto { into, .. } => {
                into != own && !self.absorbed.contains(into) && !self.running
            }
            Event::Absorbed {
                incident, findings, ..
            } => {
                let held = |finding: &Finding| {
                    let what = (finding.subject.service.clone(), finding.tick.ms());
                    self.findings.values().any(|known| *known == what)
                };
                let news = !self.absorbed.contains(incident) || !findings.is_empty();
                !self.over && incident != own && news && !findings.iter().any(held)
            }
            Event::SplitOff { findings, into, .. } => {
                let there = |name: &String| {
                    let number: usize = name[1..].parse().expect("a number");
                    number > 1 && self.findings.contains_key(&number)
                };
                !self.split.contains(into)
                    && !self.absorbed.contains(into)
                    && findings.iter().all(there)
            }
            Event::Voided { .. } => !self.acted && self.absorbed.is_empty(),
            _ => unreachable!("one of the new events"),
        }
    }

    fn is_news(&self, to: &Assignee) -> bool {
        match to {
            Assignee::Person { name, .. } => self.owner.as_ref() != Some(name),
            Assignee::Team { name } => self.owner.is_some() || self.team.as_ref() != Some(name),
        }
    }

    /// What the fold must say.
    fn check(&self, incident: &Incident) {
        assert_eq!(incident.title, self.title);
        assert_eq!(incident.impact, self.impact);
        assert_eq!(incident.owner, self.owner);
        assert_eq!(incident.team, self.team);
        assert_eq!(incident.status.is_over(), self.over);
        assert_eq!(incident.status == Status::Voided, self.voided);
        assert_eq!(incident.voided.is_some(), self.voided);
        assert_eq!(incident.merged_into.is_some(), self.merged);
        assert!(!self.merged || incident.status == Status::Closed);
        assert_eq!(incident.is_report_doubtful(), self.doubtful);
        let held = incident.findings.iter().enumerate();
        let held: BTreeMap<usize, (String, i64)> = held
            .map(|(index, finding)| {
                let number = incident.finding_id(index)[1..].parse().expect("a number");
                (number, (finding.subject.service.clone(), finding.tick.ms()))
            })
            .collect();
        assert_eq!(held, self.findings);
        for number in 1..self.next {
            assert!(incident.evidence(&format!("F{number}")).is_some());
        }
        let absorbed = incident.absorbed.iter().map(|held| held.incident.clone());
        assert_eq!(absorbed.collect::<BTreeSet<_>>(), self.absorbed);
        let split = incident.split_into.iter().map(|split| split.into.clone());
        assert_eq!(split.collect::<BTreeSet<_>>(), self.split);
        let mut proposals = incident.proposals.iter();
        let open = proposals.any(|state| state.stage.is_open());
        assert!(!(open && (self.merged || self.voided)), "still on offer");
        assert!(!self.voided || incident.resolved_at.is_none());
    }
}

/// The beginnings: bare, with findings, with a report and an approval, acted on.
fn beginnings() -> Vec<(Incident, Vec<Record>)> {
    let mut bare = History::open();
    let attached = |service: &str| Event::FindingAttached {
        finding: Box::new(finding(service, Timestamp(7))),
        relation: crate::finding::Relation::Same {},
        reason: String::new(),
    };
    let begin = |history: &History| {
        let records = history.stored().iter();
        let records = records.map(|stored| stored.record().expect("readable"));
        (history.incident.clone(), records.collect::<Vec<Record>>())
    };
    let mut all = vec![begin(&bare)];
    for service in ["cart", "mail"] {
        bare.agent(Agent::Sentinel, attached(service))
            .expect("legal");
    }
    all.push(begin(&bare));
    bare.explained().expect("legal");
    let proposal = proposed("P1", bare.incident.updated_at.plus_ms(600_000), 1);
    let seal = proposal.seal(&bare.incident.id);
    let proposal = Box::new(proposal);
    let offered = Event::Proposed { proposal, seal };
    bare.agent(Agent::Resolver, offered).expect("legal");
    let p1 = || "P1".to_owned();
    let decided = Event::Decided {
        proposal: p1(),
        seal,
        approve: true,
        reason: because(),
        break_glass: false,
    };
    bare.add(person("ada"), decided).expect("legal");
    let verdict = Event::VerdictReached {
        proposal: p1(),
        seal,
        sufficient: true,
        reason: because(),
    };
    bare.agent(Agent::Executor, verdict).expect("legal");
    all.push(begin(&bare));
    let started = Event::ExecutionStarted {
        proposal: p1(),
        seal,
        idempotency_key: p1(),
    };
    bare.agent(Agent::Executor, started).expect("legal");
    all.push(begin(&bare));
    all
}

/// All that anybody might try, and for the new events whether it may be.
fn attempts(incident: &Incident, records: &[Record]) -> Vec<(Actor, Event, Option<bool>)> {
    let told = Told::of(records);
    let machine = Actor::System {
        subject: "token:1".to_owned(),
        name: "ada".to_owned(),
    };
    let mut tries = Vec::new();
    for (number, event) in by_people(incident).into_iter().enumerate() {
        let intruder = match Agent::ALL.get(number % (Agent::ALL.len() + 1)) {
            Some(agent) => Actor::agent(*agent),
            None => machine.clone(),
        };
        let mut actors = vec![person("ada"), intruder];
        if matches!(event, Event::HandedOver { .. }) {
            actors.extend([person("bob"), machine.clone()]);
        }
        for actor in actors {
            let allowed = told.allows(&incident.id, &actor, &event);
            tries.push((actor, event.clone(), Some(allowed)));
        }
    }
    let old = others(incident).into_iter();
    tries.extend(old.map(|(actor, event)| {
        // An end that is final: nothing of these follows it.
        let refused = told.merged || told.voided;
        (actor, event, refused.then_some(false))
    }));
    tries
}

#[test]
fn no_history_merges_splits_or_voids_what_may_not_be() {
    let mut front = beginnings();
    let (mut tried, mut states) = (0_usize, 0_usize);
    let mut ends: BTreeMap<&'static str, usize> = BTreeMap::new();
    for _ in 0..LENGTH {
        let mut seen: BTreeSet<Digest> = BTreeSet::new();
        let mut next = Vec::new();
        for (incident, records) in &front {
            for (actor, event, expected) in attempts(incident, records) {
                tried += 1;
                let record = Record {
                    incident: incident.id.clone(),
                    seq: incident.last_seq + 1,
                    at: incident.updated_at,
                    actor,
                    previous: Digest::ZERO,
                    event,
                };
                let mut after = incident.clone();
                let ruling = after.apply(&record);
                if let Some(expected) = expected {
                    assert_eq!(
                        ruling.is_ok(),
                        expected,
                        "{ruling:?} on {record:#?} after {records:#?}"
                    );
                }
                if ruling.is_err() {
                    assert_eq!(&after, incident, "a refusal changes nothing");
                    continue;
                }
                let json = serde_json::to_vec(&after).expect("writable");
                if !seen.insert(Digest::of(&json)) {
                    continue;
                }
                *ends.entry(record.event.name()).or_default() += 1;
                let mut records = records.clone();
                records.push(record);
                Told::of(&records).check(&after);
                if next.len().is_multiple_of(FOLDED_EVERY) {
                    assert_eq!(Incident::fold(&records).as_ref(), Ok(&after));
                    let read: Incident = serde_json::from_slice(&json).expect("readable");
                    assert_eq!(read, after);
                }
                next.push((after, records));
            }
        }
        states += next.len();
        assert!(states < MOST_STATES, "{states} states");
        front = next;
    }
    let all = [
        "edited",
        "assigned",
        "handed_over",
        "merged_into",
        "absorbed",
        "split_off",
        "voided",
    ];
    assert!(
        states > 1_000 && all.iter().all(|name| ends.contains_key(name)),
        "of {tried} tries {states} states, {ends:?}: the bounds show nothing"
    );
}
