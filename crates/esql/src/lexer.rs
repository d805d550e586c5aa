//! Text to tokens.

use crate::ast::Span;
use crate::error::Error;

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A word that may be a keyword, a name or a function; text as written.
    Word(String),
    /// `` `name` ``, unquoted.
    Quoted(String),
    Text(String),
    Whole(String),
    Fraction(String),
    /// `?`, `?name`, `?1`; true for `??`.
    Param(String, bool),
    Symbol(&'static str),
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Lexeme {
    pub token: Token,
    pub span: Span,
}

const SYMBOLS: [&str; 27] = [
    "::", "==", "=~", "!=", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "%", "(", ")", "[", "]",
    "{", "}", ",", ".", ":", "|", ";", "@", "~",
];

pub fn tokens(query: &str) -> Result<Vec<Lexeme>, Error> {
    let mut lexer = Lexer {
        query,
        at: 0,
        line: 1,
        line_start: 0,
    };
    let mut found = Vec::new();
    loop {
        lexer.skip_blank()?;
        let start = lexer.at;
        let (line, column) = lexer.position(start);
        let token = lexer.token()?;
        let span = Span {
            start: start as u32,
            end: lexer.at as u32,
            line,
            column,
        };
        let end = token == Token::End;
        found.push(Lexeme { token, span });
        if end {
            return Ok(found);
        }
    }
}

struct Lexer<'a> {
    query: &'a str,
    at: usize,
    line: u32,
    line_start: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.query[self.at..]
    }

    fn position(&self, at: usize) -> (u32, u32) {
        let column = self.query[self.line_start..at].chars().count() as u32 + 1;
        (self.line, column)
    }

    fn fail(&self, message: String) -> Error {
        let (line, column) = self.position(self.at);
        let at = self.at as u32;
        Error::Parsing {
            span: Span {
                start: at,
                end: at,
                line,
                column,
            },
            message,
        }
    }

    fn advance(&mut self, bytes: usize) {
        let taken = &self.query[self.at..self.at + bytes];
        if let Some(last) = taken.rfind('\n') {
            self.line += taken.matches('\n').count() as u32;
            self.line_start = self.at + last + 1;
        }
        self.at += bytes;
    }

    fn skip_blank(&mut self) -> Result<(), Error> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            if blank > 0 {
                self.advance(blank);
            } else if rest.starts_with("//") {
                let end = rest.find('\n').unwrap_or(rest.len());
                self.advance(end);
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").map(|end| end + 2).unwrap_or(rest.len());
                self.advance(end);
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token, Error> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(Token::End);
        };
        if first == '"' {
            return self.text();
        }
        if first == '`' {
            return self.quoted();
        }
        if first == '?' {
            return Ok(self.param());
        }
        if first.is_ascii_digit()
            || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
        {
            return Ok(self.number());
        }
        if first.is_alphabetic() || first == '_' || first == '@' {
            let end = rest
                .char_indices()
                .skip(1)
                .find(|(_, c)| !(c.is_alphanumeric() || *c == '_' || *c == '@'))
                .map_or(rest.len(), |(index, _)| index);
            let word = rest[..end].to_owned();
            self.advance(end);
            return Ok(Token::Word(word));
        }
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            self.advance(symbol.len());
            return Ok(Token::Symbol(symbol));
        }
        Err(self.fail(format!("token recognition error at: '{first}'")))
    }

    fn text(&mut self) -> Result<Token, Error> {
        let rest = self.rest();
        if let Some(body) = rest.strip_prefix("\"\"\"") {
            let Some(mut end) = body.find("\"\"\"") else {
                return Err(self.fail(format!("token recognition error at: '{rest}'")));
            };
            while body[end + 3..].starts_with('"') {
                end += 1;
            }
            let text = body[..end].to_owned();
            self.advance(end + 6);
            return Ok(Token::Text(text));
        }
        let mut out = String::new();
        let mut chars = rest.char_indices().skip(1);
        while let Some((index, c)) = chars.next() {
            match c {
                '"' => {
                    self.advance(index + 1);
                    return Ok(Token::Text(out));
                }
                '\\' => match chars.next().map(|(_, escaped)| escaped) {
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some('r') => out.push('\r'),
                    Some('\\') => out.push('\\'),
                    Some('"') => out.push('"'),
                    Some(other) => {
                        out.push('\\');
                        out.push(other);
                    }
                    None => break,
                },
                other => out.push(other),
            }
        }
        Err(self.fail(format!("token recognition error at: '{rest}'")))
    }

    fn quoted(&mut self) -> Result<Token, Error> {
        let rest = self.rest();
        let mut out = String::new();
        let mut chars = rest.char_indices().skip(1).peekable();
        while let Some((index, c)) = chars.next() {
            if c != '`' {
                out.push(c);
            } else if chars.peek().is_some_and(|(_, next)| *next == '`') {
                chars.next();
                out.push('`');
            } else {
                self.advance(index + 1);
                return Ok(Token::Quoted(out));
            }
        }
        Err(self.fail(format!("token recognition error at: '{rest}'")))
    }

    fn param(&mut self) -> Token {
        let rest = self.rest();
        let double = rest.starts_with("??");
        let skip = if double { 2 } else { 1 };
        let end = rest[skip..]
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .map_or(rest.len(), |index| index + skip);
        let name = rest[skip..end].to_owned();
        self.advance(end);
        Token::Param(name, double)
    }

    fn number(&mut self) -> Token {
        let rest = self.rest().as_bytes();
        let digits = |mut at: usize| {
            while rest.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let mut end = digits(0);
        let mut fraction = false;
        if rest.get(end) == Some(&b'.') {
            fraction = true;
            end = digits(end + 1);
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let after = digits(end + 1 + sign);
            if after > end + 1 + sign {
                fraction = true;
                end = after;
            }
        }
        let text = self.rest()[..end].to_owned();
        self.advance(end);
        if fraction {
            Token::Fraction(text)
        } else {
            Token::Whole(text)
        }
    }
}
