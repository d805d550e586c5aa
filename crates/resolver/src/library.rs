//! The starter runbooks: Markdown files with a TOML head between `+++` lines.

use indexmap::IndexMap;
use model::{Runbook, RunbookAction, Signal};
use rust_embed::RustEmbed;
use serde::Deserialize;

#[derive(RustEmbed)]
#[folder = "../../runbooks/"]
struct Files;

/// Bytes of one runbook.
pub const MAX_RUNBOOK: usize = 64 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    title: String,
    summary: String,
    signals: Vec<Signal>,
    symptoms: Vec<String>,
    actions: Vec<HeadAction>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadAction {
    kind: model::ActionKind,
    when: String,
    risk_note: String,
    eta_s: u64,
    #[serde(default)]
    parameters: IndexMap<String, serde_json::Value>,
}

/// What is wrong with a runbook: which, and what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("runbook {id}: {reason}")]
pub struct Unreadable {
    pub id: String,
    pub reason: String,
}

/// The runbooks that were there when this was built, by id.
pub fn embedded() -> Result<Vec<Runbook>, Unreadable> {
    let mut books = Vec::new();
    for name in Files::iter().filter(|name| name.ends_with(".md")) {
        let id = name.trim_end_matches(".md").to_owned();
        let unreadable = |reason: &str| Unreadable {
            id: id.clone(),
            reason: reason.to_owned(),
        };
        let file = Files::get(&name).ok_or_else(|| unreadable("can't be read"))?;
        let text = std::str::from_utf8(&file.data).map_err(|_| unreadable("not UTF-8"))?;
        books.push(parse(&id, text)?);
    }
    books.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(books)
}

/// One runbook from its file's text.
pub fn parse(id: &str, text: &str) -> Result<Runbook, Unreadable> {
    let unreadable = |reason: String| Unreadable {
        id: id.to_owned(),
        reason,
    };
    if text.len() > MAX_RUNBOOK {
        return Err(unreadable(format!("longer than {MAX_RUNBOOK} bytes")));
    }
    let (head, content) = text
        .strip_prefix("+++\n")
        .and_then(|rest| rest.split_once("\n+++\n"))
        .ok_or_else(|| unreadable("expected a TOML head between two lines of +++".to_owned()))?;
    let head: Head =
        toml::from_str(head).map_err(|error| unreadable(error.message().to_owned()))?;
    let actions = head
        .actions
        .into_iter()
        .map(|action| RunbookAction {
            kind: action.kind,
            when: action.when,
            risk_note: action.risk_note,
            eta_s: action.eta_s,
            parameters: action.parameters,
        })
        .collect();
    Ok(Runbook {
        id: id.to_owned(),
        title: head.title,
        summary: head.summary,
        signals: head.signals,
        symptoms: head.symptoms,
        content: content.trim().to_owned(),
        actions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_runbooks_are_readable_and_every_kind_of_action_has_one() {
        let books = embedded().expect("readable");
        assert!(books.len() >= 10);
        for kind in model::ActionKind::ALL {
            // `flag_on` exists only as an undo.
            let offered = books
                .iter()
                .flat_map(|book| &book.actions)
                .any(|a| a.kind == kind);
            assert_eq!(offered, kind != model::ActionKind::FlagOn, "{kind:?}");
        }
    }

    #[test]
    fn a_broken_head_says_what() {
        let error = parse("x", "+++\ntitle = 3\n+++\n").expect_err("broken");
        assert!(error.to_string().starts_with("runbook x: "), "{error}");
        assert!(parse("x", "no head").is_err());
    }
}
