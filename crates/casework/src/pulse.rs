//! The pulse: when Sentinel last looked, and how old the newest telemetry is.
//!
//! Silence never looks like health: whoever shows a state asks [`Pulse::read`] first.

use std::sync::{Arc, Mutex, PoisonError};

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Sentinel is late after so many of its intervals without a tick.
pub const LATE_AFTER_INTERVALS: i64 = 3;
/// Telemetry has stopped when the newest document is older than so many intervals, and at least
/// [`STOPPED_AFTER_MS`].
pub const STOPPED_AFTER_INTERVALS: i64 = 5;
pub const STOPPED_AFTER_MS: i64 = 120_000;

/// Shared by Sentinel, who writes, and the gateway, who shows.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Clone, Default)]
struct State {
    interval_ms: i64,
    started: Option<Timestamp>,
    last_tick: Option<Timestamp>,
    newest: Option<Timestamp>,
    failure: Option<String>,
}

/// What the pulse says at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// False where no Sentinel runs in this process.
    pub watching: bool,
    pub last_tick: Option<Timestamp>,
    pub interval_ms: i64,
    pub late: bool,
    pub newest_telemetry: Option<Timestamp>,
    pub telemetry_stopped: bool,
    /// Why the last tick failed, where it did.
    pub failure: Option<String>,
}

impl Pulse {
    pub fn start(&self, at: Timestamp, interval_ms: i64) {
        self.with(|state| {
            state.interval_ms = interval_ms;
            state.started = Some(at);
        });
    }

    pub fn ticked(&self, at: Timestamp, newest: Option<Timestamp>, failure: Option<String>) {
        self.with(|state| {
            state.last_tick = Some(at);
            state.newest = newest.or(state.newest);
            state.failure = failure;
        });
    }

    pub fn read(&self, now: Timestamp) -> Reading {
        self.with(|state| {
            let since = state.last_tick.or(state.started);
            let late_ms = state.interval_ms * LATE_AFTER_INTERVALS;
            let stopped_ms = (state.interval_ms * STOPPED_AFTER_INTERVALS).max(STOPPED_AFTER_MS);
            Reading {
                watching: state.started.is_some(),
                last_tick: state.last_tick,
                interval_ms: state.interval_ms,
                late: since.is_some_and(|at| now.ms() - at.ms() > late_ms),
                newest_telemetry: state.newest,
                telemetry_stopped: state
                    .newest
                    .is_none_or(|newest| now.ms() - newest.ms() > stopped_ms),
                failure: state.failure.clone(),
            }
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
