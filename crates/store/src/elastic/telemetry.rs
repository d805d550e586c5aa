//! Documents in by `_bulk`, ES|QL out by `_query`.

use std::time::Duration;

use async_trait::async_trait;
use model::Timestamp;
use serde_json::{Value, json};

use super::Elastic;
use super::bulk::{self, Item, REJECTED};
use super::client::{Again, Call};
use super::failure::Failure;
use super::question;
use super::wait::{chance, pause};
use crate::error::Error;
use crate::indices::TIMESTAMP;
use crate::telemetry::{Document, Feature, ItemResult, Telemetry, check_batch};

/// Time for one `_bulk` request.
const BULK: Duration = Duration::from_secs(60);

/// How often items are sent whose queue was full, or of which nothing was heard.
const MAX_SENT: u32 = 5;

#[async_trait]
impl Telemetry for Elastic {
    async fn ingest(&self, documents: Vec<Document>) -> Result<Vec<ItemResult>, Error> {
        self.writable()?;
        check_batch(&documents)?;
        let (batch, mut number) = (batch_name()?, 0);
        let (items, mut placed) = bulk::prepare(documents, || {
            number += 1;
            format!("{batch}{number:05}")
        });
        for request in bulk::requests(items) {
            placed.extend(self.send_items(request).await?);
        }
        placed.sort_by_key(|(place, _)| *place);
        Ok(placed.into_iter().map(|(_, result)| result).collect())
    }

    async fn query(&self, request: &esql::Request) -> Result<esql::Answer, Error> {
        let rows = self.inner.max_rows;
        let time = Duration::from_millis(request.limits.time_ms);
        // An answer that lacks a shard's rows would be evidence of what isn't so.
        let call = Call::post(["_query"], &question::body(request, rows))
            .with("allow_partial_results", "false")
            .within(time);
        // A question that took too long once would only take as long again.
        let asked = tokio::time::timeout(time, self.client().send(&call)).await;
        let reply = match asked {
            Ok(Ok(reply)) => reply,
            Ok(Err(failure)) => return Err(refused(failure)),
            Err(_) => {
                return Err(esql::Error::Limit(format!(
                    "the query took longer than {} ms",
                    request.limits.time_ms
                ))
                .into());
            }
        };
        let mut answer = esql::answer::from_json(&reply.body)?;
        answer.warnings = reply.warnings;
        Ok(answer)
    }

    fn max_rows(&self) -> usize {
        self.inner.max_rows
    }

    fn has(&self, feature: Feature) -> bool {
        Elastic::has(self, feature)
    }

    async fn fields(&self, pattern: &str) -> Result<Vec<esql::Field>, Error> {
        let call = Call::get([pattern, "_field_caps"])
            .with("fields", "*")
            .with("filters", "-metadata")
            .with("ignore_unavailable", "true")
            .with("allow_no_indices", "true");
        let reply = self.client().send(&call).await?;
        Ok(question::fields(&reply.body))
    }

    async fn newest(&self, pattern: &str) -> Result<Option<Timestamp>, Error> {
        let body = json!({
            "size": 0,
            "track_total_hits": false,
            "aggs": { "newest": { "max": { "field": TIMESTAMP } } },
        });
        let call = Call::post([pattern, "_search"], &body)
            .with("ignore_unavailable", "true")
            .with("allow_no_indices", "true")
            .with("allow_partial_search_results", "false");
        let reply = self.client().send(&call).await?;
        let newest = reply.body["aggregations"]["newest"]["value"].as_f64();
        Ok(newest.map(|ms| Timestamp(ms as i64)))
    }
}

/// Elasticsearch's refusal of a query, in its words; what isn't the query's fault stays an
/// error of the store.
fn refused(failure: Failure) -> Error {
    match failure {
        Failure::Said {
            status: status @ 400..=499,
            kind,
            reason,
        } if !matches!(status, 401 | 403 | 429) => esql::Error::Told {
            status,
            kind,
            reason,
        }
        .into(),
        other => other.into(),
    }
}

impl Elastic {
    /// One request, and again what of it was too much at once or got no answer: every item has an
    /// id, so none is stored twice.
    async fn send_items(&self, mut items: Vec<Item>) -> Result<Vec<(usize, ItemResult)>, Error> {
        let mut placed = Vec::with_capacity(items.len());
        let mut repeated = false;
        for sent in 1..=MAX_SENT {
            // Queries see what was taken in when this returns: that is the promise to callers.
            let call = Call::post(["_bulk"], &Value::Null)
                .lines(bulk::lines(&items))
                .with("refresh", "true")
                .again(Again::AskFirst)
                .within(BULK);
            match self.client().send(&call).await {
                Ok(reply) => items = sort_out(items, &reply.body, repeated, sent, &mut placed)?,
                Err(failure) if sent == MAX_SENT => return Err(failure.into()),
                Err(Failure::Unknown(_)) => repeated = true,
                Err(failure) if failure.is_busy() => repeated = true,
                Err(failure) => return Err(failure.into()),
            }
            if items.is_empty() {
                return Ok(placed);
            }
            tokio::time::sleep(pause(sent, chance())).await;
        }
        Ok(placed)
    }
}

/// Places the results, and gives the items that may be sent again.
fn sort_out(
    items: Vec<Item>,
    body: &Value,
    repeated: bool,
    sent: u32,
    placed: &mut Vec<(usize, ItemResult)>,
) -> Result<Vec<Item>, Error> {
    let said = body["items"].as_array().map_or(&[][..], Vec::as_slice);
    if said.len() != items.len() {
        return Err(Error::Unavailable(format!(
            "_bulk gave {} results for {} items",
            said.len(),
            items.len()
        )));
    }
    let mut again = Vec::new();
    for (item, said) in items.into_iter().zip(said) {
        let result = bulk::result(&item, said, repeated);
        let busy = matches!(&result, ItemResult::Refused { kind, .. } if kind == REJECTED);
        if busy && sent < MAX_SENT {
            again.push(item);
        } else {
            placed.push((item.place, result));
        }
    }
    Ok(again)
}

/// What the ids of one batch begin with: a number that no other batch has.
fn batch_name() -> Result<String, Error> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::Unavailable(format!("the system has no chance left: {error}")))?;
    Ok(hex::encode(bytes))
}
