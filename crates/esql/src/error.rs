//! What can go wrong with a query, in Elasticsearch's words.

use crate::ast::Span;

/// An error as Elasticsearch would send it: [`Error::kind`] is the body's `error.type`,
/// the display text its `error.reason`.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// `parsing_exception`, status 400. Display: `line 1:5: mismatched input …`.
    #[error("line {}:{}: {message}", span.line, span.column)]
    Parsing { span: Span, message: String },
    /// `verification_exception`, status 400. Display: `Found 1 problem\nline 1:27: …`.
    #[error("{}", verification_text(.0))]
    Verification(Vec<Problem>),
    /// `illegal_argument_exception`, status 400.
    #[error("{0}")]
    IllegalArgument(String),
    /// `x_content_parse_exception` and others about the request's body, status 400.
    #[error("{reason}")]
    Request { kind: &'static str, reason: String },
    /// Indices and clusters that aren't there, status 404.
    #[error("{reason}")]
    NotFound { kind: &'static str, reason: String },
    /// `index_not_found_exception`: Elasticsearch says 400 for an unknown index in ES|QL.
    #[error("{0}")]
    UnknownIndex(String),
    /// Over the memory that a query may have: `circuit_breaking_exception`, status 429.
    #[error("{0}")]
    Limit(String),
    /// What a server that was asked instead of this engine said, in its words.
    #[error("{reason}")]
    Told {
        status: u16,
        kind: String,
        reason: String,
    },
    /// Over the time that a query may take: `timeout_exception`, status 429.
    #[error("{0}")]
    Timeout(String),
    /// Ours to mend, status 500.
    #[error("{0}")]
    Internal(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub span: Span,
    pub message: String,
}

fn verification_text(problems: &[Problem]) -> String {
    let plural = if problems.len() == 1 { "" } else { "s" };
    let mut text = format!("Found {} problem{plural}", problems.len());
    for problem in problems {
        let Problem { span, message } = problem;
        text.push_str(&format!("\nline {}:{}: {message}", span.line, span.column));
    }
    text
}

impl Error {
    /// `error.type` of Elasticsearch's body.
    pub fn kind(&self) -> &str {
        match self {
            Self::Parsing { .. } => "parsing_exception",
            Self::Verification(_) | Self::UnknownIndex(_) => "verification_exception",
            Self::IllegalArgument(_) => "illegal_argument_exception",
            Self::Request { kind, .. } | Self::NotFound { kind, .. } => kind,
            Self::Told { kind, .. } => kind,
            Self::Limit(_) => "circuit_breaking_exception",
            Self::Timeout(_) => "timeout_exception",
            Self::Internal(_) => "esql_internal_exception",
        }
    }

    /// The HTTP status that Elasticsearch sends with it.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotFound { .. } => 404,
            Self::Limit(_) | Self::Timeout(_) => 429,
            Self::Told { status, .. } => *status,
            Self::Internal(_) => 500,
            _ => 400,
        }
    }
}
