//! Others' text for fields of plain text: summaries, titles, details.

use model::render::{adf_text, one_line};
use serde_json::Value;

/// One line of `max_chars` characters at most in which nothing becomes a link or a mention: for
/// fields that know no markup, but whose readers may make links of bare URLs and addresses.
pub(crate) fn plain(text: &str, max_chars: usize) -> String {
    // The renderer of ADF breaks URLs and addresses and escapes nothing, so that what it gives for
    // one line is plain text.
    let nodes = adf_text(&one_line(text, max_chars));
    let shown = nodes.pointer("/0/text").and_then(Value::as_str);
    one_line(shown.unwrap_or_default(), max_chars)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn nothing_in_it_acts_and_it_fits() {
        assert_eq!(
            plain("see https://a.example\n@ada <b>*x*</b>\u{202e}", 80),
            "see https[:]//a.example ＠ada <b>*x*</b>"
        );
        assert_eq!(plain("http://a http://b", 12), "http[:]//a…");
        assert_eq!(plain(" \u{200b}\n", 80), "");
    }
}
