//! Telemetry: documents in, ES|QL out.

use std::borrow::Cow;

use async_trait::async_trait;
use model::Timestamp;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::indices::Refusal;

/// Documents of one call to [`Telemetry::ingest`] at most.
pub const MAX_BATCH: usize = 50_000;

#[async_trait]
pub trait Telemetry: Send + Sync {
    /// Stores documents; durable and visible to queries when this returns. One result a
    /// document, in order. [`Error::Unavailable`]: nothing of the batch was stored.
    async fn ingest(&self, documents: Vec<Document>) -> Result<Vec<ItemResult>, Error>;

    /// Runs one ES|QL request over one snapshot.
    async fn query(&self, request: &esql::Request) -> Result<esql::Answer, Error>;

    /// Rows of one answer at most, whatever the request's limits say.
    fn max_rows(&self) -> usize {
        usize::MAX
    }

    /// Whether its ES|QL has a feature that not every version of Elasticsearch has.
    fn has(&self, _feature: Feature) -> bool {
        true
    }

    /// The fields of all indices that match the pattern, by name, without doubles.
    async fn fields(&self, pattern: &str) -> Result<Vec<esql::Field>, Error>;

    /// The largest `@timestamp` of the indices that match; `None` where they hold nothing.
    async fn newest(&self, pattern: &str) -> Result<Option<Timestamp>, Error>;
}

/// What a tool's text may need of ES|QL beyond the lowest supported version.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// `KNN` over `dense_vector`.
    Knn,
}

impl Feature {
    /// In words, with the version that brought it to Elasticsearch.
    pub fn says(self) -> &'static str {
        match self {
            Self::Knn => "ES|QL's KNN (Elasticsearch 9.2 or newer)",
        }
    }
}

/// Whether one call may bring that many documents.
pub(crate) fn check_batch(documents: &[Document]) -> Result<(), Error> {
    let count = documents.len();
    if count <= MAX_BATCH {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "a batch of {count} documents is over the limit of {MAX_BATCH}; send smaller ones"
    )))
}

/// One document to store.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub index: String,
    pub operation: Operation,
    /// Given by the sender, or made here.
    pub id: Option<String>,
    /// Nested or flat keys: `{"service":{"name":"a"}}` is `{"service.name":"a"}`.
    pub source: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Refused where the id exists.
    Create,
    /// Replaces a document of the same id.
    Index,
    /// Takes the document of this id away; its source is not looked at.
    Delete,
}

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemResult {
    Created {
        id: String,
    },
    Updated {
        id: String,
    },
    Deleted {
        id: String,
    },
    /// `delete` of an id that isn't there: Elasticsearch's 404 without an error.
    NotFound {
        id: String,
    },
    /// `create` of an id that exists: Elasticsearch's 409 `version_conflict_engine_exception`.
    Conflict {
        id: String,
    },
    /// A value that the field's type can't take, a missing `@timestamp`, too many fields …:
    /// Elasticsearch's 400 with this type and reason.
    Refused {
        kind: Cow<'static, str>,
        reason: String,
    },
}

impl ItemResult {
    pub fn refused(kind: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self::Refused {
            kind: kind.into(),
            reason: reason.into(),
        }
    }
}

impl From<Refusal> for ItemResult {
    fn from(refusal: Refusal) -> Self {
        Self::refused(refusal.kind, refusal.reason)
    }
}
