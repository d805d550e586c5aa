//! Segments: what goes into them, what of them is read, and when they go.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, col, ident, lit};
use model::Timestamp;
use serde_json::json;
use store::{ItemResult, Operation, Options, Telemetry};

use crate::shop::{INDEX, count_and_sum, document, ids, manual, open, put, span, spans};

fn at(number: i64) -> Expr {
    let ms = 1_790_000_000_000 + number * 1_000;
    lit(ScalarValue::TimestampMillisecond(Some(ms), None))
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_becomes_a_segment_and_the_log_is_cut() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    put(&store, spans(0..100)).await;
    store.flush().await.expect("goes to a segment");
    let health = store.health();
    assert_eq!(
        (
            health.rows_in_memory,
            health.rows_in_segments,
            health.segments
        ),
        (0, 100, 1)
    );
    let log_bytes: u64 = std::fs::read_dir(dir.path().join("log"))
        .expect("reads")
        .map(|entry| {
            entry
                .and_then(|entry| entry.metadata())
                .expect("reads")
                .len()
        })
        .sum();
    assert_eq!(log_bytes, 0, "the segment covers it");
    put(&store, spans(100..150)).await;
    let again = store
        .ingest(vec![span(7), span(120)])
        .await
        .expect("answers");
    assert!(
        again
            .iter()
            .all(|result| matches!(result, ItemResult::Conflict { .. })),
        "{again:?}"
    );
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(
        count_and_sum(&store, INDEX, "span.duration.us").await,
        (150, 11_175)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_find_the_same_rows_in_memory_and_in_segments() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    for start in [0, 100, 200] {
        put(&store, spans(start..start + 100)).await;
        store.flush().await.expect("goes to a segment");
    }
    put(&store, spans(300..310)).await;
    let late = ident("@timestamp")
        .gt_eq(at(195))
        .and(ident("@timestamp").lt(at(205)));
    let expected: Vec<String> = (195..205).map(|number| format!("s{number}")).collect();
    assert_eq!(ids(&store, INDEX, Some(late.clone())).await, expected);
    let one = late.and(ident("service.name").eq(lit("service-0")));
    assert_eq!(
        ids(&store, INDEX, Some(one)).await,
        ["s195", "s198", "s201", "s204"]
    );
    let none = ident("service.name").eq(lit("nobody"));
    assert!(ids(&store, INDEX, Some(none)).await.is_empty());
    let end = ident("@timestamp").gt(at(298));
    assert_eq!(
        ids(&store, INDEX, Some(end)).await.len(),
        11,
        "a segment and memory"
    );
    let ends = col("_id").in_list(vec![lit("s0"), lit("s299"), lit("s309")], false);
    assert_eq!(ids(&store, INDEX, Some(ends)).await, ["s0", "s299", "s309"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_on_a_field_that_a_segment_lacks() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    put(&store, spans(0..10)).await;
    store.flush().await.expect("goes to a segment");
    let source = json!({"@timestamp": "2026-11-24T10:00:00Z", "event.outcome": "failure"});
    put(
        &store,
        vec![document(INDEX, Some("f"), Operation::Create, source)],
    )
    .await;
    let failed = || ident("event.outcome").eq(lit("failure"));
    assert_eq!(ids(&store, INDEX, Some(failed())).await, ["f"]);
    store.flush().await.expect("goes to a segment");
    assert_eq!(ids(&store, INDEX, Some(failed())).await, ["f"]);
    assert_eq!(
        ids(&store, INDEX, Some(ident("event.outcome").is_null()))
            .await
            .len(),
        10
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn old_segments_go_and_their_index_stays_known() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    put(&store, spans(0..10)).await;
    store.flush().await.expect("goes to a segment");
    put(&store, spans(10..20)).await;
    let before = store.snapshot();
    let edge = Timestamp(1_790_000_000_000 + 10_000);
    assert_eq!(store.retain("logs-*", edge).await.expect("deletes"), 0);
    assert_eq!(store.retain("traces-*", edge).await.expect("deletes"), 10);
    assert_eq!(ids(&store, INDEX, None).await.len(), 10);
    let earlier = crate::shop::ids_in(&crate::shop::rows_of(&before, INDEX, None).await);
    assert_eq!(earlier.len(), 20, "a query that had begun reads on");
    drop(before);
    assert_eq!(
        store
            .retain("*", edge.plus_ms(1_000_000))
            .await
            .expect("deletes"),
        10
    );
    assert_eq!(
        std::fs::read_dir(dir.path().join("segments"))
            .expect("reads")
            .count(),
        0
    );
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(store.index_names("traces-*").await.expect("reads"), [INDEX]);
    assert!(ids(&store, INDEX, None).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn small_segments_are_put_together() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    for number in 0..20 {
        put(&store, spans(number * 10..number * 10 + 10)).await;
        store.flush().await.expect("goes to a segment");
    }
    assert!(store.health().segments < 12, "{:?}", store.health());
    assert_eq!(
        count_and_sum(&store, INDEX, "span.duration.us").await,
        (200, 19_900)
    );
    let files = std::fs::read_dir(dir.path().join("segments"))
        .expect("reads")
        .count();
    assert_eq!(
        files,
        store.health().segments,
        "what was put together is deleted"
    );
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(
        count_and_sum(&store, INDEX, "span.duration.us").await,
        (200, 19_900)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_are_written_in_the_background() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options {
        flush_rows: 100,
        ..manual()
    };
    let store = store::Embedded::open(dir.path(), options)
        .await
        .expect("opens");
    for number in 0..10 {
        put(&store, spans(number * 50..number * 50 + 50)).await;
    }
    for _ in 0..100 {
        if store.health().rows_in_memory < 100 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let health = store.health();
    assert_eq!(
        health.rows_in_memory + health.rows_in_segments,
        500,
        "{health:?}"
    );
    assert!(health.rows_in_segments >= 400, "{health:?}");
}
