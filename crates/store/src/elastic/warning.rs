//! The `Warning` headers of an answer, as texts.

use reqwest::header::{HeaderMap, WARNING};

/// What stands between the quotes of each header, after `299 Elasticsearch-…`, unescaped.
pub fn warnings(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(WARNING)
        .iter()
        .filter_map(|value| text(value.as_bytes()))
        .collect()
}

fn text(header: &[u8]) -> Option<String> {
    let start = header.iter().position(|byte| *byte == b'"')? + 1;
    let mut rest = header.get(start..)?;
    let mut bytes = Vec::with_capacity(rest.len());
    loop {
        rest = match rest {
            [] | [b'"', ..] => break,
            [b'\\', escaped, after @ ..] => {
                bytes.push(*escaped);
                after
            }
            // What is beyond comes percent-encoded, and then so does the sign itself.
            [b'%', high, low, after @ ..] if hexadecimal(*high, *low).is_some() => {
                bytes.extend(hexadecimal(*high, *low));
                after
            }
            // Up to U+00FF characters come as they are.
            [other, after @ ..] => {
                let mut letter = [0; 4];
                bytes.extend(char::from(*other).encode_utf8(&mut letter).bytes());
                after
            }
        };
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn warnings_are_unquoted_and_decoded() {
        let read = |header: &str| text(header.as_bytes());
        assert_eq!(
            read(r#"299 Elasticsearch-8.19.21-4fe44c "No limit defined, adding default limit of [1000]""#).as_deref(),
            Some("No limit defined, adding default limit of [1000]")
        );
        assert_eq!(
            read(r#"299 Elasticsearch-8 "Line 1:2: \"a\\b\" caf%C3%A9 100%25" "Mon""#).as_deref(),
            Some(r#"Line 1:2: "a\b" café 100%"#)
        );
        assert_eq!(read("299 - 100% \"5% of\"").as_deref(), Some("5% of"));
        assert_eq!(read("299 nothing"), None);
    }
}
