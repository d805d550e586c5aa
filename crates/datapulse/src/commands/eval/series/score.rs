//! Scores of one suite: by its measure, with one threshold for all its files.

use std::ops::RangeInclusive;

use serde::Serialize;

use super::event::{self, Counts};
use super::nab::{self, LOW_FALSE_NEGATIVE, LOW_FALSE_POSITIVE, Profile, STANDARD};
use super::suite::{Measure, Suite, Windows};

/// Thresholds that are tried at most, evenly over the scores that were given.
const MAX_THRESHOLDS: usize = 300;
/// Share of the rows within events at most: with more, "alarm" is always right.
const MAX_COVERED: f64 = 0.05;

/// One file's scores and labels.
pub struct Scored {
    pub scores: Vec<f64>,
    /// Rows of each labelled window, history too.
    pub windows: Vec<RangeInclusive<usize>>,
    /// The first row that is no history.
    pub from: usize,
}

impl Scored {
    /// `windows` and `from` are seconds. A window without a row is left out.
    pub fn new(at_s: &[i64], scores: Vec<f64>, windows: &[(i64, i64)], from: Option<i64>) -> Self {
        let rows = |(first, last): &(i64, i64)| {
            let within = |at: &i64| (*first..=*last).contains(at);
            let start = at_s.iter().position(within)?;
            let end = at_s.iter().rposition(within)?;
            Some(start..=end)
        };
        Self {
            scores,
            windows: windows.iter().filter_map(rows).collect(),
            from: from.map_or(0, |from| {
                at_s.iter().position(|at| *at >= from).unwrap_or(at_s.len())
            }),
        }
    }

    /// Of one of a suite's files.
    pub fn of(
        suite: &Suite,
        windows: &Windows,
        name: &str,
        at_s: &[i64],
        scores: Vec<f64>,
    ) -> Self {
        let labelled = windows.get(name).map_or(&[][..], Vec::as_slice);
        Self::new(at_s, scores, labelled, suite.score_from.get(name).copied())
    }

    /// Rows of alarms that count.
    pub fn alarms(&self, threshold: f64) -> impl Iterator<Item = usize> {
        let rows = self.scores.iter().enumerate().skip(self.from);
        let is_alarm = move |score: f64| score > 0.0 && score >= threshold;
        rows.filter(move |(_, score)| is_alarm(**score))
            .map(|(row, _)| row)
    }

    pub fn scored_windows(&self) -> Vec<RangeInclusive<usize>> {
        let counts = |window: &&RangeInclusive<usize>| *window.end() >= self.from;
        self.windows.iter().filter(counts).cloned().collect()
    }
}

/// A figure with the threshold that is best for it, and with the detector's own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    pub best: f64,
    pub threshold: f64,
    pub at_half: f64,
}

#[derive(Debug, Serialize)]
pub struct Report {
    suite: String,
    series: usize,
    windows: usize,
    figures: Vec<Measured>,
}

#[derive(Debug, Serialize)]
struct Measured {
    measure: String,
    scores: Figure,
    baseline: Option<Figure>,
}

impl Report {
    /// Of our scores, and of a baseline's variants, whose better figure counts.
    pub fn of(suite: &Suite, ours: &[Scored], baseline: &[Vec<Scored>]) -> Self {
        let mut measured: Vec<Measured> = figures(suite, ours)
            .into_iter()
            .map(|(measure, scores)| Measured {
                measure,
                scores,
                baseline: None,
            })
            .collect();
        for variant in baseline {
            for (measured, (_, figure)) in measured.iter_mut().zip(figures(suite, variant)) {
                let better = |before: &Figure| before.best >= figure.best;
                measured.baseline = measured.baseline.filter(better).or(Some(figure));
            }
        }
        Self {
            suite: suite.name.clone(),
            series: ours.len(),
            windows: ours.iter().map(|series| series.windows.len()).sum(),
            figures: measured,
        }
    }

    pub fn rows(&self) -> Vec<Vec<String>> {
        let row = |measured: &Measured| {
            let number = |number: f64| match measured.measure.starts_with("NAB") {
                true => format!("{number:.1}"),
                false => format!("{number:.3}"),
            };
            vec![
                self.suite.clone(),
                self.series.to_string(),
                self.windows.to_string(),
                measured.measure.clone(),
                number(measured.scores.best),
                measured
                    .baseline
                    .map_or_else(String::new, |figure| number(figure.best)),
                number(measured.scores.at_half),
                format!("{:.3}", measured.scores.threshold),
            ]
        };
        self.figures.iter().map(row).collect()
    }
}

/// What a suite is scored by first, 0 to 1, and the threshold that is best for it: NAB's standard
/// profile, or the F1 of events.
pub fn main_figure(suite: &Suite, series: &[Scored]) -> (f64, f64) {
    let first = figures(suite, series).into_iter().next();
    let (best, threshold) = first.map_or((0.0, 1.0), |(_, one)| (one.best, one.threshold));
    match suite.measure {
        Measure::Nab => (best / 100.0, threshold),
        Measure::Event => (best, threshold),
    }
}

fn figures(suite: &Suite, series: &[Scored]) -> Vec<(String, Figure)> {
    let thresholds = thresholds(series);
    match suite.measure {
        Measure::Nab => {
            let files: Vec<nab::File> = series.iter().map(nab::File::new).collect();
            let of = |profile: Profile| {
                figure(&thresholds, |threshold| {
                    nab::score(&files, threshold, profile).unwrap_or(0.0)
                })
            };
            vec![
                ("NAB standard".to_owned(), of(STANDARD)),
                ("NAB low false positives".to_owned(), of(LOW_FALSE_POSITIVE)),
                ("NAB low false negatives".to_owned(), of(LOW_FALSE_NEGATIVE)),
            ]
        }
        Measure::Event => {
            let of = |k: Option<usize>| {
                figure(&thresholds, |threshold| {
                    let mut counts = Counts::default();
                    for one in series {
                        counts += event::count(one, threshold, suite.event_gap, k);
                    }
                    match counts.share_covered() > MAX_COVERED {
                        true => 0.0,
                        false => counts.f1(),
                    }
                })
            };
            vec![
                ("event F1".to_owned(), of(None)),
                (format!("F1 within {} rows", suite.k), of(Some(suite.k))),
            ]
        }
    }
}

fn figure(thresholds: &[f64], score: impl Fn(f64) -> f64) -> Figure {
    let (threshold, best) = thresholds
        .iter()
        .map(|threshold| (*threshold, score(*threshold)))
        .fold(
            (1.0, 0.0),
            |best, one| if one.1 > best.1 { one } else { best },
        );
    Figure {
        best,
        threshold,
        at_half: score(sentinel::series::ALARM),
    }
}

/// The scores that were given, evenly.
fn thresholds(series: &[Scored]) -> Vec<f64> {
    let given = series.iter().flat_map(|one| one.scores.iter().copied());
    let mut given: Vec<f64> = given.filter(|score| *score > 0.0).collect();
    given.sort_by(f64::total_cmp);
    given.dedup();
    let step = given.len().div_ceil(MAX_THRESHOLDS).max(1);
    given.into_iter().step_by(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(scores: &[f64]) -> Scored {
        let at_s: Vec<i64> = (0..scores.len() as i64).map(|row| row * 60).collect();
        Scored::new(
            &at_s,
            scores.to_vec(),
            &[(120, 179), (5000, 6000)],
            Some(60),
        )
    }

    #[test]
    fn windows_are_rows_and_history_is_left_out() {
        let series = scored(&[0.9, 0.2, 0.9, 0.0]);
        assert_eq!(series.windows, [2..=2], "a window without a row is none");
        assert_eq!(series.from, 1);
        assert_eq!(series.alarms(0.0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(series.alarms(0.5).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn the_best_threshold_is_one_that_was_given() {
        let thresholds = thresholds(&[scored(&[0.1, 0.3, 0.3, 0.0, 0.7])]);
        assert_eq!(thresholds, [0.1, 0.3, 0.7]);
        let best = figure(&thresholds, |threshold| 1.0 - (threshold - 0.4).abs());
        assert_eq!(best.threshold, 0.3);
        assert!((best.best - 0.9).abs() < 1e-9 && (best.at_half - 0.9).abs() < 1e-9);
        let many: Vec<f64> = (1..1000).map(|score| f64::from(score) / 1000.0).collect();
        assert!(super::thresholds(&[scored(&many)]).len() <= MAX_THRESHOLDS);
    }
}
