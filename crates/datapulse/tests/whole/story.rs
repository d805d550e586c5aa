//! A folder with one incident that was written by hand, the same to the byte each time: found,
//! explained, with two proposals, of which the second has expired.

use std::sync::Arc;

use bus::Bus;
use casework::open::Heading;
use casework::{Casework, Clock, Toolbox};
use indexmap::IndexMap;
use model::proposal::Check;
use model::report::{Cause, Hypothesis, TimelineEntry};
use model::{
    Action, ActionKind, Actor, Agent, Event, Evidence, Finding, IncidentId, Proposal, Report,
    RiskTier, Service, Severity, Signal, Subject, TargetState, Timestamp, Window,
};
use serde_json::{Value, json};
use store::embedded::{Embedded, Options};
use store::{Document, Knowledge, Operation, Telemetry};

use crate::command::Place;

pub const SERVICE: &str = "checkout";
/// The window that the finding is about.
pub const FROM: &str = "2001-01-10T12:55:00Z";
pub const TO: &str = "2001-01-10T13:00:00Z";
/// No test lives that long.
const FAR: &str = "2999-01-01T00:00:00Z";

const QUERY: &str = "FROM metrics-system | WHERE @timestamp >= ?from AND @timestamp < ?to AND service.name == ?service | STATS requests = SUM(request_count), errors = SUM(error_count) BY service.name";

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// Writes it; gives the incident's id. What is this old would be dropped: the configuration
/// keeps it.
pub async fn write(place: &Place) -> IncidentId {
    place.write("datapulse.toml", "[retention]\ntelemetry_days = 0\n");
    let offers = vec![proposal(1, time(FAR)), proposal(2, time(TO))];
    write_offering(place, offers).await
}

/// The same with these offers instead of its own two.
pub async fn write_offering(place: &Place, offers: Vec<Proposal>) -> IncidentId {
    let store = Embedded::open(&place.data(), Options::default())
        .await
        .expect("opens");
    let casework = casework(&store);
    let service = Service {
        name: SERVICE.to_owned(),
        team: Some("shop".to_owned()),
        criticality: Some(1),
        on_call: Some("ada".to_owned()),
        depends_on: vec!["payment".to_owned()],
    };
    store.put_service(&service).await.expect("is put");
    store.ingest(documents()).await.expect("is stored");
    let id = open(&casework).await;
    explain(&casework, &id).await;
    for proposal in offers {
        let seal = proposal.seal(&id);
        let event = Event::Proposed {
            proposal: Box::new(proposal),
            seal,
        };
        record(&casework, &id, Agent::Resolver, event).await;
    }
    store.flush().await.expect("is flushed");
    id
}

fn casework(store: &Embedded) -> Casework {
    Casework::new(
        Arc::new(store.clone()),
        Arc::new(store.clone()),
        Arc::new(store.clone()),
        Bus::memory(),
        Clock::manual(time(TO)),
        model::Policy::default(),
        Toolbox::embedded().expect("tools"),
    )
}

/// Writes that a channel has put its notice of the first record at this place.
pub async fn lies_at(place: &Place, id: &IncidentId, channel: &str, at: &str) {
    let store = Embedded::open(&place.data(), Options::default())
        .await
        .expect("opens");
    let event = Event::NoticeSent {
        channel: channel.to_owned(),
        topic: model::notice::Topic::Incident,
        about: 1,
        key: format!("{id}:1"),
        place: Some(at.to_owned()),
    };
    record(&casework(&store), id, Agent::Notifier, event).await;
    store.flush().await.expect("is flushed");
}

/// Five minutes of a service of which every eighth request fails.
fn documents() -> Vec<Document> {
    let of_minute = |minute: i64| {
        let source = json!({
            "@timestamp": time(FROM).plus_ms(minute * 60_000).to_string(),
            "service.name": SERVICE,
            "request_count": 800,
            "error_count": 100,
            "latency": 120.5,
        });
        Document {
            index: "metrics-system".to_owned(),
            operation: Operation::Create,
            id: Some(format!("m{minute}")),
            source: source.as_object().cloned().unwrap_or_default(),
        }
    };
    (0..5).map(of_minute).collect()
}

async fn record(casework: &Casework, id: &IncidentId, agent: Agent, event: Event) {
    casework
        .record(id, Actor::agent(agent), event)
        .await
        .expect("is recorded");
}

async fn evidence(casework: &Casework, id: &str) -> Evidence {
    let parameters: IndexMap<String, Value> = [("from", FROM), ("to", TO), ("service", SERVICE)]
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .into();
    let window = Window::new(time(FROM), time(TO));
    let asked = casework
        .run("service_check", QUERY.to_owned(), parameters, window)
        .await;
    asked
        .expect("is asked")
        .evidence(id, "500 of 4000 requests of checkout failed")
}

async fn open(casework: &Casework) -> IncidentId {
    let finding = Finding {
        rule: "error-rate".to_owned(),
        subject: Subject::service(SERVICE),
        tick: time(TO),
        window: Window::new(time(FROM), time(TO)),
        signal: Signal::ErrorRate,
        observed: 0.125,
        threshold: 0.05,
        unit: "share".to_owned(),
        held_against: "threshold".to_owned(),
        requests: Some(4_000.0),
        since: Some(time(FROM)),
        notes: Vec::new(),
        evidence: evidence(casework, "F1").await,
    };
    let heading = Heading {
        title: "checkout: error rate 12.5 % over 5 %".to_owned(),
        severity: Severity::High,
        severity_reason: "criticality 1".to_owned(),
    };
    let opened = casework
        .open(Actor::agent(Agent::Sentinel), finding, heading)
        .await;
    opened.expect("opens").incident().id.clone()
}

async fn explain(casework: &Casework, id: &IncidentId) {
    let claim = "by hand".to_owned();
    let started = Event::InvestigationStarted {
        claim: claim.clone(),
        until: time(TO).plus_ms(60_000),
    };
    record(casework, id, Agent::Analyst, started).await;
    let change = "checkout 2.0.1 was rolled out two minutes before";
    let report = Report {
        window: Window::new(time(FROM), time(TO)),
        timeline: vec![TimelineEntry {
            at: time(FROM),
            says: change.to_owned(),
            service: Some(SERVICE.to_owned()),
            evidence: Some("E1".to_owned()),
        }],
        hypotheses: vec![Hypothesis {
            id: "H1".to_owned(),
            cause: Cause::Change {
                deployment: "D-17".to_owned(),
                service: SERVICE.to_owned(),
                change_kind: "deploy".to_owned(),
            },
            says: change.to_owned(),
            confidence: 0.81,
            supports: vec!["E1".to_owned()],
            contradicts: Vec::new(),
            blamed_change: Some("D-17".to_owned()),
        }],
        evidence: vec![evidence(casework, "E1").await],
        ledger: Vec::new(),
        known: true,
        conclusion: change.to_owned(),
        ask: None,
        confidence_basis: "written by hand".to_owned(),
        elapsed_ms: 0,
        out_of_time: false,
    };
    let event = Event::ReportRecorded {
        claim: Some(claim),
        report: Box::new(report),
    };
    record(casework, id, Agent::Analyst, event).await;
}

/// One that no test outlives.
pub fn lasting(number: u32) -> Proposal {
    proposal(number, time(FAR))
}

fn proposal(number: u32, expires: Timestamp) -> Proposal {
    let action = |kind, value: &str| Action {
        kind,
        target: SERVICE.to_owned(),
        parameters: [("to_version".to_owned(), Value::from(value))].into(),
    };
    Proposal {
        id: format!("P{number}"),
        action: action(ActionKind::Rollback, "2.0.0"),
        why: "what changed last".to_owned(),
        risk: RiskTier::Medium,
        risk_note: "requests under way may fail".to_owned(),
        eta_s: 60,
        undo: Some(action(ActionKind::Rollback, "2.0.1")),
        check: Check {
            tool: "service_check".to_owned(),
            query: QUERY.to_owned(),
            parameters: [("service".to_owned(), Value::from(SERVICE))].into(),
            says: "the error rate is under 5 % again".to_owned(),
        },
        runbook: Some("roll-back".to_owned()),
        hypothesis: Some("H1".to_owned()),
        evidence: vec!["E1".to_owned()],
        observed: TargetState::new(SERVICE.to_owned(), json!({ "version": "2.0.1" }), time(TO)),
        policy_version: "by hand".to_owned(),
        requesters: Vec::new(),
        not_the_requester: false,
        on_call: None,
        request: None,
        replaces: None,
        automation: Vec::new(),
        quorum: 1,
        expires,
    }
}
