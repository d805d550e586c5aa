//! The lines of a `_bulk` request: actions, and the documents behind them.

use serde_json::{Map, Value};

use crate::elastic::Refusal;

/// What an action line may say beside the action.
const PARAMETERS: [&str; 15] = [
    "_index",
    "_id",
    "routing",
    "retry_on_conflict",
    "pipeline",
    "require_alias",
    "require_data_stream",
    "op_type",
    "_source",
    "dynamic_templates",
    "list_executed_pipelines",
    "version",
    "version_type",
    "if_seq_no",
    "if_primary_term",
];
/// Those of them that ask for a document's version, which the store doesn't keep.
const VERSIONS: [&str; 4] = ["version", "version_type", "if_seq_no", "if_primary_term"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Create,
    Index,
    Delete,
    Update,
}

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Index => "index",
            Self::Delete => "delete",
            Self::Update => "update",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let all = [Self::Create, Self::Index, Self::Delete, Self::Update];
        all.into_iter().find(|action| action.name() == name)
    }
}

/// An action with its document, or with why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub action: Action,
    pub index: String,
    pub id: Option<String>,
    pub require_alias: bool,
    pub source: Result<Map<String, Value>, Refusal>,
}

/// Pairs of lines, and single ones for deletions. A line that can't be read as an action ends the
/// request, because what follows can't be told apart any more.
pub fn items(body: &[u8], default: Option<&str>) -> Result<Vec<Item>, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        let reason = "request body is required";
        return Err(Refusal::new(
            axum::http::StatusCode::BAD_REQUEST,
            "parse_exception",
            reason,
        ));
    }
    if body.last() != Some(&b'\n') {
        return Err(Refusal::illegal(
            "The bulk request must be terminated by a newline [\\n]",
        ));
    }
    let mut items = Vec::new();
    let mut lines = body
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace));
    while let Some((at, line)) = lines.next() {
        let mut item = action(at + 1, line, default)?;
        if item.action != Action::Delete {
            let Some((_, document)) = lines.next() else {
                return Err(Refusal::illegal(format!(
                    "line [{}]: the document's line is missing",
                    at + 1
                )));
            };
            if item.source.is_ok() {
                item.source = serde_json::from_slice(document).map_err(|error| unreadable(&error));
            }
        }
        items.push(item);
    }
    Ok(items)
}

/// Lines and columns are the document's own.
fn unreadable(error: &serde_json::Error) -> Refusal {
    let place = format!("[{}:{}]", error.line(), error.column());
    Refusal::new(
        axum::http::StatusCode::BAD_REQUEST,
        "document_parsing_exception",
        format!("{place} failed to parse: {error}"),
    )
}

fn action(number: usize, line: &[u8], default: Option<&str>) -> Result<Item, Refusal> {
    let malformed = |what: String| {
        Refusal::illegal(format!("Malformed action/metadata line [{number}], {what}"))
    };
    let object: Map<String, Value> = serde_json::from_slice(line)
        .map_err(|error| malformed(format!("expected a JSON object: {error}")))?;
    let Some((name, meta)) = object.iter().next() else {
        return Err(malformed(
            "expected FIELD_NAME but found [END_OBJECT]".to_owned(),
        ));
    };
    let action = Action::of(name).ok_or_else(|| {
        malformed(format!(
            "expected field [create], [delete], [index] or [update] but found [{name}]"
        ))
    })?;
    let Some(meta) = meta.as_object() else {
        return Err(malformed(format!("expected START_OBJECT behind [{name}]")));
    };
    let mut keys = meta.iter().map(|(key, _)| key.as_str());
    if let Some(unknown) = keys.find(|key| !PARAMETERS.contains(key)) {
        return Err(Refusal::illegal(format!(
            "Action/metadata line [{number}] contains an unknown parameter [{unknown}]"
        )));
    }
    let text = |key: &str| match meta.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let invalid = |what: &str| {
        Refusal::new(
            axum::http::StatusCode::BAD_REQUEST,
            "action_request_validation_exception",
            format!("Validation Failed: 1: {what} is missing;"),
        )
    };
    let id = text("_id");
    if id.is_none() && matches!(action, Action::Delete | Action::Update) {
        return Err(invalid("id"));
    }
    let index = text("_index").or_else(|| default.map(str::to_owned));
    // `index` with `op_type` `create` is `create`.
    let action = match meta.get("op_type").and_then(Value::as_str) {
        Some("create") if action == Action::Index => Action::Create,
        _ => action,
    };
    Ok(Item {
        action,
        index: index.ok_or_else(|| invalid("index"))?,
        id,
        require_alias: meta.get("require_alias") == Some(&Value::Bool(true)),
        source: asks_for_what_is_not_there(meta).map_or_else(|| Ok(Map::new()), Err),
    })
}

fn asks_for_what_is_not_there(meta: &Map<String, Value>) -> Option<Refusal> {
    let pipeline = meta.get("pipeline").and_then(Value::as_str);
    if let Some(name) = pipeline.filter(|name| *name != "_none") {
        return Some(super::no_pipeline(name));
    }
    let mut keys = meta.iter().map(|(key, _)| key.as_str());
    let asked = keys.find(|key| VERSIONS.contains(key))?;
    Some(Refusal::illegal(format!(
        "[{asked}]: the store keeps no versions of documents; leave it out"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &[u8]) -> String {
        match items(body, None) {
            Ok(items) => format!("{items:?}"),
            Err(refusal) => refusal.reason,
        }
    }

    #[test]
    fn blank_lines_between_pairs_are_nothing() {
        let body = b"\n{\"index\":{\"_index\":\"a\",\"_id\":7}}\n{\"x\":1}\n\n{\"delete\":{\"_id\":\"8\"}}\n{\"create\":{}}\n{\"x\":\n";
        let items = items(body, Some("b")).expect("readable");
        assert_eq!(items.len(), 3);
        assert_eq!(
            (items[0].index.as_str(), items[0].id.as_deref()),
            ("a", Some("7"))
        );
        assert_eq!(items[1].action, Action::Delete);
        assert_eq!(items[2].index, "b");
        assert!(
            items[2].source.is_err(),
            "the broken document is an item's error"
        );
    }

    #[test]
    fn a_broken_action_line_names_itself() {
        let error = refused(b"{\"index\":{\"_index\":\"a\"}}\n{}\nnonsense\n");
        assert!(
            error.starts_with("Malformed action/metadata line [3]"),
            "{error}"
        );
        assert_eq!(
            refused(b"{\"foo\":{\"_index\":\"a\"}}\n{}\n"),
            "Malformed action/metadata line [1], expected field [create], [delete], [index] or [update] but found [foo]"
        );
        assert_eq!(
            refused(b"{\"index\":{\"_index\":\"a\",\"_type\":\"_doc\"}}\n{}\n"),
            "Action/metadata line [1] contains an unknown parameter [_type]"
        );
        assert_eq!(
            refused(b"{\"delete\":{\"_index\":\"a\"}}\n"),
            "Validation Failed: 1: id is missing;"
        );
        assert_eq!(
            refused(b"{\"index\":{}}\n{}\n"),
            "Validation Failed: 1: index is missing;"
        );
        assert_eq!(
            refused(b"{\"index\":{\"_index\":\"a\"}}\n{}"),
            "The bulk request must be terminated by a newline [\\n]"
        );
        assert_eq!(refused(b"\n"), "request body is required");
    }
}
