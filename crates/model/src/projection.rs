//! All that the `incidents` index holds of an incident: its summary, and what was measured, told
//! and proposed, in words. Rebuilt at will, never decided from.

use serde::{Deserialize, Serialize};

use crate::incident::Incident;
use crate::summary::Summary;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    #[serde(flatten)]
    pub summary: Summary,
    /// Of the finding that opened it.
    #[serde(default)]
    pub metrics: Option<Measured>,
    /// The report's timeline, a line an entry, in its order.
    #[serde(default)]
    pub timeline: Vec<String>,
    /// The report's conclusion.
    #[serde(default)]
    pub report: Option<String>,
    /// `P1 rollback payment: executed`, in order.
    #[serde(default)]
    pub proposals: Vec<String>,
}

/// What deviated, and how far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub signal: String,
    pub observed: f64,
    pub threshold: f64,
    pub unit: String,
    pub requests: Option<f64>,
}

impl From<&Incident> for Projection {
    fn from(incident: &Incident) -> Self {
        let report = incident.report.as_ref();
        let entries = report.into_iter().flat_map(|report| &report.timeline);
        Self {
            metrics: incident.findings.first().map(|finding| Measured {
                signal: finding.signal.name().to_owned(),
                observed: finding.observed,
                threshold: finding.threshold,
                unit: finding.unit.clone(),
                requests: finding.requests,
            }),
            timeline: entries
                .map(|entry| format!("{} {}", entry.at, entry.says))
                .collect(),
            report: report.map(|report| report.conclusion.clone()),
            proposals: incident
                .proposals
                .iter()
                .map(|state| {
                    let (id, action) = (&state.proposal.id, &state.proposal.action);
                    let stage = state.stage.name();
                    format!("{id} {} {}: {stage}", action.kind.name(), action.target)
                })
                .collect(),
            summary: Summary::from(incident),
        }
    }
}

impl From<Summary> for Projection {
    fn from(summary: Summary) -> Self {
        Self {
            summary,
            metrics: None,
            timeline: Vec::new(),
            report: None,
            proposals: Vec::new(),
        }
    }
}
