//! `CATEGORIZE`, the grouping function that looks at all rows before it says of any.

use super::{Analyzer, Unresolved};
use crate::ast::{self, ExprKind as Syntax, Span};
use crate::categorize::{Format, Options};
use crate::datatype::DataType;
use crate::error::Error;
use crate::plan::{Attribute, Categorize, Expr, Named, Step};

pub(super) const CATEGORIZE: &str = "categorize";

impl Analyzer<'_> {
    /// The group that a `CATEGORIZE` at the top of a grouping expression makes, a column by then.
    pub(super) fn categorized(
        &mut self,
        alias: &ast::Alias,
        place: usize,
    ) -> Result<Option<Named>, Unresolved> {
        let Syntax::Call {
            name,
            arguments,
            options,
        } = &alias.value.kind
        else {
            return Ok(None);
        };
        if !name.text.eq_ignore_ascii_case(CATEGORIZE) {
            return Ok(None);
        }
        let span = alias.value.span;
        let text = self.text(span);
        if place > 0 {
            let message = format!(
                "CATEGORIZE grouping function [{text}] can only be in the first grouping expression"
            );
            return self.problem(span, message);
        }
        let [message] = arguments.as_slice() else {
            let message = "error building [categorize]: expects one or two arguments".to_owned();
            return Err(Error::Parsing { span, message }.into());
        };
        let value = self.expression(message)?;
        if !value.data_type.is_string() && value.data_type != DataType::Null {
            let message = format!(
                "argument of [{text}] must be [string], found value [{}] type [{}]",
                value.text,
                value.data_type.message_name()
            );
            return self.problem(span, message);
        }
        let options = self.categorize_options(options.as_deref().unwrap_or_default(), span)?;
        let name = self.alias_name(alias);
        self.add(Attribute::computed(&name, DataType::Keyword));
        self.steps.push(Step::Categorize(Categorize {
            value,
            name: name.clone(),
            options,
        }));
        Ok(Some(Named {
            value: Expr::column(&name, DataType::Keyword),
            name,
        }))
    }

    /// `CATEGORIZE` within another expression.
    pub(super) fn misplaced_categorize<T>(&mut self, span: Span) -> Result<T, Unresolved> {
        let text = self.text(span);
        self.problem(
            span,
            format!("CATEGORIZE grouping function [{text}] can't be used within other expressions"),
        )
    }

    fn categorize_options(
        &mut self,
        given: &[(String, ast::Expr)],
        span: Span,
    ) -> Result<Options, Unresolved> {
        let mut options = Options::default();
        for (name, value) in given {
            match (name.as_str(), &value.kind) {
                // One analysis is there; naming it changes nothing.
                ("analyzer", Syntax::Literal(ast::Literal::String(_))) => {}
                ("output_format", Syntax::Literal(ast::Literal::String(format))) => {
                    options.format = match format.to_lowercase().as_str() {
                        "regex" => Format::Regex,
                        "tokens" => Format::Tokens,
                        _ => {
                            let message = format!(
                                "invalid output format [{format}], expecting one of [REGEX, TOKENS]"
                            );
                            return self.problem(span, message);
                        }
                    };
                }
                ("similarity_threshold", Syntax::Literal(ast::Literal::Integer(percent))) => {
                    let known = u32::try_from(*percent)
                        .ok()
                        .filter(|it| (1..=100).contains(it));
                    let Some(similarity) = known else {
                        let message = format!(
                            "invalid similarity threshold [{percent}], expecting a number between 1 and 100, inclusive"
                        );
                        return self.problem(span, message);
                    };
                    options.similarity = similarity;
                }
                _ => {
                    let message = format!(
                        "Invalid option [{name}] in [{}], expected one of [analyzer, output_format, similarity_threshold]",
                        self.text(span)
                    );
                    return self.problem(span, message);
                }
            }
        }
        Ok(options)
    }
}
