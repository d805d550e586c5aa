//! Commands.

use super::*;

/// Commands of the language that the planner can't do: an error names them.
const NOT_YET: [&str; 6] = ["completion", "explain", "metrics", "rerank", "ts", "insist"];

impl Parser<'_> {
    pub(super) fn query(&mut self) -> Result<Query, Error> {
        let mut commands = vec![self.command()?];
        while self.take_symbol("|") {
            commands.push(self.command()?);
        }
        Ok(Query { commands })
    }

    pub(super) fn command(&mut self) -> Result<Command, Error> {
        let start = self.span();
        let Token::Word(word) = self.peek().clone() else {
            return Err(self.unexpected("a command"));
        };
        let name = word.to_ascii_lowercase();
        self.next();
        let kind = self.command_kind(&name)?;
        Ok(Command {
            kind,
            span: self.since(start),
        })
    }

    fn command_kind(&mut self, name: &str) -> Result<CommandKind, Error> {
        Ok(match name {
            "from" => self.from()?,
            "row" => CommandKind::Row(self.aliases()?),
            "show" => {
                self.word("info")?;
                CommandKind::ShowInfo
            }
            "where" => CommandKind::Where(self.expression()?),
            "eval" => CommandKind::Eval(self.aliases()?),
            "stats" => CommandKind::Stats(self.stats()?),
            "inlinestats" => CommandKind::InlineStats(self.stats()?),
            "inline" => {
                self.word("stats")?;
                CommandKind::InlineStats(self.stats()?)
            }
            "sort" => self.sort()?,
            "limit" => CommandKind::Limit(self.constant()?),
            "sample" => CommandKind::Sample(self.constant()?),
            "keep" => CommandKind::Keep(self.patterns()?),
            "drop" => CommandKind::Drop(self.patterns()?),
            "rename" => self.rename()?,
            "mv_expand" => self.mv_expand()?,
            "dissect" => self.dissect()?,
            "grok" => self.grok()?,
            "lookup" => self.lookup_join()?,
            "enrich" => self.enrich()?,
            "fork" => self.fork()?,
            "fuse" => self.fuse()?,
            "change_point" => self.change_point()?,
            other if !NOT_YET.contains(&other) => {
                self.at = self.at.saturating_sub(1);
                return Err(self.unexpected("a command"));
            }
            other => {
                while !matches!(self.peek(), Token::End | Token::Symbol("|")) {
                    self.next();
                }
                CommandKind::Unsupported {
                    name: other.to_uppercase(),
                }
            }
        })
    }

    /// Index names hold characters that are symbols elsewhere, so their text is what stands
    /// between blanks and commas.
    fn index(&mut self) -> Result<IndexPattern, Error> {
        let start = self.span();
        let mut text = String::new();
        loop {
            let lexeme = self.tokens[self.at].clone();
            let adjacent = lexeme.span.start == start.start
                || lexeme.span.start == self.tokens[self.at - 1].span.end;
            if !adjacent
                || matches!(
                    lexeme.token,
                    Token::End | Token::Symbol("," | "|" | "]" | "[")
                )
            {
                break;
            }
            match &lexeme.token {
                Token::Text(quoted) => text.push_str(quoted),
                _ => text.push_str(&self.shown()),
            }
            self.next();
        }
        if text.is_empty() {
            return Err(self.unexpected("an index"));
        }
        let (cluster, text) = match text.split_once(':') {
            Some((cluster, index)) if !text.starts_with('<') => {
                (Some(cluster.to_owned()), index.to_owned())
            }
            _ => (None, text),
        };
        Ok(IndexPattern {
            cluster,
            text,
            span: self.since(start),
        })
    }

    fn from(&mut self) -> Result<CommandKind, Error> {
        let mut patterns = Vec::new();
        loop {
            let index = self.index()?;
            if index.text.contains('?') {
                let message = format!(
                    "Invalid index name [{}], must not contain the following characters [' ','\"',',','/','<','>','?','\\','|']",
                    index.text
                );
                return Err(Self::fail_at(index.span, message));
            }
            for text in index.text.split(',') {
                patterns.push(IndexPattern {
                    text: text.to_owned(),
                    ..index.clone()
                });
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        let mut metadata = Vec::new();
        if self.take_word("metadata") {
            loop {
                self.metadata_field(&mut metadata)?;
                if !self.take_symbol(",") {
                    break;
                }
            }
        }
        Ok(CommandKind::From(From { patterns, metadata }))
    }

    fn metadata_field(&mut self, before: &mut Vec<Identifier>) -> Result<(), Error> {
        if matches!(self.peek(), Token::End) {
            return Err(self.fail("missing UNQUOTED_SOURCE at '<EOF>'".to_owned()));
        }
        let field = self.identifier()?;
        if let Some(known) = before.iter().find(|known| known.text == field.text) {
            let Span { line, column, .. } = known.span;
            let message = format!(
                "metadata field [{}] already declared [@{line}:{column}]",
                field.text
            );
            return Err(Self::fail_at(field.span, message));
        }
        before.push(field);
        Ok(())
    }

    /// What isn't a name.
    fn constant(&mut self) -> Result<Expr, Error> {
        let constants = ["null", "true", "false"];
        match self.peek() {
            Token::Word(word) if !constants.contains(&word.to_lowercase().as_str()) => {
                Err(self.unexpected("a constant"))
            }
            Token::Quoted(_) => Err(self.unexpected("a constant")),
            _ => self.expression(),
        }
    }

    fn mv_expand(&mut self) -> Result<CommandKind, Error> {
        let name = self.name_pattern(false)?;
        if self.is_symbol(",") {
            return Err(self.fail("token recognition error at: ','".to_owned()));
        }
        Ok(CommandKind::MvExpand(name))
    }

    fn alias(&mut self) -> Result<Alias, Error> {
        let start = self.span();
        let before = self.at;
        let named = match self.peek() {
            Token::Word(word) => !is_reserved(word),
            Token::Quoted(_) | Token::Param(..) => true,
            _ => false,
        };
        if named {
            let next_param = self.next_param;
            if let Ok(name) = self.name_pattern(false)
                && self.take_symbol("=")
            {
                let value = self.expression()?;
                let name = Identifier {
                    text: name.text,
                    span: name.span,
                };
                return Ok(Alias {
                    name: Some(name),
                    value,
                    span: self.since(start),
                });
            }
            self.at = before;
            self.next_param = next_param;
        }
        let value = self.expression()?;
        Ok(Alias {
            name: None,
            value,
            span: self.since(start),
        })
    }

    fn aliases(&mut self) -> Result<Vec<Alias>, Error> {
        let mut aliases = vec![self.alias()?];
        while self.take_symbol(",") {
            aliases.push(self.alias()?);
        }
        Ok(aliases)
    }

    fn stats(&mut self) -> Result<Stats, Error> {
        let mut aggregates = Vec::new();
        let empty = self.is_word("by") || matches!(self.peek(), Token::End | Token::Symbol("|"));
        let mut more = !empty;
        while more {
            let start = self.span();
            let mut alias = self.alias()?;
            let filter = if self.take_word("where") {
                Some(self.expression()?)
            } else {
                None
            };
            // An aggregate without a name is called by its whole text.
            if alias.name.is_none() {
                alias.span = self.since(start);
            }
            aggregates.push(Aggregate { alias, filter });
            more = self.take_symbol(",");
        }
        let by = if self.take_word("by") {
            self.aliases()?
        } else {
            Vec::new()
        };
        Ok(Stats { aggregates, by })
    }

    fn sort(&mut self) -> Result<CommandKind, Error> {
        let mut keys = Vec::new();
        loop {
            let start = self.span();
            let value = self.expression()?;
            let descending = self.take_word("desc");
            if !descending {
                self.take_word("asc");
            }
            let mut nulls_first = None;
            if self.take_word("nulls") {
                nulls_first = Some(self.take_word("first"));
                if nulls_first == Some(false) {
                    self.word("last")?;
                }
            }
            keys.push(SortKey {
                value,
                descending,
                nulls_first,
                span: self.since(start),
            });
            if !self.take_symbol(",") {
                return Ok(CommandKind::Sort(keys));
            }
        }
    }

    fn patterns(&mut self) -> Result<Vec<NamePattern>, Error> {
        let mut patterns = vec![self.name_pattern(true)?];
        while self.take_symbol(",") {
            patterns.push(self.name_pattern(true)?);
        }
        Ok(patterns)
    }

    fn rename(&mut self) -> Result<CommandKind, Error> {
        let mut renames = Vec::new();
        loop {
            let start = self.span();
            let first = self.name_pattern(true)?;
            let (old, new) = if self.take_symbol("=") {
                (self.name_pattern(true)?, first)
            } else {
                if matches!(self.peek(), Token::End) {
                    return Err(self.no_viable(start));
                }
                self.word("as")?;
                (first, self.name_pattern(true)?)
            };
            renames.push(Rename {
                old,
                new,
                span: self.since(start),
            });
            if !self.take_symbol(",") {
                return Ok(CommandKind::Rename(renames));
            }
        }
    }

    fn text(&mut self) -> Result<(String, Span), Error> {
        let lexeme = self.next();
        match lexeme.token {
            Token::Text(text) => Ok((text, lexeme.span)),
            Token::Param(name, _) => match self.parameter(&name, lexeme.span)? {
                ParameterKind::Value(serde_json::Value::String(text)) => Ok((text, lexeme.span)),
                _ => Err(Self::fail_at(lexeme.span, "expected a text".to_owned())),
            },
            Token::End => Err(self.fail("missing QUOTED_STRING at '<EOF>'".to_owned())),
            _ => {
                self.at = self.at.saturating_sub(1);
                Err(self.unexpected("QUOTED_STRING"))
            }
        }
    }

    fn dissect(&mut self) -> Result<CommandKind, Error> {
        let input = self.expression()?;
        let (pattern, pattern_span) = self.text()?;
        let mut append_separator = None;
        if self.take_word("append_separator") {
            self.symbol("=")?;
            append_separator = Some(self.text()?.0);
        }
        Ok(CommandKind::Dissect(Dissect {
            input,
            pattern,
            pattern_span,
            append_separator,
        }))
    }

    fn grok(&mut self) -> Result<CommandKind, Error> {
        let input = self.expression()?;
        let mut patterns = vec![self.text()?];
        while self.take_symbol(",") {
            patterns.push(self.text()?);
        }
        Ok(CommandKind::Grok(Grok { input, patterns }))
    }

    fn enrich(&mut self) -> Result<CommandKind, Error> {
        let policy = self.index()?;
        let on = if self.take_word("on") {
            Some(self.name_pattern(false)?)
        } else {
            None
        };
        let mut with = Vec::new();
        if self.take_word("with") {
            loop {
                let first = self.name_pattern(false)?;
                if self.take_symbol("=") {
                    let new = Identifier {
                        text: first.text,
                        span: first.span,
                    };
                    with.push((Some(new), self.name_pattern(false)?));
                } else {
                    with.push((None, first));
                }
                if !self.take_symbol(",") {
                    break;
                }
            }
        }
        Ok(CommandKind::Enrich(Enrich {
            mode: policy.cluster,
            policy: Identifier {
                text: policy.text,
                span: policy.span,
            },
            on,
            with,
        }))
    }

    fn lookup_join(&mut self) -> Result<CommandKind, Error> {
        self.word("join")?;
        if self.is_word("on") {
            return Err(self.unexpected("{QUOTED_STRING, UNQUOTED_SOURCE}"));
        }
        let index = self.index()?;
        let alias = if self.take_word("as") {
            Some(self.identifier()?)
        } else {
            None
        };
        self.word("on")?;
        let mut on = vec![self.expression()?];
        while self.take_symbol(",") {
            on.push(self.expression()?);
        }
        Ok(CommandKind::LookupJoin(LookupJoin { index, alias, on }))
    }
}
