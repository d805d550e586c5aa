//! From an action and what was read of its workload to the patches that carry it out. Pure.

use model::{Action, ActionKind};
use serde_json::{Map, Value, json};

use super::api::shortened;
use super::describe::{Seen, config_map_names, is_secret, text};
use super::owner::{autoscaler, owner};

/// The most replicas that an order may ask for: more is a slip of the hand.
const MAX_REPLICAS: u64 = 500;
/// Characters of an image's name that are taken.
const MAX_IMAGE: usize = 512;
/// Characters of a new setting.
const MAX_VALUE: usize = 32 << 10;
/// Characters of a value that is repeated in words.
const MAX_REPEATED: usize = 80;
/// kubectl's own mark of a restart, so that both look alike.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";
/// When a ConfigMap was changed for it: makes new pods of a template that is the same otherwise.
pub(super) const CONFIG_MARK: &str = "datapulse.dev/config";

/// What is to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// What it changes, in words.
    pub does: String,
    /// Merge patch on the Deployment, without version and ledger.
    pub workload: Value,
    /// Merge patch on a ConfigMap, sent before the workload's.
    pub config_map: Option<(String, Value)>,
}

/// Why an action can't be carried out; nothing was done.
type Refusal = String;

/// The plan of an action. `now` is a moment in RFC 3339.
pub(super) fn plan(action: &Action, seen: &Seen, now: &str) -> Result<Plan, Refusal> {
    let name = seen.name();
    if !text(&seen.deployment, "/metadata/deletionTimestamp").is_empty() {
        return Err(format!(
            "Deployment {name} is being deleted; nothing was done"
        ));
    }
    if let Some(owner) = owner(&seen.deployment) {
        return Err(owner.refusal(&format!("Deployment {name}")));
    }
    if seen.is_paused() && action.kind != ActionKind::Scale {
        return Err(format!(
            "the rollout of Deployment {name} is paused, so that a change would stay without effect; nothing was done: resume it first"
        ));
    }
    known_parameters(action)?;
    match action.kind {
        ActionKind::Rollback => rollback(action, seen),
        ActionKind::Restart => Ok(Plan {
            does: format!("pods of {name} are replaced"),
            workload: replaced_pods(RESTARTED, now),
            config_map: None,
        }),
        ActionKind::Scale => scale(action, seen),
        ActionKind::ConfigChange => config_change(action, seen, now),
        other => Err(format!(
            "{} isn't something that Kubernetes does; nothing was done: it takes rollback, restart, scale and config_change",
            other.name()
        )),
    }
}

/// The patch that makes new pods of the same template.
pub(super) fn replaced_pods(mark: &str, now: &str) -> Value {
    json!({ "spec": { "template": { "metadata": { "annotations": { mark: now } } } } })
}

/// A parameter that isn't understood isn't passed over: it was approved with the rest.
fn known_parameters(action: &Action) -> Result<(), Refusal> {
    let known: &[&str] = match action.kind {
        ActionKind::Rollback => &["to_version", "to_revision", "to_image", "container"],
        ActionKind::Scale => &["replicas"],
        ActionKind::ConfigChange => &["key", "value", "config_map", "container"],
        _ => &[],
    };
    let mut given = action.parameters.keys();
    match given.find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(format!(
            "{} on Kubernetes has no parameter {unknown:?}, only {known:?}; nothing was done",
            action.kind.name()
        )),
    }
}

fn given<'a>(action: &'a Action, key: &str) -> Option<&'a str> {
    let text = action.parameters.get(key)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

/// The container that is named, or the main one.
fn container<'a>(action: &'a Action, seen: &'a Seen) -> Result<&'a str, Refusal> {
    let Some(name) = given(action, "container") else {
        return Ok(seen.main_container());
    };
    let images = seen.images();
    if images.contains_key(name) {
        return Ok(name);
    }
    let known: Vec<&String> = images.keys().collect();
    Err(format!(
        "{} has no container {name:?}, only {known:?}; nothing was done",
        seen.name()
    ))
}

fn rollback(action: &Action, seen: &Seen) -> Result<Plan, Refusal> {
    let container = container(action, seen)?;
    let wanted = ["to_version", "to_revision", "to_image"];
    let named = wanted
        .iter()
        .filter(|key| action.parameters.contains_key(**key));
    if named.count() > 1 {
        return Err(format!(
            "a rollback takes one of {wanted:?}; nothing was done"
        ));
    }
    if action.parameters.contains_key("to_image") {
        return image(given(action, "to_image").unwrap_or(""), container, seen);
    }
    let earlier = seen.earlier();
    let number = action.parameters.get("to_revision");
    let found = if let Some(number) = number {
        // A number, or its text.
        let number = number.as_u64().or_else(|| number.as_str()?.parse().ok());
        earlier.iter().find(|one| Some(one.number) == number)
    } else if action.parameters.contains_key("to_version") {
        let version = given(action, "to_version").unwrap_or("");
        earlier.iter().find(|one| {
            let image = one.images().get(container).and_then(Value::as_str) == Some(version);
            image || one.version(container).as_deref() == Some(version)
        })
    } else {
        earlier.first()
    };
    let Some(to) = found else {
        let there: Vec<String> = earlier
            .iter()
            .map(|one| {
                format!(
                    "{} ({})",
                    one.number,
                    one.version(container).unwrap_or_default()
                )
            })
            .collect();
        let there = match there.as_slice() {
            [] => "none".to_owned(),
            some => some.join(", "),
        };
        return Err(format!(
            "{} has no such earlier revision; nothing was done: its ReplicaSets keep {there}",
            seen.name()
        ));
    };
    let patch = difference(seen.template(), &to.template);
    if patch == json!({}) {
        return Err(format!(
            "{} has the template of revision {} already; nothing was done",
            seen.name(),
            to.number
        ));
    }
    Ok(Plan {
        does: format!(
            "{} goes from revision {} back to {}, {}: {}",
            seen.name(),
            seen.revision().unwrap_or(0),
            to.number,
            to.version(container).unwrap_or_default(),
            told(&changes(seen.template(), &to.template)),
        ),
        workload: json!({ "spec": { "template": patch } }),
        config_map: None,
    })
}

/// Puts an image that no ReplicaSet need know.
fn image(wanted: &str, container: &str, seen: &Seen) -> Result<Plan, Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._/:@".contains(c);
    if wanted.is_empty() || wanted.len() > MAX_IMAGE || !wanted.chars().all(allowed) {
        return Err(format!(
            "{:?} isn't the name of an image; nothing was done",
            shortened(wanted, MAX_REPEATED)
        ));
    }
    let images = seen.images();
    let now = images.get(container).and_then(Value::as_str).unwrap_or("");
    if now == wanted {
        return Err(format!(
            "{container} has the image {now} already; nothing was done"
        ));
    }
    let containers = edited(seen, container, |one| {
        one.insert("image".to_owned(), json!(wanted));
    });
    Ok(Plan {
        does: format!("image of {container}: {now} is now {wanted}"),
        workload: json!({ "spec": { "template": { "spec": { "containers": containers } } } }),
        config_map: None,
    })
}

/// All containers, one of them changed: a merge patch replaces a list as a whole.
fn edited(seen: &Seen, container: &str, change: impl Fn(&mut Map<String, Value>)) -> Value {
    let mut containers = seen
        .template()
        .pointer("/spec/containers")
        .cloned()
        .unwrap_or_default();
    for one in containers.as_array_mut().into_iter().flatten() {
        if text(one, "/name") == container
            && let Some(fields) = one.as_object_mut()
        {
            change(fields);
        }
    }
    containers
}

fn scale(action: &Action, seen: &Seen) -> Result<Plan, Refusal> {
    if let Some(scaler) = autoscaler(&seen.autoscalers, seen.name()) {
        return Err(scaler.refusal(seen.name()));
    }
    let wanted = action.parameters.get("replicas").and_then(Value::as_u64);
    let Some(wanted) = wanted.filter(|count| (1..=MAX_REPLICAS).contains(count)) else {
        return Err(format!(
            "scale needs replicas, 1 to {MAX_REPLICAS}; nothing was done"
        ));
    };
    let now = seen.replicas();
    if wanted == now {
        return Err(format!(
            "{} has {now} replicas already; nothing was done",
            seen.name()
        ));
    }
    Ok(Plan {
        does: format!("replicas of {}: {now} is now {wanted}", seen.name()),
        workload: json!({ "spec": { "replicas": wanted } }),
        config_map: None,
    })
}

fn config_change(action: &Action, seen: &Seen, now: &str) -> Result<Plan, Refusal> {
    let Some(key) = given(action, "key") else {
        return Err("config_change needs key and value; nothing was done".to_owned());
    };
    let value = match action.parameters.get("value") {
        Some(Value::String(text)) if text.chars().count() <= MAX_VALUE => Some(text.as_str()),
        Some(Value::Null) => None,
        _ => {
            return Err(format!(
                "config_change needs value: a text of {MAX_VALUE} characters at most, or null to take the setting away; nothing was done"
            ));
        }
    };
    if is_secret(key, value.unwrap_or("")) {
        return Err(format!(
            "{key} looks like a secret, which has no place in a proposal; nothing was done: change it in the Secret itself"
        ));
    }
    match given(action, "config_map") {
        Some(map) => in_config_map(map, key, value, seen, now),
        None => in_env(container(action, seen)?, key, value, seen),
    }
}

fn quoted(value: Option<&str>) -> String {
    value.map_or_else(
        || "nothing".to_owned(),
        |text| format!("{:?}", shortened(text, MAX_REPEATED)),
    )
}

fn in_env(container: &str, key: &str, value: Option<&str>, seen: &Seen) -> Result<Plan, Refusal> {
    let containers = seen.template().pointer("/spec/containers");
    let mut all = containers.and_then(Value::as_array).into_iter().flatten();
    let found = all.find(|one| text(one, "/name") == container);
    let env = found.and_then(|one| one.get("env")?.as_array());
    let mut env = env.cloned().unwrap_or_default();
    let at = env.iter().position(|one| text(one, "/name") == key);
    if at.is_some_and(|at| env[at].get("valueFrom").is_some()) {
        return Err(format!(
            "{key} of {container} comes from elsewhere (valueFrom); nothing was done: change it there, such as with config_map"
        ));
    }
    let old = at.and_then(|at| env[at].get("value")?.as_str().map(str::to_owned));
    if old.as_deref() == value {
        let now = quoted(value);
        return Err(format!(
            "{key} of {container} is {now} already; nothing was done"
        ));
    }
    if is_secret(key, old.as_deref().unwrap_or("")) {
        return Err(format!(
            "{key} of {container} holds a secret; nothing was done"
        ));
    }
    match (at, value) {
        (Some(at), Some(value)) => env[at] = json!({ "name": key, "value": value }),
        (None, Some(value)) => env.push(json!({ "name": key, "value": value })),
        (Some(at), None) => drop(env.remove(at)),
        (None, None) => {}
    }
    let containers = edited(seen, container, |one| {
        one.insert("env".to_owned(), json!(env));
    });
    Ok(Plan {
        does: format!(
            "{key} of {container}: {} is now {}",
            quoted(old.as_deref()),
            quoted(value)
        ),
        workload: json!({ "spec": { "template": { "spec": { "containers": containers } } } }),
        config_map: None,
    })
}

fn in_config_map(
    map: &str,
    key: &str,
    value: Option<&str>,
    seen: &Seen,
    now: &str,
) -> Result<Plan, Refusal> {
    let used = config_map_names(seen.template());
    let object = seen.config_maps.get(map).filter(|_| used.contains(map));
    let Some(object) = object else {
        return Err(format!(
            "the pods of {} read no ConfigMap {map:?} that the runner may read, only {:?}; nothing was done",
            seen.name(),
            seen.config_maps.keys().collect::<Vec<_>>()
        ));
    };
    if let Some(owner) = owner(object) {
        return Err(owner.refusal(&format!("ConfigMap {map}")));
    }
    if object.get("immutable").and_then(Value::as_bool) == Some(true) {
        return Err(format!(
            "ConfigMap {map} is immutable; nothing was done: make another one and name it in the workload"
        ));
    }
    let old = object.get("data").and_then(|data| data.get(key)?.as_str());
    if old == value {
        let now = quoted(value);
        return Err(format!(
            "{key} of ConfigMap {map} is {now} already; nothing was done"
        ));
    }
    if is_secret(key, old.unwrap_or("")) {
        return Err(format!(
            "{key} of ConfigMap {map} holds a secret; nothing was done"
        ));
    }
    Ok(Plan {
        does: format!(
            "{key} of ConfigMap {map}: {} is now {}, and the pods of {} are replaced",
            quoted(old),
            quoted(value),
            seen.name()
        ),
        workload: replaced_pods(CONFIG_MARK, now),
        config_map: Some((map.to_owned(), json!({ "data": { key: value } }))),
    })
}

/// The merge patch (RFC 7386) that makes `to` of `from`: what is gone is `null`.
pub(super) fn difference(from: &Value, to: &Value) -> Value {
    let empty = Map::new();
    let from = from.as_object().unwrap_or(&empty);
    let to = to.as_object().unwrap_or(&empty);
    let mut patch = Map::new();
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, wanted) in to {
        match from.get(key) {
            Some(present) if present == wanted => {}
            Some(present) if present.is_object() && wanted.is_object() => {
                patch.insert(key.clone(), difference(present, wanted));
            }
            _ => drop(patch.insert(key.clone(), wanted.clone())),
        }
    }
    Value::Object(patch)
}

/// What differs, one line for each place; secrets show only that they differ.
pub(super) fn changes(before: &Value, after: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", "", before, after, &mut found);
    found
}

/// Changes in words, the first few of them.
pub(super) fn told(changes: &[String]) -> String {
    /// Changes that are told one by one.
    const TOLD: usize = 5;
    let mut text = changes
        .iter()
        .take(TOLD)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    if changes.len() > TOLD {
        text.push_str(&format!("; and {} more", changes.len() - TOLD));
    }
    text
}

/// `name` is the name of the list's item, such as a variable's, that a place lies in.
fn compare(path: &str, name: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if before == after {
        return;
    }
    let under = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for key in old
                .keys()
                .chain(new.keys().filter(|key| !old.contains_key(*key)))
            {
                let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                let name = if key == "value" { name } else { key };
                compare(&under(key), name, &of(old), &of(new), found);
            }
        }
        (Value::Array(_) | Value::Null, Value::Array(_) | Value::Null) => {
            let (old, new) = (named(before), named(after));
            for (key, item) in &old {
                let other = new
                    .iter()
                    .find(|(name, _)| name == key)
                    .map(|(_, item)| *item);
                compare(&under(key), key, item, other.unwrap_or(&Value::Null), found);
            }
            for (key, item) in new
                .iter()
                .filter(|(key, _)| !old.iter().any(|(k, _)| k == key))
            {
                compare(&under(key), key, &Value::Null, item, found);
            }
        }
        _ => {
            let show = |value: &Value| match value {
                Value::Null => "nothing".to_owned(),
                Value::String(text) if is_secret(name, text) => "***".to_owned(),
                // A whole variable that came or went.
                Value::Object(map) => {
                    let value = map.get("value").and_then(Value::as_str).unwrap_or("");
                    if is_secret(name, value) {
                        "***".to_owned()
                    } else {
                        shortened(&json!(map).to_string(), MAX_REPEATED)
                    }
                }
                value => shortened(&value.to_string(), MAX_REPEATED),
            };
            found.push(format!("{path}: {} is now {}", show(before), show(after)));
        }
    }
}

/// A list's items by their name, else by their place.
fn named(list: &Value) -> Vec<(String, &Value)> {
    let items = list.as_array().map_or(&[][..], Vec::as_slice);
    items
        .iter()
        .enumerate()
        .map(|(at, item)| match text(item, "/name") {
            "" => (at.to_string(), item),
            name => (name.to_owned(), item),
        })
        .collect()
}

#[cfg(test)]
mod tests;
