//! The pages of the guides that show what is sent.

use expect_test::expect_file;
use serde_json::Value;

use crate::cards;
use crate::fixtures::Texts;
use crate::mails;
use crate::notices::notices;

#[test]
fn what_the_guide_shows_is_what_teams_is_sent() {
    let mut page = String::from(
        "# What DataPulse says in Teams\n\nWritten by the test `what_the_guide_shows_is_what_teams_is_sent` with `UPDATE_EXPECT=1`; it fails where this differs from what is sent. The texts of each card, as Teams gets them.\n",
    );
    let channel = cards::channel();
    for told in notices(Texts(None)) {
        let body = channel.posting(&told.telling(&[]));
        let message: Value = serde_json::from_slice(&body).expect("JSON");
        let card = &message["attachments"][0]["content"];
        let mut lines = Vec::new();
        shown(&card["body"], &mut lines);
        shown(&card["actions"], &mut lines);
        page.push_str(&format!(
            "\n## {}\n\n```text\n{}\n```\n",
            told.name,
            lines.join("\n")
        ));
    }
    expect_file!["../../../../docs/integrations/teams-messages.md"].assert_eq(&page);
}

/// Texts, facts, and buttons in brackets, a line each.
fn shown(node: &Value, lines: &mut Vec<String>) {
    let text = |name: &str| node[name].as_str().unwrap_or_default().to_owned();
    match node["type"].as_str() {
        Some("TextBlock") => lines.push(text("text")),
        Some("Action.OpenUrl") => lines.push(format!("[{}] {}", text("title"), text("url"))),
        _ => {}
    }
    for fact in node["facts"].as_array().into_iter().flatten() {
        let value = |name: &str| fact[name].as_str().unwrap_or_default();
        lines.push(format!("{}: {}", value("title"), value("value")));
    }
    let inner = node.as_array().or_else(|| node["items"].as_array());
    for node in inner.into_iter().flatten() {
        shown(node, lines);
    }
}

#[test]
fn what_the_guide_shows_is_what_is_mailed() {
    let mut page = String::from(
        "# What DataPulse says by e-mail\n\nWritten by the test `what_the_guide_shows_is_what_is_mailed` with `UPDATE_EXPECT=1`; it fails where this differs from what is sent. The first mail as a whole, then heads and texts; each has the same in HTML.\n",
    );
    let channel = mails::unconnected();
    let mut places = Vec::new();
    for told in notices(Texts(None)) {
        let bytes = channel.letter(&told.telling(&places)).expect("a mail");
        let mail = String::from_utf8(bytes)
            .expect("ASCII")
            .replace("\r\n", "\n");
        let shown = match places.is_empty() {
            true => mail.as_str(),
            false => mail.split("Content-Type: text/html").next().unwrap_or(""),
        };
        let shown = shown
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n");
        page.push_str(&format!(
            "\n## {}\n\n```text\n{}\n```\n",
            told.name,
            shown.trim_end()
        ));
        if places.is_empty() {
            let id = mail
                .lines()
                .find_map(|line| line.strip_prefix("Message-ID: "));
            places.push(id.expect("an id").to_owned());
        }
    }
    expect_file!["../../../../docs/integrations/email-messages.md"].assert_eq(&page);
}
