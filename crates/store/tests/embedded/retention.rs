//! What goes by age and by bytes, and what never does.

use model::Timestamp;
use serde_json::json;
use store::retention::Rule;
use store::{Embedded, Journal, Operation};

use crate::damage::files;
use crate::journal::incident;
use crate::shop::{document, ids, open, put};

const DAY: i64 = 24 * 60 * 60 * 1000;
const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn rule(pattern: &str, days: u32, max_bytes: u64) -> Rule {
    Rule {
        pattern: pattern.to_owned(),
        days,
        max_bytes,
    }
}

/// A segment of ten documents, so many days old.
async fn days_old(store: &Embedded, index: &str, days: i64) {
    let documents = (0..10).map(|number| {
        let source = json!({"@timestamp": NOW.ms() - days * DAY + number});
        document(
            index,
            Some(&format!("{days}/{number}")),
            Operation::Create,
            source,
        )
    });
    put(store, documents.collect()).await;
    store.flush().await.expect("goes to a segment");
}

async fn count(store: &Embedded, index: &str) -> usize {
    ids(store, index, None).await.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_index_is_held_against_the_first_rule_that_names_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    for days in [40, 10, 3] {
        days_old(&store, "logs-application", days).await;
        days_old(&store, "logs-audit", days).await;
        days_old(&store, "deployments-shop", days).await;
    }
    incident(&store, "cart").await;
    let rules = [
        rule("logs-audit", 36_500, 0),
        rule("logs-*", 7, 0),
        rule("metrics-*,logs-*", 1, 0),
    ];
    let dropped = store.keep(&rules, NOW).await.expect("keeps");
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    assert_eq!(
        (dropped[0].pattern.as_str(), dropped[0].documents),
        ("logs-*", 20)
    );
    assert_eq!(count(&store, "logs-application").await, 10);
    assert_eq!(count(&store, "logs-audit").await, 30);
    assert_eq!(
        count(&store, "deployments-shop").await,
        30,
        "no rule names it"
    );
    assert_eq!(
        store.keep(&rules, NOW).await.expect("keeps"),
        [],
        "nothing else is old"
    );
    // Whatever a rule says, the journal stays.
    let all = store
        .keep(&[rule("*", 1, 1)], Timestamp(NOW.ms() + 1_000 * DAY))
        .await
        .expect("keeps");
    assert_eq!(all[0].documents, 70);
    assert!(files(dir.path(), "segments").is_empty());
    assert_eq!(store.incidents().await.expect("reads").len(), 1);
    assert!(store.verify().await.expect("verifies").is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn by_bytes_the_oldest_segments_go_until_the_rest_fits() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = open(dir.path()).await;
    for days in [3, 40, 10] {
        days_old(&store, "logs-application", days).await;
    }
    put(
        &store,
        vec![document(
            "lookup-a",
            Some("x"),
            Operation::Index,
            json!({"team": "a"}),
        )],
    )
    .await;
    store.flush().await.expect("goes to a segment");
    let sizes: Vec<u64> = files(dir.path(), "segments")
        .iter()
        .map(|path| path.metadata().expect("is there").len())
        .collect();
    let all: u64 = sizes.iter().sum();
    assert_eq!(
        store.keep(&[rule("*", 0, all)], NOW).await.expect("keeps"),
        [],
        "it fits"
    );
    let dropped = store
        .keep(&[rule("*", 0, all - 1)], NOW)
        .await
        .expect("keeps");
    assert_eq!(dropped[0].documents, 10);
    let kept = ids(&store, "logs-application", None).await;
    assert!(
        !kept.iter().any(|id| id.starts_with("40/")),
        "the oldest goes: {kept:?}"
    );
    store.keep(&[rule("*", 0, 1)], NOW).await.expect("keeps");
    assert_eq!(count(&store, "logs-application").await, 0);
    assert_eq!(
        count(&store, "lookup-a").await,
        1,
        "what has no time never grows old"
    );
}
