//! Notifier: who should know, where, once?
//!
//! What is to be told is read from the journal, and what was told is recorded there, so a crash
//! between the two sends the same notice again under the same key — the record's id — and the
//! receiver knows it. The incident's history is the outbox; there is no other.
//!
//! Read first: [`outbox`] (pure), then `pauses` (pure), then [`stage`].

#[cfg(test)]
mod finding;
pub mod outbox;
mod pauses;
pub mod stage;

pub use pauses::MAX_BEHIND;
pub use stage::{Notifier, describe_metrics};
