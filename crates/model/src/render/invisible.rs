//! Which characters can't be seen, and the one rule for them.
//!
//! They hide instructions from people (tags, variation selectors), turn the direction of writing
//! so that a text reads otherwise than it is (CVE-2021-42574, "Trojan Source"), cut words so that
//! nobody finds them, or steer a terminal. The rule: **they are left out, and a terminal shows
//! each as `\u{…}`**. Leaving out comes before all other escaping, so that what it joins is seen
//! by what escapes. The price: a joined emoji falls apart into its parts, and a non-joiner of
//! Persian is lost.
//!
//! Counted are, as of Unicode 17:
//!
//! * control characters: general category Cc (C0, DEL, C1) that are no whitespace;
//! * what is ignored in display: the property `Default_Ignorable_Code_Point` of
//!   `DerivedCoreProperties.txt` (zero width, bidi controls, variation selectors, tags, fillers);
//! * format characters: general category Cf without those of the property
//!   `Prepended_Concatenation_Mark`, which are signs of Arabic, Syriac and Kaithi that are seen.
//!
//! Line ends are those of the Unicode standard, section 5.8 "Newline Guidelines".

use super::walk::Walk;

/// `Default_Ignorable_Code_Point`, and of Cf what isn't among those.
const HIDDEN: [(char, char); 18] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    // To U+FFF8 ignorable, from U+FFF9 the marks of interlinear annotation (Cf).
    ('\u{fff0}', '\u{fffb}'),
    // Format controls of hieroglyphs (Cf).
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    // Tags, the second range of variation selectors, and what is reserved beside them.
    ('\u{e0000}', '\u{e0fff}'),
];

/// What a character is to who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Seen,
    /// Whitespace within a line, a tab too.
    Blank,
    LineEnd,
    Hidden,
}

pub(super) fn kind(letter: char) -> Kind {
    match letter {
        '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Kind::LineEnd,
        letter if letter.is_whitespace() => Kind::Blank,
        letter if letter.is_control() || is_hidden(letter) => Kind::Hidden,
        _ => Kind::Seen,
    }
}

fn is_hidden(letter: char) -> bool {
    letter >= HIDDEN[0].0
        && HIDDEN
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&letter))
}

/// One line: nothing hidden, whitespace and line ends are spaces, none at either end.
pub(super) fn in_one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in Walk::over(text) {
        match kind(letter) {
            Kind::Seen => out.push(letter),
            Kind::Blank | Kind::LineEnd if out.is_empty() => {}
            Kind::Blank | Kind::LineEnd => out.push(' '),
            Kind::Hidden => {}
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Lines: nothing hidden, every line end is `\n`, whitespace other than tabs is a space.
pub(super) fn in_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut walk = Walk::over(text);
    while let Some(letter) = walk.next() {
        match kind(letter) {
            Kind::Seen => out.push(letter),
            Kind::LineEnd if letter == '\r' && walk.after() == Some('\n') => {}
            Kind::LineEnd => out.push('\n'),
            Kind::Blank => out.push(if letter == '\t' { '\t' } else { ' ' }),
            Kind::Hidden => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{HIDDEN, Kind, in_lines, in_one_line, kind};

    #[test]
    fn what_is_hidden() {
        for letter in [
            '\0',
            '\u{7}',
            '\u{1b}',
            '\u{1f}',
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{200b}',
            '\u{200d}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{fff9}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e007f}',
            '\u{e0100}',
        ] {
            assert_eq!(kind(letter), Kind::Hidden, "{}", letter.escape_unicode());
        }
        for letter in "aß本\u{301}\u{600}\u{6dd}\u{fffc}\u{fffd}🙂\u{2800}".chars() {
            assert_eq!(kind(letter), Kind::Seen, "{}", letter.escape_unicode());
        }
    }

    #[test]
    fn the_ranges_hold_nothing_that_is_whitespace() {
        for (from, to) in HIDDEN {
            assert!((from..=to).all(|letter| kind(letter) == Kind::Hidden));
        }
    }

    #[test]
    fn lines_and_one_line() {
        let text = "\u{feff} a\r\nb\rc\u{2028}d\u{b}e\tf\u{a0}g\u{200b}h\n";
        assert_eq!(in_lines(text), " a\nb\nc\nd\ne\tf gh\n");
        assert_eq!(in_one_line(text), "a  b c d e f gh");
    }
}
