//! `FUSE`.

use super::Parser;
use crate::ast::{CommandKind, Expr, Fuse, Identifier};
use crate::error::Error;
use crate::lexer::Token;

impl Parser<'_> {
    /// `FUSE [method] [SCORE BY a] [GROUP BY b] [KEY BY c, d] [WITH {…}]`, its parts in any order.
    pub(super) fn fuse(&mut self) -> Result<CommandKind, Error> {
        let mut fuse = Fuse::default();
        if self.is_word("rrf") || self.is_word("linear") {
            fuse.method = Some(self.identifier()?);
        }
        loop {
            if self.take_word("score") {
                self.word("by")?;
                fuse.score = Some(self.name_pattern(false)?);
            } else if self.take_word("group") {
                self.word("by")?;
                fuse.group = Some(self.name_pattern(false)?);
            } else if self.take_word("key") {
                self.word("by")?;
                fuse.keys.push(self.name_pattern(false)?);
                while self.take_symbol(",") {
                    fuse.keys.push(self.name_pattern(false)?);
                }
            } else if self.take_word("with") {
                self.fuse_options(&mut fuse)?;
            } else {
                return Ok(CommandKind::Fuse(fuse));
            }
        }
    }

    /// `{"rank_constant": 60, "weights": {"fork1": 0.7}}`
    fn fuse_options(&mut self, fuse: &mut Fuse) -> Result<(), Error> {
        self.symbol("{")?;
        while !self.is_symbol("}") {
            let name = self.quoted()?;
            self.symbol(":")?;
            if name.text == "weights" {
                fuse.weights.extend(self.weights()?);
            } else {
                let value = self.expression()?;
                fuse.options.push((name, value));
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        self.symbol("}")
    }

    fn weights(&mut self) -> Result<Vec<(Identifier, Expr)>, Error> {
        self.symbol("{")?;
        let mut weights = Vec::new();
        while !self.is_symbol("}") {
            let name = self.quoted()?;
            self.symbol(":")?;
            weights.push((name, self.expression()?));
            if !self.take_symbol(",") {
                break;
            }
        }
        self.symbol("}")?;
        Ok(weights)
    }

    fn quoted(&mut self) -> Result<Identifier, Error> {
        let span = self.span();
        let Token::Text(text) = self.peek().clone() else {
            return Err(self.unexpected("a quoted name"));
        };
        self.next();
        Ok(Identifier { text, span })
    }
}
