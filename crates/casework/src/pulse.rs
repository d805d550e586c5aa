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
    /// The last tick that didn't fail.
    last_good: Option<Timestamp>,
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
            if failure.is_none() {
                state.last_good = Some(at);
            }
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

    /// Why telemetry can't be seen, and since when; `None`: it can, or no Sentinel runs here. What
    /// never came isn't missing.
    pub fn blind(&self, now: Timestamp) -> Option<(Timestamp, String)> {
        let reading = self.read(now);
        let (started, last_good) = self.with(|state| (state.started, state.last_good));
        let started = started?;
        let since = |at: Option<Timestamp>| at.map_or(started, |at| at.max(started));
        if reading.late {
            let since = since(reading.last_tick);
            return Some((since, format!("Sentinel has not looked since {since}")));
        }
        if let Some(failure) = reading.failure {
            let why = format!("Sentinel can't read telemetry: {failure}");
            return Some((since(last_good), why));
        }
        let newest = reading.newest_telemetry?;
        let stopped = reading.telemetry_stopped;
        stopped.then(|| (since(Some(newest)), format!("no telemetry since {newest}")))
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cant_be_seen_is_said_with_its_beginning_and_what_never_came_isnt_missed() {
        let pulse = Pulse::default();
        let at = |ms: i64| Timestamp(1_000_000 + ms);
        assert_eq!(pulse.blind(at(0)), None, "no Sentinel runs here");
        pulse.start(at(0), 10_000);
        pulse.ticked(at(1), None, None);
        assert_eq!(pulse.blind(at(2)), None, "nothing ever came");
        pulse.ticked(at(10_000), Some(at(9_000)), None);
        assert_eq!(pulse.blind(at(10_001)), None);
        pulse.ticked(at(20_000), None, Some("no answer".to_owned()));
        let (since, why) = pulse.blind(at(20_001)).expect("a failure");
        assert_eq!(since, at(10_000), "the last tick that didn't fail");
        assert!(why.contains("no answer"));
        let (since, _) = pulse.blind(at(60_000)).expect("late");
        assert_eq!(since, at(20_000));
        pulse.ticked(at(200_000), None, None);
        let (since, why) = pulse.blind(at(200_001)).expect("stopped");
        assert_eq!(since, at(9_000));
        assert!(why.starts_with("no telemetry since"));
    }
}
