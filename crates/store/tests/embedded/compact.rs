//! Compaction: fewer segments, each of its own time, and the same rows.

use datafusion::logical_expr::{col, lit};
use serde_json::json;
use store::{Embedded, Operation, Options};

use crate::shop::{INDEX, count_and_sum, document, ids, manual, open, put, spans};

async fn segments_of_ten(store: &Embedded, numbers: impl Iterator<Item = i64>) {
    for number in numbers {
        put(store, spans(number * 10..number * 10 + 10)).await;
        store.flush().await.expect("goes to a segment");
    }
}

async fn sum(store: &Embedded) -> (usize, i64) {
    count_and_sum(store, INDEX, "span.duration.us").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_any_order_becomes_one_segment() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    segments_of_ten(&store, [4, 0, 2, 1, 3].into_iter()).await;
    put(&store, spans(50..60)).await;
    let done = store.compact("*").await.expect("compacts");
    assert_eq!(
        (done.segments_before, done.segments_after, done.rows),
        (6, 1, 60),
        "what was in memory too"
    );
    assert_eq!(store.health().segments, 1);
    assert_eq!(sum(&store).await, (60, 1_770));
    let files = std::fs::read_dir(dir.path().join("segments")).expect("reads");
    assert_eq!(files.count(), 1, "the old files are gone");
    let again = store.compact("*").await.expect("compacts");
    assert_eq!(again.segments_before, 0, "what is in order stays");
    drop(store);
    assert_eq!(sum(&open(dir.path()).await).await, (60, 1_770));
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_of_the_same_time_are_cut_by_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options {
        flush_rows: 120,
        ..manual()
    };
    let store = Embedded::open(dir.path(), options).await.expect("opens");
    // Each segment spans ten minutes: a span a second.
    for part in 0..4 {
        let numbers = (0..100).map(|number| number * 6 + part);
        put(&store, numbers.flat_map(|n| spans(n..n + 1)).collect()).await;
        store.flush().await.expect("goes to a segment");
    }
    let done = store.compact("traces-*").await.expect("compacts");
    assert_eq!((done.segments_before, done.rows), (4, 400));
    assert!((4..8).contains(&done.segments_after), "{done:?}");
    let expected: i64 = (0..100)
        .flat_map(|n| (0..4).map(move |part| n * 6 + part))
        .sum();
    assert_eq!(sum(&store).await, (400, expected));
    let again = store.compact("traces-*").await.expect("compacts");
    assert_eq!(again.segments_before, 0, "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_rows_go_for_good() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    let deploy = |id: &str, number: i64| {
        let source = json!({"@timestamp": 1_790_000_000_000_i64, "number": number});
        document("deployments-shop", Some(id), Operation::Index, source)
    };
    put(&store, vec![deploy("a", 1), deploy("b", 2)]).await;
    store.flush().await.expect("goes to a segment");
    put(&store, vec![deploy("a", 3), deploy("b", 4)]).await;
    store.flush().await.expect("goes to a segment");
    put(&store, vec![deploy("b", 5)]).await;
    let done = store.compact("deployments-*").await.expect("compacts");
    assert_eq!((done.segments_before, done.rows), (3, 2), "{done:?}");
    assert_eq!(
        count_and_sum(&store, "deployments-shop", "number").await,
        (2, 8)
    );
    put(&store, vec![deploy("a", 6)]).await;
    let newest = ids(
        &store,
        "deployments-shop",
        Some(col("number").eq(lit(6_i64))),
    )
    .await;
    assert_eq!(newest, ["a"], "ids are found in the new segment");
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(
        count_and_sum(&store, "deployments-shop", "number").await,
        (2, 11)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_snapshot_reads_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    segments_of_ten(&store, 0..3).await;
    let before = store.snapshot();
    store.compact("*").await.expect("compacts");
    let rows = crate::shop::rows_of(&before, INDEX, None).await;
    assert_eq!(crate::shop::ids_in(&rows).len(), 30);
}
