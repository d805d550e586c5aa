//! Which orders a workload has had: kept in its annotation, written in the same patch as the
//! change itself, so that neither can be there without the other. Pure.

use std::collections::BTreeSet;

use model::{Action, Digest, Timestamp, action};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::run::Receipt;

/// The annotation that holds the ledger as JSON.
pub(super) const ANNOTATION: &str = "datapulse.dev/execution";
/// Orders that are kept whole; about half a kilobyte each, of the 256 KiB that annotations have.
const MAX_ENTRIES: usize = 20;
/// Older orders, of which only the digest of the key is kept; 16 bytes each.
const MAX_FORGOTTEN: usize = 1000;
/// Hexadecimal digits of a forgotten key's digest: two keys share one once in 2^48.
const FORGOTTEN_DIGITS: usize = 12;

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Noted before a ConfigMap is changed; the workload itself isn't changed yet.
    Begun,
    /// The workload is changed as ordered; how its rollout ends is another matter.
    Applied,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// `incident:proposal`.
    pub key: String,
    /// Over the action: one key stands for one action.
    pub action: Digest,
    /// When it was written, by the runner's clock.
    pub at: Timestamp,
    /// What it changed, in words.
    pub does: String,
    pub stage: Stage,
    /// The ConfigMap that it changes, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<String>,
    /// The moment of the failure that an earlier rollout had left: it isn't this one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<String>,
    /// How it ended, once that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

impl Entry {
    fn came_to(&self) -> (Stage, bool) {
        (self.stage, self.receipt.is_some())
    }
}

/// The orders that an object has had, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ledger {
    pub orders: Vec<Entry>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    forgotten: BTreeSet<String>,
    /// Even digests were dropped: of a key that isn't here nothing can be said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    overflowed: bool,
}

/// The digest of an action, whatever the order of its parameters.
pub(super) fn action_digest(action: &Action) -> Digest {
    let value = serde_json::to_value(action).unwrap_or_default();
    Digest::of(action::sorted(&value).to_string().as_bytes())
}

fn short(key: &str) -> String {
    Digest::of(key.as_bytes()).short(FORGOTTEN_DIGITS)
}

impl Ledger {
    /// The ledger in an object's annotation; empty where there is none. The error says that it
    /// can't be read.
    pub fn read(object: &Value) -> Result<Self, String> {
        let annotations = object.pointer("/metadata/annotations");
        let text = annotations.and_then(|all| all.get(ANNOTATION)?.as_str());
        let Some(text) = text else {
            return Ok(Self::default());
        };
        serde_json::from_str(text).map_err(|error| {
            let name = object.pointer("/metadata/name").and_then(Value::as_str);
            format!(
                "the annotation {ANNOTATION} of {} can't be read, so its earlier orders aren't known: {error}",
                name.unwrap_or("an object")
            )
        })
    }

    /// A workload's ledger together with the copies that its ReplicaSets keep: these still tell
    /// where somebody replaced the workload's annotations.
    pub fn of(workload: &Value, replica_sets: &[&Value]) -> Result<Self, String> {
        let mut ledger = Self::read(workload)?;
        for copy in replica_sets {
            // A copy that can't be read is only a copy.
            let copy = Self::read(copy).unwrap_or_default();
            for entry in copy.orders {
                match ledger.orders.iter_mut().find(|old| old.key == entry.key) {
                    // A copy stays as old as its ReplicaSet: the one that came furthest tells.
                    Some(known) if known.came_to() < entry.came_to() => *known = entry,
                    Some(_) => {}
                    None => ledger.orders.push(entry),
                }
            }
            ledger.forgotten.extend(copy.forgotten);
            ledger.overflowed |= copy.overflowed;
        }
        ledger.orders.sort_by_key(|entry| entry.at);
        Ok(ledger)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.orders.iter().find(|entry| entry.key == key)
    }

    /// Whether a key that has no entry may have had one.
    pub fn may_have_had(&self, key: &str) -> bool {
        self.overflowed || self.forgotten.contains(&short(key))
    }

    /// Whether an order was the last to change the workload.
    pub fn is_last(&self, key: &str) -> bool {
        let applied = |entry: &&Entry| entry.stage == Stage::Applied;
        self.orders
            .iter()
            .rfind(applied)
            .is_some_and(|entry| entry.key == key)
    }

    /// The ledger with an entry put in, or in the place of the one of its key; the oldest ones
    /// beyond the limit keep only a digest.
    pub fn with(&self, entry: Entry) -> Self {
        let mut ledger = self.clone();
        match ledger.orders.iter_mut().find(|old| old.key == entry.key) {
            Some(old) => *old = entry,
            None => ledger.orders.push(entry),
        }
        while ledger.orders.len() > MAX_ENTRIES {
            let gone = ledger.orders.remove(0);
            ledger.forgotten.insert(short(&gone.key));
        }
        while ledger.forgotten.len() > MAX_FORGOTTEN {
            ledger.forgotten.pop_first();
            ledger.overflowed = true;
        }
        ledger
    }

    /// As the annotation's text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use model::ActionKind;
    use serde_json::json;

    use super::*;

    fn entry(number: i64) -> Entry {
        let action = Action {
            kind: ActionKind::Restart,
            target: "web".to_owned(),
            parameters: Default::default(),
        };
        Entry {
            key: format!("INC-1:P{number}"),
            action: action_digest(&action),
            at: Timestamp(number),
            does: "restarted".to_owned(),
            stage: Stage::Applied,
            config_map: None,
            stale: None,
            receipt: None,
        }
    }

    fn object(ledger: &Ledger) -> Value {
        json!({ "metadata": { "name": "web", "annotations": { ANNOTATION: ledger.text() } } })
    }

    #[test]
    fn what_is_written_is_read() {
        let ledger = Ledger::default().with(entry(1)).with(entry(2));
        assert_eq!(Ledger::read(&object(&ledger)), Ok(ledger.clone()));
        assert!(ledger.entry("INC-1:P1").is_some() && ledger.is_last("INC-1:P2"));
        assert!(!ledger.may_have_had("INC-1:P3"), "surely never");
        assert_eq!(Ledger::read(&json!({})), Ok(Ledger::default()));
    }

    #[test]
    fn a_later_order_erases_no_earlier_key() {
        let many = (MAX_ENTRIES + MAX_FORGOTTEN) as i64;
        let mut ledger = Ledger::default();
        for number in 0..many {
            ledger = ledger.with(entry(number));
        }
        assert_eq!(ledger.orders.len(), MAX_ENTRIES);
        assert!(ledger.entry("INC-1:P0").is_none() && ledger.may_have_had("INC-1:P0"));
        assert!(!ledger.may_have_had("INC-1:P9999"), "surely never");
        assert!(
            ledger.text().len() < 64 << 10,
            "an annotation has room for it"
        );
        let over = ledger.with(entry(many));
        assert!(over.may_have_had("INC-1:P9999"), "nobody can say any more");
    }

    #[test]
    fn a_wiped_annotation_is_found_in_the_replica_sets() {
        let before = object(&Ledger::default().with(entry(1)));
        let ledger = Ledger::of(&json!({}), &[&before]).expect("can be read");
        assert!(ledger.entry("INC-1:P1").is_some());
        let mut begun = entry(1);
        begun.stage = Stage::Begun;
        let older = object(&Ledger::default().with(begun));
        let ledger = Ledger::of(&json!({}), &[&older, &before]).expect("can be read");
        assert!(
            ledger.is_last("INC-1:P1"),
            "the copy that came furthest tells"
        );
    }

    #[test]
    fn an_edited_annotation_is_an_error_and_not_empty() {
        let edited = json!({ "metadata": { "name": "web", "annotations": { ANNOTATION: "yes" } } });
        let says = Ledger::read(&edited).expect_err("can't be read");
        assert!(says.contains("of web can't be read"), "{says}");
    }

    #[test]
    fn an_actions_digest_ignores_the_order_of_parameters() {
        let of = |names: [&str; 2]| {
            action_digest(&Action {
                kind: ActionKind::ConfigChange,
                target: "web".to_owned(),
                parameters: names.map(|name| (name.to_owned(), json!(name))).into(),
            })
        };
        assert_eq!(of(["key", "value"]), of(["value", "key"]));
    }
}
