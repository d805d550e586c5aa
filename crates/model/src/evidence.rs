//! Evidence: a query with its parameters and window, and what it answered — enough to ask again.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::time::{Timestamp, Window};

/// Rows of an answer that are kept in a record; the digest covers all of them.
pub const MAX_KEPT_ROWS: usize = 12;

/// `E1`, `E2`, …: numbered within its report or finding.
pub type EvidenceId = String;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Evidence {
    #[schema(value_type = String)]
    pub id: EvidenceId,
    /// The tool's id, such as `detect_anomalies`.
    pub tool: String,
    /// The ES|QL text, exactly as it was run.
    pub query: String,
    /// Named parameters as they were sent.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    pub parameters: IndexMap<String, Value>,
    pub window: Window,
    pub asked_at: Timestamp,
    /// What the answer says, in one sentence made from its values.
    pub says: String,
    pub columns: Vec<String>,
    /// The first [`MAX_KEPT_ROWS`] rows.
    pub rows: Vec<Vec<Value>>,
    /// Rows in all.
    pub row_count: u64,
    /// Over all columns and rows: whether asking again gives the same.
    pub answer_digest: Digest,
}

/// Whether evidence speaks for or against a hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    Supports,
    Contradicts,
}

/// The digest of an answer: columns and rows as JSON.
pub fn answer_digest(columns: &[String], rows: &[Vec<Value>]) -> Digest {
    let bytes = serde_json::to_vec(&(columns, rows)).unwrap_or_default();
    Digest::of(&bytes)
}
