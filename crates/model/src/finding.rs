//! A finding: something deviates, here, since then, with the query that shows it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::time::{Timestamp, Window};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// The rule's id, such as `error-rate`.
    pub rule: String,
    pub subject: Subject,
    /// The scheduled tick that showed it.
    pub tick: Timestamp,
    pub window: Window,
    pub signal: Signal,
    /// What was measured, in `unit`.
    pub observed: f64,
    /// What it was held against, in `unit`.
    pub threshold: f64,
    /// Such as `share` or `ms`; empty: nobody says, as with a metric of which only the name is known.
    pub unit: String,
    /// `threshold`, `baseline` or `silence`.
    pub held_against: String,
    /// Requests in the window; `None` where the telemetry doesn't say.
    pub requests: Option<f64>,
    /// When the deviation seems to have begun: an estimate, never part of an id.
    pub since: Option<Timestamp>,
    /// What a reader must know about how it was measured.
    pub notes: Vec<String>,
    pub evidence: Evidence,
}

/// A number is back when it lies beyond its learned line by no more than this share of how far it
/// had strayed: a little beyond the line is where one number alone is no trouble.
const BACK: f64 = 0.1;

impl Finding {
    /// The line that it crossed, as what holds when all is well: `at most 194`.
    pub fn bound(&self) -> String {
        let side = match self.observed < self.threshold {
            true => "at least",
            false => "at most",
        };
        let unit = match self.unit.as_str() {
            "" => String::new(),
            unit => format!(" {unit}"),
        };
        format!("{side} {:.4}{unit}", self.threshold)
    }

    /// Whether it is the same observation: of the same rule, subject and tick.
    pub fn is_same(&self, other: &Self) -> bool {
        self.rule == other.rule && self.subject == other.subject && self.tick == other.tick
    }

    /// Whether a value still lies beyond the line, on the side on which the finding did, by more
    /// than a tenth of how far the finding was.
    pub fn is_beyond(&self, value: f64) -> bool {
        let line = self.threshold + BACK * (self.observed - self.threshold);
        if self.observed < self.threshold {
            value < line
        } else {
            value > line
        }
    }
}

/// What deviates: a service.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct Subject {
    #[serde(rename = "service.name")]
    pub service: String,
}

impl Subject {
    pub fn service(name: impl Into<String>) -> Self {
        Self {
            service: name.into(),
        }
    }

    /// The text that ids are derived from.
    pub fn key(&self) -> &str {
        &self.service
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.service)
    }
}

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    ErrorRate,
    Latency,
    /// A service that reported before fell silent.
    Silence,
    /// Another numeric metric left its baseline.
    Metric,
    /// Declared by a person or another system.
    Declared,
}

impl Signal {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::ErrorRate => "error_rate",
            Self::Latency => "latency",
            Self::Silence => "silence",
            Self::Metric => "metric",
            Self::Declared => "declared",
        }
    }
}

/// Why a finding belongs to an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Relation {
    /// The same rule and subject.
    Same {},
    /// Another signal of the same service.
    SameService {},
    /// `path` is the way along the call graph from the finding's service to the incident's,
    /// or back: services in order.
    CallGraph { path: Vec<String> },
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::evidence::answer_digest;

    fn finding(observed: f64, threshold: f64, unit: &str) -> Finding {
        let window = Window::new(Timestamp(0), Timestamp(60_000));
        Finding {
            rule: "metric-baseline".to_owned(),
            subject: Subject::service("cart"),
            tick: window.to,
            window,
            signal: Signal::Metric,
            observed,
            threshold,
            unit: unit.to_owned(),
            held_against: "baseline".to_owned(),
            requests: None,
            since: None,
            notes: Vec::new(),
            evidence: Evidence {
                id: "F1".to_owned(),
                tool: "metric_check".to_owned(),
                query: "FROM metrics-*".to_owned(),
                parameters: IndexMap::new(),
                window,
                asked_at: window.to,
                says: String::new(),
                columns: Vec::new(),
                rows: Vec::new(),
                row_count: 0,
                answer_digest: answer_digest(&[], &[]),
            },
        }
    }

    #[test]
    fn a_bound_names_its_side_and_no_unit_that_nobody_said() {
        assert_eq!(finding(340.0, 194.0, "").bound(), "at most 194.0000");
        assert_eq!(finding(3.0, 194.0, "").bound(), "at least 194.0000");
        assert_eq!(finding(0.2, 0.05, "share").bound(), "at most 0.0500 share");
    }
}
