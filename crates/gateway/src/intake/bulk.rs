//! Elasticsearch's `_bulk`: pairs of an action line and a document line.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::telemetry::MAX_BATCH;
use store::{Document, ItemResult, Operation};

use super::{Came, inflate};
use crate::api::Asked;
use crate::elastic::Refusal;
use crate::elastic::documents::{check_refresh, conflict};
use crate::problem::Problem;
use crate::state::Gateway;

/// Bytes of a body, inflated.
pub const MAX_BODY: usize = 100 << 20;

/// What Elasticsearch calls having too much to do.
const REJECTED: &str = "es_rejected_execution_exception";

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
}

impl Wanted {
    fn check(&self) -> Result<(), Refusal> {
        check_refresh(self.refresh.as_deref())?;
        match self.pipeline.as_deref() {
            None | Some("" | "_none") => Ok(()),
            Some(pipeline) => Err(no_pipeline(pipeline)),
        }
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
    let items = read(headers, body, index).await?;
    let (heads, documents) = apart(items);
    let results = gateway.casework.telemetry().ingest(documents).await?;
    let mut results = results.into_iter();
    let mut errors = false;
    let told: Vec<Value> = heads
        .into_iter()
        .map(|head| {
            let result = match &head.broken {
                None => results.next().unwrap_or_else(|| {
                    ItemResult::refused("store_exception", "the store gave no result")
                }),
                Some(reason) => ItemResult::refused("document_parsing_exception", reason.as_str()),
            };
            errors |= matches!(
                result,
                ItemResult::Conflict { .. } | ItemResult::Refused { .. }
            );
            told(&head, result)
        })
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
) -> Result<Vec<Item>, Problem> {
    let headers = headers.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let body = inflate(&headers, body, MAX_BODY)?;
        let items = items(&body, index.as_deref()).map_err(Problem::bad)?;
        if items.len() > MAX_BATCH {
            let text = format!(
                "{} documents in one request: at most {MAX_BATCH}",
                items.len()
            );
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        Ok(items)
    });
    reading.await.unwrap_or_else(|error| {
        let text = format!("the body can't be read: {error}");
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, text))
    })
}

/// What is told of an item when its document has gone to the store.
struct Head {
    index: String,
    operation: Operation,
    id: Option<String>,
    /// Why there is no document.
    broken: Option<String>,
}

fn apart(items: Vec<Item>) -> (Vec<Head>, Vec<Document>) {
    let mut documents = Vec::with_capacity(items.len());
    let heads = items
        .into_iter()
        .map(
            |Item {
                 index,
                 operation,
                 id,
                 source,
             }| {
                let broken = match source {
                    Ok(source) => {
                        let (index, id) = (index.clone(), id.clone());
                        documents.push(Document {
                            index,
                            operation,
                            id,
                            source,
                        });
                        None
                    }
                    Err(reason) => Some(reason),
                };
                Head {
                    index,
                    operation,
                    id,
                    broken,
                }
            },
        )
        .collect();
    (heads, documents)
}

struct Item {
    index: String,
    operation: Operation,
    id: Option<String>,
    /// Or why the document's line can't be read.
    source: Result<Map<String, Value>, String>,
}

fn told(item: &Head, result: ItemResult) -> Value {
    let name = match item.operation {
        Operation::Create => "create",
        Operation::Index => "index",
    };
    let index = &item.index;
    let body = match result {
        ItemResult::Created { id } => {
            json!({ "_index": index, "_id": id, "_version": 1, "result": "created", "status": 201 })
        }
        ItemResult::Updated { id } => {
            json!({ "_index": index, "_id": id, "result": "updated", "status": 200 })
        }
        ItemResult::Conflict { id } => {
            let error = conflict(index, &id).cause();
            json!({ "_index": index, "_id": id, "status": 409, "error": error })
        }
        ItemResult::Refused { kind, reason } => {
            // Shippers send again what was only too much at once.
            let status = if kind == REJECTED { 429 } else { 400 };
            json!({ "_index": index, "_id": item.id, "status": status, "error": { "type": kind, "reason": reason } })
        }
    };
    json!({ name: body })
}

/// Pairs of lines; a line that can't be read as an action ends the request, because what follows
/// can't be told apart any more.
fn items(body: &[u8], default: Option<&str>) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut lines = body
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace));
    while let Some((number, line)) = lines.next() {
        let number = number + 1;
        let action: Map<String, Value> = serde_json::from_slice(line).map_err(|error| {
            format!("Malformed action/metadata line [{number}], expected a JSON object: {error}")
        })?;
        let Some((name, meta)) = action.iter().next() else {
            return Err(format!(
                "Malformed action/metadata line [{number}], expected FIELD_NAME but found [END_OBJECT]"
            ));
        };
        let operation = match name.as_str() {
            "create" => Operation::Create,
            "index" => Operation::Index,
            other => {
                return Err(format!(
                    "Malformed action/metadata line [{number}], expected one of [create, index] but found [{other}]"
                ));
            }
        };
        let text = |key: &str| meta.get(key).and_then(Value::as_str).map(str::to_owned);
        let index = text("_index").or_else(|| default.map(str::to_owned));
        let Some(index) = index else {
            return Err(format!("line [{number}]: index is missing"));
        };
        let Some((at, document)) = lines.next() else {
            return Err(format!(
                "line [{number}]: the document's line is missing; the request must end with a newline"
            ));
        };
        let source = serde_json::from_slice(document)
            .map_err(|error| format!("[{}:1] failed to parse: {error}", at + 1));
        items.push(Item {
            index,
            operation,
            id: text("_id"),
            source,
        });
    }
    if items.is_empty() {
        return Err("request body is required".to_owned());
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_between_pairs_are_nothing() {
        let body = b"\n{\"index\":{\"_index\":\"a\",\"_id\":\"1\"}}\n{\"x\":1}\n\n{\"create\":{}}\n{\"x\":\n";
        let items = items(body, Some("b")).expect("readable");
        assert_eq!(items.len(), 2);
        assert_eq!(
            (items[0].index.as_str(), items[0].id.as_deref()),
            ("a", Some("1"))
        );
        assert_eq!(items[1].index, "b");
        assert!(
            items[1].source.is_err(),
            "the broken document is an item's error"
        );
    }

    #[test]
    fn a_broken_action_line_names_itself() {
        let error = items(b"{\"index\":{}}\n{}\nnonsense\n", Some("a"))
            .err()
            .unwrap_or_default();
        assert!(
            error.starts_with("Malformed action/metadata line [3]"),
            "{error}"
        );
        assert!(items(b"{\"delete\":{}}\n", Some("a")).is_err());
        assert!(items(b"\n", Some("a")).is_err());
    }
}
