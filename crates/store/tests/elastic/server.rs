//! The server that the tests may empty.

use std::path::Path;

use serde_json::Value;
use store::elastic::{Address, Elastic, Login};

/// Where `cargo xtask test --all` says that it is.
const ADDRESS: &str = "DATAPULSE_TEST_ELASTICSEARCH";

/// The password of its user.
const PASSWORD: &str = "DATAPULSE_TEST_ELASTICSEARCH_PASSWORD";
const USER: &str = "elastic";

/// The name of clusters that are made for tests: no other one is emptied.
const CLUSTER: &str = "real-test";

pub fn url() -> String {
    said(ADDRESS)
}

fn said(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} isn't set: run `cargo xtask test --all`, or start one with `cargo xtask servers elasticsearch`")
    })
}

pub async fn ask(method: &str, path: &str, body: Option<Value>) -> Value {
    let method = method.parse().expect("a method");
    let mut request = reqwest::Client::new()
        .request(method, format!("{}{path}", url()))
        .basic_auth(USER, Some(said(PASSWORD)));
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body.to_string());
    }
    let response = request.send().await.expect("the server answers");
    serde_json::from_str(&response.text().await.expect("a text")).expect("JSON")
}

/// Everything that we make is gone. Each by its name: wildcards are refused where they destroy.
pub async fn empty() {
    let name = ask("GET", "/", None).await["cluster_name"].clone();
    assert_eq!(
        name, CLUSTER,
        "only a cluster that is made for tests is emptied"
    );
    let names = |list: &Value, field: &str| -> Vec<String> {
        let items = list.as_array().cloned().unwrap_or_default();
        items
            .iter()
            .filter_map(|item| item[field].as_str().map(str::to_owned))
            .collect()
    };
    let streams = ask("GET", "/_data_stream", None).await;
    for stream in names(&streams["data_streams"], "name") {
        gone(&format!("/_data_stream/{stream}")).await;
    }
    let indices = ask("GET", "/_cat/indices?format=json&h=index", None).await;
    for index in names(&indices, "index") {
        gone(&format!("/{index}")).await;
    }
    let templates = ask("GET", "/_index_template/datapulse-*", None).await;
    for template in names(&templates["index_templates"], "name") {
        gone(&format!("/_index_template/{template}")).await;
    }
}

async fn gone(path: &str) {
    let said = ask("DELETE", path, None).await;
    assert_eq!(said["acknowledged"], true, "{path}: {said}");
}

/// An empty store.
pub async fn fresh(folder: &Path) -> Elastic {
    empty().await;
    let store = Elastic::open(address(), folder).await.expect("opens");
    store.set_up(30, false).await.expect("is set up");
    store
}

/// The server itself, as its first user.
pub fn address() -> Address {
    through(&url())
}

/// The same by another way, such as a proxy.
pub fn through(url: &str) -> Address {
    let login = Login::Basic {
        user: USER.to_owned(),
        password: said(PASSWORD),
    };
    Address::parse(url).expect("an address").login(login)
}
