//! Blocks and their elements, one by one.

use model::{Incident, IncidentId};
use serde_json::{Value, json};

use super::limits::{
    MAX_ACTIONS, MAX_BUTTON_TEXT, MAX_CONTEXT_ELEMENTS, MAX_FIELDS, MAX_HEADER, MAX_NAME,
};
use super::text::{cut, theirs};
use super::{Composer, Form, OPEN};
pub(crate) use crate::bulletin::shout;

/// A `mrkdwn` text in which Slack makes nothing of what isn't marked.
pub fn marked(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

/// A text without markup, in which `:name:` is no emoji.
pub fn plain(text: &str, most: usize) -> Value {
    json!({ "type": "plain_text", "text": cut(text, most), "emoji": false })
}

/// A header. The text is rendered already.
pub fn header(text: &str) -> Value {
    json!({ "type": "header", "text": plain(text, MAX_HEADER) })
}

/// A section of one text.
pub fn section(text: &str) -> Value {
    json!({ "type": "section", "text": marked(text) })
}

/// A section of names and values, side by side.
pub fn fields(pairs: &[(&str, String)]) -> Value {
    let fields: Vec<Value> = pairs
        .iter()
        .take(MAX_FIELDS)
        .map(|(name, value)| marked(&format!("*{name}*\n{value}")))
        .collect();
    json!({ "type": "section", "fields": fields })
}

/// Small print.
pub fn context(texts: &[String]) -> Value {
    let elements: Vec<Value> = texts
        .iter()
        .take(MAX_CONTEXT_ELEMENTS)
        .map(|text| marked(text))
        .collect();
    json!({ "type": "context", "elements": elements })
}

/// A row of buttons.
pub fn actions(buttons: Vec<Value>) -> Value {
    let buttons: Vec<Value> = buttons.into_iter().take(MAX_ACTIONS).collect();
    json!({ "type": "actions", "elements": buttons })
}

/// A button that we are told of.
pub fn button(says: &str, action: &str, value: &str, style: Option<&str>) -> Value {
    let mut button = json!({
        "type": "button",
        "text": plain(says, MAX_BUTTON_TEXT),
        "action_id": action,
        "value": value,
    });
    if let Some(style) = style {
        button["style"] = style.into();
    }
    button
}

impl Composer {
    /// A link to an incident, whose text is ours.
    pub(super) fn link(&self, id: &IncidentId, says: &str) -> String {
        let url = self.ui.incident(id);
        let url = url.replace('&', "&amp;").replace('|', "%7C");
        format!("<{url}|{says}>")
    }

    /// The way to DataPulse: a button among others, or a line with a link.
    pub(super) fn way(&self, incident: &Incident, mut buttons: Vec<Value>) -> Value {
        match self.form {
            Form::Buttons => {
                buttons.push(json!({
                    "type": "button",
                    "text": plain("Open in DataPulse", MAX_BUTTON_TEXT),
                    "action_id": OPEN,
                    "url": self.ui.incident(&incident.id),
                }));
                actions(buttons)
            }
            Form::LinkOnly => section(&self.link(&incident.id, "Open in DataPulse")),
        }
    }
}

/// Whom we name: a person or an agent.
pub fn name(text: &str) -> String {
    theirs(text, MAX_NAME)
}
