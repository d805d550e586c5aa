//! Chains and anchors: what verification says of a journal that somebody touched.

use std::path::Path;

use indexmap::IndexMap;
use model::{
    Actor, Agent, Digest, Event, Evidence, Finding, Incident, IncidentId, Projection, Record,
    Severity, Signal, StoredRecord, Subject, Timestamp, Window,
};
use store::{Embedded, Journal};

use crate::shop::open;

const START: i64 = 1_790_000_000_000;

fn finding(service: &str, at: Timestamp) -> Finding {
    let window = Window::new(at.plus_ms(-300_000), at);
    Finding {
        rule: "error-rate".to_owned(),
        subject: Subject::service(service),
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
            parameters: IndexMap::new(),
            window,
            asked_at: at,
            says: "12 % of requests fail".to_owned(),
            columns: Vec::new(),
            rows: Vec::new(),
            row_count: 0,
            answer_digest: Digest::ZERO,
        },
    }
}

/// Appends an incident with two notes; gives its id.
pub async fn incident(store: &Embedded, subject: &str) -> IncidentId {
    let at = Timestamp(START);
    let id = IncidentId::derive("error-rate", subject, at);
    let sentinel = Actor::agent(Agent::Sentinel);
    let person = Actor::Person {
        subject: "u1".to_owned(),
        name: "Ada".to_owned(),
        via: "cli".to_owned(),
    };
    let opened = Event::Opened {
        title: format!("{subject} fails"),
        severity: Severity::High,
        severity_reason: "it is critical".to_owned(),
        finding: Box::new(finding(subject, at)),
        split_from: None,
        others: Vec::new(),
    };
    let note = |text: &str| Event::NoteAdded {
        text: text.to_owned(),
    };
    let events = [
        (sentinel, opened),
        (person.clone(), note("one")),
        (person, note("two")),
    ];
    let mut previous = Digest::ZERO;
    let mut records = Vec::new();
    for (place, (actor, event)) in events.into_iter().enumerate() {
        let record = Record {
            incident: id.clone(),
            seq: place as u64 + 1,
            at: at.plus_ms(place as i64),
            actor,
            previous,
            event,
        };
        let stored = StoredRecord::new(&record).expect("is JSON");
        previous = stored.digest;
        records.push(record);
        let fold = Incident::fold(&records).expect("is legal");
        store
            .append(&stored, Some(&Projection::from(&fold)))
            .await
            .expect("is created");
    }
    id
}

pub fn sql(dir: &Path, text: &str) {
    let connection = rusqlite::Connection::open(dir.join("truth.db")).expect("opens");
    connection.execute_batch(text).expect("runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_journal_is_intact_and_covered_also_while_it_is_in_use() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    incident(&store, "cart").await;
    incident(&store, "search").await;
    let beside = Embedded::open_reading(dir.path()).await.expect("opens");
    for found in [store.verify().await, beside.verify().await] {
        let found = found.expect("verifies");
        assert!(found.is_intact(), "{found:?}");
        assert_eq!((found.incidents.len(), found.anchor_lines), (2, 6));
        assert_eq!(found.uncovered().count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_names_the_record() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    let id = incident(&store, "cart").await;
    let other = incident(&store, "search").await;
    drop(store);
    sql(
        dir.path(),
        &format!(
            "UPDATE records SET bytes = CAST(replace(CAST(bytes AS TEXT), 'one', 'won') AS BLOB) WHERE incident = '{id}' AND seq = 2"
        ),
    );
    let store = open(dir.path()).await;
    let found = store.verify().await.expect("verifies");
    assert!(!found.is_intact());
    let check = |id: &IncidentId| {
        found
            .incidents
            .iter()
            .find(|check| check.incident == *id)
            .expect("is there")
    };
    let fault = check(&id).fault.as_ref().expect("has a fault");
    assert_eq!(fault.seq, 2, "{fault}");
    assert!(check(&other).is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_tail_and_a_deleted_incident_disagree_with_their_anchors() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    let cut = incident(&store, "cart").await;
    let gone = incident(&store, "search").await;
    drop(store);
    sql(
        dir.path(),
        &format!(
            "DELETE FROM records WHERE (incident = '{cut}' AND seq = 3) OR incident = '{gone}'"
        ),
    );
    let store = open(dir.path()).await;
    let found = store.verify().await.expect("verifies");
    let faults = |id: &IncidentId| {
        let check = found
            .incidents
            .iter()
            .find(|check| check.incident == *id)
            .expect("is there");
        assert_eq!(check.fault, None, "the chain by itself shows nothing");
        check.anchor_faults.len()
    };
    assert_eq!((faults(&cut), faults(&gone)), (1, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_without_an_anchor_is_said_and_gets_one_at_the_next_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    let first = incident(&store, "cart").await;
    let second = incident(&store, "search").await;
    drop(store);
    let path = dir.path().join("anchors.log");
    let text = std::fs::read_to_string(&path).expect("reads");
    let lines: Vec<&str> = text.lines().collect();
    let torn = format!(
        "{}\n{}\n{}\n{}\n{}",
        lines[0],
        lines[1],
        lines[2],
        lines[3],
        &lines[4][..20]
    );
    std::fs::write(&path, torn).expect("writes");
    let beside = Embedded::open_reading(dir.path()).await.expect("opens");
    let found = beside.verify().await.expect("verifies");
    assert!(found.is_intact());
    let uncovered: Vec<_> = found
        .uncovered()
        .map(|check| (&check.incident, check.anchored_seq))
        .collect();
    assert_eq!(uncovered, [(&second, Some(1))]);
    drop(beside);
    let store = open(dir.path()).await;
    assert_eq!(
        std::fs::read_to_string(&path).expect("reads"),
        text,
        "the same lines again"
    );
    let found = store.verify().await.expect("verifies");
    assert_eq!(
        (found.is_intact(), found.uncovered().count()),
        (true, 0),
        "{found:?}"
    );
    assert_eq!(store.records(&first).await.expect("reads").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_anchor_file_is_a_fault() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    incident(&store, "cart").await;
    let path = dir.path().join("anchors.log");
    let text = std::fs::read_to_string(&path).expect("reads");
    std::fs::write(&path, text.replacen("\"seq\":2", "\"seq\":3", 1)).expect("writes");
    let found = store.verify().await.expect("verifies");
    assert!(!found.is_intact());
    assert!(found.anchor_file.is_some(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_can_be_asked() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    let id = incident(&store, "cart").await;
    let snapshot = store.snapshot();
    let names = store
        .index_names("agent-audit-*,incidents")
        .await
        .expect("reads");
    assert_eq!(names, [id.journal_index().as_str(), "incidents"]);
    let rows = crate::shop::rows_of(&snapshot, "agent-audit-*", None).await;
    let ids = crate::shop::ids_in(&rows);
    assert_eq!(
        ids,
        [format!("{id}:1"), format!("{id}:2"), format!("{id}:3")]
    );
    let rows = crate::shop::rows_of(&snapshot, "incidents", None).await;
    assert_eq!(crate::shop::ids_in(&rows), [id.to_string()]);
}

async fn answer(store: &Embedded, query: &str) -> String {
    use store::Telemetry as _;
    let request = esql::Request {
        query: query.to_owned(),
        ..esql::Request::default()
    };
    let answer = store
        .query(&request)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    store::conformance::first_row(&answer).join(" | ")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_answers_esql() {
    use store::Knowledge as _;
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    let id = incident(&store, "cart").await;
    let runbook = |id: &str, title: &str, content: &str| model::Runbook {
        id: id.to_owned(),
        title: title.to_owned(),
        summary: String::new(),
        signals: vec![Signal::ErrorRate, Signal::Latency],
        symptoms: vec!["timeout".to_owned()],
        content: content.to_owned(),
        actions: Vec::new(),
    };
    let books = [
        runbook(
            "pool",
            "Connections run out",
            "Look at the database connection pool.",
        ),
        runbook("disk", "The disk is full", "Free space on the volume."),
    ];
    for book in &books {
        store.put_runbook(book).await.expect("is stored");
    }
    let journal = "FROM agent-audit-* METADATA _id | SORT seq DESC | KEEP _id, agent, action, seq";
    assert_eq!(
        answer(&store, journal).await,
        format!("{id}:3 | Ada | note_added | 3")
    );
    let open =
        "FROM incidents | WHERE status == \"open\" | KEEP incident_id, service.name, severity";
    assert_eq!(answer(&store, open).await, format!("{id} | cart | high"));
    let metrics = "FROM incidents | KEEP metrics.signal, metrics.observed, metrics.threshold, metrics.unit, metrics.requests";
    assert_eq!(
        answer(&store, metrics).await,
        "error_rate | 0.12 | 0.05 | share | 1000.0"
    );
    let told = "FROM incidents | WHERE timeline IS NULL AND report IS NULL AND proposals IS NULL | STATS n = COUNT(*)";
    assert_eq!(answer(&store, told).await, "1", "no report yet");
    let bytes = "FROM agent-audit-* | WHERE seq == 3 | EVAL note = record LIKE \"*note_added*two*\" | KEEP note";
    assert_eq!(answer(&store, bytes).await, "true");
    let words = "FROM runbooks-knowledge | WHERE MATCH(content, \"volume\") | EVAL n = MV_COUNT(signals) | KEEP id, n";
    assert_eq!(answer(&store, words).await, "disk | 2");
    let vector = store::embedding::embed("the pool of database connections is exhausted");
    let numbers: Vec<String> = vector.iter().map(f32::to_string).collect();
    let nearest = format!(
        "FROM runbooks-knowledge METADATA _score | WHERE KNN(content_embedding, [{}]) | SORT _score DESC | LIMIT 1 | KEEP id",
        numbers.join(", ")
    );
    assert_eq!(answer(&store, &nearest).await, "pool");
}
