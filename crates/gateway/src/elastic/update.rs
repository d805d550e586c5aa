//! `_update`: a document's fields put over those that are stored.
//!
//! The store keeps columns, so a document is read as `_source` shows it, changed and put back.
//! Updates go one after another; who writes the same document in another way meanwhile may lose.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use store::{Document, Operation};

use super::documents::{Putting, Stored, put_document};
use super::indices::{Which, check_flag, named, object};
use super::refusal::Refusal;
use super::search::{Over, document};
use crate::api::Asked;
use crate::intake::Came;
use crate::state::Gateway;

/// What a body of `_update` may say.
const KNOWN: [&str; 9] = [
    "doc",
    "doc_as_upsert",
    "upsert",
    "detect_noop",
    "script",
    "scripted_upsert",
    "_source",
    "if_seq_no",
    "if_primary_term",
];

/// A change of one document.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    doc: Map<String, Value>,
    /// The document where there is none.
    upsert: Option<Map<String, Value>>,
    detect_noop: bool,
}

impl Update {
    /// # Errors
    /// Elasticsearch's; scripts, which the store doesn't run.
    pub fn read(body: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut keys = body.iter().map(|(key, _)| key.as_str());
        if let Some(unknown) = keys.find(|key| !KNOWN.contains(key)) {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "x_content_parse_exception",
                format!("[1:2] [UpdateRequest] unknown field [{unknown}]"),
            ));
        }
        if body.contains_key("script") {
            return Err(Refusal::illegal(
                "[script]: the embedded store runs no scripts; send [doc] with the new values",
            ));
        }
        let part = |name: &str| body.get(name).and_then(Value::as_object).cloned();
        let Some(doc) = part("doc") else {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "action_request_validation_exception",
                "Validation Failed: 1: script or doc is missing;",
            ));
        };
        let as_upsert = body.get("doc_as_upsert") == Some(&Value::Bool(true));
        Ok(Self {
            upsert: part("upsert").or_else(|| as_upsert.then(|| doc.clone())),
            detect_noop: body.get("detect_noop") != Some(&Value::Bool(false)),
            doc,
        })
    }
}

/// `POST /{index}/_update/{id}`
pub async fn post(
    State(gateway): State<Gateway>,
    Path((index, id)): Path<(String, String)>,
    Asked(putting): Asked<Putting>,
    headers: HeaderMap,
    body: Came,
) -> Result<Response, Refusal> {
    putting.check()?;
    let body = object(&headers, body)?;
    for flag in ["doc_as_upsert", "detect_noop"] {
        check_flag(&body, flag)?;
    }
    let asked = Update::read(body.as_object().unwrap_or(&Map::new()))?;
    let store = super::indices::embedded(&gateway)?;
    let index = store
        .written(&index)
        .map_err(|refusal| Refusal::new(StatusCode::BAD_REQUEST, refusal.kind, refusal.reason))?;
    let stored = update(&gateway, &index, &id, asked).await?;
    Ok((stored.status, Json(stored.body())).into_response())
}

/// Reads, changes and stores one document.
///
/// # Errors
/// `document_missing_exception` where it isn't there and nothing says what it is to be.
pub async fn update(
    gateway: &Gateway,
    index: &str,
    id: &str,
    asked: Update,
) -> Result<Stored, Refusal> {
    let store = super::indices::embedded(gateway)?;
    if store
        .describe(index)
        .iter()
        .any(|known| known.is_data_stream)
    {
        return Err(Refusal::illegal(
            "only write ops with an op_type of create are allowed in data streams",
        ));
    }
    let _one = gateway.updates.lock().await;
    let there = Which {
        ignore_unavailable: Some("true".to_owned()),
        ..Which::default()
    };
    let indices = named(gateway, index, &there).await?;
    let before = match indices.is_empty() {
        true => None,
        false => {
            let _turn = gateway.queries.turns.take().await?;
            document(&Over::new(gateway, &indices, None)?, id).await?
        }
    };
    let source = match (before, asked.upsert) {
        (Some(Value::Object(before)), _) => {
            let mut after = before.clone();
            overlay(&mut after, asked.doc);
            if asked.detect_noop && after == before {
                return Ok(Stored::noop(index, id));
            }
            after
        }
        (_, Some(upsert)) => upsert,
        (_, None) => {
            let reason = format!("[{id}]: document missing");
            let missing = Refusal::new(StatusCode::NOT_FOUND, "document_missing_exception", reason);
            return Err(missing.with("index", index));
        }
    };
    let document = Document {
        index: index.to_owned(),
        operation: Operation::Index,
        id: Some(id.to_owned()),
        source,
    };
    put_document(gateway, document).await
}

/// Objects are put into each other, anything else is replaced. `a.b` means what lies in `a`.
fn overlay(under: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        if let Some((first, rest)) = key.split_once('.')
            && !under.contains_key(&key)
        {
            let inner = Map::from_iter([(rest.to_owned(), value)]);
            overlay(under, Map::from_iter([(first.to_owned(), inner.into())]));
            continue;
        }
        match (under.get_mut(&key), value) {
            (Some(Value::Object(inner)), Value::Object(over)) => overlay(inner, over),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_document_is_put_over_what_is_stored() {
        let mut stored = map(json!({ "a": 1, "b": { "c": 2, "d": 3 } }));
        overlay(
            &mut stored,
            map(json!({ "b": { "c": 4 }, "b.e": 5, "f": [6] })),
        );
        assert_eq!(
            Value::Object(stored),
            json!({ "a": 1, "b": { "c": 4, "d": 3, "e": 5 }, "f": [6] })
        );
    }

    #[test]
    fn what_cant_be_done_is_named() {
        let refused = |body: Value| match Update::read(&map(body)) {
            Err(refusal) => refusal.reason,
            Ok(update) => format!("{update:?}"),
        };
        assert!(refused(json!({ "script": { "source": "x" } })).starts_with("[script]"));
        assert_eq!(
            refused(json!({ "nonsense": {} })),
            "[1:2] [UpdateRequest] unknown field [nonsense]"
        );
        assert_eq!(
            refused(json!({})),
            "Validation Failed: 1: script or doc is missing;"
        );
    }
}
