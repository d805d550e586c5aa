//! Scalar functions and operators: pure kernels over Arrow arrays.
//!
//! A function is found by its lower-case name ([`lookup`]); operators by their symbols (`+`,
//! `==`, `neg`, `not`, `and`, `or`, `is_null`, `is_not_null`, `in`, `like`, `rlike`). The analyzer calls [`Function::resolve`] with
//! the types of the arguments and gets the result's type or Elasticsearch's message; the planner
//! calls [`Function::evaluate`] on batches.

mod arithmetic;
mod arrays;
mod comparison;
mod conditional;
mod convert;
mod datemath;
mod dates;
mod digest;
mod entry;
pub mod ip;
mod like;
mod lists;
mod logic;
mod math;
mod multivalue;
pub mod number;
mod refusals;
mod regexes;
pub mod render;
mod signature;
mod spans;
mod strings;
mod table;
mod vectors;
pub mod version;

use arrow::array::ArrayRef;

use crate::ast::Span;
use crate::datatype::DataType;
use crate::error::Error;
use crate::warning::Warnings;

/// Values of one ES|QL type; see [`crate::datatype`] for how they lie in the array.
#[derive(Debug, Clone)]
pub struct Column {
    pub data_type: DataType,
    pub values: ArrayRef,
}

/// An argument as the analyzer sees it.
#[derive(Debug, Clone)]
pub struct Argument {
    pub data_type: DataType,
    /// Its text in the query, for messages: `first argument of [ABS(x)] must be …`.
    pub text: String,
    pub span: Span,
    /// One row of values where the argument is a constant.
    pub constant: Option<Column>,
}

/// What surrounds one evaluation.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The call's own text in the query: warnings name it.
    pub text: &'a str,
    pub span: Span,
    pub warnings: &'a Warnings,
    /// `NOW()`, milliseconds since 1970: the same for the whole query.
    pub now_ms: i64,
    /// The type that [`Function::resolve`] gave.
    pub result: DataType,
    pub rows: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Documentation {
    /// As it is written in queries: `DATE_TRUNC`.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
}

pub trait Function: Send + Sync {
    fn documentation(&self) -> Documentation;

    /// The type of the result, or the message of Elasticsearch's verifier (without `line 1:2: `).
    /// `text` is the call's own text.
    fn resolve(&self, text: &str, arguments: &[Argument]) -> Result<DataType, String>;

    /// Never panics; a row that can't be evaluated is null and a warning.
    fn evaluate(&self, call: &Call<'_>, arguments: &[Column]) -> Column;

    /// The error of a call whose constant arguments can never do: Elasticsearch refuses such a
    /// query as a whole (`pattern_syntax_exception`, `invalid_argument_exception` …). To be asked
    /// once constants are known.
    fn refuse(&self, _text: &str, _arguments: &[Argument]) -> Option<Error> {
        None
    }
}

/// A function or operator by its lower-case name or alias.
pub fn lookup(name: &str) -> Option<&'static dyn Function> {
    table::find(name).map(|entry| entry as &dyn Function)
}

/// Every name that a function is known by, aliases too, in lower case; no operators.
pub fn names() -> impl Iterator<Item = &'static str> {
    table::names()
}

/// All functions, by name: for `docs/esql.md` and "did you mean". Operators aren't among them.
pub fn all() -> impl Iterator<Item = &'static dyn Function> {
    table::documented().map(|entry| entry as &dyn Function)
}
