//! Edited, assigned, handed over, merged, split, voided: one promise a test.

use proptest::prelude::*;

use super::fixtures::{evidence, finding, hypothesis, person, proposed, report};
use super::tests::History;
use super::*;
use crate::actor::Assignee;
use crate::chain::StoredRecord;
use crate::digest::Digest;
use crate::signing::{Keyring, Purpose, Signer, Trusted, Writer};

fn id(name: &str) -> IncidentId {
    IncidentId::derive("declared", name, Timestamp(0))
}

fn because() -> String {
    "because".to_owned()
}

fn refused(ruling: Result<(), Illegal>) -> String {
    ruling.expect_err("is refused").reason
}

fn edited(title: Option<&str>, impact: Option<&str>) -> Event {
    Event::Edited {
        title: title.map(str::to_owned),
        impact: impact.map(str::to_owned),
    }
}

fn assigned(to: Assignee) -> Event {
    Event::Assigned {
        to,
        reason: because(),
    }
}

fn named(name: &str) -> Assignee {
    Assignee::Person {
        subject: None,
        name: name.to_owned(),
    }
}

fn team(name: &str) -> Assignee {
    Assignee::Team {
        name: name.to_owned(),
    }
}

fn handed(from: &str, to: Assignee) -> Event {
    Event::HandedOver {
        from: from.to_owned(),
        to,
        note: "rolled back, traffic is coming back".to_owned(),
    }
}

fn merged(into: &str) -> Event {
    Event::MergedInto {
        into: id(into),
        reason: because(),
    }
}

fn absorbed(other: &str, findings: Vec<Finding>) -> Event {
    Event::Absorbed {
        incident: id(other),
        findings,
        notes: vec![3],
        reason: because(),
    }
}

fn split(findings: &[&str], into: &str) -> Event {
    Event::SplitOff {
        findings: findings.iter().map(|id| (*id).to_owned()).collect(),
        into: id(into),
        reason: because(),
    }
}

fn voided() -> Event {
    Event::Voided { reason: because() }
}

impl History {
    fn ada(&mut self, event: Event) -> Result<(), Illegal> {
        self.add(person("ada"), event)
    }

    /// Findings F2 and so on, one a service.
    fn attached(services: &[&str]) -> Self {
        let mut history = Self::open();
        for (number, service) in services.iter().enumerate() {
            let tick = Timestamp(2_000_000 + number as i64);
            let attached = Event::FindingAttached {
                finding: Box::new(finding(service, tick)),
                relation: crate::finding::Relation::Same {},
                reason: String::new(),
            };
            history.agent(Agent::Sentinel, attached).expect("legal");
        }
        history
    }

    /// With an action that has begun.
    fn executing() -> Self {
        let mut history = Self::open();
        let until = history.incident.updated_at.plus_ms(600_000);
        let proposal = proposed("P1", until, 1);
        let seal = proposal.seal(&history.incident.id);
        let proposal = Box::new(proposal);
        let p1 = || "P1".to_owned();
        let steps = [
            (
                Actor::agent(Agent::Resolver),
                Event::Proposed { proposal, seal },
            ),
            (
                person("ada"),
                Event::Decided {
                    proposal: p1(),
                    seal,
                    approve: true,
                    reason: because(),
                    break_glass: false,
                },
            ),
            (
                Actor::agent(Agent::Executor),
                Event::VerdictReached {
                    proposal: p1(),
                    seal,
                    sufficient: true,
                    reason: because(),
                },
            ),
            (
                Actor::agent(Agent::Executor),
                Event::ExecutionStarted {
                    proposal: p1(),
                    seal,
                    idempotency_key: p1(),
                },
            ),
        ];
        for (actor, event) in steps {
            history.add(actor, event).expect("legal");
        }
        history
    }
}

#[test]
fn an_edit_changes_title_and_impact_and_never_the_subject() {
    let mut history = History::open();
    let service = history.incident.service.clone();
    assert_eq!(
        refused(history.ada(edited(None, None))),
        "it changes nothing"
    );
    let same = history.incident.title.clone();
    assert_eq!(
        refused(history.ada(edited(Some(&same), None))),
        "it changes nothing"
    );
    assert!(refused(history.ada(edited(Some(" "), None))).contains("has a title"));
    let long = "x".repeat(MAX_TITLE_CHARS + 1);
    assert!(history.ada(edited(Some(&long), None)).is_err());
    let agents = history.agent(Agent::Analyst, edited(Some("other"), None));
    assert!(refused(agents).contains("may not write"));
    history
        .ada(edited(Some("checkout is down"), Some("no orders")))
        .expect("legal");
    assert_eq!(history.incident.title, "checkout is down");
    assert_eq!(history.incident.impact.as_deref(), Some("no orders"));
    history.ada(edited(None, Some(""))).expect("legal");
    assert_eq!(history.incident.impact, None);
    assert_eq!(history.incident.service, service);
    // The story is told better once it is over.
    let over = Event::Resolved {
        says: "over".to_owned(),
        evidence: None,
    };
    history.ada(over).expect("legal");
    history.ada(edited(Some("after all"), None)).expect("legal");
}

#[test]
fn it_is_given_to_people_and_teams_and_handed_over_by_who_has_it() {
    let mut history = History::open();
    let nobody = history.ada(handed("ada", named("bob")));
    assert!(refused(nobody).contains("nobody has it"));
    history.ada(assigned(team("payments"))).expect("legal");
    assert_eq!(history.incident.team.as_deref(), Some("payments"));
    assert_eq!(history.incident.owner, None);
    assert!(refused(history.ada(assigned(team("payments")))).contains("already"));
    assert!(history.ada(assigned(named(" "))).is_err());
    let ada = Assignee::Person {
        subject: Some("ada".to_owned()),
        name: "Ada L.".to_owned(),
    };
    history.ada(assigned(ada)).expect("legal");
    assert_eq!(history.incident.team.as_deref(), Some("payments"));
    let wrong = history.ada(handed("bob", named("cyd")));
    assert_eq!(refused(wrong), "Ada L. has it, not bob");
    let others = history.add(person("bob"), handed("Ada L.", named("cyd")));
    assert!(refused(others).contains("assign it instead"));
    let silent = Event::HandedOver {
        from: "Ada L.".to_owned(),
        to: named("bob"),
        note: " ".to_owned(),
    };
    assert!(refused(history.ada(silent)).contains("a note"));
    let same = Assignee::Person {
        subject: Some("ada".to_owned()),
        name: "Ada L.".to_owned(),
    };
    assert!(refused(history.ada(handed("Ada L.", same))).contains("already"));
    history.ada(handed("Ada L.", named("bob"))).expect("legal");
    assert_eq!(history.incident.owner.as_deref(), Some("bob"));
    // Who takes it on has it, whoever had it.
    let taken = Event::Acknowledged {
        owner: "cyd".to_owned(),
        note: None,
    };
    history.add(person("cyd"), taken).expect("legal");
    assert!(history.ada(handed("bob", named("ada"))).is_err());
    let on = handed("cyd", team("shop"));
    history.add(person("cyd"), on).expect("legal");
    assert_eq!(history.incident.owner, None);
}

#[test]
fn a_merged_incident_is_closed_and_goes_on_in_the_other() {
    let mut history = History::open();
    history.explained().expect("legal");
    let own = Event::MergedInto {
        into: history.incident.id.clone(),
        reason: because(),
    };
    assert!(refused(history.ada(own)).contains("itself"));
    let system = Event::MergedInto {
        into: IncidentId::system(Timestamp(0)),
        reason: because(),
    };
    assert!(refused(history.ada(system)).contains("no incident"));
    history.ada(merged("main")).expect("legal");
    assert_eq!(history.incident.status, Status::Closed);
    assert_eq!(history.incident.goes_on_in(), Some(&id("main")));
    assert!(!history.incident.takes_in(history.incident.updated_at));
    let again = Event::Reopened {
        reason: because(),
        finding: None,
    };
    let on = refused(history.ada(again));
    assert!(on.contains("its story goes on there"), "{on}");
    assert!(history.ada(merged("other")).is_err());
    assert!(history.ada(voided()).is_err());
    let note = Event::NoteAdded {
        text: "seen".to_owned(),
    };
    history.ada(note).expect("legal");
    let word = Event::FeedbackGiven {
        right: true,
        cause: None,
        note: None,
    };
    history.ada(word).expect("legal");
}

#[test]
fn nothing_is_merged_or_called_a_mistake_while_or_after_it_was_acted_on() {
    let mut history = History::executing();
    assert_eq!(
        refused(history.ada(merged("main"))),
        "an execution is under way"
    );
    assert!(refused(history.ada(voided())).contains("something was executed"));
    let finished = Event::ExecutionFinished {
        proposal: "P1".to_owned(),
        result: ExecutionResult::Succeeded,
        says: "done".to_owned(),
        target: None,
    };
    history.agent(Agent::Executor, finished).expect("legal");
    assert!(refused(history.ada(voided())).contains("something was executed"));
    history.ada(merged("main")).expect("legal");
    // What was done is still judged.
    let checked = Event::RecoveryChecked {
        proposal: "P1".to_owned(),
        recovery: Recovery::Recovered,
        says: "well".to_owned(),
        evidence: vec![evidence("R1")],
    };
    history.agent(Agent::Executor, checked).expect("legal");
    assert_eq!(history.incident.status, Status::Closed);
}

#[test]
fn the_one_that_stays_holds_each_finding_once() {
    let mut history = History::attached(&["cart"]);
    let (new, later) = (
        finding("mail", Timestamp(3_000_000)),
        finding("mail", Timestamp(4_000_000)),
    );
    let held = history.incident.findings[1].clone();
    let twice = absorbed("other", vec![held]);
    assert!(refused(history.ada(twice)).contains("held already"));
    let pair = absorbed("other", vec![new.clone(), new.clone()]);
    assert!(refused(history.ada(pair)).contains("held already"));
    assert_eq!(
        history.incident.findings.len(),
        2,
        "a refusal changes nothing"
    );
    history.ada(absorbed("other", vec![new])).expect("legal");
    assert!(refused(history.ada(absorbed("other", Vec::new()))).contains("taken in already"));
    history
        .ada(absorbed("other", vec![later]))
        .expect("what it got in between");
    let held = &history.incident.absorbed[0];
    assert_eq!(held.findings, ["F3", "F4"]);
    assert_eq!(held.notes, [3, 3]);
    let back = merged("other");
    assert!(refused(history.ada(back)).contains("end in itself"));
    assert!(refused(history.ada(voided())).contains("was merged into it"));
    let closed = Event::Closed {
        r#as: ClosedAs::FalseAlarm {},
        reason: because(),
    };
    history.ada(closed).expect("legal");
    assert!(refused(history.ada(absorbed("third", Vec::new()))).contains("reopen it first"));
}

#[test]
fn a_split_keeps_the_names_of_what_stays_and_of_what_went() {
    let mut history = History::attached(&["cart", "mail", "ads"]);
    history.explained().expect("legal");
    assert!(!history.incident.is_report_doubtful());
    for (ids, why) in [
        (vec![], "no finding"),
        (vec!["F1"], "stays"),
        (vec!["F2", "F1"], "stays"),
        (vec!["F5"], "no finding F5"),
        (vec!["F02"], "no finding F02"),
        (vec!["F0"], "no finding F0"),
        (vec!["E1"], "no finding E1"),
        (vec!["F2", "F2"], "twice"),
    ] {
        let said = refused(history.ada(split(&ids, "new")));
        assert!(said.contains(why), "{said}");
    }
    history.ada(split(&["F3"], "new")).expect("legal");
    assert!(refused(history.ada(split(&["F2"], "new"))).contains("tied"));
    assert!(refused(history.ada(split(&["F3"], "newer"))).contains("no finding F3"));
    let incident = &history.incident;
    let names: Vec<String> = (0..3).map(|index| incident.finding_id(index)).collect();
    assert_eq!(names, ["F1", "F2", "F4"]);
    let service = |id: &str| incident.finding(id).map(|one| one.subject.service.as_str());
    assert_eq!(service("F3"), Some("mail"));
    assert_eq!(service("F4"), Some("ads"));
    assert_eq!(service("F5"), None);
    assert!(incident.evidence("F3").is_some(), "it can be run again");
    assert!(incident.is_report_doubtful());
    let attached = Event::FindingAttached {
        finding: Box::new(finding("mail", Timestamp(5_000_000))),
        relation: crate::finding::Relation::Same {},
        reason: String::new(),
    };
    history.agent(Agent::Sentinel, attached).expect("legal");
    assert_eq!(history.incident.finding_id(3), "F5");
    history
        .ada(split(&["F2", "F4", "F5"], "rest"))
        .expect("legal");
    assert_eq!(history.incident.findings.len(), 1);
}

#[test]
fn a_report_is_doubtful_from_a_split_to_the_next_report() {
    let mut history = History::attached(&["cart", "mail"]);
    history.explained().expect("legal");
    let begun = |claim: &str, until| Event::InvestigationStarted {
        claim: claim.to_owned(),
        until,
    };
    let until = history.incident.updated_at.plus_ms(600_000);
    history
        .agent(Agent::Analyst, begun("before", until))
        .expect("legal");
    history.ada(split(&["F2"], "new")).expect("legal");
    let reported = |claim: &str| Event::ReportRecorded {
        claim: Some(claim.to_owned()),
        report: Box::new(report(vec![hypothesis(&["E1"])])),
    };
    // It looked at what is no longer this incident.
    assert!(refused(history.agent(Agent::Analyst, reported("before"))).contains("claim"));
    history
        .agent(Agent::Analyst, begun("after", until))
        .expect("legal");
    let failed = Event::InvestigationFailed {
        claim: "after".to_owned(),
        reason: "no telemetry".to_owned(),
        known: String::new(),
    };
    history.agent(Agent::Analyst, failed).expect("legal");
    assert_eq!(history.incident.doubt, Some(Doubt::Remains));
    assert!(history.incident.is_report_doubtful());
    history
        .agent(Agent::Analyst, begun("third", until))
        .expect("legal");
    history
        .agent(Agent::Analyst, reported("third"))
        .expect("legal");
    assert!(!history.incident.is_report_doubtful());
}

#[test]
fn a_voided_incident_is_no_incident() {
    let mut history = History::attached(&["cart"]);
    history.explained().expect("legal");
    let machine = Actor::System {
        subject: "token:1".to_owned(),
        name: "monitor".to_owned(),
    };
    for actor in Agent::ALL.map(Actor::agent).into_iter().chain([machine]) {
        let said = refused(history.add(actor, voided()));
        assert!(said.contains("may not write"), "{said}");
    }
    let silent = Event::Voided {
        reason: String::new(),
    };
    assert!(refused(history.ada(silent)).contains("a reason"));
    let over = Event::Resolved {
        says: "over".to_owned(),
        evidence: None,
    };
    history.ada(over).expect("legal");
    history.ada(voided()).expect("legal");
    let incident = &history.incident;
    assert_eq!(incident.status, Status::Voided);
    assert!(!incident.status.counts() && incident.status.is_over());
    assert!(!Status::LISTED.contains(&incident.status));
    assert_eq!(incident.resolved_at, None);
    assert!(!incident.takes_in(incident.updated_at));
    let again = Event::Reopened {
        reason: because(),
        finding: None,
    };
    assert!(refused(history.ada(again)).contains("voided"));
    assert!(history.ada(voided()).is_err());
    assert!(history.ada(edited(Some("other"), None)).is_err());
    let note = Event::NoteAdded {
        text: "my mistake".to_owned(),
    };
    history.ada(note).expect("legal");
}

#[test]
fn what_was_split_off_begins_with_all_its_findings_and_by_a_person() {
    let (one, two) = (finding("cart", Timestamp(1)), finding("mail", Timestamp(2)));
    let opened = |actor: Actor, split_from: Option<IncidentId>| Record {
        incident: id("new"),
        seq: 1,
        at: Timestamp(10),
        actor,
        previous: Digest::ZERO,
        event: Event::Opened {
            title: "cart".to_owned(),
            severity: Severity::High,
            severity_reason: String::new(),
            finding: Box::new(one.clone()),
            split_from,
            others: vec![two.clone()],
        },
    };
    let sentinel = Actor::agent(Agent::Sentinel);
    let refused = |record: &Record| Incident::open(record).expect_err("is refused").reason;
    assert!(refused(&opened(sentinel, Some(id("old")))).contains("may not write"));
    assert!(refused(&opened(person("ada"), None)).contains("one finding"));
    assert!(refused(&opened(person("ada"), Some(id("new")))).contains("itself"));
    let incident = Incident::open(&opened(person("ada"), Some(id("old")))).expect("legal");
    assert_eq!(incident.findings, [one.clone(), two.clone()]);
    assert_eq!(incident.split_from, Some(id("old")));
}

#[test]
fn an_agents_key_writes_nothing_that_is_a_persons() {
    let key = |number: u8| Signer::new(&[number; 32]);
    let trusted =
        |number: u8, writers: &[Writer]| Trusted::new(&key(number), writers, Timestamp(0));
    let keys = [trusted(1, &[Writer::Gateway]), trusted(2, &Writer::AGENTS)];
    let ring = Keyring::new(&keys).expect("keys");
    let machine = Actor::System {
        subject: "token:1".to_owned(),
        name: "monitor".to_owned(),
    };
    for event in [
        edited(Some("x"), None),
        assigned(team("x")),
        handed("x", team("y")),
        merged("x"),
        absorbed("x", Vec::new()),
        split(&["F2"], "x"),
        voided(),
    ] {
        assert!(event.is_a_persons());
        let check = |actor: Actor, signer: &Signer| {
            let record = Record {
                incident: id("a"),
                seq: 2,
                at: Timestamp(1),
                actor,
                previous: Digest::ZERO,
                event: event.clone(),
            };
            ring.check(
                &StoredRecord::signed(&record, signer).expect("writable"),
                Purpose::Act { now: Timestamp(2) },
            )
        };
        assert_eq!(check(person("ada"), &key(1)), Ok(()));
        assert!(check(person("ada"), &key(2)).is_err());
        for agent in Agent::ALL {
            assert!(check(Actor::agent(agent), &key(2)).is_err_and(|why| why.contains("alone")));
        }
        assert!(check(machine.clone(), &key(1)).is_err_and(|why| why.contains("alone")));
    }
}

proptest! {
    /// Whatever is split off in whatever order, a name means the same finding for ever.
    #[test]
    fn names_of_findings_never_move(picks in prop::collection::vec((0..8usize, any::<bool>()), 0..6)) {
        let services = ["b", "c", "d", "e", "f", "g", "h"];
        let mut history = History::attached(&services);
        let names: Vec<String> = (1..=8).map(|number| format!("F{number}")).collect();
        let all: Vec<Finding> = history.incident.findings.clone();
        for (step, (pick, pair)) in picks.into_iter().enumerate() {
            let next = names[(pick + 1) % 8].as_str();
            let ids = if pair { vec![names[pick].as_str(), next] } else { vec![next] };
            let _ = history.ada(split(&ids, &format!("n{step}")));
            for (name, finding) in names.iter().zip(&all) {
                prop_assert_eq!(history.incident.finding(name), Some(finding));
            }
            for (index, finding) in history.incident.findings.iter().enumerate() {
                let name = history.incident.finding_id(index);
                prop_assert_eq!(history.incident.finding_index(&name), Some(index));
                prop_assert_eq!(history.incident.finding(&name), Some(finding));
            }
            prop_assert_eq!(&history.incident.findings[0], &all[0]);
        }
    }
}
