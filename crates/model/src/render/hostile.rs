//! Texts that want to act, for tests of every renderer.

use super::invisible::{Kind, in_one_line, kind};
use super::walk::looks;
use proptest::prelude::*;

/// Texts of each property.
const CASES: u32 = 1_000;
/// Pieces of one text at most.
const MAX_PIECES: usize = 24;
/// Bytes of a long text.
const LONG: usize = 256 * 1024;
/// What is repeated in long texts: what makes a renderer look around, write most, or remember.
const REPEATED: &[&str] = &[
    ":",
    "://",
    "www.",
    "mailto:a ",
    ":a",
    "`",
    "<",
    "&a",
    "\\",
    "\"",
    "=",
    "\n=",
    "\r\n",
    "\r",
    "\t",
    " ",
    "1",
    "-",
    "_a",
    "@",
    "#1",
    "\0",
    "\u{e0041}",
    "\u{301}",
    "本",
];
/// Looks for each byte of a text at most: the schemes of links, before every colon, cost most.
const MAX_LOOKS: usize = 100;
/// Bytes written for each byte read at most: `\u{…}` of a control character is the longest.
const MAX_GROWTH: usize = 8;

/// What begins something in one of the targets, and what stands beside it.
const PIECES: &[&str] = &[
    "http://",
    "https://a.example/b",
    "ftp://",
    "://",
    "www.",
    "www.a.example",
    "WWW.",
    "mailto:a",
    "tel:1",
    "javascript:",
    "a@b.example",
    "@anna",
    "@here",
    "@channel",
    "<!channel>",
    "<@U1>",
    "#12",
    "#general",
    "# ",
    "GH-12",
    "!12",
    "[~anna]",
    "[a](b)",
    "![a](b)",
    "[^1]",
    "[ ] ",
    "[[a]]",
    "<b>",
    "</p>",
    "<!--",
    "-->",
    "<http://a.example>",
    "&amp;",
    "&#42;",
    "&",
    "&lt",
    ";",
    "*",
    "**",
    "_",
    "__",
    "~",
    "~~",
    "`",
    "```",
    "$",
    "$$",
    "^",
    "==",
    "++",
    "=",
    "---",
    "- ",
    "+ ",
    "1. ",
    "2) ",
    "10.5",
    "> ",
    ">",
    "|",
    "||",
    "|-|",
    ":",
    ":a:",
    "::",
    ": ",
    ":)",
    ":D",
    ":tada:",
    ":100:",
    "\\",
    "\\\\",
    "/",
    "//",
    "/close",
    "{",
    "}",
    "{code}",
    "{{",
    "h1. ",
    "bq. ",
    "??",
    "!",
    "(",
    ")",
    "\"",
    "'",
    "=1+1",
    "-1",
    "-3.5",
    "+1e-3",
    "＝1",
    "＠",
    ",",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "\n\n",
    " ",
    "  ",
    "    ",
    "\u{a0}",
    "\u{2028}",
    "\u{85}",
    "\0",
    "\u{1b}[0m",
    "\u{9b}",
    "\u{7}",
    "\u{8}",
    "\u{200b}",
    "\u{200d}",
    "\u{202e}",
    "\u{2066}",
    "\u{feff}",
    "\u{fe0f}",
    "\u{e0041}",
    "\u{301}",
    "e\u{301}",
    "🙂",
    "🇩🇪",
    "本",
    "a",
    "B",
    "x",
    "1",
    "12",
    "é",
];

/// How often a property is tried. Failures are written nowhere: what fails becomes a row of a table.
pub(super) fn config() -> ProptestConfig {
    ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Pieces of all kinds, and any characters between them.
pub(super) fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => prop::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[ -~]".prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..MAX_PIECES).prop_map(|pieces| pieces.concat())
}

pub(super) fn hides_nothing(text: &str) -> bool {
    text.chars()
        .all(|letter| matches!(kind(letter), Kind::Seen | Kind::Blank))
}

pub(super) fn is_one_clean_line(text: &str) -> bool {
    hides_nothing(text) && !text.contains('\t') && text.trim() == text
}

/// Whether somewhere this mark stands between such letters.
pub(super) fn has(
    text: &str,
    mark: &str,
    such: impl Fn(Option<char>, Option<char>) -> bool,
) -> bool {
    text.match_indices(mark).any(|(at, mark)| {
        let after = text[at + mark.len()..].chars().next();
        such(text[..at].chars().next_back(), after)
    })
}

/// A text without what the renderers say they replace: two texts that fold to the same are the
/// same to who reads them.
pub(super) fn folded(text: &str) -> String {
    let mut out = text.to_owned();
    // Brackets first: those around a broken link are wide where a target has none.
    for (wide, narrow) in [('［', "["), ('］', "]")] {
        out = out.replace(wide, narrow);
    }
    out = out.replace("[:]", ":").replace("[.]", ".");
    for (wide, narrow) in [
        ('＜', "<"),
        ('＼', "\\"),
        ('｛', "{"),
        ('＄', "$"),
        ('＆', "&"),
        ('＋', "+"),
        ('＝', "="),
        ('．', "."),
        ('）', ")"),
        ('＠', "@"),
        ('＃', "#"),
        ('＊', "*"),
        ('～', "~"),
        ('｀', "`"),
        ('＿', "_"),
        ('＞', ">"),
        ('：', ":"),
        ('\u{2011}', "-"),
    ] {
        out = out.replace(wide, narrow);
    }
    out
}

/// What a renderer of one line should show of this text, folded.
pub(super) fn folded_line(text: &str) -> String {
    folded(&in_one_line(text))
}

/// A renderer, with its name.
type Renderer = (&'static str, fn(&str) -> String);

const RENDERERS: [Renderer; 12] = [
    ("adaptive_card", super::adaptive_card),
    ("markdown", super::markdown),
    ("markdown_block", super::markdown_block),
    ("mrkdwn", super::mrkdwn),
    ("adf_text", |text| match super::adf_text(text).as_array() {
        Some(nodes) => nodes
            .iter()
            .filter_map(|node| node["text"].as_str())
            .collect(),
        None => String::new(),
    }),
    ("jira_wiki", super::jira_wiki),
    ("html", super::html),
    ("terminal", super::terminal),
    ("terminal_block", super::terminal_block),
    ("csv", super::csv),
    ("one_line, short", |text| super::one_line(text, 80)),
    ("one_line, long", |text| super::one_line(text, LONG / 2)),
];

#[test]
fn long_hostile_texts_take_linear_work_and_room() {
    for piece in REPEATED {
        let text = piece.repeat(LONG / piece.len());
        for (name, renderer) in RENDERERS {
            let (shown, work) = looks(|| renderer(&text));
            assert!(
                work <= MAX_LOOKS * text.len(),
                "{name} of {piece:?}: {work} looks"
            );
            assert!(
                shown.len() <= MAX_GROWTH * text.len(),
                "{name} of {piece:?} grows"
            );
        }
    }
}

#[test]
fn plain_text_stays_as_it_is() {
    let plain = "Payments in eu-west are slow since 10:15 (p99 2.5 s, db.example.com), é 本 🙂";
    for (name, renderer) in RENDERERS {
        let shown = renderer(plain);
        let expected = match name {
            "markdown_block" => format!("```\n{plain}\n```"),
            "jira_wiki" => plain
                .replace('-', r"\-")
                .replace('(', r"\(")
                .replace(')', r"\)"),
            "csv" => format!("\"{plain}\""),
            _ => plain.to_owned(),
        };
        assert_eq!(shown, expected, "{name}");
    }
}
