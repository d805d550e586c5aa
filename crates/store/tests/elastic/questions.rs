//! ES|QL and intake, where the cluster has a word in it.

use std::sync::atomic::Ordering;

use esql::{Limits, Parameter, ParameterKind, Request};
use model::{Role, Timestamp};
use serde_json::{Value, json};
use store::conformance::{document, first_row};
use store::elastic::Elastic;
use store::{Error, ItemResult, Knowledge, Operation, SavedToken, Telemetry};

use crate::proxy::{Loses, losing};
use crate::server::{fresh, through};

fn question(query: &str) -> Request {
    Request {
        query: query.to_owned(),
        ..Request::default()
    }
}

async fn ingest(store: &Elastic, count: usize) -> Vec<ItemResult> {
    let documents = (0..count).map(|number| {
        let source = json!({
            "@timestamp": "2026-11-24T10:00:00.000123Z",
            "service": {"name": "cart"},
            "message": format!("line {number}"),
            "number": number,
        });
        document("logs-application", None, Operation::Create, source)
    });
    store
        .ingest(documents.collect())
        .await
        .expect("is ingested")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn answers_come_with_types_multivalues_and_warnings() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = fresh(dir.path()).await;
    let answer = store
        .query(&question("ROW a = [\"b\", \"a\"], n = 1, t = TO_DATETIME(\"2026-01-01T00:00:00Z\"), d = 1 / 0 | EVAL x = TO_INTEGER(\"many\")"))
        .await
        .expect("is answered");
    assert_eq!(
        esql::answer::rows(&answer),
        [vec![
            json!(["b", "a"]),
            json!(1),
            json!("2026-01-01T00:00:00.000Z"),
            Value::Null,
            Value::Null
        ]]
    );
    let warnings = answer.warnings.join("\n");
    assert!(warnings.contains("/ by zero"), "{warnings}");
    assert!(
        warnings.contains("Cannot parse number [many]"),
        "{warnings}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn errors_are_elasticsearchs_own_words() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = fresh(dir.path()).await;
    let error = store
        .query(&question("FROM nowhere"))
        .await
        .expect_err("is refused");
    let Error::Query(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (error.status(), error.kind()),
        (400, "verification_exception")
    );
    assert_eq!(
        error.to_string(),
        "Found 1 problem\nline 1:1: Unknown index [nowhere]"
    );
    let mut slow = question("ROW a = 1");
    slow.limits.time_ms = 0;
    let error = store.query(&slow).await.expect_err("takes too long");
    assert!(
        matches!(&error, Error::Query(esql::Error::Limit(_))),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn values_stay_parameters_and_rows_are_as_many_as_asked_for() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = fresh(dir.path()).await;
    ingest(&store, 1_500).await;
    let mut request = question("FROM logs-* | WHERE message != ?text AND ??field >= ?least");
    let named = |name: &str, kind| Parameter {
        name: Some(name.to_owned()),
        kind,
    };
    request.params = vec![
        named("text", ParameterKind::Value(json!("\" OR true OR \""))),
        named("field", ParameterKind::Identifier("number".to_owned())),
        named("least", ParameterKind::Value(json!(100))),
    ];
    let rows = |answer: esql::Answer| esql::answer::rows(&answer).len();
    assert_eq!(
        rows(store.query(&request).await.expect("is answered")),
        1_000,
        "by default"
    );
    request.limits = Limits {
        default_rows: 100_000,
        ..Limits::default()
    };
    assert_eq!(
        rows(store.query(&request).await.expect("is answered")),
        1_400
    );
    let us = "FROM logs-* | STATS us = MAX(timestamp.us)";
    let answer = store.query(&question(us)).await.expect("is answered");
    assert_eq!(
        first_row(&answer),
        ["1795514400000123"],
        "finer than a date can be"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn tokens_are_not_in_reach_of_queries() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = fresh(dir.path()).await;
    let token = SavedToken {
        id: "t1".to_owned(),
        hash: "ab".repeat(32),
        name: "laptop".to_owned(),
        role: Role::Admin,
        scopes: Vec::new(),
        person: true,
        created_at: Timestamp(1),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    store.put_token(&token).await.expect("is stored");
    for query in [
        "FROM datapulse-tokens",
        "FROM datapulse* METADATA _source",
        "FROM *, datapulse-tokens | KEEP hash",
    ] {
        let rows = match store.query(&question(query)).await {
            Ok(answer) => esql::answer::rows(&answer).len(),
            Err(_) => 0,
        };
        assert_eq!(rows, 0, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn a_bulk_whose_answer_was_lost_stores_nothing_twice() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(fresh(dir.path()).await);
    let proxy = losing("/_bulk", Loses::Answers, 1).await;
    let address = through(&proxy.url);
    let store = Elastic::open(address, dir.path()).await.expect("opens");
    let results = ingest(&store, 50).await;
    assert_eq!(proxy.lost.load(Ordering::SeqCst), 1, "an answer was lost");
    assert!(
        results
            .iter()
            .all(|result| matches!(result, ItemResult::Created { .. })),
        "{results:?}"
    );
    let answer = store
        .query(&question("FROM logs-* | STATS n = COUNT(*)"))
        .await
        .expect("is answered");
    assert_eq!(first_row(&answer), ["50"]);
}

#[tokio::test]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn a_node_that_is_down_costs_a_try_and_all_down_is_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let up = crate::server::url();
    let address = through(&format!("http://127.0.0.1:1,{up}"));
    let store = Elastic::open(address, dir.path())
        .await
        .expect("opens by the other node");
    assert!(!store.server().version.is_empty());
    drop(store);
    let address = through("http://127.0.0.1:1");
    let error = Elastic::open(address, dir.path()).await.map(drop);
    let text = error.expect_err("nothing answers").to_string();
    assert!(
        text.starts_with("Elasticsearch can't be reached: http://127.0.0.1:1/"),
        "{text}"
    );
    assert!(text.contains("check [backends] store"), "{text}");
}
