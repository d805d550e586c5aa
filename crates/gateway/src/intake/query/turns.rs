//! How many queries run at once: others wait for a while, and more than that are rejected.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::elastic::Refusal;

/// Queries that run at once.
pub const MAX_AT_ONCE: usize = 8;
/// Queries that wait for their turn.
pub const MAX_WAITING: usize = 16;
/// How long one waits.
const MAX_WAIT: Duration = Duration::from_secs(20);

pub struct Turns {
    running: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            running: Arc::new(Semaphore::new(MAX_AT_ONCE)),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }
}

impl Turns {
    /// A turn, which ends with the permit.
    ///
    /// # Errors
    /// Status 429 where too many wait, or none of those that run ends.
    pub async fn take(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        if let Ok(turn) = self.running.clone().try_acquire_owned() {
            return Ok(turn);
        }
        let _place = self.waiting.try_acquire().map_err(|_| {
            Refusal::rejected(format!(
                "{MAX_AT_ONCE} queries run and {MAX_WAITING} wait already: ask again later"
            ))
        })?;
        let turn = self.running.clone().acquire_owned();
        match tokio::time::timeout(MAX_WAIT, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Refusal::rejected(format!(
                "{MAX_AT_ONCE} queries run, and none of them ended within {} s: ask again later",
                MAX_WAIT.as_secs()
            ))),
        }
    }
}
