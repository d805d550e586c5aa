//! PagerDuty: alerts and changes out (Events API v2), what people did with them in (webhooks v3),
//! and who is on call (REST).
//!
//! Three separate rights, each with a key of its own: an integration key that can send events to
//! one service, a signing secret of one webhook, and a read-only token for who is on call.
//!
//! Read first: [`events`], then [`incoming`], then [`on_call`]. `docs/integrations/pagerduty.md`
//! says all of it to operators.

use std::time::Duration;

mod answer;
pub mod events;
pub mod incoming;
pub mod on_call;
#[cfg(test)]
mod tests;

pub use events::{Alert, Change, EVENTS, Events};
pub use crate::callback::Unheard;
pub use incoming::{Arrived, Door, OutsideAct, OutsideNote, Said, What};
pub use on_call::{OnCall, Person, REST};

/// Wall time of one request.
const TIMEOUT: Duration = Duration::from_secs(10);
