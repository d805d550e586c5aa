//! Edited, assigned, handed over, merged, split, voided.

use anyhow::Result;
use serde_json::{Value, json};

use super::mark;
use crate::arguments::Incident;
use crate::context::Context as Here;
use crate::print;

/// What a team's name begins with on the command line.
const TEAM: &str = "team:";

pub async fn change(here: &Here, command: Incident) -> Result<u8> {
    match command {
        Incident::Edit { id, title, impact } => {
            let body = json!({ "title": title, "impact": impact });
            mark(here, &id, "edit", "edited", &body).await
        }
        Incident::Assign { id, to, reason } => {
            let body = json!({ "to": assignee(&to), "reason": reason });
            mark(here, &id, "assign", "assigned", &body).await
        }
        Incident::HandOver { id, to, note } => {
            let body = json!({ "to": assignee(&to), "note": note });
            mark(here, &id, "handover", "handed over", &body).await
        }
        Incident::Merge { id, into, reason } => {
            let body = json!({ "into": into, "reason": reason });
            let done = format!("has taken in {id}");
            mark(here, &id, "merge", &done, &body).await
        }
        Incident::Split {
            id,
            findings,
            title,
            reason,
        } => {
            let body = json!({ "findings": findings, "title": title, "reason": reason });
            let done = format!("split off from {id}");
            mark(here, &id, "split", &done, &body).await
        }
        Incident::Void { id, reason } => {
            mark(here, &id, "void", "voided", &json!({ "reason": reason })).await
        }
        reading => Err(anyhow::anyhow!("{reading:?} changes nothing")),
    }
}

/// `ada`, or `team:payments`.
fn assignee(text: &str) -> Value {
    match text.strip_prefix(TEAM) {
        Some(team) => json!({ "kind": "team", "name": team }),
        None => json!({ "kind": "person", "name": text }),
    }
}

/// Which team's it is, whom it hurts, and where its story comes from and goes on.
pub fn show(incident: &Value) {
    let said = |what: &str, value: &Value| {
        if let Some(text) = value.as_str() {
            println!("{what}: {}", print::plain(text));
        }
    };
    said("team", &incident["team"]);
    said("impact", &incident["impact"]);
    said("merged into", &incident["merged_into"]["into"]);
    said("split off from", &incident["split_from"]);
    said("declared by mistake", &incident["voided"]["reason"]);
    for (what, list, key) in [
        ("has taken in", "absorbed", "incident"),
        ("findings went to", "split_into", "into"),
    ] {
        for one in incident[list].as_array().into_iter().flatten() {
            said(what, &one[key]);
        }
    }
}
