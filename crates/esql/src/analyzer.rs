//! From the syntax tree to the typed plan: names, types and functions are settled here, and
//! everything that can't be is reported in Elasticsearch's words.
//!
//! As in Elasticsearch there are two rounds of complaints. A command with an unknown column or an
//! argument of a wrong type ends the analysis: commands after it would only add noise. What is
//! merely misused (an aggregate in `WHERE`) is collected over the whole query.

mod aggregate;
mod branches;
mod categories;
mod columns;
mod commands;
mod conflict;
pub mod constant;
mod enrich;
mod expression;
mod extract;
mod function;
mod fuse;
mod join;
mod lazy;
mod loaded;
mod pushed;
mod search;
mod similar;
mod source;
mod walk;

use std::collections::HashMap;

use crate::ast;
use crate::ast::Span;
use crate::error::{Error, Problem};
use crate::full_text::Node;
use crate::functions::Column;
use crate::plan::{Attribute, Plan, Step};
use crate::request::{Index, Limits};
use crate::warning::Warnings;

pub use branches::{FORK_COLUMN, MAX_SERIES};
pub use source::{fields, patterns, resolve_sources};

/// Indices by the pattern list that names them, found before the analysis begins.
#[derive(Default)]
pub struct Sources {
    pub found: HashMap<String, Vec<Index>>,
    /// What `ENRICH` looks up, by the policy's name.
    pub policies: HashMap<String, std::sync::Arc<crate::enrich::Table>>,
}

/// What the analysis of one query needs from outside.
pub struct Surroundings<'a> {
    pub text: &'a str,
    pub sources: &'a Sources,
    /// From the request: only documents that match are seen.
    pub filter: Option<Node>,
    /// The filter counts for `_score`.
    pub scored: bool,
    pub now_ms: i64,
    pub limits: Limits,
    pub warnings: &'a Warnings,
}

/// Why an expression has no type.
#[derive(Debug)]
pub enum Unresolved {
    /// The complaint is already in the list.
    Reported,
    /// Stops everything.
    Failed(Error),
}

impl From<Error> for Unresolved {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The state of an analysis between commands.
pub struct Analyzer<'a> {
    outer: &'a Surroundings<'a>,
    /// Of the command under analysis.
    command_span: Span,
    steps: Vec<Step>,
    scope: Vec<Attribute>,
    loaded: loaded::Loaded,
    /// Columns that were made within the command under analysis.
    fresh: Vec<String>,
    /// Columns whose one value for all rows is known.
    constants: HashMap<String, Column>,
    /// Complaints that end the analysis after the present command.
    problems: Vec<Problem>,
    /// Complaints about misuse with the start of their command, reported at the end: those of
    /// the last command first.
    misuse: Vec<(u32, Problem)>,
    queries: Vec<std::sync::Arc<crate::full_text::TextQuery>>,
    /// Commands before this one that full-text functions can't follow.
    barrier: Option<&'static str>,
    /// Commands before this one that even `MATCH` can't follow.
    late_barrier: Option<&'static str>,
    /// Rows that the next `LIMIT` lets through, where only commands that keep every row stand
    /// between.
    limit_ahead: Option<usize>,
    text_place: search::TextPlace,
    /// How many `NOT` surround the present place.
    negations: usize,
    /// How many functions that may skip their arguments surround it.
    lazy: usize,
    /// `SORT` without a `LIMIT` so far, and whether rows were multiplied since.
    open_sort: OpenSort,
    /// While the expressions of a `STATS` are resolved.
    stats: Option<aggregate::StatsScope>,
    /// A query may divide its rows once.
    forked: bool,
    /// The first call that can never do: said where nothing else is wrong.
    refusal: Option<Error>,
}

#[derive(Default, Clone)]
struct OpenSort {
    sort: Option<Problem>,
    multiplied: bool,
}

/// Analyzes a query whose sources are known.
///
/// # Errors
///
/// [`Error::Verification`] with all problems of the first round, or of the second.
pub fn analyze(query: &ast::Query, outer: &Surroundings<'_>) -> Result<Plan, Error> {
    let mut analyzer = Analyzer {
        outer,
        command_span: Span::default(),
        steps: Vec::new(),
        scope: Vec::new(),
        loaded: loaded::Loaded::by(query),
        fresh: Vec::new(),
        constants: HashMap::new(),
        problems: Vec::new(),
        misuse: Vec::new(),
        queries: Vec::new(),
        barrier: None,
        late_barrier: None,
        limit_ahead: None,
        text_place: search::TextPlace::default(),
        negations: 0,
        lazy: 0,
        open_sort: OpenSort::default(),
        stats: None,
        forked: false,
        refusal: None,
    };
    function::counted(query, outer.text)?;
    for (number, command) in query.commands.iter().enumerate() {
        analyzer.limit_ahead = search::limit_ahead(&query.commands[number + 1..]);
        match analyzer.command(command) {
            Ok(()) | Err(Unresolved::Reported) => {}
            Err(Unresolved::Failed(error)) => return Err(error),
        }
        if !analyzer.problems.is_empty() {
            return Err(Error::Verification(analyzer.problems));
        }
    }
    analyzer.finish(query)
}

impl<'a> Analyzer<'a> {
    fn finish(mut self, query: &ast::Query) -> Result<Plan, Error> {
        if !self.misuse.is_empty() {
            self.misuse
                .sort_by_key(|(command, _)| std::cmp::Reverse(*command));
            let problems = self.misuse.into_iter().map(|(_, problem)| problem);
            return Err(Error::Verification(problems.collect()));
        }
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        self.steps.push(Step::Limit(self.rows_of(query)));
        if let Some(Step::Source(source)) = self.steps.first_mut() {
            source.text_queries = std::mem::take(&mut self.queries);
        }
        Ok(Plan {
            steps: self.steps,
            output: self.scope,
        })
    }

    /// Rows that a query, or a branch of one, gives at most.
    fn rows_of(&self, query: &ast::Query) -> usize {
        let limits = self.outer.limits;
        let limited = query
            .commands
            .iter()
            .any(|command| matches!(command.kind, ast::CommandKind::Limit(_)));
        if limited {
            limits.max_rows
        } else {
            limits.default_rows
        }
    }

    fn text(&self, span: Span) -> &'a str {
        span.text(self.outer.text)
    }

    fn problem<T>(&mut self, span: Span, message: impl Into<String>) -> Result<T, Unresolved> {
        let message = message.into();
        // The same complaint about another place says nothing new.
        if !self.problems.iter().any(|known| known.message == message) {
            self.problems.push(Problem { span, message });
        }
        Err(Unresolved::Reported)
    }

    fn misused(&mut self, span: Span, message: impl Into<String>) {
        let message = message.into();
        let problem = (self.command_span.start, Problem { span, message });
        if !self.misuse.contains(&problem) {
            self.misuse.push(problem);
        }
    }
}
