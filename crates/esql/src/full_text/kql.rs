//! Kibana's query language, as `KQL` takes it: `service.name: payment and status >= 500`.

use super::{MatchOptions, Node};

/// Parentheses deeper than this are refused.
const MAX_DEPTH: usize = 50;

/// Parses a query. `None`: it isn't one.
pub fn parse(text: &str) -> Option<Node> {
    let mut parser = Parser {
        rest: text,
        depth: 0,
    };
    if text.trim().is_empty() {
        return Some(Node::Everything);
    }
    let node = parser.or(None)?;
    parser.skip();
    parser.rest.is_empty().then_some(node)
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// `and`, `or` and `not` in any case, followed by a space or a parenthesis.
    fn peek(&self, word: &str) -> bool {
        let rest = self.rest.trim_start();
        rest.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
            && rest[word.len()..]
                .chars()
                .next()
                .is_some_and(|next| next.is_whitespace() || next == '(')
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.peek(word);
        if found {
            self.skip();
            self.rest = &self.rest[word.len()..];
        }
        found
    }

    fn or(&mut self, field: Option<&str>) -> Option<Node> {
        let mut nodes = vec![self.and(field)?];
        while self.word("or") {
            nodes.push(self.and(field)?);
        }
        if nodes.len() == 1 {
            return nodes.pop();
        }
        Some(Node::Or(nodes))
    }

    fn and(&mut self, field: Option<&str>) -> Option<Node> {
        let mut nodes = vec![self.not(field)?];
        while self.word("and") {
            nodes.push(self.not(field)?);
        }
        if nodes.len() == 1 {
            return nodes.pop();
        }
        Some(Node::And(nodes))
    }

    fn not(&mut self, field: Option<&str>) -> Option<Node> {
        if self.word("not") {
            return Some(Node::Not(Box::new(self.not(field)?)));
        }
        if self.eat("(") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return None;
            }
            let node = self.or(field)?;
            self.depth -= 1;
            return self.eat(")").then_some(node);
        }
        match field {
            Some(field) => self.value(field),
            None => self.clause(),
        }
    }

    fn clause(&mut self) -> Option<Node> {
        let before = self.rest;
        let name = self.literal(true)?;
        for (sign, lower, equal) in [
            (">=", true, true),
            ("<=", false, true),
            (">", true, false),
            ("<", false, false),
        ] {
            if self.eat(sign) {
                let bound = Some((self.literal(false)?.text, equal));
                let (lower, upper) = if lower { (bound, None) } else { (None, bound) };
                return Some(Node::Range {
                    field: name.text,
                    lower,
                    upper,
                });
            }
        }
        if self.eat(":") {
            if self.eat("(") {
                let node = self.or(Some(&name.text))?;
                return self.eat(")").then_some(node);
            }
            return self.value(&name.text);
        }
        self.rest = before;
        self.value("*")
    }

    /// Words up to the next operator are one value.
    fn value(&mut self, field: &str) -> Option<Node> {
        let field = field.to_owned();
        let first = self.literal(false)?;
        if first.quoted {
            return Some(Node::Phrase {
                field,
                text: first.text,
                slop: 0,
                boost: 1.0,
            });
        }
        let mut text = first.text;
        loop {
            self.skip();
            let ends = self.rest.is_empty()
                || self.rest.starts_with([')', ':', '<', '>'])
                || self.peek("and")
                || self.peek("or");
            if ends {
                break;
            }
            text.push(' ');
            text.push_str(&self.literal(false)?.text);
        }
        if text == "*" {
            return Some(Node::Exists { field });
        }
        if text.contains('*') {
            return Some(Node::Wildcard {
                field,
                pattern: text,
            });
        }
        Some(Node::Match {
            field,
            text,
            options: MatchOptions::default(),
        })
    }

    /// A quoted text, or one up to a space or a sign; a name ends before a colon too.
    fn literal(&mut self, name: bool) -> Option<Literal> {
        self.skip();
        let mut text = String::new();
        let quoted = self.rest.starts_with('"');
        let mut letters = self.rest.char_indices().skip(usize::from(quoted));
        let mut end = self.rest.len();
        let mut closed = !quoted;
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => text.push(letters.next()?.1),
                '"' if quoted => {
                    end = at + 1;
                    closed = true;
                    break;
                }
                letter if quoted => text.push(letter),
                '(' | ')' | '<' | '>' | '"' => {
                    end = at;
                    break;
                }
                ':' if name => {
                    end = at;
                    break;
                }
                letter if letter.is_whitespace() => {
                    end = at;
                    break;
                }
                letter => text.push(letter),
            }
        }
        self.rest = &self.rest[end..];
        (closed && (quoted || !text.is_empty())).then_some(Literal { text, quoted })
    }
}

struct Literal {
    text: String,
    quoted: bool,
}
