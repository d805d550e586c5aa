//! `_cat/indices`: for people at a terminal, and as JSON.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::documents::count_of;
use super::filter_path::fits;
use super::indices::{Shown, Which, named};
use super::refusal::Refusal;
use crate::api::Asked;
use crate::state::Gateway;

const COLUMNS: [&str; 11] = [
    "health",
    "status",
    "index",
    "uuid",
    "pri",
    "rep",
    "docs.count",
    "docs.deleted",
    "store.size",
    "pri.store.size",
    "dataset.size",
];
/// Columns of numbers stand to the right.
const NUMBERS: [&str; 7] = [
    "pri",
    "rep",
    "docs.count",
    "docs.deleted",
    "store.size",
    "pri.store.size",
    "dataset.size",
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    format: Option<String>,
    /// Columns.
    h: Option<String>,
    /// Sort by.
    s: Option<String>,
    /// With the columns' names.
    v: Option<String>,
    /// Sizes as plain numbers.
    bytes: Option<String>,
}

pub async fn all(
    gateway: State<Gateway>,
    wanted: Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    indices(gateway, Path("*".to_owned()), wanted, headers).await
}

pub async fn indices(
    State(gateway): State<Gateway>,
    Path(expression): Path<String>,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let plain_sizes = wanted.bytes.is_some();
    let mut lines = Vec::new();
    for index in named(&gateway, &expression, &Which::default()).await? {
        lines.push(line(&gateway, index, plain_sizes).await?);
    }
    sort(&mut lines, wanted.s.as_deref());
    let columns = columns(wanted.h.as_deref());
    let accept = headers.get(header::ACCEPT).map(|value| value.as_bytes());
    let is_json = match wanted.format.as_deref() {
        Some(format) => format == "json",
        None => accept.is_some_and(|accept| {
            accept.starts_with(b"application/json") || accept.starts_with(b"application/vnd")
        }),
    };
    if is_json {
        let objects = lines.iter().map(|line| {
            let cells = columns.iter().map(|name| {
                let value = line.iter().find(|(known, _)| known == name);
                (
                    (*name).to_owned(),
                    Value::from(value.map(|(_, value)| value.clone())),
                )
            });
            Value::Object(cells.collect::<Map<_, _>>())
        });
        return Ok(Json(Value::Array(objects.collect())).into_response());
    }
    let with_names = wanted
        .v
        .is_some_and(|text| text.is_empty() || text == "true");
    let text = table(&lines, &columns, with_names);
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=UTF-8")];
    Ok((kind, text).into_response())
}

type Line = Vec<(&'static str, String)>;

async fn line(gateway: &Gateway, index: Shown, plain_sizes: bool) -> Result<Line, Refusal> {
    let (documents, bytes) = match &index.described {
        Some(described) => (described.documents, described.bytes),
        None => (count_of(gateway, &index.name, None).await?, 0),
    };
    let definition = index.described.and_then(|known| known.definition);
    let uuid = definition.map_or_else(|| "_na_".to_owned(), |known| known.uuid);
    let size = if plain_sizes {
        bytes.to_string()
    } else {
        human(bytes)
    };
    let values = [
        "green".to_owned(),
        "open".to_owned(),
        index.name,
        uuid,
        "1".to_owned(),
        "0".to_owned(),
        documents.to_string(),
        "0".to_owned(),
        size.clone(),
        size.clone(),
        size,
    ];
    Ok(COLUMNS.into_iter().zip(values).collect())
}

/// Those that are wanted, in the order in which they are.
fn columns(wanted: Option<&str>) -> Vec<&'static str> {
    let Some(wanted) = wanted else {
        return COLUMNS.to_vec();
    };
    let short = |name: &str| match name {
        "i" | "idx" => "index",
        "dc" | "docsCount" => "docs.count",
        "ss" | "storeSize" => "store.size",
        "s" => "status",
        "h" => "health",
        "p" | "shards.primary" => "pri",
        "r" | "shards.replica" => "rep",
        _ => "",
    };
    let names = wanted.split(',').map(str::trim);
    names
        .flat_map(|name| {
            let known = COLUMNS.into_iter();
            known.filter(move |column| fits(name, column) || short(name) == *column)
        })
        .collect()
}

fn sort(lines: &mut [Line], by: Option<&str>) {
    let Some(by) = by.and_then(|by| by.split(',').next()) else {
        return;
    };
    let (name, descending) = match by.split_once(':') {
        Some((name, order)) => (name, order == "desc"),
        None => (by, false),
    };
    let key = |line: &Line| {
        let value = line.iter().find(|(known, _)| *known == name);
        let text = value.map(|(_, value)| value.clone()).unwrap_or_default();
        (text.parse::<u64>().ok(), text)
    };
    lines.sort_by_key(key);
    if descending {
        lines.reverse();
    }
}

fn table(lines: &[Line], columns: &[&'static str], with_names: bool) -> String {
    let mut rows: Vec<Vec<String>> = Vec::with_capacity(lines.len() + 1);
    if with_names {
        rows.push(columns.iter().map(|name| (*name).to_owned()).collect());
    }
    for line in lines {
        let cell = |name: &&str| {
            let value = line.iter().find(|(known, _)| known == name);
            value.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        rows.push(columns.iter().map(cell).collect());
    }
    let width = |place: usize| rows.iter().map(|row| row[place].chars().count()).max();
    let widths: Vec<usize> = (0..columns.len())
        .map(|place| width(place).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().enumerate().map(|(place, cell)| {
            let width = widths[place];
            if NUMBERS.contains(&columns[place]) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        text.push_str(cells.collect::<Vec<_>>().join(" ").trim_end());
        text.push('\n');
    }
    text
}

/// `1.2kb`, as Elasticsearch prints sizes.
fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kb", "mb", "gb", "tb", "pb"];
    if bytes < 1_024 {
        return format!("{bytes}b");
    }
    let mut size = bytes as f64 / 1_024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if size < 1_024.0 {
            break;
        }
        size /= 1_024.0;
        unit = next;
    }
    let text = format!("{size:.1}");
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::{columns, human};

    #[test]
    fn sizes_and_columns() {
        assert_eq!(human(12), "12b");
        assert_eq!(human(1_024), "1kb");
        assert_eq!(human(1_536 << 20), "1.5gb");
        assert_eq!(
            columns(Some("i,docs.*")),
            ["index", "docs.count", "docs.deleted"]
        );
    }
}
