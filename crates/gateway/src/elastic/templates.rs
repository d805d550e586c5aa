//! Index templates.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::indices::{embedded, object};
use super::refusal::Refusal;
use crate::api::Asked;
use crate::intake::Came;
use crate::state::Gateway;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Putting {
    create: Option<String>,
}

pub async fn put(
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
    Asked(asked): Asked<Putting>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    let body = object(&headers, body)?;
    let store = embedded(&gateway)?;
    let only_new = asked
        .create
        .is_some_and(|text| text.is_empty() || text == "true");
    if name.contains(['*', ',']) {
        return Err(Refusal::illegal(format!(
            "invalid index template name [{name}]: it has a wildcard or a comma"
        )));
    }
    if only_new && !store.templates(&name).is_empty() {
        return Err(Refusal::illegal(format!(
            "index template [{name}] already exists"
        )));
    }
    store.put_template(&name, body).await?;
    Ok(Json(json!({ "acknowledged": true })))
}

pub async fn get(
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let found = embedded(&gateway)?.templates(&name);
    if found.is_empty() && !name.contains('*') {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "resource_not_found_exception",
            format!("index template matching [{name}] not found"),
        ));
    }
    let each = found
        .into_iter()
        .map(|(name, given)| json!({ "name": name, "index_template": given }));
    Ok(Json(json!({ "index_templates": each.collect::<Vec<_>>() })))
}

pub async fn all(gateway: State<Gateway>) -> Result<Json<Value>, Refusal> {
    get(gateway, Path("*".to_owned())).await
}

pub async fn delete(
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refusal> {
    if !embedded(&gateway)?.delete_template(&name).await? {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "resource_not_found_exception",
            format!("index_template [{name}] missing"),
        ));
    }
    Ok(Json(json!({ "acknowledged": true })))
}
