//! What a person asked for, against what was observed of its target. Pure.
//!
//! Resolver's own offers follow from the state; what a person asks for may be anything of the
//! kinds there are, so its parameters are looked at one by one, and the undo is what is now.

use indexmap::IndexMap;
use model::{Action, ActionKind};
use serde_json::{Value, json};

use crate::parameters::{Filled, MAX_REPLICAS, fill};

mod workload;

/// The action with its undo, or what is wrong with it and what would be right.
pub fn asked(action: &Action, state: &Value) -> Result<Filled, String> {
    let (kind, target) = (action.kind, &action.target);
    let given = &action.parameters;
    // Without parameters: what Resolver would do itself.
    if given.is_empty() && kind != ActionKind::FlagOn {
        return fill(kind, target, state, "").ok_or_else(|| {
            format!(
                "{} on {target}: the target's state doesn't say what to do: name the parameters ({})",
                kind.name(),
                names(kind, state).join(", ")
            )
        });
    }
    let known = names(kind, state);
    if let Some(unknown) = given.keys().find(|key| !known.contains(&key.as_str())) {
        let known = match known {
            [] => "no parameter".to_owned(),
            names => names.join(", "),
        };
        return Err(format!("{} takes {known}, not {unknown:?}", kind.name()));
    }
    let undo = undo(kind, given, state)?;
    let undo = undo.map(|(kind, parameters)| Action {
        kind,
        target: target.clone(),
        parameters,
    });
    Ok(Filled {
        action: action.clone(),
        undo,
    })
}

/// The parameters that a kind of action takes on a target.
fn names(kind: ActionKind, state: &Value) -> &'static [&'static str] {
    use ActionKind::*;
    match kind {
        _ if !workload::names(kind, state).is_empty() => workload::names(kind, state),
        Rollback => &["to_version"],
        Scale => &["replicas"],
        ConfigChange => &["to_revision"],
        FlagOff | FlagOn => &["flag"],
        TrafficShift => &["to"],
        RateLimit => &["share"],
        Restart | CacheClear => &[],
    }
}

type Undo = Option<(ActionKind, IndexMap<String, Value>)>;

fn undo(kind: ActionKind, given: &IndexMap<String, Value>, state: &Value) -> Result<Undo, String> {
    use ActionKind::*;
    let back =
        |kind, key: &str, value: Value| Some((kind, IndexMap::from([(key.to_owned(), value)])));
    let text = |key: &str| {
        let text = given.get(key).and_then(Value::as_str);
        text.filter(|text| !text.trim().is_empty())
            .ok_or_else(|| format!("{} needs {key}, a text", kind.name()))
    };
    // Another value than the one that is there now.
    let differs = |key: &str, now: &str| -> Result<Undo, String> {
        let wanted = text(key)?;
        match state.get(now).and_then(Value::as_str) {
            Some(present) if present == wanted => Err(format!("{now} is {present:?} already")),
            Some(present) => Ok(back(kind, key, json!(present))),
            None => Ok(None),
        }
    };
    if let Some(back) = workload::undo(kind, given, state) {
        return Ok(back?.map(|back| (kind, back)));
    }
    match kind {
        Rollback => differs("to_version", "version"),
        ConfigChange => differs("to_revision", "config_revision"),
        TrafficShift => differs("to", "provider"),
        Scale => {
            let wanted = given.get("replicas").and_then(Value::as_u64);
            let wanted = wanted
                .filter(|count| (1..=MAX_REPLICAS).contains(count))
                .ok_or_else(|| format!("scale needs replicas, 1 to {MAX_REPLICAS}"))?;
            match state.get("replicas").and_then(Value::as_u64) {
                Some(now) if now == wanted => Err(format!("replicas is {now} already")),
                Some(now) => Ok(back(kind, "replicas", json!(now))),
                None => Ok(None),
            }
        }
        RateLimit => {
            let share = given.get("share").and_then(Value::as_f64);
            share
                .filter(|share| *share > 0.0 && *share <= 1.0)
                .ok_or("rate_limit needs share, over 0 and up to 1")?;
            Ok(back(kind, "share", json!(1.0)))
        }
        FlagOff | FlagOn => {
            let flag = text("flag")?;
            let wanted = kind == FlagOn;
            match state.get("flags").and_then(|flags| flags.get(flag)) {
                Some(Value::Bool(now)) if *now == wanted => {
                    let now = if wanted { "on" } else { "off" };
                    Err(format!("flag {flag:?} is {now} already"))
                }
                Some(Value::Bool(_)) => {
                    let other = if wanted { FlagOff } else { FlagOn };
                    Ok(back(other, "flag", json!(flag)))
                }
                _ => Err(format!("the target has no flag {flag:?}")),
            }
        }
        Restart | CacheClear => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(kind: ActionKind, parameters: Value) -> Action {
        Action {
            kind,
            target: "pay".to_owned(),
            parameters: parameters
                .as_object()
                .cloned()
                .unwrap_or_default()
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn the_undo_is_what_is_now() {
        let state = json!({ "version": "v3", "replicas": 2, "flags": { "new": true } });
        let undo = |kind, parameters| {
            asked(&action(kind, parameters), &state)
                .expect("can be done")
                .undo
                .expect("has one")
        };
        let older = undo(ActionKind::Rollback, json!({ "to_version": "v1" }));
        assert_eq!(
            older,
            action(ActionKind::Rollback, json!({ "to_version": "v3" }))
        );
        let more = undo(ActionKind::Scale, json!({ "replicas": 5 }));
        assert_eq!(more, action(ActionKind::Scale, json!({ "replicas": 2 })));
        let off = undo(ActionKind::FlagOff, json!({ "flag": "new" }));
        assert_eq!(off, action(ActionKind::FlagOn, json!({ "flag": "new" })));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let state = json!({ "version": "v3", "replicas": 2, "flags": { "new": true } });
        let wrong =
            |kind, parameters| asked(&action(kind, parameters), &state).expect_err("refused");
        assert_eq!(
            wrong(ActionKind::Rollback, json!({ "to_version": "v3" })),
            "version is \"v3\" already"
        );
        assert_eq!(
            wrong(ActionKind::Scale, json!({ "replicas": 0 })),
            "scale needs replicas, 1 to 64"
        );
        assert_eq!(
            wrong(ActionKind::Restart, json!({ "command": "rm -rf /" })),
            "restart takes no parameter, not \"command\""
        );
        assert_eq!(
            wrong(ActionKind::FlagOn, json!({ "flag": "new" })),
            "flag \"new\" is on already"
        );
        assert_eq!(
            wrong(ActionKind::Rollback, json!({})),
            "rollback on pay: the target's state doesn't say what to do: name the parameters (to_version)"
        );
    }
}
