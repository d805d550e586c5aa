//! Lucene's query syntax, as `QSTR` takes it: `title:(high OR bad) AND NOT tags:x`.

use super::{MatchOptions, Node};

/// Parentheses deeper than this are refused.
const MAX_DEPTH: usize = 50;

/// Parses a query. `None`: it isn't one.
pub fn parse(text: &str) -> Option<Node> {
    let mut parser = Parser {
        rest: text,
        depth: 0,
    };
    let node = parser.any("*")?;
    parser.skip();
    parser.rest.is_empty().then_some(node)
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
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

    /// An operator in capital letters that stands by itself.
    fn word(&mut self, word: &str) -> bool {
        self.skip();
        let Some(rest) = self.rest.strip_prefix(word) else {
            return false;
        };
        let ends = rest
            .chars()
            .next()
            .is_none_or(|next| next.is_whitespace() || next == '(');
        if ends {
            self.rest = rest;
        }
        ends
    }

    fn at_end(&mut self) -> bool {
        self.skip();
        self.rest.is_empty() || self.rest.starts_with(')')
    }

    /// Clauses side by side or with `OR` between them.
    fn any(&mut self, field: &str) -> Option<Node> {
        let mut nodes = vec![self.all(field)?];
        let mut excluded = Vec::new();
        while !self.at_end() {
            let _ = self.word("OR") || self.eat("||");
            match self.all(field)? {
                Node::Not(node) => excluded.push(Node::Not(node)),
                node => nodes.push(node),
            }
        }
        let wanted = one_or(nodes);
        if excluded.is_empty() {
            return Some(wanted);
        }
        excluded.insert(0, wanted);
        Some(Node::And(excluded))
    }

    fn all(&mut self, field: &str) -> Option<Node> {
        let mut nodes = vec![self.clause(field)?];
        while self.word("AND") || self.eat("&&") {
            nodes.push(self.clause(field)?);
        }
        if nodes.len() == 1 {
            return nodes.pop();
        }
        Some(Node::And(nodes))
    }

    fn clause(&mut self, field: &str) -> Option<Node> {
        if self.word("NOT") || self.eat("!") || self.eat("-") {
            return Some(Node::Not(Box::new(self.clause(field)?)));
        }
        let _ = self.eat("+");
        self.skip();
        if self.rest.starts_with('(') {
            return self.group(field);
        }
        if let Some(name) = self.field_name() {
            self.skip();
            if name == "_exists_" {
                let field = self.value()?;
                return Some(Node::Exists { field });
            }
            if self.rest.starts_with('(') {
                return self.group(&name);
            }
            return self.operand(&name);
        }
        self.operand(field)
    }

    fn group(&mut self, field: &str) -> Option<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH || !self.eat("(") {
            return None;
        }
        let node = self.any(field)?;
        self.depth -= 1;
        self.eat(")").then_some(node)
    }

    /// `name:` before a value.
    fn field_name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut letters = self.rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                ':' if !name.is_empty() => {
                    self.rest = &self.rest[at + 1..];
                    return Some(name);
                }
                '\\' => name.push(letters.next()?.1),
                '"' | '(' | ')' | '[' | ']' | '{' | '}' => return None,
                letter if letter.is_whitespace() => return None,
                letter => name.push(letter),
            }
        }
        None
    }

    fn operand(&mut self, field: &str) -> Option<Node> {
        let field = field.to_owned();
        self.skip();
        if self.rest.starts_with('"') {
            let text = self.quoted()?;
            let slop = self.number_after('~').unwrap_or(0.0) as usize;
            let boost = self.number_after('^').unwrap_or(1.0);
            return Some(Node::Phrase {
                field,
                text,
                slop,
                boost,
            });
        }
        if self.rest.starts_with(['[', '{']) {
            return self.range(field);
        }
        for (sign, lower, equal) in [
            (">=", true, true),
            ("<=", false, true),
            (">", true, false),
            ("<", false, false),
        ] {
            if self.eat(sign) {
                let bound = Some((self.value()?, equal));
                let (lower, upper) = if lower { (bound, None) } else { (None, bound) };
                return Some(Node::Range {
                    field,
                    lower,
                    upper,
                });
            }
        }
        let text = self.value()?;
        let fuzziness = self
            .rest
            .starts_with('~')
            .then(|| self.number_after('~').map(|number| number as usize));
        let boost = self.number_after('^').unwrap_or(1.0);
        if text == "*" {
            return Some(if field == "*" {
                Node::Everything
            } else {
                Node::Exists { field }
            });
        }
        if text.contains(['*', '?']) {
            return Some(Node::Wildcard {
                field,
                pattern: text,
            });
        }
        let options = MatchOptions {
            fuzziness,
            boost,
            ..MatchOptions::default()
        };
        Some(Node::Match {
            field,
            text,
            options,
        })
    }

    fn number_after(&mut self, sign: char) -> Option<f32> {
        let rest = self.rest.strip_prefix(sign)?;
        let end = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .unwrap_or(rest.len());
        self.rest = &rest[end..];
        rest[..end].parse().ok()
    }

    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut letters = self.rest.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(text);
                }
                '\\' => text.push(letters.next()?.1),
                letter => text.push(letter),
            }
        }
        None
    }

    fn value(&mut self) -> Option<String> {
        self.skip();
        if self.rest.starts_with('"') {
            return self.quoted();
        }
        let mut text = String::new();
        let mut end = self.rest.len();
        let mut letters = self.rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => text.push(letters.next()?.1),
                '(' | ')' | '"' | '[' | ']' | '{' | '}' | '^' | '~' | ':' | '!' => {
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
        (!text.is_empty()).then_some(text)
    }

    fn range(&mut self, field: String) -> Option<Node> {
        let from = self.rest.starts_with('[');
        self.rest = &self.rest[1..];
        let lower = self.bound()?;
        if !self.word("TO") {
            return None;
        }
        let upper = self.bound()?;
        let to = if self.eat("]") {
            true
        } else if self.eat("}") {
            false
        } else {
            return None;
        };
        let open = |bound: String, equal: bool| (bound != "*").then_some((bound, equal));
        Some(Node::Range {
            field,
            lower: open(lower, from),
            upper: open(upper, to),
        })
    }

    /// A bound may hold colons, as times do.
    fn bound(&mut self) -> Option<String> {
        self.skip();
        if self.rest.starts_with('"') {
            return self.quoted();
        }
        let end = self
            .rest
            .find(|letter: char| letter.is_whitespace() || letter == ']' || letter == '}')?;
        let (bound, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!bound.is_empty()).then(|| bound.to_owned())
    }
}

fn one_or(mut nodes: Vec<Node>) -> Node {
    match nodes.len() {
        1 => nodes.pop().unwrap_or(Node::Nothing),
        _ => Node::Or(nodes),
    }
}
