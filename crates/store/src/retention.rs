//! How long telemetry is kept, and whether the clock may be believed.
//!
//! Age is told by the machine's clock, and a clock that jumps ahead makes everything old at once.
//! So nothing is deleted by a clock that has just jumped: not until it has gone on steadily for
//! [`STEADY`], or, after a restart, until documents of its time have come.

use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// A clock is believed again when it has gone on steadily for so long.
pub const STEADY: Duration = Duration::from_secs(24 * 60 * 60);

/// How far the machine's clock may be from what it was plus the time that passed.
const MAX_DRIFT_MS: i64 = 60 * 60 * 1000;

/// A restart after so long needs documents that confirm the clock.
const MAX_AWAY_MS: i64 = 2 * 24 * 60 * 60 * 1000;

/// How long the indices that a pattern names are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Names and wildcards, with commas; the first rule that names an index holds for it.
    pub pattern: String,
    /// Documents older than this go; 0: never.
    #[serde(default)]
    pub days: u32,
    /// Of the segments of all its indices; the oldest go. 0: no bound.
    #[serde(default)]
    pub max_bytes: u64,
}

/// What the clock said when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub wall: Timestamp,
    /// Since the process began, by a clock that never jumps.
    pub running: Duration,
}

/// Watches the clock from look to look.
#[derive(Debug, Clone, Default)]
pub struct ClockWatch {
    last: Option<Look>,
    /// When it jumped, by the clock that doesn't.
    doubted_since: Option<Duration>,
}

impl ClockWatch {
    /// Whether ages may be told by the clock now; else why not. `seen`: what it said at the last
    /// look of an earlier process; `newest`: the largest `@timestamp` that is stored.
    pub fn look(
        &mut self,
        now: Look,
        seen: Option<Timestamp>,
        newest: Option<Timestamp>,
    ) -> Result<(), String> {
        let last = self.last.replace(now);
        let doubt = match last {
            Some(last) => jumped(last, now),
            // Without an earlier look, the documents that are there say what time it was.
            None => seen
                .or(newest)
                .and_then(|seen| away(seen, now.wall, newest)),
        };
        if let Some(doubt) = doubt {
            self.doubted_since = Some(now.running);
            return Err(doubt);
        }
        let Some(since) = self.doubted_since else {
            return Ok(());
        };
        let steady = now.running.saturating_sub(since);
        if steady < STEADY {
            let hours = (STEADY - steady).as_secs().div_ceil(3_600);
            return Err(format!(
                "the clock has jumped: nothing is deleted by it for {hours} more hours, if it goes on steadily"
            ));
        }
        self.doubted_since = None;
        Ok(())
    }
}

fn jumped(last: Look, now: Look) -> Option<String> {
    let passed = now.running.saturating_sub(last.running).as_millis() as i64;
    let drift = now.wall.ms() - last.wall.ms() - passed;
    (drift.abs() > MAX_DRIFT_MS).then(|| {
        let way = if drift > 0 { "ahead" } else { "back" };
        format!(
            "the clock jumped {} minutes {way}, to {}: nothing is deleted by it",
            drift.abs() / 60_000,
            now.wall
        )
    })
}

fn away(seen: Timestamp, now: Timestamp, newest: Option<Timestamp>) -> Option<String> {
    let gap = now.ms() - seen.ms();
    if gap < -MAX_DRIFT_MS {
        return Some(format!(
            "the clock says {now}, it said {seen} before: nothing is deleted by it"
        ));
    }
    let confirmed = newest.is_some_and(|newest| newest.ms() > now.ms() - MAX_AWAY_MS);
    (gap > MAX_AWAY_MS && !confirmed).then(|| {
        format!(
            "the clock says {now}, it said {seen} before, and no document is of that time: nothing is deleted by it"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::Timestamp;

    use super::{ClockWatch, Look, STEADY};

    const START: i64 = 1_790_000_000_000;
    const HOUR: i64 = 3_600_000;

    /// The clock is `ahead` of what it should be, so many hours after the start.
    fn at(hours: u64, ahead: i64) -> Look {
        Look {
            wall: Timestamp(START + hours as i64 * HOUR + ahead),
            running: Duration::from_secs(hours * 3_600),
        }
    }

    #[test]
    fn a_steady_clock_is_believed() {
        let mut watch = ClockWatch::default();
        for hour in 0..100 {
            assert_eq!(
                watch.look(at(hour, hour as i64 * 1_000), None, None),
                Ok(())
            );
        }
    }

    #[test]
    fn a_clock_that_jumps_is_believed_after_a_steady_day() {
        for ahead in [365 * 24 * HOUR, -30 * 24 * HOUR] {
            let mut watch = ClockWatch::default();
            assert_eq!(watch.look(at(0, 0), None, None), Ok(()));
            let doubt = watch.look(at(1, ahead), None, None).expect_err("jumped");
            assert!(doubt.contains("the clock jumped"), "{doubt}");
            let steady = STEADY.as_secs() / 3_600;
            for hour in 2..=steady {
                assert!(watch.look(at(hour, ahead), None, None).is_err(), "{hour}");
            }
            assert_eq!(watch.look(at(steady + 1, ahead), None, None), Ok(()));
            // And back: that is a jump as well.
            assert!(watch.look(at(steady + 2, 0), None, None).is_err());
        }
    }

    #[test]
    fn after_a_restart_documents_confirm_the_clock() {
        let seen = Some(Timestamp(START));
        let long = 30 * 24 * HOUR;
        let first = |ahead: i64, newest: Option<i64>| {
            let newest = newest.map(|ms| Timestamp(START + ms));
            ClockWatch::default().look(at(0, ahead), seen, newest)
        };
        assert_eq!(first(HOUR, None), Ok(()), "away for an hour");
        assert!(first(long, Some(0)).is_err(), "nothing is of that time");
        assert_eq!(first(long, Some(long - HOUR)), Ok(()), "documents are");
        assert!(first(-24 * HOUR, Some(0)).is_err(), "it went back");
        let first = |newest| ClockWatch::default().look(at(0, long), None, newest);
        assert_eq!(first(None), Ok(()), "an empty store");
        assert!(first(seen).is_err(), "what is there is old");
    }
}
