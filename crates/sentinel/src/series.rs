//! Anomalies of metric series, point by point.
//!
//! A [`Detector`] takes the points of one series (or of one machine's metrics) in the order in
//! which they come and gives each a score before it has seen the next. It knows nothing of the
//! series beforehand, has one configuration for all, and holds a few kilobytes a metric.
//!
//! What a point should be is [`forecast`] from level and season; how far off it is, is weighed
//! against how far off points usually are ([`tail`]), for the point alone, for the last few, for
//! the last many and for the noise ([`channel`]). After an alarm the detector is hard to alarm
//! for a while ([`silence`]).

use std::sync::Arc;

use channel::Channel;
use model::tuning::{SeriesDetector, embedded};
use silence::Silence;

mod channel;
mod forecast;
mod silence;
mod tail;
#[cfg(test)]
mod tests;

/// A score from which on a point is an alarm.
pub const ALARM: f64 = 0.5;

/// Surprise of one metric that counts for a machine at most, so that one metric gone mad is not
/// the whole machine.
const MAX_OF_ONE: f64 = 6.0;
/// The mean over a machine's metrics is small where few are to blame.
const MACHINE_WEIGHT: f64 = 2.0;

/// Scores of one point, from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Of the point; 0 while the detector is silent.
    pub score: f64,
    /// Of each metric by itself, silent or not.
    pub metrics: Vec<f64>,
}

pub struct Detector {
    channels: Vec<Channel>,
    silence: Silence,
    tuning: Arc<SeriesDetector>,
}

impl Detector {
    /// For points of so many metrics.
    pub fn new(metrics: usize) -> Self {
        Self::tuned(metrics, Arc::new(embedded().series.clone()))
    }

    /// With other numbers than those that are built in.
    pub fn tuned(metrics: usize, tuning: Arc<SeriesDetector>) -> Self {
        Self {
            channels: vec![Channel::new(&tuning); metrics],
            silence: Silence::default(),
            tuning,
        }
    }

    /// One point: seconds since 1970, and each metric's value. A value that is missing or no
    /// number is no anomaly, and nothing is learned from it. Times may repeat or go back.
    pub fn observe(&mut self, at_s: i64, values: &[Option<f64>]) -> Scores {
        let mut surprises = vec![0.0; self.channels.len()];
        for ((channel, value), surprise) in self.channels.iter_mut().zip(values).zip(&mut surprises)
        {
            if let Some(value) = value.filter(|value| value.is_finite()) {
                *surprise = channel.surprise(at_s, value, &self.tuning);
            }
        }
        let whole = match surprises.as_slice() {
            [one] => *one,
            many => {
                let sum: f64 = many.iter().map(|one| one.min(MAX_OF_ONE)).sum();
                MACHINE_WEIGHT * sum / many.len().max(1) as f64
            }
        };
        let half = self.tuning.half;
        Scores {
            score: score(self.silence.pass(at_s, whole, &self.tuning), half),
            metrics: surprises.into_iter().map(|one| score(one, half)).collect(),
        }
    }
}

/// One half where the surprise is `half`.
fn score(surprise: f64, half: f64) -> f64 {
    let surprise = surprise.max(0.0);
    surprise / (surprise + half)
}
