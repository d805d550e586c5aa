//! Signal profiles: how request count, error count and latency are read from a cluster's fields.
//!
//! A profile is trusted text from a file of ours; which of its lines are used is decided by the
//! fields that there are.

use serde::{Deserialize, Serialize};

/// The file's content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub id: String,
    /// Lower is tried first.
    pub order: u32,
    /// An index pattern.
    pub index: String,
    /// The profile fits where all these fields are.
    pub needs: Vec<String>,
    /// Conditions on documents, each used where its fields are: `destination.service.name IS NULL`.
    #[serde(default, rename = "where")]
    pub conditions: Vec<Reading>,
    /// The service's name, as `service.name`; empty where the field is there by that name.
    #[serde(default)]
    pub service: Vec<Reading>,
    pub requests: Vec<Reading>,
    pub errors: Vec<Reading>,
    /// Latency of single requests.
    #[serde(default)]
    pub latency_ms: Vec<Reading>,
    /// Latency of intervals: each value stands for many requests, so that its percentile is
    /// another thing. Stands in for `latency_ms` in tools that don't tell the two apart.
    #[serde(default)]
    pub interval_ms: Vec<Reading>,
    /// What the 99th percentile of `latency_ms` is called in findings.
    pub p99_is: String,
}

/// The column that a tool names when it tells latency of requests from that of intervals.
pub const INTERVAL_MS: &str = "interval_ms";

/// What the telemetry lacks is told, never taken for zero.
const NO_ERRORS: &str =
    "the telemetry has no field to tell errors by: the error rate is unknown, not 0";
const NO_LATENCY: &str = "the telemetry has no latency";

/// One way to read something, with the fields that it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    pub needs: Vec<String>,
    pub esql: String,
    /// What a reader of the finding must know.
    #[serde(default)]
    pub note: Option<String>,
}

/// A profile's lines for one cluster's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signals {
    pub esql: String,
    pub notes: Vec<String>,
    pub p99_is: String,
}

impl Profile {
    /// Whether it can be read with these fields. What can't be told apart by service is no
    /// signal of any: a stream that holds no document yet has an `@timestamp` all the same.
    pub fn fits(&self, has: &dyn Fn(&str) -> bool) -> bool {
        let named = self.service.is_empty() || self.service.iter().any(|one| one.fits(has));
        named && self.needs.iter().all(|field| has(field))
    }

    /// Reads both kinds of latency at once: only for tools that tell them apart.
    pub fn has_both_latencies(&self) -> bool {
        !self.latency_ms.is_empty() && !self.interval_ms.is_empty()
    }

    /// The first lines of a tool's query: documents of the window, with `requests`, `errors` and
    /// `latency_ms` as columns, and `interval_ms` where the tool `tells_apart`. A signal without
    /// a field is null, never zero.
    pub fn signals(&self, has: &dyn Fn(&str) -> bool, tells_apart: bool) -> Signals {
        let mut lines = Lines {
            esql: format!(
                "FROM {}\n| WHERE @timestamp >= ?from AND @timestamp < ?to",
                self.index
            ),
            notes: Vec::new(),
            has,
        };
        for condition in self.conditions.iter().filter(|reading| reading.fits(has)) {
            lines
                .esql
                .push_str(&format!("\n| WHERE {}", condition.esql));
        }
        if !self.service.is_empty() {
            lines.eval("service.name", &self.service);
        }
        lines.eval("requests", &self.requests);
        if !lines.eval("errors", &self.errors) {
            lines.notes.push(NO_ERRORS.to_owned());
        }
        let has_latency = if tells_apart {
            let requests = lines.eval("latency_ms", &self.latency_ms);
            lines.eval(INTERVAL_MS, &self.interval_ms) || requests
        } else {
            let both = self.latency_ms.iter().chain(&self.interval_ms);
            lines.eval("latency_ms", both)
        };
        if !has_latency {
            lines.notes.push(NO_LATENCY.to_owned());
        }
        Signals {
            esql: lines.esql,
            notes: lines.notes,
            p99_is: self.p99_is.clone(),
        }
    }
}

impl Reading {
    fn fits(&self, has: &dyn Fn(&str) -> bool) -> bool {
        self.needs.iter().all(|field| has(field))
    }
}

/// A query's beginning, in the making.
struct Lines<'a> {
    esql: String,
    notes: Vec<String>,
    has: &'a dyn Fn(&str) -> bool,
}

impl Lines<'_> {
    /// The column by the first reading that fits, else null; whether one fits.
    fn eval<'r>(&mut self, name: &str, readings: impl IntoIterator<Item = &'r Reading>) -> bool {
        let found = readings.into_iter().find(|reading| reading.fits(self.has));
        self.notes
            .extend(found.and_then(|reading| reading.note.clone()));
        let text = found.map_or("TO_DOUBLE(null)", |reading| reading.esql.as_str());
        if text != name {
            self.esql.push_str(&format!("\n| EVAL {name} = {text}"));
        }
        found.is_some()
    }
}
