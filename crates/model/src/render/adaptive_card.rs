//! Text in cards of Microsoft Teams.

use super::{invisible, links, walk::Walk};

/// One line of text, without the spaces at its ends, for the `text` of a `TextBlock` and the `title`
/// and `value` of a fact in an Adaptive Card.
///
/// From "Text features" of Adaptive Cards and "Format cards in Teams": these fields know a part of
/// Markdown (bold, italic, lists, links), and date functions (`{{DATE(…)}}`). The clients read it
/// with different parsers, of which not all know a backslash, so that nothing is escaped: what could
/// begin something is written in full width. `＊`, `｀`, `～`, `［`, `］`, `＜`, `＞`, `＼`, `＠`, and
/// `＿` but within a word (no markup there); `｛` before another and `＄` before a brace (functions
/// and templates); `＆` where an entity would begin; `＃` before a letter or digit, and whatever opens
/// a block at the start (`＃`, `＋`, `＝`, a hyphen that doesn't break, the dot of `1．`). URLs are
/// broken (`http［:］//`, `www［.］`).
///
/// A mention is one only where the card lists it beside its text (`msteams.entities`): no card of
/// ours does.
pub fn adaptive_card(text: &str) -> String {
    let clean = invisible::in_one_line(text);
    let mut out = String::with_capacity(clean.len() + clean.len() / 8);
    let mut walk = Walk::over(&clean);
    // Only digits so far: with `.` or `)` they would begin a list.
    let mut counts = true;
    while let Some(letter) = walk.next() {
        let first = out.is_empty();
        match links::broken(&walk, letter) {
            Some(instead) => out.extend(instead.chars().map(wide_bracket)),
            None => out.push(shown(&walk, letter, first, counts)),
        }
        counts &= letter.is_ascii_digit();
    }
    out
}

/// What is written instead of a letter that could begin something, else the letter.
fn shown(walk: &Walk<'_>, letter: char, first: bool, counts: bool) -> char {
    let after = walk.after();
    match letter {
        '*' => '＊',
        '`' => '｀',
        '~' => '～',
        '<' => '＜',
        '>' => '＞',
        '\\' => '＼',
        '@' => '＠',
        '[' | ']' => wide_bracket(letter),
        '_' if !within_word(walk) => '＿',
        '{' if after == Some('{') || walk.before() == Some('{') => '｛',
        '$' if after == Some('{') => '＄',
        '&' if after.is_some_and(|next| next == '#' || next.is_ascii_alphanumeric()) => '＆',
        '#' if first || after.is_some_and(char::is_alphanumeric) => '＃',
        '-' if first => '\u{2011}',
        '+' if first => '＋',
        '=' if first => '＝',
        '.' if counts && !first && matches!(after, None | Some(' ')) => '．',
        ')' if counts && !first && matches!(after, None | Some(' ')) => '）',
        letter => letter,
    }
}

fn wide_bracket(letter: char) -> char {
    match letter {
        '[' => '［',
        ']' => '］',
        other => other,
    }
}

fn within_word(walk: &Walk<'_>) -> bool {
    walk.before().is_some_and(char::is_alphanumeric)
        && walk.after().is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::adaptive_card;
    use comrak::nodes::NodeValue;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    #[test]
    fn nothing_is_called_linked_or_formatted() {
        for (text, expected) in [
            ("", ""),
            ("a & b, R&D, &amp; &#42;", "a & b, R＆D, ＆amp; ＆＃42;"),
            (
                "**b** _i_ pay_ments __init__",
                "＊＊b＊＊ ＿i＿ pay_ments ＿＿init＿＿",
            ),
            (
                "[ok](https://a.example)",
                "［ok］(https［:］//a.example)",
            ),
            (
                "![x](http://a.example/p.png)",
                "!［x］(http［:］//a.example/p.png)",
            ),
            ("<at>Anna</at>", "＜at＞Anna＜/at＞"),
            ("<https://a.example>", "＜https［:］//a.example＞"),
            (
                "www.a.example mailto:a a@b.example",
                "www［.］a.example mailto［:］a a＠b.example",
            ),
            (
                "{{DATE(2017-02-14T06:08:39Z, SHORT)}}",
                "｛｛DATE(2017-02-14T06:08:39Z, SHORT)}}",
            ),
            ("${title} {x} $5", "＄{title} {x} $5"),
            ("- x", "‑ x"),
            ("+ x", "＋ x"),
            ("1. x", "1． x"),
            ("12) x", "12） x"),
            ("1.", "1．"),
            ("10.5 ms", "10.5 ms"),
            ("# x #12 C# ", "＃ x ＃12 C#"),
            ("===", "＝=="),
            ("> q\n> r", "＞ q ＞ r"),
            (r"C:\dir \*b\*", r"C:＼dir ＼＊b＼＊"),
            ("`c` ~~s~~", "｀c｀ ～～s～～"),
            ("one\n\n- two\u{202e}", "one  - two"),
            ("{\u{200b}{DATE()}}", "｛｛DATE()}}"),
        ] {
            assert_eq!(adaptive_card(text), expected, "{text:?}");
        }
    }

    /// What a parser of Markdown reads, or what it found besides text.
    fn read(page: &str) -> Result<String, String> {
        let mut text = String::new();
        for event in Parser::new_ext(page, Options::ENABLE_STRIKETHROUGH) {
            match event {
                Event::Text(part) => text.push_str(&part),
                Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
                other => return Err(format!("{other:?}")),
            }
        }
        Ok(text)
    }

    /// Of another parser, which makes links of bare URLs and addresses.
    fn found(page: &str) -> Vec<String> {
        let arena = comrak::Arena::new();
        let mut options = comrak::Options::default();
        options.extension.autolink = true;
        options.extension.strikethrough = true;
        let root = comrak::parse_document(&arena, page, &options);
        let acts = |value: &NodeValue| {
            !matches!(
                value,
                NodeValue::Document | NodeValue::Paragraph | NodeValue::Text(_)
            )
        };
        root.descendants()
            .map(|node| node.data().value.clone())
            .filter(acts)
            .map(|value| format!("{value:?}"))
            .collect()
    }

    proptest! {
        #![proptest_config(hostile::config())]

        #[test]
        fn parsers_find_only_the_text(text in hostile::text()) {
            let shown = adaptive_card(&text);
            prop_assert!(hostile::is_one_clean_line(&shown));
            let acts = ["{{", "${", "]("].iter().any(|mark| shown.contains(mark));
            prop_assert!(!acts);
            prop_assert!(!shown.contains('@') && !shown.contains("://"));
            prop_assert_eq!(found(&shown), Vec::<String>::new(), "{}", shown);
            let read = read(&shown);
            let read = read.map_err(|found| TestCaseError::fail(format!("{found} in {shown:?}")))?;
            // A parser joins runs of spaces; nobody sees the difference.
            let spaced = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(
                spaced(hostile::folded(&read)),
                spaced(hostile::folded_line(&text))
            );
        }
    }
}
