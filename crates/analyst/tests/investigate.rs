//! Whole investigations over a real store: tools asked, evidence that can be asked again, and
//! what is said where nothing is known.

use std::sync::Arc;
use std::time::Duration;

use analyst::observations::Alarm;
use analyst::{Analyst, Matter, investigate};
use bus::Bus;
use casework::{Casework, Clock, Toolbox, open::Heading};
use model::evidence::answer_digest;
use model::{
    Actor, Agent, Cause, Evidence, Finding, LedgerState, Policy, Report, Severity, Signal, Status,
    Subject, Timestamp, Window,
};
use serde_json::{Value, json};
use store::{Document, Embedded, ItemResult, Operation, Options, Telemetry};
use tempfile::TempDir;

const MINUTE_MS: i64 = 60_000;
/// The first minute of the telemetry: 2026-11-24T12:00:00Z.
const START_MS: i64 = 1_795_521_600_000;

struct World {
    store: Embedded,
    casework: Casework,
    _dir: TempDir,
}

fn minute(number: i64) -> Timestamp {
    Timestamp(START_MS + number * MINUTE_MS)
}

impl World {
    async fn new(documents: Vec<(&str, Value)>) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Embedded::open(dir.path(), Options::throwaway())
            .await
            .expect("opens");
        let documents = documents
            .into_iter()
            .map(|(index, source)| Document {
                index: index.to_owned(),
                operation: Operation::Create,
                id: None,
                source: source.as_object().cloned().expect("an object"),
            })
            .collect();
        for result in store.ingest(documents).await.expect("is stored") {
            assert!(!matches!(result, ItemResult::Refused { .. }), "{result:?}");
        }
        let shared = Arc::new(store.clone());
        let casework = Casework::new(
            shared.clone(),
            shared.clone(),
            shared,
            Bus::memory(),
            Clock::manual(minute(30)),
            Policy::default(),
            Toolbox::embedded().expect("all tools can be read"),
        );
        Self {
            store,
            casework,
            _dir: dir,
        }
    }

    async fn explain(&self, budget: Duration) -> Report {
        let matter = Matter {
            alarm: Alarm {
                at_us: minute(28).ms() * 1000,
                service: Some("web".into()),
                summary: "web: answers are slow".into(),
            },
            until: minute(30),
            budget,
        };
        investigate(&self.casework, &matter, model::tuning::embedded())
            .await
            .report
    }
}

const ENOUGH: Duration = Duration::from_secs(120);

/// Web calls cart calls store. From minute `from` on the store takes 200 ms more, and so do
/// those that wait for it.
fn shop(from: i64) -> Vec<(&'static str, Value)> {
    let mut documents = Vec::new();
    for number in 0..30 {
        // No minute is like the next.
        let noise = [0.0, 1.0, 2.0][number as usize % 3];
        let more = if number >= from { 200.0 } else { 0.0 };
        for (service, usual) in [
            ("web", 30.0),
            ("cart", 20.0),
            ("store", 10.0),
            ("mail", 15.0),
        ] {
            let more = if service == "mail" { 0.0 } else { more };
            documents.push((
                "metrics-shop-default",
                json!({
                    "@timestamp": minute(number).to_string(), "service.name": service,
                    "request_count": 120, "error_count": 0, "latency": usual + noise + more,
                }),
            ));
        }
    }
    for (service, callees) in [
        ("web", vec!["cart", "mail"]),
        ("cart", vec!["store"]),
        ("store", vec![]),
        ("mail", vec![]),
    ] {
        documents.push((
            "lookup-services",
            json!({ "service.name": service, "depends_on": callees }),
        ));
    }
    documents
}

fn change(number: i64, id: &str, service: &str, description: &str) -> (&'static str, Value) {
    let change = json!({
        "@timestamp": minute(number).to_string(), "deployment.id": id, "deployment.kind": "deploy",
        "service.name": service, "description": description,
    });
    ("deployments-shop", change)
}

#[tokio::test]
async fn the_slow_store_is_found_with_evidence_that_holds() {
    let mut documents = shop(25);
    documents.push(change(
        20,
        "d-guilty",
        "store",
        "read the ledger without its index",
    ));
    documents.push(change(24, "d-decoy", "mail", "new greeting"));
    let world = World::new(documents).await;
    let report = world.explain(ENOUGH).await;
    assert!(report.known, "{}", report.conclusion);
    let first = report.first().expect("a hypothesis");
    assert_eq!(first.cause.place(), "store", "{}", first.says);
    assert!(
        matches!(&first.cause, Cause::Change { deployment, .. } if deployment == "d-guilty"),
        "{}",
        first.says
    );
    assert_eq!(first.blamed_change.as_deref(), Some("d-guilty"));
    assert!(first.confidence > 0.5 && first.confidence < 1.0);
    for hypothesis in &report.hypotheses {
        assert!(!hypothesis.supports.is_empty());
        for id in &hypothesis.supports {
            let evidence = report.evidence(id).expect("evidence is in the report");
            let again = world
                .casework
                .ask_again(evidence)
                .await
                .expect("can be asked");
            assert!(again.holds, "{}", again.says);
        }
    }
    // Later telemetry of the same window changes the answer, and that is seen.
    let late = Document {
        index: "metrics-shop-default".into(),
        operation: Operation::Create,
        id: None,
        source: json!({ "@timestamp": minute(26).to_string(), "service.name": "store", "latency": 9_999.0, "error_count": 7 })
            .as_object()
            .cloned()
            .expect("an object"),
    };
    world.store.ingest(vec![late]).await.expect("is stored");
    let mut held = Vec::new();
    for evidence in &report.evidence {
        held.push(
            world
                .casework
                .ask_again(evidence)
                .await
                .expect("can be asked")
                .holds,
        );
    }
    assert!(held.contains(&false));
}

#[tokio::test]
async fn the_same_data_gives_the_same_report() {
    let world = World::new(shop(25)).await;
    let told = |report: Report| {
        let mut report = serde_json::to_value(report).expect("JSON");
        report["elapsed_ms"] = Value::Null;
        for entry in report["ledger"].as_array_mut().expect("a ledger") {
            entry["elapsed_ms"] = Value::Null;
        }
        report.to_string()
    };
    assert_eq!(
        told(world.explain(ENOUGH).await),
        told(world.explain(ENOUGH).await)
    );
}

#[tokio::test]
async fn where_nothing_stands_out_it_says_so_and_asks_a_person() {
    let report = World::new(shop(99)).await.explain(ENOUGH).await;
    assert!(!report.known);
    assert!(
        report.conclusion.starts_with("I don't know"),
        "{}",
        report.conclusion
    );
    assert!(report.ask.is_some());
    assert!(!report.out_of_time);
}

#[tokio::test]
async fn an_empty_store_is_said_in_the_ledger() {
    let report = World::new(Vec::new()).await.explain(ENOUGH).await;
    assert!(!report.known && report.hypotheses.is_empty());
    assert!(
        report
            .ledger
            .iter()
            .all(|entry| entry.state != LedgerState::Answered)
    );
    let notes: Vec<&str> = report
        .ledger
        .iter()
        .filter_map(|entry| entry.note.as_deref())
        .collect();
    assert!(notes.contains(&"there is no metrics-*"), "{notes:?}");
}

#[tokio::test]
async fn out_of_time_tells_what_was_not_asked() {
    let report = World::new(shop(25)).await.explain(Duration::ZERO).await;
    assert!(report.out_of_time && !report.known);
    assert!(
        report
            .ledger
            .iter()
            .any(|entry| entry.state == LedgerState::NotAsked)
    );
    assert!(report.ask.is_some());
}

fn finding() -> Finding {
    let window = Window::new(minute(23), minute(28));
    Finding {
        rule: "latency-p99".into(),
        subject: Subject::service("web"),
        tick: minute(28),
        window,
        signal: Signal::Latency,
        observed: 230.0,
        threshold: 80.0,
        unit: "ms".into(),
        held_against: "baseline".into(),
        requests: Some(600.0),
        since: None,
        notes: Vec::new(),
        evidence: Evidence {
            id: "F1".into(),
            tool: "service_check".into(),
            query: "FROM metrics-*".into(),
            parameters: Default::default(),
            window,
            asked_at: minute(28),
            says: "web: P99 of interval values 230 ms".into(),
            columns: Vec::new(),
            rows: Vec::new(),
            row_count: 0,
            answer_digest: answer_digest(&[], &[]),
        },
    }
}

#[tokio::test]
async fn an_incident_is_explained_once() {
    let world = World::new(shop(25)).await;
    let heading = Heading {
        title: "web is slow".into(),
        severity: Severity::High,
        severity_reason: "criticality not known".into(),
    };
    let opened = world
        .casework
        .open(Actor::agent(Agent::Sentinel), finding(), heading)
        .await;
    let incident = opened.expect("opens").incident().clone();
    let analyst = Analyst::with_budget(world.casework.clone(), ENOUGH);
    let told = analyst
        .explain(&incident)
        .await
        .expect("explains")
        .expect("waits for it");
    assert_eq!(
        told.ranking.services.first().map(|first| first.0.as_str()),
        Some("store")
    );
    let incident = world
        .casework
        .incident(&incident.id)
        .await
        .expect("is there");
    assert_eq!(
        incident.report.as_ref().map(|report| &report.conclusion),
        Some(&told.report.conclusion)
    );
    assert_ne!(incident.status, Status::Open);
    assert!(analyst.explain(&incident).await.expect("looks").is_none());
}
