//! Expressions, by precedence.

use super::params::{literal, whole_literal};
use super::*;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expr, Error> {
        let outermost = self.begun.is_none();
        if outermost {
            self.begun = Some(self.span());
        }
        let parsed = self.deeper(Self::or);
        if outermost {
            self.begun = None;
        }
        parsed
    }

    fn binary(&self, start: Span, operator: BinaryOperator, left: Expr, right: Expr) -> Expr {
        // Brackets around a side belong to the whole.
        let span = self.since(start);
        let kind = ExprKind::Binary {
            operator,
            left: Box::new(left),
            right: Box::new(right),
        };
        Expr { kind, span }
    }

    fn or(&mut self) -> Result<Expr, Error> {
        let start = self.span();
        let mut left = self.and()?;
        while self.take_word("or") {
            let right = self.and()?;
            left = self.binary(start, BinaryOperator::Or, left, right);
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, Error> {
        let start = self.span();
        let mut left = self.not()?;
        while self.take_word("and") {
            let right = self.not()?;
            left = self.binary(start, BinaryOperator::And, left, right);
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr, Error> {
        let start = self.span();
        if self.is_word("not") {
            self.next();
            let outer = self.begun.replace(self.span());
            let value = self.deeper(Self::not)?;
            self.begun = outer;
            return Ok(Expr {
                kind: ExprKind::Not(Box::new(value)),
                span: self.since(start),
            });
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Result<Expr, Error> {
        let start = self.span();
        let left = self.comparison()?;
        if self.take_word("is") {
            let negated = self.take_word("not");
            self.word("null")?;
            let kind = ExprKind::IsNull {
                value: Box::new(left),
                negated,
            };
            return Ok(Expr {
                kind,
                span: self.since(start),
            });
        }
        let negated = self.is_word("not")
            && ["like", "rlike", "in"]
                .iter()
                .any(|word| self.is_word_after(1, word));
        if negated {
            self.next();
        }
        if self.take_word("in") {
            self.symbol("(")?;
            let list = self.list(")")?;
            let kind = ExprKind::In {
                value: Box::new(left),
                list,
                negated,
            };
            return Ok(Expr {
                kind,
                span: self.since(start),
            });
        }
        let regex = self.is_word("rlike");
        if regex || self.is_word("like") {
            self.next();
            let list = self.take_symbol("(");
            let patterns = if list {
                self.list(")")?
            } else {
                if !matches!(self.peek(), Token::Text(_) | Token::Param(..)) {
                    return Err(self.no_viable(self.begun.unwrap_or(start)));
                }
                vec![self.primary()?]
            };
            let value = Box::new(left);
            let kind = ExprKind::Like {
                value,
                patterns,
                list,
                regex,
                negated,
            };
            return Ok(Expr {
                kind,
                span: self.since(start),
            });
        }
        if self.take_symbol(":") {
            let query = self.deeper(Self::unary)?;
            let kind = ExprKind::MatchOperator {
                field: Box::new(left),
                query: Box::new(query),
            };
            return Ok(Expr {
                kind,
                span: self.since(start),
            });
        }
        Ok(left)
    }

    fn list(&mut self, close: &str) -> Result<Vec<Expr>, Error> {
        let mut items = Vec::new();
        let outer = self.begun;
        loop {
            self.begun = None;
            items.push(self.expression()?);
            if !self.take_symbol(",") {
                self.begun = outer;
                self.symbol(close)?;
                return Ok(items);
            }
        }
    }

    fn comparison(&mut self) -> Result<Expr, Error> {
        let start = self.span();
        let left = self.sum()?;
        let operator = match self.peek() {
            Token::Symbol("==") => BinaryOperator::Equal,
            Token::Symbol("!=") => BinaryOperator::NotEqual,
            Token::Symbol("<") => BinaryOperator::Less,
            Token::Symbol("<=") => BinaryOperator::LessOrEqual,
            Token::Symbol(">") => BinaryOperator::Greater,
            Token::Symbol(">=") => BinaryOperator::GreaterOrEqual,
            _ => return Ok(left),
        };
        self.next();
        let right = self.sum()?;
        Ok(self.binary(start, operator, left, right))
    }

    fn sum(&mut self) -> Result<Expr, Error> {
        let start = self.span();
        let mut left = self.product()?;
        loop {
            let operator = match self.peek() {
                Token::Symbol("+") => BinaryOperator::Add,
                Token::Symbol("-") => BinaryOperator::Subtract,
                _ => return Ok(left),
            };
            self.next();
            let right = self.product()?;
            left = self.binary(start, operator, left, right);
        }
    }

    fn product(&mut self) -> Result<Expr, Error> {
        let start = self.span();
        let mut left = self.unary()?;
        loop {
            let operator = match self.peek() {
                Token::Symbol("*") => BinaryOperator::Multiply,
                Token::Symbol("/") => BinaryOperator::Divide,
                Token::Symbol("%") => BinaryOperator::Modulo,
                _ => return Ok(left),
            };
            self.next();
            let right = self.unary()?;
            left = self.binary(start, operator, left, right);
        }
    }

    fn unary(&mut self) -> Result<Expr, Error> {
        let start = self.span();
        if self.take_symbol("+") {
            return self.deeper(Self::unary);
        }
        if self.take_symbol("-") {
            // The sign is part of a number, also of one that is converted.
            let number = matches!(self.peek(), Token::Whole(_) | Token::Fraction(_));
            let value = if number {
                self.primary()?
            } else {
                self.deeper(Self::unary)?
            };
            let span = Span {
                end: value.span.end,
                ..start
            };
            let kind = match value.kind {
                ExprKind::Literal(Literal::Integer(v)) => {
                    ExprKind::Literal(whole_literal(-i64::from(v)))
                }
                ExprKind::Literal(Literal::Long(v)) => {
                    ExprKind::Literal(whole_literal(v.wrapping_neg()))
                }
                ExprKind::Literal(Literal::UnsignedLong(v)) if v == 1 << 63 => {
                    ExprKind::Literal(Literal::Long(i64::MIN))
                }
                ExprKind::Literal(Literal::Double(v)) => ExprKind::Literal(Literal::Double(-v)),
                ExprKind::Literal(Literal::TimeSpan { count, unit }) => {
                    ExprKind::Literal(Literal::TimeSpan {
                        count: -count,
                        unit,
                    })
                }
                other => ExprKind::Negate(Box::new(Expr {
                    kind: other,
                    span: value.span,
                })),
            };
            let negative = Expr { kind, span };
            return if number {
                self.casts(start, negative)
            } else {
                Ok(negative)
            };
        }
        let value = self.primary()?;
        self.casts(start, value)
    }

    fn casts(&mut self, start: Span, mut value: Expr) -> Result<Expr, Error> {
        while self.take_symbol("::") {
            if matches!(self.peek(), Token::End) {
                return Err(self.no_viable(self.begun.unwrap_or(start)));
            }
            let to = self.identifier()?;
            let span = self.since(start);
            value = Expr {
                kind: ExprKind::Cast {
                    value: Box::new(value),
                    to,
                },
                span,
            };
        }
        Ok(value)
    }

    fn primary(&mut self) -> Result<Expr, Error> {
        let start = self.span();
        let kind = match self.peek().clone() {
            Token::Symbol("(") => {
                self.next();
                let inner = self.expression()?;
                if self.is_symbol(",") {
                    return Err(self.no_viable(self.begun.unwrap_or(start)));
                }
                self.symbol(")")?;
                return Ok(inner);
            }
            Token::Symbol("[") => {
                self.next();
                let items = self.constants(start)?;
                let mut literals = Vec::with_capacity(items.len());
                for item in items {
                    match item.kind {
                        ExprKind::Literal(literal) => literals.push(literal),
                        _ => {
                            return Err(Self::fail_at(item.span, "expected a constant".to_owned()));
                        }
                    }
                }
                ExprKind::Literal(Literal::List(literals))
            }
            Token::Text(text) => {
                self.next();
                ExprKind::Literal(Literal::String(text))
            }
            Token::Fraction(text) => {
                self.next();
                ExprKind::Literal(Literal::Double(text.parse().unwrap_or(0.0)))
            }
            Token::Whole(text) => {
                self.next();
                self.whole(&text, start)
            }
            Token::Param(name, false)
                if !matches!(self.peek_after(1), Token::Symbol("." | "(")) =>
            {
                self.next();
                match self.parameter(&name, start)? {
                    ParameterKind::Value(value) => ExprKind::Literal(literal(&value)),
                    ParameterKind::Identifier(text) | ParameterKind::Pattern(text) => {
                        ExprKind::Field(NamePattern {
                            pieces: vec![text.clone()],
                            text,
                            span: start,
                        })
                    }
                }
            }
            Token::Word(word) if word.eq_ignore_ascii_case("null") => {
                self.next();
                ExprKind::Literal(Literal::Null)
            }
            Token::Word(word)
                if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") =>
            {
                self.next();
                ExprKind::Literal(Literal::Boolean(word.eq_ignore_ascii_case("true")))
            }
            Token::Word(word)
                if is_reserved(&word) && !matches!(self.peek_after(1), Token::Symbol("(")) =>
            {
                return Err(self.no_expression());
            }
            Token::Word(_) | Token::Quoted(_) | Token::Param(..) => {
                return self.name_or_call(start);
            }
            _ => return Err(self.no_expression()),
        };
        Ok(Expr {
            kind,
            span: self.since(start),
        })
    }

    /// What stands between the brackets of a list that began at `start`: constants of one kind.
    fn constants(&mut self, start: Span) -> Result<Vec<Expr>, Error> {
        let kind = self.kind_of_constant();
        let mut items = Vec::new();
        loop {
            if kind.is_some() && self.kind_of_constant() != kind {
                return Err(self.no_viable(start));
            }
            items.push(self.expression()?);
            if !self.take_symbol(",") {
                self.symbol("]")?;
                return Ok(items);
            }
        }
    }

    fn kind_of_constant(&self) -> Option<&'static str> {
        let signed = self.is_symbol("-") || self.is_symbol("+");
        match self.peek_after(usize::from(signed)) {
            Token::Whole(_) | Token::Fraction(_) => Some("number"),
            Token::Text(_) => Some("string"),
            Token::Word(word)
                if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false") =>
            {
                Some("boolean")
            }
            _ => None,
        }
    }

    fn whole(&mut self, text: &str, start: Span) -> ExprKind {
        if let Token::Word(word) = self.peek().clone()
            && !is_reserved(&word)
            && !["not", "null", "append_separator"].contains(&word.to_lowercase().as_str())
        {
            if unit(&word).is_none() {
                let message = format!("Unexpected temporal unit: '{word}'");
                let complaint = Self::fail_at(start, message);
                self.complaint.get_or_insert(complaint);
            }
            self.next();
            return ExprKind::Literal(Literal::TimeSpan {
                count: text.parse().unwrap_or(i64::MAX),
                unit: unit(&word).unwrap_or(TimeUnit::Day),
            });
        }
        ExprKind::Literal(match (text.parse::<i64>(), text.parse::<u64>()) {
            (Ok(value), _) => whole_literal(value),
            (_, Ok(value)) => Literal::UnsignedLong(value),
            _ => Literal::Double(text.parse().unwrap_or(f64::INFINITY)),
        })
    }

    fn name_or_call(&mut self, start: Span) -> Result<Expr, Error> {
        let call = matches!(self.peek(), Token::Word(_) | Token::Param(..))
            && matches!(self.peek_after(1), Token::Symbol("("));
        if !call {
            let name = self.name_pattern(false)?;
            return Ok(Expr {
                span: name.span,
                kind: ExprKind::Field(name),
            });
        }
        let name = self.identifier()?;
        self.symbol("(")?;
        let mut arguments = Vec::new();
        let mut options = None;
        if self.is_symbol("*") && matches!(self.peek_after(1), Token::Symbol(")")) {
            let span = self.next().span;
            arguments.push(Expr {
                kind: ExprKind::Star,
                span,
            });
        }
        while !self.is_symbol(")") {
            if self.is_symbol("{") {
                options = Some(self.options()?);
            } else {
                arguments.push(self.expression()?);
            }
            if !self.take_symbol(",") {
                break;
            }
        }
        self.symbol(")")?;
        let kind = ExprKind::Call {
            name,
            arguments,
            options,
        };
        Ok(Expr {
            kind,
            span: self.since(start),
        })
    }

    pub(super) fn options(&mut self) -> Result<Vec<(String, Expr)>, Error> {
        self.symbol("{")?;
        let mut entries = Vec::new();
        while !self.is_symbol("}") {
            let Token::Text(key) = self.next().token else {
                return Err(self.unexpected("a quoted name"));
            };
            self.symbol(":")?;
            entries.push((key, self.expression()?));
            if !self.take_symbol(",") {
                break;
            }
        }
        self.symbol("}")?;
        Ok(entries)
    }

    pub(super) fn identifier(&mut self) -> Result<Identifier, Error> {
        let lexeme = self.next();
        let span = lexeme.span;
        let text = match lexeme.token {
            Token::Word(text) | Token::Quoted(text) => text,
            Token::Param(name, _) => self.parameter_name(&name, span, false)?,
            Token::End => return Err(self.unexpected("a name")),
            _ => {
                self.at = self.at.saturating_sub(1);
                return Err(self.unexpected("a name"));
            }
        };
        Ok(Identifier { text, span })
    }

    /// `a.b`, with wildcards where the command allows.
    pub(super) fn name_pattern(&mut self, wildcards: bool) -> Result<NamePattern, Error> {
        let start = self.span();
        let mut pieces = vec![String::new()];
        loop {
            let lexeme = self.tokens[self.at].clone();
            let adjacent = lexeme.span.start == start.start
                || lexeme.span.start == self.tokens[self.at - 1].span.end;
            if !adjacent {
                break;
            }
            let last = pieces.len() - 1;
            match lexeme.token {
                Token::Word(text) | Token::Quoted(text) | Token::Whole(text) => {
                    pieces[last].push_str(&text)
                }
                Token::Param(name, false) if wildcards => {
                    let text = self.parameter_name(&name, lexeme.span, true)?;
                    pieces[last].push_str(&text);
                }
                Token::Param(name, _) => {
                    let text = self.parameter_name(&name, lexeme.span, false)?;
                    pieces[last].push_str(&text);
                }
                Token::Fraction(text) => pieces[last].push_str(&text),
                Token::Symbol(".") => pieces[last].push('.'),
                Token::Symbol("*") if wildcards => pieces.push(String::new()),
                Token::Symbol("-") if wildcards && start.start != lexeme.span.start => {
                    pieces[last].push('-')
                }
                _ => break,
            }
            self.next();
        }
        if pieces.len() == 1 && pieces[0].is_empty() {
            return Err(self.unexpected("a name"));
        }
        Ok(NamePattern {
            text: pieces.join("*"),
            pieces,
            span: self.since(start),
        })
    }
}

pub(super) fn unit(word: &str) -> Option<TimeUnit> {
    Some(match word.to_ascii_lowercase().as_str() {
        "ms" | "millisecond" | "milliseconds" => TimeUnit::Millisecond,
        "s" | "sec" | "second" | "seconds" => TimeUnit::Second,
        "min" | "m" | "minute" | "minutes" => TimeUnit::Minute,
        "h" | "hour" | "hours" => TimeUnit::Hour,
        "d" | "day" | "days" => TimeUnit::Day,
        "w" | "week" | "weeks" => TimeUnit::Week,
        "mo" | "month" | "months" => TimeUnit::Month,
        "q" | "quarter" | "quarters" => TimeUnit::Quarter,
        "y" | "yr" | "year" | "years" => TimeUnit::Year,
        _ => return None,
    })
}
