//! A report: what happened when, the candidate causes, and what was asked to find them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evidence::{Evidence, EvidenceId};
use crate::time::{Timestamp, Window};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Report {
    pub window: Window,
    pub timeline: Vec<TimelineEntry>,
    /// Best first. Empty only where `known` is false.
    pub hypotheses: Vec<Hypothesis>,
    pub evidence: Vec<Evidence>,
    pub ledger: Vec<LedgerEntry>,
    /// False: "I don't know": the first confidence lies below the stated line, or nothing spoke.
    pub known: bool,
    /// One sentence: the first cause, or why there is none.
    pub conclusion: String,
    /// What a person is asked to look at, where the Analyst doesn't know.
    pub ask: Option<String>,
    /// How the confidence was computed, and on what it was calibrated.
    pub confidence_basis: String,
    pub elapsed_ms: u64,
    /// The time budget ran out before all questions were asked.
    pub out_of_time: bool,
}

impl Report {
    pub fn first(&self) -> Option<&Hypothesis> {
        self.hypotheses.first()
    }

    pub fn evidence(&self, id: &str) -> Option<&Evidence> {
        self.evidence.iter().find(|evidence| evidence.id == id)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Hypothesis {
    /// `H1`, `H2`, … in the order of the ranking.
    pub id: String,
    pub cause: Cause,
    /// One or two sentences, made from the evidence's values.
    pub says: String,
    /// The probability that this is the cause, 0 to 1.
    pub confidence: f64,
    /// Ids of evidence in the same report; at least one.
    #[schema(value_type = Vec<String>)]
    pub supports: Vec<EvidenceId>,
    #[schema(value_type = Vec<String>)]
    pub contradicts: Vec<EvidenceId>,
    /// The change to blame, where one is.
    pub blamed_change: Option<String>,
}

/// What a hypothesis names as the cause.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    /// Trouble starts in this service (or in one instance of it).
    Service {
        #[serde(rename = "service.name")]
        service: String,
        #[serde(rename = "service.node.name")]
        node: Option<String>,
    },
    /// A change: a deploy, config change, flag or scaling.
    Change {
        #[serde(rename = "deployment.id")]
        deployment: String,
        #[serde(rename = "service.name")]
        service: String,
        change_kind: String,
    },
    /// A dependency that is called but reports nothing itself.
    Outside { dependency: String },
    /// More requests than the service holds.
    Load {
        #[serde(rename = "service.name")]
        service: String,
    },
}

impl Cause {
    /// The service or dependency that the cause lies in.
    pub fn place(&self) -> &str {
        match self {
            Self::Service { service, .. }
            | Self::Change { service, .. }
            | Self::Load { service } => service,
            Self::Outside { dependency } => dependency,
        }
    }
}

/// `change chg-17 of payment`, `service payment`: for lists.
impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service {
                service,
                node: Some(node),
            } => write!(out, "instance {node} of {service}"),
            Self::Service { service, .. } => write!(out, "service {service}"),
            Self::Change {
                deployment,
                service,
                change_kind,
            } => write!(out, "{change_kind} {deployment} of {service}"),
            Self::Outside { dependency } => write!(out, "{dependency} (outside)"),
            Self::Load { service } => write!(out, "load on {service}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TimelineEntry {
    pub at: Timestamp,
    pub says: String,
    #[serde(rename = "service.name")]
    pub service: Option<String>,
    #[schema(value_type = Option<String>)]
    pub evidence: Option<EvidenceId>,
}

/// One question that was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LedgerEntry {
    pub tool: String,
    /// What it was asked about, in short.
    pub about: String,
    pub state: LedgerState,
    pub rows: u64,
    pub elapsed_ms: u64,
    /// The error's text, or what was cut.
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LedgerState {
    Answered,
    Empty,
    Failed,
    /// More rows than the limit: the rest was not seen.
    Cut,
    /// Not asked: out of time, or the telemetry hasn't the fields.
    NotAsked,
}
