//! Small readings of what Jira sends: accounts, and the text of a document.

use model::render::one_line;
use serde_json::Value;

use super::MAX_ACCOUNT;

/// An account's id: `accountId` of Cloud, else `key`, else `name` of Data Center.
pub(super) fn account(user: &Value) -> Option<String> {
    ["accountId", "key", "name"]
        .iter()
        .find_map(|name| user.get(name).and_then(Value::as_str))
        .map(|id| one_line(id, MAX_ACCOUNT))
        .filter(|id| !id.is_empty())
}

/// The text of a comment: a string of wiki markup, or a document. Blocks are lines.
pub(super) fn text(body: &Value, max_chars: usize) -> String {
    let mut out = String::new();
    match body {
        Value::String(text) => out.push_str(text),
        document => gather(document, &mut out),
    }
    out.trim().chars().take(max_chars).collect()
}

/// The parser's own limit on depth bounds the recursion.
fn gather(node: &Value, out: &mut String) {
    match node.get("type").and_then(Value::as_str) {
        Some("text") => out.push_str(node.get("text").and_then(Value::as_str).unwrap_or("")),
        Some("hardBreak") => out.push('\n'),
        Some("mention" | "emoji" | "status" | "inlineCard") => {
            let shown = ["/attrs/text", "/attrs/shortName", "/attrs/url"]
                .iter()
                .find_map(|path| node.pointer(path).and_then(Value::as_str));
            out.push_str(shown.unwrap_or(""));
        }
        _ => {}
    }
    let children = node.get("content").and_then(Value::as_array);
    for child in children.into_iter().flatten() {
        gather(child, out);
        let block = child.get("type").and_then(Value::as_str);
        if matches!(
            block,
            Some("paragraph" | "heading" | "codeBlock" | "listItem" | "blockquote" | "tableRow")
        ) && !out.ends_with('\n')
        {
            out.push('\n');
        }
    }
}
