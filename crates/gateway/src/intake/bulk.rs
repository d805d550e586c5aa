//! Elasticsearch's `_bulk`: actions in order, each with its own result.

mod lines;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::telemetry::MAX_BATCH;
use store::{Document, ItemResult, Operation};

use self::lines::{Action, Item, items};
use super::tally::{reject, tally};
use super::{Came, inflate};
use crate::api::Asked;
use crate::elastic::Refusal;
use crate::elastic::documents::{Stored, check_refresh, conflict, refused};
use crate::elastic::update::{Update, update};
use crate::problem::Problem;
use crate::state::Gateway;

/// Bytes of a body, inflated.
pub const MAX_BODY: usize = 100 << 20;
/// Updates of one request: each reads its document by a query.
pub const MAX_UPDATES: usize = 1_000;

const INTAKE: &str = "bulk";

pub async fn all(
    State(gateway): State<Gateway>,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    answer(&gateway, None, &wanted, &headers, body).await
}

pub async fn one(
    State(gateway): State<Gateway>,
    Path(index): Path<String>,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    answer(&gateway, Some(index), &wanted, &headers, body).await
}

/// Behind the question mark.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    refresh: Option<String>,
    pipeline: Option<String>,
    require_alias: Option<String>,
}

impl Wanted {
    fn check(&self) -> Result<(), Refusal> {
        check_refresh(self.refresh.as_deref())?;
        match self.pipeline.as_deref() {
            None | Some("" | "_none") => Ok(()),
            Some(pipeline) => Err(no_pipeline(pipeline)),
        }
    }

    fn requires_alias(&self) -> bool {
        matches!(self.require_alias.as_deref(), Some("" | "true"))
    }
}

/// Documents are never changed on their way in.
fn no_pipeline(name: &str) -> Refusal {
    Refusal::illegal(format!("pipeline with id [{name}] does not exist"))
}

async fn answer(
    gateway: &Gateway,
    index: Option<String>,
    wanted: &Wanted,
    headers: &HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    let began = std::time::Instant::now();
    wanted.check()?;
    let mut items = read(headers, body, index).await.inspect_err(|refusal| {
        reject(INTAKE, refusal.kind.clone(), 1);
    })?;
    if wanted.requires_alias() {
        items.iter_mut().for_each(|item| item.require_alias = true);
    }
    let told = perform(gateway, items).await?;
    let errors = told.iter().any(|(_, item)| item.get("error").is_some());
    let told: Vec<Value> = told
        .into_iter()
        .map(|(action, item)| json!({ action.name(): item }))
        .collect();
    let took = began.elapsed().as_millis() as u64;
    Ok(Json(
        json!({ "errors": errors, "took": took, "items": told }),
    ))
}

/// Inflated and read on a thread that may be busy for a while.
async fn read(
    headers: &HeaderMap,
    body: Came,
    index: Option<String>,
) -> Result<Vec<Item>, Refusal> {
    let headers = headers.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let body = inflate(&headers, body, MAX_BODY)?;
        let items = items(&body, index.as_deref())?;
        let updates = items.iter().filter(|item| item.action == Action::Update);
        for (count, most, what) in [
            (items.len(), MAX_BATCH, "documents"),
            (updates.count(), MAX_UPDATES, "updates"),
        ] {
            if count > most {
                let text = format!("{count} {what} in one request: at most {most}");
                return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text).into());
            }
        }
        Ok(items)
    });
    reading.await.unwrap_or_else(|error| {
        let text = format!("the body can't be read: {error}");
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, text).into())
    })
}

type Told = (Action, Value);

/// Actions in order. Documents go to the store together; an update, which reads what is there,
/// waits for those before it.
async fn perform(gateway: &Gateway, items: Vec<Item>) -> Result<Vec<Told>, Refusal> {
    let mut told = Vec::with_capacity(items.len());
    let mut waiting = Vec::new();
    for item in items {
        if item.action != Action::Update {
            waiting.push(item);
            continue;
        }
        told.extend(store(gateway, std::mem::take(&mut waiting)).await?);
        told.push((Action::Update, updated(gateway, item).await?));
    }
    told.extend(store(gateway, waiting).await?);
    Ok(told)
}

/// Where an item goes, or why it can't be stored at all.
fn target(gateway: &Gateway, item: &Item) -> Result<String, Refusal> {
    item.source.as_ref().map_err(Clone::clone)?;
    let Some(store) = &gateway.store else {
        return Ok(item.index.clone());
    };
    let written = store
        .written(&item.index)
        .map_err(|refusal| Refusal::new(StatusCode::BAD_REQUEST, refusal.kind, refusal.reason))?;
    let is_alias = written != item.index;
    if item.require_alias && !is_alias {
        let mut refusal = Refusal::no_index(&item.index);
        refusal.reason = format!(
            "no such index [{0}] and [require_alias] request flag is [true] and [{0}] is not an alias",
            item.index
        );
        return Err(refusal);
    }
    Ok(written)
}

async fn store(gateway: &Gateway, items: Vec<Item>) -> Result<Vec<Told>, Refusal> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let mut documents = Vec::with_capacity(items.len());
    let mut heads = Vec::with_capacity(items.len());
    for item in items {
        let target = target(gateway, &item);
        let head = (item.action, item.index.clone(), item.id.clone(), target);
        if let (Ok(index), Ok(source)) = (&head.3, item.source) {
            documents.push(document(index.clone(), item.action, item.id, source));
        }
        heads.push(head);
    }
    let results = gateway.casework.telemetry().ingest(documents).await?;
    tally(INTAKE, &results);
    let mut results = results.into_iter();
    let told = heads
        .into_iter()
        .map(|(action, index, id, target)| match target {
            Err(refusal) => {
                reject(INTAKE, refusal.kind.clone(), 1);
                (action, failed(&index, id.as_deref(), &refusal))
            }
            Ok(index) => {
                let result = results.next().unwrap_or_else(|| {
                    ItemResult::refused("store_exception", "the store gave no result")
                });
                (action, told(&index, id, result))
            }
        });
    Ok(told.collect())
}

fn document(
    index: String,
    action: Action,
    id: Option<String>,
    source: Map<String, Value>,
) -> Document {
    let operation = match action {
        Action::Create => Operation::Create,
        Action::Delete => Operation::Delete,
        Action::Index | Action::Update => Operation::Index,
    };
    Document {
        index,
        operation,
        id,
        source,
    }
}

async fn updated(gateway: &Gateway, item: Item) -> Result<Value, Refusal> {
    let index = item.index.clone();
    let id = item.id.clone().unwrap_or_default();
    let outcome = match target(gateway, &item) {
        Err(refusal) => Err(refusal),
        Ok(index) => match item.source.and_then(|body| Update::read(&body)) {
            Err(refusal) if refusal.kind == "x_content_parse_exception" => return Err(refusal),
            Err(refusal) => Err(refusal),
            Ok(asked) => update(gateway, &index, &id, asked).await,
        },
    };
    match outcome {
        Ok(stored) => {
            metrics::counter!(super::tally::ACCEPTED, "intake" => INTAKE).increment(1);
            Ok(stored.told())
        }
        // What is only busy is to be sent again, as a whole.
        Err(refusal) if refusal.status.is_server_error() => Err(refusal),
        Err(refusal) => {
            reject(INTAKE, refusal.kind.clone(), 1);
            Ok(failed(&index, Some(&id), &refusal))
        }
    }
}

fn failed(index: &str, id: Option<&str>, refusal: &Refusal) -> Value {
    let status = refusal.status.as_u16();
    json!({ "_index": index, "_id": id, "status": status, "error": refusal.cause() })
}

fn told(index: &str, id: Option<String>, result: ItemResult) -> Value {
    match result {
        ItemResult::Conflict { id } => failed(index, Some(&id), &conflict(index, &id)),
        ItemResult::Refused { kind, reason } => {
            failed(index, id.as_deref(), &refused(index, &kind, reason))
        }
        other => Stored::of(index, other).told(),
    }
}
