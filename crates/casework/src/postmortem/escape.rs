//! Text of telemetry and of people in Markdown: it is shown, and does nothing.

/// Characters of one text at most.
const MAX_CHARS: usize = 2_000;
/// What begins or ends markup in CommonMark and GitHub's dialect.
const MARKS: &str = r"\`*_[]<>#|!~&";
/// Stands between `@` and a name, so that nobody is called.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// One line: marks are escaped, links are taken apart as security reports do (`http[:]//`),
/// mentions call nobody, control and direction characters are left out.
pub fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut letters = text.chars().take(MAX_CHARS).peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ':' if letters.peek() == Some(&'/') => out.push_str(r"\[:\]"),
            '@' => out.extend(['@', ZERO_WIDTH_SPACE]),
            letter if MARKS.contains(letter) => out.extend(['\\', letter]),
            letter if letter.is_whitespace() => out.push(' '),
            letter if letter.is_control() || turns(letter) => {}
            letter => out.push(letter),
        }
    }
    if text.chars().nth(MAX_CHARS).is_some() {
        out.push('…');
    }
    // A line that begins like a list, a quotation, a rule or a heading.
    match out.trim_start().chars().next() {
        Some('-' | '+' | '=') => format!(r"\{}", out.trim_start()),
        Some('0'..='9') => numbered(out.trim_start()),
        _ => out.trim_start().to_owned(),
    }
}

/// `1. ` and `1) ` begin a list; `10.5` doesn't.
fn numbered(text: &str) -> String {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = text.split_at(digits);
    let mut letters = rest.chars();
    let begins =
        matches!(letters.next(), Some('.' | ')')) && matches!(letters.next(), None | Some(' '));
    if begins {
        format!(r"{number}\{rest}")
    } else {
        text.to_owned()
    }
}

/// Invisible characters that turn the direction of writing or join words unseen.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A block of code whose fence is longer than any within.
pub fn code(text: &str) -> String {
    let (mut longest, mut run) = (0, 0);
    for letter in text.chars() {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}\n{}\n{fence}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::{code, inline};

    #[test]
    fn markup_links_and_mentions_do_nothing() {
        assert_eq!(
            inline("a *b* [c](http://d.example)"),
            r"a \*b\* \[c\](http\[:\]//d.example)"
        );
        assert_eq!(inline("<img src=x> & |"), r"\<img src=x\> \& \|");
        assert_eq!(inline("ask @anna"), "ask @\u{200b}anna");
        assert_eq!(inline("one\n# two\u{202e}"), r"one \# two");
        assert_eq!(inline("- x"), r"\- x");
        assert_eq!(inline("1. x"), r"1\. x");
        assert_eq!(inline("10.5 ms"), "10.5 ms");
    }

    #[test]
    fn a_fence_cannot_be_closed_from_within() {
        assert_eq!(code("a\n```\nb"), "````\na\n```\nb\n````");
    }
}
