//! Notifier: who should know, where, once?
//!
//! What is to be told is read from the journal, and what was told is recorded there, so a crash
//! between the two sends the same notice again under the same key — the record's id — and the
//! receiver knows it. The incident's history is the outbox; there is no other.
//!
//! Who hears of it, and when, is `model::routing`'s to decide; [`dispatcher`] reads what that rests on.
//!
//! Read first: [`outbox`] (pure), then [`dispatcher`], then [`stage`].

pub mod dispatcher;
pub mod heartbeat;
pub mod outbox;
mod reminders;
pub mod settings;
pub mod stage;
mod together;

pub use dispatcher::describe_metrics as describe_routing_metrics;
pub use heartbeat::Heartbeat;
pub use settings::Settings;
pub use stage::Notifier;
