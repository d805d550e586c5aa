//! Documents by hand, and ways to count them.

use std::path::Path;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{Expr, SortExpr, col};
use datafusion::prelude::SessionContext;
use serde_json::{Value, json};
use store::{Document, Embedded, ItemResult, Operation, Options, Telemetry};

pub const INDEX: &str = "traces-application";

/// Nothing goes to a segment by itself: tests say when.
pub fn manual() -> Options {
    Options {
        flush_idle: std::time::Duration::from_secs(3_600),
        flush_age: std::time::Duration::from_secs(3_600),
        ..Options::default()
    }
}

pub async fn open(dir: &Path) -> Embedded {
    Embedded::open(dir, manual()).await.expect("opens")
}

/// A span, `number` seconds into the day.
pub fn span(number: i64) -> Document {
    let source = json!({
        "@timestamp": 1_790_000_000_000_i64 + number * 1_000,
        "service.name": format!("service-{}", number % 3),
        "span.duration.us": number,
    });
    document(
        INDEX,
        Some(&format!("s{number}")),
        Operation::Create,
        source,
    )
}

pub fn spans(numbers: std::ops::Range<i64>) -> Vec<Document> {
    numbers.map(span).collect()
}

pub fn document(index: &str, id: Option<&str>, operation: Operation, source: Value) -> Document {
    store::conformance::document(index, id, operation, source)
}

/// Stores documents that nothing speaks against.
pub async fn put(store: &Embedded, documents: Vec<Document>) {
    let results = store.ingest(documents).await.expect("is stored");
    let fine = |result: &ItemResult| {
        matches!(
            result,
            ItemResult::Created { .. } | ItemResult::Updated { .. }
        )
    };
    assert!(results.iter().all(fine), "{results:?}");
}

/// The rows that match, sorted by id.
pub async fn rows(store: &Embedded, index: &str, filter: Option<Expr>) -> Vec<RecordBatch> {
    rows_of(&store.snapshot(), index, filter).await
}

pub async fn rows_of(
    snapshot: &store::Snapshot,
    index: &str,
    filter: Option<Expr>,
) -> Vec<RecordBatch> {
    let indices = snapshot.matching(index).await.expect("reads");
    let Some(found) = indices.into_iter().next() else {
        return Vec::new();
    };
    let mut frame = SessionContext::new()
        .read_table(found.table)
        .expect("is a table");
    if let Some(filter) = filter {
        frame = frame.filter(filter).expect("filters");
    }
    let by_id = SortExpr::new(col("_id"), true, true);
    frame
        .sort(vec![by_id])
        .expect("sorts")
        .collect()
        .await
        .expect("runs")
}

/// The ids of the rows that match, sorted.
pub async fn ids(store: &Embedded, index: &str, filter: Option<Expr>) -> Vec<String> {
    ids_in(&rows(store, index, filter).await)
}

pub fn ids_in(batches: &[RecordBatch]) -> Vec<String> {
    let column = |batch: &RecordBatch| {
        batch
            .column_by_name("_id")
            .expect("has ids")
            .as_string::<i32>()
            .clone()
    };
    batches
        .iter()
        .flat_map(|batch| {
            column(batch)
                .iter()
                .map(|id| id.expect("has an id").to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Count and sum of a long column.
pub async fn count_and_sum(store: &Embedded, index: &str, name: &str) -> (usize, i64) {
    let batches = rows(store, index, None).await;
    let sum = |batch: &RecordBatch| {
        let values = batch
            .column_by_name(name)
            .expect("has the column")
            .as_primitive::<Int64Type>()
            .clone();
        values.iter().flatten().sum::<i64>()
    };
    (
        batches.iter().map(RecordBatch::num_rows).sum(),
        batches.iter().map(sum).sum(),
    )
}
