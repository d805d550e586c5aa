//! Texts as templates and tokens.

/// Tokens of a message that its template keeps; what follows is mostly values.
const MAX_TOKENS: usize = 12;
/// Bytes of a message's literal start at most.
const MAX_START: usize = 80;

/// Hexadecimal digits that make an id rather than a word.
const MIN_HEX: usize = 8;

/// A message with its values masked: what follows `=` or `:`, and what is mostly digits. Words keep
/// their digits where letters prevail (`Class#31`).
pub fn template(message: &str) -> String {
    let mut out = String::with_capacity(64);
    let mut tokens = 0;
    let mut before = ' ';
    let mut rest = message;
    while tokens < MAX_TOKENS {
        let Some(start) = rest.find(|c: char| !is_border(c)) else {
            break;
        };
        if let Some(c) = rest[..start].trim_end().chars().next_back() {
            before = c;
        }
        rest = &rest[start..];
        let end = rest.find(is_border).unwrap_or(rest.len());
        let token = &rest[..end];
        rest = &rest[end..];
        tokens += 1;
        let value = is_value(token) || before == '=' || before == ':' || before == '：';
        before = ' ';
        if value && out.ends_with('*') {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(if value { "*" } else { token });
    }
    out
}

/// How a message starts before its first value: what others of its template start with too.
pub fn literal_start(message: &str) -> &str {
    let mut end = 0;
    for token in message.split_inclusive(is_border) {
        let bare = token.trim_end_matches(is_border);
        if is_value(bare) || end + token.len() > MAX_START {
            break;
        }
        end += token.len();
        if token.ends_with(['=', ':', '：']) {
            break;
        }
    }
    &message[..end]
}

fn is_border(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '[' | ']'
                | '('
                | ')'
                | '{'
                | '}'
                | ','
                | ';'
                | ':'
                | '：'
                | '='
                | '"'
                | '\''
                | '<'
                | '>'
                | '|'
        )
}

fn is_value(token: &str) -> bool {
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return false;
    }
    let letters = token.chars().filter(|c| c.is_alphabetic()).count();
    let is_hex = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    digits >= letters || (token.len() >= MIN_HEX && token.bytes().all(is_hex))
}

/// Whether a line tells of a failure: by its level or its error's type.
pub fn is_error(line: &crate::observations::LogLine) -> bool {
    line.error_type.is_some()
        || line.level.as_deref().is_some_and(|level| {
            let level = level.to_ascii_lowercase();
            ["err", "fatal", "crit", "sever", "panic", "emerg", "alert"]
                .iter()
                .any(|word| level.starts_with(word))
        })
}

/// Whether a line warns, by its level.
pub fn is_warning(line: &crate::observations::LogLine) -> bool {
    line.level
        .as_deref()
        .is_some_and(|level| level.starts_with(['W', 'w']))
}

/// Shortest word that says something.
const MIN_WORD: usize = 3;

/// The words of a text in lower case: identifiers whole and in their parts, without numbers.
pub fn words(text: &str) -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    for token in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
        let mut part = String::new();
        let mut parts = 0;
        let mut before_lower = false;
        for c in token.chars().chain(std::iter::once('_')) {
            if c == '_' || (c.is_uppercase() && before_lower) || c.is_ascii_digit() {
                if part.chars().count() >= MIN_WORD {
                    found.insert(std::mem::take(&mut part));
                    parts += 1;
                }
                part.clear();
            }
            before_lower = c.is_lowercase();
            if c.is_alphabetic() {
                part.extend(c.to_lowercase());
            }
        }
        if parts > 1 {
            found.insert(token.to_lowercase());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weigh::scene::line;

    #[test]
    fn a_template_masks_values_only() {
        let masked = "Order * of user * failed in Class#31";
        assert_eq!(
            template("Order 4711 of user=alice failed in Class#31"),
            masked
        );
        assert_eq!(template("Order 12 of user=bob failed in Class#31"), masked);
        assert_eq!(
            template("at 10.0.0.7 1234 5678 done"),
            "at * done",
            "values in a row are one"
        );
    }

    #[test]
    fn a_start_ends_before_the_first_value() {
        assert_eq!(literal_start("Order 4711 failed"), "Order ");
        assert_eq!(literal_start("user=alice failed"), "user=");
        assert_eq!(literal_start("7 failed"), "");
    }

    #[test]
    fn identifiers_are_taken_whole_and_in_parts() {
        let found = words("getUserName of pool_size2 at v1");
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(
            found,
            [
                "get",
                "getusername",
                "name",
                "pool",
                "pool_size2",
                "size",
                "user"
            ]
        );
    }

    #[test]
    fn levels_and_error_types_tell_of_failures() {
        assert!(is_error(&line(0, "a", "ERROR", "x")));
        assert!(is_error(&line(0, "a", "fatal", "x")));
        assert!(!is_error(&line(
            0,
            "a",
            "INFO",
            "an error that was handled"
        )));
        let mut typed = line(0, "a", "INFO", "x");
        typed.error_type = Some("Timeout".into());
        assert!(is_error(&typed));
    }
}
