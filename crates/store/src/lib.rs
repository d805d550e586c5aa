//! What is kept: the journal, the telemetry, the knowledge.
//!
//! Each is a trait with one conformance suite that every backend passes. The embedded backend
//! keeps journal and knowledge in SQLite and telemetry in a log, Arrow and Parquet segments.
//!
//! Read first: [`journal`], [`telemetry`], [`knowledge`]; then [`embedded`].

pub mod conformance;
pub mod embedded;
pub mod embedding;
pub mod error;
pub mod journal;
pub mod knowledge;
pub mod telemetry;

pub use embedded::{Embedded, Health, IncidentCheck, Options, Snapshot, Verification};
pub use error::Error;
pub use journal::{Journal, SummaryFilter, SummaryPage};
pub use knowledge::{Knowledge, SavedToken};
pub use telemetry::{Document, ItemResult, Operation, Telemetry};
