//! `LIKE` and `RLIKE`: patterns that have to match the whole string.

mod automaton;
mod syntax;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use regex::Regex;

use super::arrays::texts;
use super::entry::{Entry, Failures, Kernel};
use super::signature::{STRING, check};
use super::{Argument, Call, Column};
use crate::datatype::DataType;
use syntax::Node;

pub(super) static ENTRIES: [Entry; 2] = [
    Entry {
        name: "like",
        aliases: &[],
        summary: "Whether a string matches any of the patterns with wildcards.",
        resolve,
        kernel: Kernel::Whole(|call, arguments, failures| {
            any_value(call, arguments, "*")
                .or_else(|| matched(call, arguments, failures, Matcher::wildcards))
        }),
    },
    Entry {
        name: "rlike",
        aliases: &[],
        summary: "Whether a string matches any of the regular expressions.",
        resolve,
        kernel: Kernel::Whole(|call, arguments, failures| {
            any_value(call, arguments, ".*")
                .or_else(|| matched(call, arguments, failures, Matcher::expression))
        }),
    },
];

fn resolve(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    for argument in arguments {
        check("", text, STRING, argument)?;
    }
    Ok(DataType::Boolean)
}

/// One compiled pattern.
#[derive(Debug)]
enum Matcher {
    Regex(Regex),
    /// With operators that Rust's engine doesn't know: `~`, `&`, `<1-9>`, `#`.
    Tree(Node),
    /// Of a pattern that can't be read.
    Nothing,
}

impl Matcher {
    /// `*` any characters, `?` one, a backslash before either takes it as it is.
    fn wildcards(pattern: &str) -> Self {
        let mut regex = String::from("(?s)\\A");
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '*' => regex.push_str(".*"),
                '?' => regex.push('.'),
                '\\' => regex.push_str(&regex::escape(&letters.next().unwrap_or('\\').to_string())),
                other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        regex.push_str("\\z");
        Self::compiled(&regex)
    }

    /// Lucene's regular expressions.
    fn expression(pattern: &str) -> Self {
        let Some(node) = syntax::parse(pattern) else {
            return Self::Nothing;
        };
        let mut regex = String::from("(?s)\\A(?:");
        if node.write_regex(&mut regex).is_none() {
            return Self::Tree(node);
        }
        regex.push_str(")\\z");
        Self::compiled(&regex)
    }

    fn compiled(regex: &str) -> Self {
        Regex::new(regex).map_or(Self::Nothing, Self::Regex)
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(text),
            Self::Tree(node) => automaton::matches(node, text),
            Self::Nothing => false,
        }
    }
}

/// A pattern that everything matches asks only whether there is a value, or several.
fn any_value(call: &Call<'_>, arguments: &[Column], everything: &str) -> Option<ArrayRef> {
    let [strings, patterns] = arguments else {
        return None;
    };
    if strings.data_type == DataType::Null {
        return None;
    }
    let patterns = texts(&patterns.values)?;
    if !patterns.iter().all(|pattern| pattern == Some(everything)) {
        return None;
    }
    let nulls = strings.values.logical_nulls();
    let valid = (0..call.rows).map(|row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)));
    Some(Arc::new(BooleanArray::from(valid.collect::<Vec<bool>>())))
}

fn matched(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
    compile: fn(&str) -> Matcher,
) -> Option<ArrayRef> {
    if arguments
        .iter()
        .any(|column| column.data_type == DataType::Null)
    {
        return None;
    }
    let singles = super::lists::single(arguments, call.rows, failures)?;
    let (strings, patterns) = singles.split_first()?;
    let strings = texts(&strings.values)?;
    let patterns = patterns
        .iter()
        .map(|patterns| texts(&patterns.values))
        .collect::<Option<Vec<_>>>()?;
    // The last pattern of each argument: they are constants.
    let mut known: Vec<(String, Matcher)> = patterns
        .iter()
        .map(|_| (String::new(), compile("")))
        .collect();
    let mut one = |row: usize| {
        if strings.is_null(row) || patterns.iter().any(|patterns| patterns.is_null(row)) {
            return None;
        }
        let text = strings.value(row);
        Some(patterns.iter().zip(&mut known).any(|(patterns, known)| {
            let pattern = patterns.value(row);
            if known.0 != pattern {
                *known = (pattern.to_owned(), compile(pattern));
            }
            known.1.matches(text)
        }))
    };
    Some(Arc::new(
        (0..call.rows).map(&mut one).collect::<BooleanArray>(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        let cases = [
            ("a*b", "a\\*b", true),
            ("axb", "a\\*b", false),
            ("C:\\dir\\file", "C:\\\\dir\\\\*", true),
            ("Ünï🚀x", "Ünï?x", true),
            ("Ünï🚀x", "ü*", false),
            ("two\nlines", "two*", true),
            ("(x)", "(x)", true),
            ("", "*", true),
        ];
        for (text, pattern, expected) in cases {
            assert_eq!(
                Matcher::wildcards(pattern).matches(text),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn expressions() {
        let cases = [
            ("foobar", "foo", false),
            ("foobar", "(foo|x)ba?r", true),
            ("foobar", "^foobar$", false),
            ("12-34", "[0-9]+-[0-9]+", true),
            ("12-34", "<10-20>-34", true),
            ("22-34", "<10-20>-34", false),
            ("12-34", "~(12.*)", false),
            ("22-34", "~(12.*)", true),
            ("12-34", "\\d+-\\d+", true),
            ("12-34", "\\\\d+-\\\\d+", false),
            ("aAbB", "[a-z]+", false),
            ("aAbB", "a&b|aAbB", true),
            ("aAbB", "a.*&.*B", true),
            ("aAbB", "", false),
            ("tag@home #1", "tag@.*", true),
            ("tag@home #1", "tag\\@home \\#1", true),
            ("tag@home #1", "@", true),
            ("", "#", false),
            ("foo ( bar", "foo \\( bar", true),
            ("aaa", "a{2,3}", true),
            ("a", "a{2,3}", false),
            ("x", "(", false),
        ];
        for (text, pattern, expected) in cases {
            assert_eq!(
                Matcher::expression(pattern).matches(text),
                expected,
                "{pattern}"
            );
        }
    }
}
