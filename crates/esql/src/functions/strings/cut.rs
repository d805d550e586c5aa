//! Parts of strings.

use arrow::array::{Array, ArrayRef};

use crate::functions::arrays::{texts, to_ints, write_texts};
use crate::functions::entry::Failures;
use crate::functions::lists::from_lengths;
use crate::functions::{Call, Column};

/// What Java counts as blank: no-break spaces aren't, a few control characters are.
fn is_blank(letter: char) -> bool {
    match letter {
        '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{85}' => false,
        '\u{1c}'..='\u{1f}' => true,
        _ => letter.is_whitespace(),
    }
}

pub(super) fn trimmed(text: &str, start: bool, end: bool) -> &str {
    let text = if start {
        text.trim_start_matches(is_blank)
    } else {
        text
    };
    if end {
        text.trim_end_matches(is_blank)
    } else {
        text
    }
}

/// The byte at which the character with this number begins; the end where there are fewer.
pub(super) fn byte_at(text: &str, character: usize) -> usize {
    if text.is_ascii() {
        return character.min(text.len());
    }
    text.char_indices()
        .nth(character)
        .map_or(text.len(), |(byte, _)| byte)
}

/// A position counted from one, or from the end where it is negative, as characters to skip.
pub(super) fn skipped(text: &str, start: i32) -> usize {
    match start {
        1.. => start as usize - 1,
        0 => 0,
        _ => {
            let length = text.chars().count();
            length.saturating_sub(start.unsigned_abs() as usize)
        }
    }
}

pub(super) fn substring(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let strings = texts(&arguments.first()?.values)?;
    let starts = to_ints(&arguments.get(1)?.values)?;
    let lengths = match arguments.get(2) {
        Some(lengths) => Some(to_ints(&lengths.values)?),
        None => None,
    };
    Some(write_texts(call.rows, |row, to| {
        if strings.is_null(row) || starts.is_null(row) {
            return false;
        }
        let length = match &lengths {
            Some(lengths) if lengths.is_null(row) => return false,
            Some(lengths) => lengths.value(row),
            None => i32::MAX,
        };
        if length < 0 {
            failures.illegal(&format!(
                "Length parameter cannot be negative, found [{length}]"
            ));
            return false;
        }
        let text = strings.value(row);
        let rest = &text[byte_at(text, skipped(text, starts.value(row)))..];
        to.push_str(&rest[..byte_at(rest, length as usize)]);
        true
    }))
}

pub(super) fn left(call: &Call<'_>, arguments: &[Column], _: &mut Failures) -> Option<ArrayRef> {
    side(call, arguments, |text, length| {
        &text[..byte_at(text, length)]
    })
}

pub(super) fn right(call: &Call<'_>, arguments: &[Column], _: &mut Failures) -> Option<ArrayRef> {
    side(call, arguments, |text, length| {
        let skip = text.chars().count().saturating_sub(length);
        &text[byte_at(text, skip)..]
    })
}

fn side(call: &Call<'_>, arguments: &[Column], part: fn(&str, usize) -> &str) -> Option<ArrayRef> {
    let strings = texts(&arguments.first()?.values)?;
    let lengths = to_ints(&arguments.get(1)?.values)?;
    Some(write_texts(call.rows, |row, to| {
        let valid = strings.is_valid(row) && lengths.is_valid(row);
        if valid {
            to.push_str(part(strings.value(row), lengths.value(row).max(0) as usize));
        }
        valid
    }))
}

pub(super) fn split(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let strings = texts(&arguments.first()?.values)?;
    let delimiters = texts(&arguments.get(1)?.values)?;
    let mut parts = arrow::array::StringBuilder::new();
    let mut lengths = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if strings.is_null(row) || delimiters.is_null(row) {
            lengths.push(0);
            continue;
        }
        let delimiter = delimiters.value(row);
        if delimiter.len() != 1 {
            failures.invalid("delimiter must be single byte for now");
            lengths.push(0);
            continue;
        }
        let mut count = 0;
        for part in strings.value(row).split(delimiter) {
            parts.append_value(part);
            count += 1;
        }
        lengths.push(count);
    }
    let parts: ArrayRef = std::sync::Arc::new(parts.finish());
    if lengths.iter().all(|length| *length == 1) {
        return Some(parts);
    }
    from_lengths(parts, &lengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_javas() {
        assert_eq!(trimmed(" \t\u{2003}x\u{a0} ", true, true), "x\u{a0}");
        assert_eq!(trimmed("  x ", true, false), "x ");
        assert_eq!(trimmed("  x ", false, true), "  x");
    }

    #[test]
    fn positions_count_characters() {
        let text = "a🚀b日c";
        assert_eq!(&text[byte_at(text, skipped(text, 2))..], "🚀b日c");
        assert_eq!(&text[byte_at(text, skipped(text, -2))..], "日c");
        assert_eq!(&text[byte_at(text, skipped(text, -20))..], text);
        assert_eq!(&text[byte_at(text, skipped(text, 20))..], "");
    }
}
