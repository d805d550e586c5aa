//! A working directory whose configuration names the server, and the server itself, emptied.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

/// The password of its user.
const PASSWORD: &str = "DATAPULSE_TEST_ELASTICSEARCH_PASSWORD";
const USER: &str = "elastic";
/// The name of clusters that are made for tests: no other one is emptied.
const CLUSTER: &str = "real-test";

pub struct Place {
    dir: TempDir,
}

/// What a run said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    /// With an empty server, set up.
    pub async fn new() -> Self {
        empty().await;
        let place = Self {
            dir: tempfile::tempdir().expect("a folder"),
        };
        let text = format!(
            "[backends]\nstore = \"{}\"\n[elasticsearch]\nlogin = \"basic\"\nuser = \"{USER}\"\n",
            url()
        );
        std::fs::write(place.dir.path().join("datapulse.toml"), text).expect("is written");
        place.done(&["store", "setup"]);
        place
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_datapulse"))
            .args(arguments)
            .current_dir(self.path())
            .env("NO_COLOR", "1")
            .env("DATAPULSE_ELASTICSEARCH_SECRET", said(PASSWORD))
            .output()
            .expect("starts");
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs what must succeed.
    pub fn done(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {}{}", said.out, said.err);
        said.out
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["-o", "json"]).collect();
        serde_json::from_str(&self.done(&arguments)).expect("JSON")
    }
}

pub fn url() -> String {
    said("DATAPULSE_TEST_ELASTICSEARCH")
}

pub fn password() -> String {
    said(PASSWORD)
}

fn said(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} isn't set: run `cargo xtask test --all`, or start one with `cargo xtask servers elasticsearch`")
    })
}

pub async fn ask(method: &str, path: &str, body: Option<Value>) -> Value {
    let mut request = reqwest::Client::new()
        .request(
            method.parse().expect("a method"),
            format!("{}{path}", url()),
        )
        .basic_auth(USER, Some(said(PASSWORD)));
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body.to_string());
    }
    let response = request.send().await.expect("the server answers");
    serde_json::from_str(&response.text().await.expect("a text")).expect("JSON")
}

/// Documents, seen by searches when this returns.
pub async fn put(index: &str, documents: &[Value]) {
    for document in documents {
        let done = ask(
            "POST",
            &format!("/{index}/_doc?refresh=true"),
            Some(document.clone()),
        )
        .await;
        assert_eq!(done["result"], "created", "{done}");
    }
}

/// Everything that tests make is gone. Each by its name: wildcards are refused where they destroy.
async fn empty() {
    let name = ask("GET", "/", None).await["cluster_name"].clone();
    assert_eq!(
        name, CLUSTER,
        "only a cluster that is made for tests is emptied"
    );
    let streams = ask("GET", "/_data_stream", None).await;
    for stream in names(&streams["data_streams"], "name") {
        gone(&format!("/_data_stream/{stream}")).await;
    }
    let indices = ask(
        "GET",
        "/_cat/indices?format=json&h=index&expand_wildcards=all",
        None,
    )
    .await;
    for index in names(&indices, "index") {
        if !index.starts_with(".security") {
            gone(&format!("/{index}")).await;
        }
    }
    let templates = ask("GET", "/_index_template/datapulse-*", None).await;
    for template in names(&templates["index_templates"], "name") {
        gone(&format!("/_index_template/{template}")).await;
    }
}

fn names(list: &Value, field: &str) -> Vec<String> {
    let items = list.as_array().cloned().unwrap_or_default();
    items
        .iter()
        .filter_map(|item| item[field].as_str().map(str::to_owned))
        .collect()
}

async fn gone(path: &str) {
    let said = ask("DELETE", path, None).await;
    assert_eq!(said["acknowledged"], json!(true), "{path}: {said}");
}
