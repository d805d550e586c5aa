//! Whether confidence means what it says: right answers held against how sure they were.

use std::collections::{BTreeMap, BTreeSet};

use casework::feedback::{Band, bands};
use serde::Serialize;

use crate::arguments::Mode;
use crate::print;

/// Resamples of the bootstrap (Efron, 1979), and where their stream of numbers begins.
const RESAMPLES: usize = 2_000;
const SEED: u64 = 20_261_126;
/// Of the resamples, outside the interval on each side: 95 % lie within.
const TAIL: f64 = 0.025;

/// One answered case.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub mode: Mode,
    pub suite: String,
    pub confidence: f64,
    pub right: bool,
}

/// A number with its interval by the bootstrap over cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    pub mode: Mode,
    /// None: all suites, each case counting the same.
    pub suite: Option<String>,
    pub cases: usize,
    pub right: usize,
    pub brier: Estimate,
    /// The Brier score of saying, of every case, the hit rate of the other suites. None where there
    /// are none.
    pub brier_of_others_rate: Option<f64>,
    /// The probability that a right answer was surer than a wrong one. None where all were right or
    /// all wrong.
    pub auroc: Option<Estimate>,
    pub bands: Vec<Band>,
}

/// By mode: all suites together, then each.
pub fn calibrations(outcomes: &[Outcome]) -> Vec<Calibration> {
    let modes: BTreeSet<Mode> = outcomes.iter().map(|one| one.mode).collect();
    let mut all = Vec::new();
    for mode in modes {
        let of_mode: Vec<&Outcome> = outcomes.iter().filter(|one| one.mode == mode).collect();
        let mut suites: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
        for one in &of_mode {
            suites.entry(&one.suite).or_default().push(one);
        }
        all.push(calibration(mode, None, &of_mode, &of_mode));
        for (suite, of_suite) in suites {
            all.push(calibration(mode, Some(suite), &of_suite, &of_mode));
        }
    }
    all
}

fn calibration(
    mode: Mode,
    suite: Option<&str>,
    outcomes: &[&Outcome],
    of_mode: &[&Outcome],
) -> Calibration {
    let judged: Vec<(f64, bool)> = outcomes
        .iter()
        .map(|one| (one.confidence, one.right))
        .collect();
    let constant: Option<Vec<f64>> = outcomes
        .iter()
        .map(|one| Some((others_rate(&one.suite, of_mode)? - number(one.right)).powi(2)))
        .collect();
    Calibration {
        mode,
        suite: suite.map(str::to_owned),
        cases: judged.len(),
        right: judged.iter().filter(|(_, right)| *right).count(),
        brier: estimate(&judged, &|judged| Some(brier(judged))).unwrap_or(Estimate {
            value: 0.0,
            low: 0.0,
            high: 0.0,
        }),
        brier_of_others_rate: constant
            .filter(|squares| !squares.is_empty())
            .map(|squares| squares.iter().sum::<f64>() / squares.len() as f64),
        auroc: estimate(&judged, &auroc),
        bands: bands(&judged),
    }
}

/// Share of right answers among the other suites.
fn others_rate(suite: &str, of_mode: &[&Outcome]) -> Option<f64> {
    let others = of_mode.iter().filter(|one| one.suite != suite);
    let rights: Vec<f64> = others.map(|one| number(one.right)).collect();
    (!rights.is_empty()).then(|| rights.iter().sum::<f64>() / rights.len() as f64)
}

fn number(right: bool) -> f64 {
    f64::from(u8::from(right))
}

fn brier(judged: &[(f64, bool)]) -> f64 {
    let squares = judged
        .iter()
        .map(|(said, right)| (said - number(*right)).powi(2));
    squares.sum::<f64>() / judged.len().max(1) as f64
}

/// Mann and Whitney's: ties count half.
fn auroc(judged: &[(f64, bool)]) -> Option<f64> {
    let side = |wanted: bool| judged.iter().filter(move |(_, right)| *right == wanted);
    let (mut sum, mut pairs) = (0.0, 0.0);
    for (right, _) in side(true) {
        for (wrong, _) in side(false) {
            pairs += 1.0;
            sum += match right.total_cmp(wrong) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    (pairs > 0.0).then(|| sum / pairs)
}

/// What is worked out of (confidence, right) of some cases.
type Measure = dyn Fn(&[(f64, bool)]) -> Option<f64>;

fn estimate(judged: &[(f64, bool)], of: &Measure) -> Option<Estimate> {
    if judged.is_empty() {
        return None;
    }
    let value = of(judged)?;
    let mut state = SEED;
    let mut resampled: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let sample: Vec<(f64, bool)> = judged
                .iter()
                .map(|_| judged[(next(&mut state) % judged.len() as u64) as usize])
                .collect();
            of(&sample)
        })
        .collect();
    resampled.sort_by(f64::total_cmp);
    let at = |share: f64| resampled.get((share * (resampled.len() as f64 - 1.0)) as usize);
    Some(Estimate {
        value,
        low: at(TAIL).copied().unwrap_or(value),
        high: at(1.0 - TAIL).copied().unwrap_or(value),
    })
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// For people: how sure, and how often right.
pub fn table(calibrations: &[Calibration]) -> String {
    let shown = |estimate: Option<Estimate>| {
        estimate.map_or_else(
            || "–".to_owned(),
            |one| format!("{:.3} ({:.3} to {:.3})", one.value, one.low, one.high),
        )
    };
    let rows = calibrations.iter().map(|one| {
        let band = |band: &Band| match (band.said, band.was) {
            (Some(said), Some(was)) => format!("{said:.2} → {was:.2} ({})", band.judged),
            _ => "–".to_owned(),
        };
        let mut row = vec![
            one.mode.name().to_owned(),
            one.suite.clone().unwrap_or_else(|| "all".to_owned()),
            format!("{} of {}", one.right, one.cases),
            shown(Some(one.brier)),
            one.brier_of_others_rate
                .map_or_else(|| "–".to_owned(), |brier| format!("{brier:.3}")),
            shown(one.auroc),
        ];
        row.extend(one.bands.iter().map(band));
        row
    });
    let head = [
        "mode",
        "suite",
        "right",
        "Brier (95 %)",
        "constant",
        "AUROC (95 %)",
        "0 to .2",
        ".2 to .4",
        ".4 to .6",
        ".6 to .8",
        ".8 to 1",
    ];
    format!(
        "confidence: what was said → how often it was right (cases)\n{}",
        print::table(&head, rows.collect())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(suite: &str, confidence: f64, right: bool) -> Outcome {
        Outcome {
            mode: Mode::Given,
            suite: suite.to_owned(),
            confidence,
            right,
        }
    }

    #[test]
    fn area_under_the_curve_by_hand() {
        let judged = [(0.9, true), (0.5, true), (0.5, false), (0.1, false)];
        // Of four pairs three are in order and one is a tie.
        assert_eq!(auroc(&judged), Some(3.5 / 4.0));
        assert_eq!(auroc(&judged[..2]), None);
    }

    #[test]
    fn a_constant_is_the_rate_of_the_others() {
        let outcomes = [
            outcome("a", 0.9, true),
            outcome("a", 0.8, true),
            outcome("b", 0.2, false),
            outcome("b", 0.6, true),
        ];
        let all = calibrations(&outcomes);
        let suites: Vec<_> = all.iter().map(|one| one.suite.as_deref()).collect();
        assert_eq!(suites, [None, Some("a"), Some("b")]);
        // b's rate is one half, a's is one.
        assert_eq!(all[1].brier_of_others_rate, Some(0.25));
        assert_eq!(all[2].brier_of_others_rate, Some(0.5));
        assert_eq!(all[0].brier_of_others_rate, Some(0.375));
        assert!((all[1].brier.value - 0.025).abs() < 1e-12);
        assert_eq!(calibrations(&outcomes), all, "the same numbers each time");
        let brier = all[0].brier;
        assert!(brier.low <= brier.value && brier.value <= brier.high);
    }
}
