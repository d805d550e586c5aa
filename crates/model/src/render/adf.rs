//! Text in documents of Jira Cloud.

use super::{invisible, links, walk::Walk};
use serde_json::{Value, json};

/// Lines of one text at most; from there on, line ends are spaces. Each line is two nodes, and a
/// document with many thousands is refused.
const MAX_LINES: usize = 1_000;

/// The content of a paragraph in the Atlassian Document Format: an array of nodes `text`, which
/// have no marks, with a `hardBreak` between lines.
///
/// From "Atlassian Document Format" (developer.atlassian.com): a node `text` has at least one
/// character, so that an empty line has none, and an empty text is an empty array. Only marks and
/// other nodes act in a document, and there are none here; but Jira makes smart links of bare URLs
/// where it edits a document, so that URLs (`http[:]//`) and addresses (`＠`) are broken.
pub fn adf_text(text: &str) -> Value {
    let clean = invisible::in_lines(text);
    let mut nodes = Vec::new();
    let mut lines = clean.trim().splitn(MAX_LINES, '\n').peekable();
    while let Some(line) = lines.next() {
        let shown = unlinked(line);
        if !shown.is_empty() {
            nodes.push(json!({ "type": "text", "text": shown }));
        }
        if lines.peek().is_some() {
            nodes.push(json!({ "type": "hardBreak" }));
        }
    }
    Value::Array(nodes)
}

fn unlinked(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut walk = Walk::over(line);
    while let Some(letter) = walk.next() {
        match letter {
            '@' => out.push('＠'),
            '\t' | '\n' => out.push(' '),
            letter => match links::broken(&walk, letter) {
                Some(instead) => out.push_str(instead),
                None => out.push(letter),
            },
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{hostile, invisible};
    use super::{MAX_LINES, adf_text};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn lines_are_nodes_without_marks() {
        assert_eq!(adf_text(""), json!([]));
        assert_eq!(adf_text(" \u{200b}\r\n\0"), json!([]));
        assert_eq!(
            adf_text("*a*\u{7}\tb\r\n\nsee https://c.example, d@e.example\n"),
            json!([
                { "type": "text", "text": "*a* b" },
                { "type": "hardBreak" },
                { "type": "hardBreak" },
                { "type": "text", "text": "see https[:]//c.example, d＠e.example" },
            ])
        );
    }

    #[test]
    fn very_many_lines_are_joined() {
        let nodes = adf_text(&"a\n".repeat(5 * MAX_LINES));
        assert_eq!(nodes.as_array().map(Vec::len), Some(2 * MAX_LINES - 1));
        assert_eq!(
            nodes[2 * MAX_LINES - 2]["text"].as_str().map(str::len),
            Some(8_001)
        );
    }

    proptest! {
        #![proptest_config(hostile::config())]

        #[test]
        fn only_text_and_breaks_and_all_of_the_text(text in hostile::text()) {
            let value = adf_text(&text);
            let mut read = String::new();
            for node in value.as_array().expect("an array") {
                let node = node.as_object().expect("a node");
                match node["type"].as_str() {
                    Some("hardBreak") => {
                        prop_assert_eq!(node.len(), 1);
                        read.push('\n');
                    }
                    Some("text") => {
                        prop_assert_eq!(node.len(), 2);
                        let part = node["text"].as_str().expect("text");
                        prop_assert!(!part.is_empty());
                        prop_assert!(!part.contains(['\n', '\t', '@']) && !part.contains("://"));
                        prop_assert!(hostile::hides_nothing(part));
                        read.push_str(part);
                    }
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            let expected = invisible::in_lines(&text).trim().replace('\t', " ");
            prop_assert_eq!(hostile::folded(&read), hostile::folded(&expected));
        }
    }
}
