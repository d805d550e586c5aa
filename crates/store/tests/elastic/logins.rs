//! As whom we come: what is refused, and which privileges are enough.

use model::Timestamp;
use serde_json::{Value, json};
use store::conformance::{document, first_row};
use store::elastic::{Address, Elastic, KeyOf, Login};
use store::{Care, Error, Journal, Knowledge, Operation, SummaryFilter, Telemetry};

use crate::journal::{chain, incident, note, shown};
use crate::server::{ask, empty, url};

/// The page that says which privileges we need.
const PAGE: &str = include_str!("../../../../docs/elasticsearch.md");

/// The first block of JSON in the page.
fn privileges() -> Value {
    let block = PAGE.split("```json").nth(1).expect("a block of JSON");
    let block = block.split("```").next().expect("its end");
    serde_json::from_str(block).expect("JSON")
}

/// An API key that may do so much and no more, in the form that the header wants.
async fn key(role: Value) -> Login {
    let body = json!({"name": "datapulse", "role_descriptors": {"datapulse": role}});
    let made = ask("POST", "/_security/api_key", Some(body)).await;
    Login::ApiKey(made["encoded"].as_str().expect("a key").to_owned())
}

fn with(login: Login) -> Address {
    Address::parse(&url()).expect("an address").login(login)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn the_privileges_of_the_page_are_enough_and_alter_no_record() {
    empty().await;
    let dir = tempfile::tempdir().expect("a folder");
    let login = key(privileges()).await;
    let store = Elastic::open(with(login.clone()), dir.path())
        .await
        .expect("opens");
    store.set_up(30, false).await.expect("is set up");
    let chain = chain(&store, 2).await;
    assert_eq!(store.records(&incident()).await.expect("reads"), chain);
    assert!(store.verify().await.expect("verifies").is_intact());
    assert_eq!(
        store
            .summaries(&SummaryFilter::default())
            .await
            .expect("reads")
            .total,
        1
    );
    let stats = store.stats(None).await.expect("counts");
    assert!(
        stats.indices.iter().any(|index| index.documents == 2),
        "{stats:?}"
    );
    assert!(store.inspect(30).await.expect("looks").is_whole());
    assert!(store.tokens().await.expect("reads").is_empty());
    assert!(store.runbooks().await.expect("reads").is_empty());
    let at = "2026-11-24T10:00:00Z";
    let documents = [
        "metrics-system",
        "logs-application",
        "traces-application",
        "deployments-shop",
    ]
    .map(|index| document(index, None, Operation::Create, json!({"@timestamp": at})));
    let results = store.ingest(documents.to_vec()).await.expect("is ingested");
    assert!(
        results
            .iter()
            .all(|result| format!("{result:?}").starts_with("Created")),
        "{results:?}"
    );
    let services = vec![document(
        "lookup-services",
        None,
        Operation::Index,
        json!({"service.name": "cart"}),
    )];
    store.ingest(services).await.expect("is ingested");
    let request = esql::Request {
        query: "FROM metrics-*,logs-*,traces-*,deployments-* | STATS n = COUNT(*)".to_owned(),
        ..esql::Request::default()
    };
    assert_eq!(
        first_row(&store.query(&request).await.expect("is answered")),
        ["4"]
    );
    let newest = store.newest("logs-*").await.expect("reads");
    assert_eq!(newest, Timestamp::parse(at));

    for (method, body) in [("PUT", Some(json!({"seq": 2}))), ("DELETE", None)] {
        let status = on_a_record(&login, method, "_doc", body).await;
        assert_eq!(status, 403, "{method} of a record");
    }
}

/// What the cluster says to a request about the incident's second record, with this key.
async fn on_a_record(login: &Login, method: &str, verb: &str, body: Option<Value>) -> u16 {
    let Login::ApiKey(key) = login else {
        panic!("{login:?}");
    };
    let (index, id) = (incident().journal_index(), incident());
    let path = format!("{}/{index}/{verb}/{id}:2", url());
    let mut request = reqwest::Client::new()
        .request(method.parse().expect("a method"), path)
        .header("authorization", format!("ApiKey {key}"));
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body.to_string());
    }
    request.send().await.expect("answers").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn each_roles_key_creates_records_and_alters_none_and_a_readers_only_reads() {
    for of in KeyOf::ALL {
        empty().await;
        let dir = tempfile::tempdir().expect("a folder");
        // Whoever sets up has done so before.
        let whole = key(KeyOf::All.descriptor()).await;
        let store = Elastic::open(with(whole), dir.path()).await.expect("opens");
        store.set_up(30, false).await.expect("is set up");
        let login = key(of.descriptor()).await;
        if of == KeyOf::Reader {
            let chain = chain(&store, 2).await;
            drop(store);
            let reader = Elastic::open_reading(with(login.clone()), dir.path()).await;
            let reader = reader.expect("opens");
            assert_eq!(reader.records(&incident()).await.expect("reads"), chain);
            let added = reader
                .append(&note("three"), Some(&shown("fails", 3)))
                .await;
            assert!(matches!(added, Err(Error::Refused(_))), "{added:?}");
        } else {
            drop(store);
            let own = Elastic::open(with(login.clone()), dir.path()).await;
            let own = own.expect("opens");
            let chain = chain(&own, 2).await;
            assert_eq!(own.records(&incident()).await.expect("reads"), chain);
        }
        let new = Some(json!({"seq": 2}));
        for (method, verb, body) in [
            ("PUT", "_doc", new.clone()),
            ("POST", "_update", Some(json!({"doc": {"seq": 3}}))),
            ("DELETE", "_doc", None),
        ] {
            let status = on_a_record(&login, method, verb, body).await;
            assert_eq!(status, 403, "{of:?}: {method} {verb}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn who_is_not_let_in_is_told_why() {
    empty().await;
    let dir = tempfile::tempdir().expect("a folder");
    for login in [
        Login::Nobody,
        Login::Bearer("nonsense".to_owned()),
        Login::Basic {
            user: "elastic".to_owned(),
            password: "wrong".to_owned(),
        },
    ] {
        let error = Elastic::open(with(login.clone()), dir.path())
            .await
            .map(drop);
        let Err(Error::Refused(text)) = error else {
            panic!("{login:?}: {error:?}");
        };
        assert!(
            text.contains("401") && text.contains("secret_env"),
            "{text}"
        );
        assert!(
            !text.contains("wrong") && !text.contains("nonsense"),
            "{text}"
        );
    }
    let login = key(json!({"cluster": ["monitor"], "indices": []})).await;
    let store = Elastic::open(with(login), dir.path()).await.expect("opens");
    let error = store.set_up(30, false).await.expect_err("may not");
    assert!(
        error.to_string().contains("403") && error.to_string().contains("docs/elasticsearch.md"),
        "{error}"
    );
    let error = store
        .append(&note("one"), Some(&shown("fails", 1)))
        .await
        .expect_err("may not");
    assert!(matches!(error, Error::Refused(_)), "{error:?}");
}
