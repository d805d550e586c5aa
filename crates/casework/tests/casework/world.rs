//! A store in a folder that goes away, and casework over it.

use std::path::Path;
use std::sync::Arc;

use bus::Bus;
use casework::{Casework, Clock, Toolbox};
use model::{Policy, Runbook, Timestamp};
use serde_json::{Map, Value};
use store::{Document, Embedded, ItemResult, Knowledge, Operation, Options, Telemetry};
use tempfile::TempDir;

pub struct World {
    pub store: Embedded,
    _dir: TempDir,
}

impl World {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Embedded::open(dir.path(), Options::throwaway())
            .await
            .expect("opens");
        Self { store, _dir: dir }
    }

    /// Casework of a process of its own: its clock stands at `now`.
    pub fn casework(&self, now: Timestamp) -> Casework {
        let store = Arc::new(self.store.clone());
        Casework::new(
            store.clone(),
            store.clone(),
            store,
            Bus::memory(),
            Clock::manual(now),
            Policy::default(),
            Toolbox::embedded().expect("all tools can be read"),
        )
    }

    /// Loads `tests/data/NAME.ndjson`: documents with their index in `_index`.
    pub async fn load(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let path = folder.join(format!("{name}.ndjson"));
        let text = std::fs::read_to_string(&path).expect("readable");
        let mut documents = Vec::new();
        for line in text.lines() {
            let mut source: Map<String, Value> = serde_json::from_str(line).expect("JSON");
            let index = source.remove("_index").expect("an index");
            if index == "runbooks-knowledge" {
                let runbook: Runbook = serde_json::from_value(source.into()).expect("a runbook");
                self.store.put_runbook(&runbook).await.expect("is stored");
                continue;
            }
            documents.push(Document {
                index: index.as_str().expect("a name").to_owned(),
                operation: Operation::Create,
                id: None,
                source,
            });
        }
        for result in self.store.ingest(documents).await.expect("is stored") {
            assert!(
                !matches!(result, ItemResult::Refused { .. }),
                "{name}: {result:?}"
            );
        }
    }
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}
