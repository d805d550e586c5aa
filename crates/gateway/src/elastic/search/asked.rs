//! A search's body, and what stands behind the question mark.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::indices::Which;
use super::super::refusal::Refusal;
use super::MAX_WINDOW;
use super::aggregations::{Aggregation, read as read_aggregations};
use super::sorting::{Key, read as read_sort};
use super::source::Wanted;

/// Hits where none are asked for.
const DEFAULT_SIZE: usize = 10;
/// Hits that are counted where nothing is said of it.
const DEFAULT_TOTAL: u64 = 10_000;

/// What changes nothing here, but is no mistake.
const IGNORED: [&str; 11] = [
    "timeout",
    "track_scores",
    "explain",
    "profile",
    "version",
    "seq_no_primary_term",
    "stats",
    "stored_fields",
    "indices_boost",
    "batched_reduce_size",
    "request_cache",
];

/// Behind the question mark.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct InPath {
    q: Option<String>,
    size: Option<usize>,
    from: Option<usize>,
    sort: Option<String>,
    track_total_hits: Option<String>,
    _source: Option<String>,
    _source_includes: Option<String>,
    _source_excludes: Option<String>,
    scroll: Option<String>,
    ignore_unavailable: Option<String>,
    allow_no_indices: Option<String>,
}

impl InPath {
    pub fn which(&self) -> Which {
        Which {
            ignore_unavailable: self.ignore_unavailable.clone(),
            allow_no_indices: self.allow_no_indices.clone(),
        }
    }

    fn source(&self) -> Option<Value> {
        let list = |text: &String| json!(text.split(',').collect::<Vec<_>>());
        if self._source_includes.is_some() || self._source_excludes.is_some() {
            let includes = self._source_includes.as_ref().map(list);
            let excludes = self._source_excludes.as_ref().map(list);
            return Some(json!({ "includes": includes, "excludes": excludes }));
        }
        self._source.as_ref().map(|text| match text.as_str() {
            "true" | "" => json!(true),
            "false" => json!(false),
            _ => list(text),
        })
    }
}

/// How many hits are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    Exact,
    UpTo(u64),
    None,
}

/// A search as it was asked.
#[derive(Debug)]
pub struct Asked {
    pub query: Option<Value>,
    pub from: usize,
    pub size: usize,
    pub sort: Vec<Key>,
    pub search_after: Option<Vec<Value>>,
    pub total: Total,
    pub source: Wanted,
    /// Names and patterns of `fields`.
    pub fields: Vec<String>,
    pub aggregations: Option<Vec<Aggregation>>,
}

impl Asked {
    /// # Errors
    /// What Elasticsearch would refuse too, and by name what isn't known here.
    pub fn read(body: &Value, in_path: &InPath) -> Result<Self, Refusal> {
        if in_path.scroll.is_some() {
            return Err(Refusal::illegal(
                "[scroll] isn't supported by the embedded store: page with [search_after]",
            ));
        }
        let known = [
            "query",
            "from",
            "size",
            "sort",
            "search_after",
            "track_total_hits",
            "_source",
            "fields",
            "docvalue_fields",
            "aggs",
            "aggregations",
        ];
        let mut names = body
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str());
        if let Some(unknown) = names.find(|name| !known.contains(name) && !IGNORED.contains(name)) {
            return Err(Refusal::illegal(format!(
                "[{unknown}] of a search isn't supported by the embedded store: it knows {}",
                known.join(", ")
            )));
        }
        let from = number(body, "from")?.or(in_path.from).unwrap_or(0);
        let size = number(body, "size")?
            .or(in_path.size)
            .unwrap_or(DEFAULT_SIZE);
        if from.saturating_add(size) > MAX_WINDOW {
            return Err(Refusal::illegal(format!(
                "Result window is too large, from + size must be less than or equal to: [{MAX_WINDOW}] but was [{}]. Page with [search_after] instead.",
                from.saturating_add(size)
            )));
        }
        let sort = match (body.get("sort"), &in_path.sort) {
            (Some(sort), _) => read_sort(sort)?,
            (None, Some(text)) => read_sort(&json!(text.split(',').collect::<Vec<_>>()))?,
            (None, None) => Vec::new(),
        };
        let search_after = match body.get("search_after") {
            None | Some(Value::Null) => None,
            Some(Value::Array(values)) if values.len() == sort.len() && from == 0 => {
                Some(values.clone())
            }
            Some(_) => {
                return Err(Refusal::illegal(format!(
                    "search_after must be an array with a value for each of the {} sorts, and [from] must be 0",
                    sort.len()
                )));
            }
        };
        let aggregations = body.get("aggs").or_else(|| body.get("aggregations"));
        Ok(Self {
            query: query(body, in_path),
            from,
            size,
            sort,
            search_after,
            total: total(body, in_path)?,
            source: Wanted::read(body.get("_source").cloned().or_else(|| in_path.source()))?,
            fields: fields(body)?,
            aggregations: aggregations.map(read_aggregations).transpose()?,
        })
    }
}

fn query(body: &Value, in_path: &InPath) -> Option<Value> {
    let given = body.get("query").filter(|query| !query.is_null());
    given.cloned().or_else(|| {
        let text = in_path.q.as_ref()?;
        Some(json!({ "query_string": { "query": text } }))
    })
}

fn number(body: &Value, name: &str) -> Result<Option<usize>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
        {
            Some(number) => Ok(Some(number)),
            None => Err(Refusal::illegal(format!(
                "[{name}] parameter cannot be negative or no whole number, found [{value}]"
            ))),
        },
    }
}

fn total(body: &Value, in_path: &InPath) -> Result<Total, Refusal> {
    let in_path = in_path
        .track_total_hits
        .as_ref()
        .map(|text| match text.parse() {
            Ok(number) => Value::Number(number),
            Err(_) => json!(text != "false"),
        });
    let given = body.get("track_total_hits").cloned().or(in_path);
    Ok(match given {
        None => Total::UpTo(DEFAULT_TOTAL),
        Some(Value::Bool(true)) => Total::Exact,
        Some(Value::Bool(false)) => Total::None,
        Some(Value::Number(number)) => match number.as_u64() {
            Some(number) => Total::UpTo(number),
            None => Total::Exact,
        },
        Some(other) => {
            return Err(Refusal::illegal(format!(
                "[track_total_hits] is {other}: expected true, false or a number"
            )));
        }
    })
}

fn fields(body: &Value) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::new();
    for list in ["fields", "docvalue_fields"] {
        for item in body[list].as_array().into_iter().flatten() {
            let name = item.as_str().or_else(|| item["field"].as_str());
            let name = name.ok_or_else(|| {
                Refusal::illegal(format!(
                    "[{list}]: expected a name or a [field], got {item}"
                ))
            })?;
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
