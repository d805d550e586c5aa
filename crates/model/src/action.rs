//! Typed actions: what can be done to a target, never free text to run.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::time::Timestamp;

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
pub enum ActionKind {
    Rollback,
    Scale,
    Restart,
    ConfigChange,
    FlagOff,
    /// The undo of `flag_off`.
    FlagOn,
    CacheClear,
    TrafficShift,
    RateLimit,
}

impl ActionKind {
    pub const ALL: [Self; 9] = [
        Self::Rollback,
        Self::Scale,
        Self::Restart,
        Self::ConfigChange,
        Self::FlagOff,
        Self::FlagOn,
        Self::CacheClear,
        Self::TrafficShift,
        Self::RateLimit,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Scale => "scale",
            Self::Restart => "restart",
            Self::ConfigChange => "config_change",
            Self::FlagOff => "flag_off",
            Self::FlagOn => "flag_on",
            Self::CacheClear => "cache_clear",
            Self::TrafficShift => "traffic_shift",
            Self::RateLimit => "rate_limit",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Action {
    pub kind: ActionKind,
    /// A service that was observed in telemetry.
    pub target: String,
    /// Such as `to_version`, `replicas`, `key` and `value`, `flag`.
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    pub parameters: IndexMap<String, Value>,
}

/// A target as the runner last described it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TargetState {
    pub target: String,
    /// The runner's own description: version, replicas, flags, configuration.
    pub state: Value,
    /// Over `state`: differs as soon as anything in it does.
    pub revision: Digest,
    pub observed_at: Timestamp,
}

impl TargetState {
    pub fn new(target: String, state: Value, observed_at: Timestamp) -> Self {
        let bytes = serde_json::to_vec(&sorted(&state)).unwrap_or_default();
        Self {
            target,
            state,
            revision: Digest::of(&bytes),
            observed_at,
        }
    }
}

/// The same value with every object's keys in order, so that equal values have equal digests.
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            Value::Object(
                entries
                    .into_iter()
                    .map(|(key, inner)| (key.clone(), sorted(inner)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
