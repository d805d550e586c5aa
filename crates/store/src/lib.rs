//! What is kept: the journal, the telemetry, the knowledge.
//!
//! Each is a trait with one conformance suite that every backend passes. The embedded backend
//! keeps journal and knowledge in SQLite and telemetry in a log, Arrow and Parquet segments; the
//! other keeps all three in Elasticsearch.
//!
//! Read first: [`journal`], [`telemetry`], [`knowledge`]; then [`embedded`] and [`elastic`].

mod anchors;
pub mod care;
pub mod conformance;
pub mod elastic;
pub mod embedded;
pub mod embedding;
pub mod error;
pub mod indices;
pub mod journal;
pub mod knowledge;
mod lock;
mod moment;
pub mod retention;
pub mod telemetry;
pub mod verify;

pub use care::{Care, Inspection};
pub use elastic::Elastic;
pub use embedded::{Compaction, Embedded, Health, Options, Snapshot};
pub use error::Error;
pub use journal::{Journal, SummaryFilter, SummaryPage};
pub use knowledge::{Knowledge, SavedPerson, SavedToken};
pub use telemetry::{Document, Feature, ItemResult, Operation, Telemetry};
pub use verify::{IncidentCheck, Verification};
