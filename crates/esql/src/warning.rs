//! Warnings that evaluation leaves behind, in Elasticsearch's words.

use std::sync::{Arc, Mutex, PoisonError};

use crate::ast::Span;

/// Elasticsearch records this many failures of one expression, no more.
pub const MAX_WARNINGS_PER_EXPRESSION: usize = 20;

/// Collects the warnings of one query; cheap to clone, shared between threads.
///
/// Each expression that fails adds one heading (`Line 1:44: evaluation of [a/b] failed, treating
/// result as null. Only first 20 failures recorded.`) and a line a distinct failure
/// (`Line 1:44: java.lang.ArithmeticException: / by zero`).
#[derive(Debug, Clone, Default)]
pub struct Warnings {
    texts: Arc<Mutex<Vec<Failure>>>,
}

#[derive(Debug)]
struct Failure {
    span: Span,
    heading: String,
    lines: Vec<String>,
    /// Failures that were recorded, equal ones too.
    recorded: usize,
}

impl Warnings {
    /// One failed row of the expression `text` at `span`; `failure` is `class: message`.
    pub fn failed(&self, span: Span, text: &str, failure: &str) {
        self.failed_as("null", span, text, failure);
    }

    /// A row of a condition that failed and counts as false.
    pub fn failed_as_false(&self, span: Span, text: &str, failure: &str) {
        self.failed_as("false", span, text, failure);
    }

    fn failed_as(&self, result: &str, span: Span, text: &str, failure: &str) {
        let heading = format!(
            "Line {}:{}: evaluation of [{text}] failed, treating result as {result}. Only first {MAX_WARNINGS_PER_EXPRESSION} failures recorded.",
            span.line, span.column
        );
        let line = format!("Line {}:{}: {failure}", span.line, span.column);
        self.add(span, heading, Some(line));
    }

    /// A warning that stands by itself, such as a deprecation.
    pub fn note(&self, text: &str) {
        self.add(Span::default(), text.to_owned(), None);
    }

    fn add(&self, span: Span, heading: String, line: Option<String>) {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let found = texts
            .iter()
            .position(|known| known.span == span && known.heading == heading);
        let index = found.unwrap_or_else(|| {
            texts.push(Failure {
                span,
                heading,
                lines: Vec::new(),
                recorded: 0,
            });
            texts.len() - 1
        });
        if let Some(line) = line {
            let failure = &mut texts[index];
            if failure.recorded < MAX_WARNINGS_PER_EXPRESSION && !failure.lines.contains(&line) {
                failure.lines.push(line);
            }
            failure.recorded += 1;
        }
    }

    /// All texts, in the order in which their expressions first failed.
    pub fn texts(&self) -> Vec<String> {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts
            .iter()
            .flat_map(|failure| {
                std::iter::once(failure.heading.clone()).chain(failure.lines.iter().cloned())
            })
            .collect()
    }
}
