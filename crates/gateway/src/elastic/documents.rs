//! Single documents.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::{Document, ItemResult, Operation};

use super::indices::{Which, named, object};
use super::refusal::Refusal;
pub use super::search::count_of;
use super::search::{Over, document};
use crate::api::Asked;
use crate::intake::Came;
use crate::state::Gateway;

/// Documents of one `_mget`.
const MAX_ASKED: usize = 10_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Putting {
    op_type: Option<String>,
    refresh: Option<String>,
}

impl Putting {
    pub fn check(&self) -> Result<(), Refusal> {
        check_refresh(self.refresh.as_deref())
    }
}

/// Documents are seen as soon as they are acknowledged, whatever is asked.
///
/// # Errors
/// A word that Elasticsearch doesn't know.
pub fn check_refresh(refresh: Option<&str>) -> Result<(), Refusal> {
    match refresh {
        None | Some("" | "true" | "false" | "wait_for") => Ok(()),
        Some(other) => Err(Refusal::illegal(format!(
            "Unknown value for refresh: [{other}]."
        ))),
    }
}

/// `POST /{index}/_doc`: the store gives the id.
pub async fn add(
    State(gateway): State<Gateway>,
    Path(index): Path<String>,
    Asked(putting): Asked<Putting>,
    headers: HeaderMap,
    body: Came,
) -> Result<Response, Refusal> {
    check_refresh(putting.refresh.as_deref())?;
    write(
        &gateway,
        index,
        None,
        Operation::Create,
        object(&headers, body)?,
    )
    .await
}

/// `PUT /{index}/_doc/{id}`
pub async fn put(
    State(gateway): State<Gateway>,
    Path((index, id)): Path<(String, String)>,
    Asked(putting): Asked<Putting>,
    headers: HeaderMap,
    body: Came,
) -> Result<Response, Refusal> {
    check_refresh(putting.refresh.as_deref())?;
    let operation = match putting.op_type.as_deref() {
        None | Some("index") => Operation::Index,
        Some("create") => Operation::Create,
        Some(other) => {
            return Err(Refusal::illegal(format!(
                "opType must be 'create' or 'index', found: [{other}]"
            )));
        }
    };
    write(
        &gateway,
        index,
        Some(id),
        operation,
        object(&headers, body)?,
    )
    .await
}

/// `PUT /{index}/_create/{id}`
pub async fn create(
    State(gateway): State<Gateway>,
    Path((index, id)): Path<(String, String)>,
    Asked(putting): Asked<Putting>,
    headers: HeaderMap,
    body: Came,
) -> Result<Response, Refusal> {
    check_refresh(putting.refresh.as_deref())?;
    let source = object(&headers, body)?;
    write(&gateway, index, Some(id), Operation::Create, source).await
}

/// `DELETE /{index}/_doc/{id}`
pub async fn delete(
    State(gateway): State<Gateway>,
    Path((index, id)): Path<(String, String)>,
    Asked(putting): Asked<Putting>,
) -> Result<Response, Refusal> {
    putting.check()?;
    let document = Document {
        index,
        operation: Operation::Delete,
        id: Some(id),
        source: Map::new(),
    };
    let stored = put_document(&gateway, document).await?;
    Ok((stored.status, Json(stored.body())).into_response())
}

async fn write(
    gateway: &Gateway,
    index: String,
    id: Option<String>,
    operation: Operation,
    source: Value,
) -> Result<Response, Refusal> {
    let Value::Object(source) = source else {
        return Err(Refusal::illegal("the document is no object"));
    };
    let document = Document {
        index,
        operation,
        id,
        source,
    };
    let stored = put_document(gateway, document).await?;
    Ok((stored.status, Json(stored.body())).into_response())
}

/// What became of one document, as it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub status: StatusCode,
    index: String,
    id: String,
    result: &'static str,
}

impl Stored {
    /// Of a document that wasn't refused.
    pub fn of(index: &str, result: ItemResult) -> Self {
        let (status, id, result) = match result {
            ItemResult::Created { id } => (StatusCode::CREATED, id, "created"),
            ItemResult::Updated { id } => (StatusCode::OK, id, "updated"),
            ItemResult::Deleted { id } => (StatusCode::OK, id, "deleted"),
            ItemResult::NotFound { id } => (StatusCode::NOT_FOUND, id, "not_found"),
            ItemResult::Conflict { id } => (StatusCode::CONFLICT, id, "noop"),
            ItemResult::Refused { .. } => (StatusCode::BAD_REQUEST, String::new(), "noop"),
        };
        Self {
            status,
            index: index.to_owned(),
            id,
            result,
        }
    }

    pub fn noop(index: &str, id: &str) -> Self {
        Self {
            status: StatusCode::OK,
            index: index.to_owned(),
            id: id.to_owned(),
            result: "noop",
        }
    }

    /// As an item of `_bulk`.
    pub fn told(&self) -> Value {
        let mut told = json!({ "_index": self.index, "_id": self.id });
        if self.status == StatusCode::CREATED {
            told["_version"] = 1.into();
        }
        told["result"] = self.result.into();
        told["status"] = self.status.as_u16().into();
        told
    }

    /// As an answer of its own.
    pub fn body(&self) -> Value {
        let mut body = json!({ "_index": self.index, "_id": self.id, "result": self.result });
        if self.status == StatusCode::CREATED {
            body["_version"] = 1.into();
        }
        body["_shards"] = super::indices::shards(1);
        body
    }
}

/// Stores or deletes one document.
pub async fn put_document(gateway: &Gateway, document: Document) -> Result<Stored, Refusal> {
    let index = match &gateway.store {
        // The answer names the index, not the alias.
        Some(store) => store.written(&document.index).map_err(|refusal| {
            Refusal::new(StatusCode::BAD_REQUEST, refusal.kind, refusal.reason)
        })?,
        None => document.index.clone(),
    };
    let stored = gateway.casework.telemetry().ingest(vec![document]).await?;
    crate::intake::tally::tally("documents", &stored);
    match stored.into_iter().next() {
        Some(ItemResult::Conflict { id }) => Err(conflict(&index, &id)),
        Some(ItemResult::Refused { kind, reason }) => Err(refused(&index, &kind, reason)),
        Some(stored) => Ok(Stored::of(&index, stored)),
        None => {
            let reason = "the store gave no result";
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Err(Refusal::new(status, "store_exception", reason))
        }
    }
}

/// Why a document isn't stored, with the status that senders go by.
pub fn refused(index: &str, kind: &str, reason: String) -> Refusal {
    match kind {
        "index_not_found_exception" => Refusal::no_index(index),
        // Shippers send again what was only too much at once.
        "es_rejected_execution_exception" => Refusal::rejected(reason),
        _ => Refusal::new(StatusCode::BAD_REQUEST, kind, reason),
    }
}

/// An id that is there already.
pub fn conflict(index: &str, id: &str) -> Refusal {
    let reason = format!("[{id}]: version conflict, document already exists (current version [1])");
    Refusal::new(
        StatusCode::CONFLICT,
        "version_conflict_engine_exception",
        reason,
    )
    .with("index", index)
}

pub async fn get(
    State(gateway): State<Gateway>,
    Path((index, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let found = find(&gateway, &index, &id).await?;
    Ok(match found {
        Some(source) => {
            let body = json!({ "_index": index, "_id": id, "found": true, "_source": source });
            Json(body).into_response()
        }
        None => {
            let body = json!({ "_index": index, "_id": id, "found": false });
            (StatusCode::NOT_FOUND, Json(body)).into_response()
        }
    })
}

/// `_mget` of any indices: `docs`, each with its `_index` and `_id`.
pub async fn several(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    each(&gateway, None, &object(&headers, body)?).await
}

/// `_mget` of one index: `docs` or `ids`.
pub async fn several_of(
    State(gateway): State<Gateway>,
    Path(index): Path<String>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    each(&gateway, Some(&index), &object(&headers, body)?).await
}

async fn each(
    gateway: &Gateway,
    index: Option<&str>,
    body: &Value,
) -> Result<Json<Value>, Refusal> {
    let mut docs = Vec::new();
    for (index, id) in asked(index, body)? {
        docs.push(match find(gateway, &index, &id).await {
            Ok(Some(source)) => {
                json!({ "_index": index, "_id": id, "found": true, "_source": source })
            }
            Ok(None) => json!({ "_index": index, "_id": id, "found": false }),
            Err(refusal) if refusal.is_missing() => {
                json!({ "_index": index, "_id": id, "error": refusal.error() })
            }
            Err(refusal) => return Err(refusal),
        });
    }
    Ok(Json(json!({ "docs": docs })))
}

/// Index and id of each document that is asked for.
fn asked(index: Option<&str>, body: &Value) -> Result<Vec<(String, String)>, Refusal> {
    let wrong = |reason: &str| {
        let reason = format!("Validation Failed: 1: {reason};");
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "action_request_validation_exception",
            reason,
        )
    };
    let text = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .or_else(|| value.as_i64().map(|id| id.to_string()))
    };
    let mut found = Vec::new();
    for id in body["ids"].as_array().into_iter().flatten() {
        let index = index.ok_or_else(|| wrong("index is missing for doc 0"))?;
        let id = text(id).ok_or_else(|| wrong("id is missing for doc 0"))?;
        found.push((index.to_owned(), id));
    }
    for (number, doc) in body["docs"].as_array().into_iter().flatten().enumerate() {
        let of = doc["_index"].as_str().or(index);
        let of = of.ok_or_else(|| wrong(&format!("index is missing for doc {number}")))?;
        let id =
            text(&doc["_id"]).ok_or_else(|| wrong(&format!("id is missing for doc {number}")))?;
        found.push((of.to_owned(), id));
    }
    if found.is_empty() {
        return Err(wrong("no documents to get"));
    }
    if found.len() > MAX_ASKED {
        return Err(wrong(&format!("over {MAX_ASKED} documents")));
    }
    Ok(found)
}

/// The document alone.
pub async fn source(
    State(gateway): State<Gateway>,
    Path((index, id)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    find(&gateway, &index, &id).await?.map(Json).ok_or_else(|| {
        let reason = format!("Document not found [{index}]/[{id}]");
        Refusal::new(
            StatusCode::NOT_FOUND,
            "resource_not_found_exception",
            reason,
        )
    })
}

async fn find(gateway: &Gateway, index: &str, id: &str) -> Result<Option<Value>, Refusal> {
    let _turn = gateway.queries.turns.take().await?;
    let indices = named(gateway, index, &Which::default()).await?;
    document(&Over::new(gateway, &indices, None)?, id).await
}
