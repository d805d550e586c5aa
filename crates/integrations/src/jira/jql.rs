//! Values in Jira's query language.

/// A value in double quotes: quotation marks and backslashes are escaped, and what is no letter of
/// a line (control characters, line ends) is left out, so that a value stays a value.
///
/// From "Advanced search reference - JQL fields" and "Search syntax for text fields"
/// (support.atlassian.com): in a quoted string `\"` is a quotation mark and `\\` a backslash.
pub(super) fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for letter in value.chars().filter(|letter| !letter.is_control()) {
        if matches!(letter, '"' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::quoted;
    use proptest::prelude::*;

    #[test]
    fn a_value_ends_nothing() {
        assert_eq!(quoted("OPS"), r#""OPS""#);
        assert_eq!(quoted("a\" OR project = \"B"), r#""a\" OR project = \"B""#);
        assert_eq!(quoted("a\\\n\u{0}b"), r#""a\\b""#);
    }

    proptest! {
        #[test]
        fn whatever_the_value_there_is_one_string(value in ".*") {
            let text = quoted(&value);
            let inside = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect("quoted");
            let mut read = String::new();
            let mut letters = inside.chars();
            while let Some(letter) = letters.next() {
                prop_assert_ne!(letter, '"');
                read.push(if letter == '\\' { letters.next().expect("escaped") } else { letter });
            }
            let clean: String = value.chars().filter(|letter| !letter.is_control()).collect();
            prop_assert_eq!(read, clean);
        }
    }
}
