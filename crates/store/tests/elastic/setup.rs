//! Setting up twice changes nothing, and takes nothing that is another's.

use serde_json::json;
use store::Error;
use store::elastic::{Change, Elastic};

use crate::server::{address, ask, empty};

async fn reading() -> Elastic {
    let nowhere = tempfile::tempdir().expect("a folder").path().to_owned();
    Elastic::open_reading(address(), &nowhere)
        .await
        .expect("opens")
}

#[tokio::test]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn what_is_missing_is_made_once() {
    empty().await;
    let store = reading().await;
    let planned = store.set_up(30, true).await.expect("is planned");
    assert!(planned.iter().all(|step| step.change == Change::Made));
    let none = ask("GET", "/_index_template/datapulse-*", None).await;
    assert_eq!(
        none["index_templates"],
        json!([]),
        "a dry run makes nothing"
    );
    assert_eq!(store.set_up(30, false).await.expect("is set up"), planned);
    let as_made = store.set_up(30, true).await.expect("is planned");
    for step in as_made
        .iter()
        .filter(|step| step.what.starts_with("index template"))
    {
        assert_eq!(
            step.before["template"]["mappings"], step.after["template"]["mappings"],
            "{}",
            step.what
        );
    }
    let again = store.set_up(30, false).await.expect("is set up");
    assert!(
        again.iter().all(|step| step.change == Change::Unchanged),
        "{again:?}"
    );
    let longer = store.set_up(90, false).await.expect("is set up");
    let replaced = longer.iter().filter(|step| step.change == Change::Replaced);
    let names: Vec<&str> = replaced.map(|step| step.what.as_str()).collect();
    assert_eq!(
        names,
        [
            "index template datapulse-metrics",
            "index template datapulse-logs",
            "index template datapulse-traces"
        ],
        "retention is the data streams'"
    );
}

#[tokio::test]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn a_services_index_that_cannot_be_joined_is_said() {
    empty().await;
    ask("PUT", "/lookup-services", Some(json!({}))).await;
    let refused = reading().await.set_up(30, false).await;
    assert!(
        matches!(&refused, Err(Error::Refused(text)) if text.contains("index.mode standard")),
        "{refused:?}"
    );
    empty().await;
}
