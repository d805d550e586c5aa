//! Text in HTML.

use super::{invisible, walk::Walk};

/// Text for the content of an element and for an attribute in double or single quotes.
///
/// From the HTML standard, section 13.1.2.3 "Attributes" and OWASP's "Cross Site Scripting
/// Prevention", rules for HTML and for attributes: `&`, `<`, `>`, `"` and `'` are entities. Line
/// ends are `\n`; an element that shows lines says so in its style.
///
/// It isn't for `script`, `style`, comments, attributes without quotes, nor attributes that are
/// addresses (`href`) or code (`onclick`): no text of others belongs there.
pub fn html(text: &str) -> String {
    let clean = invisible::in_lines(text);
    let mut out = String::with_capacity(clean.len() + clean.len() / 8);
    for letter in Walk::over(&clean) {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{hostile, invisible};
    use super::html;
    use html5ever::tokenizer::{
        BufferQueue, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
    };
    use proptest::prelude::*;
    use std::cell::RefCell;

    /// What a parser made of a page: names of tags, values of attributes, text.
    #[derive(Default)]
    struct Page {
        tags: RefCell<Vec<String>>,
        values: RefCell<Vec<String>>,
        text: RefCell<String>,
    }

    impl TokenSink for Page {
        type Handle = ();

        fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
            match token {
                Token::CharacterTokens(text) => self.text.borrow_mut().push_str(&text),
                Token::TagToken(tag) => {
                    self.tags.borrow_mut().push(tag.name.to_string());
                    let values = tag
                        .attrs
                        .iter()
                        .map(|attribute| attribute.value.to_string());
                    self.values.borrow_mut().extend(values);
                }
                Token::EOFToken => {}
                Token::ParseError(error) => self.tags.borrow_mut().push(error.to_string()),
                other => self.tags.borrow_mut().push(format!("{other:?}")),
            }
            TokenSinkResult::Continue
        }
    }

    fn read(page: &str) -> Page {
        let input = BufferQueue::default();
        input.push_back(page.into());
        let tokenizer = Tokenizer::new(Page::default(), TokenizerOpts::default());
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        tokenizer.sink
    }

    #[test]
    fn markup_is_shown() {
        assert_eq!(
            html("<img src=x onerror='a(\"b\")'> & c\0\u{202e}\r\nd"),
            "&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt; &amp; c\nd"
        );
        assert_eq!(html("&lt;"), "&amp;lt;");
    }

    proptest! {
        #![proptest_config(hostile::config())]

        #[test]
        fn a_parser_reads_the_same_text(text in hostile::text()) {
            let shown = html(&text);
            let page = read(&format!("<p title=\"{shown}\" lang='{shown}'>{shown}</p>"));
            let expected = invisible::in_lines(&text);
            prop_assert_eq!(page.tags.take(), ["p", "p"]);
            prop_assert_eq!(page.values.take(), [expected.as_str(), expected.as_str()]);
            prop_assert_eq!(page.text.take(), expected);
        }
    }
}
