//! The fold: what an incident is, and which record may follow which.

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::actor::{Actor, Agent};
use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::identity::IncidentId;
use crate::proposal::{Proposal, ProposalId, Seal};
use crate::record::{ClosedAs, Event, ExecutionResult, Record, Recovery};
use crate::report::Report;
use crate::severity::Severity;
use crate::time::Timestamp;

mod apply;
mod automated;
#[cfg(test)]
mod exhaustive;
mod feedback;
#[cfg(test)]
pub(crate) mod fixtures;
mod marks;
mod proposals;
#[cfg(test)]
mod tests;
pub(crate) mod ties;
#[cfg(test)]
mod ties_exhaustive;
#[cfg(test)]
mod ties_tests;
#[cfg(test)]
mod written;

pub use automated::AutomationMade;
pub use feedback::Feedback;
pub use marks::MAX_NAME_CHARS;
pub use ties::{
    Absorption, Doubt, MAX_NAMED_NOTES, MAX_TIES, MAX_TITLE_CHARS, MAX_WORDS_CHARS, Merger, Split,
    SplitFinding, Voiding,
};

/// Findings, proposals and records that one incident may hold: beyond it the state machine
/// refuses, so that nothing grows without bound.
pub const MAX_FINDINGS: usize = 500;
pub const MAX_PROPOSALS: usize = 50;
pub const MAX_RECORDS: u64 = 10_000;
pub const MAX_REQUESTS: usize = 50;

/// The same trouble within this time after `resolved` reopens the incident instead of opening
/// another one.
pub const REOPEN_WITHIN_MS: i64 = 30 * 60 * 1000;

/// Where the incident stands.
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
pub enum Status {
    Open,
    Investigating,
    Explained,
    AwaitingApproval,
    Approved,
    Executing,
    Verifying,
    Mitigated,
    Resolved,
    Closed,
    /// Declared by mistake: no incident at all.
    Voided,
}

impl Status {
    pub const ALL: [Self; 11] = [
        Self::Open,
        Self::Investigating,
        Self::Explained,
        Self::AwaitingApproval,
        Self::Approved,
        Self::Executing,
        Self::Verifying,
        Self::Mitigated,
        Self::Resolved,
        Self::Closed,
        Self::Voided,
    ];

    /// What a list shows where nobody asks for others: all but mistakes.
    pub const LISTED: [Self; 10] = [
        Self::Open,
        Self::Investigating,
        Self::Explained,
        Self::AwaitingApproval,
        Self::Approved,
        Self::Executing,
        Self::Verifying,
        Self::Mitigated,
        Self::Resolved,
        Self::Closed,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Investigating => "investigating",
            Self::Explained => "explained",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Approved => "approved",
            Self::Executing => "executing",
            Self::Verifying => "verifying",
            Self::Mitigated => "mitigated",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
            Self::Voided => "voided",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == text)
    }

    /// Nothing more is to be done.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Resolved | Self::Closed | Self::Voided)
    }

    /// Whether it counts in lists and statistics.
    pub fn counts(self) -> bool {
        self != Self::Voided
    }
}

/// A record that may not follow. The text says what is wrong and, where it can, what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} refused: {reason}")]
pub struct Illegal {
    pub event: &'static str,
    pub reason: String,
}

/// A proposal and all that became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProposalState {
    pub proposal: Proposal,
    pub seal: Seal,
    pub stage: ProposalStage,
    /// Decisions on the seal, in order.
    pub decisions: Vec<DecisionMade>,
    pub idempotency_key: Option<String>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub result: Option<ExecutionResult>,
    pub recovery: Option<Recovery>,
    /// Why it was voided or rejected, or how it ended.
    pub note: Option<String>,
    /// Who decided alone, and what somebody else said of it.
    pub break_glass: Option<BreakGlass>,
    /// What was decided on it without a person, or would have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automation: Option<AutomationMade>,
    /// The report that it rests on has been followed by another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub older_report: bool,
}

/// A decision past the quorum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BreakGlass {
    pub by: Actor,
    pub at: Timestamp,
    pub reason: String,
    /// `None`: it waits for somebody else's review.
    pub review: Option<Review>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Review {
    pub by: Actor,
    pub at: Timestamp,
    pub justified: bool,
    pub note: String,
}

/// What a person asked for, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RequestState {
    /// Of its record.
    pub seq: u64,
    pub by: Actor,
    pub at: Timestamp,
    pub action: Action,
    pub why: String,
    #[schema(value_type = Option<String>)]
    pub edits: Option<ProposalId>,
    /// The proposal that it became.
    #[schema(value_type = Option<String>)]
    pub proposal: Option<ProposalId>,
    /// Why it became none.
    pub refused: Option<String>,
}

impl RequestState {
    pub fn is_open(&self) -> bool {
        self.proposal.is_none() && self.refused.is_none()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProposalStage {
    /// Waits for decisions.
    Pending,
    /// The verdict was sufficient: may be executed once.
    Approved,
    Rejected,
    /// Drifted, expired, or another took its place.
    Voided,
    /// A person took it off the table.
    Withdrawn,
    Executing,
    Executed,
    /// Executed, and its recovery check has ended.
    Checked,
}

impl ProposalStage {
    /// Nothing was done on it yet, and something still may be.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Approved)
    }

    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Voided => "voided",
            Self::Withdrawn => "withdrawn",
            Self::Executing => "executing",
            Self::Executed => "executed",
            Self::Checked => "checked",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DecisionMade {
    pub actor: Actor,
    pub at: Timestamp,
    pub approve: bool,
    pub reason: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub break_glass: bool,
}

/// A claim on the investigation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Claim {
    pub claim: String,
    pub until: Timestamp,
}

/// The sum of an incident's records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Incident {
    #[serde(rename = "incident_id")]
    pub id: IncidentId,
    pub title: String,
    pub status: Status,
    pub severity: Severity,
    pub severity_reason: String,
    pub rule: String,
    #[serde(rename = "service.name")]
    pub service: String,
    /// The first is the one that opened it.
    pub findings: Vec<Finding>,
    pub owner: Option<String>,
    /// The owner's verified principal, where whoever gave it to them named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_subject: Option<String>,
    /// The team that it was given to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Whom it hurts and how, in a person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    pub claim: Option<Claim>,
    pub report: Option<Report>,
    /// Set where the report explains what is no longer this incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// Who gave the report, where it isn't the Analyst's own: an outside agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_from: Option<String>,
    pub proposals: Vec<ProposalState>,
    /// What people asked for.
    pub requests: Vec<RequestState>,
    /// Why a person is asked, where one is.
    pub person_needed: Option<String>,
    /// Set where there is nothing more that DataPulse could propose.
    pub nothing_to_propose: Option<String>,
    pub closed_as: Option<ClosedAs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<Merger>,
    /// Incidents that were merged into this one, or are about to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absorbed: Vec<Absorption>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_from: Option<IncidentId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub split_into: Vec<Split>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voided: Option<Voiding>,
    pub resolved_evidence: Option<Evidence>,
    /// The latest word of a person on what a report said first.
    pub feedback: Option<Feedback>,
    pub opened_at: Timestamp,
    pub updated_at: Timestamp,
    pub mitigated_at: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
    /// How often it was reopened.
    pub reopened: u32,
    pub last_seq: u64,
}

impl Incident {
    /// The first record makes an incident; anything but `opened` is refused.
    pub fn open(record: &Record) -> Result<Self, Illegal> {
        apply::open(record)
    }

    /// The only place that says what may follow. On an error nothing has changed.
    pub fn apply(&mut self, record: &Record) -> Result<(), Illegal> {
        apply::apply(self, record)
    }

    /// All records, in order.
    pub fn fold<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Self, Illegal> {
        let mut records = records.into_iter();
        let first = records.next().ok_or_else(|| Illegal {
            event: "nothing",
            reason: "an incident has at least one record".to_owned(),
        })?;
        let mut incident = Self::open(first)?;
        for record in records {
            incident.apply(record)?;
        }
        Ok(incident)
    }

    /// Actions that didn't help, with when they had ended.
    pub fn in_vain(&self) -> impl Iterator<Item = Timestamp> {
        self.proposals
            .iter()
            .filter(|state| matches!(state.recovery, Some(Recovery::NoEffect | Recovery::Worse)))
            .filter_map(|state| state.finished_at)
    }

    /// Whether an action that didn't help has ended since the report was made, or findings were
    /// split off: then the report is doubtful, and there is more to look at than there was.
    pub fn is_report_doubtful(&self) -> bool {
        self.report.as_ref().is_some_and(|report| {
            self.doubt.is_some() || self.in_vain().any(|at| at > report.window.to)
        })
    }

    /// Whether an action on it is running now.
    pub fn is_executing(&self) -> bool {
        apply::busy(self)
    }

    pub fn proposal(&self, id: &str) -> Option<&ProposalState> {
        self.proposals.iter().find(|state| state.proposal.id == id)
    }

    /// The number that the next proposal gets: `P` and one more than all before.
    pub fn next_proposal_id(&self) -> String {
        format!("P{}", self.proposals.len() + 1)
    }

    /// Whether a new finding of this rule and subject at `tick` belongs to this incident:
    /// it is not over, or was resolved so lately that the same trouble reopens it.
    pub fn takes_in(&self, tick: Timestamp) -> bool {
        match self.status {
            Status::Closed | Status::Voided => false,
            Status::Resolved => self
                .resolved_at
                .is_some_and(|at| tick.ms() - at.ms() <= REOPEN_WITHIN_MS),
            _ => true,
        }
    }

    /// Evidence by id, of findings (`F1` is the first finding's), report, checks.
    pub fn evidence(&self, id: &str) -> Option<&Evidence> {
        if id
            .strip_prefix('F')
            .is_some_and(|n| n.parse::<usize>().is_ok())
        {
            return self.finding(id).map(|finding| &finding.evidence);
        }
        self.report.as_ref()?.evidence(id)
    }
}

/// Which agent may write which event; people may write those that are a person's.
pub(crate) fn may_write(actor: &Actor, event: &Event) -> bool {
    let agent = match actor {
        Actor::Agent { agent } => Some(*agent),
        _ => None,
    };
    if event.is_a_persons() {
        return event.is_open_to(actor);
    }
    match event {
        Event::Opened { .. } | Event::Reopened { .. } => {
            matches!(agent, None | Some(Agent::Sentinel))
        }
        Event::FindingAttached { .. }
        | Event::SeverityChanged { .. }
        | Event::Mitigated { .. }
        | Event::Resolved { .. } => {
            matches!(agent, None | Some(Agent::Sentinel | Agent::Executor))
        }
        Event::Acknowledged { .. } | Event::NoteAdded { .. } => agent.is_none(),
        Event::Closed { r#as, .. } => {
            // Sentinel closes its own double where two raced to open one incident.
            agent.is_none()
                || (agent == Some(Agent::Sentinel) && matches!(r#as, ClosedAs::Duplicate { .. }))
        }
        Event::InvestigationStarted { .. } | Event::InvestigationFailed { .. } => {
            agent == Some(Agent::Analyst)
        }
        Event::ReportRecorded { .. } => {
            agent == Some(Agent::Analyst) || matches!(actor, Actor::System { .. })
        }
        Event::Proposed { .. } | Event::NothingToPropose { .. } => {
            matches!(agent, Some(Agent::Resolver | Agent::Executor))
        }
        Event::Decided { .. }
        | Event::ActionRequested { .. }
        | Event::Withdrawn { .. }
        | Event::BreakGlassReviewed { .. }
        | Event::FeedbackGiven { .. }
        | Event::Edited { .. }
        | Event::Assigned { .. }
        | Event::HandedOver { .. }
        | Event::MergedInto { .. }
        | Event::Absorbed { .. }
        | Event::SplitOff { .. }
        | Event::Voided { .. } => actor.is_person(),
        Event::RequestRefused { .. } => agent == Some(Agent::Resolver),
        Event::AutomationDecided { .. }
        | Event::VerdictReached { .. }
        | Event::ApprovalVoided { .. }
        | Event::ExecutionStarted { .. }
        | Event::ExecutionFinished { .. }
        | Event::RecoveryChecked { .. } => agent == Some(Agent::Executor),
        Event::PersonNeeded { .. } => agent.is_some(),
        Event::NoticeSent { .. } => agent == Some(Agent::Notifier),
        Event::System { .. } => false,
    }
}
