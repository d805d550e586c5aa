//! Documents in, ES|QL out.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use model::Timestamp;
use serde_json::Value;
use tokio::sync::oneshot;

use super::Embedded;
use super::catalog::Snapshot;
use super::database::blocking;
use super::document::PARSING;
use super::engine::{Engine, MAX_INDICES};
use super::intake::{self, MAX_TEXT_BYTES, Prepared};
use super::knowledge::put_services;
use super::writer::{Command, Placed, ended};
use crate::error::Error;
use crate::indices::{SERVICES, check_writable};
use crate::knowledge::service;
use crate::telemetry::{Document, ItemResult, Operation, Telemetry, check_batch};

/// What Elasticsearch says of a document to delete in an index that isn't there.
const NO_INDEX: &str = "index_not_found_exception";

/// Documents of one index of a batch, by their place in it.
type ByIndex = BTreeMap<String, Vec<(usize, Document)>>;

#[async_trait]
impl Telemetry for Embedded {
    async fn ingest(&self, documents: Vec<Document>) -> Result<Vec<ItemResult>, Error> {
        self.writable()?;
        check_batch(&documents)?;
        let count = documents.len();
        let mut placed = Placed::with_capacity(count);
        let engine = &self.inner.engine;
        let mut by_index = sort_out(engine, documents, &mut placed);
        if engine.mapping(SERVICES).is_none()
            && let Some(services) = by_index.remove(SERVICES)
        {
            self.store_services(services, &mut placed).await?;
        }
        if !by_index.is_empty() {
            let engine = self.inner.engine.clone();
            let (batches, refused) = blocking(move || prepare(&engine, by_index)).await?;
            placed.extend(refused);
            placed.extend(self.store(batches).await?);
        }
        placed.sort_by_key(|(place, _)| *place);
        debug_assert_eq!(placed.len(), count, "one result a document");
        Ok(placed.into_iter().map(|(_, result)| result).collect())
    }

    async fn query(&self, request: &esql::Request) -> Result<esql::Answer, Error> {
        let snapshot = Snapshot::new(&self.inner.engine);
        let mut answer = esql::run(request, &snapshot).await?;
        // Where documents can't be trusted, the answer lacks them, and says so.
        let lacking = self.inner.engine.lacking(&snapshot.asked());
        answer.is_partial |= !lacking.is_empty();
        answer.warnings.extend(lacking);
        Ok(answer)
    }

    async fn fields(&self, pattern: &str) -> Result<Vec<esql::Field>, Error> {
        let snapshot = Snapshot::only(&self.inner.engine, &self.inner.engine.pattern(pattern));
        let indices = snapshot.matching(pattern).await?;
        let mut fields: Vec<esql::Field> =
            indices.into_iter().flat_map(|index| index.fields).collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        fields.dedup_by(|a, b| a.name == b.name);
        Ok(fields)
    }

    async fn newest(&self, pattern: &str) -> Result<Option<Timestamp>, Error> {
        let pattern = self.inner.engine.pattern(pattern);
        let state = self.inner.engine.state();
        let matching = state.indices.iter().filter(|(name, _)| pattern.names(name));
        let spans = matching.flat_map(|(_, index)| {
            let memory = [
                index.active.span_ms(),
                index.frozen.as_ref().and_then(|rows| rows.span_ms()),
            ];
            memory
                .into_iter()
                .chain(index.segments.iter().map(|segment| segment.row.span_ms))
        });
        Ok(spans.flatten().map(|(_, newest)| Timestamp(newest)).max())
    }
}

impl Embedded {
    /// The catalog of one moment: for those who run the engine themselves.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(&self.inner.engine)
    }

    /// The names of all indices that match, sorted.
    pub async fn index_names(&self, pattern: &str) -> Result<Vec<String>, Error> {
        let indices = Snapshot::new(&self.inner.engine).matching(pattern).await?;
        Ok(indices.into_iter().map(|index| index.name).collect())
    }

    async fn store(&self, batches: Vec<Prepared>) -> Result<Placed, Error> {
        if batches.is_empty() {
            return Ok(Placed::new());
        }
        let (answer, stored) = oneshot::channel();
        self.sender()?
            .send(Command::Store { batches, answer })
            .await
            .map_err(|_| ended())?;
        stored.await.map_err(|_| ended())?
    }

    async fn store_services(
        &self,
        documents: Vec<(usize, Document)>,
        placed: &mut Placed,
    ) -> Result<(), Error> {
        let mut services = Vec::new();
        let mut places = Vec::new();
        for (place, document) in documents {
            if document.operation == Operation::Delete {
                let gone = self.forget_service(document.id.unwrap_or_default()).await?;
                placed.push((place, gone));
                continue;
            }
            match service(&document.source) {
                Ok(service) => {
                    places.push((place, service.name.clone()));
                    services.push(service);
                }
                Err(reason) => placed.push((place, ItemResult::refused(PARSING, reason))),
            }
        }
        let known = self
            .inner
            .database
            .call(move |connection| put_services(connection, &services))
            .await?;
        for ((place, id), known) in places.into_iter().zip(known) {
            let result = if known {
                ItemResult::Updated { id }
            } else {
                ItemResult::Created { id }
            };
            placed.push((place, result));
        }
        Ok(())
    }

    /// Services are known by their names.
    async fn forget_service(&self, id: String) -> Result<ItemResult, Error> {
        let name = id.clone();
        let gone = self.inner.database.call(move |connection| {
            Ok(connection.execute("DELETE FROM services WHERE name = ?1", [&name])?)
        });
        Ok(match gone.await? {
            0 => ItemResult::NotFound { id },
            _ => ItemResult::Deleted { id },
        })
    }
}

/// By index, aliases resolved; what no index may take is refused at once.
fn sort_out(engine: &Engine, documents: Vec<Document>, placed: &mut Placed) -> ByIndex {
    let mut by_index = ByIndex::new();
    let aliases = engine.aliases();
    for (place, mut document) in documents.into_iter().enumerate() {
        match aliases.written(&document.index) {
            Err(refusal) => {
                placed.push((place, refusal.into()));
                continue;
            }
            Ok(index) if index != document.index => document.index = index.to_owned(),
            Ok(_) => {}
        }
        if let Some(known) = by_index.get_mut(&document.index) {
            known.push((place, document));
            continue;
        }
        match check_writable(&document.index) {
            Err(refusal) => placed.push((place, refusal.into())),
            Ok(()) => by_index
                .entry(document.index.clone())
                .or_default()
                .push((place, document)),
        }
    }
    by_index
}

fn prepare(engine: &Arc<Engine>, by_index: ByIndex) -> Result<(Vec<Prepared>, Placed), Error> {
    let bytes: usize = by_index
        .values()
        .flatten()
        .map(|(_, document)| {
            document
                .source
                .iter()
                .map(|(_, value)| text_bytes(value))
                .sum::<usize>()
        })
        .sum();
    if bytes > MAX_TEXT_BYTES {
        return Err(Error::Refused(format!(
            "a batch with {bytes} bytes of text is over the limit of {MAX_TEXT_BYTES}; send smaller ones"
        )));
    }
    let mut batches = Vec::new();
    let mut refused = Placed::new();
    for (index, mut documents) in by_index {
        if engine.mapping(&index).is_none() {
            // A deletion makes no index; a document before it does.
            let mut made = false;
            documents.retain(|(place, document)| {
                made |= document.operation != Operation::Delete;
                let kept = made;
                if !kept {
                    refused.push((*place, no_index(&index)));
                }
                kept
            });
            if documents.is_empty() {
                continue;
            }
        }
        let Some(mapping) = engine.mapping_or_new(&index) else {
            let reason =
                format!("the store has {MAX_INDICES} indices already, [{index}] can't be added");
            refused.extend(documents.into_iter().map(|(place, _)| {
                let result = ItemResult::refused("validation_exception", reason.clone());
                (place, result)
            }));
            continue;
        };
        let (prepared, refusals) = intake::prepare(&index, &mapping, documents, || engine.new_id());
        refused.extend(
            refusals
                .into_iter()
                .map(|(place, refusal)| (place, refusal.into())),
        );
        if !prepared.candidates.is_empty() {
            batches.push(prepared);
        }
    }
    Ok((batches, refused))
}

fn no_index(index: &str) -> ItemResult {
    ItemResult::refused(NO_INDEX, format!("no such index [{index}]"))
}

/// Bytes of all strings of a value.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(text_bytes).sum(),
        Value::Object(object) => object.iter().map(|(_, value)| text_bytes(value)).sum(),
        _ => 0,
    }
}
