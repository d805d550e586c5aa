//! Full-text functions: what they may stand on and where.

use std::sync::Arc;

use super::{Analyzer, Unresolved, constant};
use crate::ast::{self, CommandKind, ExprKind as Syntax, Span};
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

/// The function that gives the score of the full-text functions within it.
pub(super) const SCORE: &str = "score";

/// Options of the other functions that search fields.
const FURTHER_OPTIONS: [&str; 7] = [
    "slop",
    "k",
    "min_candidates",
    "rescore_oversample",
    "similarity",
    "type",
    "tie_breaker",
];

/// Where full-text functions may stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum TextPlace {
    /// `WHERE`, of a command or of an aggregate, and the aggregates themselves.
    Condition,
    Grouping,
    Score,
    #[default]
    Elsewhere,
}

/// Rows that the next `LIMIT` lets through, where only commands that keep every row come before.
pub(super) fn limit_ahead(commands: &[ast::Command]) -> Option<usize> {
    for command in commands {
        match &command.kind {
            CommandKind::Limit(count) => {
                return match &count.kind {
                    Syntax::Literal(ast::Literal::Integer(rows)) => usize::try_from(*rows).ok(),
                    _ => None,
                };
            }
            CommandKind::Eval(_)
            | CommandKind::Sort(_)
            | CommandKind::Keep(_)
            | CommandKind::Drop(_)
            | CommandKind::Rename(_)
            | CommandKind::Dissect(_)
            | CommandKind::Grok(_) => {}
            _ => return None,
        }
    }
    None
}

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
        self.check_place(name, span);
        let node = match name {
            "qstr" | "kql" => self.whole_document(name, arguments, span)?,
            "multi_match" => self.on_fields(arguments, options, span)?,
            _ => self.on_field(name, arguments, options, span)?,
        };
        let number = self.queries.len();
        let measured = self.text_place == TextPlace::Score;
        self.queries.push(Arc::new(TextQuery {
            node,
            scoring: self.negations == 0 && !measured,
            measured,
        }));
        Ok(self.typed(span, DataType::Boolean, ExprKind::TextQuery(number)))
    }

    /// Does `work` where full-text functions stand in `place`.
    pub(super) fn text_in<T>(&mut self, place: TextPlace, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.text_place, place);
        let done = work(self);
        self.text_place = before;
        done
    }

    fn check_place(&mut self, name: &str, span: Span) {
        let shown = shown(name);
        match self.text_place {
            TextPlace::Condition | TextPlace::Score => {}
            TextPlace::Grouping => {
                let message = format!("{shown} is only supported in WHERE and STATS commands");
                self.misused(span, message);
            }
            TextPlace::Elsewhere => {
                let message = format!(
                    "{shown} is only supported in WHERE and STATS commands or in EVAL within score(.) function"
                );
                self.misused(span, message);
            }
        }
    }

    /// `SCORE`: how well a row matches the full-text functions of a condition, 0 where it doesn't.
    pub(super) fn score(
        &mut self,
        arguments: &[&ast::Expr],
        span: Span,
    ) -> Result<Expr, Unresolved> {
        let [condition] = arguments else {
            return self.expects(SCORE, "exactly one argument", span);
        };
        if self.text_place == TextPlace::Condition && self.stats.is_none() {
            let message = "[SCORE] function can't be used in WHERE or LOOKUP JOIN ON conditions";
            self.misused(span, message.to_owned());
        }
        if let Some(command) = self.late_barrier {
            let message = format!("[SCORE] function cannot be used after {command}");
            self.misused(self.command_span, message);
        }
        let from = self.queries.len();
        let condition = self.text_in(TextPlace::Score, |it| it.condition(condition))?;
        let mut counted = Vec::new();
        scored(&condition, &mut counted);
        if self.queries.len() == from {
            let message = format!(
                "[SCORE] needs a full-text function to score, found [{}]",
                condition.text
            );
            return self.problem(span, message);
        }
        Ok(self.typed(span, DataType::Double, ExprKind::Score(counted)))
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
        let shown = shown(name);
        let options = self.match_options(options, span)?;
        let attribute = self.searched(field, &shown)?;
        self.check_barrier(&shown);
        let name_of_field = attribute.field.clone().unwrap_or_default();
        if name == "knn" {
            return self.nearest(name_of_field, query, &options);
        }
        let text = self.searched_for(query, "second", span)?;
        Ok(if name == "match_phrase" {
            Node::Phrase {
                field: name_of_field,
                text,
                slop: options.slop,
                boost: options.words.boost,
            }
        } else {
            Node::Match {
                field: name_of_field,
                text,
                options: options.words,
            }
        })
    }

    /// `MULTI_MATCH`: what is searched for first, then the fields.
    fn on_fields(
        &mut self,
        arguments: &[&ast::Expr],
        options: Options<'_>,
        span: Span,
    ) -> Result<Node, Unresolved> {
        let [query, fields @ ..] = arguments else {
            return self.expects("multi_match", "at least two arguments", span);
        };
        if fields.is_empty() {
            return self.expects("multi_match", "at least two arguments", span);
        }
        let shown = shown("multi_match");
        let options = self.match_options(options, span)?;
        let mut names = Vec::new();
        for field in fields {
            let attribute = self.searched(field, &shown)?;
            names.extend(attribute.field);
        }
        self.check_barrier(&shown);
        let text = self.searched_for(query, "first", span)?;
        let way = options.way.as_deref().unwrap_or("best_fields");
        let phrase = way == "phrase";
        let nodes = names.into_iter().map(|field| match phrase {
            true => Node::Phrase {
                field,
                text: text.clone(),
                slop: options.slop,
                boost: options.words.boost,
            },
            false => Node::Match {
                field,
                text: text.clone(),
                options: options.words.clone(),
            },
        });
        let nodes = nodes.collect();
        match way {
            "best_fields" | "phrase" => Ok(Node::Best {
                nodes,
                tie: options.tie.unwrap_or(0.0),
            }),
            "most_fields" => Ok(Node::Best {
                nodes,
                tie: options.tie.unwrap_or(1.0),
            }),
            other => {
                let message = format!(
                    "[MULTI_MATCH] type [{other}] is not supported by this engine: it takes best_fields, most_fields and phrase"
                );
                self.problem(span, message)
            }
        }
    }

    fn check_barrier(&mut self, shown: &str) {
        if let Some(command) = self.late_barrier {
            self.misused(
                self.command_span,
                format!("{shown} cannot be used after {command}"),
            );
        }
    }

    /// The constant text that is searched for.
    fn searched_for(
        &mut self,
        query: &ast::Expr,
        place: &str,
        span: Span,
    ) -> Result<String, Unresolved> {
        let query = self.expression(query)?;
        match query.constant().and_then(text_of) {
            Some(text) => Ok(text),
            None => {
                let message = format!(
                    "{place} argument of [{}] must be a constant, received [{}]",
                    self.text(span),
                    query.text
                );
                self.problem(query.span, message)
            }
        }
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
    ) -> Result<SearchOptions, Unresolved> {
        let mut options = SearchOptions::default();
        for (name, value) in given.unwrap_or_default() {
            let name = name.as_str();
            if !MATCH_OPTIONS.contains(&name) && !FURTHER_OPTIONS.contains(&name) {
                let message = format!(
                    "Invalid option [{name}] in [{}], expected one of [{}]",
                    self.text(span),
                    MATCH_OPTIONS.join(", ")
                );
                return self.problem(span, message);
            }
            let value = self.expression(value)?;
            let text = value.constant().and_then(text_of).unwrap_or_default();
            let words = &mut options.words;
            match name {
                "operator" => words.all = text.eq_ignore_ascii_case("and"),
                "boost" => words.boost = text.parse().unwrap_or(1.0),
                "minimum_should_match" => words.minimum_should_match = Some(text),
                "fuzziness" => words.fuzziness = Some(text.parse().ok()),
                "slop" => options.slop = text.parse().unwrap_or(0),
                "k" => options.neighbours = text.parse().ok(),
                "similarity" => options.similarity = text.parse().ok(),
                "type" => options.way = Some(text.to_lowercase()),
                "tie_breaker" => options.tie = text.parse().ok(),
                _ => {}
            }
        }
        Ok(options)
    }

    fn nearest(
        &mut self,
        field: String,
        query: &ast::Expr,
        options: &SearchOptions,
    ) -> Result<Node, Unresolved> {
        let vector = self.expression(query)?;
        let numbers = vector.constant().and_then(numbers_of);
        let Some(vector) = numbers else {
            return self.problem(query.span, "KNN needs a constant vector");
        };
        Ok(Node::Nearest {
            field,
            vector,
            k: options
                .neighbours
                .or(self.limit_ahead)
                .unwrap_or(self.outer.limits.default_rows),
            boost: options.words.boost,
            similarity: options.similarity,
        })
    }
}

/// Named parameters of the functions that search fields.
#[derive(Default)]
struct SearchOptions {
    words: MatchOptions,
    slop: usize,
    neighbours: Option<usize>,
    similarity: Option<f32>,
    /// `type` of `MULTI_MATCH`.
    way: Option<String>,
    tie: Option<f32>,
}

/// The name that Elasticsearch's messages have.
fn shown(name: &str) -> String {
    match name {
        ":" => "[:] operator".to_owned(),
        "match_phrase" => "[MatchPhrase] function".to_owned(),
        "multi_match" => "[MultiMatch] function".to_owned(),
        other => format!("[{}] function", other.to_uppercase()),
    }
}

/// The full-text queries of a condition whose scores add up: those under no `NOT`.
fn scored(condition: &Expr, found: &mut Vec<usize>) {
    match &condition.kind {
        ExprKind::TextQuery(number) => found.push(*number),
        ExprKind::Call {
            name, arguments, ..
        } if name == "and" || name == "or" => {
            for argument in arguments {
                scored(argument, found);
            }
        }
        _ => {}
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
