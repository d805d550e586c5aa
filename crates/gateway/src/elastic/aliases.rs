//! Aliases: `_aliases`, `_alias`, `_cat/aliases`.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use store::embedded::{Alias, Change, MAX_ALIASES};

use super::filter_path::fits;
use super::indices::{Which, check_flag, embedded, named, object};
use super::refusal::Refusal;
use crate::intake::Came;
use crate::state::Gateway;

/// `POST /_aliases`: all of the actions, or none.
pub async fn post(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    let body = object(&headers, body)?;
    let actions = body["actions"].as_array().map_or(&[][..], Vec::as_slice);
    if actions.is_empty() {
        return Err(Refusal::illegal("No action specified"));
    }
    let mut changes = Vec::new();
    for action in actions {
        if action.as_object().is_none_or(Map::is_empty) {
            return Err(Refusal::illegal(
                "[alias_action] expected an action: [add] or [remove]",
            ));
        }
        for (name, said) in action.as_object().into_iter().flatten() {
            changes.extend(read(&gateway, name, said).await?);
        }
        if changes.len() > MAX_ALIASES {
            return Err(Refusal::illegal(format!(
                "over {MAX_ALIASES} aliases in one request"
            )));
        }
    }
    embedded(&gateway)?.change_aliases(changes).await?;
    Ok(done())
}

fn done() -> Json<Value> {
    Json(json!({ "acknowledged": true, "errors": false }))
}

/// One name, or several.
fn names(said: &Value, one: &str, many: &str) -> Vec<String> {
    let given = said.get(one).or_else(|| said.get(many));
    match given {
        Some(Value::String(one)) => one.split(',').map(str::to_owned).collect(),
        Some(Value::Array(all)) => all
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

async fn read(gateway: &Gateway, action: &str, said: &Value) -> Result<Vec<Change>, Refusal> {
    if !["add", "remove"].contains(&action) {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "x_content_parse_exception",
            format!(
                "[alias_action] unknown field [{action}]: the embedded store has [add] and [remove]"
            ),
        ));
    }
    let aliases = names(said, "alias", "aliases");
    let expression = names(said, "index", "indices").join(",");
    if aliases.is_empty() || expression.is_empty() {
        return Err(Refusal::illegal(
            "One of [index] or [indices] and one of [alias] or [aliases] is required",
        ));
    }
    let write = said.get("is_write_index").and_then(Value::as_bool);
    let mut changes = Vec::new();
    for index in named(gateway, &expression, &Which::default()).await? {
        for name in &aliases {
            changes.push(match action {
                "add" => {
                    check(name, said)?;
                    Change::Add(Alias {
                        name: name.clone(),
                        index: index.name.clone(),
                        is_write_index: write,
                    })
                }
                _ => Change::Remove {
                    name: name.clone(),
                    index: index.name.clone(),
                },
            });
        }
    }
    Ok(changes)
}

/// Views that hide documents aren't kept: who asks for one must not see more than meant.
fn check(name: &str, said: &Value) -> Result<(), Refusal> {
    let known = [
        "index",
        "indices",
        "alias",
        "aliases",
        "is_write_index",
        "is_hidden",
        "must_exist",
    ];
    for flag in ["is_write_index", "is_hidden", "must_exist"] {
        check_flag(said, flag)?;
    }
    let mut keys = said.as_object().into_iter().flatten().map(|(key, _)| key);
    match keys.find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(Refusal::illegal(format!(
            "alias [{name}]: the embedded store's aliases have no [{key}]"
        ))),
    }
}

/// `PUT /{index}/_alias/{name}`
pub async fn put(
    State(gateway): State<Gateway>,
    Path((index, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    let mut said = object(&headers, body)?;
    said["index"] = index.into();
    said["alias"] = name.into();
    let changes = read(&gateway, "add", &said).await?;
    embedded(&gateway)?.change_aliases(changes).await?;
    Ok(done())
}

/// `DELETE /{index}/_alias/{name}`; `_all` and patterns take several.
pub async fn delete(
    State(gateway): State<Gateway>,
    Path((index, name)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    let indices = concrete(&gateway, &index).await?;
    let pattern = if name == "_all" { "*" } else { &name };
    let mut changes = Vec::new();
    for alias in embedded(&gateway)?.aliases() {
        if indices.contains(&alias.index) && fits(pattern, &alias.name) {
            changes.push(Change::Remove {
                name: alias.name,
                index: alias.index,
            });
        }
    }
    if changes.is_empty() {
        let reason = format!("aliases [{name}] missing");
        let status = StatusCode::NOT_FOUND;
        return Err(Refusal::new(status, "aliases_not_found_exception", reason));
    }
    embedded(&gateway)?.change_aliases(changes).await?;
    Ok(done())
}

async fn concrete(gateway: &Gateway, expression: &str) -> Result<BTreeSet<String>, Refusal> {
    let indices = named(gateway, expression, &Which::default()).await?;
    Ok(indices.into_iter().map(|index| index.name).collect())
}

/// What `GET /{index}` shows of an index's aliases.
pub fn of(gateway: &Gateway, index: &str) -> Value {
    let all = gateway
        .store
        .as_ref()
        .map_or_else(Vec::new, |store| store.aliases());
    let ours = all.iter().filter(|alias| alias.index == index);
    Value::Object(ours.map(shown).collect())
}

fn shown(alias: &Alias) -> (String, Value) {
    let said = match alias.is_write_index {
        Some(write) => json!({ "is_write_index": write }),
        None => json!({}),
    };
    (alias.name.clone(), said)
}

pub async fn all(State(gateway): State<Gateway>) -> Result<Response, Refusal> {
    list(&gateway, "*", None).await
}

pub async fn named_so(
    State(gateway): State<Gateway>,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    list(&gateway, "*", Some(&name)).await
}

pub async fn of_index(
    State(gateway): State<Gateway>,
    Path(index): Path<String>,
) -> Result<Response, Refusal> {
    list(&gateway, &index, None).await
}

pub async fn one(
    State(gateway): State<Gateway>,
    Path((index, name)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    list(&gateway, &index, Some(&name)).await
}

async fn list(gateway: &Gateway, index: &str, name: Option<&str>) -> Result<Response, Refusal> {
    let mut body = Map::new();
    let aliases = embedded(gateway)?.aliases();
    for index in concrete(gateway, index).await? {
        let ours = aliases.iter().filter(|alias| {
            alias.index == index && name.is_none_or(|name| fits(name, &alias.name))
        });
        let ours: Map<String, Value> = ours.map(shown).collect();
        if name.is_none() || !ours.is_empty() {
            body.insert(index, json!({ "aliases": ours }));
        }
    }
    // Elasticsearch says this in a form of its own.
    if let Some(name) = name.filter(|name| body.is_empty() && !name.contains('*')) {
        let text = format!("alias [{name}] missing");
        let missing = Json(json!({ "error": text, "status": 404 }));
        return Ok((StatusCode::NOT_FOUND, missing).into_response());
    }
    Ok(Json(Value::Object(body)).into_response())
}

/// `GET /_cat/aliases`
pub async fn cat(State(gateway): State<Gateway>) -> Result<Response, Refusal> {
    let lines: String = embedded(&gateway)?
        .aliases()
        .iter()
        .map(|alias| {
            let write = alias
                .is_write_index
                .map_or("-".to_owned(), |write| write.to_string());
            format!("{} {} - - - {write}\n", alias.name, alias.index)
        })
        .collect();
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=UTF-8")];
    Ok((kind, lines).into_response())
}
