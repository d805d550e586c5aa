//! The two sides of a mapped action in the words that Resolver reads and orders use. Pure.

use model::{Action, ActionKind};
use serde_json::{Value, json};

use super::{PipelineAction, Side};

/// `flag_on` is the other side of `flag_off`; all others are their own.
pub(super) fn family(kind: ActionKind) -> ActionKind {
    match kind {
        ActionKind::FlagOn => ActionKind::FlagOff,
        other => other,
    }
}

/// The parameter that says which side is meant, and where a state says what is now and what
/// else there is. None: the action has one side.
fn parameter(kind: ActionKind) -> Option<(&'static str, &'static str, &'static str)> {
    match family(kind) {
        ActionKind::Rollback => Some(("to_version", "version", "previous_version")),
        ActionKind::ConfigChange => {
            Some(("to_revision", "config_revision", "previous_config_revision"))
        }
        ActionKind::TrafficShift => Some(("to", "provider", "fallback_provider")),
        _ => None,
    }
}

pub(super) fn has_sides(kind: ActionKind) -> bool {
    parameter(kind).is_some() || family(kind) == ActionKind::FlagOff
}

/// What is wrong with the words of a mapping.
pub(super) fn check(mapped: &PipelineAction) -> Result<(), String> {
    let (now, after) = (mapped.now.trim(), mapped.after.trim());
    match mapped.kind {
        ActionKind::Scale | ActionKind::RateLimit => {
            Err("takes a number, and inputs are fixed: map restart, rollback, config_change, traffic_shift, flag_off or cache_clear".to_owned())
        }
        ActionKind::FlagOn => Err("is the undo of flag_off: map flag_off with undo".to_owned()),
        ActionKind::FlagOff if now.is_empty() => Err("now: expected the flag's name".to_owned()),
        ActionKind::FlagOff => Ok(()),
        kind if parameter(kind).is_none() => {
            if mapped.undo.is_some() {
                return Err("has no undo".to_owned());
            }
            Ok(())
        }
        _ if now.is_empty() || after.is_empty() || now == after => {
            Err("now and after: expected two different words for what stands before and after".to_owned())
        }
        _ => Ok(()),
    }
}

/// The state's keys for one mapping. Without an undo there is none to offer: then what Resolver
/// would make an undo of is left out, and a person may still ask for it.
pub(super) fn describe(mapped: &PipelineAction, stands: Side, state: &mut Value) {
    if mapped.undo.is_none() {
        return;
    }
    if let Some((_, now, other)) = parameter(mapped.kind) {
        let (is, was) = match stands {
            Side::Undo => (&mapped.now, &mapped.after),
            Side::Do => (&mapped.after, &mapped.now),
        };
        state[now] = json!(is);
        state[other] = json!(was);
    } else if mapped.kind == ActionKind::FlagOff {
        state["flags"][&mapped.now] = json!(stands == Side::Undo);
    }
}

/// The side that an action asks for; parameters that stand for neither are refused.
pub(super) fn side(mapped: &PipelineAction, action: &Action) -> Result<Side, String> {
    let (key, forth, back) = match (parameter(action.kind), action.kind) {
        (Some((key, ..)), _) => (key, Some(&mapped.after), Some(&mapped.now)),
        (None, ActionKind::FlagOff) => ("flag", Some(&mapped.now), None),
        (None, ActionKind::FlagOn) => ("flag", None, Some(&mapped.now)),
        (None, _) if action.parameters.is_empty() => return Ok(Side::Do),
        (None, kind) => return Err(format!("{} takes no parameter", kind.name())),
    };
    let given = action.parameters.get(key).and_then(Value::as_str);
    let side = match given {
        Some(given) if forth.is_some_and(|word| word == given) => Some(Side::Do),
        Some(given) if back.is_some_and(|word| word == given) => Some(Side::Undo),
        _ => None,
    };
    let others = action.parameters.keys().any(|other| other != key);
    side.filter(|_| !others).ok_or_else(|| {
        let words: Vec<&str> = forth.into_iter().chain(back).map(String::as_str).collect();
        format!(
            "{} is mapped to fixed inputs: it takes {key} alone, one of {}",
            action.kind.name(),
            words.join(", ")
        )
    })
}
