//! One line of an incident's history: who, when, what, after which line.

use serde::{Deserialize, Serialize};

use crate::action::{Action, TargetState};
use crate::actor::{Actor, Assignee};
use crate::digest::Digest;
use crate::evidence::{Evidence, EvidenceId};
use crate::finding::{Finding, Relation};
use crate::identity::IncidentId;
use crate::notice::Topic;
use crate::proposal::{Proposal, ProposalId, Seal};
use crate::report::{Cause, Report};
use crate::severity::Severity;
use crate::system::Act;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Record {
    pub incident: IncidentId,
    /// From 1, without gaps.
    pub seq: u64,
    pub at: Timestamp,
    pub actor: Actor,
    /// The digest of the stored bytes of the record before; zeros before the first.
    pub previous: Digest,
    pub event: Event,
}

impl Record {
    /// The journal's `_id`, and the key by which receivers know a notice again.
    pub fn id(&self) -> String {
        format!("{}:{}", self.incident, self.seq)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    Opened {
        title: String,
        severity: Severity,
        severity_reason: String,
        finding: Box<Finding>,
        /// The incident that its findings were split off from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        split_from: Option<IncidentId>,
        /// Further findings, of a split alone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<Finding>,
    },
    FindingAttached {
        finding: Box<Finding>,
        relation: Relation,
        /// The relation in words.
        reason: String,
    },
    SeverityChanged {
        severity: Severity,
        reason: String,
    },
    Acknowledged {
        owner: String,
        note: Option<String>,
    },
    NoteAdded {
        text: String,
    },
    /// A claim that expires: who holds it works on the report.
    InvestigationStarted {
        claim: String,
        until: Timestamp,
    },
    /// No report: what is known all the same, and what a person is asked.
    InvestigationFailed {
        claim: String,
        reason: String,
        known: String,
    },
    ReportRecorded {
        claim: Option<String>,
        report: Box<Report>,
    },
    Proposed {
        proposal: Box<Proposal>,
        seal: Seal,
    },
    /// Nothing could be proposed; the reason.
    NothingToPropose {
        reason: String,
    },
    Decided {
        #[schema(value_type = String)]
        proposal: ProposalId,
        seal: Seal,
        approve: bool,
        reason: String,
        /// Alone, past quorum, requester and freeze, by a person whose role allows it: seal, drift,
        /// once only and journal hold as ever, all are told, and somebody else reviews it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        break_glass: bool,
    },
    /// A person asks for an action, or for a changed one; Resolver looks at the target and offers
    /// it, or says why not.
    ActionRequested {
        action: Action,
        why: String,
        /// The proposal that it is an edit of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        edits: Option<ProposalId>,
    },
    RequestRefused {
        /// The `seq` of the request.
        request: u64,
        reason: String,
    },
    /// A person takes an offer off the table before it is executed.
    Withdrawn {
        #[schema(value_type = String)]
        proposal: ProposalId,
        reason: String,
    },
    /// Somebody else's word on a break-glass, afterwards.
    BreakGlassReviewed {
        #[schema(value_type = String)]
        proposal: ProposalId,
        justified: bool,
        note: String,
    },
    /// A rule of the policy lets it run without a person, or, in shadow mode, would have. No
    /// decision: a person's no voids it until it begins.
    AutomationDecided {
        #[schema(value_type = String)]
        proposal: ProposalId,
        seal: Seal,
        /// The rule's name.
        rule: String,
        /// It only says what would have been done.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        shadow: bool,
        /// Why, in words; at least one.
        reasons: Vec<String>,
    },
    /// Whether the decisions suffice under the policy.
    VerdictReached {
        #[schema(value_type = String)]
        proposal: ProposalId,
        seal: Seal,
        sufficient: bool,
        reason: String,
    },
    /// The approval counts no more: the target drifted, or it expired.
    ApprovalVoided {
        #[schema(value_type = String)]
        proposal: ProposalId,
        reason: String,
        changed: Option<TargetState>,
    },
    /// Written before acting; never taken over.
    ExecutionStarted {
        #[schema(value_type = String)]
        proposal: ProposalId,
        seal: Seal,
        idempotency_key: String,
    },
    ExecutionFinished {
        #[schema(value_type = String)]
        proposal: ProposalId,
        result: ExecutionResult,
        says: String,
        target: Option<TargetState>,
    },
    RecoveryChecked {
        #[schema(value_type = String)]
        proposal: ProposalId,
        recovery: Recovery,
        says: String,
        evidence: Vec<Evidence>,
    },
    Mitigated {
        says: String,
    },
    Resolved {
        says: String,
        evidence: Option<Box<Evidence>>,
    },
    Reopened {
        reason: String,
        finding: Option<Box<Finding>>,
    },
    Closed {
        r#as: ClosedAs,
        reason: String,
    },
    PersonNeeded {
        reason: String,
    },
    /// A person's word on the report's first answer: what answers are scored by.
    FeedbackGiven {
        right: bool,
        /// The true cause, where the answer is wrong and the person knows it.
        cause: Option<Cause>,
        note: Option<String>,
    },
    /// A person calls it something else, or says whom it hurts; what isn't given stays.
    Edited {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// Whom it hurts and how, in words; empty: nobody knows any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        impact: Option<String>,
    },
    /// A person gives it to somebody.
    Assigned {
        to: Assignee,
        reason: String,
    },
    /// Whoever has it gives it to somebody else, with a word on where things stand.
    HandedOver {
        /// The owner's name, as whoever hands over saw it.
        from: String,
        to: Assignee,
        note: String,
    },
    /// Its story goes on in another incident, which has taken in its findings.
    MergedInto {
        into: IncidentId,
        reason: String,
    },
    /// Another incident's findings are this one's from now on; written before the other's
    /// `merged_into`. Once more for the same one only with what it got in between.
    Absorbed {
        incident: IncidentId,
        findings: Vec<Finding>,
        /// The `seq`s of the other's records that are notes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<u64>,
        reason: String,
    },
    /// Findings, by their names here, are another incident's from now on; written after the
    /// other's `opened`.
    SplitOff {
        #[schema(value_type = Vec<String>)]
        findings: Vec<EvidenceId>,
        into: IncidentId,
        reason: String,
    },
    /// Declared by mistake: it is in no list and counts in no statistics, and stays in the journal.
    Voided {
        reason: String,
    },
    /// One notice went out, accepted by its receiver under `key`.
    NoticeSent {
        channel: String,
        topic: Topic,
        /// The record that the notice is about.
        about: u64,
        key: String,
        /// Where it lies at the channel: a message, a ticket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<String>,
    },
    /// In the system chain only: see [`crate::system`].
    System {
        act: Act,
    },
}

impl Event {
    /// The variant's name as it is stored.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::FindingAttached { .. } => "finding_attached",
            Self::SeverityChanged { .. } => "severity_changed",
            Self::Acknowledged { .. } => "acknowledged",
            Self::NoteAdded { .. } => "note_added",
            Self::InvestigationStarted { .. } => "investigation_started",
            Self::InvestigationFailed { .. } => "investigation_failed",
            Self::ReportRecorded { .. } => "report_recorded",
            Self::Proposed { .. } => "proposed",
            Self::NothingToPropose { .. } => "nothing_to_propose",
            Self::Decided { .. } => "decided",
            Self::ActionRequested { .. } => "action_requested",
            Self::RequestRefused { .. } => "request_refused",
            Self::Withdrawn { .. } => "withdrawn",
            Self::BreakGlassReviewed { .. } => "break_glass_reviewed",
            Self::AutomationDecided { .. } => "automation_decided",
            Self::VerdictReached { .. } => "verdict_reached",
            Self::ApprovalVoided { .. } => "approval_voided",
            Self::ExecutionStarted { .. } => "execution_started",
            Self::ExecutionFinished { .. } => "execution_finished",
            Self::RecoveryChecked { .. } => "recovery_checked",
            Self::Mitigated { .. } => "mitigated",
            Self::Resolved { .. } => "resolved",
            Self::Reopened { .. } => "reopened",
            Self::Closed { .. } => "closed",
            Self::PersonNeeded { .. } => "person_needed",
            Self::FeedbackGiven { .. } => "feedback_given",
            Self::Edited { .. } => "edited",
            Self::Assigned { .. } => "assigned",
            Self::HandedOver { .. } => "handed_over",
            Self::MergedInto { .. } => "merged_into",
            Self::Absorbed { .. } => "absorbed",
            Self::SplitOff { .. } => "split_off",
            Self::Voided { .. } => "voided",
            Self::NoticeSent { .. } => "notice_sent",
            Self::System { act } => act.name(),
        }
    }

    /// Whether only people may write such a record: no agent, and no machine's token.
    pub fn is_a_persons(&self) -> bool {
        match self {
            Self::Opened { split_from, .. } => split_from.is_some(),
            Self::Decided { .. }
            | Self::ActionRequested { .. }
            | Self::Withdrawn { .. }
            | Self::BreakGlassReviewed { .. }
            | Self::FeedbackGiven { .. }
            | Self::Edited { .. }
            | Self::Assigned { .. }
            | Self::HandedOver { .. }
            | Self::MergedInto { .. }
            | Self::Absorbed { .. }
            | Self::SplitOff { .. }
            | Self::Voided { .. } => true,
            _ => false,
        }
    }

    /// Whether an actor may write it as far as it is a person's. What acts in a person's name
    /// through the Model Context Protocol may ask for an action, which is then offered to people;
    /// it takes none of their offers off the table, and decides nothing.
    pub fn is_open_to(&self, actor: &Actor) -> bool {
        let only_asks = matches!(self, Self::ActionRequested { edits: None, .. });
        !self.is_a_persons() || (actor.is_person() && (only_asks || !actor.through_mcp()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ClosedAs {
    FalseAlarm {},
    Duplicate { of: IncidentId },
}

impl ClosedAs {
    /// The incident that it is a duplicate of.
    pub fn of(&self) -> Option<&IncidentId> {
        match self {
            Self::FalseAlarm {} => None,
            Self::Duplicate { of } => Some(of),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionResult {
    Succeeded,
    Failed,
    /// Nobody can tell whether it happened: it is never run again, a person is asked.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    Recovered,
    NoEffect,
    Worse,
    /// No rows, low traffic, late data, or the query failed: never taken for health.
    Unknown,
}
