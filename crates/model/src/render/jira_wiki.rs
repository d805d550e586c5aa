//! Text in the wiki markup of Jira Data Center.

use super::{invisible, links, walk::Walk};

/// What a backslash takes the meaning from. From Jira's "Text Formatting Notation Help",
/// "Advanced formatting": `\` escapes a special character; these are the special ones, which are
/// marks of phrases (`*`, `_`, `-`, `+`, `^`, `~`, `??`), lists (`#`), tables (`|`), links
/// (`[`, `]`), pictures (`!`), macros (`{`, `}`), emoticons (`(`, `)`) and `%`.
const MARKS: &str = "-#*_+?^~|%{}[]()!";
/// What makes a heading or a quotation of a line, before a full stop.
const BLOCKS: [&str; 7] = ["h1", "h2", "h3", "h4", "h5", "h6", "bq"];

/// One line of text, without the spaces at its ends, for a field with wiki markup.
///
/// What is special is escaped with a backslash; what Jira knows no backslash for is an entity: the
/// backslash itself (two are a line end), `<` and `>`, an `&` that would begin an entity, the full
/// stop of `h1.` and `bq.` at the start, and the colon of `:D` and `:P`. URLs are broken
/// (`http[:]//`), `@` is `＠`, and since hyphens are escaped, keys of issues are no links.
pub fn jira_wiki(text: &str) -> String {
    let clean = invisible::in_one_line(text);
    let mut out = String::with_capacity(clean.len() + clean.len() / 4);
    let mut walk = Walk::over(&clean);
    let mut passed = 0_usize;
    while let Some(letter) = walk.next() {
        match letter {
            '@' => out.push('＠'),
            '\\' => out.push_str("&#92;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' if walk
                .after()
                .is_some_and(|c| c == '#' || c.is_alphanumeric()) =>
            {
                out.push_str("&amp;");
            }
            '.' if passed == 2 && BLOCKS.iter().any(|block| walk.comes_after(block)) => {
                out.push_str("&#46;");
            }
            letter if MARKS.contains(letter) => out.extend(['\\', letter]),
            letter => match links::broken(&walk, letter) {
                Some(instead) => {
                    for mark in instead.chars() {
                        out.extend(MARKS.contains(mark).then_some('\\'));
                        out.push(mark);
                    }
                }
                None if letter == ':' && smiles(&walk) => out.push_str("&#58;"),
                None => out.push(letter),
            },
        }
        passed = passed.saturating_add(1);
    }
    out
}

/// `:D` and `:P`; emoticons with brackets and hyphens are broken by those.
fn smiles(walk: &Walk<'_>) -> bool {
    matches!(walk.after(), Some('D' | 'P' | 'd' | 'p'))
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::{MARKS, jira_wiki};
    use proptest::prelude::*;

    #[test]
    fn markup_links_and_mentions_do_nothing() {
        for (text, expected) in [
            ("", ""),
            ("{code}x{code}", r"\{code\}x\{code\}"),
            (
                "[~anna] [a|https://b.example]",
                r"\[\~anna\] \[a\|https\[:\]//b.example\]",
            ),
            ("!a.png! || | ??c??", r"\!a.png\! \|\| \| \?\?c\?\?"),
            (
                "*b* _i_ -d- +u+ ^s^ ~s~",
                r"\*b\* \_i\_ \-d\- \+u\+ \^s\^ \~s\~",
            ),
            ("h1. x", "h1&#46; x"),
            ("bq. x", "bq&#46; x"),
            ("oh1. x h1.5", "oh1. x h1.5"),
            ("# one", r"\# one"),
            ("a\nh1. b\n* c", r"a h1. b \* c"),
            (r"C:\dir a\\b \*c", r"C:&#92;dir a&#92;&#92;b &#92;\*c"),
            (
                "&#42;b&#42; &amp; a & b",
                r"&amp;\#42;b&amp;\#42; &amp;amp; a & b",
            ),
            ("<b> @anna a@b.example", "&lt;b&gt; ＠anna a＠b.example"),
            (":) :D ;-) (!) x:y", r":\) &#58;D ;\-\) \(\!\) x:y"),
            ("mailto:a ABC-12", r"mailto\[:\]a ABC\-12"),
            ("{\u{200b}code}", r"\{code\}"),
        ] {
            assert_eq!(jira_wiki(text), expected, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(hostile::config())]

        #[test]
        fn every_mark_is_escaped_and_the_text_is_whole(text in hostile::text()) {
            let shown = jira_wiki(&text);
            prop_assert!(hostile::is_one_clean_line(&shown));
            prop_assert!(!shown.contains(['@', '<', '>']) && !shown.contains("://"));
            // As Jira reads it: first what is escaped, then entities.
            let entities = shown
                .replace("&#92;", "\u{e000}")
                .replace("&#46;", ".")
                .replace("&#58;", ":");
            let mut read = String::new();
            let mut letters = entities.chars();
            while let Some(letter) = letters.next() {
                match letter {
                    '\\' => {
                        let escaped = letters.next().expect("something is escaped");
                        prop_assert!(MARKS.contains(escaped));
                        read.push(escaped);
                    }
                    letter => {
                        prop_assert!(!MARKS.contains(letter), "{letter} in {shown}");
                        read.push(letter);
                    }
                }
            }
            let read = read
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&")
                .replace('\u{e000}', r"\");
            prop_assert_eq!(hostile::folded(&read), hostile::folded_line(&text));
        }
    }
}
