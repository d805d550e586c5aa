//! New strings from old ones.

use arrow::array::{Array, ArrayRef};
use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::super::regexes::{Javas, Replacement};
use crate::functions::arrays::{all_valid, texts, to_ints, write_texts};
use crate::functions::entry::Failures;
use crate::functions::{Call, Column};

/// Strings longer than this are refused.
pub(in crate::functions) const MAX_BYTES: usize = 1_048_576;

/// By code points, as Elasticsearch does it.
pub(super) fn reverse(text: &str, to: &mut String) {
    to.extend(text.chars().rev());
}

pub(super) fn concat(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let strings = arguments
        .iter()
        .map(|column| texts(&column.values))
        .collect::<Option<Vec<_>>>()?;
    Some(write_texts(call.rows, |row, to| {
        for strings in &strings {
            if strings.is_null(row) {
                return false;
            }
            to.push_str(strings.value(row));
        }
        if to.len() > MAX_BYTES {
            failures.illegal(&format!(
                "concatenating more than [{MAX_BYTES}] bytes is not supported"
            ));
            return false;
        }
        true
    }))
}

pub(super) fn repeat(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let strings = texts(&arguments.first()?.values)?;
    let counts = to_ints(&arguments.get(1)?.values)?;
    Some(write_texts(call.rows, |row, to| {
        if strings.is_null(row) || counts.is_null(row) {
            return false;
        }
        times(strings.value(row), counts.value(row), to, failures)
    }))
}

pub(super) fn space(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let counts = to_ints(&arguments.first()?.values)?;
    Some(write_texts(call.rows, |row, to| {
        counts.is_valid(row) && times(" ", counts.value(row), to, failures)
    }))
}

fn times(text: &str, count: i32, to: &mut String, failures: &mut Failures) -> bool {
    let Ok(count) = usize::try_from(count) else {
        failures.illegal(&format!(
            "Number parameter cannot be negative, found [{count}]"
        ));
        return false;
    };
    if text.len().saturating_mul(count) > MAX_BYTES {
        failures.illegal(&format!(
            "Creating repeated strings with more than [{MAX_BYTES}] bytes is not supported"
        ));
        return false;
    }
    for _ in 0..count {
        to.push_str(text);
    }
    true
}

pub(super) fn to_base64(
    call: &Call<'_>,
    arguments: &[Column],
    _: &mut Failures,
) -> Option<ArrayRef> {
    let strings = texts(&arguments.first()?.values)?;
    Some(write_texts(call.rows, |row, to| {
        let valid = strings.is_valid(row);
        if valid {
            STANDARD.encode_string(strings.value(row), to);
        }
        valid
    }))
}

/// Padding may be missing, as in Java's decoder.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn from_base64(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let strings = texts(&arguments.first()?.values)?;
    Some(write_texts(call.rows, |row, to| {
        if strings.is_null(row) {
            return false;
        }
        let text = strings.value(row);
        match LENIENT.decode(text) {
            Ok(bytes) => match std::str::from_utf8(&bytes) {
                Ok(decoded) => {
                    to.push_str(decoded);
                    true
                }
                Err(_) => {
                    failures
                        .illegal("decoded value is not valid UTF-8, which is not supported yet");
                    false
                }
            },
            Err(_) => {
                failures.illegal(&no_base64(text));
                false
            }
        }
    }))
}

fn no_base64(text: &str) -> String {
    if text.len() == 1 {
        return "Input byte[] should at least have 2 bytes for base64 bytes".to_owned();
    }
    let strange = text
        .bytes()
        .find(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'/' | b'='));
    let digits = text.bytes().take_while(|byte| *byte != b'=').count();
    match strange {
        // Java prints the byte as a signed number.
        Some(byte) if byte > 0x7f => {
            format!("Illegal base64 character -{:x}", 0x100 - u32::from(byte))
        }
        Some(byte) => format!("Illegal base64 character {byte:x}"),
        None if digits % 4 == 1 && digits == text.len() => {
            "Last unit does not have enough valid bits".to_owned()
        }
        None => "Input byte array has wrong 4-byte ending unit".to_owned(),
    }
}

pub(super) fn replace(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let arrays: Vec<ArrayRef> = arguments
        .iter()
        .map(|column| column.values.clone())
        .collect();
    let [strings, patterns, replacements] = arrays.as_slice() else {
        return None;
    };
    let (strings, patterns, replacements) =
        (texts(strings)?, texts(patterns)?, texts(replacements)?);
    let mut known = Javas::default();
    Some(write_texts(call.rows, |row, to| {
        if !all_valid(&arrays, row) {
            return false;
        }
        let text = strings.value(row);
        let done = known.get(patterns.value(row)).and_then(|regex| {
            // What is never used may be wrong.
            if !regex.is_match(text) {
                to.push_str(text);
                return Ok(());
            }
            let replacement = Replacement::new(replacements.value(row), regex)?;
            replacement.apply(regex, text, to);
            Ok(())
        });
        if let Err(line) = &done {
            failures.add(line);
        }
        done.is_ok()
    }))
}
