//! Full-text functions: what they may stand on and where.

use std::sync::Arc;

use super::{Analyzer, Unresolved, constant};
use crate::ast::{self, ExprKind as Syntax, Span};
use crate::datatype::DataType;
use crate::error::Error;
use crate::full_text::{MatchOptions, Node, TextQuery, kql, query_string};
use crate::plan::{Attribute, Expr, ExprKind};

/// Options of `MATCH`, in the order in which Elasticsearch lists them.
const MATCH_OPTIONS: [&str; 12] = [
    "fuzzy_transpositions",
    "analyzer",
    "zero_terms_query",
    "lenient",
    "prefix_length",
    "minimum_should_match",
    "auto_generate_synonyms_phrase_query",
    "operator",
    "boost",
    "max_expansions",
    "fuzziness",
    "fuzzy_rewrite",
];

/// Neighbours of `KNN` where none are asked for.
const DEFAULT_NEIGHBOURS: usize = 10;

type Options<'a> = Option<&'a [(String, ast::Expr)]>;

impl Analyzer<'_> {
    /// A full-text function by its lower-case name, or `:`.
    pub(super) fn full_text(
        &mut self,
        name: &str,
        arguments: &[&ast::Expr],
        options: Options<'_>,
        span: Span,
    ) -> Result<Expr, Unresolved> {
        let node = match name {
            "qstr" | "kql" => self.whole_document(name, arguments, span)?,
            _ => self.on_field(name, arguments, options, span)?,
        };
        let number = self.queries.len();
        self.queries.push(Arc::new(TextQuery {
            node,
            scoring: self.negations == 0,
        }));
        Ok(self.typed(span, DataType::Boolean, ExprKind::TextQuery(number)))
    }

    fn expects<T>(&mut self, name: &str, words: &str, span: Span) -> Result<T, Unresolved> {
        let message = format!("error building [{name}]: expects {words}");
        Err(Error::Parsing { span, message }.into())
    }

    /// `QSTR` and `KQL` name their fields themselves.
    fn whole_document(
        &mut self,
        name: &str,
        arguments: &[&ast::Expr],
        span: Span,
    ) -> Result<Node, Unresolved> {
        let [query] = arguments else {
            return self.expects(name, "exactly one argument", span);
        };
        let query = self.expression(query)?;
        let text = self.text(span);
        if !query.data_type.is_string() {
            let message = format!(
                "first argument of [{text}] must be [keyword, text], found value [{}] type [{}]",
                query.text,
                query.data_type.message_name()
            );
            return self.problem(span, message);
        }
        if let Some(command) = self.barrier {
            let upper = name.to_uppercase();
            let message = format!("[{upper}] function cannot be used after {command}");
            self.misused(self.command_span, message);
        }
        let Some(asked) = query.constant().and_then(constant::string) else {
            let message = format!(
                "first argument of [{text}] must be a constant, received [{}]",
                query.text
            );
            return self.problem(query.span, message);
        };
        let node = if name == "kql" {
            kql::parse(asked)
        } else {
            query_string::parse(asked)
        };
        node.ok_or_else(|| {
            Unresolved::Failed(Error::Request {
                kind: "query_shard_exception",
                reason: format!("Failed to parse query [{asked}]"),
            })
        })
    }

    fn on_field(
        &mut self,
        name: &str,
        arguments: &[&ast::Expr],
        options: Options<'_>,
        span: Span,
    ) -> Result<Node, Unresolved> {
        let [field, query] = arguments else {
            return self.expects(name, "two or three arguments", span);
        };
        let shown = if name == ":" {
            "[:] operator".to_owned()
        } else {
            format!("[{}] function", name.to_uppercase())
        };
        let options = self.match_options(options, span)?;
        let attribute = self.searched(field, &shown)?;
        if let Some(command) = self.late_barrier {
            self.misused(
                self.command_span,
                format!("{shown} cannot be used after {command}"),
            );
        }
        let name_of_field = attribute.field.clone().unwrap_or_default();
        if name == "knn" {
            return self.nearest(name_of_field, query);
        }
        let query = self.expression(query)?;
        let Some(text) = query.constant().and_then(text_of) else {
            let message = format!(
                "second argument of [{}] must be a constant, received [{}]",
                self.text(span),
                query.text
            );
            return self.problem(query.span, message);
        };
        Ok(if name == "match_phrase" {
            Node::Phrase {
                field: name_of_field,
                text,
                slop: 0,
                boost: options.boost,
            }
        } else {
            Node::Match {
                field: name_of_field,
                text,
                options,
            }
        })
    }

    /// Only a field of an index can be searched.
    fn searched(&mut self, field: &ast::Expr, shown: &str) -> Result<Attribute, Unresolved> {
        let text = self.text(field.span);
        let mut value = field;
        // A conversion of a field with several types searches the field itself.
        if let Syntax::Cast { value: inner, .. } = &field.kind {
            value = inner;
        }
        if let Syntax::Field(name) = &value.kind {
            let attribute = self.known(name)?;
            if attribute.field.is_some() {
                return Ok(attribute);
            }
            let message = match &attribute.lookup {
                Some(index) => format!(
                    "{shown} cannot operate on [{text}], supplied by an index [{index}] in non-STANDARD mode [lookup]"
                ),
                None => format!(
                    "{shown} cannot operate on [{text}], which is not a field from an index mapping"
                ),
            };
            self.misused(field.span, message);
            return Ok(attribute);
        }
        let message = format!(
            "{shown} cannot operate on [{text}], which is not a field from an index mapping"
        );
        self.misused(field.span, message);
        Ok(Attribute::computed("", DataType::Keyword))
    }

    fn match_options(
        &mut self,
        given: Options<'_>,
        span: Span,
    ) -> Result<MatchOptions, Unresolved> {
        let mut options = MatchOptions::default();
        for (name, value) in given.unwrap_or_default() {
            if !MATCH_OPTIONS.contains(&name.as_str()) && !["slop", "k"].contains(&name.as_str()) {
                let message = format!(
                    "Invalid option [{name}] in [{}], expected one of [{}]",
                    self.text(span),
                    MATCH_OPTIONS.join(", ")
                );
                return self.problem(span, message);
            }
            let value = self.expression(value)?;
            let text = value.constant().and_then(text_of).unwrap_or_default();
            match name.as_str() {
                "operator" => options.all = text.eq_ignore_ascii_case("and"),
                "boost" => options.boost = text.parse().unwrap_or(1.0),
                "minimum_should_match" => options.minimum_should_match = Some(text),
                "fuzziness" => options.fuzziness = Some(text.parse().ok()),
                _ => {}
            }
        }
        Ok(options)
    }

    fn nearest(&mut self, field: String, query: &ast::Expr) -> Result<Node, Unresolved> {
        let vector = self.expression(query)?;
        let numbers = vector.constant().and_then(numbers_of);
        let Some(vector) = numbers else {
            return self.problem(query.span, "KNN needs a constant vector");
        };
        Ok(Node::Nearest {
            field,
            vector,
            k: DEFAULT_NEIGHBOURS,
            boost: 1.0,
        })
    }
}

/// A constant as a search text.
fn text_of(column: &crate::functions::Column) -> Option<String> {
    if let Some(text) = constant::string(column) {
        return Some(text.to_owned());
    }
    let text = arrow::util::display::array_value_to_string(&column.values, 0).ok()?;
    Some(text.strip_suffix(".0").map_or(text.clone(), str::to_owned))
}

fn numbers_of(column: &crate::functions::Column) -> Option<Vec<f32>> {
    use arrow::array::AsArray;
    let list = column.values.as_list_opt::<i32>()?;
    let values = arrow::compute::cast(&list.value(0), &arrow::datatypes::DataType::Float32).ok()?;
    let values = values.as_primitive::<arrow::datatypes::Float32Type>();
    Some(values.values().to_vec())
}
