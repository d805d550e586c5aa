//! What people are told about.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Incident,
    Report,
    ApprovalWanted,
    /// Somebody took it.
    Acknowledged,
    /// Somebody is to have it now.
    Assigned,
    /// Somebody decided alone.
    BreakGlass,
    Outcome,
    PersonNeeded,
}
