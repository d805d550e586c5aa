//! Text in a terminal.

use super::{
    invisible::{Kind, kind},
    walk::Walk,
};
use std::fmt::Write;

/// Stands for a line end in the variant of one line.
const LINE_END: char = '␊';
/// Stands for a tab, whose width depends on where it stands.
const TAB: char = ' ';

/// One line for a terminal: a line end is shown as `␊`, a tab is a space, and every character that
/// can't be seen is shown as `\u{…}`, so that nothing is hidden and nothing steers.
///
/// That leaves no control character of C0 and C1 (ECMA-48), so no escape sequence begins, and no
/// character that turns the direction of writing or has no width (`invisible.rs`). A selector of
/// an emoji's style straight after what it styles is left out. What is shown is for eyes: a text
/// may hold the characters `\u{1b}` itself.
///
/// Rendering again changes nothing.
pub fn terminal(text: &str) -> String {
    shown(text, LINE_END)
}

/// Lines for a terminal: as [`terminal`], but line ends `\n` and `\r\n` stay, as `\n`. A carriage
/// return alone would overwrite the line, and is shown.
///
/// Rendering again changes nothing.
pub fn terminal_block(text: &str) -> String {
    shown(text, '\n')
}

fn shown(text: &str, line_end: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut walk = Walk::over(text);
    let mut styled = false;
    while let Some(letter) = walk.next() {
        let kind = kind(letter);
        match letter {
            '\n' => out.push(line_end),
            '\r' if walk.after() == Some('\n') => {}
            '\t' => out.push(TAB),
            '\u{fe0e}' | '\u{fe0f}' if styled => {}
            letter if matches!(kind, Kind::Seen | Kind::Blank) => out.push(letter),
            letter => {
                // Writing to a text doesn't fail.
                let _ = write!(out, "{}", letter.escape_unicode());
            }
        }
        styled = kind == Kind::Seen;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::hostile;
    use super::{terminal, terminal_block};
    use proptest::prelude::*;

    #[test]
    fn what_steers_is_shown() {
        for (text, expected) in [
            ("", ""),
            ("\u{1b}[31mred\u{1b}[0m", r"\u{1b}[31mred\u{1b}[0m"),
            (
                "\u{1b}]8;;http://a.example\u{7}x",
                r"\u{1b}]8;;http://a.example\u{7}x",
            ),
            ("\u{9b}2J", r"\u{9b}2J"),
            ("a\u{8}b\rc\r\nd\te", r"a\u{8}b\u{d}c␊d e"),
            ("if \u{202e}admin\u{2066}", r"if \u{202e}admin\u{2066}"),
            (
                "a\u{2028}b\u{85}c\u{200b}\u{e0041}",
                r"a\u{2028}b\u{85}c\u{200b}\u{e0041}",
            ),
            (
                "⚠\u{fe0f} a\u{fe0f}\u{fe0e} \u{fe0f}",
                r"⚠ a\u{fe0e} \u{fe0f}",
            ),
            (r"C:\dir é 本", r"C:\dir é 本"),
        ] {
            assert_eq!(terminal(text), expected, "{text:?}");
        }
        assert_eq!(terminal_block("a\r\n\tb\rc\n"), "a\n b\\u{d}c\n");
    }

    proptest! {
        #![proptest_config(hostile::config())]

        #[test]
        fn nothing_forbidden_is_left_and_twice_is_once(text in hostile::text()) {
            let line = terminal(&text);
            let block = terminal_block(&text);
            for letter in line.chars().chain(block.replace('\n', "").chars()) {
                prop_assert!(!letter.is_control());
                let hides = matches!(
                    letter,
                    '\u{200b}'..='\u{200f}'
                        | '\u{2028}'..='\u{202e}'
                        | '\u{2060}'..='\u{206f}'
                        | '\u{feff}'
                        | '\u{e0000}'..='\u{e0fff}'
                );
                prop_assert!(!hides);
            }
            prop_assert!(hostile::hides_nothing(&line));
            prop_assert!(hostile::hides_nothing(&block.replace('\n', "")));
            prop_assert_eq!(terminal(&line), line.clone());
            prop_assert_eq!(terminal_block(&block), block);
        }
    }
}
