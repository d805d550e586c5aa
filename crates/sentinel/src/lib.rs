//! Sentinel: is something wrong, where, since when?
//!
//! It looks when a rule is due, never on each document: one query for all services, pure
//! detectors over its rows, then pure correlation with the incidents that are open. It opens,
//! attaches and resolves; it never explains and never acts.
//!
//! Read first: [`detect`] (what deviates), [`correlate`] (what belongs together), [`tick`].

pub mod baseline;
pub mod correlate;
pub mod detect;
pub mod error;
pub mod memory;
pub mod reading;
pub mod series;
pub mod settings;
pub mod severity;
pub mod tick;
pub mod waits;
pub mod watch;

pub use error::Error;
pub use settings::Settings;
pub use tick::{Sentinel, Ticked};
