//! Text of others, made harmless and short.

use model::render::{mrkdwn, one_line};
use unicode_segmentation::UnicodeSegmentation as _;

/// Stands for what was cut off.
const ELLIPSIS: char = '…';
/// Stands for a text of others that has nothing to be seen.
const NOTHING: &str = "—";
/// Entities that `mrkdwn` writes: never cut within.
const ENTITIES: [&str; 3] = ["&amp;", "&lt;", "&gt;"];

/// Units of UTF-16: see [`super::limits`].
pub fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A text of others for a message: one line, nothing in it acts, at most `most` units.
///
/// Ours stands around it with a space between, never a colon right behind it: `:name` and our
/// colon would be an emoji.
pub fn theirs(text: &str, most: usize) -> String {
    // What is longer than the room is cut before it is escaped, so that the work is bounded.
    let shown = cut(&mrkdwn(&one_line(text, most)), most);
    if shown.is_empty() {
        return NOTHING.to_owned();
    }
    shown
}

/// At most `most` units of a text that `mrkdwn` wrote, the `…` for what was cut included. Cut
/// between what readers take for characters, and not within an entity.
pub fn cut(text: &str, most: usize) -> String {
    if units(text) <= most {
        return text.to_owned();
    }
    let kept = fitting(text, most.saturating_sub(ELLIPSIS.len_utf16()));
    let mut out = text[..kept].trim_end().to_owned();
    if most > 0 {
        out.push(ELLIPSIS);
    }
    out
}

/// How many bytes of a text fit into `room` units, without parting a character or an entity.
pub fn fitting(text: &str, mut room: usize) -> usize {
    let mut kept = 0;
    while let Some(piece) = first_piece(&text[kept..]) {
        let Some(left) = room.checked_sub(units(piece)) else {
            break;
        };
        room = left;
        kept += piece.len();
    }
    kept
}

fn first_piece(text: &str) -> Option<&str> {
    let entity = ENTITIES.iter().find(|entity| text.starts_with(*entity));
    match entity {
        Some(entity) => Some(&text[..entity.len()]),
        None => {
            let piece = text.graphemes(true).next()?;
            // A sign that belongs to the letter behind it would take an entity's first one.
            let at = piece.find('&').filter(|at| *at > 0);
            Some(&piece[..at.unwrap_or(piece.len())])
        }
    }
}

/// A share of one as a percentage.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cut_between_characters_and_not_within_entities() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("a&amp;b", 5), "a…");
        assert_eq!(cut("a&amp;bcd", 7), "a&amp;…");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 4), "e\u{301}…");
        assert_eq!(cut("🙂🙂🙂", 5), "🙂🙂…");
        assert_eq!(
            cut("\u{600}&amp;b", 3),
            "\u{600}…",
            "a sign before an entity"
        );
        assert_eq!(cut("abc", 0), "");
        assert_eq!(theirs(" \u{200b}\n", 10), "—");
    }

    #[test]
    fn shares() {
        assert_eq!(percent(0.824), "82 %");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_fits_and_no_entity_is_open(text in any::<String>(), most in 1_usize..80) {
            let shown = theirs(&text, most);
            prop_assert!(units(&shown) <= most);
            for rest in shown.split('&').skip(1) {
                prop_assert!(ENTITIES.iter().any(|entity| rest.starts_with(&entity[1..])));
            }
        }
    }
}
