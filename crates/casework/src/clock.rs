//! The one clock, made in the binary and passed in.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::Timestamp;

/// Tells the time that rules, windows, expiry and recovery go by. It never goes back.
#[derive(Debug, Clone)]
pub struct Clock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: Kind,
    /// The latest time that was told.
    latest: AtomicI64,
}

#[derive(Debug)]
enum Kind {
    Wall,
    /// Set by hand: recorded incidents, tests, and the demo, whose time goes on when its
    /// telemetry has come in. `speed` is how many times the wall's pace it goes at most.
    Manual {
        speed: f64,
    },
}

impl Clock {
    fn new(kind: Kind, latest: i64) -> Self {
        Self {
            inner: Arc::new(Inner {
                kind,
                latest: AtomicI64::new(latest),
            }),
        }
    }

    /// The machine's own clock.
    pub fn wall() -> Self {
        Self::new(Kind::Wall, 0)
    }

    /// Stands still until [`Clock::set`].
    pub fn manual(start: Timestamp) -> Self {
        Self::paced(start, 1.0)
    }

    /// As [`Clock::manual`], set by somebody who lets it run at up to `speed` times the wall's
    /// pace: waits are shortened by it.
    pub fn paced(start: Timestamp, speed: f64) -> Self {
        Self::new(Kind::Manual { speed }, start.ms())
    }

    pub fn now(&self) -> Timestamp {
        let told = match &self.inner.kind {
            Kind::Wall => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_millis() as i64),
            Kind::Manual { .. } => i64::MIN,
        };
        let before = self.inner.latest.fetch_max(told, Ordering::SeqCst);
        Timestamp(before.max(told))
    }

    /// Moves a manual clock forward; never back. Others ignore it.
    pub fn set(&self, now: Timestamp) {
        if let Kind::Manual { .. } = self.inner.kind {
            self.inner.latest.fetch_max(now.ms(), Ordering::SeqCst);
        }
    }

    /// How many times faster than the wall it runs.
    pub fn speed(&self) -> f64 {
        match &self.inner.kind {
            Kind::Manual { speed } => *speed,
            Kind::Wall => 1.0,
        }
    }

    /// How long the wall takes for `ms` of this clock.
    pub fn wall_duration(&self, ms: i64) -> Duration {
        Duration::from_secs_f64((ms.max(0) as f64 / 1000.0 / self.speed()).max(0.0))
    }
}
