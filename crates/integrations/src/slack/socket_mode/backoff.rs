//! How long to wait before connecting again. Pure: randomness is an argument.

use std::time::Duration;

/// Doublings that are counted: beyond, the longest wait is reached by any first one.
const MAX_DOUBLINGS: u32 = 16;

/// Waits that double, each between its half and its whole, so that many who lost their connection
/// at the same time don't come back at the same time.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// From `first`, doubling, to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// The next wait.
    pub fn next(&mut self, random: u64) -> Duration {
        let whole = self
            .first
            .saturating_mul(1 << self.failures.min(MAX_DOUBLINGS))
            .min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let half = whole / 2;
        let share = u32::try_from(random >> 32).unwrap_or(u32::MAX);
        half + half.mul_f64(f64::from(share) / f64::from(u32::MAX))
    }

    /// A connection was good: the next failure is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        let waits: Vec<u64> = (0..8).map(|_| backoff.next(u64::MAX).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.next(0), Duration::from_secs(30), "the least jitter");
        for _ in 0..100 {
            assert_eq!(backoff.next(u64::MAX).as_secs(), 60);
        }
        backoff.reset();
        assert_eq!(backoff.next(0), Duration::from_millis(500));
    }
}
