//! The journal: records are created, never overwritten. The only lock in the program.

use async_trait::async_trait;
use model::{IncidentId, Projection, Severity, Status, StoredRecord, Summary};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Rows of one page of incidents at most.
pub const MAX_PAGE: usize = 200;

#[async_trait]
pub trait Journal: Send + Sync {
    /// Creates record `(incident, seq)`, durable when this returns, and replaces the projection.
    /// [`Error::Conflict`] where that record exists: read again and decide anew.
    async fn append(&self, record: &StoredRecord, shown: &Projection) -> Result<(), Error>;

    /// All records of one incident by seq; empty where there are none.
    async fn records(&self, incident: &IncidentId) -> Result<Vec<StoredRecord>, Error>;

    /// Every incident that the journal holds, by id.
    async fn incidents(&self) -> Result<Vec<IncidentId>, Error>;

    /// The projection: a page of summaries, newest first unless sorted otherwise.
    async fn summaries(&self, filter: &SummaryFilter) -> Result<SummaryPage, Error>;

    /// Replaces one incident's projection: after a rebuild.
    async fn project(&self, shown: &Projection) -> Result<(), Error>;
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SummaryFilter {
    pub statuses: Vec<Status>,
    pub severities: Vec<Severity>,
    pub service: Option<String>,
    pub rule: Option<String>,
    /// Words in title, service or cause.
    pub text: Option<String>,
    /// `opened_at`, `updated_at`, `severity`, `status`, `service.name`; `-` before it: descending.
    pub sort: Option<String>,
    pub offset: usize,
    /// At most [`MAX_PAGE`]; zero means 50.
    pub limit: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub struct SummaryPage {
    pub total: u64,
    pub items: Vec<Summary>,
}
