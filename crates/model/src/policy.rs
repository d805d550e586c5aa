//! The policy: who must agree to what, and when nothing may be done. Read from a file; its version
//! is its digest.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::action::{Action, ActionKind};
use crate::digest::Digest;
use crate::time::Timestamp;

pub mod automation;
pub mod example;
mod freeze;

pub(crate) use freeze::time_of_day;
pub use freeze::{Freeze, Weekday};

/// Freeze windows that one policy may hold.
pub const MAX_FREEZES: usize = 200;
/// The longest that an approval may be waited for: a week, in seconds.
pub const MAX_EXPIRY_S: u64 = 7 * 24 * 60 * 60;
/// The largest quorum: more people than this are not found at night.
pub const MAX_QUORUM: u32 = 5;

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
pub enum RiskTier {
    Low,
    Medium,
    High,
}

impl RiskTier {
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// How many people must agree, by tier: 1 to 5. One that is not named keeps its default:
    /// low 1, medium 1, high 2.
    #[schema(value_type = BTreeMap<String, u32>)]
    pub quorum: BTreeMap<RiskTier, u32>,
    /// The tier of each kind of action; one that is not named keeps its default.
    #[schema(value_type = BTreeMap<String, RiskTier>)]
    pub tier: BTreeMap<ActionKind, RiskTier>,
    /// How long an approval may be waited for, in seconds.
    pub approval_expires_s: u64,
    /// Tiers in which the yes of whoever asked for the action, or edited it, doesn't count.
    #[schema(value_type = Vec<RiskTier>)]
    pub not_the_requester: BTreeSet<RiskTier>,
    /// Tiers in which one of those who agree must be on call for the target, as
    /// `lookup-services` says.
    #[schema(value_type = Vec<RiskTier>)]
    pub on_call: BTreeSet<RiskTier>,
    /// Whether people of the role `break_glass` may decide alone, with a reason, an alarm and a
    /// review afterwards.
    pub break_glass: bool,
    /// When nothing is executed.
    pub freeze: Vec<Freeze>,
    /// What may run without a person. None: nothing does. Left out of the version where it is
    /// empty, so that policies without it keep theirs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub automation: Vec<automation::AutomationRule>,
}

/// What a proposal takes from the policy: sealed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub risk: RiskTier,
    pub quorum: u32,
    pub policy_version: String,
    pub expires: Timestamp,
    pub not_the_requester: bool,
    pub on_call: Option<Vec<String>>,
    /// Rules that may let it run without a person: on, for this kind of action and this target.
    pub automation: Vec<String>,
}

/// Quorum by tier where the file says nothing.
fn usual_quorum(tier: RiskTier) -> u32 {
    match tier {
        RiskTier::Low | RiskTier::Medium => 1,
        RiskTier::High => 2,
    }
}

/// What is undone in a minute and touches one service is low; what can make matters worse is
/// medium; what moves traffic between places is high.
fn usual_tier(kind: ActionKind) -> RiskTier {
    use ActionKind::*;
    match kind {
        CacheClear | Scale | FlagOff => RiskTier::Low,
        FlagOn | Restart | Rollback | ConfigChange | RateLimit => RiskTier::Medium,
        TrafficShift => RiskTier::High,
    }
}

const HALF_AN_HOUR_S: u64 = 30 * 60;

impl Default for Policy {
    fn default() -> Self {
        Self {
            quorum: RiskTier::ALL
                .into_iter()
                .map(|tier| (tier, usual_quorum(tier)))
                .collect(),
            tier: ActionKind::ALL
                .into_iter()
                .map(|kind| (kind, usual_tier(kind)))
                .collect(),
            approval_expires_s: HALF_AN_HOUR_S,
            not_the_requester: [RiskTier::Medium, RiskTier::High].into(),
            on_call: BTreeSet::new(),
            break_glass: true,
            freeze: Vec::new(),
            automation: Vec::new(),
        }
    }
}

impl Policy {
    pub fn tier_of(&self, kind: ActionKind) -> RiskTier {
        let named = self.tier.get(&kind).copied();
        named.unwrap_or_else(|| usual_tier(kind))
    }

    /// At least one, whatever the file says. What runs without a person is named by `automation`,
    /// never by a quorum of nobody.
    pub fn quorum_of(&self, tier: RiskTier) -> u32 {
        let named = self.quorum.get(&tier).copied();
        named.unwrap_or_else(|| usual_quorum(tier)).max(1)
    }

    /// What the policy asks for an action now. `on_call`: who is on call for its target, where
    /// that is known.
    pub fn terms(&self, action: &Action, on_call: Option<&str>, now: Timestamp) -> Terms {
        let risk = self.tier_of(action.kind);
        let people = || {
            let named = on_call.unwrap_or_default().split([',', ';']);
            named
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect()
        };
        Terms {
            risk,
            quorum: self.quorum_of(risk),
            policy_version: self.version(),
            expires: now.plus_ms(self.approval_expires_s as i64 * 1000),
            not_the_requester: self.not_the_requester.contains(&risk),
            on_call: self.on_call.contains(&risk).then(people),
            automation: self.automatic(action, risk),
        }
    }

    /// Names of the rules that are on and speak of this action; of high risk none does.
    fn automatic(&self, action: &Action, risk: RiskTier) -> Vec<String> {
        let on = self.automation.iter().filter(|rule| {
            rule.mode == automation::AutomationMode::On
                && rule.covers(action.kind, &action.target)
                && risk != RiskTier::High
        });
        on.map(|rule| rule.name.clone()).collect()
    }

    /// The freeze that holds an action of this kind on this target back, if any.
    pub fn frozen(&self, kind: ActionKind, target: &str, now: Timestamp) -> Option<&Freeze> {
        self.freeze
            .iter()
            .find(|freeze| freeze.covers(kind, target) && freeze.is_on(now))
    }

    /// What is wrong with it, as text that names the place.
    pub fn check(&self) -> Result<(), String> {
        for (tier, quorum) in &self.quorum {
            if *quorum == 0 || *quorum > MAX_QUORUM {
                let tier = tier.name();
                return Err(format!(
                    "quorum.{tier}: expected 1 to {MAX_QUORUM} people, got {quorum}"
                ));
            }
        }
        if self.approval_expires_s == 0 || self.approval_expires_s > MAX_EXPIRY_S {
            let given = self.approval_expires_s;
            return Err(format!(
                "approval_expires_s: expected 1 to {MAX_EXPIRY_S} s, got {given}"
            ));
        }
        if self.freeze.len() > MAX_FREEZES {
            let given = self.freeze.len();
            return Err(format!(
                "freeze: at most {MAX_FREEZES} windows, got {given}"
            ));
        }
        for (index, freeze) in self.freeze.iter().enumerate() {
            freeze
                .check()
                .map_err(|fault| format!("freeze[{index}]: {fault}"))?;
        }
        automation::check(self)
    }

    /// The digest of the policy's content, shortened.
    pub fn version(&self) -> String {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        format!("policy-{}", Digest::of(&bytes).short(12))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_names_one_tier_keeps_the_others() {
        let policy: Policy =
            serde_json::from_str(r#"{"quorum": {"low": 2}, "tier": {"scale": "high"}}"#)
                .expect("is a policy");
        assert_eq!(policy.quorum_of(RiskTier::Low), 2);
        assert_eq!(policy.quorum_of(RiskTier::High), 2);
        assert_eq!(policy.tier_of(ActionKind::Scale), RiskTier::High);
        assert_eq!(policy.tier_of(ActionKind::Rollback), RiskTier::Medium);
        assert_eq!(policy.check(), Ok(()));
    }

    #[test]
    fn nonsense_is_named() {
        let unknown = serde_json::from_str::<Policy>(r#"{"quorums": {}}"#);
        assert!(unknown.is_err_and(|error| error.to_string().contains("quorums")));
        let none = Policy {
            quorum: [(RiskTier::High, 0)].into(),
            ..Policy::default()
        };
        assert_eq!(
            none.check(),
            Err("quorum.high: expected 1 to 5 people, got 0".to_owned())
        );
    }
}
