//! `FORK` and `CHANGE_POINT`.

use super::Parser;
use crate::ast::{ChangePoint, CommandKind, Identifier, Query};
use crate::error::Error;
use crate::lexer::Token;

/// As Elasticsearch has it.
const MAX_BRANCHES: usize = 8;

/// Commands that begin a query can't stand in a branch.
const SOURCES: [&str; 3] = ["from", "row", "show"];

impl Parser<'_> {
    /// `FORK (command | …) (command | …)`
    pub(super) fn fork(&mut self) -> Result<CommandKind, Error> {
        let start = self.span();
        let mut branches = Vec::new();
        while self.take_symbol("(") {
            let branch = self.deeper(Self::branch)?;
            self.symbol(")")?;
            branches.push(branch);
        }
        if branches.is_empty() {
            return Err(self.unexpected("'('"));
        }
        if branches.len() < 2 {
            let message = "Fork requires at least 2 branches".to_owned();
            return Err(Self::fail_at(start, message));
        }
        if branches.len() > MAX_BRANCHES {
            let message = format!("Fork supports up to {MAX_BRANCHES} branches");
            return Err(Self::fail_at(start, message));
        }
        Ok(CommandKind::Fork(branches))
    }

    fn branch(&mut self) -> Result<Query, Error> {
        let mut commands = Vec::new();
        loop {
            if SOURCES.iter().any(|source| self.is_word(source)) {
                return Err(self.unexpected("a processing command"));
            }
            commands.push(self.command()?);
            if !self.take_symbol("|") {
                return Ok(Query { commands });
            }
        }
    }

    /// `CHANGE_POINT value [ON key] [AS type, pvalue]`
    pub(super) fn change_point(&mut self) -> Result<CommandKind, Error> {
        let value = self.name_pattern(false)?;
        let on = match self.take_word("on") {
            true => Some(self.name_pattern(false)?),
            false => None,
        };
        let (mut as_type, mut as_pvalue) = (None, None);
        if self.take_word("as") {
            as_type = Some(self.target()?);
            self.symbol(",")?;
            as_pvalue = Some(self.target()?);
        }
        Ok(CommandKind::ChangePoint(ChangePoint {
            value,
            on,
            as_type,
            as_pvalue,
        }))
    }

    fn target(&mut self) -> Result<Identifier, Error> {
        if matches!(self.peek(), Token::End) {
            return Err(self.unexpected("a name"));
        }
        let name = self.name_pattern(false)?;
        Ok(Identifier {
            text: name.text,
            span: name.span,
        })
    }
}
