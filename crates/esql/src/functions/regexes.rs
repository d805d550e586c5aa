//! Java's regular expressions, so far as Rust's engine knows them, and Java's replacements.

use std::fmt::Write;

use regex::{Captures, Regex};

/// The last regular expression: patterns are nearly always constants.
#[derive(Debug, Default)]
pub(super) struct Javas {
    last: Option<(String, Result<Regex, String>)>,
}

impl Javas {
    /// The compiled pattern, or the line of a warning.
    pub fn get(&mut self, pattern: &str) -> Result<&Regex, String> {
        let known = self.last.as_ref().is_some_and(|(text, _)| text == pattern);
        if !known {
            let compiled = Regex::new(pattern).map_err(|error| {
                let reason = reason(pattern, &error);
                format!("java.util.regex.PatternSyntaxException: {reason}")
            });
            self.last = Some((pattern.to_owned(), compiled));
        }
        match &self.last {
            Some((_, Ok(regex))) => Ok(regex),
            Some((_, Err(line))) => Err(line.clone()),
            None => Err(String::new()),
        }
    }
}

/// What Java says about a pattern, or `None` where it is fine.
pub(super) fn complaint(pattern: &str) -> Option<String> {
    Regex::new(pattern)
        .err()
        .map(|error| reason(pattern, &error))
}

/// The common mistakes in Java's words: reason, place, the pattern, and a caret under the place.
fn reason(pattern: &str, error: &regex::Error) -> String {
    let english = error.to_string();
    let length = pattern.chars().count();
    let (words, index) = if english.contains("unclosed character class") {
        (
            "Unclosed character class".to_owned(),
            length.saturating_sub(1),
        )
    } else if english.contains("unclosed group") {
        ("Unclosed group".to_owned(), length)
    } else if english.contains("repetition operator missing expression") {
        let index = pattern.find(['*', '+', '?']).unwrap_or(0);
        let operator = pattern[index..].chars().next().unwrap_or('*');
        (format!("Dangling meta character '{operator}'"), index)
    } else if english.contains("unopened group") {
        (
            "Unmatched closing ')'".to_owned(),
            pattern.find(')').unwrap_or(1).saturating_sub(1),
        )
    } else {
        ("Illegal or unsupported pattern".to_owned(), 0)
    };
    let mut text = format!("{words} near index {index}\n{pattern}");
    if index < length {
        let _ = write!(text, "\n{}^", " ".repeat(index));
    }
    text
}

/// A replacement with groups: `$1`, `${name}`, and backslashes before anything else.
#[derive(Debug)]
pub(super) struct Replacement {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Group(usize),
}

impl Replacement {
    /// Reads it for the groups of `regex`; `Err` is the line of a warning.
    pub fn new(text: &str, regex: &Regex) -> Result<Self, String> {
        let illegal = |message: &str| Err(format!("java.lang.IllegalArgumentException: {message}"));
        let groups = regex.captures_len();
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some(next) => plain.push(next),
                    None => return illegal("character to be escaped is missing"),
                },
                '$' => {
                    let group = match letters.peek().copied() {
                        Some('{') => {
                            letters.next();
                            let name: String = letters.by_ref().take_while(|c| *c != '}').collect();
                            let found =
                                regex.capture_names().position(|known| known == Some(&name));
                            let Some(group) = found else {
                                return illegal(&format!("No group with name {{{name}}}"));
                            };
                            group
                        }
                        Some(digit) if digit.is_ascii_digit() => number(&mut letters, groups)
                            .ok_or_else(|| {
                                format!("java.lang.IndexOutOfBoundsException: No group {digit}")
                            })?,
                        Some(_) => return illegal("Illegal group reference"),
                        None => return illegal("Illegal group reference: group index is missing"),
                    };
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(Part::Group(group));
                }
                other => plain.push(other),
            }
        }
        parts.push(Part::Text(plain));
        Ok(Self { parts })
    }

    /// Writes `text` with all matches replaced.
    pub fn apply(&self, regex: &Regex, text: &str, to: &mut String) {
        let mut end = 0;
        for captures in regex.captures_iter(text) {
            let Some(whole) = captures.get(0) else {
                continue;
            };
            to.push_str(&text[end..whole.start()]);
            self.write(&captures, to);
            end = whole.end();
        }
        to.push_str(&text[end..]);
    }

    fn write(&self, captures: &Captures<'_>, to: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => to.push_str(text),
                Part::Group(group) => {
                    to.push_str(captures.get(*group).map_or("", |found| found.as_str()));
                }
            }
        }
    }
}

/// As many digits as still name a group.
fn number(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, groups: usize) -> Option<usize> {
    let mut group: Option<usize> = None;
    while let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(10)) {
        let next = group
            .unwrap_or(0)
            .saturating_mul(10)
            .saturating_add(digit as usize);
        if next >= groups {
            break;
        }
        group = Some(next);
        letters.next();
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str, pattern: &str, replacement: &str) -> String {
        let mut to = String::new();
        let mut known = Javas::default();
        let done = known.get(pattern).and_then(|regex| {
            Replacement::new(replacement, regex)?.apply(regex, text, &mut to);
            Ok(())
        });
        done.err().unwrap_or(to)
    }

    #[test]
    fn replaces_as_java_does() {
        let cases = [
            ("a.b.c", ".", "-", "-----"),
            ("a.b.c", "\\.", "-", "a-b-c"),
            ("2024-05", "(\\d+)-(\\d+)", "$2/$1", "05/2024"),
            ("abc", "b", "\\$", "a$c"),
            ("abc", "", "-", "-a-b-c-"),
            (
                "x",
                "x",
                "$1",
                "java.lang.IndexOutOfBoundsException: No group 1",
            ),
            (
                "x",
                "x",
                "$",
                "java.lang.IllegalArgumentException: Illegal group reference: group index is missing",
            ),
        ];
        for (text, pattern, replacement, expected) in cases {
            assert_eq!(replaced(text, pattern, replacement), expected);
        }
    }

    #[test]
    fn complaints_are_javas() {
        let cases = [
            (
                "[English",
                "Unclosed character class near index 7\n[English\n       ^",
            ),
            ("(a", "Unclosed group near index 2\n(a"),
            ("*", "Dangling meta character '*' near index 0\n*\n^"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(complaint(pattern).as_deref(), Some(expected));
        }
    }
}
