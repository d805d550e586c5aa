//! Single documents.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Document, ItemResult, Operation};

use super::indices::{Which, named, object};
use super::refusal::Refusal;
pub use super::search::count_of;
use super::search::{Over, document};
use crate::api::Asked;
use crate::intake::Came;
use crate::state::Gateway;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Putting {
    op_type: Option<String>,
    refresh: Option<String>,
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
        index: index.clone(),
        operation,
        id,
        source,
    };
    let stored = gateway.casework.telemetry().ingest(vec![document]).await?;
    let (status, id, result) = match stored.into_iter().next() {
        Some(ItemResult::Created { id }) => (StatusCode::CREATED, id, "created"),
        Some(ItemResult::Updated { id }) => (StatusCode::OK, id, "updated"),
        Some(ItemResult::Conflict { id }) => return Err(conflict(&index, &id)),
        Some(ItemResult::Refused { kind, reason }) => {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, &kind, reason));
        }
        None => {
            let reason = "the store gave no result";
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Err(Refusal::new(status, "store_exception", reason));
        }
    };
    let mut body = json!({ "_index": index, "_id": id, "result": result });
    if status == StatusCode::CREATED {
        body["_version"] = 1.into();
    }
    body["_shards"] = super::indices::shards(1);
    Ok((status, Json(body)).into_response())
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
