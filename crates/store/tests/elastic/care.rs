//! The journal lies as promised, and what an operator asks of a cluster.

use serde_json::json;
use store::{Care, Error, Journal, Operation, Telemetry};

use crate::journal::{chain, incident};
use crate::server::{ask, fresh};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn the_journal_keeps_exact_bytes_and_no_policy_deletes_it() {
    let dir = tempfile::tempdir().expect("a folder");
    // Somebody's own template that would have every index deleted.
    let policy =
        json!({"policy": {"phases": {"delete": {"min_age": "1d", "actions": {"delete": {}}}}}});
    ask("PUT", "/_ilm/policy/delete-soon", Some(policy)).await;
    let catch_all = json!({
        "index_patterns": ["agent-*"], "priority": 150,
        "template": {"settings": {"index.lifecycle.name": "delete-soon"}},
    });
    ask("PUT", "/_index_template/catch-all", Some(catch_all)).await;
    let store = fresh(dir.path()).await;
    let chain = chain(&store, 3).await;
    let index = incident().journal_index();
    let made = ask("GET", &format!("/{index}?flat_settings=true"), None).await;
    ask("DELETE", "/_index_template/catch-all", None).await;
    let (settings, mapping) = (&made[&index]["settings"], &made[&index]["mappings"]);
    assert_eq!(
        mapping["properties"]["bytes"]["type"], "binary",
        "{mapping}"
    );
    assert_eq!(mapping["dynamic"], "strict", "{mapping}");
    let kept = &settings["index.lifecycle.name"];
    assert!(kept.is_null(), "no policy deletes the journal: {settings}");
    assert!(made[&index]["data_stream"].is_null() && made[&index]["lifecycle"].is_null());
    let mode = settings["index.mapping.source.mode"].as_str();
    assert_ne!(mode, Some("synthetic"), "its _source is what was sent");
    // Before any refresh a fold sees what was created.
    ask(
        "PUT",
        &format!("/{index}/_settings"),
        Some(json!({"index.refresh_interval": "-1"})),
    )
    .await;
    let next = crate::journal::record(4, chain[2].digest, "the fourth");
    store
        .append(&next, Some(&crate::journal::shown("fails", 4)))
        .await
        .expect("is created");
    let seen = ask("GET", &format!("/{index}/_count?q=seq:4"), None).await;
    let stored = store.records(&incident()).await.expect("reads");
    assert_eq!(
        stored.last(),
        Some(&next),
        "a search finds {}",
        seen["count"]
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn an_operator_sees_sizes_and_what_is_wrong() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = fresh(dir.path()).await;
    chain(&store, 3).await;
    let documents = (0..5).map(|number| {
        let source = json!({"@timestamp": 1_790_000_000_000_i64 + number});
        store::conformance::document("logs-application", None, Operation::Create, source)
    });
    store
        .ingest(documents.collect())
        .await
        .expect("is ingested");
    ask("POST", "/_refresh", None).await;
    let stats = store.stats(None).await.expect("counts");
    let of = |name: &str| {
        stats
            .indices
            .iter()
            .find(|index| index.index.contains(name))
            .expect("is there")
    };
    assert_eq!(of("logs-application").documents, 5);
    assert_eq!(
        of("logs-application").newest.map(|at| at.ms()),
        Some(1_790_000_000_004)
    );
    assert!(of("logs-application").bytes > 0);
    assert_eq!(of("agent-audit-").documents, 3);
    let some = store.stats(Some("incidents")).await.expect("counts");
    assert_eq!(some.indices.len(), 1, "{some:?}");
    let found = store.inspect(30).await.expect("looks");
    assert!(found.is_whole(), "{found:?}");
    assert_eq!((found.checked.records, found.checked.anchor_lines), (3, 3));

    let index = incident().journal_index();
    let path = format!("/{index}/_doc/elsewhere?refresh=true");
    ask(
        "PUT",
        &path,
        Some(json!({"incident_id": incident(), "seq": 2})),
    )
    .await;
    let found = store.inspect(30).await.expect("looks");
    assert!(
        found.faults[0]
            .what
            .contains("1 documents have ids that no chain"),
        "{found:?}"
    );
    ask("DELETE", &path, None).await;
    ask("DELETE", "/_index_template/datapulse-audit", None).await;
    let found = store.inspect(30).await.expect("looks");
    assert_eq!(found.faults[0].place, "index template datapulse-audit");
    let refused = store.compact("*").await;
    assert!(
        matches!(&refused, Err(Error::Refused(text)) if text.contains("_forcemerge")),
        "{refused:?}"
    );
}
