//! A query with all that surrounds it, and its answer: the engine's two ends.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use serde_json::Value;

use crate::datatype::DataType;
use crate::error::Error;

/// One request: Elasticsearch's `POST /_query` body, with time as an argument.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub query: String,
    pub params: Vec<Parameter>,
    /// Query DSL; only documents that match are seen by the query.
    pub filter: Option<Value>,
    /// How well documents match the filter counts for `_score`: a search's query, where a filter
    /// only lets through.
    pub scored: bool,
    /// What `NOW()` says, milliseconds since 1970.
    pub now_ms: i64,
    pub limits: Limits,
}

/// A value for `?`, `?1` or `?name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    pub name: Option<String>,
    pub kind: ParameterKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ParameterKind {
    Value(Value),
    Identifier(String),
    Pattern(String),
}

/// Bounds on one query.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rows where the query has no `LIMIT` (Elasticsearch: 1,000).
    pub default_rows: usize,
    /// Rows that no `LIMIT` exceeds (Elasticsearch: 10,000).
    pub max_rows: usize,
    pub memory_bytes: usize,
    pub time_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            default_rows: 1_000,
            max_rows: 10_000,
            memory_bytes: 1 << 30,
            time_ms: 60_000,
        }
    }
}

/// What a query gives.
#[derive(Debug, Clone)]
pub struct Answer {
    pub columns: Vec<AnswerColumn>,
    /// In order; each batch has exactly `columns`, laid out as `datatype` says.
    pub batches: Vec<RecordBatch>,
    /// Texts of the `Warning` headers, without code and quotes.
    pub warnings: Vec<String>,
    /// Documents that the scans of indices gave, where they count them.
    pub documents_found: u64,
    /// Cells of those documents: rows times the columns that were read.
    pub values_loaded: u64,
    /// Some stored documents could not be read; a warning says which.
    pub is_partial: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerColumn {
    pub name: String,
    pub data_type: DataType,
    /// For `unsupported`: the types in the indices.
    pub original_types: Vec<String>,
    pub suggested_cast: Option<String>,
}

/// Where indices come from. Implemented by the store and by the conformance test's data.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// The indices that match one pattern (a name or wildcards), sorted by name; one snapshot.
    async fn indices(&self, pattern: &str) -> Result<Vec<Index>, Error>;

    /// The enrich policy of this name, where it was executed.
    async fn enrich_policy(&self, _name: &str) -> Result<Option<EnrichPolicy>, Error> {
        Ok(None)
    }

    /// What the tables of these indices can do better than any: applied to physical plans before
    /// DataFusion's own rules.
    fn rules(&self) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
        Vec::new()
    }
}

/// What `ENRICH` looks up: fields of the documents whose match field has a row's value.
#[derive(Clone)]
pub struct EnrichPolicy {
    pub name: String,
    pub match_field: String,
    pub enrich_fields: Vec<String>,
    pub indices: Vec<Index>,
}

/// One index as the engine sees it.
#[derive(Clone)]
pub struct Index {
    pub name: String,
    pub mode: IndexMode,
    /// Every field, sub-fields too, sorted by name.
    pub fields: Vec<Field>,
    /// Columns are named as `fields` and laid out as `datatype` says, scalar or list; further
    /// ones are `_id` and `_source` (keyword, JSON text) where the index keeps them.
    pub table: Arc<dyn TableProvider>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexMode {
    Standard,
    Lookup,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub data_type: DataType,
    /// The mapping's own word (`float`, `scaled_float`, `geo_point`, `object` …).
    pub mapping_type: String,
    /// Of a multi-field: the field whose value this repeats.
    pub parent: Option<String>,
}
