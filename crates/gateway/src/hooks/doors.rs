//! The doors that other systems knock on: each proves itself to its own, by what is configured.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use integrations::alerts::proof::Proof;
use integrations::callback::Unheard;

use super::jira::JiraDoor;
use super::pagerduty::PagerDutyDoor;
use super::slack::SlackDoor;
use crate::problem::Problem;
use crate::wrongs::{Peer, Wrongs};

/// Callbacks with a wrong proof within [`WRONG_IN`], from one address, before it is told to wait.
/// One with a right proof is let in meanwhile.
pub const MAX_WRONG: usize = 600;
pub const WRONG_IN: Duration = Duration::from_secs(60);

/// Callbacks that weren't taken, by `system` and `reason`.
pub const REFUSED: &str = "callbacks_refused_total";
/// Callbacks that were taken, by `system` and what `became` of them.
pub const TAKEN: &str = "callbacks_taken_total";
/// People of other systems who may not do what they asked for, by `system` and `reason`.
pub const DENIED: &str = "outside_people_denied_total";

/// `None`: that door is shut. Cheap to clone.
#[derive(Clone, Default)]
pub struct Doors {
    pub slack: Option<Arc<SlackDoor>>,
    pub jira: Option<Arc<JiraDoor>>,
    pub pagerduty: Option<Arc<PagerDutyDoor>>,
    /// What Grafana's alerts may be proven by instead of a token.
    pub grafana: Option<Proof>,
    pub wrong: WrongProofs,
}

/// Wrong proofs by address.
#[derive(Clone)]
pub struct WrongProofs(Arc<Mutex<Wrongs>>);

impl Default for WrongProofs {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Wrongs::new(MAX_WRONG, WRONG_IN))))
    }
}

impl Doors {
    /// Counts a callback that wasn't taken, and says how it is answered: 401 is 429 for an address
    /// that was wrong too often.
    pub fn refused(
        &self,
        system: &'static str,
        reason: &'static str,
        status: u16,
        says: String,
        peer: Peer,
    ) -> Problem {
        metrics::counter!(REFUSED, "system" => system, "reason" => reason).increment(1);
        tracing::warn!(system, reason, says, "a callback isn't taken");
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        if status != StatusCode::UNAUTHORIZED {
            return Problem::new(status, says);
        }
        let mut wrong = self.wrong.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if wrong.must_wait(peer, now) {
            let seconds = WRONG_IN.as_secs();
            let text = format!(
                "{MAX_WRONG} callbacks without a right proof came from your address within {seconds} s: wait {seconds} s"
            );
            return Problem::new(StatusCode::TOO_MANY_REQUESTS, text);
        }
        wrong.count(peer, now);
        Problem::new(status, says)
    }

    /// The same of what Jira or PagerDuty called with.
    pub fn unheard(&self, system: &'static str, unheard: &Unheard, peer: Peer) -> Problem {
        let (reason, status) = (unheard.reason(), unheard.status());
        self.refused(system, reason, status, unheard.to_string(), peer)
    }
}

/// 404 for a door that isn't configured.
pub fn shut(system: &str) -> Problem {
    Problem::not_found(format!(
        "nothing of {system} is taken here: there is no [{system}.incoming] in datapulse.toml"
    ))
}

/// Counts a callback that was taken.
pub fn taken(system: &'static str, became: &'static str) {
    metrics::counter!(TAKEN, "system" => system, "became" => became).increment(1);
}
