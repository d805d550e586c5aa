//! A template, as the miner keeps it.

use super::scan::{Kind, Token};

/// Values in a row that are written one by one; more of them are one `<*>`.
const MAX_WRITTEN: u16 = 4;
/// What stands for a value.
const WILDCARD: &str = "<*>";

#[derive(Debug, Clone)]
struct Part {
    kind: Kind,
    text: Box<str>,
    spaced: bool,
    hash: u64,
    /// Values in a row, in the messages seen.
    fewest: u16,
    most: u16,
}

impl Part {
    fn token(&self) -> Token<'_> {
        Token {
            kind: self.kind,
            text: &self.text,
            spaced: self.spaced,
            run: self.most,
            hash: self.hash,
        }
    }
}

#[derive(Debug)]
pub struct Pattern {
    parts: Vec<Part>,
    /// Of the runs of values that were seen last.
    runs: u64,
    /// When a message was last seen, in messages.
    pub seen: u64,
}

impl Pattern {
    pub fn new(tokens: &[Token], seen: u64) -> Self {
        let part = |token: &Token| Part {
            kind: token.kind,
            text: match token.kind {
                Kind::Value(_) => Box::default(),
                _ => token.text.into(),
            },
            spaced: token.spaced,
            hash: token.hash,
            fewest: token.run,
            most: token.run,
        };
        Self {
            parts: tokens.iter().map(part).collect(),
            runs: 0,
            seen,
        }
    }

    pub fn tokens(&self) -> Vec<Token<'_>> {
        self.parts.iter().map(Part::token).collect()
    }

    /// One more message of it.
    pub fn take(&mut self, tokens: &[Token], runs: u64, now: u64) {
        self.seen = now;
        if self.runs == runs {
            return;
        }
        self.runs = runs;
        for (part, token) in self.parts.iter_mut().zip(tokens) {
            part.fewest = part.fewest.min(token.run);
            part.most = part.most.max(token.run);
        }
    }

    /// Another's messages too: it differs in words that are values here.
    pub fn absorb(&mut self, other: &Self) {
        for (part, other) in self.parts.iter_mut().zip(&other.parts) {
            part.fewest = part.fewest.min(other.fewest);
            part.most = part.most.max(other.most);
        }
    }

    /// Bytes that it holds, about.
    pub fn bytes(&self) -> usize {
        let texts: usize = self.parts.iter().map(|part| part.text.len()).sum();
        texts + self.parts.len() * size_of::<Part>()
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        for part in &self.parts {
            if part.spaced {
                out.push(' ');
            }
            if !matches!(part.kind, Kind::Value(_)) {
                out.push_str(&part.text);
                continue;
            }
            if !part.spaced && out.ends_with(WILDCARD) {
                continue;
            }
            out.push_str(WILDCARD);
            if part.fewest == part.most && part.most <= MAX_WRITTEN {
                for _ in 1..part.most {
                    out.push(' ');
                    out.push_str(WILDCARD);
                }
            }
        }
        out
    }
}
