//! Alerts of other systems: what Alertmanager, Grafana and Kibana post, each alert as one
//! [`OutsideAlert`] in our words. Pure: bytes in, alerts or a refusal out.
//!
//! Whatever a text says, it is data: nothing here runs, renders or follows it.
//!
//! # What an alert is to DataPulse
//!
//! An outside alert is a declaration by another system, so a firing one maps to a
//! [`model::Finding`] with [`model::Signal::Declared`]:
//!
//! * `rule`: `<source>:<name>`, such as `alertmanager:HighErrorRate`, so that the same alert of
//!   the same service finds the incident that it opened.
//! * `subject`: the alert's service. An alert that names none has no subject, and opens nothing
//!   by itself.
//! * `tick` and `since`: `started_at`. Telling again doesn't move them.
//! * `observed`: 1 over a threshold of 0 in declarations, as with a person's. A line that only the
//!   other system knows is not made up; `value` goes into the notes.
//! * `evidence`: the alert is stored first ([`OutsideAlert::document`]), and the evidence is the
//!   query that reads it back: it can be asked again, and it proves that the alert was told, no
//!   more than that.
//!
//! A resolved alert is a note to the incident, never its end: health is measured.
//!
//! Read first: [`read`], then [`OutsideAlert`], then [`proof`].

mod alertmanager;
mod build;
mod document;
mod grafana;
mod kibana;
mod place;
pub mod proof;
pub mod severity;

use std::collections::BTreeMap;

use model::{Severity, Timestamp};
use serde::Serialize;

pub use kibana::TEMPLATE as KIBANA_TEMPLATE;

/// Bytes of a request's body. More is refused: half a body isn't JSON. A thousand alerts of usual
/// size are about 2 MB.
pub const MAX_BODY: usize = 4 << 20;
/// Alerts of one call that are read. More are left out and counted, the resolved ones first:
/// refused, all of them would be lost just when most is wrong.
pub const MAX_ALERTS: usize = 1_000;
/// Labels of an alert that are kept. Those that say name, severity and service stay, then the
/// first by name; the key is made from all.
pub const MAX_LABELS: usize = 64;
/// Annotations of an alert that are kept, the first by name; summary and description are taken
/// from all.
pub const MAX_ANNOTATIONS: usize = 32;
/// Bytes of a label's value, an annotation, a description. What is longer is cut, with a note.
pub const MAX_TEXT: usize = 8 << 10;
/// Bytes of a summary, which is one line. What is longer is cut; the whole is in the annotations.
pub const MAX_SUMMARY: usize = 512;
/// Bytes of a name: an alert's is cut; a label of a longer name is left out, with a note; a longer
/// service is not taken, because a cut one would name another.
pub const MAX_NAME: usize = 256;
/// Bytes of a link. A longer one is left out, with a note: cut, it would lead elsewhere.
pub const MAX_LINK: usize = 4 << 10;
/// Measured values of an alert that are kept, the first by name.
pub const MAX_VALUES: usize = 32;

/// Who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Alertmanager,
    Grafana,
    Kibana,
}

impl Source {
    pub const ALL: [Self; 3] = [Self::Alertmanager, Self::Grafana, Self::Kibana];

    /// As it is stored, and the last part of the route's path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
            Self::Kibana => "kibana",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == text)
    }
}

/// One alert of another system, as it was told in one call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutsideAlert {
    pub source: Source,
    /// The same for the same alert, whenever and how often it is told, firing or resolved:
    /// `<source>-` and the sender's fingerprint, or a digest of all labels.
    pub key: String,
    pub firing: bool,
    /// The rule's name; at most [`MAX_NAME`] bytes.
    pub name: String,
    pub severity: Severity,
    /// Which word of the alert said so, or that none did.
    pub severity_reason: String,
    /// The service that it is about, by the first label of [`Rules::service_labels`] that it has.
    pub service: Option<String>,
    /// One line, never empty; at most [`MAX_SUMMARY`] bytes.
    pub summary: String,
    pub description: Option<String>,
    /// At most [`MAX_LABELS`], none empty.
    pub labels: BTreeMap<String, String>,
    /// At most [`MAX_ANNOTATIONS`], none empty.
    pub annotations: BTreeMap<String, String>,
    /// `None`: not said. Of Kibana it is when this call was made.
    pub started_at: Option<Timestamp>,
    /// `None`: it fires, or the end wasn't said.
    pub ended_at: Option<Timestamp>,
    /// What was measured: the only number that was told, or else what the annotation `value` says,
    /// if it is a number. Its unit isn't told.
    pub value: Option<f64>,
    /// All numbers that were told, by the sender's names for them; at most [`MAX_VALUES`].
    pub values: BTreeMap<String, f64>,
    /// What was measured, where it was told as text that isn't one number.
    pub value_text: Option<String>,
    pub links: Vec<Link>,
    /// Sent by a button that tries the way, not by a rule.
    pub trial: bool,
    /// What a reader must know: what was cut, left out or not what it seems.
    pub notes: Vec<String>,
}

/// An address that the alert names, as text: nothing here opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// `source`, `runbook`, `dashboard`, `panel`, `silence`, `image`, `rule` or `sender`.
    pub name: &'static str,
    /// Begins with `http://` or `https://`, has no white space and at most [`MAX_LINK`] bytes.
    pub url: String,
}

/// What one call told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Call {
    /// In the order in which they were told.
    pub alerts: Vec<OutsideAlert>,
    /// Alerts that the sender itself left out of the call.
    pub truncated_by_sender: u64,
    /// Alerts over [`MAX_ALERTS`], which weren't read.
    pub left_out: usize,
}

/// How labels are read. [`Rules::default`] says the usual names.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Labels that may name the service, the first that is there counts.
    pub service_labels: Vec<String>,
    /// Labels that may say how bad it is, the first with a word that is known counts.
    pub severity_labels: Vec<String>,
    /// Words of a house, in lower case; they come before those of [`severity::of`].
    pub severities: BTreeMap<String, Severity>,
    /// What an alert is that says nothing known of it.
    pub default_severity: Severity,
}

impl Default for Rules {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            service_labels: owned(&SERVICE_LABELS),
            severity_labels: owned(&SEVERITY_LABELS),
            severities: BTreeMap::new(),
            default_severity: DEFAULT_SEVERITY,
        }
    }
}

/// Labels that name the service, the surest first. `job` is the last: of an exporter that watches
/// others, it names the exporter.
pub const SERVICE_LABELS: [&str; 8] = [
    "service.name",
    "service_name",
    "service",
    "app_kubernetes_io_name",
    "app.kubernetes.io/name",
    "app",
    "application",
    "job",
];

/// Labels that say how bad it is.
pub const SEVERITY_LABELS: [&str; 4] = ["severity", "priority", "level", "sev"];

/// Not low, because nobody said that it may wait; not high, because nobody said that it must not.
pub const DEFAULT_SEVERITY: Severity = Severity::Medium;

/// Why a body isn't taken: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Answered as 413.
    #[error("the body has {bytes} bytes, at most {MAX_BODY} are taken")]
    TooLarge { bytes: usize },
    /// Answered as 400.
    #[error("the body isn't JSON: {0}")]
    NotJson(String),
    /// Answered as 400. `path` is a JSON path such as `alerts[3].startsAt`.
    #[error("{path}: {what}")]
    Wrong { path: String, what: String },
}

/// Reads what a system posted.
///
/// # Errors
/// A body over [`MAX_BODY`] or that isn't JSON, and the path of what is missing or can't be. One
/// alert that can't be read refuses the call: no sender writes such, and half a call taken would
/// be told as done.
pub fn read(source: Source, body: &[u8], rules: &Rules) -> Result<Call, Refusal> {
    if body.len() > MAX_BODY {
        return Err(Refusal::TooLarge { bytes: body.len() });
    }
    let body: serde_json::Value =
        serde_json::from_slice(body).map_err(|error| Refusal::NotJson(error.to_string()))?;
    let root = place::Place::root(&body);
    match source {
        Source::Alertmanager => alertmanager::read(&root, rules),
        Source::Grafana => grafana::read(&root, rules),
        Source::Kibana => kibana::read(&root, rules),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
