//! The words of DataPulse and the state machine of an incident.
//!
//! An incident is the sum of its records. [`Incident::apply`] is the only place that says which
//! record may follow which; everything else here is what records hold. This crate does no I/O,
//! has no async code and reads no clock: time is an argument.
//!
//! Read first: [`record`] (one line of history), then [`incident`] (the fold), then [`chain`].

pub mod action;
pub mod actor;
pub mod anchor;
pub mod approval;
pub mod chain;
pub mod digest;
pub mod evidence;
pub mod finding;
pub mod identity;
pub mod incident;
pub mod lineage;
pub mod notice;
pub mod policy;
pub mod projection;
pub mod proposal;
pub mod record;
pub mod redaction;
pub mod render;
pub mod report;
pub mod runbook;
pub mod service;
pub mod severity;
pub mod signature;
pub mod signing;
pub mod summary;
pub mod system;
pub mod time;
pub mod tuning;

pub use action::{Action, ActionKind, TargetState};
pub use actor::{Actor, Agent, Assignee, Role, Scope};
pub use anchor::{AnchorFault, AnchorLine};
pub use chain::{ChainFault, StoredRecord};
pub use digest::Digest;
pub use evidence::{Evidence, EvidenceId, Stance};
pub use finding::{Finding, Relation, Signal, Subject};
pub use identity::IncidentId;
pub use incident::{Illegal, Incident, Status};
pub use notice::Topic;
pub use policy::{Freeze, Policy, RiskTier, Terms};
pub use projection::{Measured, Projection};
pub use proposal::{Proposal, ProposalId, Replaced, Requester, Seal};
pub use record::{ClosedAs, Event, ExecutionResult, Record, Recovery};
pub use redaction::Redactor;
pub use report::{Cause, Hypothesis, LedgerEntry, LedgerState, Report, TimelineEntry};
pub use runbook::{Runbook, RunbookAction};
pub use service::Service;
pub use severity::Severity;
pub use signing::{Keyring, Purpose, Signer, Trusted, Writer};
pub use summary::Summary;
pub use system::{Act, Stopped, System};
pub use time::{Timestamp, Window};
