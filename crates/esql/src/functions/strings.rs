//! Functions of strings.

mod cut;
mod edit;
mod find;
mod url;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array};

use super::arrays::{texts, write_texts};
use super::entry::{Entry, Kernel};
use super::signature::{Count, INTEGER, STRING, check, check_all, count, fixed, without_null};
use super::{Argument, Column};
use crate::datatype::DataType::{self, Boolean, Integer, Keyword};

/// A function that gives a string.
macro_rules! text {
    ($name:literal, $count:ident, $accepts:expr, $kernel:expr, $summary:literal) => {
        Entry {
            name: $name,
            aliases: &[],
            summary: $summary,
            resolve: |text, arguments| fixed(text, arguments, Count::$count, &$accepts, Keyword),
            kernel: Kernel::Single($kernel),
        }
    };
}

/// A function of one string whose type is null where the string is null.
macro_rules! same {
    ($name:literal, $kernel:expr, $summary:literal) => {
        Entry {
            name: $name,
            aliases: &[],
            summary: $summary,
            resolve: string_or_null,
            kernel: Kernel::Single(|_, arguments, _| each_text(arguments, $kernel)),
        }
    };
}

/// A length: an integer for each string.
macro_rules! length {
    ($name:literal, $f:expr, $summary:literal) => {
        Entry {
            name: $name,
            aliases: &[],
            summary: $summary,
            resolve: |text, arguments| fixed(text, arguments, Count::One, &[STRING], Integer),
            kernel: Kernel::Single(|_, arguments, _| lengths(arguments, $f)),
        }
    };
}

/// Whether one string has to do with another.
macro_rules! test {
    ($name:literal, $f:expr, $summary:literal) => {
        Entry {
            name: $name,
            aliases: &[],
            summary: $summary,
            resolve: |text, arguments| {
                fixed(text, arguments, Count::Two, &[STRING, STRING], Boolean)
            },
            kernel: Kernel::Single(|call, arguments, _| find::test(call, arguments, $f)),
        }
    };
}

pub(super) static ENTRIES: [Entry; 24] = [
    length!(
        "LENGTH",
        |text| text.chars().count(),
        "How many characters a string has."
    ),
    length!(
        "BYTE_LENGTH",
        str::len,
        "How many bytes a string has in UTF-8."
    ),
    length!(
        "BIT_LENGTH",
        |text| text.len() * 8,
        "How many bits a string has in UTF-8."
    ),
    same!(
        "TRIM",
        |text, to| to.push_str(cut::trimmed(text, true, true)),
        "The string without blanks at its ends."
    ),
    same!(
        "LTRIM",
        |text, to| to.push_str(cut::trimmed(text, true, false)),
        "The string without blanks at its start."
    ),
    same!(
        "RTRIM",
        |text, to| to.push_str(cut::trimmed(text, false, true)),
        "The string without blanks at its end."
    ),
    same!("REVERSE", edit::reverse, "The string backwards."),
    same!(
        "URL_ENCODE",
        url::encode_form,
        "The string for use in a URL; blanks become plus signs."
    ),
    same!(
        "URL_ENCODE_COMPONENT",
        url::encode_component,
        "The string for use in a URL; blanks become %20."
    ),
    Entry {
        name: "URL_DECODE",
        aliases: &[],
        summary: "The string that was encoded for a URL.",
        resolve: string_or_null,
        kernel: Kernel::Single(url::decode),
    },
    Entry {
        name: "CONCAT",
        aliases: &[],
        summary: "The strings one after the other.",
        resolve: |text, arguments| {
            count(text, arguments, Count::TwoOrMore)?;
            // Which one it is isn't said.
            for argument in arguments {
                check("", text, STRING, argument)?;
            }
            Ok(Keyword)
        },
        kernel: Kernel::Single(edit::concat),
    },
    text!(
        "SUBSTRING",
        TwoOrThree,
        [STRING, INTEGER, INTEGER],
        cut::substring,
        "A part of a string, from a position on."
    ),
    text!(
        "LEFT",
        Two,
        [STRING, INTEGER],
        cut::left,
        "The first characters of a string."
    ),
    text!(
        "RIGHT",
        Two,
        [STRING, INTEGER],
        cut::right,
        "The last characters of a string."
    ),
    text!(
        "REPLACE",
        Three,
        [STRING, STRING, STRING],
        edit::replace,
        "The string with every match of a regular expression replaced."
    ),
    Entry {
        name: "REPEAT",
        aliases: &[],
        summary: "The string so many times.",
        resolve: |text, arguments| {
            without_null(text, arguments, Count::OneOrTwo, 2)?;
            fixed(text, arguments, Count::Two, &[STRING, INTEGER], Keyword)
        },
        kernel: Kernel::Single(edit::repeat),
    },
    text!(
        "TO_BASE64",
        One,
        [STRING],
        edit::to_base64,
        "The string in Base64."
    ),
    text!(
        "FROM_BASE64",
        One,
        [STRING],
        edit::from_base64,
        "The string that was encoded in Base64."
    ),
    Entry {
        name: "SPACE",
        aliases: &[],
        summary: "So many blanks.",
        resolve: |text, arguments| fixed(text, arguments, Count::One, &[INTEGER], Keyword),
        kernel: Kernel::Single(edit::space),
    },
    text!(
        "SPLIT",
        Two,
        [STRING, STRING],
        cut::split,
        "The parts of a string between delimiters."
    ),
    test!(
        "STARTS_WITH",
        |text, part| text.starts_with(part),
        "Whether a string begins with another."
    ),
    test!(
        "ENDS_WITH",
        |text, part| text.ends_with(part),
        "Whether a string ends with another."
    ),
    test!(
        "CONTAINS",
        |text, part| text.contains(part),
        "Whether a string contains another."
    ),
    Entry {
        name: "LOCATE",
        aliases: &[],
        summary: "Where a string first occurs in another, counted from one; 0: nowhere.",
        resolve: |text, arguments| {
            fixed(
                text,
                arguments,
                Count::TwoOrThree,
                &[STRING, STRING, INTEGER],
                Integer,
            )
        },
        kernel: Kernel::Single(find::locate),
    },
];

/// Null has no other type here.
fn string_or_null(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    count(text, arguments, Count::One)?;
    check_all(text, arguments, &[STRING])?;
    Ok(super::signature::no_text(arguments[0].data_type))
}

fn lengths(arguments: &[Column], length: fn(&str) -> usize) -> Option<ArrayRef> {
    let texts = texts(&arguments.first()?.values)?;
    let values = texts
        .iter()
        .map(|text| Some(i32::try_from(length(text?)).unwrap_or(i32::MAX)));
    Some(Arc::new(values.collect::<Int32Array>()))
}

/// A string written for each string.
fn each_text(arguments: &[Column], write: fn(&str, &mut String)) -> Option<ArrayRef> {
    let texts = texts(&arguments.first()?.values)?;
    Some(write_texts(texts.len(), |row, to| {
        let valid = texts.is_valid(row);
        if valid {
            write(texts.value(row), to);
        }
        valid
    }))
}
