//! How often the answers of this installation were right, by how sure they were.

use model::Summary;
use serde::Serialize;

use crate::case::Casework;
use crate::error::Error;

/// The latest incidents whose answers are scored.
pub const MAX_SCORED: usize = 10_000;
/// Bands of confidence, each a fifth.
pub const BANDS: usize = 5;
/// Of the normal distribution, for an interval that holds in 95 of 100 cases.
const Z_95: f64 = 1.959_963_984_540_054;

/// What people said of the answers so far.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AnswerScore {
    /// Incidents with an answer, among the latest.
    pub answered: usize,
    /// Of them those that a person judged: the rest says nothing.
    pub judged: usize,
    pub right: usize,
    /// The mean squared distance of confidence and outcome, 0 (best) to 1; a constant at the share
    /// of right answers has `brier_of_constant`. None: nothing was judged.
    pub brier: Option<f64>,
    pub brier_of_constant: Option<f64>,
    pub bands: Vec<Band>,
}

/// Answers whose confidence lies in `[from, to)`; the last band holds 1 too.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Band {
    pub from: f64,
    pub to: f64,
    pub judged: usize,
    pub right: usize,
    /// Their mean confidence; none where none was judged.
    pub said: Option<f64>,
    /// The share that was right.
    pub was: Option<f64>,
    /// Wilson's interval of that share at 95 % (Wilson, 1927).
    pub interval: Option<[f64; 2]>,
}

pub fn score(incidents: &[Summary]) -> AnswerScore {
    let counted = || incidents.iter().filter(|one| one.status.counts());
    let judged: Vec<(f64, bool)> = counted()
        .filter_map(|one| Some((one.feedback_confidence?, one.feedback_right?)))
        .collect();
    let right = judged.iter().filter(|(_, right)| *right).count();
    let share = ratio(right, judged.len());
    let brier = |said: &dyn Fn(f64) -> f64| {
        let squares = judged
            .iter()
            .map(|(confidence, right)| (said(*confidence) - f64::from(u8::from(*right))).powi(2));
        (!judged.is_empty()).then(|| squares.sum::<f64>() / judged.len() as f64)
    };
    AnswerScore {
        answered: counted()
            .filter(|one| one.confidence.is_some() || one.feedback_confidence.is_some())
            .count(),
        judged: judged.len(),
        right,
        brier: brier(&|confidence| confidence),
        brier_of_constant: share.and_then(|share| brier(&|_| share)),
        bands: bands(&judged),
    }
}

/// Answers by how sure they were: (confidence, right).
pub fn bands(judged: &[(f64, bool)]) -> Vec<Band> {
    (0..BANDS).map(|number| band(number, judged)).collect()
}

fn band(number: usize, judged: &[(f64, bool)]) -> Band {
    let within = |confidence: f64| {
        let place = (confidence * BANDS as f64).floor().max(0.0) as usize;
        place.min(BANDS - 1) == number
    };
    let here: Vec<_> = judged.iter().filter(|(said, _)| within(*said)).collect();
    let right = here.iter().filter(|(_, right)| *right).count();
    let sum: f64 = here.iter().map(|(confidence, _)| confidence).sum();
    Band {
        from: number as f64 / BANDS as f64,
        to: (number + 1) as f64 / BANDS as f64,
        judged: here.len(),
        right,
        said: (!here.is_empty()).then(|| sum / here.len() as f64),
        was: ratio(right, here.len()),
        interval: wilson(right, here.len()),
    }
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn wilson(right: usize, all: usize) -> Option<[f64; 2]> {
    let share = ratio(right, all)?;
    let all = all as f64;
    let square = Z_95 * Z_95;
    let middle = (share + square / (2.0 * all)) / (1.0 + square / all);
    let half = Z_95 / (1.0 + square / all)
        * (share * (1.0 - share) / all + square / (4.0 * all * all)).sqrt();
    Some([(middle - half).max(0.0), (middle + half).min(1.0)])
}

impl Casework {
    /// Over the latest [`MAX_SCORED`] incidents.
    pub async fn answer_score(&self) -> Result<AnswerScore, Error> {
        Ok(score(&self.latest(Vec::new(), MAX_SCORED).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::{band, wilson};

    #[test]
    fn the_interval_is_wilsons() {
        // 8 of 10: 0.490 to 0.943 (Brown, Cai and DasGupta, 2001, give the formula).
        let [low, high] = wilson(8, 10).expect("ten were judged");
        assert!((low - 0.4902).abs() < 5e-4, "{low}");
        assert!((high - 0.9433).abs() < 5e-4, "{high}");
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn a_band_holds_its_lower_end_and_the_last_one_also_one() {
        let judged = [(0.2, true), (0.19, false), (1.0, true), (0.8, false)];
        assert_eq!(band(0, &judged).judged, 1);
        assert_eq!(band(1, &judged).right, 1);
        let last = band(4, &judged);
        assert_eq!((last.judged, last.right), (2, 1));
        assert_eq!(last.said, Some(0.9));
    }
}
