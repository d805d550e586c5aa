//! Tokens to the syntax tree, by recursive descent.

use crate::ast::*;
use crate::error::Error;
use crate::lexer::{Lexeme, Token, tokens};
use crate::request::{Parameter, ParameterKind};

mod branches;
mod commands;
mod expressions;
mod fuse;
mod params;

/// Nested expressions: beyond it the query is refused, so that no stack overflows.
pub const MAX_DEPTH: usize = 400;
/// Characters of a query.
pub const MAX_LENGTH: usize = 1_000_000;

/// Parses a query; parameters become literals and names.
///
/// # Errors
/// [`Error::Parsing`] with line and column.
pub fn parse(query: &str, params: &[Parameter]) -> Result<Query, Error> {
    if query.len() > MAX_LENGTH {
        return Err(Error::IllegalArgument(format!(
            "ESQL statement is too large [{} characters > {MAX_LENGTH}]",
            query.len()
        )));
    }
    let mut parser = Parser {
        text: query,
        tokens: tokens(query)?,
        begun: None,
        complaint: None,
        at: 0,
        depth: 0,
        params,
        next_param: 0,
    };
    let parsed = parser.query()?;
    parser.expect_end()?;
    match parser.complaint {
        Some(complaint) => Err(complaint),
        None => Ok(parsed),
    }
}

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Lexeme>,
    /// Where the expression that is being read began, before any part of it.
    begun: Option<Span>,
    /// About what was read well and means nothing: it comes after all complaints about syntax.
    complaint: Option<Error>,
    at: usize,
    depth: usize,
    params: &'a [Parameter],
    next_param: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].token
    }

    fn peek_after(&self, ahead: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)].token
    }

    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    fn next(&mut self) -> Lexeme {
        let lexeme = self.tokens[self.at].clone();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        lexeme
    }

    /// From `start` to the last token that was taken.
    fn since(&self, start: Span) -> Span {
        let last = self.tokens[self.at.saturating_sub(1)].span;
        Span {
            end: last.end.max(start.start),
            ..start
        }
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(found) if *found == symbol)
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.next();
        }
        found
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn is_word_after(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek_after(ahead), Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.next();
        }
        found
    }

    fn symbol(&mut self, symbol: &str) -> Result<(), Error> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("'{symbol}'")))
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        if self.take_word(word) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("'{}'", word.to_lowercase())))
        }
    }

    fn shown(&self) -> String {
        match self.peek() {
            Token::End => "<EOF>".to_owned(),
            Token::Word(text) | Token::Whole(text) | Token::Fraction(text) => text.clone(),
            Token::Quoted(text) => format!("`{text}`"),
            Token::Text(text) => format!("\"{text}\""),
            Token::Param(name, double) => format!("{}{name}", if *double { "??" } else { "?" }),
            Token::Symbol(symbol) => (*symbol).to_owned(),
        }
    }

    fn unexpected(&self, expecting: &str) -> Error {
        self.fail(format!(
            "mismatched input '{}' expecting {expecting}",
            self.shown()
        ))
    }

    /// As [`Parser::unexpected`], where the token after this one would do.
    fn extraneous(&self, expecting: &str) -> Error {
        self.fail(format!(
            "extraneous input '{}' expecting {expecting}",
            self.shown()
        ))
    }

    /// Nothing fits what stands from `start` to here.
    fn no_viable(&self, start: Span) -> Error {
        let end = match self.peek() {
            Token::End => self.text.trim_end().len() as u32,
            _ => self.span().end,
        };
        let input = Span { end, ..start }.text(self.text);
        self.fail(format!("no viable alternative at input '{input}'"))
    }

    /// No expression begins here.
    fn no_expression(&self) -> Error {
        const EXPECTING: &str = "an expression";
        match self.begun {
            Some(start) if start.start < self.span().start => self.no_viable(start),
            _ if self.begins_expression(1) => self.extraneous(EXPECTING),
            _ => self.unexpected(EXPECTING),
        }
    }

    fn begins_expression(&self, ahead: usize) -> bool {
        match self.peek_after(ahead) {
            Token::Word(word) => !is_reserved(word),
            Token::Symbol(symbol) => matches!(*symbol, "(" | "[" | "+" | "-"),
            Token::End => false,
            _ => true,
        }
    }

    fn fail(&self, message: String) -> Error {
        Error::Parsing {
            span: self.span(),
            message,
        }
    }

    fn fail_at(span: Span, message: String) -> Error {
        Error::Parsing { span, message }
    }

    fn expect_end(&self) -> Result<(), Error> {
        match self.peek() {
            Token::End => Ok(()),
            _ if *self.peek_after(1) == Token::End => Err(self.extraneous("<EOF>")),
            _ => Err(self.unexpected("<EOF>")),
        }
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let limit = MAX_DEPTH;
            return Err(self.fail(format!(
                "ESQL statement exceeded the maximum expression depth allowed ({limit})"
            )));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }
}

/// Words that are no names where an expression is expected.
fn is_reserved(word: &str) -> bool {
    const WORDS: [&str; 16] = [
        "and", "as", "asc", "by", "desc", "first", "in", "is", "last", "like", "nulls", "on", "or",
        "rlike", "using", "where",
    ];
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}
