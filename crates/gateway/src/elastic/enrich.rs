//! Enrich policies: `_enrich/policy`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use store::embedded::Policy;

use super::filter_path::fits;
use super::indices::{embedded, object};
use super::refusal::Refusal;
use crate::intake::Came;
use crate::state::Gateway;

/// The kind of policy that is kept; ranges and shapes aren't.
const MATCH: &str = "match";

pub async fn put(
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    let body = object(&headers, body)?;
    let store = embedded(&gateway)?;
    if name.contains(['*', ',', ' ', '"', '/', '\\', '<', '>', '|', '?', '#', ':'])
        || name != name.to_lowercase()
        || name.starts_with(['_', '-', '+'])
    {
        return Err(Refusal::illegal(format!(
            "Invalid policy name [{name}]: lower case, without wildcards, blanks and signs"
        )));
    }
    if let Some(kind) = ["range", "geo_match"]
        .iter()
        .find(|kind| body.get(**kind).is_some())
    {
        return Err(Refusal::illegal(format!(
            "unsupported policy type [{kind}]: the embedded store has match policies"
        )));
    }
    let policy = read(&body[MATCH])?;
    for index in &policy.indices {
        if !index.contains('*') && store.describe(index).is_empty() {
            return Err(Refusal::no_index(index));
        }
    }
    store.put_enrich_policy(&name, policy).await?;
    Ok(done())
}

fn read(body: &Value) -> Result<Policy, Refusal> {
    let wanted = |what: &str| Refusal::illegal(format!("Required [{what}]"));
    if !body.is_object() {
        return Err(Refusal::illegal(
            "policy needs an object [match] with [indices], [match_field] and [enrich_fields]",
        ));
    }
    if body.get("query").is_some_and(|query| !query.is_null()) {
        return Err(Refusal::illegal(
            "[query] isn't supported: the embedded store's policies look up all documents",
        ));
    }
    let list = |key: &str| -> Result<Vec<String>, Refusal> {
        let names: Vec<String> = match &body[key] {
            Value::String(one) => one.split(',').map(str::to_owned).collect(),
            Value::Array(all) => all
                .iter()
                .filter_map(|one| one.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        };
        if names.is_empty() {
            Err(wanted(key))
        } else {
            Ok(names)
        }
    };
    Ok(Policy {
        indices: list("indices")?,
        match_field: body["match_field"]
            .as_str()
            .ok_or_else(|| wanted("match_field"))?
            .to_owned(),
        enrich_fields: list("enrich_fields")?,
        executed: false,
    })
}

fn done() -> Json<Value> {
    Json(json!({ "acknowledged": true }))
}

fn missing(name: &str) -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "resource_not_found_exception",
        format!("policy [{name}] not found"),
    )
}

pub async fn execute(
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refusal> {
    if !embedded(&gateway)?.execute_enrich_policy(&name).await? {
        return Err(missing(&name));
    }
    Ok(Json(json!({ "status": { "phase": "COMPLETE" } })))
}

pub async fn get(
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let policies = embedded(&gateway)?.enrich_policies().await?;
    let wanted = |known: &str| name.split(',').any(|pattern| fits(pattern, known));
    let shown = policies.into_iter().filter(|(known, _)| wanted(known));
    let shown = shown.map(|(name, policy)| {
        json!({ "config": { MATCH: {
            "name": name, "indices": policy.indices, "match_field": policy.match_field,
            "enrich_fields": policy.enrich_fields,
        } } })
    });
    Ok(Json(json!({ "policies": shown.collect::<Vec<_>>() })))
}

pub async fn all(gateway: State<Gateway>) -> Result<Json<Value>, Refusal> {
    get(gateway, Path("*".to_owned())).await
}

pub async fn delete(
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refusal> {
    if !embedded(&gateway)?.delete_enrich_policy(&name).await? {
        return Err(missing(&name));
    }
    Ok(done())
}
