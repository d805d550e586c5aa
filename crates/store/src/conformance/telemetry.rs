//! Documents come in once each, and queries see them.

use esql::{Answer, DataType, Request};
use serde_json::{Value, json};

use crate::{Document, ItemResult, Knowledge, Operation, Telemetry};

/// A document from JSON.
pub fn document(index: &str, id: Option<&str>, operation: Operation, source: Value) -> Document {
    let Value::Object(source) = source else {
        panic!("a document is an object");
    };
    Document {
        index: index.to_owned(),
        operation,
        id: id.map(str::to_owned),
        source,
    }
}

fn create(index: &str, id: Option<&str>, source: Value) -> Document {
    document(index, id, Operation::Create, source)
}

async fn ingest(store: &impl Telemetry, documents: Vec<Document>) -> Vec<ItemResult> {
    store.ingest(documents).await.expect("is ingested")
}

/// The first row of an answer, as text.
pub fn first_row(answer: &Answer) -> Vec<String> {
    let Some(batch) = answer.batches.iter().find(|batch| batch.num_rows() > 0) else {
        return Vec::new();
    };
    let text = |column| arrow::util::display::array_value_to_string(column, 0).expect("prints");
    batch.columns().iter().map(|column| text(column)).collect()
}

async fn row(store: &impl Telemetry, query: &str) -> Vec<String> {
    let request = Request {
        query: query.to_owned(),
        ..Request::default()
    };
    let answer = store
        .query(&request)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    first_row(&answer)
}

fn id(text: &str) -> String {
    text.to_owned()
}

pub async fn an_id_is_never_doubled(store: &impl Telemetry) {
    let at = "2026-11-24T10:00:00Z";
    let make = |name: &str, operation, value: i64| {
        let source = json!({"@timestamp": at, "service.name": "cart", "deployment.number": value});
        document("deployments-shop", Some(name), operation, source)
    };
    let (create, index) = (Operation::Create, Operation::Index);
    let first = vec![
        make("a", create, 1),
        make("a", create, 2),
        make("b", index, 3),
        make("b", index, 4),
    ];
    let expected = vec![
        ItemResult::Created { id: id("a") },
        ItemResult::Conflict { id: id("a") },
        ItemResult::Created { id: id("b") },
        ItemResult::Updated { id: id("b") },
    ];
    assert_eq!(ingest(store, first).await, expected, "within one batch");
    let second = vec![
        make("a", create, 5),
        make("b", index, 6),
        make("c", create, 7),
    ];
    let expected = vec![
        ItemResult::Conflict { id: id("a") },
        ItemResult::Updated { id: id("b") },
        ItemResult::Created { id: id("c") },
    ];
    assert_eq!(ingest(store, second).await, expected, "across batches");
    let query = "FROM deployments-shop | STATS n = COUNT(*), sum = SUM(deployment.number)";
    assert_eq!(
        row(store, query).await,
        ["3", "14"],
        "a is 1, b is 6, c is 7"
    );
}

/// In the order of the batch, also within it, and for good.
pub async fn what_is_deleted_is_gone(store: &impl Telemetry) {
    let make = |name: &str, operation, value: i64| {
        let source = json!({"@timestamp": "2026-11-24T10:00:00Z", "deployment.number": value});
        document("deployments-shop", Some(name), operation, source)
    };
    let (create, index, delete) = (Operation::Create, Operation::Index, Operation::Delete);
    let first = vec![
        make("a", create, 1),
        make("a", delete, 0),
        make("a", delete, 0),
        make("a", create, 2),
        make("b", index, 10),
        make("c", create, 100),
    ];
    let expected = vec![
        ItemResult::Created { id: id("a") },
        ItemResult::Deleted { id: id("a") },
        ItemResult::NotFound { id: id("a") },
        ItemResult::Created { id: id("a") },
        ItemResult::Created { id: id("b") },
        ItemResult::Created { id: id("c") },
    ];
    assert_eq!(ingest(store, first).await, expected, "within one batch");
    let second = vec![
        make("a", delete, 0),
        make("b", index, 20),
        make("b", delete, 0),
        make("b", create, 30),
        make("d", delete, 0),
    ];
    let expected = vec![
        ItemResult::Deleted { id: id("a") },
        ItemResult::Updated { id: id("b") },
        ItemResult::Deleted { id: id("b") },
        ItemResult::Created { id: id("b") },
        ItemResult::NotFound { id: id("d") },
    ];
    assert_eq!(ingest(store, second).await, expected, "across batches");
    let query = "FROM deployments-shop | STATS n = COUNT(*), sum = SUM(deployment.number)";
    assert_eq!(row(store, query).await, ["2", "130"], "b is 30, c is 100");
    let nowhere = document("deployments-none", Some("a"), delete, json!({}));
    let stream = document("logs-application", Some("a"), delete, json!({}));
    let made = create_log(store).await;
    assert!(matches!(made, ItemResult::Created { .. }), "{made:?}");
    for (document, kind) in [
        (nowhere, "index_not_found_exception"),
        (stream, "illegal_argument_exception"),
    ] {
        let refused = ingest(store, vec![document]).await.remove(0);
        let ItemResult::Refused { kind: said, .. } = &refused else {
            panic!("{refused:?}");
        };
        assert_eq!(said, kind);
    }
}

async fn create_log(store: &impl Telemetry) -> ItemResult {
    let source = json!({"@timestamp": "2026-11-24T10:00:00Z", "message": "m"});
    let log = document("logs-application", Some("a"), Operation::Create, source);
    ingest(store, vec![log]).await.remove(0)
}

pub async fn items_are_refused_one_by_one(store: &impl Telemetry) {
    let at = "2026-11-24T10:00:00Z";
    let results = ingest(
        store,
        vec![
            create(
                "metrics-system",
                Some("1"),
                json!({"@timestamp": at, "latency": 12}),
            ),
            create("metrics-system", Some("2"), json!({"latency": 12})),
            create(
                "metrics-system",
                Some("3"),
                json!({"@timestamp": "soon", "latency": 12}),
            ),
            create(
                "metrics-system",
                Some("4"),
                json!({"@timestamp": at, "latency": "slow"}),
            ),
            create(
                "metrics-system",
                Some("5"),
                json!({"@timestamp": at, "latency": "7.5"}),
            ),
            create("Bad", Some("6"), json!({"@timestamp": at})),
            create("incidents", Some("7"), json!({"@timestamp": at})),
            create(
                "metrics-system",
                Some("8"),
                json!({"@timestamp": at, "_id": "x"}),
            ),
        ],
    )
    .await;
    let refusal = |result: &ItemResult| match result {
        ItemResult::Refused { kind, reason } => format!("{kind}: {reason}"),
        other => format!("{other:?}"),
    };
    assert_eq!(results[0], ItemResult::Created { id: id("1") });
    let missing = refusal(&results[1]);
    assert!(
        missing.starts_with("document_parsing_exception: ")
            // Elasticsearch says in between where in the document it noticed.
            && missing.ends_with("failed to parse: data stream timestamp field [@timestamp] is missing"),
        "{missing}"
    );
    assert!(refusal(&results[2]).contains("failed to parse field [@timestamp] of type [date]"));
    assert!(refusal(&results[3]).contains(
        "failed to parse field [latency] of type [double] in document with id '4'. Preview of field's value: 'slow'"
    ));
    assert_eq!(
        results[4],
        ItemResult::Created { id: id("5") },
        "a number may be written as text"
    );
    assert!(refusal(&results[5]).starts_with("invalid_index_name_exception"));
    assert!(
        matches!(results[6], ItemResult::Refused { .. }),
        "the projection isn't anybody's to write"
    );
    assert!(refusal(&results[7]).contains("[_id]"), "{:?}", results[7]);
    let query = "FROM metrics-system | STATS n = COUNT(*), sum = SUM(latency)";
    assert_eq!(row(store, query).await, ["2", "19.5"]);
}

pub async fn fields_follow_the_documents(store: &impl Telemetry) {
    let at = "2026-11-24T10:00:00.000123Z";
    ingest(
        store,
        vec![
            create("metrics-system", None, json!({"@timestamp": at, "request_count": 5})),
            create(
                "traces-application",
                None,
                json!({"@timestamp": at, "service": {"name": "cart"}, "span": {"duration": {"us": 12}}}),
            ),
            create(
                "logs-application",
                None,
                json!({"@timestamp": at, "message": "it broke", "tags": ["b", "a", "b"], "ok": false, "nothing": null}),
            ),
        ],
    )
    .await;
    let fields = store
        .fields("metrics-*,traces-*,logs-*")
        .await
        .expect("reads");
    let types = |name: &str| {
        fields
            .iter()
            .find(|field| field.name == name)
            .map(|field| field.data_type)
    };
    assert_eq!(types("@timestamp"), Some(DataType::Date));
    assert_eq!(
        types("request_count"),
        Some(DataType::Double),
        "whole and broken numbers mix"
    );
    assert_eq!(
        types("service.name"),
        Some(DataType::Keyword),
        "nested is flat"
    );
    assert_eq!(types("span.duration.us"), Some(DataType::Long));
    assert_eq!(types("message"), Some(DataType::Text));
    assert_eq!(types("tags"), Some(DataType::Keyword));
    assert_eq!(types("ok"), Some(DataType::Boolean));
    assert_eq!(types("nothing"), None);
    let newest = store
        .newest("logs-*")
        .await
        .expect("reads")
        .expect("has one");
    assert_eq!(newest.to_string(), "2026-11-24T10:00:00.000Z");
    assert_eq!(store.newest("deployments-*").await.expect("reads"), None);
    assert_eq!(
        row(
            store,
            "FROM logs-application | EVAL n = MV_COUNT(tags) | KEEP n"
        )
        .await,
        ["2"]
    );
}

pub async fn services_come_through_ingest(store: &(impl Telemetry + Knowledge)) {
    let source = |team: &str| json!({"service.name": "cart", "team": team, "criticality": 1, "depends_on": ["db"]});
    let results = ingest(
        store,
        vec![
            document("lookup-services", None, Operation::Index, source("old")),
            document("lookup-services", None, Operation::Index, source("new")),
            document(
                "lookup-services",
                None,
                Operation::Index,
                json!({"team": "x"}),
            ),
        ],
    )
    .await;
    assert!(
        matches!(results[2], ItemResult::Refused { .. }),
        "{results:?}"
    );
    let services = store.services().await.expect("reads");
    assert_eq!(services.len(), 1);
    assert_eq!(services[0].team.as_deref(), Some("new"));
    assert_eq!(services[0].depends_on, ["db"]);
}

pub async fn queries_see_what_was_ingested(store: &impl Telemetry) {
    let documents = (0..100).map(|number| {
        let second = number % 60;
        let source = json!({
            "@timestamp": format!("2026-11-24T10:{:02}:{second:02}Z", number / 60),
            "service.name": if number % 4 == 0 { "cart" } else { "search" },
            "latency": number,
        });
        create("metrics-system", None, source)
    });
    ingest(store, documents.collect()).await;
    ingest(
        store,
        vec![document(
            "lookup-services",
            None,
            Operation::Index,
            json!({"service.name": "cart", "team": "web"}),
        )],
    )
    .await;
    let query = "FROM metrics-* | WHERE @timestamp >= \"2026-11-24T10:01:00Z\" \
                 | STATS n = COUNT(*), worst = MAX(latency) BY service.name \
                 | LOOKUP JOIN lookup-services ON service.name \
                 | SORT service.name | KEEP service.name, n, worst, team";
    assert_eq!(row(store, query).await, ["cart", "10", "96.0", "web"]);
}
