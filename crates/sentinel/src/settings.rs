//! Sentinel's part of `datapulse.toml`: every line has a default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `[sentinel]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How often it looks, in milliseconds.
    pub interval_ms: i64,
    /// How much of the past one look covers, in milliseconds.
    pub window_ms: i64,
    /// How late documents may come: a window ends so long before its tick.
    pub delay_ms: i64,
    /// A finding needs `needed` of the last `of` ticks.
    pub needed: usize,
    pub of: usize,
    /// Fewer requests in the window say nothing.
    pub min_requests: f64,
    pub error_rate: Thresholds,
    pub p99_ms: Thresholds,
    pub baseline: Baseline,
    /// The lowest record score (0 to 100) of Elastic's machine learning that is a finding; Kibana
    /// calls those from 75 on critical.
    pub ml_score: f64,
    /// Healthy ticks in a row before an incident is resolved.
    pub healthy_ticks: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval_ms: 60_000,
            window_ms: 300_000,
            delay_ms: 15_000,
            needed: 2,
            of: 3,
            min_requests: 20.0,
            error_rate: Thresholds {
                global: Some(0.05),
                ..Thresholds::default()
            },
            p99_ms: Thresholds::default(),
            baseline: Baseline::default(),
            ml_score: 75.0,
            healthy_ticks: 3,
        }
    }
}

/// The most particular one counts: by service, then by criticality. Else it is the higher one of
/// the global threshold and the learned baseline: what fails all day is not news.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    pub global: Option<f64>,
    /// Criticality (`"1"` is the most critical) to threshold.
    pub criticality: BTreeMap<String, f64>,
    pub service: BTreeMap<String, f64>,
}

impl Thresholds {
    /// What somebody set for this service, or for services as critical.
    pub fn of(&self, service: &str, criticality: Option<u8>) -> Option<f64> {
        self.service
            .get(service)
            .or_else(|| self.criticality.get(&criticality?.to_string()))
            .copied()
    }
}

/// The learned baseline: median and spread of the same signal over the hours before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Baseline {
    /// How far back it looks, in milliseconds.
    pub history_ms: i64,
    /// The last part before the window that it leaves out, so that trouble that begins slowly
    /// doesn't become the normal.
    pub gap_ms: i64,
    /// How often it is learned anew, in milliseconds.
    pub refresh_ms: i64,
    /// Intervals with enough traffic that it takes to learn.
    pub min_intervals: usize,
    /// Spreads (interquartile range / 1.35) over the median.
    pub spreads: f64,
    /// And at least so many times the median.
    pub factor: f64,
    /// And at least so much over the median: the error rate as a share.
    pub least_error_rate: f64,
    /// In milliseconds.
    pub least_p99_ms: f64,
}

impl Default for Baseline {
    fn default() -> Self {
        Self {
            history_ms: 2 * 60 * 60 * 1000,
            gap_ms: 10 * 60 * 1000,
            refresh_ms: 10 * 60 * 1000,
            min_intervals: 6,
            spreads: 6.0,
            factor: 1.8,
            least_error_rate: 0.02,
            least_p99_ms: 50.0,
        }
    }
}

impl Settings {
    /// What is wrong with it: the key and what is expected.
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("interval_ms", self.interval_ms),
            ("window_ms", self.window_ms),
            ("baseline.history_ms", self.baseline.history_ms),
        ];
        for (key, value) in positive {
            if value <= 0 {
                return Err(format!("sentinel.{key}: expected more than 0, got {value}"));
            }
        }
        if !(0.0..=100.0).contains(&self.ml_score) {
            return Err(format!(
                "sentinel.ml_score: expected 0 to 100, got {}",
                self.ml_score
            ));
        }
        if self.needed == 0 || self.needed > self.of {
            return Err(format!(
                "sentinel.needed: expected 1 to {} (sentinel.of), got {}",
                self.of, self.needed
            ));
        }
        Ok(())
    }
}
