//! Block Kit's published limits, written down once more: a test that takes the numbers of what it
//! tests would find nothing.

use integrations::slack::Message;
use serde_json::Value;

fn length(value: &Value, least: usize, most: usize, place: &str) {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("{place}: no text: {value}"));
    let units = text.encode_utf16().count();
    assert!(
        (least..=most).contains(&units),
        "{place}: {units} units: {text}"
    );
}

fn text_object(value: &Value, kinds: &[&str], most: usize, place: &str) {
    let kind = value["type"].as_str().unwrap_or_default();
    assert!(kinds.contains(&kind), "{place}: {value}");
    length(&value["text"], 1, most, place);
    let (wanted, other) = match kind {
        "mrkdwn" => ("verbatim", "emoji"),
        _ => ("emoji", "verbatim"),
    };
    let expected = kind == "mrkdwn";
    assert_eq!(value[wanted], Value::Bool(expected), "{place}: {wanted}");
    assert!(
        value.get(other).is_none(),
        "{place}: {other} is of the other kind"
    );
}

fn only(value: &Value, known: &[&str]) {
    for name in value.as_object().expect("an object").keys() {
        assert!(known.contains(&name.as_str()), "{name} in {value}");
    }
}

fn button(value: &Value) {
    only(
        value,
        &["type", "text", "action_id", "value", "style", "url"],
    );
    assert_eq!(value["type"], "button");
    text_object(&value["text"], &["plain_text"], 75, "button");
    length(&value["action_id"], 1, 255, "action_id");
    if let Some(held) = value.get("value") {
        length(held, 1, 2000, "value");
    }
    if let Some(url) = value.get("url") {
        length(url, 1, 3000, "url");
    }
    if let Some(style) = value.get("style") {
        assert!(["primary", "danger"].contains(&style.as_str().expect("a style")));
    }
}

fn list(value: &Value, most: usize) -> &[Value] {
    let items = value.as_array().expect("a list");
    assert!((1..=most).contains(&items.len()), "{} items", items.len());
    items
}

fn block(value: &Value, in_view: bool) {
    match value["type"].as_str().expect("a type") {
        "header" => {
            only(value, &["type", "text"]);
            text_object(&value["text"], &["plain_text"], 150, "header");
        }
        "section" => {
            only(value, &["type", "text", "fields"]);
            if let Some(text) = value.get("text") {
                text_object(text, &["mrkdwn"], 3000, "section");
            } else {
                for field in list(&value["fields"], 10) {
                    text_object(field, &["mrkdwn"], 2000, "field");
                }
            }
        }
        "context" => {
            only(value, &["type", "elements"]);
            for element in list(&value["elements"], 10) {
                text_object(element, &["mrkdwn"], 3000, "context");
            }
        }
        "actions" => {
            only(value, &["type", "elements"]);
            let elements = list(&value["elements"], 25);
            elements.iter().for_each(button);
            let mut ids: Vec<&Value> = elements.iter().map(|one| &one["action_id"]).collect();
            ids.dedup();
            assert_eq!(
                ids.len(),
                elements.len(),
                "an action_id is there once in a block"
            );
        }
        "input" => {
            assert!(in_view, "only views have inputs here");
            only(value, &["type", "block_id", "label", "optional", "element"]);
            length(&value["block_id"], 1, 255, "block_id");
            text_object(&value["label"], &["plain_text"], 2000, "label");
            let element = &value["element"];
            assert_eq!(element["type"], "plain_text_input");
            text_object(&element["placeholder"], &["plain_text"], 150, "placeholder");
            assert!(element["max_length"].as_u64().expect("a number") <= 3000);
        }
        other => panic!("no block of ours: {other}"),
    }
}

pub fn check_message(message: &Message) {
    let units = message.text.encode_utf16().count();
    assert!((1..=4000).contains(&units), "{units}");
    assert!((1..=50).contains(&message.blocks.len()));
    message.blocks.iter().for_each(|one| block(one, false));
}

pub fn check_view(view: &Value) {
    assert_eq!(view["type"], "modal");
    text_object(&view["title"], &["plain_text"], 24, "title");
    text_object(&view["close"], &["plain_text"], 24, "close");
    let blocks = list(&view["blocks"], 100);
    blocks.iter().for_each(|one| block(one, true));
    if let Some(submit) = view.get("submit") {
        text_object(submit, &["plain_text"], 24, "submit");
        length(&view["private_metadata"], 0, 3000, "private_metadata");
        length(&view["callback_id"], 1, 255, "callback_id");
    }
}

/// Every text that people see, and whether markup means something in it.
pub fn texts(value: &Value, found: &mut Vec<(String, bool)>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get("text") {
                let marked = fields.get("type").and_then(Value::as_str) != Some("plain_text");
                found.push((text.clone(), marked));
            }
            fields.values().for_each(|inner| texts(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| texts(inner, found)),
        _ => {}
    }
}
