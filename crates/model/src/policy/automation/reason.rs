//! Why something doesn't run without a person: a key for machines, words for people.

use serde::{Deserialize, Serialize};

/// Which of the conditions isn't met.
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
pub enum ReasonKey {
    /// No rule speaks of this kind of action on this target.
    NoRule,
    /// The rule is off.
    Off,
    /// Of high risk.
    HighRisk,
    /// More than the rule's bound, or another action than it means.
    Bound,
    /// There is no undo, or not the one that would bring back what was there.
    NoUndo,
    /// Offered under another policy, or not sealed with this rule.
    OtherPolicy,
    /// Nothing is waited for any more.
    NotOpen,
    /// A person asked for it, or edited it.
    AskedFor,
    /// A person said no to it, or to the same action in this incident.
    SaidNo,
    /// One was decided on in this incident already.
    OncePerIncident,
    /// There is no answer of the Analyst that it rests on, or that answer is doubtful.
    NoAnswer,
    /// The answer is less sure than the rule asks for.
    Confidence,
    /// Too few answers were confirmed on this installation.
    Unconfirmed,
    /// Answers that were as sure were right less often than they said.
    HitRate,
    /// The service's runs of the day are used up.
    Budget,
    /// The service has had one too lately.
    CoolDown,
    /// Not all that ran before is known.
    HistoryUnknown,
    /// Everything is stopped.
    Stopped,
    /// A freeze holds it back.
    Frozen,
    /// The target isn't as it was when this was offered.
    Drift,
    /// The target was not read just now.
    TargetUnread,
}

impl ReasonKey {
    /// As it is stored, and as examples name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoRule => "no_rule",
            Self::Off => "off",
            Self::HighRisk => "high_risk",
            Self::Bound => "bound",
            Self::NoUndo => "no_undo",
            Self::OtherPolicy => "other_policy",
            Self::NotOpen => "not_open",
            Self::AskedFor => "asked_for",
            Self::SaidNo => "said_no",
            Self::OncePerIncident => "once_per_incident",
            Self::NoAnswer => "no_answer",
            Self::Confidence => "confidence",
            Self::Unconfirmed => "unconfirmed",
            Self::HitRate => "hit_rate",
            Self::Budget => "budget",
            Self::CoolDown => "cool_down",
            Self::HistoryUnknown => "history_unknown",
            Self::Stopped => "stopped",
            Self::Frozen => "frozen",
            Self::Drift => "drift",
            Self::TargetUnread => "target_unread",
        }
    }

    /// Whether it says no more than that nobody looked.
    pub(super) fn is_unseen(self) -> bool {
        matches!(
            self,
            Self::Unconfirmed | Self::HistoryUnknown | Self::TargetUnread
        )
    }

    /// Whether waiting mends it: what was decided on is held, not given up.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Stopped | Self::Frozen | Self::TargetUnread)
    }
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reason {
    pub key: ReasonKey,
    /// In words, for people.
    pub says: String,
}

impl Reason {
    pub(super) fn new(key: ReasonKey, says: impl Into<String>) -> Self {
        Self {
            key,
            says: says.into(),
        }
    }
}
