//! Whom we call, and who calls us: runners that act on targets, webhooks that tell people, places
//! outside that keep anchors, and what others tell of deployments.
//!
//! Only this crate knows other systems' words and wires. Every call has a time limit, a size
//! limit and an error that says whether the other side may have acted.
//!
//! Read first: [`run`] (what a runner promises), then [`webhook`], then [`outbound`] (the one
//! client that both call through).

pub mod alerts;
pub mod anchors;
mod body_signature;
mod bulletin;
pub mod channel;
pub mod deployments;
pub mod email;
pub mod error;
pub mod jira;
pub mod outbound;
pub mod pagerduty;
mod plain;
pub mod replayed;
pub mod run;
pub mod secret;
mod shown;
pub mod signature;
pub mod slack;
#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod story;
pub mod teams;
pub mod templated;
pub mod ui;
pub mod webhook;

pub use anchors::{AnchorPlace, Custody};
pub use channel::{Channel, Delivered, Elsewhere, Standing, Telling, Told};
pub use error::Error;
pub use outbound::{Outbound, OutboundSettings};
pub use run::{Known, Order, Receipt, Runner};
pub use secret::Secret;
pub use ui::Ui;
pub use webhook::{Notice, Webhook};
