//! How long to wait before the next try.

use std::time::Duration;

/// The first pause is at most this long; each further one at most twice the one before.
const FIRST: Duration = Duration::from_millis(100);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(2);

/// The pause after the `attempt`-th try, from 1. `share` (0 to 1) is chance: those who failed
/// together don't come again together.
pub fn pause(attempt: u32, share: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    let longest = doubled.min(LONGEST);
    longest / 2 + longest.mul_f64(share.clamp(0.0, 1.0) / 2.0)
}

/// A share of chance; the middle where the system has none.
pub fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LONGEST, pause};

    #[test]
    fn pauses_double_up_to_a_bound_and_are_never_nothing() {
        assert_eq!(pause(1, 0.0), Duration::from_millis(50));
        assert_eq!(pause(1, 1.0), Duration::from_millis(100));
        assert_eq!(pause(3, 1.0), Duration::from_millis(400));
        assert_eq!(pause(40, 1.0), LONGEST);
    }
}
