//! Aggregations that summaries answer: as the rows themselves, and without reading them.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMillisecondType};
use serde_json::json;
use store::{Document, Embedded, Operation, Telemetry};

use crate::shop::{document, open, put};

/// How far a percentile may be from the exact one, as a share of it.
const ERROR: f64 = 0.005;

const START_MS: i64 = 1_790_000_040_000;
const ROWS: i64 = 20_000;

/// Spans of two hours: some without an outcome, all durations different.
fn span(number: i64) -> Document {
    let outcome = match number % 50 {
        0 => Some("failure"),
        1 => None,
        _ => Some("success"),
    };
    let source = json!({
        "@timestamp": START_MS + number * 360,
        "service.name": format!("service-{:02}", number * 7 % 11),
        "span.kind": if number % 3 == 0 { "server" } else { "client" },
        "span.name": format!("GET /{}", number * 31 % 1_999),
        "event.outcome": outcome,
        "span.duration.us": 100 + number * 7_919 % 100_003,
        "load": (number % 977) as f64 / 7.0 - 20.0,
        "trace.id": format!("{number:032x}"),
    });
    document("traces-application", None, Operation::Create, source)
}

async fn filled() -> (tempfile::TempDir, Embedded) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    for from in (0..ROWS).step_by(5_000) {
        put(&store, (from..from + 5_000).map(span).collect()).await;
    }
    (dir, store)
}

async fn ask(store: &Embedded, query: &str) -> esql::Answer {
    let request = esql::Request {
        query: query.to_owned(),
        ..esql::Request::default()
    };
    let answer = store.query(&request).await;
    answer.unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// Every cell as text, numbers as numbers.
fn cells(answer: &esql::Answer) -> Vec<Vec<Result<f64, String>>> {
    let mut rows = Vec::new();
    for batch in &answer.batches {
        for row in 0..batch.num_rows() {
            let cell = |column: &arrow::array::ArrayRef| {
                if column.is_null(row) {
                    return Err("null".to_owned());
                }
                if let Some(values) = column.as_primitive_opt::<Float64Type>() {
                    return Ok(values.value(row));
                }
                if let Some(values) = column.as_primitive_opt::<Int64Type>() {
                    return Ok(values.value(row) as f64);
                }
                if let Some(values) = column.as_primitive_opt::<TimestampMillisecondType>() {
                    return Ok(values.value(row) as f64);
                }
                Err(column.as_string::<i32>().value(row).to_owned())
            };
            rows.push(batch.columns().iter().map(cell).collect());
        }
    }
    rows
}

fn assert_same(query: &str, exact: &esql::Answer, found: &esql::Answer) {
    let (before, after) = (cells(exact), cells(found));
    assert_eq!(before.len(), after.len(), "{query}");
    for (before, after) in before.iter().zip(&after) {
        for ((before, after), column) in before.iter().zip(after).zip(&exact.columns) {
            let allowed = if column.name.starts_with('p') {
                ERROR
            } else {
                1e-12
            };
            match (before, after) {
                (Ok(before), Ok(after)) => assert!(
                    (before - after).abs() <= before.abs() * allowed,
                    "{query}: {} is {after}, not {before}",
                    column.name
                ),
                _ => assert_eq!(before, after, "{query}: {}", column.name),
            }
        }
    }
}

/// Both answers, from rows in memory and from a segment; whether the segment's rows were read.
async fn both(queries: &[&str]) -> Vec<bool> {
    let (_dir, store) = filled().await;
    let mut exact = Vec::new();
    for query in queries {
        exact.push(ask(&store, query).await);
    }
    store.flush().await.expect("goes to a segment");
    let mut read = Vec::new();
    for (query, exact) in queries.iter().zip(exact) {
        let found = ask(&store, query).await;
        assert_eq!(found.columns, exact.columns, "{query}");
        assert_eq!(found.warnings, exact.warnings, "{query}");
        if !query.contains("WHERE") {
            assert_eq!(found.documents_found, exact.documents_found, "{query}");
        }
        assert_same(query, &exact, &found);
        read.push(found.values_loaded > exact.values_loaded.max(ROWS as u64) / 2);
    }
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn what_summaries_know_is_not_read() {
    let queries = [
        "FROM traces-* | STATS n = COUNT(*)",
        "FROM traces-* | STATS n = COUNT(*), values = COUNT(event.outcome), s = SUM(span.duration.us), a = AVG(load), newest = MAX(@timestamp), low = MIN(load), p99 = PERCENTILE(span.duration.us, 99) BY service.name | SORT service.name",
        "FROM traces-* | WHERE span.kind == \"server\" | EVAL ms = span.duration.us / 1000.0 | STATS p50 = MEDIAN(ms), s = SUM(ms), high = MAX(ms), failed = COUNT(*) WHERE event.outcome == \"failure\" BY service.name | SORT service.name",
        "FROM traces-* | EVAL errors = CASE(event.outcome == \"failure\", 1.0, event.outcome == \"success\", 0.0, null) | STATS errors = SUM(errors), requests = SUM(1.0), rate = AVG(errors) BY service.name, span.kind | SORT service.name, span.kind",
        "FROM traces-* | WHERE @timestamp >= \"2026-09-21T00:00:00Z\" AND @timestamp < \"2026-09-23T00:00:00Z\" | STATS n = COUNT(*) BY day = BUCKET(@timestamp, 1 day)",
    ];
    assert_eq!(both(&queries).await, vec![false; queries.len()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_they_do_not_know_is_read() {
    let queries = [
        // A name has too many values to tell groups apart by.
        "FROM traces-* | STATS n = COUNT(*) BY span.name | SORT n DESC, span.name | LIMIT 10",
        // Half of the segment.
        "FROM traces-* | WHERE @timestamp >= \"2026-09-21T15:00:00Z\" | STATS n = COUNT(*), p95 = PERCENTILE(load, 95) BY service.name | SORT service.name",
        "FROM traces-* | STATS n = COUNT(*) BY minute = BUCKET(@timestamp, 1 minute) | SORT minute",
        "FROM traces-* | WHERE load > 0 | STATS n = COUNT(*)",
        "FROM traces-* | STATS d = COUNT_DISTINCT(trace.id) BY service.name | SORT service.name",
        "FROM traces-* | EVAL square = load * load | STATS s = SUM(square)",
    ];
    assert_eq!(both(&queries).await, vec![true; queries.len()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_row_does_not_count() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    let line = |number: i64, size: i64| {
        let source = json!({"@timestamp": START_MS + number, "size": size});
        document(
            "lines",
            Some(&format!("l{number}")),
            Operation::Index,
            source,
        )
    };
    put(&store, (0..10_000).map(|number| line(number, 1)).collect()).await;
    store.flush().await.expect("goes to a segment");
    put(&store, vec![line(7, 100)]).await;
    let answer = ask(&store, "FROM lines | STATS s = SUM(size), n = COUNT(*)").await;
    assert_eq!(cells(&answer), [[Ok(10_099.0), Ok(10_000.0)]]);
    store.compact("lines").await.expect("compacts");
    let answer = ask(&store, "FROM lines | STATS s = SUM(size), n = COUNT(*)").await;
    assert_eq!(cells(&answer), [[Ok(10_099.0), Ok(10_000.0)]]);
    assert!(answer.values_loaded < 100, "the new segment has a summary");
}

/// Documents with gaps, several values, replacements and deletions, in segments and in memory:
/// two stores that were given the same, of which only one has segments, say the same.
#[tokio::test(flavor = "multi_thread")]
async fn gaps_several_values_and_deletions_make_no_difference() {
    for seed in [3, 11, 29] {
        let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let segments = open(dirs[0].path()).await;
        let memory = open(dirs[1].path()).await;
        let mut state: u64 = seed;
        let mut next = move |bound: u64| {
            // Knuth's MMIX generator: any will do, the seed decides all.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % bound
        };
        for _ in 0..4 {
            let mut documents = Vec::new();
            for _ in 0..3_000 {
                let id = format!("d{}", next(6_000));
                let operation = match next(10) {
                    0 => Operation::Delete,
                    _ => Operation::Index,
                };
                let size = match next(8) {
                    0 => json!(null),
                    1 => json!([next(50), next(50)]),
                    _ => json!(next(1_000)),
                };
                let group = match next(9) {
                    0 => json!(null),
                    1 => json!(["a", "b"]),
                    n => json!(format!("g{n}")),
                };
                let at = START_MS + next(7_200_000) as i64;
                let source = json!({"@timestamp": at, "size": size, "group": group});
                documents.push(document("lines", Some(&id), operation, source));
            }
            for store in [&segments, &memory] {
                store.ingest(documents.clone()).await.expect("is stored");
            }
            segments.flush().await.expect("goes to a segment");
        }
        let queries = [
            "FROM lines | STATS n = COUNT(*), v = COUNT(size), g = COUNT(group)",
            "FROM lines | STATS s = SUM(size), a = AVG(size), low = MIN(size), high = MAX(size), p90 = PERCENTILE(size, 90) BY group | SORT group",
            "FROM lines | WHERE group == \"g4\" | STATS n = COUNT(*), s = SUM(size), newest = MAX(@timestamp)",
            "FROM lines | STATS n = COUNT(*) BY hour = BUCKET(@timestamp, 1 day) | SORT hour",
            "FROM lines | EVAL half = size / 2 | STATS s = SUM(half), n = COUNT(*) WHERE group == \"g5\" BY group | SORT group",
        ];
        for compacted in [false, true] {
            if compacted {
                segments.compact("lines").await.expect("compacts");
            }
            for query in queries {
                assert_same(
                    query,
                    &ask(&memory, query).await,
                    &ask(&segments, query).await,
                );
            }
        }
    }
}
