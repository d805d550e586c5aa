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

pub use fuse::{Ranking, Reason, Suspect, Suspected};

use crate::observations::Observations;
use impact::Graph;
use requests::Requests;

/// Below this confidence of the first cause the answer is "I don't know".
pub const KNOWN_FROM: f64 = 0.3;

/// Ranks the causes of one failure.
pub fn weigh(observations: &Observations) -> Ranking {
    let requests = Requests::index(observations);
    let onset_us = onset::estimate(observations, &requests);
    let late = requests.late(onset_us);
    let known = observations.calls.iter().chain(&requests.calls).cloned();
    let graph = Graph::new(known);
    let signals = fuse::Signals {
        deviations: metrics::deviations(observations, onset_us),
        shifts: successions::shifts(&requests, &late),
        slow: slowness::slowness(&requests, &late),
        impact: impact::impact(observations, &graph, onset_us),
        outside: circumstances::outside(observations, onset_us),
        surge: circumstances::surge(observations, &graph, onset_us),
        told: circumstances::told(observations, onset_us),
        graph,
    };
    fuse::fuse(observations, onset_us, signals)
}
