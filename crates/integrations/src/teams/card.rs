//! From a bulletin to an Adaptive Card. Pure.
//!
//! Every text of others goes through [`theirs`]; texts of ours are written here. What is sent is
//! never cut as a whole: each text has a limit, and lines are left out from the end until it fits.

use model::Severity;
use model::render::{adaptive_card, one_line};
use serde_json::{Value, json};

use crate::bulletin::{Bulletin, Section};

/// Bytes of a whole message that Teams takes by its documentation: 28 KB, counted in a form that it
/// doesn't say; senders report refusals from about 21 KB on. So this is ours.
pub const MAX_MESSAGE: usize = 20_000;
/// Characters of a sentence of others.
pub const MAX_SENTENCE: usize = 600;
/// Characters of a title.
pub const MAX_HEADLINE: usize = 200;
/// Characters of a fact's value.
pub const MAX_FACT: usize = 120;
/// Characters of a line of a section.
pub const MAX_LINE: usize = 400;
/// The version of the schema: what Teams takes at most.
const VERSION: &str = "1.5";
const SCHEMA: &str = "http://adaptivecards.io/schemas/adaptive-card.json";
/// Stands for a text of others that has nothing to be seen.
const NOTHING: &str = "—";
/// Nobody decides in Teams.
const WAY: &str = "To take it or to decide, open it in DataPulse.";

/// The body of a request to a workflow: a message with one card, at most [`MAX_MESSAGE`] bytes.
pub(crate) fn message(mut bulletin: Bulletin, link: &str) -> Vec<u8> {
    loop {
        let body = bytes(&bulletin, link);
        if body.len() <= MAX_MESSAGE || !leave_out(&mut bulletin) {
            return body;
        }
    }
}

fn bytes(bulletin: &Bulletin, link: &str) -> Vec<u8> {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card(bulletin, link),
        }],
    })
    .to_string()
    .into_bytes()
}

/// The last line of the longest section; of none, nothing is left to leave out.
fn leave_out(bulletin: &mut Bulletin) -> bool {
    let sections = bulletin.sections.iter_mut();
    let Some(longest) = sections.max_by_key(|section| section.lines.len()) else {
        return false;
    };
    longest.hidden += usize::from(longest.lines.pop().is_some());
    if longest.lines.is_empty() {
        bulletin
            .sections
            .retain(|section| !section.lines.is_empty());
    }
    true
}

/// The card alone.
pub(crate) fn card(bulletin: &Bulletin, link: &str) -> Value {
    let headline = bulletin.headline(|title| theirs(title, MAX_HEADLINE));
    let mut body = vec![json!({
        "type": "Container",
        "style": style(bulletin.severity),
        "bleed": true,
        "items": [{
            "type": "TextBlock",
            "text": headline,
            "size": "Large",
            "weight": "Bolder",
            "wrap": true,
            "style": "heading",
        }],
    })];
    if !bulletin.says.is_empty() {
        body.push(text(&theirs(&bulletin.says, MAX_SENTENCE)));
    }
    let facts = bulletin.facts.iter();
    let facts =
        facts.map(|(name, value)| json!({ "title": name, "value": theirs(value, MAX_FACT) }));
    body.push(json!({ "type": "FactSet", "facts": facts.collect::<Vec<_>>() }));
    body.extend(bulletin.sections.iter().flat_map(section));
    let mut way = text(WAY);
    way["isSubtle"] = true.into();
    way["size"] = "Small".into();
    body.push(way);
    json!({
        "$schema": SCHEMA,
        "type": "AdaptiveCard",
        "version": VERSION,
        "fallbackText": headline,
        "msteams": { "width": "Full" },
        "body": body,
        "actions": [{
            "type": "Action.OpenUrl",
            "title": "Open in DataPulse",
            "url": link,
        }],
    })
}

fn section(section: &Section) -> Vec<Value> {
    let mut heading = text(section.heading);
    heading["weight"] = "Bolder".into();
    heading["separator"] = true.into();
    let mut blocks = vec![heading];
    let lines = section.lines.iter();
    blocks.extend(lines.map(|line| {
        let mut line = text(&theirs(line, MAX_LINE));
        line["spacing"] = "Small".into();
        line
    }));
    if section.hidden > 0 {
        let mut more = text(&format!("{} more in DataPulse", section.hidden));
        more["isSubtle"] = true.into();
        blocks.push(more);
    }
    blocks
}

/// A text that is rendered already.
fn text(rendered: &str) -> Value {
    json!({ "type": "TextBlock", "text": rendered, "wrap": true })
}

/// The colour of the headline.
fn style(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "attention",
        Severity::High => "warning",
        Severity::Medium => "accent",
        Severity::Low => "default",
    }
}

/// A text of others: one line, nothing in it acts, at most `most` characters.
pub(crate) fn theirs(text: &str, most: usize) -> String {
    // What is longer than the room is cut before it is rendered, so that the work is bounded.
    let shown = one_line(&adaptive_card(&one_line(text, most)), most);
    match shown.is_empty() {
        true => NOTHING.to_owned(),
        false => shown,
    }
}
