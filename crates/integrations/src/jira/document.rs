//! What we write in issues and comments: lines of our labels and of others' text, in the Atlassian
//! Document Format or in wiki markup. There is no link in it, and nothing that a text could begin.

use model::render::{adf_text, jira_wiki, one_line};
use serde_json::{Value, json};

/// Characters of one line: what others wrote is cut here.
pub const MAX_LINE: usize = 1_000;
/// Lines of one document.
pub const MAX_LINES: usize = 25;
/// Bytes of a document as it is sent: Jira refuses more than 32,767 characters.
pub const MAX_DOCUMENT: usize = 30_000;
/// Characters of a summary: Jira refuses more than 255.
pub const MAX_SUMMARY: usize = 255;

/// Stands for the lines that there was no room for.
const LEFT_OUT: &str = "(what follows was left out: see the incident)";

/// Lines in order, and the last one, by which we know again what we wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    lines: Vec<(Option<&'static str>, String)>,
    marker: String,
    /// There were more lines.
    cut: bool,
}

impl Document {
    pub fn ending(marker: String) -> Self {
        Self {
            lines: Vec::new(),
            marker,
            cut: false,
        }
    }

    /// A line with a label in bold before it.
    pub fn fact(&mut self, label: &'static str, text: &str) {
        self.push(Some(label), text);
    }

    /// A line without a label.
    pub fn line(&mut self, text: &str) {
        self.push(None, text);
    }

    fn push(&mut self, label: Option<&'static str>, text: &str) {
        let text = one_line(text, MAX_LINE);
        if self.lines.len() >= MAX_LINES {
            self.cut = true;
        } else if !text.is_empty() {
            self.lines.push((label, text));
        }
    }

    /// For Jira Cloud: a paragraph a line.
    pub fn adf(&self) -> Value {
        let content = self.rendered(paragraph, |node| node.to_string().len());
        json!({ "type": "doc", "version": 1, "content": content })
    }

    /// For Jira Data Center: lines with an empty one between.
    pub fn wiki(&self) -> String {
        self.rendered(wiki_line, String::len).join("\n\n")
    }

    /// As many lines as there is room for, and the marker.
    fn rendered<T>(
        &self,
        render: impl Fn(Option<&'static str>, &str) -> T,
        size: impl Fn(&T) -> usize,
    ) -> Vec<T> {
        let mut room = MAX_DOCUMENT;
        let mut cut = self.cut;
        let mut rendered = Vec::new();
        for (label, text) in &self.lines {
            let line = render(*label, text);
            match room.checked_sub(size(&line)) {
                Some(left) => room = left,
                None => {
                    cut = true;
                    break;
                }
            }
            rendered.push(line);
        }
        if cut {
            rendered.push(render(None, LEFT_OUT));
        }
        rendered.push(render(None, &self.marker));
        rendered
    }
}

fn paragraph(label: Option<&'static str>, text: &str) -> Value {
    let mut nodes = Vec::new();
    if let Some(label) = label {
        let marks = json!([{ "type": "strong" }]);
        nodes.push(json!({ "type": "text", "text": format!("{label}: "), "marks": marks }));
    }
    if let Value::Array(rest) = adf_text(text) {
        nodes.extend(rest);
    }
    json!({ "type": "paragraph", "content": nodes })
}

fn wiki_line(label: Option<&'static str>, text: &str) -> String {
    match label {
        Some(label) => format!("*{label}:* {}", jira_wiki(text)),
        None => jira_wiki(text),
    }
}
