//! Where a series changes: a spike, a dip, a step, a change of trend or of distribution.
//!
//! Elasticsearch tells the same kinds apart; the statistics are our own. Nested models by least
//! squares (a level, a line, two levels, two lines) are held against each other by the F-test, two
//! distributions by the Kolmogorov-Smirnov test, each corrected for the number of places that were
//! tried (Bonferroni); a spike by its distance from the median in robust deviations. The kinds are
//! Elasticsearch's, p-values are near its own only where both are decisive.

use statrs::distribution::{ContinuousCDF, FisherSnedecor, Normal};

/// Values on each side of a change.
const SIDE: usize = 10;

/// Fewer values say nothing.
const LEAST: usize = 2 * SIDE + 2;

/// A change is one whose p-value is under this.
const P_LIMIT: f64 = 0.01;

/// A median absolute deviation of a normal distribution in standard deviations.
const MAD_PER_SIGMA: f64 = 1.4826;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Spike,
    Dip,
    Step,
    Trend,
    Distribution,
}

impl Kind {
    /// Elasticsearch's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::Dip => "dip",
            Self::Step => "step_change",
            Self::Trend => "trend_change",
            Self::Distribution => "distribution_change",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The first value after it; the value itself of spikes and dips.
    pub at: usize,
    pub kind: Kind,
    pub p_value: f64,
}

/// The change of a series in order; `None` where nothing is sure enough.
///
/// # Errors
///
/// Elasticsearch's reason, where the series is too short.
pub fn detect(series: &[f64]) -> Result<Option<Change>, String> {
    if series.len() < LEAST {
        return Err(format!(
            "not enough buckets to calculate change_point. Requires at least [{LEAST}]; found [{}]",
            series.len()
        ));
    }
    if series.iter().any(|value| !value.is_finite()) {
        return Err("values contain numbers that are not finite".to_owned());
    }
    if let Some(spike) = spike(series) {
        return Ok(Some(spike));
    }
    if let Some(change) = fitted(series) {
        return Ok(Some(change));
    }
    Ok(distribution(&straightened(series)))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        (sorted[middle - 1] + sorted[middle]) / 2.0
    }
}

/// One value far from all others. It stands alone: a second one half as far makes it something
/// else.
fn spike(series: &[f64]) -> Option<Change> {
    let middle = median(series);
    let distances: Vec<f64> = series.iter().map(|value| (value - middle).abs()).collect();
    let (at, far) = distances
        .iter()
        .copied()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    if far == 0.0 || distances.iter().filter(|other| **other > far / 2.0).count() > 1 {
        return None;
    }
    let spread = MAD_PER_SIGMA * median(&distances);
    let count = series.len() as f64;
    let p_value = if spread == 0.0 {
        0.0
    } else {
        let one = 2.0 * Normal::standard().sf(far / spread);
        (one * count).min(1.0)
    };
    (p_value < P_LIMIT).then_some(Change {
        at,
        kind: if series[at] > middle {
            Kind::Spike
        } else {
            Kind::Dip
        },
        p_value,
    })
}

/// Sums over a part of the series, from which its fits follow.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Sums {
    fn of(series: &[f64], from: usize, middle: f64) -> Self {
        let mut sums = Self::default();
        for (index, value) in series.iter().enumerate() {
            let (x, y) = ((from + index) as f64, value - middle);
            sums.n += 1.0;
            sums.x += x;
            sums.y += y;
            sums.xx += x * x;
            sums.xy += x * y;
            sums.yy += y * y;
        }
        sums
    }

    /// What a level leaves.
    fn level(&self) -> f64 {
        (self.yy - self.y * self.y / self.n).max(0.0)
    }

    /// What a line leaves.
    fn line(&self) -> f64 {
        let spread = self.xx - self.x * self.x / self.n;
        let along = self.xy - self.x * self.y / self.n;
        (self.level() - along * along / spread).max(0.0)
    }
}

/// By how much `fuller` is the better model, as a p-value over `tried` places.
fn f_test(plain: f64, fuller: f64, more: f64, left: f64, tried: f64, scale: f64) -> f64 {
    // Rounding leaves a little of nothing.
    let nothing = scale * f64::EPSILON * 16.0;
    if plain <= nothing {
        return 1.0;
    }
    if fuller <= nothing {
        return 0.0;
    }
    let f = ((plain - fuller) / more) / (fuller / left);
    match FisherSnedecor::new(more, left) {
        Ok(distribution) => (distribution.sf(f) * tried).min(1.0),
        Err(_) => 1.0,
    }
}

/// Places that are tried of a series of `n`, those that lie near one another counted as one: their
/// halves are nearly the same.
fn tried(n: usize) -> f64 {
    (n - SIDE) as f64 / SIDE as f64
}

/// A step or a change of trend.
fn fitted(series: &[f64]) -> Option<Change> {
    let n = series.len();
    let middle = median(series);
    let all = Sums::of(series, 0, middle);
    let places = SIDE..=n - SIDE;
    let tried = tried(n);
    let best = |left: fn(&Sums) -> f64| {
        places
            .clone()
            .map(|at| {
                let before = Sums::of(&series[..at], 0, middle);
                let after = Sums::of(&series[at..], at, middle);
                (at, left(&before) + left(&after))
            })
            .min_by(|a, b| a.1.total_cmp(&b.1))
    };
    let (step_at, two_levels) = best(Sums::level)?;
    let (trend_at, two_lines) = best(Sums::line)?;
    let count = n as f64;
    let scale = all.yy;
    let (level, line) = (all.level(), all.line());
    // A line that explains the series is what a step must beat, too.
    let step = f_test(level, two_levels, 1.0, count - 2.0, tried, scale);
    let step = if line < two_levels { 1.0 } else { step };
    let trend = f_test(line, two_lines, 2.0, count - 4.0, tried, scale);
    // Two lines have to be worth their two slopes over two levels.
    let slopes = f_test(two_levels, two_lines, 2.0, count - 4.0, 1.0, scale);
    if step < P_LIMIT && (slopes >= P_LIMIT || trend >= P_LIMIT) {
        return Some(Change {
            at: step_at,
            kind: Kind::Step,
            p_value: step,
        });
    }
    (trend < P_LIMIT).then_some(Change {
        at: trend_at,
        kind: Kind::Trend,
        p_value: trend,
    })
}

/// What a line leaves of a series that follows one; else the series.
fn straightened(series: &[f64]) -> Vec<f64> {
    let all = Sums::of(series, 0, 0.0);
    let line = f_test(all.level(), all.line(), 1.0, all.n - 2.0, 1.0, all.yy);
    if line >= P_LIMIT {
        return series.to_vec();
    }
    let slope = (all.xy - all.x * all.y / all.n) / (all.xx - all.x * all.x / all.n);
    let straight = |(at, value): (usize, &f64)| value - slope * at as f64;
    series.iter().enumerate().map(straight).collect()
}

/// The same level and another spread or shape.
fn distribution(series: &[f64]) -> Option<Change> {
    let n = series.len();
    let tried = tried(n);
    let (at, p_value) = (SIDE..=n - SIDE)
        .map(|at| (at, kolmogorov_smirnov(&series[..at], &series[at..])))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    let p_value = (p_value * tried).min(1.0);
    (p_value < P_LIMIT).then_some(Change {
        at,
        kind: Kind::Distribution,
        p_value,
    })
}

/// Terms of the Kolmogorov distribution's series: they fall faster than e to the minus k squared.
const TERMS: i32 = 100;

/// The p-value of the two-sample test, by the distribution's limit (Numerical Recipes, 14.3).
fn kolmogorov_smirnov(before: &[f64], after: &[f64]) -> f64 {
    let sorted = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (before, after) = (sorted(before), sorted(after));
    let share =
        |values: &[f64], at: f64| values.partition_point(|v| *v <= at) as f64 / values.len() as f64;
    let far = before
        .iter()
        .chain(&after)
        .map(|&at| (share(&before, at) - share(&after, at)).abs())
        .fold(0.0, f64::max);
    let (a, b) = (before.len() as f64, after.len() as f64);
    let root = (a * b / (a + b)).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * far;
    if lambda < 0.2 {
        return 1.0;
    }
    let sum: f64 = (1..=TERMS)
        .map(|k| {
            let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
            sign * (-2.0 * f64::from(k * k) * lambda * lambda).exp()
        })
        .sum();
    (2.0 * sum).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Between -1 and 1, the same for the same seed.
    fn noise(count: usize) -> impl Iterator<Item = f64> {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        (0..count).map(move |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        })
    }

    fn found(series: impl Iterator<Item = f64>) -> Option<(usize, &'static str)> {
        let series: Vec<f64> = series.collect();
        let change = detect(&series).expect("long enough");
        change.map(|change| (change.at, change.kind.name()))
    }

    #[test]
    fn each_kind_is_called_by_its_name() {
        let calm = || noise(60).enumerate();
        assert_eq!(found(noise(60)), None);
        assert_eq!(found(calm().map(|(at, n)| n + at as f64 * 0.5)), None);
        let step = calm().map(|(at, n)| if at < 35 { n } else { n + 20.0 });
        assert_eq!(found(step), Some((35, "step_change")));
        let spike = calm().map(|(at, n)| if at == 17 { n + 50.0 } else { n });
        assert_eq!(found(spike), Some((17, "spike")));
        let dip = calm().map(|(at, n)| if at == 44 { n - 50.0 } else { n });
        assert_eq!(found(dip), Some((44, "dip")));
        let trend = calm().map(|(at, n)| n + 3.0 * at.saturating_sub(30) as f64);
        let (at, kind) = found(trend).expect("changes");
        assert_eq!(kind, "trend_change");
        assert!(at.abs_diff(30) <= 2, "{at}");
        let wider = calm().map(|(at, n)| if at < 30 { n * 0.01 } else { n * 5.0 });
        assert_eq!(
            found(wider).map(|found| found.1),
            Some("distribution_change")
        );
    }

    #[test]
    fn short_series_say_nothing() {
        let reason = detect(&[1.0; 21]).expect_err("is too short");
        assert!(reason.ends_with("at least [22]; found [21]"), "{reason}");
        assert_eq!(detect(&[1.0; 22]), Ok(None));
        assert!(detect(&[f64::NAN; 30]).is_err());
    }

    #[test]
    fn a_step_without_noise_is_certain() {
        let series: Vec<f64> = (0..25).map(|at| if at < 12 { 0.0 } else { 42.0 }).collect();
        let change = detect(&series).expect("long enough").expect("changes");
        assert_eq!(
            (change.at, change.kind, change.p_value),
            (12, Kind::Step, 0.0)
        );
    }
}
