//! Indices: made, shown, counted and deleted.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::Embedded;
use store::embedded::{Description, Mapped};

use super::refusal::Refusal;
use crate::api::Asked;
use crate::intake::{Came, inflate};
use crate::routes::MAX_BODY;
use crate::state::Gateway;

/// The version by whose rules an index was made, as Elasticsearch's settings say it.
const CREATED_BY: &str = "9039001";

/// What lies in a route's path or behind its question mark and says which indices are meant.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Which {
    pub ignore_unavailable: Option<String>,
    pub allow_no_indices: Option<String>,
}

fn is_set(flag: Option<&String>) -> bool {
    flag.is_some_and(|text| text.is_empty() || text == "true")
}

/// The embedded store, over which these routes are.
pub fn embedded(gateway: &Gateway) -> Result<&Embedded, Refusal> {
    gateway.store.as_ref().ok_or_else(|| {
        let reason = "indices are described where they are kept: ask the cluster itself";
        Refusal::new(
            StatusCode::NOT_IMPLEMENTED,
            "unsupported_operation_exception",
            reason,
        )
    })
}

/// A body of JSON, or nothing.
pub fn object(headers: &HeaderMap, body: Came) -> Result<Value, Refusal> {
    let body = inflate(headers, body, MAX_BODY)?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({}));
    }
    let read: Result<Value, _> = serde_json::from_slice(&body);
    match read {
        Ok(value) if value.is_object() => Ok(value),
        Ok(_) => Err(parse_error("expected an object")),
        Err(error) => Err(parse_error(&format!(
            "[{}:{}] {error}",
            error.line(),
            error.column()
        ))),
    }
}

/// # Errors
/// What should be true or false, and is something else.
pub fn check_flag(body: &Value, name: &str) -> Result<(), Refusal> {
    match body.get(name) {
        None | Some(Value::Bool(_) | Value::Null) => Ok(()),
        Some(_) => Err(parse_error(&format!("[{name}] is neither true nor false"))),
    }
}

fn parse_error(reason: &str) -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "x_content_parse_exception",
        format!("request body can't be parsed: {reason}"),
    )
}

/// One index as these routes show it: of telemetry, or rows of SQLite.
pub struct Shown {
    pub name: String,
    pub fields: Vec<Mapped>,
    /// `None`: DataPulse's own table.
    pub described: Option<Description>,
}

/// The indices that an expression names, by name.
///
/// # Errors
/// `index_not_found_exception` for a name, not a pattern, that isn't there.
pub async fn named(
    gateway: &Gateway,
    expression: &str,
    which: &Which,
) -> Result<Vec<Shown>, Refusal> {
    let store = embedded(gateway)?;
    let expression = match expression {
        "_all" | "" => "*",
        other => other,
    };
    let snapshot = store.snapshot();
    let found = snapshot.matching(expression).await?;
    let names: BTreeSet<&str> = found.iter().map(|index| index.name.as_str()).collect();
    if !is_set(which.ignore_unavailable.as_ref()) {
        let parts = expression.split(',').map(str::trim);
        let mut concrete = parts.filter(|part| !part.contains('*') && !part.starts_with('-'));
        let aliases = store.aliases();
        let is_alias = |part: &str| aliases.iter().any(|alias| alias.name == part);
        if let Some(missing) = concrete.find(|part| !names.contains(part) && !is_alias(part)) {
            return Err(Refusal::no_index(missing));
        }
    }
    if found.is_empty() && which.allow_no_indices.as_deref() == Some("false") {
        return Err(Refusal::no_index(expression));
    }
    let mut described = store.describe(expression);
    let shown = found.into_iter().map(|index| {
        let place = described.iter().position(|known| known.name == index.name);
        let described = place.map(|place| described.swap_remove(place));
        let fields = match &described {
            Some(described) => described.fields.clone(),
            None => index.fields.iter().map(plain).collect(),
        };
        Shown {
            name: index.name,
            fields,
            described,
        }
    });
    Ok(shown.collect())
}

fn plain(field: &esql::Field) -> Mapped {
    Mapped::new(&field.name, &field.mapping_type, field.parent.as_deref())
}

pub async fn create(
    State(gateway): State<Gateway>,
    Path(index): Path<String>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    let body = object(&headers, body)?;
    embedded(&gateway)?.create_index(&index, body).await?;
    Ok(Json(json!({
        "acknowledged": true, "shards_acknowledged": true, "index": index,
    })))
}

pub async fn delete(
    State(gateway): State<Gateway>,
    Path(expression): Path<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<Value>, Refusal> {
    if expression.contains('*') || expression == "_all" {
        return Err(Refusal::illegal(
            "Wildcard expressions or all indices are not allowed",
        ));
    }
    let aliases = embedded(&gateway)?.aliases();
    let mut parts = expression.split(',').map(str::trim);
    if let Some(alias) = parts.find(|part| aliases.iter().any(|alias| alias.name == *part)) {
        return Err(Refusal::illegal(format!(
            "The provided expression [{alias}] matches an alias, specify the corresponding concrete indices instead."
        )));
    }
    for index in named(&gateway, &expression, &which).await? {
        embedded(&gateway)?.delete_index(&index.name).await?;
    }
    Ok(Json(json!({ "acknowledged": true })))
}

pub async fn get(
    State(gateway): State<Gateway>,
    Path(expression): Path<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<Value>, Refusal> {
    let mut body = Map::new();
    for index in named(&gateway, &expression, &which).await? {
        let mut shown = json!({
            "aliases": super::aliases::of(&gateway, &index.name),
            "mappings": mappings(&index),
            "settings": { "index": settings(&index) },
        });
        if index
            .described
            .as_ref()
            .is_some_and(|known| known.is_data_stream)
        {
            shown["data_stream"] = index.name.clone().into();
        }
        body.insert(index.name.clone(), shown);
    }
    Ok(Json(Value::Object(body)))
}

pub async fn mapping(
    State(gateway): State<Gateway>,
    Path(expression): Path<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<Value>, Refusal> {
    let found = named(&gateway, &expression, &which).await?;
    let each = found.iter().map(|index| {
        let shown = json!({ "mappings": mappings(index) });
        (index.name.clone(), shown)
    });
    Ok(Json(Value::Object(each.collect())))
}

/// `PUT /{index}/_mapping`
pub async fn put_mapping(
    State(gateway): State<Gateway>,
    Path(expression): Path<String>,
    Asked(which): Asked<Which>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    let body = object(&headers, body)?;
    for index in named(&gateway, &expression, &which).await? {
        embedded(&gateway)?
            .put_mapping(&index.name, body.clone())
            .await?;
    }
    Ok(Json(json!({ "acknowledged": true })))
}

/// Documents are seen as soon as they are acknowledged: there is nothing to do.
pub async fn refresh(
    State(gateway): State<Gateway>,
    Path(expression): Path<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<Value>, Refusal> {
    let count = named(&gateway, &expression, &which).await?.len();
    Ok(Json(json!({ "_shards": shards(count) })))
}

pub fn shards(count: usize) -> Value {
    json!({ "total": count, "successful": count, "failed": 0 })
}

/// Nested, as a mapping is written.
fn mappings(index: &Shown) -> Value {
    let definition = index
        .described
        .as_ref()
        .and_then(|known| known.definition.as_ref());
    let mut whole = definition.map_or_else(|| json!({}), |known| known.mappings.clone());
    let mut properties = Map::new();
    let runtime = index.fields.iter().filter(|field| field.is_runtime());
    let runtime: Map<String, Value> = runtime
        .map(|field| (field.name.clone(), json!({ "type": field.mapping })))
        .collect();
    if !runtime.is_empty() {
        whole["runtime"] = Value::Object(runtime);
    }
    let shown = |field: &&Mapped| field.parent.is_none() && !field.is_runtime();
    for field in index.fields.iter().filter(shown) {
        let mut shown = described(field);
        let subs = index.fields.iter();
        let subs = subs.filter(|sub| sub.parent.as_ref() == Some(&field.name));
        let subs: Map<String, Value> = subs
            .map(|sub| {
                let short = sub.name.rsplit('.').next().unwrap_or(&sub.name);
                (short.to_owned(), described(sub))
            })
            .collect();
        if !subs.is_empty() {
            shown["fields"] = Value::Object(subs);
        }
        place(&mut properties, &field.name, shown);
    }
    if !properties.is_empty() {
        whole["properties"] = Value::Object(properties);
    }
    whole
}

fn described(field: &Mapped) -> Value {
    let mut shown = json!({ "type": field.mapping });
    for (key, value) in &field.parameters {
        shown[key.as_str()] = value.clone();
    }
    shown
}

/// Under its objects; by its whole name where one of them is a field itself.
fn place(properties: &mut Map<String, Value>, name: &str, shown: Value) {
    let Some((first, rest)) = name.split_once('.') else {
        match properties.get_mut(name) {
            // An object of this name was there first.
            Some(Value::Object(object)) => {
                object.extend(shown.as_object().cloned().unwrap_or_default())
            }
            _ => drop(properties.insert(name.to_owned(), shown)),
        }
        return;
    };
    let object = properties
        .entry(first.to_owned())
        .or_insert_with(|| json!({ "properties": {} }));
    match object.get_mut("properties") {
        Some(Value::Object(inner)) => place(inner, rest, shown),
        _ => drop(properties.insert(name.to_owned(), shown)),
    }
}

fn settings(index: &Shown) -> Value {
    let definition = index
        .described
        .as_ref()
        .and_then(|known| known.definition.as_ref());
    let mut settings = json!({
        "number_of_shards": "1",
        "number_of_replicas": "0",
        "provided_name": index.name,
        "version": { "created": CREATED_BY },
    });
    let Some(definition) = definition else {
        return settings;
    };
    settings["uuid"] = definition.uuid.clone().into();
    settings["creation_date"] = definition.created_ms.to_string().into();
    for (name, value) in &definition.settings {
        let mut at = &mut settings;
        for part in name.trim_start_matches("index.").split('.') {
            if !at.is_object() {
                *at = json!({});
            }
            at = &mut at[part];
        }
        *at = value.clone();
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_in_their_objects() {
        let field = |name: &str, parent: Option<&str>| Mapped::new(name, "keyword", parent);
        let index = Shown {
            name: "a".to_owned(),
            fields: vec![
                field("host.name", None),
                field("host.name.raw", Some("host.name")),
                field("error", None),
                field("error.type", None),
                field("@timestamp", None),
            ],
            described: None,
        };
        let keyword = json!({ "type": "keyword" });
        assert_eq!(
            mappings(&index)["properties"],
            json!({
                "host": { "properties": { "name": { "type": "keyword", "fields": { "raw": keyword } } } },
                "error": keyword,
                "error.type": keyword,
                "@timestamp": keyword,
            })
        );
    }
}
