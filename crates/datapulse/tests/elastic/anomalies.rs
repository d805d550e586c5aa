//! `datapulse ml`, and what Sentinel makes of a machine learning job's records. The test server has
//! no machine learning: records are put there by hand, with the fields and types of real ones.

use std::sync::Arc;

use bus::Bus;
use casework::{Casework, Clock, Toolbox};
use model::{Policy, Signal, Timestamp};
use sentinel::Sentinel;
use serde_json::{Value, json};
use store::Elastic;
use store::elastic::{Address, Login};

use crate::place::{Place, ask, password, put, url};

const RESULTS: &str = ".ml-anomalies-custom-datapulse";

/// With the types of the results' own mapping.
async fn results() {
    let keyword = json!({ "type": "keyword" });
    let double = json!({ "type": "double" });
    let properties = json!({
        "timestamp": { "type": "date" }, "result_type": keyword, "job_id": keyword,
        "is_interim": { "type": "boolean" }, "bucket_span": { "type": "long" },
        "partition_field_name": keyword, "partition_field_value": keyword, "field_name": keyword,
        "function": keyword, "actual": double, "typical": double, "record_score": double,
        "probability": double, "anomaly_score": double,
    });
    let body = json!({ "mappings": { "properties": properties } });
    let made = ask("PUT", &format!("/{RESULTS}"), Some(body)).await;
    assert_eq!(made["acknowledged"], true, "{made}");
}

fn bucket(at: &str) -> Value {
    json!({"timestamp": at, "result_type": "bucket", "job_id": "datapulse-error-rate", "is_interim": false, "bucket_span": 300, "anomaly_score": 90.0})
}

fn record(at: &str, service: &str, score: f64) -> Value {
    json!({"timestamp": at, "result_type": "record", "job_id": "datapulse-error-rate", "is_interim": false, "bucket_span": 300,
        "partition_field_name": "service.name", "partition_field_value": service, "field_name": "error_rate",
        "function": "mean", "actual": [0.25], "typical": [0.0125], "record_score": score, "probability": 1e-9})
}

async fn open(place: &Place, clock: &Clock) -> (Casework, Sentinel) {
    let login = Login::Basic {
        user: "elastic".to_owned(),
        password: password(),
    };
    let address = Address::parse(&url()).expect("an address").login(login);
    let folder = place.path().join("data");
    let store = Elastic::open(address, &folder).await;
    let store = Arc::new(store.expect("opens"));
    let casework = Casework::new(
        store.clone(),
        store.clone(),
        store,
        Bus::memory(),
        clock.clone(),
        Policy::default(),
        Toolbox::embedded().expect("tools"),
    );
    let sentinel = Sentinel::new(casework.clone(), sentinel::Settings::default());
    (casework, sentinel)
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// Telemetry of a service that is well: without news of any kind Sentinel has nothing to look at.
async fn news(time: &str) {
    let metric = json!({"@timestamp": time, "service": {"name": "cart"}, "request_count": 100, "error_count": 0, "latency": 20.5});
    put("metrics-system", &[metric]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn a_record_over_the_score_becomes_a_finding_that_can_be_asked_again_and_ends() {
    let place = Place::new().await;
    let clock = Clock::manual(at("2026-11-24T10:12:00Z"));
    let (casework, sentinel) = open(&place, &clock).await;
    news("2026-11-24T10:10:00Z").await;
    let looked = sentinel.look().await.expect("looks");
    assert!(
        looked.opened.is_empty(),
        "no index of results is no error: {looked:?}"
    );

    results().await;
    let time = "2026-11-24T10:05:00Z";
    put(
        RESULTS,
        &[
            bucket(time),
            record(time, "cart", 91.5),
            record(time, "search", 40.0),
        ],
    )
    .await;
    news("2026-11-24T10:12:30Z").await;
    clock.set(at("2026-11-24T10:13:00Z"));
    let looked = sentinel.look().await.expect("looks");
    assert_eq!(looked.opened.len(), 1, "{looked:?}");
    let incident = casework
        .incident(&looked.opened[0])
        .await
        .expect("is there");
    let finding = &incident.findings[0];
    assert_eq!(finding.subject.service, "cart");
    assert_eq!(
        (finding.rule.as_str(), finding.signal),
        ("ml-anomaly", Signal::Metric)
    );
    assert_eq!((finding.observed, finding.threshold), (91.5, 75.0));
    assert!(
        finding.notes[0].contains("error_rate 0.25 where 0.0125 is typical"),
        "{:?}",
        finding.notes
    );
    let again = casework.ask_again(&finding.evidence).await.expect("asks");
    assert!(again.holds && !again.now.rows.is_empty(), "{}", again.says);

    news("2026-11-24T10:13:30Z").await;
    clock.set(at("2026-11-24T10:14:00Z"));
    let looked = sentinel.look().await.expect("looks");
    assert!(
        looked.opened.is_empty(),
        "the same record is one finding: {looked:?}"
    );

    // Buckets without a record of it: the job looked, and found nothing.
    put(
        RESULTS,
        &[
            bucket("2026-11-24T10:10:00Z"),
            bucket("2026-11-24T10:15:00Z"),
        ],
    )
    .await;
    let mut resolved = Vec::new();
    for minute in 21..34 {
        news(&format!("2026-11-24T10:{:02}:30Z", minute - 1)).await;
        clock.set(at(&format!("2026-11-24T10:{minute:02}:00Z")));
        resolved.extend(sentinel.look().await.expect("looks").resolved);
    }
    assert_eq!(resolved, [incident.id]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn a_server_without_machine_learning_is_told_so() {
    let place = Place::new().await;
    let said = place.run(&["ml", "install"]);
    assert!(said.err.contains("no signal profile fits"), "{}", said.err);
    news("2026-11-24T10:10:00Z").await;
    for command in [
        &["ml", "install"][..],
        &["ml", "install", "--dry-run"],
        &["ml", "status"],
        &["ml", "remove"],
    ] {
        let said = place.run(command);
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(
            said.err.contains("this cluster has no machine learning"),
            "{}",
            said.err
        );
    }
}
