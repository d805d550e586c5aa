//! An incident in every state, with one text in all places where texts of others are.

use integrations::slack::blocks::{Asked, Wanted};
use integrations::slack::{Composer, Form, Message, Ui};
use model::actor::Assignee;
use model::evidence::answer_digest;
use model::incident::{DecisionMade, ProposalStage, ProposalState};
use model::policy::RiskTier;
use model::proposal::Check;
use model::record::{ClosedAs, ExecutionResult, Recovery};
use model::{
    Action, ActionKind, Actor, Agent, Cause, Digest, Event, Evidence, Finding, Hypothesis,
    Incident, IncidentId, Proposal, Record, Report, Severity, Signal, Status, Subject, TargetState,
    Timestamp, Window,
};
use serde_json::{Value, json};

pub const UI: &str = "https://datapulse.example/ops";
pub const TEAM: &str = "T0WORKSPACE";
pub const USER: &str = "U0ANNA0000";
pub const APP: &str = "A0DATAPULSE";
pub const CHANNEL: &str = "C0INCIDENTS";

/// Texts of an incident as it may be; else all are the same one.
#[derive(Clone, Copy)]
pub struct Texts<'t>(pub Option<&'t str>);

impl Texts<'_> {
    fn or(&self, plain: &str) -> String {
        self.0.unwrap_or(plain).to_owned()
    }
}

pub fn now() -> Timestamp {
    Timestamp::parse("2026-11-24T13:05:00Z").expect("a time")
}

fn window() -> Window {
    Window::new(now().plus_ms(-300_000), now())
}

fn evidence(id: &str, says: String, texts: Texts<'_>) -> Evidence {
    Evidence {
        id: id.to_owned(),
        tool: texts.or("service_check"),
        query: texts.or("FROM metrics-*"),
        parameters: Default::default(),
        window: window(),
        asked_at: now(),
        says,
        columns: Vec::new(),
        rows: Vec::new(),
        row_count: 1,
        answer_digest: answer_digest(&[], &[]),
    }
}

fn finding(texts: Texts<'_>) -> Finding {
    Finding {
        rule: texts.or("error-rate"),
        subject: Subject::service(texts.or("payment")),
        tick: now(),
        window: window(),
        signal: Signal::ErrorRate,
        observed: 0.12,
        threshold: 0.05,
        unit: texts.or("share"),
        held_against: "threshold".to_owned(),
        requests: Some(500.0),
        since: None,
        notes: Vec::new(),
        evidence: evidence(
            "F1",
            texts.or("12 % of 500 requests failed within 5 minutes"),
            texts,
        ),
    }
}

pub fn report(texts: Texts<'_>) -> Report {
    let hypothesis = |id: &str, confidence: f64, says: &str| Hypothesis {
        id: id.to_owned(),
        cause: Cause::Change {
            deployment: texts.or("chg-17"),
            service: texts.or("payment"),
            change_kind: texts.or("deploy"),
        },
        says: texts.or(says),
        confidence,
        supports: (1..=9).map(|n| format!("E{n}")).take(2).collect(),
        contradicts: vec!["E3".to_owned()],
        blamed_change: None,
    };
    Report {
        window: window(),
        timeline: Vec::new(),
        hypotheses: vec![
            hypothesis(
                "H1",
                0.82,
                "Errors began 40 s after the deploy chg-17 of payment",
            ),
            hypothesis("H2", 0.11, "The database answers slowly"),
        ],
        evidence: vec![
            evidence("E1", texts.or("error rate 0.2 % before, 12 % after"), texts),
            evidence("E2", texts.or("all errors are of version 2.1.0"), texts),
            evidence("E3", texts.or("the database's latency is as ever"), texts),
        ],
        ledger: Vec::new(),
        known: true,
        conclusion: texts.or("The deploy chg-17 of payment broke it"),
        ask: Some(texts.or("Was the schema migrated before the deploy?")),
        confidence_basis: texts.or("calibrated on 214 incidents"),
        elapsed_ms: 4_200,
        out_of_time: false,
    }
}

pub fn proposal(texts: Texts<'_>) -> Proposal {
    let action = |version: &str| Action {
        kind: ActionKind::Rollback,
        target: texts.or("payment"),
        parameters: [(texts.or("to_version"), Value::from(texts.or(version)))].into(),
    };
    Proposal {
        id: "P1".to_owned(),
        action: action("2.0.9"),
        why: texts.or("Version 2.0.9 ran for six days without these errors"),
        risk: RiskTier::Medium,
        risk_note: texts.or("Orders of the last ten minutes are retried"),
        eta_s: 60,
        undo: Some(action("2.1.0")),
        check: Check {
            tool: "service_check".to_owned(),
            query: "FROM metrics-*".to_owned(),
            parameters: Default::default(),
            says: "under its line".to_owned(),
        },
        runbook: None,
        hypothesis: Some("H1".to_owned()),
        evidence: vec!["E1".to_owned()],
        observed: TargetState::new(texts.or("payment"), json!({}), now()),
        policy_version: "policy-1".to_owned(),
        quorum: 1,
        expires: now().plus_ms(1_800_000),
        requesters: Vec::new(),
        not_the_requester: false,
        on_call: None,
        request: None,
        replaces: None,
        automation: texts.0.map(str::to_owned).into_iter().collect(),
    }
}

pub fn person(name: String) -> Actor {
    Actor::Person {
        subject: "oidc:anna".to_owned(),
        name,
        via: "slack".to_owned(),
    }
}

pub fn id() -> IncidentId {
    IncidentId::derive("error-rate", "payment", now())
}

/// An incident that waits for a decision on P1.
pub fn incident(texts: Texts<'_>) -> Incident {
    let proposal = proposal(texts);
    let seal = proposal.seal(&id());
    Incident {
        id: id(),
        title: texts.or("payment fails"),
        status: Status::AwaitingApproval,
        severity: Severity::Critical,
        severity_reason: texts.or("12 % of requests of a service of tier 1"),
        rule: texts.or("error-rate"),
        service: texts.or("payment"),
        findings: vec![finding(texts)],
        owner: None,
        snoozed: None,
        claim: None,
        report: Some(report(texts)),
        proposals: vec![ProposalState {
            proposal,
            seal,
            stage: ProposalStage::Pending,
            decisions: Vec::new(),
            idempotency_key: None,
            started_at: None,
            finished_at: None,
            result: None,
            recovery: None,
            note: texts.0.map(str::to_owned),
            break_glass: None,
            automation: None,
            older_report: false,
        }],
        requests: Vec::new(),
        person_needed: texts.0.map(str::to_owned),
        nothing_to_propose: None,
        closed_as: None,
        resolved_evidence: None,
        feedback: None,
        opened_at: now().plus_ms(-60_000),
        updated_at: now(),
        mitigated_at: None,
        resolved_at: None,
        reopened: 0,
        last_seq: 5,
        owner_subject: None,
        team: texts.0.map(str::to_owned),
        impact: texts.0.map(str::to_owned),
        doubt: None,
        report_from: None,
        merged_into: None,
        absorbed: Vec::new(),
        split_from: None,
        split_into: Vec::new(),
        voided: None,
    }
}

/// The same, decided on, executed, and over.
pub fn resolved(texts: Texts<'_>) -> Incident {
    let mut incident = incident(texts);
    incident.status = Status::Resolved;
    incident.owner = Some(texts.or("Anna"));
    let state = &mut incident.proposals[0];
    state.stage = ProposalStage::Checked;
    state.decisions.push(DecisionMade {
        actor: person(texts.or("Anna")),
        at: now(),
        approve: true,
        reason: texts.or("the errors are all of 2.1.0"),
        break_glass: false,
    });
    incident
}

fn events(texts: Texts<'_>) -> Vec<(Actor, Event)> {
    let mut events = of_decisions(texts);
    events.extend(of_the_end(texts));
    events.extend(of_people(texts));
    events
}

/// From the alert to the look afterwards.
fn of_decisions(texts: Texts<'_>) -> Vec<(Actor, Event)> {
    let anna = || person(texts.or("Anna"));
    let executor = || Actor::agent(Agent::Executor);
    let p1 = || "P1".to_owned();
    let seal = Digest::ZERO;
    vec![
        (
            anna(),
            Event::Acknowledged {
                owner: texts.or("Anna"),
                note: None,
            },
        ),
        (
            executor(),
            Event::SeverityChanged {
                severity: Severity::High,
                reason: texts.or("it spreads no more"),
            },
        ),
        (
            anna(),
            Event::Decided {
                proposal: p1(),
                seal,
                approve: true,
                reason: texts.or("the errors are all of 2.1.0"),
                break_glass: false,
            },
        ),
        (
            anna(),
            Event::Decided {
                proposal: p1(),
                seal,
                approve: false,
                reason: texts.or("the migration can't go back"),
                break_glass: false,
            },
        ),
        (
            anna(),
            Event::Decided {
                proposal: p1(),
                seal,
                approve: true,
                reason: texts.or("nobody else is awake"),
                break_glass: true,
            },
        ),
        (
            executor(),
            Event::ExecutionFinished {
                proposal: p1(),
                result: ExecutionResult::Succeeded,
                says: texts.or("payment runs 2.0.9"),
                target: None,
            },
        ),
        (
            executor(),
            Event::ExecutionFinished {
                proposal: p1(),
                result: ExecutionResult::Unknown,
                says: texts.or("no answer within 60 s"),
                target: None,
            },
        ),
        (
            executor(),
            Event::RecoveryChecked {
                proposal: p1(),
                recovery: Recovery::Recovered,
                says: texts.or("error rate 0.2 %"),
                evidence: Vec::new(),
            },
        ),
    ]
}

/// Whose it is, where its story goes on, and what runs without anybody.
fn of_people(texts: Texts<'_>) -> Vec<(Actor, Event)> {
    let anna = || person(texts.or("Anna"));
    let bob = || Assignee::Person {
        subject: None,
        name: texts.or("Bob"),
    };
    vec![
        (
            Actor::agent(Agent::Executor),
            Event::AutomationDecided {
                proposal: "P1".to_owned(),
                seal: Digest::ZERO,
                rule: texts.or("rollbacks of payment"),
                shadow: false,
                reasons: vec![texts.or("it helped five times")],
            },
        ),
        (
            anna(),
            Event::Assigned {
                to: bob(),
                reason: texts.or("he knows payment"),
            },
        ),
        (
            anna(),
            Event::HandedOver {
                from: texts.or("Anna"),
                to: bob(),
                note: texts.or("the rollback is done"),
            },
        ),
        (
            anna(),
            Event::MergedInto {
                into: id(),
                reason: texts.or("the same trouble"),
            },
        ),
        (
            anna(),
            Event::Voided {
                reason: texts.or("a drill"),
            },
        ),
    ]
}

/// What ends an offer, or the incident.
fn of_the_end(texts: Texts<'_>) -> Vec<(Actor, Event)> {
    let anna = || person(texts.or("Anna"));
    let executor = || Actor::agent(Agent::Executor);
    let p1 = || "P1".to_owned();
    vec![
        (
            executor(),
            Event::ApprovalVoided {
                proposal: p1(),
                reason: texts.or("payment was deployed since"),
                changed: None,
            },
        ),
        (
            anna(),
            Event::Withdrawn {
                proposal: p1(),
                reason: texts.or("not needed any more"),
            },
        ),
        (
            Actor::agent(Agent::Resolver),
            Event::RequestRefused {
                request: 3,
                reason: texts.or("2.0.7 isn't known"),
            },
        ),
        (
            executor(),
            Event::Resolved {
                says: texts.or("under its line for 10 minutes"),
                evidence: None,
            },
        ),
        (
            Actor::agent(Agent::Sentinel),
            Event::Reopened {
                reason: texts.or("the same trouble again"),
                finding: None,
            },
        ),
        (
            anna(),
            Event::Closed {
                r#as: ClosedAs::FalseAlarm {},
                reason: texts.or("a test of ours"),
            },
        ),
        (
            Actor::agent(Agent::Analyst),
            Event::PersonNeeded {
                reason: texts.or("no evidence speaks for any cause"),
            },
        ),
        (
            Actor::agent(Agent::Resolver),
            Event::NothingToPropose {
                reason: texts.or("no runbook fits"),
            },
        ),
    ]
}

/// Every message there is, each with a name.
pub fn messages(form: Form, texts: Texts<'_>) -> Vec<(String, Message)> {
    let composer = composer(form);
    let open = incident(texts);
    let over = resolved(texts);
    let mut messages = vec![
        (
            "the alert, as it waits for a decision".to_owned(),
            composer.alert(&open),
        ),
        ("the alert, resolved".to_owned(), composer.alert(&over)),
        (
            "the report".to_owned(),
            composer.report(&open, &report(texts)),
        ),
        (
            "an offer".to_owned(),
            composer.offer(&open, &open.proposals[0]),
        ),
        (
            "an offer that was taken".to_owned(),
            composer.offer(&over, &over.proposals[0]),
        ),
        ("`/datapulse`".to_owned(), composer.list(&[(&open).into()])),
        ("`/datapulse help`".to_owned(), composer.help()),
        (
            "a denial".to_owned(),
            composer.says(&texts.or("guests can't do this")),
        ),
    ];
    for (seq, (actor, event)) in events(texts).into_iter().enumerate() {
        let name = format!("in the thread: {}", event.name());
        let record = record(seq as u64 + 6, actor, event);
        let told = composer.told(&open, &record).expect("something is told");
        messages.push((name, told));
    }
    messages
}

pub fn record(seq: u64, actor: Actor, event: Event) -> Record {
    Record {
        incident: id(),
        seq,
        at: now(),
        actor,
        previous: Digest::ZERO,
        event,
    }
}

pub fn composer(form: Form) -> Composer {
    Composer::new(Ui::parse(UI).expect("an address"), form)
}

pub fn asked(incident: &Incident, approve: bool) -> Asked {
    Asked {
        wanted: Wanted::of(incident, &incident.proposals[0]),
        approve,
        team: TEAM.to_owned(),
        user: USER.to_owned(),
        channel: CHANNEL.to_owned(),
        message: "1764000000.000100".to_owned(),
    }
}
