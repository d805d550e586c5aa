//! `_search` and `_count`: a part of Query DSL, sorting, pages and aggregations, each asked of the
//! engine as ES|QL over one snapshot. Values go as parameters, names of fields in backquotes.

mod aggregations;
mod asked;
mod buckets;
mod hits;
mod sorting;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use esql::{Answer, DataType, Limits, Parameter, ParameterKind, Request};
use serde_json::{Value, json};
use store::Snapshot;

use self::asked::{Asked, InPath};
use super::indices::{Shown, Which, embedded, named, object, shards};
use super::refusal::Refusal;
use crate::intake::Came;
use crate::intake::query::LIMITS;
use crate::intake::query::apart::apart;
use crate::state::Gateway;

/// Hits that are reached by `from` and `size` (`index.max_result_window`).
pub const MAX_WINDOW: usize = 10_000;
/// Buckets of one search (`search.max_buckets`).
pub const MAX_BUCKETS: usize = 65_536;

pub async fn all(
    gateway: State<Gateway>,
    query: crate::api::Asked<InPath>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    search(gateway, Path("*".to_owned()), query, headers, body).await
}

pub async fn search(
    State(gateway): State<Gateway>,
    Path(expression): Path<String>,
    crate::api::Asked(in_path): crate::api::Asked<InPath>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    let began = Instant::now();
    let asked = Asked::read(&object(&headers, body)?, &in_path)?;
    let _turn = gateway.queries.turns.take().await?;
    let indices = named(&gateway, &expression, &in_path.which()).await?;
    let over = Over::new(&gateway, &indices, asked.query.clone())?;
    let hits = hits::find(&over, &asked).await?;
    let mut body = json!({
        "took": 0,
        "timed_out": false,
        "_shards": with_skipped(indices.len()),
        "hits": hits,
    });
    if let Some(wanted) = &asked.aggregations {
        body["aggregations"] = aggregations::answer(&over, wanted).await?;
    }
    body["took"] = (began.elapsed().as_millis() as u64).into();
    Ok(Json(body))
}

pub async fn count(
    State(gateway): State<Gateway>,
    Path(expression): Path<String>,
    crate::api::Asked(in_path): crate::api::Asked<InPath>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    let asked = Asked::read(&object(&headers, body)?, &in_path)?;
    let _turn = gateway.queries.turns.take().await?;
    let indices = named(&gateway, &expression, &in_path.which()).await?;
    let over = Over::new(&gateway, &indices, asked.query)?;
    let count = over.count().await?;
    Ok(Json(
        json!({ "count": count, "_shards": with_skipped(indices.len()) }),
    ))
}

pub async fn count_all(
    gateway: State<Gateway>,
    query: crate::api::Asked<InPath>,
    headers: HeaderMap,
    body: Came,
) -> Result<Json<Value>, Refusal> {
    count(gateway, Path("*".to_owned()), query, headers, body).await
}

/// A document of these indices by its id, whole.
pub async fn document(over: &Over, id: &str) -> Result<Option<Value>, Refusal> {
    hits::by_id(over, id, &source::Wanted::whole()).await
}

fn with_skipped(count: usize) -> Value {
    let mut shards = shards(count);
    shards["skipped"] = 0.into();
    shards
}

/// How many documents of one index there are, those that a query finds where one is given.
pub async fn count_of(
    gateway: &Gateway,
    index: &str,
    query: Option<Value>,
) -> Result<u64, Refusal> {
    let indices = named(gateway, index, &Which::default()).await?;
    Over::new(gateway, &indices, query)?.count().await
}

/// What a search is over: some indices at one moment, and the documents that its query finds.
pub struct Over {
    snapshot: Arc<Snapshot>,
    names: Vec<String>,
    /// By name; `None`: the indices disagree.
    fields: BTreeMap<String, Field>,
    query: Option<Value>,
    now_ms: i64,
}

/// A field as the indices have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub data_type: DataType,
    /// Repeats the value of another.
    pub is_sub: bool,
}

impl Over {
    pub fn new(
        gateway: &Gateway,
        indices: &[Shown],
        query: Option<Value>,
    ) -> Result<Self, Refusal> {
        let mut fields: BTreeMap<String, Field> = BTreeMap::new();
        for field in indices.iter().flat_map(|index| &index.fields) {
            let of_index = Field {
                data_type: field.data_type,
                is_sub: field.parent.is_some(),
            };
            let known = fields.entry(field.name.clone()).or_insert(of_index);
            if known.data_type != field.data_type {
                known.data_type = DataType::Unsupported;
            }
        }
        let names = indices.iter().map(|index| index.name.clone()).collect();
        Ok(Self {
            snapshot: Arc::new(embedded(gateway)?.snapshot()),
            names,
            fields,
            query,
            now_ms: gateway.casework.clock().now().ms(),
        })
    }

    /// The type of a field that all of its indices have alike.
    pub fn data_type(&self, field: &str) -> Option<DataType> {
        match field {
            "_id" | "_index" => Some(DataType::Keyword),
            field => self.fields.get(field).map(|field| field.data_type),
        }
    }

    /// Runs `commands` behind the source; `None` where there is no index.
    pub async fn ask(
        &self,
        commands: &Commands,
        max_rows: usize,
        scored: bool,
    ) -> Result<Option<Answer>, Refusal> {
        if self.names.is_empty() {
            return Ok(None);
        }
        let names: Vec<String> = self
            .names
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect();
        let score = if scored { ", _score" } else { "" };
        let request = Request {
            query: format!(
                "FROM {} METADATA _id, _index{score}{}",
                names.join(", "),
                commands.text
            ),
            params: commands.parameters.clone(),
            filter: self.query.clone(),
            scored,
            now_ms: self.now_ms,
            limits: Limits {
                default_rows: max_rows,
                max_rows,
                ..LIMITS
            },
        };
        let snapshot = self.snapshot.clone();
        let query = async move { esql::run(&request, snapshot.as_ref()).await };
        Ok(Some(apart(query).await??))
    }

    pub async fn count(&self) -> Result<u64, Refusal> {
        let mut commands = Commands::default();
        commands.add("STATS n = COUNT(*)");
        let answer = self.ask(&commands, 1, false).await?;
        let rows = answer.as_ref().map(esql::answer::rows).unwrap_or_default();
        Ok(rows.first().and_then(|row| row[0].as_u64()).unwrap_or(0))
    }
}

/// ES|QL behind `FROM`, and the values of its parameters.
#[derive(Debug, Default, Clone)]
pub struct Commands {
    text: String,
    parameters: Vec<Parameter>,
}

impl Commands {
    pub fn add(&mut self, command: impl AsRef<str>) {
        self.text.push_str(" | ");
        self.text.push_str(command.as_ref());
    }

    /// A place for a value.
    pub fn value(&mut self, value: Value) -> String {
        let name = format!("p{}", self.parameters.len());
        let place = format!("?{name}");
        self.parameters.push(Parameter {
            name: Some(name),
            kind: ParameterKind::Value(value),
        });
        place
    }
}

/// A field's name as ES|QL takes any name.
pub fn quoted(field: &str) -> String {
    format!("`{}`", field.replace('`', "``"))
}

/// Milliseconds since 1970 of a date as answers print it.
pub fn epoch_ms(text: &str) -> Option<i64> {
    let moment = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    Some(moment.timestamp_millis())
}
