//! The numbers of the detector of anomalies in series.

use std::sync::Arc;

use model::tuning::{SeriesDetector, Tuning};
use sentinel::series::{ALARM, Detector};

use super::climb::{Climb, mean_of_suites, on_all_cores};
use crate::commands::eval::series::{Labelled, Recorded};

/// Candidates that are tried where nothing else is said.
pub const ROUNDS: usize = 300;
/// A threshold closer than this to 0 or 1 says nothing.
const LEAST: f64 = 0.05;

/// The best numbers for these suites, from a start.
pub fn search(
    suites: &[&Labelled],
    start: &Tuning,
    rounds: usize,
    seed: u64,
    mut told: impl FnMut(f64),
) -> Tuning {
    let searched = |path: &str| path.starts_with("series.");
    let mut climb = Climb::new(start, searched, rounds, seed);
    let mut best = start.clone();
    let mut best_value = value(suites, &best);
    for _ in 0..rounds {
        let candidate = climb.propose(searched);
        let tried = value(suites, &candidate) - climb.cost();
        if tried > best_value {
            (best, best_value) = (candidate, tried);
            climb.keep();
        }
        told(best_value);
    }
    centred(suites, best)
}

/// With an alarm at [`ALARM`] where it is best in the middle of the suites.
fn centred(suites: &[&Labelled], mut best: Tuning) -> Tuning {
    let of = |suite: &&Labelled| {
        let threshold = figure(suite, &best).1.clamp(LEAST, 1.0 - LEAST);
        // A surprise of so many times what makes a score of one half.
        threshold / (1.0 - threshold)
    };
    let mut times: Vec<f64> = suites.iter().map(of).collect();
    times.sort_by(f64::total_cmp);
    let wanted = ALARM / (1.0 - ALARM);
    best.series.half *= times.get(times.len() / 2).copied().unwrap_or(wanted) / wanted;
    best
}

fn value(suites: &[&Labelled], tuning: &Tuning) -> f64 {
    let of = |suite: &&Labelled| (suite.suite.name.clone(), figure(suite, tuning).0);
    let figures: Vec<(String, f64)> = suites.iter().map(of).collect();
    mean_of_suites(figures.iter().map(|one| (one.0.as_str(), one.1)))
}

/// A suite's first measure, 0 to 1, and the threshold that is best for it.
pub fn figure(suite: &Labelled, tuning: &Tuning) -> (f64, f64) {
    let tuning = Arc::new(tuning.series.clone());
    suite.figure(&scores(&suite.series, &tuning))
}

/// Of each series, as many at once as there are cores.
fn scores(series: &[Recorded], tuning: &Arc<SeriesDetector>) -> Vec<Vec<f64>> {
    on_all_cores(series, |one| scored(one, tuning))
}

fn scored(series: &Recorded, tuning: &Arc<SeriesDetector>) -> Vec<f64> {
    let mut detector = Detector::tuned(series.metrics, tuning.clone());
    let points = series.at_s.iter().zip(&series.values);
    points
        .map(|(at_s, values)| detector.observe(*at_s, values).score)
        .collect()
}
