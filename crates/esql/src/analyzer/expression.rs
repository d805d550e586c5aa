//! Expressions: from syntax to types.

use super::{Analyzer, Unresolved, conflict, constant};
use crate::ast::{self, BinaryOperator, ExprKind as Syntax, Identifier, NamePattern, Span};
use crate::datatype::DataType;
use crate::plan::{Expr, ExprKind};

impl Analyzer<'_> {
    /// A typed expression; all complaints inside of it are collected before it gives up.
    pub(super) fn expression(&mut self, syntax: &ast::Expr) -> Result<Expr, Unresolved> {
        let span = syntax.span;
        if let Some(group) = self.repeated_group(syntax) {
            return Ok(group);
        }
        match &syntax.kind {
            Syntax::Literal(literal) => match constant::literal(literal) {
                Some(column) => Ok(self.typed(span, column.data_type, ExprKind::Constant(column))),
                None => self.problem(span, format!("Cannot use [{}]", self.text(span))),
            },
            Syntax::Field(name) => self.field(name),
            Syntax::Param(_) => self.problem(span, "query parameter without a value"),
            Syntax::Star => self.problem(span, "Cannot determine columns for [*]"),
            Syntax::Negate(value) => self.apply("neg", &[value], span),
            Syntax::Not(value) => {
                self.negations += 1;
                let negated = self.apply("not", &[value], span);
                self.negations -= 1;
                negated
            }
            Syntax::Binary {
                operator,
                left,
                right,
            } => self.apply(operator_function(*operator), &[left, right], span),
            Syntax::IsNull { value, negated } => {
                let name = if *negated { "is_not_null" } else { "is_null" };
                self.apply(name, &[value], span)
            }
            Syntax::In {
                value,
                list,
                negated,
            } => {
                let arguments: Vec<&ast::Expr> =
                    std::iter::once(value.as_ref()).chain(list).collect();
                self.negatable("in", &arguments, *negated, span)
            }
            Syntax::Like {
                value,
                patterns,
                regex,
                negated,
                ..
            } => {
                if let [
                    ast::Expr {
                        kind: Syntax::Literal(ast::Literal::String(pattern)),
                        ..
                    },
                ] = patterns.as_slice()
                    && pattern == if *regex { ".*" } else { "*" }
                {
                    // What matches everything only asks whether there is a value.
                    let name = if *negated { "is_null" } else { "is_not_null" };
                    return self.apply(name, &[value], span);
                }
                let name = if *regex { "rlike" } else { "like" };
                let arguments: Vec<&ast::Expr> =
                    std::iter::once(value.as_ref()).chain(patterns).collect();
                self.negatable(name, &arguments, *negated, span)
            }
            Syntax::MatchOperator { field, query } => {
                self.full_text(":", &[field, query], None, span)
            }
            Syntax::Cast { value, to } => self.cast(value, to, span),
            Syntax::Call {
                name,
                arguments,
                options,
            } => self.call(name, arguments, options.as_deref(), span),
        }
    }

    pub(super) fn typed(&self, span: Span, data_type: DataType, kind: ExprKind) -> Expr {
        Expr {
            kind,
            data_type,
            span,
            text: self.text(span).into(),
        }
    }

    /// A usable column.
    fn field(&mut self, name: &NamePattern) -> Result<Expr, Unresolved> {
        let attribute = self.known(name)?;
        if attribute.data_type == DataType::Unsupported {
            return self.problem(name.span, conflict::message(&attribute));
        }
        let kind = ExprKind::Column(attribute.name);
        Ok(self.typed(name.span, attribute.data_type, kind))
    }

    /// A column even if it is `unsupported`: conversions can read those.
    pub(super) fn convertible(&mut self, syntax: &ast::Expr) -> Result<Expr, Unresolved> {
        if let Syntax::Field(name) = &syntax.kind
            && let Some(attribute) = self.attribute(&name.text)
            && attribute.conflict.is_some()
        {
            let kind = ExprKind::Column(attribute.name.clone());
            return Ok(self.typed(syntax.span, DataType::Unsupported, kind));
        }
        self.expression(syntax)
    }

    /// A function or operator of our table over arguments yet to be resolved.
    pub(super) fn apply(
        &mut self,
        name: &str,
        arguments: &[&ast::Expr],
        span: Span,
    ) -> Result<Expr, Unresolved> {
        let arguments = self.all(arguments)?;
        self.invoke(name, arguments, span)
    }

    fn negatable(
        &mut self,
        name: &str,
        arguments: &[&ast::Expr],
        negated: bool,
        span: Span,
    ) -> Result<Expr, Unresolved> {
        let positive = self.apply(name, arguments, span)?;
        if negated {
            return self.invoke("not", vec![positive], span);
        }
        Ok(positive)
    }

    /// Every argument is looked at, even after one has failed.
    pub(super) fn all(&mut self, arguments: &[&ast::Expr]) -> Result<Vec<Expr>, Unresolved> {
        let mut resolved = Vec::with_capacity(arguments.len());
        let mut missing = None;
        for argument in arguments {
            match self.expression(argument) {
                Ok(expression) => resolved.push(expression),
                Err(Unresolved::Reported) => missing = Some(Unresolved::Reported),
                Err(failed) => return Err(failed),
            }
        }
        missing.map_or(Ok(resolved), Err)
    }

    fn cast(&mut self, value: &ast::Expr, to: &Identifier, span: Span) -> Result<Expr, Unresolved> {
        let argument = self.convertible(value)?;
        let Some(name) = type_named(&to.text).and_then(constant::conversion) else {
            let message = format!("Unknown data type named [{}]", to.text);
            return Err(crate::Error::Parsing {
                span: to.span,
                message,
            }
            .into());
        };
        self.invoke(name, vec![argument], span)
    }

    /// A condition of `WHERE`.
    pub(super) fn condition(&mut self, syntax: &ast::Expr) -> Result<Expr, Unresolved> {
        let condition = self.expression(syntax)?;
        if !matches!(condition.data_type, DataType::Boolean | DataType::Null) {
            let found = condition.data_type.message_name().to_uppercase();
            let message = format!("Condition expression needs to be boolean, found [{found}]");
            self.misused(condition.span, message);
        }
        Ok(condition)
    }
}

fn operator_function(operator: BinaryOperator) -> &'static str {
    match operator {
        BinaryOperator::Or => "or",
        BinaryOperator::And => "and",
        other => other.symbol(),
    }
}

/// The type that a cast names.
fn type_named(name: &str) -> Option<DataType> {
    Some(match name.to_lowercase().as_str() {
        "boolean" | "bool" => DataType::Boolean,
        "integer" | "int" => DataType::Integer,
        "long" => DataType::Long,
        "unsigned_long" | "ul" | "ulong" => DataType::UnsignedLong,
        "double" => DataType::Double,
        "keyword" | "string" | "text" => DataType::Keyword,
        "date" | "datetime" => DataType::Date,
        "date_nanos" => DataType::DateNanos,
        "ip" => DataType::Ip,
        "version" => DataType::Version,
        "date_period" => DataType::DatePeriod,
        "time_duration" => DataType::TimeDuration,
        "dense_vector" => DataType::DenseVector,
        _ => return None,
    })
}
