//! Strings in URLs.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef};

use crate::functions::arrays::{texts, write_texts};
use crate::functions::entry::Failures;
use crate::functions::{Call, Column};

/// Letters, digits and `.-*_` stay; blanks become `+`.
pub(super) fn encode_form(text: &str, to: &mut String) {
    encode(text, b".-*_", "+", to);
}

/// Letters, digits and `.-_~` stay; blanks become `%20`.
pub(super) fn encode_component(text: &str, to: &mut String) {
    encode(text, b".-_~", "%20", to);
}

fn encode(text: &str, plain: &[u8], blank: &str, to: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            to.push(char::from(byte));
        } else if byte == b' ' {
            to.push_str(blank);
        } else {
            let _ = write!(to, "%{byte:02X}");
        }
    }
}

pub(super) fn decode(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let strings = texts(&arguments.first()?.values)?;
    let mut bytes = Vec::new();
    Some(write_texts(call.rows, |row, to| {
        if strings.is_null(row) {
            return false;
        }
        bytes.clear();
        match decoded(strings.value(row), &mut bytes) {
            Ok(()) => {
                to.push_str(&String::from_utf8_lossy(&bytes));
                true
            }
            Err(message) => {
                failures.illegal(&message);
                false
            }
        }
    }))
}

fn decoded(text: &str, to: &mut Vec<u8>) -> Result<(), String> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'+' => to.push(b' '),
            b'%' => {
                let Some(pair) = bytes.get(at + 1..at + 3) else {
                    return Err("URLDecoder: Incomplete trailing escape (%) pattern".to_owned());
                };
                let pair = String::from_utf8_lossy(pair);
                let value = u8::from_str_radix(&pair, 16).map_err(|_| {
                    format!(
                        "URLDecoder: Illegal hex characters in escape (%) pattern - Error at index 0 in: \"{pair}\""
                    )
                })?;
                to.push(value);
                at += 2;
            }
            byte => to.push(byte),
        }
        at += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_reference_has_it() {
        let url = "https://example.com/?x=foo bar&y=baz";
        let mut form = String::new();
        encode_form(url, &mut form);
        assert_eq!(form, "https%3A%2F%2Fexample.com%2F%3Fx%3Dfoo+bar%26y%3Dbaz");
        let mut component = String::new();
        encode_component(url, &mut component);
        assert_eq!(
            component,
            "https%3A%2F%2Fexample.com%2F%3Fx%3Dfoo%20bar%26y%3Dbaz"
        );
        for encoded in [form, component] {
            let mut bytes = Vec::new();
            assert_eq!(decoded(&encoded, &mut bytes), Ok(()));
            assert_eq!(bytes, url.as_bytes());
        }
        assert!(decoded("%", &mut Vec::new()).is_err());
        assert!(decoded("%zz", &mut Vec::new()).is_err());
    }
}
