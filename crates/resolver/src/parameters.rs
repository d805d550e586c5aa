//! From a kind of action and a target's observed state to parameters and the undo. Pure.
//!
//! What can't be filled from the state is not offered: a rollback without an earlier version, a
//! flag to switch off where none is on.

use indexmap::IndexMap;
use model::redaction::is_marked;
use model::{Action, ActionKind};
use serde_json::{Value, json};

/// Instances are at most multiplied by this, and never over [`MAX_REPLICAS`].
const SCALE_FACTOR: u64 = 2;
pub const MAX_REPLICAS: u64 = 64;
/// A rate limit as a share of the requests that come now.
const RATE_LIMIT_SHARE: f64 = 0.6;

/// An action with its undo, where there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Filled {
    pub action: Action,
    pub undo: Option<Action>,
}

impl Filled {
    /// Without an undo that would set what was taken out for being a secret.
    pub fn with_what_is_known(mut self) -> Self {
        self.undo = self
            .undo
            .filter(|undo| !undo.parameters.values().any(is_marked));
        self
    }
}

/// `hint` is text that may name the flag or setting meant (a change's description).
pub fn fill(kind: ActionKind, target: &str, state: &Value, hint: &str) -> Option<Filled> {
    let action = |kind, parameters: Value| Action {
        kind,
        target: target.to_owned(),
        parameters: object(parameters),
    };
    let text = |key: &str| state.get(key).and_then(Value::as_str);
    match kind {
        ActionKind::Rollback => {
            let (now, before) = (text("version")?, text("previous_version")?);
            (now != before).then(|| Filled {
                action: action(kind, json!({ "to_version": before })),
                undo: Some(action(kind, json!({ "to_version": now }))),
            })
        }
        ActionKind::Scale => {
            let now = state.get("replicas").and_then(Value::as_u64)?;
            let more = (now * SCALE_FACTOR).max(now + 1).min(MAX_REPLICAS);
            (more > now).then(|| Filled {
                action: action(kind, json!({ "replicas": more })),
                undo: Some(action(kind, json!({ "replicas": now }))),
            })
        }
        ActionKind::ConfigChange => {
            let now = text("config_revision")?;
            let before = text("previous_config_revision")?;
            (now != before).then(|| Filled {
                action: action(kind, json!({ "to_revision": before })),
                undo: Some(action(kind, json!({ "to_revision": now }))),
            })
        }
        ActionKind::FlagOff => {
            let flag = flag(state, hint)?;
            Some(Filled {
                action: action(kind, json!({ "flag": flag })),
                undo: Some(action(ActionKind::FlagOn, json!({ "flag": flag }))),
            })
        }
        ActionKind::TrafficShift => {
            let now = text("provider")?;
            let other = text("fallback_provider")?;
            (now != other).then(|| Filled {
                action: action(kind, json!({ "to": other })),
                undo: Some(action(kind, json!({ "to": now }))),
            })
        }
        ActionKind::RateLimit => Some(Filled {
            action: action(kind, json!({ "share": RATE_LIMIT_SHARE })),
            undo: Some(action(kind, json!({ "share": 1.0 }))),
        }),
        ActionKind::Restart | ActionKind::CacheClear => Some(Filled {
            action: action(kind, json!({})),
            undo: None,
        }),
        ActionKind::FlagOn => None,
    }
}

/// Whether a text names a flag: as a whole word, for a short name is part of many others.
fn names(text: &str, flag: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/')))
        .any(|word| word.trim_end_matches(['.', '-']) == flag)
}

/// The flag that is on and that the hint names; else the only one that is on.
fn flag(state: &Value, hint: &str) -> Option<String> {
    let flags = state.get("flags")?.as_object()?;
    let on: Vec<&String> = flags
        .iter()
        .filter(|(_, value)| value.as_bool() == Some(true))
        .map(|(name, _)| name)
        .collect();
    let named = on.iter().find(|name| names(hint, name));
    match (named, on.as_slice()) {
        (Some(name), _) => Some((*name).clone()),
        (None, [only]) => Some((*only).clone()),
        _ => None,
    }
}

fn object(value: Value) -> IndexMap<String, Value> {
    match value {
        Value::Object(map) => map.into_iter().collect(),
        _ => IndexMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_names_the_version_before_and_can_be_undone() {
        let state = json!({ "version": "v2", "previous_version": "v1" });
        let filled = fill(ActionKind::Rollback, "pay", &state, "").expect("can be filled");
        assert_eq!(filled.action.parameters["to_version"], "v1");
        assert_eq!(
            filled
                .undo
                .map(|undo| undo.parameters["to_version"].clone()),
            Some(json!("v2"))
        );
        assert_eq!(
            fill(ActionKind::Rollback, "pay", &json!({ "version": "v1" }), ""),
            None
        );
    }

    #[test]
    fn of_several_flags_the_named_one() {
        let state = json!({ "flags": { "a": true, "b": true, "c": false } });
        let of = |hint| {
            fill(ActionKind::FlagOff, "pay", &state, hint)
                .map(|f| f.action.parameters["flag"].clone())
        };
        assert_eq!(of("flag b: off->on"), Some(json!("b")));
        assert_eq!(of("nothing"), None);
    }
}
