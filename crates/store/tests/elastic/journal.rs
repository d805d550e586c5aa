//! The lock, lost answers, late projections and a journal that was tampered with.

use std::sync::atomic::Ordering;

use model::{
    Actor, Agent, Digest, Event, Evidence, Finding, IncidentId, Projection, Record, Severity,
    Signal, Status, StoredRecord, Subject, Summary, Timestamp, Window,
};
use serde_json::json;
use store::elastic::Elastic;
use store::{Error, Journal, SummaryFilter};

use crate::proxy::{Loses, losing};
use crate::server::{ask, fresh, through};

const DAY: i64 = 1_790_000_000_000;

pub fn incident() -> IncidentId {
    IncidentId::derive("error-rate", "checkout", Timestamp(DAY))
}

/// What an incident begins with.
fn opened() -> Event {
    let (at, before) = (Timestamp(DAY), Timestamp(DAY - 300_000));
    let window = Window::new(before, at);
    Event::Opened {
        title: "checkout fails".to_owned(),
        severity: Severity::High,
        severity_reason: "it is critical".to_owned(),
        finding: Box::new(Finding {
            rule: "error-rate".to_owned(),
            subject: Subject::service("checkout"),
            tick: at,
            window,
            signal: Signal::ErrorRate,
            observed: 0.12,
            threshold: 0.05,
            unit: "share".to_owned(),
            held_against: "threshold".to_owned(),
            requests: Some(1_000.0),
            since: None,
            notes: Vec::new(),
            evidence: Evidence {
                id: "E1".to_owned(),
                tool: "detect_anomalies".to_owned(),
                query: "FROM metrics-*".to_owned(),
                parameters: indexmap::IndexMap::new(),
                window,
                asked_at: at,
                says: "12 % of requests fail".to_owned(),
                columns: Vec::new(),
                rows: Vec::new(),
                row_count: 0,
                answer_digest: Digest::ZERO,
            },
        }),
        split_from: None,
        others: Vec::new(),
    }
}

pub fn record(seq: u64, previous: Digest, text: &str) -> StoredRecord {
    let note = Event::NoteAdded {
        text: text.to_owned(),
    };
    let (actor, event) = match seq {
        1 => (Actor::agent(Agent::Sentinel), opened()),
        _ => (person(), note),
    };
    stored(seq, previous, actor, event)
}

fn person() -> Actor {
    Actor::Person {
        subject: "u1".to_owned(),
        name: "Ada".to_owned(),
        via: "cli".to_owned(),
    }
}

pub fn note(text: &str) -> StoredRecord {
    let event = Event::NoteAdded {
        text: text.to_owned(),
    };
    stored(1, Digest::ZERO, person(), event)
}

fn stored(seq: u64, previous: Digest, actor: Actor, event: Event) -> StoredRecord {
    let record = Record {
        incident: incident(),
        seq,
        at: Timestamp(DAY + seq as i64),
        actor,
        previous,
        event,
    };
    StoredRecord::new(&record).expect("a record is JSON")
}

pub fn shown(title: &str, last_seq: u64) -> Projection {
    Summary {
        incident_id: incident(),
        title: title.to_owned(),
        status: Status::Open,
        severity: Severity::High,
        service: "checkout".to_owned(),
        rule: "error-rate".to_owned(),
        owner: None,
        team: None,
        impact: None,
        merged_into: None,
        opened_at: Timestamp(DAY),
        updated_at: Timestamp(DAY),
        resolved_at: None,
        findings: 1,
        cause: None,
        confidence: None,
        proposals_pending: 0,
        person_needed: None,
        signature: vec!["error-rate of checkout".to_owned()],
        helped: None,
        feedback_right: Some(false),
        feedback_confidence: Some(0.4),
        feedback_cause: Some("service payment".to_owned()),
        last_seq,
    }
    .into()
}

/// A chain of notes, appended.
pub async fn chain(store: &Elastic, records: u64) -> Vec<StoredRecord> {
    let mut chain: Vec<StoredRecord> = Vec::new();
    for seq in 1..=records {
        let previous = chain.last().map_or(Digest::ZERO, |last| last.digest);
        let next = record(seq, previous, "a note");
        store
            .append(&next, Some(&shown("fails", seq)))
            .await
            .expect("is created");
        chain.push(next);
    }
    chain
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn of_many_writers_one_wins() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = fresh(dir.path()).await;
    let writers = (0..24).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let one = note(&format!("writer {number}"));
            (store.append(&one, Some(&shown("fails", 1))).await, one)
        })
    });
    let mut won = Vec::new();
    for writer in futures::future::join_all(writers).await {
        match writer.expect("ends") {
            (Ok(()), record) => won.push(record),
            (Err(Error::Conflict(_)), _) => {}
            (Err(error), _) => panic!("{error}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(store.records(&incident()).await.expect("reads"), won);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn a_create_whose_answer_was_lost_is_ours_and_stored_once() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(fresh(dir.path()).await);
    let proxy = losing("/_create/", Loses::Answers, 2).await;
    let address = through(&proxy.url);
    let store = Elastic::open(address, dir.path()).await.expect("opens");
    let chain = chain(&store, 2).await;
    assert_eq!(proxy.lost.load(Ordering::SeqCst), 2, "answers were lost");
    assert_eq!(store.records(&incident()).await.expect("reads"), chain);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn a_create_that_never_arrived_is_sent_again() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(fresh(dir.path()).await);
    let proxy = losing("/_create/", Loses::Requests, 2).await;
    let address = through(&proxy.url);
    let store = Elastic::open(address, dir.path()).await.expect("opens");
    let chain = chain(&store, 1).await;
    assert_eq!(proxy.lost.load(Ordering::SeqCst), 2, "requests were lost");
    assert_eq!(store.records(&incident()).await.expect("reads"), chain);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn another_writers_record_is_a_conflict_even_with_the_same_bytes() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = fresh(dir.path()).await;
    let same = note("the same");
    first
        .append(&same, Some(&shown("fails", 1)))
        .await
        .expect("is created");
    let proxy = losing("/_create/", Loses::Answers, 1).await;
    let address = through(&proxy.url);
    let other = tempfile::tempdir().expect("a folder");
    let second = Elastic::open(address, other.path()).await.expect("opens");
    let refused = second.append(&same, Some(&shown("fails", 1))).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(proxy.lost.load(Ordering::SeqCst), 1, "an answer was lost");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn an_older_projection_never_replaces_a_newer_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = fresh(dir.path()).await;
    for (title, last_seq) in [
        ("two", 2),
        ("one", 1),
        ("three", 3),
        ("three again", 3),
        ("two", 2),
    ] {
        store
            .project(&shown(title, last_seq))
            .await
            .expect("is projected, or is old");
    }
    let page = store
        .summaries(&SummaryFilter::default())
        .await
        .expect("reads");
    assert_eq!(page.items[0].title, "three again");
    assert_eq!(page.total, 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn a_projection_that_lags_behind_is_made_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = fresh(dir.path()).await;
    chain(&store, 3).await;
    assert_eq!(store.catch_up().await.expect("looks"), 0, "nothing lags");
    for lagging in [None, Some(json!({"last_seq": 1}))] {
        ask("DELETE", "/incidents", None).await;
        store.set_up(30, false).await.expect("is set up");
        if let Some(old) = lagging {
            let version = "refresh=true&version=1&version_type=external_gte";
            ask(
                "PUT",
                &format!("/incidents/_doc/{}?{version}", incident()),
                Some(old),
            )
            .await;
        }
        assert_eq!(store.catch_up().await.expect("looks"), 1);
    }
    let page = store
        .summaries(&SummaryFilter::default())
        .await
        .expect("reads");
    assert_eq!((page.total, page.items[0].last_seq), (1, 3));
    assert_eq!(
        page.items[0].service, "checkout",
        "by the fold of its records"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn long_histories_are_read_whole_and_tampering_shows() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = fresh(dir.path()).await;
    let chain = chain(&store, 70).await;
    assert_eq!(store.records(&incident()).await.expect("reads"), chain);
    let document = |seq: u64| {
        let index = incident().journal_index();
        format!("/{index}/_doc/{}:{seq}", incident())
    };

    let found = store.verify().await.expect("reads");
    assert!(found.is_intact(), "{found:?}");
    assert_eq!((found.anchor_lines, found.uncovered().count()), (70, 0));

    // The tail is cut: only the anchors on this machine know.
    ask("DELETE", &(document(70) + "?refresh=true"), None).await;
    let found = store.verify().await.expect("reads");
    assert!(
        found.incidents[0].anchor_faults[0]
            .to_string()
            .contains("its tail was cut"),
        "{found:?}"
    );
    store
        .append(&chain[69], Some(&shown("fails", 70)))
        .await
        .expect("is created again");

    // One in the middle is gone: a fold ends before it, and verification says where.
    ask("DELETE", &(document(30) + "?refresh=true"), None).await;
    assert_eq!(store.records(&incident()).await.expect("reads").len(), 29);
    let found = store.verify().await.expect("reads");
    let fault = found.incidents[0].fault.as_ref().map(ToString::to_string);
    assert!(
        fault
            .as_ref()
            .is_some_and(|fault| fault.contains(":30: missing")),
        "{fault:?}"
    );

    // And put back with other bytes.
    let body = json!({"incident_id": incident(), "seq": 30, "bytes": "e30=", "digest": chain[29].digest.to_string()});
    ask("PUT", &(document(30) + "?refresh=true"), Some(body)).await;
    let found = store.verify().await.expect("reads");
    let fault = found.incidents[0].fault.as_ref().map(ToString::to_string);
    assert!(
        fault
            .as_ref()
            .is_some_and(|fault| fault.contains(":30: its bytes don't give its digest")),
        "{fault:?}"
    );
}
