//! A text cut to one line.

use super::{
    invisible::{Kind, kind},
    walk::Walk,
};
use unicode_segmentation::UnicodeSegmentation;

/// Stands for what was cut off.
const ELLIPSIS: char = '…';

/// One line of `max_chars` characters (code points) at most, the `…` for what was cut included.
///
/// Whitespace and line ends are one space each run and none at the ends; what can't be seen is
/// left out. It is cut only between what readers take for characters: extended grapheme clusters
/// of Unicode's annex 29, so that no accent is parted from its letter. A cluster that doesn't fit
/// is left out as a whole, however many accents it has.
///
/// It escapes nothing: the renderer of the target comes after it. Doing it again with the same
/// length changes nothing.
pub fn one_line(text: &str, max_chars: usize) -> String {
    let mut out = String::new();
    let mut chars = 0_usize;
    let mut parted = false;
    for letter in Walk::over(text) {
        match kind(letter) {
            Kind::Hidden => continue,
            Kind::Blank | Kind::LineEnd => {
                parted = true;
                continue;
            }
            Kind::Seen => {}
        }
        if parted && chars > 0 {
            out.push(' ');
            chars += 1;
        }
        parted = false;
        out.push(letter);
        chars += 1;
        if chars > max_chars {
            return cut(&out, max_chars);
        }
    }
    out
}

/// The clusters that fit with the ellipsis into so many characters.
fn cut(text: &str, max_chars: usize) -> String {
    let Some(room) = max_chars.checked_sub(1) else {
        return String::new();
    };
    let (mut end, mut chars) = (0, 0);
    for cluster in text.graphemes(true) {
        chars += cluster.chars().count();
        if chars > room {
            break;
        }
        end += cluster.len();
    }
    let mut out = text[..end].trim_end().to_owned();
    out.push(ELLIPSIS);
    out
}

#[cfg(test)]
mod tests {
    use super::super::{hostile, invisible};
    use super::one_line;
    use proptest::prelude::*;
    use unicode_segmentation::UnicodeSegmentation;

    #[test]
    fn it_is_cut_between_characters() {
        for (text, max, expected) in [
            ("", 5, ""),
            (" a \r\n\tb\u{a0}c ", 80, "a b c"),
            ("a\u{200b}b\u{1b}c", 80, "abc"),
            ("abcdef", 6, "abcdef"),
            ("abcdef", 5, "abcd…"),
            ("ab cdef", 4, "ab…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
            ("e\u{301}e\u{301}e\u{301}", 4, "e\u{301}…"),
            ("ae\u{301}\u{302}\u{303}b", 4, "a…"),
            ("🇩🇪🇫🇷🇮🇹", 4, "🇩🇪…"),
            ("각각", 3, "각각"),
        ] {
            assert_eq!(one_line(text, max), expected, "{text:?}");
        }
        let flood = format!("a{}", "\u{301}".repeat(100_000));
        assert_eq!(one_line(&flood, 80), "…");
    }

    proptest! {
        #![proptest_config(hostile::config())]

        #[test]
        fn it_fits_and_twice_is_once(text in hostile::text(), max in 0_usize..60) {
            let line = one_line(&text, max);
            prop_assert!(line.chars().count() <= max);
            prop_assert!(hostile::is_one_clean_line(&line));
            prop_assert!(!line.contains("  "));
            prop_assert_eq!(one_line(&line, max), line.clone());
            let all = invisible::in_one_line(&text);
            let words: Vec<&str> = all.split_whitespace().collect();
            let whole = words.join(" ");
            match line.strip_suffix('…') {
                Some(kept) if line != whole => {
                    prop_assert!(whole.starts_with(kept));
                    let edges: Vec<usize> = whole.grapheme_indices(true).map(|(at, _)| at).collect();
                    prop_assert!(edges.contains(&kept.len()));
                }
                _ => prop_assert!(line == whole || max == 0),
            }
        }
    }
}
