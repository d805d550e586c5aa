//! Why something fails: observations are asked for, weighed, and told as a report.
//!
//! The heart ([`weigh`]) is a function of values. The shell asks tools, keeps a ledger of what was
//! asked, and records the report. This crate refuses to guess: a hypothesis without evidence is
//! not made, and "I don't know" is an answer.
//!
//! Read first: [`observations`], then [`weigh`], then [`report`].

pub mod gather;
pub mod observations;
pub mod report;
pub mod stage;
pub mod templates;
pub mod weigh;
pub mod witness;

pub use gather::Matter;
pub use report::{Investigation, investigate, observe};
pub use stage::Analyst;
