//! The pure heart: observations in, ranked causes out.
//!
//! Each signal is weighed by itself and says nothing where its data is missing; the fusion adds
//! what they say. The same observations always give the same ranking. Read first: [`fuse`].

pub mod behaviour;
pub mod changes;
pub mod circumstances;
pub mod confidence;
pub mod fuse;
pub mod impact;
pub mod metrics;
pub mod onset;
pub mod requests;
pub mod slowness;
pub mod statistics;
pub mod successions;
pub mod words;

#[cfg(test)]
mod scene;
#[cfg(test)]
mod tests;

pub use fuse::{Ranking, Reason, Signals, Suspect, Suspected};

use crate::observations::Observations;
use impact::Graph;
use model::tuning::{CauseWeights, Tuning};
use requests::Requests;

/// Below this confidence of the first cause the answer is "I don't know".
pub const KNOWN_FROM: f64 = 0.3;

/// Ranks the causes of one failure by the tuned numbers.
pub fn weigh(observations: &Observations, tuning: &Tuning) -> Ranking {
    let (onset_us, signals) = signals(observations, &tuning.cause);
    fuse::fuse(observations, onset_us, &signals, tuning)
}

/// When it began, in microseconds since 1970, and what each signal says, before they are added up.
pub fn signals(observations: &Observations, weights: &CauseWeights) -> (i64, Signals) {
    let requests = Requests::index(observations);
    let onset_us = onset::estimate(observations, &requests, weights);
    let late = requests.late(onset_us);
    let known = observations.calls.iter().chain(&requests.calls).cloned();
    let graph = Graph::new(known);
    let signals = Signals {
        deviations: metrics::deviations(observations, onset_us, weights),
        shifts: successions::shifts(&requests, &late, weights),
        slow: slowness::slowness(&requests, &late, weights),
        impact: impact::impact(observations, &graph, onset_us, weights),
        outside: circumstances::outside(observations, onset_us),
        surge: circumstances::surge(observations, &graph, onset_us),
        told: circumstances::told(observations, onset_us),
        graph,
    };
    (onset_us, signals)
}
