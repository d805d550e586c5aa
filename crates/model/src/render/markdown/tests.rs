//! What parsers of Markdown make of what was rendered.

use super::super::{hostile, invisible};
use super::{markdown, markdown_block};
use comrak::nodes::NodeValue;
use proptest::prelude::*;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

#[test]
fn markup_links_and_mentions_do_nothing() {
    for (text, expected) in [
        ("", ""),
        (
            "a *b* [c](http://d.example)",
            r"a \*b\* \[c\](http\[:\]//d.example)",
        ),
        ("<img src=x> & |", r"\<img src=x\> \& \|"),
        (
            "see www.a.example, mailto:b",
            r"see www\[.\]a.example, mailto\[:\]b",
        ),
        ("ask @anna, a@b.example", "ask ＠anna, a＠b.example"),
        (
            "fixes #12, C#, # two, GH-12",
            r"fixes ＃12, C\#, \# two, GH‑12",
        ),
        ("!1 $2 %3 &4 ~five", r"\!1 \$2 \%3 \&4 \~five"),
        ("one\n# two\u{202e}\n\n    three", r"one \# two      three"),
        ("- x", r"\- x"),
        ("+ x", r"\+ x"),
        ("===", r"\=\=\="),
        (": x", r"\: x"),
        ("://x", r"\[:\]//x"),
        ("/close", r"\/close"),
        ("1. x", r"1\. x"),
        ("12) x", r"12\) x"),
        ("1.", r"1\."),
        ("10.5 ms", "10.5 ms"),
        ("a=b a==b 1 + 2", r"a=b a\=\=b 1 + 2"),
        (r"C:\dir\*", r"C:\\dir\\\*"),
        (
            "@\u{200b}anna h\u{ad}ttp:\u{2060}//x",
            r"＠anna http\[:\]//x",
        ),
    ] {
        assert_eq!(markdown(text), expected, "{text:?}");
    }
}

#[test]
fn a_fence_cannot_be_closed_from_within() {
    assert_eq!(
        markdown_block("a\n```\nb\u{1b}\r\n\n"),
        "````\na\n```\nb\n````"
    );
    assert_eq!(markdown_block(" "), "```\n```");
}

/// All that this parser knows but curly quotes, which change no more than a form.
fn options() -> Options {
    Options::all().difference(Options::ENABLE_SMART_PUNCTUATION)
}

/// The text that a parser finds, or what it found besides text in this frame.
fn read(page: &str, frame: &[&str]) -> Result<String, String> {
    let mut text = String::new();
    for event in Parser::new_ext(page, options()) {
        match event {
            Event::Text(part) => text.push_str(&part),
            Event::Start(tag) if frame.contains(&name(&format!("{tag:?}"))) => {}
            Event::End(tag) if frame.contains(&name(&format!("{tag:?}"))) => {}
            other => return Err(format!("{other:?} in {page:?}")),
        }
    }
    Ok(text)
}

/// `Heading` of `Heading { level: H1, … }`.
fn name(shown: &str) -> &str {
    shown
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or(shown)
}

/// The text that GitHub's dialect has, with every extension and links out of plain text, or what
/// is there besides text in a paragraph.
fn read_with_autolinks(page: &str) -> Result<String, String> {
    let mut options = comrak::Options::default();
    let extension = &mut options.extension;
    extension.strikethrough = true;
    extension.table = true;
    extension.autolink = true;
    extension.tasklist = true;
    extension.superscript = true;
    extension.subscript = true;
    extension.footnotes = true;
    extension.inline_footnotes = true;
    extension.description_lists = true;
    extension.multiline_block_quotes = true;
    extension.alerts = true;
    extension.math_dollars = true;
    extension.math_code = true;
    extension.wikilinks_title_after_pipe = true;
    extension.underline = true;
    extension.spoiler = true;
    extension.highlight = true;
    extension.insert = true;
    extension.subtext = true;
    extension.block_directive = true;
    extension.front_matter_delimiter = Some("---".to_owned());
    options.parse.relaxed_autolinks = true;
    options.parse.relaxed_tasklist_matching = true;
    let arena = comrak::Arena::new();
    let mut text = String::new();
    for node in comrak::parse_document(&arena, page, &options).descendants() {
        match &node.data().value {
            NodeValue::Document | NodeValue::Paragraph => {}
            NodeValue::SoftBreak => text.push(' '),
            NodeValue::Text(part) => text.push_str(part),
            other => return Err(format!("{other:?} in {page:?}")),
        }
    }
    Ok(text)
}

proptest! {
    #![proptest_config(hostile::config())]

    #[test]
    fn a_parser_finds_the_same_text_and_nothing_else(text in hostile::text()) {
        let shown = markdown(&text);
        prop_assert!(hostile::is_one_clean_line(&shown));
        prop_assert!(!shown.contains('@') && !shown.contains("://"));
        let found = read(&shown, &["Paragraph"]);
        prop_assert_eq!(found.map(|found| hostile::folded(&found)), Ok(hostile::folded_line(&text)));
        let found = read_with_autolinks(&shown);
        prop_assert_eq!(found.map(|found| hostile::folded(&found)), Ok(hostile::folded_line(&text)));
    }

    #[test]
    fn it_stays_where_it_was_put(text in hostile::text()) {
        let shown = markdown(&text);
        if shown.is_empty() {
            return Ok(());
        }
        let text = hostile::folded_line(&text);
        let found = |page: String, frame: &[&str]| {
            read(&page, frame).map(|found| hostile::folded(&found))
        };
        prop_assert_eq!(found(format!("# {shown} y"), &["Heading"]), Ok(format!("{text} y")));
        prop_assert_eq!(
            found(format!("* {shown}\n* y"), &["List", "Item"]),
            Ok(format!("{text}y"))
        );
        prop_assert_eq!(
            found(format!("[{shown}](b)"), &["Paragraph", "Link"]),
            Ok(text.clone())
        );
        prop_assert_eq!(
            found(
                format!("| a | b |\n| --- | --- |\n| {shown} | y |"),
                &["Table", "TableHead", "TableRow", "TableCell"]
            ),
            Ok(format!("ab{text}y"))
        );
    }

    #[test]
    fn a_line_begins_nothing_under_another(text in hostile::text()) {
        let shown = markdown(&text);
        if shown.is_empty() {
            return Ok(());
        }
        let page = format!("lead\n{shown}");
        let mut found = String::new();
        for event in Parser::new_ext(&page, options()) {
            match event {
                Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
                Event::SoftBreak => found.push(' '),
                Event::Text(part) => found.push_str(&part),
                other => prop_assert!(false, "{other:?} in {page:?}"),
            }
        }
        let expected = format!("lead {}", hostile::folded_line(&text));
        prop_assert_eq!(hostile::folded(&found), expected.as_str());
        let found = read_with_autolinks(&page).map(|found| hostile::folded(&found));
        prop_assert_eq!(found, Ok(expected));
    }

    #[test]
    fn a_block_holds_all_lines(text in hostile::text()) {
        let page = format!("{}\n\nafter", markdown_block(&text));
        let mut found = String::new();
        let mut blocks = 0;
        for event in Parser::new_ext(&page, options()) {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    prop_assert_eq!(&*info, "");
                    blocks += 1;
                }
                Event::Text(part) => found.push_str(&part),
                Event::End(TagEnd::CodeBlock) | Event::End(TagEnd::Paragraph) => {}
                Event::Start(Tag::Paragraph) => {}
                other => prop_assert!(false, "{other:?} in {page:?}"),
            }
        }
        prop_assert_eq!(blocks, 1);
        let lines = invisible::in_lines(&text);
        let code = lines.trim_end();
        let expected = if code.is_empty() { String::new() } else { format!("{code}\n") };
        prop_assert_eq!(found, format!("{expected}after"));
    }
}
