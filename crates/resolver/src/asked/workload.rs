//! What can be asked of a target whose runner lists its revisions, images and settings, as the
//! Kubernetes runner does. Pure.
//!
//! `revisions` is a list of `{ revision, … }` beside the present `revision`; `images` is by
//! container, of which `container` is the main one; `config` holds settings by
//! `container/NAME` and `configmap NAME/KEY`, each a text, or an object where it isn't shown.

use indexmap::IndexMap;
use model::ActionKind;
use serde_json::{Value, json};

/// The parameters that a kind of action takes on such a target, beside those of every target.
pub(super) fn names(kind: ActionKind, state: &Value) -> &'static [&'static str] {
    match kind {
        ActionKind::Rollback if state.get("revisions").is_some() => {
            &["to_version", "to_revision", "to_image", "container"]
        }
        ActionKind::ConfigChange if state.get("config").is_some_and(Value::is_object) => {
            &["key", "value", "config_map", "container"]
        }
        _ => &[],
    }
}

/// The parameters of the undo, where there is one; the outer nothing: this isn't ours to say.
type Undo = Option<Result<Option<IndexMap<String, Value>>, String>>;

/// The undo of an action that has parameters of such a target.
pub(super) fn undo(kind: ActionKind, given: &IndexMap<String, Value>, state: &Value) -> Undo {
    let has = |key: &str| given.contains_key(key);
    match kind {
        ActionKind::Rollback if has("to_revision") || has("to_image") => {
            let wanted = ["to_version", "to_revision", "to_image"];
            if wanted.iter().filter(|key| has(key)).count() > 1 {
                return Some(Err(format!("rollback takes one of {}", wanted.join(", "))));
            }
            Some(if has("to_image") {
                image(given, state)
            } else {
                revision(given, state)
            })
        }
        ActionKind::ConfigChange if has("key") => Some(setting(given, state)),
        _ => None,
    }
}

/// What was asked for, with another value in one parameter.
fn with(
    given: &IndexMap<String, Value>,
    key: &str,
    value: Value,
) -> Option<IndexMap<String, Value>> {
    let mut back = given.clone();
    back.insert(key.to_owned(), value);
    Some(back)
}

fn text<'a>(given: &'a IndexMap<String, Value>, key: &str) -> Option<&'a str> {
    let text = given.get(key)?.as_str()?;
    (!text.trim().is_empty()).then_some(text)
}

type Back = Result<Option<IndexMap<String, Value>>, String>;

fn revision(given: &IndexMap<String, Value>, state: &Value) -> Back {
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let wanted = given.get("to_revision").and_then(number);
    let wanted = wanted.ok_or("rollback needs to_revision, a number")?;
    let now = state.get("revision").and_then(number);
    if now == Some(wanted) {
        return Err(format!("revision is {wanted} already"));
    }
    let all = state.get("revisions").and_then(Value::as_array);
    let mut kept = all
        .into_iter()
        .flatten()
        .filter_map(|one| number(one.get("revision")?));
    if !kept.any(|one| one == wanted) {
        return Err(format!("the target keeps no revision {wanted}"));
    }
    Ok(now.and_then(|now| with(given, "to_revision", json!(now))))
}

/// The container that is named, or the main one.
fn container<'a>(given: &'a IndexMap<String, Value>, state: &'a Value) -> &'a str {
    let main = || state.get("container").and_then(Value::as_str);
    text(given, "container").or_else(main).unwrap_or("")
}

fn image(given: &IndexMap<String, Value>, state: &Value) -> Back {
    let wanted = text(given, "to_image").ok_or("rollback needs to_image, a text")?;
    let container = container(given, state);
    let now = state
        .get("images")
        .and_then(|images| images.get(container)?.as_str());
    match now {
        None => Err(format!("the target has no container {container:?}")),
        Some(now) if now == wanted => Err(format!("the image is {now:?} already")),
        Some(now) => Ok(with(given, "to_image", json!(now))),
    }
}

fn setting(given: &IndexMap<String, Value>, state: &Value) -> Back {
    let key = text(given, "key").ok_or("config_change needs key, a text")?;
    let wanted = match given.get("value") {
        Some(value @ (Value::String(_) | Value::Null)) => value,
        _ => return Err("config_change needs value, a text, or null to take it away".to_owned()),
    };
    let place = match text(given, "config_map") {
        Some(map) => format!("configmap {map}/{key}"),
        None => format!("{}/{key}", container(given, state)),
    };
    match state.get("config").and_then(|all| all.get(&place)) {
        // Too long to be shown, or a secret: what was there isn't known.
        Some(now) if !now.is_string() => Ok(None),
        now => {
            let now = now.cloned().unwrap_or_default();
            if now == *wanted {
                return Err(format!("{place} is {now} already"));
            }
            Ok(with(given, "value", now))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(kind: ActionKind, given: Value) -> Back {
        let state = json!({ "container": "app", "images": { "app": "app:v2" }, "revision": 4,
            "revisions": [{ "revision": 4 }, { "revision": 3 }],
            "config": { "app/LEVEL": "info", "configmap web/LIMIT": "10", "app/TOKEN": { "hidden": "a secret" } } });
        let given = given.as_object().cloned().unwrap_or_default();
        undo(kind, &given.into_iter().collect(), &state).expect("ours to say")
    }

    fn undone(kind: ActionKind, given: Value) -> Value {
        json!(back(kind, given).expect("can be done").expect("has one"))
    }

    #[test]
    fn the_undo_is_the_former_revision_image_or_value() {
        use ActionKind::{ConfigChange, Rollback};
        assert_eq!(
            undone(Rollback, json!({ "to_revision": 3 })),
            json!({ "to_revision": 4 })
        );
        assert_eq!(
            undone(Rollback, json!({ "to_image": "app:v3" })),
            json!({ "to_image": "app:v2" })
        );
        let level = |value: Value| json!({ "key": "LEVEL", "value": value });
        assert_eq!(
            undone(ConfigChange, level(json!("debug"))),
            level(json!("info"))
        );
        assert_eq!(
            undone(ConfigChange, level(Value::Null)),
            level(json!("info"))
        );
        let limit = |value: &str| json!({ "key": "LIMIT", "value": value, "config_map": "web" });
        assert_eq!(undone(ConfigChange, limit("20")), limit("10"));
        let new = |value: Value| json!({ "key": "NEW", "value": value });
        assert_eq!(
            undone(ConfigChange, new(json!("1"))),
            new(Value::Null),
            "taken away again"
        );
        let hidden = back(ConfigChange, json!({ "key": "TOKEN", "value": "x" }));
        assert_eq!(hidden, Ok(None), "what isn't shown can't be put back");
    }

    #[test]
    fn what_is_so_already_or_is_not_there_is_said() {
        use ActionKind::{ConfigChange, Rollback};
        for (kind, given) in [
            (Rollback, json!({ "to_revision": 4 })),
            (Rollback, json!({ "to_revision": 1 })),
            (Rollback, json!({ "to_revision": 3, "to_version": "v1" })),
            (Rollback, json!({ "to_image": "app:v2" })),
            (
                Rollback,
                json!({ "to_image": "app:v3", "container": "other" }),
            ),
            (ConfigChange, json!({ "key": "LEVEL", "value": "info" })),
            (ConfigChange, json!({ "key": "LEVEL" })),
        ] {
            assert!(back(kind, given.clone()).is_err(), "{given}");
        }
    }

    #[test]
    fn other_targets_take_what_they_took() {
        let state = json!({ "version": "v2" });
        assert!(names(ActionKind::Rollback, &state).is_empty());
        let given = IndexMap::from([("to_version".to_owned(), json!("v1"))]);
        assert_eq!(undo(ActionKind::Rollback, &given, &state), None);
    }
}
