//! A runbook: Markdown for people, with the typed actions that it proposes.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::ActionKind;
use crate::finding::Signal;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Runbook {
    /// The file's stem, such as `database-connections-exhausted`.
    pub id: String,
    pub title: String,
    /// One sentence.
    pub summary: String,
    /// Signals that it is about.
    pub signals: Vec<Signal>,
    /// Error types and words that speak for it.
    pub symptoms: Vec<String>,
    /// The Markdown under the head.
    pub content: String,
    pub actions: Vec<RunbookAction>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RunbookAction {
    pub kind: ActionKind,
    /// When it fits, in words; shown to the person who decides.
    pub when: String,
    pub risk_note: String,
    pub eta_s: u64,
    /// Fixed parameters; those that depend on the target are filled from its observed state.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    pub parameters: IndexMap<String, Value>,
}
