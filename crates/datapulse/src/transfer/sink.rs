//! Where documents go: a server's `_bulk`, or a folder that no server holds.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use store::{Document, ItemResult, Operation};

use super::rows::Row;
use crate::backend::Backend;
use crate::client::Client;

/// How often a batch is sent again that the server can't take now, and after how long.
const TRIES: u32 = 60;
const WAIT: Duration = Duration::from_secs(1);

pub enum Sink {
    Server(Client),
    Folder(Backend),
}

/// What became of a document.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    Stored,
    /// Its id is there: it was imported before.
    There,
    Refused(String),
}

impl Sink {
    /// Stores a batch, durable when this returns; one outcome a row, in order.
    pub async fn store(&self, index: &str, rows: Vec<Row>) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut documents = Vec::with_capacity(rows.len());
        for row in rows {
            match row.source {
                Ok(source) => {
                    // Its place is taken by what the store says.
                    outcomes.push(None);
                    documents.push(Document {
                        index: index.to_owned(),
                        operation: Operation::Create,
                        id: Some(row.id),
                        source,
                    });
                }
                Err(reason) => outcomes.push(Some(Outcome::Refused(reason))),
            }
        }
        let stored = match documents.is_empty() {
            true => Vec::new(),
            false => self.put(documents).await?,
        };
        let mut stored = stored.into_iter();
        let each = outcomes.into_iter().map(|outcome| {
            let told = outcome.or_else(|| stored.next());
            told.unwrap_or_else(|| Outcome::Refused("the store gave no result".to_owned()))
        });
        Ok(each.collect())
    }

    async fn put(&self, documents: Vec<Document>) -> Result<Vec<Outcome>> {
        match self {
            Self::Folder(store) => {
                let results = store.telemetry().ingest(documents).await?;
                Ok(results.into_iter().map(outcome).collect())
            }
            Self::Server(client) => by_server(client, documents).await,
        }
    }

    pub async fn close(self) -> Result<()> {
        match self {
            Self::Folder(store) => Ok(store.flush().await?),
            Self::Server(_) => Ok(()),
        }
    }
}

fn outcome(result: ItemResult) -> Outcome {
    match result {
        ItemResult::Refused { reason, .. } => Outcome::Refused(reason),
        ItemResult::Conflict { .. } => Outcome::There,
        _ => Outcome::Stored,
    }
}

async fn by_server(client: &Client, documents: Vec<Document>) -> Result<Vec<Outcome>> {
    let mut body = String::new();
    for document in documents {
        let head = json!({ "create": { "_index": document.index, "_id": document.id } });
        body.push_str(&format!("{head}\n{}\n", Value::Object(document.source)));
    }
    let mut tries = 1;
    let answer = loop {
        match client.bulk(body.clone()).await? {
            Some(answer) => break answer,
            None if tries == TRIES => {
                anyhow::bail!("the server had too much to do {TRIES} times: try again later")
            }
            None => tokio::time::sleep(WAIT).await,
        }
        tries += 1;
    };
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let each = items.into_iter().map(|item| {
        let said = &item["create"];
        match (said["status"].as_u64(), said["error"]["reason"].as_str()) {
            (Some(409), _) => Outcome::There,
            (_, Some(reason)) => Outcome::Refused(reason.to_owned()),
            _ => Outcome::Stored,
        }
    });
    Ok(each.collect())
}
