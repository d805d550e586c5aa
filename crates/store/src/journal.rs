//! The journal: records are created, never overwritten. The only lock in the program.

use async_trait::async_trait;
use model::{
    Actor, Event, IncidentId, Projection, Record, Severity, Status, StoredRecord, Summary,
};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Rows of one page of incidents at most.
pub const MAX_PAGE: usize = 200;

/// Rows of a page where the caller named no limit.
const DEFAULT_PAGE: usize = 50;

#[async_trait]
pub trait Journal: Send + Sync {
    /// Creates record `(incident, seq)`, durable when this returns, and replaces the projection,
    /// where there is one: the system chain has none.
    /// [`Error::Conflict`] where that record exists: read again and decide anew.
    async fn append(&self, record: &StoredRecord, shown: Option<&Projection>) -> Result<(), Error>;

    /// All records of one incident by seq; empty where there are none.
    async fn records(&self, incident: &IncidentId) -> Result<Vec<StoredRecord>, Error> {
        self.records_after(incident, 0).await
    }

    /// Those with a seq over `after`.
    async fn records_after(
        &self,
        incident: &IncidentId,
        after: u64,
    ) -> Result<Vec<StoredRecord>, Error>;

    /// Every incident that the journal holds, and the system chains, by id.
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

impl SummaryFilter {
    /// Rows of the page.
    pub(crate) fn page(&self) -> usize {
        match self.limit {
            0 => DEFAULT_PAGE,
            limit => limit.min(MAX_PAGE),
        }
    }
}

/// What summaries are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SortKey {
    OpenedAt,
    UpdatedAt,
    Severity,
    Status,
    Service,
}

/// The key that [`SummaryFilter::sort`] names, and whether the largest comes first.
pub(crate) fn sort_key(sort: Option<&str>) -> Result<(SortKey, bool), Error> {
    let Some(sort) = sort else {
        return Ok((SortKey::OpenedAt, true));
    };
    let (name, descending) = match sort.strip_prefix('-') {
        Some(name) => (name, true),
        None => (sort, false),
    };
    let key = match name {
        "opened_at" => SortKey::OpenedAt,
        "updated_at" => SortKey::UpdatedAt,
        "severity" => SortKey::Severity,
        "status" => SortKey::Status,
        "service.name" => SortKey::Service,
        _ => {
            return Err(Error::Refused(format!(
                "sort: {name:?} is none of opened_at, updated_at, severity, status, service.name"
            )));
        }
    };
    Ok((key, descending))
}

/// What [`SummaryFilter::text`] is looked for in.
pub(crate) fn words(summary: &Summary) -> String {
    [
        summary.incident_id.as_str(),
        &summary.title,
        &summary.service,
        summary.cause.as_deref().unwrap_or_default(),
    ]
    .join("\n")
    .to_lowercase()
}

/// The record that the bytes are, for the columns that people read.
pub(crate) fn read_record(stored: &StoredRecord) -> Result<Record, Error> {
    stored.record().map_err(|error| {
        Error::Refused(format!(
            "{}:{}: not a record: {error}",
            stored.incident, stored.seq
        ))
    })
}

/// The columns `decision` and `approved_by`.
pub(crate) fn decision(record: &Record) -> (Option<&'static str>, Option<String>) {
    match (&record.event, &record.actor) {
        (Event::Decided { approve: true, .. }, actor) => {
            let by = match actor {
                Actor::Person { subject, .. } => subject.clone(),
                other => other.label().to_owned(),
            };
            (Some("approved"), Some(by))
        }
        (Event::Decided { approve: false, .. }, _) => (Some("rejected"), None),
        _ => (None, None),
    }
}
