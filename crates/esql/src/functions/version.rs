//! Versions as bytes whose order is the order of versions.
//!
//! A semantic version is `1`, then each number as its length and its digits, parts joined by
//! `MORE`; then `PRE` and the pre-release's identifiers, or `RELEASE`; then the build as text.
//! Anything else is `2` and the text itself: such versions come after all others.

const SEMANTIC: u8 = 1;
const OTHER: u8 = 2;

// What follows a number of the main part, in the order of versions.
const PRE: u8 = 1;
const RELEASE: u8 = 2;
const MORE: u8 = 3;

// What an identifier of the pre-release is; numbers come before words.
const NUMBER: u8 = 1;
const WORD: u8 = 2;
// What follows it.
const LAST: u8 = 0;
const NEXT: u8 = 1;

/// A number with more digits than this isn't taken for one.
const MAX_DIGITS: usize = 255;

/// The version as bytes.
pub fn encode(text: &str) -> Vec<u8> {
    semantic(text).unwrap_or_else(|| {
        let mut bytes = vec![OTHER];
        bytes.extend_from_slice(text.as_bytes());
        bytes
    })
}

fn semantic(text: &str) -> Option<Vec<u8>> {
    let (rest, build) = match text.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (text, None),
    };
    let (main, pre) = match rest.split_once('-') {
        Some((main, pre)) => (main, Some(pre)),
        None => (rest, None),
    };
    let mut bytes = vec![SEMANTIC];
    for (index, part) in main.split('.').enumerate() {
        if index > 0 {
            bytes.push(MORE);
        }
        number(part, &mut bytes)?;
    }
    match pre {
        None => bytes.push(RELEASE),
        Some(pre) => {
            bytes.push(PRE);
            let mut identifiers = pre.split('.').peekable();
            while let Some(identifier) = identifiers.next() {
                pre_release(identifier, &mut bytes)?;
                bytes.push(if identifiers.peek().is_some() {
                    NEXT
                } else {
                    LAST
                });
            }
        }
    }
    if let Some(build) = build {
        if !build.split('.').all(is_identifier) {
            return None;
        }
        bytes.push(b'+');
        bytes.extend_from_slice(build.as_bytes());
    }
    Some(bytes)
}

fn number(text: &str, to: &mut Vec<u8>) -> Option<()> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    if !digits || padded || text.len() > MAX_DIGITS {
        return None;
    }
    to.push(text.len() as u8);
    to.extend_from_slice(text.as_bytes());
    Some(())
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn pre_release(text: &str, to: &mut Vec<u8>) -> Option<()> {
    if !is_identifier(text) {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        to.push(NUMBER);
        return number(text, to);
    }
    to.push(WORD);
    to.extend_from_slice(text.as_bytes());
    Some(())
}

/// The text of a version that [`encode`] made; bytes of another origin give what they hold.
pub fn decode(bytes: &[u8], to: &mut String) {
    match bytes.split_first() {
        Some((&SEMANTIC, rest)) => {
            let mut rest = rest;
            decode_main(&mut rest, to);
            to.push_str(&String::from_utf8_lossy(rest));
        }
        Some((_, rest)) => to.push_str(&String::from_utf8_lossy(rest)),
        None => {}
    }
}

fn decode_main(rest: &mut &[u8], to: &mut String) {
    loop {
        decode_number(rest, to);
        match next(rest) {
            Some(MORE) => to.push('.'),
            Some(PRE) => break,
            _ => return,
        }
    }
    to.push('-');
    loop {
        if next(rest) == Some(NUMBER) {
            decode_number(rest, to);
        } else {
            let length = rest.iter().take_while(|byte| **byte > NEXT).count();
            let (word, after) = rest.split_at(length);
            to.push_str(&String::from_utf8_lossy(word));
            *rest = after;
        }
        if next(rest) != Some(NEXT) {
            return;
        }
        to.push('.');
    }
}

fn next(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

fn decode_number(rest: &mut &[u8], to: &mut String) {
    let length = usize::from(next(rest).unwrap_or(0)).min(rest.len());
    let (digits, after) = rest.split_at(length);
    to.push_str(&String::from_utf8_lossy(digits));
    *rest = after;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_the_order_of_versions() {
        let ordered = [
            "0.0.0",
            "0.0.1",
            "1.0.0-1",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.2",
            "1.0.0-alpha.10",
            "1.0.0-beta",
            "1.0.0",
            "1.0.0+b1",
            "1.2",
            "1.2.0",
            "1.9.0",
            "1.10.0-rc.1",
            "1.10.0",
            "2.1.0+build.7",
            "10.0.0",
            "99999999.0.0",
            "01.2",
            "hotfix",
        ];
        for pair in ordered.windows(2) {
            assert!(encode(pair[0]) < encode(pair[1]), "{pair:?}");
        }
        for text in ordered {
            let mut decoded = String::new();
            decode(&encode(text), &mut decoded);
            assert_eq!(decoded, text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_back(text in "\\PC*") {
            let mut decoded = String::new();
            decode(&encode(&text), &mut decoded);
            proptest::prop_assert_eq!(decoded, text);
        }

        #[test]
        fn any_bytes_are_printed(bytes: Vec<u8>) {
            let mut decoded = String::new();
            decode(&bytes, &mut decoded);
        }
    }
}
