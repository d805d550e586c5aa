//! Rows into values. A row that lacks what it needs is left out.

use std::collections::BTreeMap;

use casework::Asked;
use serde_json::Value;
use store::indices::TIMESTAMP_US;

use crate::observations::{Change, LogLine, Series, Span};

/// Cells of an answer by column name, looked up once.
struct Columns<'a> {
    asked: &'a Asked,
    at: Option<usize>,
    /// Kept beside a time that was written finer than milliseconds.
    fine: Option<usize>,
}

impl<'a> Columns<'a> {
    fn new(asked: &'a Asked) -> Self {
        Self {
            asked,
            at: asked.column("@timestamp"),
            fine: asked.column(TIMESTAMP_US),
        }
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.asked.column(name)
    }

    /// Microseconds since 1970.
    fn at_us(&self, row: &[Value]) -> Option<i64> {
        let fine = self.fine.and_then(|index| row.get(index)?.as_i64());
        fine.or_else(|| micros(row.get(self.at?)?.as_str()?))
    }
}

/// RFC 3339 in UTC, to the microsecond.
fn micros(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|moment| moment.timestamp_micros())
}

fn text(row: &[Value], index: Option<usize>) -> Option<String> {
    match row.get(index?)? {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => items.first()?.as_str().map(str::to_owned),
        _ => None,
    }
}

fn texts(row: &[Value], index: Option<usize>) -> Vec<String> {
    let cell = index.and_then(|index| row.get(index));
    match cell {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// Every numeric column is a series of its emitter.
pub fn series(asked: &Asked) -> Vec<Series> {
    let columns = Columns::new(asked);
    let service = columns.index("service.name");
    let node = columns.index("service.node.name");
    let destination = columns.index("destination.service.name");
    type Emitter = (String, Option<String>, Option<String>);
    let mut emitters: BTreeMap<Emitter, BTreeMap<usize, Vec<(i64, f64)>>> = BTreeMap::new();
    for row in &asked.rows {
        let (Some(at), Some(service)) = (columns.at_us(row), text(row, service)) else {
            continue;
        };
        let metrics = emitters
            .entry((service, text(row, node), text(row, destination)))
            .or_default();
        for (column, cell) in row.iter().enumerate() {
            if let Some(value) = cell.as_f64().filter(|value| value.is_finite()) {
                metrics.entry(column).or_default().push((at, value));
            }
        }
    }
    let mut series = Vec::new();
    for ((service, node, destination), metrics) in emitters {
        for (column, mut points) in metrics {
            points.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            points.dedup();
            series.push(Series {
                service: service.clone(),
                node: node.clone(),
                destination: destination.clone(),
                metric: asked.columns[column].clone(),
                points,
            });
        }
    }
    series.sort_by(|a, b| {
        (&a.service, &a.node, &a.destination, &a.metric).cmp(&(
            &b.service,
            &b.node,
            &b.destination,
            &b.metric,
        ))
    });
    series
}

pub fn spans(asked: &Asked) -> Vec<Span> {
    let columns = Columns::new(asked);
    let index = |name: &str| columns.index(name);
    let (service, node, name) = (
        index("service.name"),
        index("service.node.name"),
        index("span.name"),
    );
    let (trace, id, parent) = (index("trace.id"), index("span.id"), index("parent.id"));
    let (duration, outcome) = (index("span.duration.us"), index("event.outcome"));
    let destination = index("destination.service.name").or_else(|| index("peer.service"));
    let error = index("error.message").or_else(|| index("error.type"));
    let mut spans: Vec<Span> = asked
        .rows
        .iter()
        .filter_map(|row| {
            Some(Span {
                at_us: columns.at_us(row)?,
                duration_us: row.get(duration?)?.as_f64()? as i64,
                service: text(row, service)?,
                node: text(row, node),
                name: text(row, name).unwrap_or_default(),
                trace: text(row, trace)?,
                id: text(row, id)?,
                parent: text(row, parent),
                failed: text(row, outcome).as_deref() == Some("failure"),
                destination: text(row, destination),
                error: text(row, error),
            })
        })
        .collect();
    spans.sort_by(|a, b| (a.at_us, &a.trace, &a.id).cmp(&(b.at_us, &b.trace, &b.id)));
    // A span that was sent twice is one span.
    spans.dedup_by(|a, b| a.id == b.id && a.trace == b.trace);
    spans
}

pub fn logs(asked: &Asked) -> Vec<LogLine> {
    let columns = Columns::new(asked);
    let index = |name: &str| columns.index(name);
    let (service, node, level) = (
        index("service.name"),
        index("service.node.name"),
        index("log.level"),
    );
    let (message, error, trace, span) = (
        index("message"),
        index("error.type"),
        index("trace.id"),
        index("span.id"),
    );
    let mut logs: Vec<LogLine> = asked
        .rows
        .iter()
        .filter_map(|row| {
            Some(LogLine {
                at_us: columns.at_us(row)?,
                service: text(row, service),
                node: text(row, node),
                level: text(row, level),
                message: text(row, message)?,
                error_type: text(row, error),
                trace: text(row, trace),
                span: text(row, span),
            })
        })
        .collect();
    logs.sort_by(|a, b| {
        (a.at_us, &a.service, &a.span, &a.message).cmp(&(b.at_us, &b.service, &b.span, &b.message))
    });
    logs
}

pub fn changes(asked: &Asked) -> Vec<Change> {
    let columns = Columns::new(asked);
    let index = |name: &str| columns.index(name);
    let (id, kind, service) = (
        index("deployment.id"),
        index("deployment.kind"),
        index("service.name"),
    );
    let (version, description) = (index("service.version"), index("description"));
    let (files, diff) = (index("commit.files"), index("commit.diff"));
    let mut changes: Vec<Change> = asked
        .rows
        .iter()
        .filter_map(|row| {
            Some(Change {
                at_us: columns.at_us(row)?,
                id: text(row, id)?,
                kind: text(row, kind).unwrap_or_else(|| "deploy".to_owned()),
                service: text(row, service),
                version: text(row, version),
                description: text(row, description).unwrap_or_default(),
                files: texts(row, files),
                diff: text(row, diff).unwrap_or_default(),
            })
        })
        .collect();
    changes.sort_by(|a, b| (a.at_us, &a.id, &a.service).cmp(&(b.at_us, &b.id, &b.service)));
    changes
}

/// Services, and (caller, callee).
pub fn catalog(asked: &Asked) -> (Vec<String>, Vec<(String, String)>) {
    let name = asked.column("service.name");
    let callees = asked.column("depends_on");
    let mut services = Vec::new();
    let mut calls = Vec::new();
    for row in &asked.rows {
        let Some(service) = text(row, name) else {
            continue;
        };
        for callee in texts(row, callees) {
            calls.push((service.clone(), callee));
        }
        services.push(service);
    }
    services.sort();
    calls.sort();
    (services, calls)
}
