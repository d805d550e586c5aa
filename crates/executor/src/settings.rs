//! The Executor's part of `datapulse.toml`.

use serde::{Deserialize, Serialize};

/// `[executor]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// After an act, so long nothing is judged, in milliseconds.
    pub settle_ms: i64,
    /// Length of one check's window, in milliseconds.
    pub window_ms: i64,
    /// How late documents may come, in milliseconds.
    pub delay_ms: i64,
    /// Recovered: `needed` of `of` windows well.
    pub needed: usize,
    pub of: usize,
    /// Fewer requests in a window say nothing.
    pub min_requests: f64,
    /// Worse: so many times what the finding showed.
    pub worse_factor: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            settle_ms: 120_000,
            window_ms: 60_000,
            delay_ms: 15_000,
            needed: 3,
            of: 5,
            min_requests: 20.0,
            worse_factor: 1.5,
        }
    }
}
