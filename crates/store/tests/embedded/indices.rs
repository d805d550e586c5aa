//! Indices that were defined: every type in memory, after a replay, in segments and merged ones.

use esql::answer::rows;
use serde_json::{Map, Value, json};
use store::{Embedded, ItemResult, Operation, Telemetry};

use crate::shop::{document, open, put};

const INDEX: &str = "things";

fn mapping() -> Value {
    json!({ "mappings": { "properties": {
        "small": { "type": "short" },
        "big": { "type": "unsigned_long" },
        "real": { "type": "float" },
        "flag": { "type": "boolean" },
        "word": { "type": "keyword", "ignore_above": 5, "null_value": "none" },
        "text": { "type": "text", "fields": { "raw": { "type": "keyword" }, "ip": { "type": "ip", "ignore_malformed": true } } },
        "at": { "type": "date", "format": "epoch_second" },
        "fine": { "type": "date_nanos" },
        "ip": { "type": "ip" },
        "version": { "type": "version" },
        "vector": { "type": "dense_vector", "dims": 2 },
    } } })
}

fn one() -> Value {
    json!({
        "small": 7, "big": u64::MAX, "real": 0.1, "flag": "true", "word": null, "text": "10.0.0.9", "at": 60,
        "fine": "2026-01-10T13:00:00.000000001Z", "ip": "10.0.0.1", "version": "1.2.0", "vector": [0.5, 1.5],
    })
}

/// Several values of each field.
fn several() -> Value {
    json!({
        "small": [2, 1], "big": [3, 2], "real": [0.5, 0.25], "flag": [true, false], "word": ["b", "a", "too long", "a"],
        "text": ["no address"], "fine": ["2026-01-10T13:00:00.000000002Z", "2026-01-10T13:00:00.000000001Z"],
        "ip": ["10.0.0.2", "10.0.0.1", "10.0.0.2"], "version": ["1.10.0", "1.9.0"], "vector": [3.0, -1.0],
    })
}

async fn store_one(store: &Embedded, id: &str, source: Value) {
    put(
        store,
        vec![document(INDEX, Some(id), Operation::Index, source)],
    )
    .await;
}

async fn found(store: &Embedded) -> Vec<Vec<Value>> {
    let query = "FROM things METADATA _id | SORT _id | KEEP _id, small, big, real, flag, word, text, text.raw, text.ip, at, fine, ip, version, vector";
    let request = esql::Request {
        query: query.to_owned(),
        ..esql::Request::default()
    };
    rows(&store.query(&request).await.expect("answers"))
}

fn expected() -> Vec<Vec<Value>> {
    let one = json!([
        "1",
        7,
        u64::MAX,
        0.10000000149011612,
        true,
        "none",
        "10.0.0.9",
        "10.0.0.9",
        "10.0.0.9",
        "1970-01-01T00:01:00.000Z",
        "2026-01-10T13:00:00.000000001Z",
        "10.0.0.1",
        "1.2.0",
        [0.5, 1.5],
    ]);
    let several = json!([
        "2",
        [1, 2],
        [2, 3],
        [0.25, 0.5],
        [false, true],
        ["a", "b"],
        "no address",
        "no address",
        null,
        null,
        [
            "2026-01-10T13:00:00.000000001Z",
            "2026-01-10T13:00:00.000000002Z"
        ],
        ["10.0.0.1", "10.0.0.2"],
        ["1.9.0", "1.10.0"],
        [3.0, -1.0],
    ]);
    let row = |value: Value| value.as_array().cloned().unwrap_or_default();
    vec![row(one), row(several)]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_kept_wherever_it_lies() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut store = open(dir.path()).await;
    store.create_index(INDEX, mapping()).await.expect("is made");
    store_one(&store, "1", one()).await;
    store_one(&store, "2", several()).await;
    assert_eq!(found(&store).await, expected(), "in memory");
    drop(store);
    store = open(dir.path()).await;
    assert_eq!(found(&store).await, expected(), "after a replay");
    store.flush().await.expect("goes to a segment");
    assert_eq!(found(&store).await, expected(), "in a segment");
    // One document a segment, until small ones are put together.
    for _ in 0..10 {
        store_one(&store, "1", one()).await;
        store.flush().await.expect("goes to a segment");
    }
    assert_eq!(found(&store).await, expected(), "in merged segments");
    drop(store);
    store = open(dir.path()).await;
    assert_eq!(found(&store).await, expected(), "after another start");
    let described = store.describe(INDEX);
    assert_eq!(described[0].documents, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_index_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut store = open(dir.path()).await;
    store.create_index(INDEX, mapping()).await.expect("is made");
    store_one(&store, "1", one()).await;
    store.flush().await.expect("goes to a segment");
    store_one(&store, "2", several()).await;
    assert!(store.delete_index(INDEX).await.expect("is deleted"));
    assert!(!store.delete_index(INDEX).await.expect("nothing to delete"));
    let segments = std::fs::read_dir(dir.path().join("segments")).expect("a folder");
    assert_eq!(segments.count(), 0, "files go with the index");
    // What comes after is another index, of which the log tells the old rows.
    store_one(&store, "3", json!({ "small": "not a number" })).await;
    drop(store);
    store = open(dir.path()).await;
    let names = store.index_names("thing*").await.expect("names");
    assert_eq!(names, [INDEX]);
    let request = esql::Request {
        query: "FROM things METADATA _id | KEEP _id, small".to_owned(),
        ..esql::Request::default()
    };
    let answer = store.query(&request).await.expect("answers");
    assert_eq!(rows(&answer), [[json!("3"), json!("not a number")]]);
}

/// Writers that were under way when their index was deleted are told so, or stored in the new one:
/// never with columns that the mapping hasn't got.
#[tokio::test(flavor = "multi_thread")]
async fn writers_and_a_deletion_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    let writers = (0..4).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut refused = 0;
            for number in 0..50 {
                let source: Map<String, Value> =
                    [("n".to_owned(), json!(number))].into_iter().collect();
                let document = store::Document {
                    index: INDEX.to_owned(),
                    operation: Operation::Create,
                    id: Some(format!("{writer}-{number}")),
                    source,
                };
                match store.ingest(vec![document]).await {
                    Ok(results) => assert!(matches!(results[0], ItemResult::Created { .. })),
                    Err(store::Error::Unavailable(_)) => refused += 1,
                    Err(other) => panic!("{other}"),
                }
            }
            refused
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut deleted = 0;
    loop {
        let over = writers.iter().all(tokio::task::JoinHandle::is_finished);
        deleted += u32::from(store.delete_index(INDEX).await.expect("answers"));
        if over {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    for writer in writers {
        writer.await.expect("ends");
    }
    assert!(deleted > 0, "there was something to delete");
    store_one(&store, "last", json!({ "n": 1 })).await;
    drop(store);
    let store = open(dir.path()).await;
    let request = esql::Request {
        query: "FROM things | WHERE n IS NULL | STATS COUNT(*)".to_owned(),
        ..esql::Request::default()
    };
    let answer = store.query(&request).await.expect("answers");
    assert_eq!(rows(&answer), [[json!(0)]], "no row without its column");
}
