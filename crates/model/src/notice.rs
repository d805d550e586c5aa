//! What people are told about.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Incident,
    Report,
    ApprovalWanted,
    /// Somebody is to have it now.
    Assigned,
    /// Somebody decided alone.
    BreakGlass,
    Outcome,
    PersonNeeded,
}

impl Topic {
    pub const ALL: [Self; 7] = [
        Self::Incident,
        Self::Report,
        Self::ApprovalWanted,
        Self::Assigned,
        Self::BreakGlass,
        Self::Outcome,
        Self::PersonNeeded,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Report => "report",
            Self::ApprovalWanted => "approval_wanted",
            Self::Assigned => "assigned",
            Self::BreakGlass => "break_glass",
            Self::Outcome => "outcome",
            Self::PersonNeeded => "person_needed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == text)
    }

    /// Whether it tells how things stand and waits for nobody: it may wait for others of its group.
    pub fn is_news(self) -> bool {
        matches!(self, Self::Incident | Self::Report | Self::Outcome)
    }
}
