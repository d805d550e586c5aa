//! Learned baselines: median and interquartile range, which survive outliers and a late look.

use std::collections::BTreeMap;

use casework::Asked;

use crate::settings;

/// Interquartile range of a normal distribution, in standard deviations.
const IQR_PER_SIGMA: f64 = 1.349;

/// What is normal for one signal of one service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normal {
    pub median: f64,
    /// Interquartile range / 1.349.
    pub spread: f64,
    pub intervals: usize,
}

/// What is normal for one service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceBaseline {
    pub error_rate: Option<Normal>,
    pub p99_ms: Option<Normal>,
    /// Intervals in which it reported at all.
    pub intervals: usize,
}

/// By service, one a signal profile.
pub type Baselines = BTreeMap<String, ServiceBaseline>;

/// Median and spread; `None` with fewer than `least` values.
pub fn normal(mut values: Vec<f64>, least: usize) -> Option<Normal> {
    values.retain(|value| value.is_finite());
    if values.is_empty() || values.len() < least {
        return None;
    }
    values.sort_by(f64::total_cmp);
    Some(Normal {
        median: quantile(&values, 0.5),
        spread: (quantile(&values, 0.75) - quantile(&values, 0.25)) / IQR_PER_SIGMA,
        intervals: values.len(),
    })
}

/// Linear interpolation between the nearest ranks; `sorted` is not empty.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let position = q * (sorted.len() - 1) as f64;
    let low = position.floor() as usize;
    let high = position.ceil() as usize;
    sorted[low] + (sorted[high] - sorted[low]) * (position - low as f64)
}

/// From the answer of `service_history`.
pub fn learn(history: &Asked, settings: &settings::Settings) -> Baselines {
    #[derive(Default)]
    struct Seen {
        rates: Vec<f64>,
        p99s: Vec<f64>,
        intervals: usize,
    }
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    for row in &history.rows {
        let Some(service) = history.text(row, "service.name") else {
            continue;
        };
        let entry = seen.entry(service.to_owned()).or_default();
        entry.intervals += 1;
        let requests = history.number(row, "requests").unwrap_or(0.0);
        if requests < settings.min_requests {
            continue;
        }
        if let Some(errors) = history.number(row, "errors") {
            entry.rates.push(errors / requests);
        }
        if let Some(p99) = history.number(row, "p99_ms") {
            entry.p99s.push(p99);
        }
    }
    let least = settings.baseline.min_intervals;
    seen.into_iter()
        .map(|(service, seen)| {
            let baseline = ServiceBaseline {
                error_rate: normal(seen.rates, least),
                p99_ms: normal(seen.p99s, least),
                intervals: seen.intervals,
            };
            (service, baseline)
        })
        .collect()
}

impl Normal {
    /// The line over which a value is no longer normal.
    pub fn line(&self, settings: &settings::Baseline, least: f64) -> f64 {
        let by_spread = self.median + settings.spreads * self.spread;
        let by_factor = self.median * settings.factor;
        by_spread.max(by_factor).max(self.median + least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_moves_nothing() {
        let calm = normal(vec![100.0, 101.0, 99.0, 100.0, 102.0, 98.0], 6).expect("enough");
        let torn = normal(vec![100.0, 101.0, 99.0, 100.0, 102.0, 9_800.0], 6).expect("enough");
        assert!((calm.median - torn.median).abs() < 1.0);
        assert!(torn.spread < 3.0, "{torn:?}");
        assert_eq!(normal(vec![1.0; 5], 6), None);
        assert_eq!(normal(vec![f64::NAN; 9], 1), None);
    }

    #[test]
    fn the_line_has_a_least_distance() {
        let flat = normal(vec![10.0; 8], 6).expect("enough");
        let settings = settings::Baseline::default();
        assert_eq!(flat.line(&settings, 50.0), 60.0);
    }
}
