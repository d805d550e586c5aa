//! Rows in memory: what a replay, a replacement and a snapshot make of them.

use datafusion::logical_expr::{col, lit};
use serde_json::json;
use store::{ItemResult, Operation, Telemetry};

use crate::shop::{INDEX, count_and_sum, document, ids, ids_in, open, put, rows_of, span, spans};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    put(&store, spans(0..50)).await;
    put(&store, spans(50..100)).await;
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(
        count_and_sum(&store, INDEX, "span.duration.us").await,
        (100, 4_950)
    );
    let again = store.ingest(vec![span(7)]).await.expect("answers");
    assert_eq!(
        again,
        [ItemResult::Conflict {
            id: "s7".to_owned()
        }],
        "ids are known again"
    );
    let store_2 = store.clone();
    drop(store);
    assert_eq!(store_2.health().rows_in_memory, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_at_once_are_all_stored() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    let callers = (0..20).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move { put(&store, spans(caller * 100..caller * 100 + 100)).await })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("stores");
    }
    assert_eq!(
        count_and_sum(&store, INDEX, "span.duration.us").await,
        (2_000, 1_999_000)
    );
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(
        count_and_sum(&store, INDEX, "span.duration.us").await,
        (2_000, 1_999_000)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_sees_nothing_that_comes_later() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    put(&store, spans(0..10)).await;
    let before = store.snapshot();
    put(&store, spans(10..20)).await;
    let between = store.snapshot();
    store.flush().await.expect("goes to a segment");
    put(&store, spans(20..30)).await;
    let count = async |snapshot| ids_in(&rows_of(snapshot, INDEX, None).await).len();
    assert_eq!(count(&before).await, 10);
    assert_eq!(
        count(&between).await,
        20,
        "read from memory though a segment has them now"
    );
    assert_eq!(count(&store.snapshot()).await, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_column_may_have_one_value_or_several() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    let tagged = |id: &str, tags: serde_json::Value| {
        document("notes", Some(id), Operation::Create, json!({"tags": tags}))
    };
    put(
        &store,
        vec![tagged("a", json!("x")), tagged("b", json!(null))],
    )
    .await;
    store.flush().await.expect("goes to a segment as a scalar");
    put(
        &store,
        vec![tagged("c", json!(["z", "y"])), tagged("d", json!([]))],
    )
    .await;
    for _ in 0..2 {
        let batches = crate::shop::rows(&store, "notes", None).await;
        let table = arrow::util::pretty::pretty_format_batches(&batches).expect("prints");
        expect_test::expect![[r"
            +-----+--------+--------------+
            | _id | tags   | tags.keyword |
            +-----+--------+--------------+
            | a   | [x]    | [x]          |
            | b   |        |              |
            | c   | [z, y] | [y, z]       |
            | d   |        |              |
            +-----+--------+--------------+"]]
        .assert_eq(&table.to_string());
        store.flush().await.expect("goes to a segment as a list");
    }
}

/// In memory, in a segment, and by the log alone after a start.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_deleted_wherever_it_lies() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut store = open(dir.path()).await;
    let deploy = |id: &str, operation, number: i64| {
        document(
            "deployments-shop",
            Some(id),
            operation,
            json!({"number": number}),
        )
    };
    let sum =
        async |store: &store::Embedded| count_and_sum(store, "deployments-shop", "number").await;
    let all = [("a", 1), ("b", 10), ("c", 100), ("d", 1_000)];
    let all = all.map(|(id, number)| deploy(id, Operation::Create, number));
    put(&store, all.to_vec()).await;
    let gone = |id: &str| vec![deploy(id, Operation::Delete, 0)];
    let deleted = async |store: &store::Embedded, id: &str| {
        let results = store.ingest(gone(id)).await.expect("is deleted");
        assert_eq!(results, [ItemResult::Deleted { id: id.to_owned() }]);
    };
    deleted(&store, "a").await;
    assert_eq!(sum(&store).await, (3, 1_110));
    store.flush().await.expect("goes to a segment");
    deleted(&store, "b").await;
    assert_eq!(sum(&store).await, (2, 1_100));
    drop(store);
    store = open(dir.path()).await;
    assert_eq!(sum(&store).await, (2, 1_100), "by the log");
    deleted(&store, "c").await;
    store.flush().await.expect("the database knows it too");
    drop(store);
    store = open(dir.path()).await;
    assert_eq!(sum(&store).await, (1, 1_000), "by the database");
    put(&store, vec![deploy("b", Operation::Create, 20)]).await;
    assert_eq!(sum(&store).await, (2, 1_020), "its id is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_replaced_wherever_it_lies() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut store = open(dir.path()).await;
    let deploy = |id: &str, number: i64| {
        document(
            "deployments-shop",
            Some(id),
            Operation::Index,
            json!({"number": number}),
        )
    };
    put(
        &store,
        vec![deploy("a", 1), deploy("b", 10), deploy("c", 100)],
    )
    .await;
    put(&store, vec![deploy("a", 2)]).await;
    let sum =
        async |store: &store::Embedded| count_and_sum(store, "deployments-shop", "number").await;
    assert_eq!(sum(&store).await, (3, 112), "in memory");
    store.flush().await.expect("goes to a segment");
    put(&store, vec![deploy("b", 20)]).await;
    assert_eq!(sum(&store).await, (3, 122), "in a segment");
    drop(store);
    store = open(dir.path()).await;
    assert_eq!(sum(&store).await, (3, 122), "after a replay");
    store.flush().await.expect("goes to a segment");
    put(&store, vec![deploy("b", 30)]).await;
    drop(store);
    store = open(dir.path()).await;
    assert_eq!(
        sum(&store).await,
        (3, 132),
        "in the second segment, with what the database keeps"
    );
    let b = ids(
        &store,
        "deployments-shop",
        Some(col("number").eq(lit(30_i64))),
    )
    .await;
    assert_eq!(b, ["b"]);
}
