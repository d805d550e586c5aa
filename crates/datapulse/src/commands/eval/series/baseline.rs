//! What there is to beat: how far a value is from the median of those before it, in median
//! deviations. For several metrics, their mean. Which time of silence after an alarm is best
//! differs, so it has a short and a long one, and its better figure counts.

use std::collections::VecDeque;

/// Values before, and those without which there is no score.
const WINDOW: usize = 288;
const MIN_VALUES: usize = 30;
/// Points after an alarm in which only a higher score is one.
const QUIET_POINTS: [usize; SILENCES] = [60, 288];
pub const SILENCES: usize = 2;
/// Makes a median deviation that of a normal distribution.
const NORMAL: f64 = 1.4826;
/// Deviations that make a score of one half.
const HALF: f64 = 4.0;

pub struct Detector {
    metrics: Vec<Window>,
    quiet: [Quiet; SILENCES],
}

impl Detector {
    pub fn new(metrics: usize) -> Self {
        Self {
            metrics: (0..metrics).map(|_| Window::default()).collect(),
            quiet: [Quiet::default(); SILENCES],
        }
    }

    /// A score for each time of silence.
    pub fn observe(&mut self, values: &[Option<f64>]) -> [f64; SILENCES] {
        let mut sum = 0.0;
        for (window, value) in self.metrics.iter_mut().zip(values) {
            if let Some(value) = value.filter(|value| value.is_finite()) {
                sum += window.deviation(value);
            }
        }
        let mean = sum / self.metrics.len().max(1) as f64;
        let mut scores = [0.0; SILENCES];
        for ((quiet, points), score) in self.quiet.iter_mut().zip(QUIET_POINTS).zip(&mut scores) {
            let told = quiet.pass(mean, points);
            *score = told / (told + HALF);
        }
        scores
    }
}

/// The highest score that was told, and how long ago.
#[derive(Clone, Copy, Default)]
struct Quiet {
    highest: f64,
    since: usize,
}

impl Quiet {
    fn pass(&mut self, deviation: f64, points: usize) -> f64 {
        self.since += 1;
        if self.since < points && deviation <= self.highest {
            return 0.0;
        }
        (self.highest, self.since) = (deviation, 0);
        deviation
    }
}

/// The last values, by age and by size.
#[derive(Default)]
struct Window {
    by_age: VecDeque<f64>,
    by_size: Vec<f64>,
}

impl Window {
    fn deviation(&mut self, value: f64) -> f64 {
        let deviation = match self.by_size.len() < MIN_VALUES {
            true => 0.0,
            false => self.robust(value),
        };
        if self.by_age.len() == WINDOW
            && let Some(oldest) = self.by_age.pop_front()
        {
            let place = self.by_size.partition_point(|other| *other < oldest);
            self.by_size.remove(place);
        }
        self.by_age.push_back(value);
        let place = self.by_size.partition_point(|other| *other < value);
        self.by_size.insert(place, value);
        deviation
    }

    fn robust(&self, value: f64) -> f64 {
        let middle = self.by_size.len() / 2;
        let median = self.by_size[middle];
        // The nearest half of the values: one step at a time to the nearer side.
        let (mut low, mut high, mut spread) = (middle, middle + 1, 0.0);
        for _ in 0..middle {
            let below = low.checked_sub(1).map(|index| median - self.by_size[index]);
            let above = self.by_size.get(high).map(|value| value - median);
            match (below, above) {
                (Some(below), Some(above)) if below <= above => (low, spread) = (low - 1, below),
                (Some(below), None) => (low, spread) = (low - 1, below),
                (_, Some(above)) => (high, spread) = (high + 1, above),
                (None, None) => break,
            }
        }
        let least = 1e-3 * median.abs() + 1e-9;
        (value - median).abs() / (NORMAL * spread + least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_are_from_the_median_in_median_deviations() {
        let mut window = Window::default();
        for value in 0..40 {
            window.deviation(f64::from(value % 10));
        }
        // The median is 5, and the nearest half is within 2 or 3 of it.
        let far = window.robust(5.0 + 10.0 * NORMAL);
        assert!((far - 10.0 * NORMAL / (NORMAL * 3.0)).abs() < 2.0, "{far}");
        assert_eq!(window.robust(5.0), 0.0);
    }

    #[test]
    fn after_an_alarm_only_more_is_one() {
        let mut detector = Detector::new(1);
        for value in 0..100 {
            detector.observe(&[Some(f64::from(value % 7))]);
        }
        let [first, _] = detector.observe(&[Some(100.0)]);
        assert!(first > 0.5, "{first}");
        assert_eq!(detector.observe(&[Some(100.0)]), [0.0; SILENCES]);
        let [more, _] = detector.observe(&[Some(1000.0)]);
        assert!(more > first);
        assert_eq!(detector.observe(&[None]), [0.0; SILENCES]);
    }
}
