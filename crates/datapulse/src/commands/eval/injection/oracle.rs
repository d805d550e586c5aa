//! How a text is read by those who get it: what in it is a link, a mention, or a control code; and
//! what in a plant is a secret. It shares nothing with the guards that it holds to account.

use std::sync::LazyLock;

use pulldown_cmark::{Event, Options, Parser, Tag};
use regex::Regex;
use serde_json::Value;

use super::sinks::{Reads, Sink};

/// Characters around what is found that are shown.
const SHOWN: usize = 80;

macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($text).expect("a constant pattern"));
    };
}

// What GitHub's extension makes links of without brackets, and what chats and Jira do.
pattern!(
    BARE,
    r"(?i)\b(?:https?|ftp)://[^\s<]|\bwww\.[a-z0-9]|\bmailto:[^\s]|\bxmpp:[^\s]"
);
pattern!(EMAIL, r"(?i)\b[a-z0-9._%+-]+@[a-z0-9-]+\.[a-z]{2,}");
pattern!(SLACK, r"<[^>\s][^>]*>");
pattern!(AT, r"(?:^|[^\p{L}\p{N}_/.])[@][\p{L}\p{N}_]");
pattern!(
    TAGS,
    r"(?i)<\s*/?\s*[a-z!?][^>]*>?|&#?[a-z0-9]*;?\s*javascript:"
);
pattern!(
    WIKI_LINK,
    r"\[[^\]\s][^\]]*\]|![^\s!][^!\n]*!|\{[a-z]+[^}]*\}"
);
pattern!(FORMULA, r#"^"?\s*[=+\-@＝＋－＠]"#);
pattern!(NUMBER, r"^[+-]?[0-9.,]+(?:[eE][+-]?[0-9]+)?$");
// What follows a name that says that it is secret; and the shapes that makers of tokens publish.
pattern!(
    NAMED,
    r#"(?i)(?:password|passwd|pwd|passphrase|secret|token|api[_ -]?key|access[_ -]?key)[a-z_]*["']?\s*[:=]\s*["']?([^\s"',;&<>]{6,})"#
);
pattern!(
    SHAPED,
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|AKIA[A-Z0-9]{16}|ASIA[A-Z0-9]{16}|AIza[\w-]{35}|sk-[\w-]{20,}|sk_live_\w{10,}|npm_\w{30,}|eyJ[\w-]{6,}\.[\w-]{4,}\.[\w-]{4,})"
);
pattern!(IN_URL, r"://[^\s/@:]*:([^\s/@]{4,})@");
pattern!(
    CARD,
    r"\b(?:4\d{3}|5[1-5]\d{2}|3[47]\d{2})[ -]?\d{4,6}[ -]?\d{4,5}[ -]?\d{0,4}\b"
);

/// Secrets within a plant: none of them may come out again.
pub fn secrets(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for pattern in [&*NAMED, &*IN_URL] {
        found.extend(pattern.captures_iter(text).map(|hit| hit[1].to_owned()));
    }
    found.extend(SHAPED.find_iter(text).map(|hit| hit.as_str().to_owned()));
    found.extend(
        CARD.find_iter(text)
            .filter(|hit| luhn(hit.as_str()))
            .map(|hit| hit.as_str().to_owned()),
    );
    found
}

/// ISO/IEC 7812-1: whether the check digit is right.
fn luhn(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().rev().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u32 = digits
        .iter()
        .enumerate()
        .map(|(place, digit)| {
            if place % 2 == 1 {
                doubled(*digit)
            } else {
                *digit
            }
        })
        .sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

/// What whoever reads the sink could follow, or what acts by itself: links, images, control codes
/// of a terminal, formulas of a spreadsheet.
pub fn links(sink: &Sink) -> Vec<String> {
    let text = &sink.text;
    match sink.reads {
        Reads::Data => Vec::new(),
        Reads::Markdown => markdown_links(text),
        Reads::Html => shown(&TAGS, text),
        Reads::Terminal => controls(text),
        Reads::Mrkdwn => {
            let mut found = shown(&BARE, text);
            found.extend(shown(&SLACK, text));
            found
        }
        Reads::Wiki => {
            let mut found = shown(&BARE, text);
            found.extend(unescaped(&WIKI_LINK, text));
            found
        }
        Reads::Adf => adf(text, &|node| {
            node["type"] != "text" && node["type"] != "hardBreak" || node.get("marks").is_some()
        })
        .into_iter()
        .chain(adf_texts(text).iter().flat_map(|text| shown(&BARE, text)))
        .collect(),
        Reads::Csv => text
            .split("\n\n")
            .filter(|field| FORMULA.is_match(field) && !NUMBER.is_match(field.trim_matches('"')))
            .map(cut)
            .collect(),
    }
}

/// Whom the sink would call.
pub fn mentions(sink: &Sink) -> Vec<String> {
    let text = &sink.text;
    match sink.reads {
        Reads::Data | Reads::Html | Reads::Terminal | Reads::Csv => Vec::new(),
        Reads::Markdown => markdown_texts(text)
            .iter()
            .flat_map(|text| shown(&AT, text))
            .collect(),
        Reads::Mrkdwn => {
            let mut found = shown(&AT, text);
            found.extend(
                shown(&SLACK, text)
                    .into_iter()
                    .filter(|one| one.contains(['@', '#', '!'])),
            );
            found
        }
        Reads::Wiki => unescaped(&WIKI_LINK, text)
            .into_iter()
            .filter(|one| one.contains('~'))
            .chain(shown(&AT, text))
            .collect(),
        Reads::Adf => adf(text, &|node| node["type"] == "mention")
            .into_iter()
            .chain(adf_texts(text).iter().flat_map(|text| shown(&AT, text)))
            .collect(),
    }
}

fn shown(pattern: &Regex, text: &str) -> Vec<String> {
    pattern
        .find_iter(text)
        .map(|hit| cut(&text[hit.start()..]))
        .collect()
}

/// Those before which no backslash stands.
fn unescaped(pattern: &Regex, text: &str) -> Vec<String> {
    pattern
        .find_iter(text)
        .filter(|hit| !text[..hit.start()].ends_with('\\'))
        .map(|hit| cut(&text[hit.start()..]))
        .collect()
}

fn cut(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

fn markdown_links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for event in Parser::new_ext(text, Options::all()) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                found.push(cut(&dest_url));
            }
            Event::Html(html) | Event::InlineHtml(html) => found.push(cut(&html)),
            _ => {}
        }
    }
    for text in markdown_texts(text) {
        found.extend(shown(&BARE, &text));
        found.extend(shown(&EMAIL, &text));
    }
    found
}

/// Texts that a browser shows outside of code, put together where markup doesn't divide them.
fn markdown_texts(text: &str) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut code = 0;
    for event in Parser::new_ext(text, Options::all()) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => code += 1,
            Event::End(pulldown_cmark::TagEnd::CodeBlock) => code -= 1,
            Event::Text(part) if code == 0 => {
                if let Some(last) = texts.last_mut() {
                    last.push_str(&part);
                }
            }
            Event::SoftBreak | Event::HardBreak | Event::End(_) => texts.push(String::new()),
            _ => {}
        }
    }
    texts
}

/// Codes that a terminal obeys, and characters that hide or turn what is shown.
fn controls(text: &str) -> Vec<String> {
    text.chars()
        .filter(|c| {
            (c.is_control() && *c != '\n')
                || matches!(*c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{e0000}'..='\u{e007f}' | '\u{200b}'..='\u{200f}' | '\u{feff}')
        })
        .map(|c| format!("U+{:04X}", u32::from(c)))
        .collect()
}

/// Nodes of a document that are what `is` says.
fn adf(text: &str, is: &dyn Fn(&Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    walk(&document, &mut |node| {
        if node.get("type").is_some() && is(node) {
            found.push(cut(&node.to_string()));
        }
    });
    found
}

fn adf_texts(text: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    walk(&document, &mut |node| {
        if let Some(text) = node["text"].as_str() {
            texts.push(text.to_owned());
        }
    });
    texts
}

fn walk(value: &Value, see: &mut dyn FnMut(&Value)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, see)),
        Value::Object(map) => {
            see(value);
            map.values().for_each(|inner| walk(inner, see));
        }
        _ => {}
    }
}
