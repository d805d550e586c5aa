//! How rare is a deviation of this size, for this series?

use model::tuning::SeriesDetector;

/// Share of deviations that are ordinary.
const ORDINARY: f64 = 0.998;
/// Points in which the border may move faster, since it was guessed.
const BORDER_WARM: f64 = 20.0;
/// Of a deviation's size, by its logarithm.
const LARGE: f64 = 1.5;

/// A tail like a power's beyond a border that moves (a Pareto tail, by Hill's estimator).
#[derive(Debug, Clone)]
pub struct Tail {
    ln_border: f64,
    excess: f64,
    seen: f64,
}

impl Tail {
    pub fn new(tuning: &SeriesDetector) -> Self {
        Self {
            ln_border: tuning.first_border.ln(),
            excess: tuning.first_excess,
            seen: 0.0,
        }
    }

    /// Takes a deviation in usual deviations, 0 or more. Gives about the decimal logarithm of one
    /// in how many.
    pub fn surprise(&mut self, deviation: f64, tuning: &SeriesDetector) -> f64 {
        let beyond = deviation.max(1e-9).ln() - self.ln_border;
        let ordinary = -(1.0 - ORDINARY).log10();
        let rare = match beyond > 0.0 {
            true => {
                ordinary + beyond / self.excess.max(tuning.min_excess) / std::f64::consts::LN_10
            }
            false => ordinary * beyond.exp(),
        };
        self.learn(beyond, tuning);
        tuning.rare * rare + (1.0 - tuning.rare) * LARGE * deviation.ln_1p()
    }

    fn learn(&mut self, beyond: f64, tuning: &SeriesDetector) {
        self.seen += 1.0;
        let rate = tuning
            .border_rate
            .max(1.0 / (1.0 + self.seen / BORDER_WARM))
            .min(0.5);
        if beyond > 0.0 {
            self.ln_border += rate * ORDINARY;
            self.excess += tuning.excess_rate * (beyond.min(tuning.max_excess) - self.excess);
        } else {
            self.ln_border -= rate * (1.0 - ORDINARY);
        }
    }
}
