//! What must not be there after a kill: a broken chain, a doubled document, an action run twice, a
//! change of the journal that nobody sees.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use walkdir::WalkDir;

use super::demos::fresh;
use crate::random::Random;
use crate::step::{built, datapulse, root};

/// A check that says no.
const SAYS_NO: i32 = 3;
const DOUBLED: &str = "FROM metrics-*,logs-*,traces-*,deployments-* METADATA _id, _index \
     | STATS n = COUNT(*) BY _index, _id | WHERE n > 1 | STATS doubled = COUNT(*)";
const COUNTED: &str = "FROM metrics-*,logs-*,traces-* | STATS documents = COUNT(*)";

/// What is wrong with a folder in which a demo has ended.
pub fn inspect(folder: &Path, seed: u64) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let audit = ask(folder, &["audit", "verify"])?;
    if !audit.status.success() {
        found.push(format!("audit verify exits {:?}", audit.status.code()));
    }
    let doubled = number(folder, DOUBLED)?;
    if doubled != 0 {
        found.push(format!("{doubled} documents are doubled"));
    }
    if number(folder, COUNTED)? == 0 {
        found.push("no telemetry is there".to_owned());
    }
    let records = records(folder)?;
    found.extend(twice(&records, &received(folder)?));
    found.extend(unseen(folder, &records, seed)?);
    Ok(found)
}

fn ask(folder: &Path, arguments: &[&str]) -> Result<Output> {
    Command::new(datapulse())
        .args(arguments)
        .arg("--data")
        .arg(folder)
        .current_dir(root())
        .output()
        .with_context(|| format!("datapulse {}", arguments.join(" ")))
}

fn json(folder: &Path, arguments: &[&str]) -> Result<Value> {
    let mut whole = arguments.to_vec();
    whole.extend(["-o", "json"]);
    let output = ask(folder, &whole)?;
    if !output.status.success() {
        bail!(
            "datapulse {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("datapulse {}", arguments.join(" ")))
}

fn number(folder: &Path, query: &str) -> Result<u64> {
    let answer = json(folder, &["query", query])?;
    answer["values"][0][0]
        .as_u64()
        .with_context(|| format!("{query}: no number in {answer}"))
}

/// Every record of every incident.
fn records(folder: &Path) -> Result<Vec<Value>> {
    let page = json(folder, &["incident", "list", "--limit", "100"])?;
    let mut records = Vec::new();
    for incident in page["items"].as_array().into_iter().flatten() {
        let id = incident["incident_id"]
            .as_str()
            .context("an incident without an id")?;
        let page = json(folder, &["incident", "records", id])?;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        records.extend(items.into_iter().map(|mut item| item["record"].take()));
    }
    Ok(records)
}

/// The shop's own book: the orders that it was given by key, and the changes that came of them.
fn received(folder: &Path) -> Result<Value> {
    let output = Command::new(built("examples/received"))
        .arg(folder.join("shop"))
        .output()
        .context("the simulator's example `received`")?;
    if !output.status.success() {
        bail!(
            "received: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).context("received")
}

/// Actions that were begun or carried out more than once, or that nobody began.
fn twice(records: &[Value], received: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut begun: BTreeMap<&str, usize> = BTreeMap::new();
    for record in records {
        if record["event"]["kind"] == "execution_started" {
            let key = record["event"]["idempotency_key"]
                .as_str()
                .unwrap_or_default();
            *begun.entry(key).or_default() += 1;
        }
    }
    for (key, times) in begun.iter().filter(|(_, times)| **times > 1) {
        found.push(format!("{key} was begun {times} times"));
    }
    let keys: Vec<&str> = received["keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for key in keys.iter().filter(|key| !begun.contains_key(*key)) {
        found.push(format!(
            "the shop was given {key}, which the journal doesn't tell of"
        ));
    }
    let once: BTreeSet<&str> = keys.iter().copied().collect();
    let changes = received["changes"].as_u64().unwrap_or_default() as usize;
    if once.len() != keys.len() || changes != keys.len() {
        found.push(format!("{changes} changes came of {} actions", keys.len()));
    }
    if keys.is_empty() {
        found.push("the shop was given no action".to_owned());
    }
    found
}

/// Flips one bit of one record in a copy of the folder: `audit verify` has to name the record.
fn unseen(folder: &Path, records: &[Value], seed: u64) -> Result<Option<String>> {
    let mut random = Random::new(seed);
    let record = &records[random.below(records.len())];
    let copy = copy(folder)?;
    let (incident, seq) = (&record["incident"], &record["seq"]);
    if !flip(&copy, record)? {
        return Ok(Some(format!(
            "the bytes of {incident}:{seq} aren't found in the journal"
        )));
    }
    let audit = ask(&copy, &["audit", "verify"])?;
    let says = String::from_utf8_lossy(&audit.stdout);
    let named = format!("{}:{seq}", incident.as_str().unwrap_or_default());
    let seen = audit.status.code() == Some(SAYS_NO) && says.contains(&named);
    Ok((!seen).then(|| {
        format!(
            "a flipped byte of {named}: audit verify exits {:?} and says {:?}",
            audit.status.code(),
            says.lines().next().unwrap_or_default()
        )
    }))
}

/// A copy of the folder, without what a running server leaves.
fn copy(folder: &Path) -> Result<PathBuf> {
    let copy = fresh("kill-copy")?;
    for entry in WalkDir::new(folder) {
        let entry = entry?;
        let to = copy.join(entry.path().strip_prefix(folder)?);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(copy)
}

/// Flips the lowest bit of a digit of the time in a record's stored bytes, wherever the database's
/// files hold them: a page that was split leaves an old copy behind, which nobody reads. `false`:
/// they are nowhere.
fn flip(copy: &Path, record: &Value) -> Result<bool> {
    let head = format!(
        "{{\"incident\":{},\"seq\":{},\"at\":",
        record["incident"], record["seq"]
    );
    let mut flipped = false;
    for name in ["truth.db", "truth.db-wal"] {
        let path = copy.join(name);
        let Ok(mut bytes) = fs::read(&path) else {
            continue;
        };
        let places: Vec<usize> = bytes
            .windows(head.len())
            .enumerate()
            .filter(|(_, window)| *window == head.as_bytes())
            .map(|(start, _)| start + head.len())
            .collect();
        for place in places {
            let digit = bytes[place..].iter().position(u8::is_ascii_digit);
            if let Some(digit) = digit {
                bytes[place + digit] ^= 1;
                flipped = true;
            }
        }
        fs::write(&path, bytes)?;
    }
    Ok(flipped)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::twice;

    fn started(key: &str) -> Value {
        json!({ "event": { "kind": "execution_started", "idempotency_key": key } })
    }

    #[test]
    fn an_action_that_ran_once_is_well() {
        let received = json!({ "keys": ["i:P1", "i:P2"], "changes": 2 });
        assert!(twice(&[started("i:P1"), started("i:P2"), json!({})], &received).is_empty());
    }

    #[test]
    fn anything_else_is_found() {
        let once = json!({ "keys": ["i:P1"], "changes": 1 });
        assert_eq!(
            twice(&[started("i:P1"), started("i:P1")], &once),
            ["i:P1 was begun 2 times"]
        );
        assert_eq!(
            twice(&[], &once),
            ["the shop was given i:P1, which the journal doesn't tell of"]
        );
        let more = json!({ "keys": ["i:P1"], "changes": 2 });
        assert_eq!(
            twice(&[started("i:P1")], &more),
            ["2 changes came of 1 actions"]
        );
        let none = json!({ "keys": [], "changes": 0 });
        assert_eq!(twice(&[], &none), ["the shop was given no action"]);
    }
}
