//! ES|QL as Elasticsearch answers it, on DataFusion.
//!
//! Text becomes a syntax tree ([`ast`]), the tree is resolved and checked against the indices'
//! fields, planned onto DataFusion, and run. This crate knows nothing of incidents, and it never
//! reads a clock: `NOW()` is an argument.
//!
//! Read first: [`request`] (both ends), then [`datatype`] (how values lie in arrays).

pub mod aggregates;
pub mod analyzer;
pub mod answer;
pub mod ast;
pub mod body;
mod categorize;
mod change_point;
pub mod datatype;
pub mod date;
pub mod dissect;
pub mod document;
pub mod enrich;
pub mod error;
pub mod full_text;
pub mod functions;
pub mod grok;
mod lexer;
pub mod parser;
pub mod plan;
pub mod request;
pub mod run;
pub mod warning;

pub use datatype::DataType;
pub use error::Error;
pub use request::{
    Answer, AnswerColumn, Catalog, EnrichPolicy, Field, Index, IndexMode, Limits, Parameter,
    ParameterKind, Request,
};
pub use run::{planned, run};
