//! The policy: who must agree to what. Read from a file; its version is its digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::action::ActionKind;
use crate::digest::Digest;

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
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// How many people must agree, by tier.
    #[serde(default = "one_each")]
    pub quorum: BTreeMap<RiskTier, u32>,
    /// The tier of each kind of action; one that is not named is high.
    #[serde(default = "usual_tiers")]
    pub tier: BTreeMap<ActionKind, RiskTier>,
    /// How long an approval may be waited for, in seconds.
    #[serde(default = "half_an_hour")]
    pub approval_expires_s: u64,
}

fn one_each() -> BTreeMap<RiskTier, u32> {
    [RiskTier::Low, RiskTier::Medium, RiskTier::High]
        .into_iter()
        .map(|tier| (tier, 1))
        .collect()
}

fn usual_tiers() -> BTreeMap<ActionKind, RiskTier> {
    use ActionKind::*;
    [
        (CacheClear, RiskTier::Low),
        (Scale, RiskTier::Low),
        (FlagOff, RiskTier::Low),
        (FlagOn, RiskTier::Medium),
        (Restart, RiskTier::Medium),
        (Rollback, RiskTier::Medium),
        (ConfigChange, RiskTier::Medium),
        (RateLimit, RiskTier::Medium),
        (TrafficShift, RiskTier::High),
    ]
    .into_iter()
    .collect()
}

fn half_an_hour() -> u64 {
    30 * 60
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            quorum: one_each(),
            tier: usual_tiers(),
            approval_expires_s: half_an_hour(),
        }
    }
}

impl Policy {
    pub fn tier_of(&self, kind: ActionKind) -> RiskTier {
        self.tier.get(&kind).copied().unwrap_or(RiskTier::High)
    }

    /// At least one, whatever the file says: nothing runs without a person.
    pub fn quorum_of(&self, tier: RiskTier) -> u32 {
        self.quorum.get(&tier).copied().unwrap_or(1).max(1)
    }

    /// The digest of the policy's content, shortened.
    pub fn version(&self) -> String {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        format!("policy-{}", Digest::of(&bytes).short(12))
    }
}
