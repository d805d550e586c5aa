//! How rare is a deviation of this size, for this series?

/// Share of deviations that are ordinary.
const ORDINARY: f64 = 0.998;
/// How fast the border of the ordinary moves, in logarithms a deviation beyond it.
const BORDER_RATE: f64 = 0.0362;
/// Points in which the border may move faster, since it was guessed.
const BORDER_WARM: f64 = 20.0;
/// The border before anything was seen, in mean absolute deviations.
const FIRST_BORDER: f64 = 3.635;
/// Mean logarithm by which deviations beyond the border exceed it: how fast it is learned, what
/// it is before anything was seen, at least, and what one deviation adds at most.
const EXCESS_RATE: f64 = 0.0332;
const FIRST_EXCESS: f64 = 0.1897;
const MIN_EXCESS: f64 = 0.1361;
const MAX_EXCESS: f64 = 1.046;
/// Weight of how rare a deviation is; the rest weighs how large.
const RARE: f64 = 0.7941;
/// Of a deviation's size, by its logarithm.
const LARGE: f64 = 1.5;

/// A tail like a power's beyond a border that moves (a Pareto tail, by Hill's estimator).
#[derive(Debug, Clone)]
pub struct Tail {
    ln_border: f64,
    excess: f64,
    seen: f64,
}

impl Default for Tail {
    fn default() -> Self {
        Self {
            ln_border: FIRST_BORDER.ln(),
            excess: FIRST_EXCESS,
            seen: 0.0,
        }
    }
}

impl Tail {
    /// Takes a deviation in usual deviations, 0 or more. Gives about the decimal logarithm of one
    /// in how many.
    pub fn surprise(&mut self, deviation: f64) -> f64 {
        let beyond = deviation.max(1e-9).ln() - self.ln_border;
        let ordinary = -(1.0 - ORDINARY).log10();
        let rare = match beyond > 0.0 {
            true => ordinary + beyond / self.excess.max(MIN_EXCESS) / std::f64::consts::LN_10,
            false => ordinary * beyond.exp(),
        };
        self.learn(beyond);
        RARE * rare + (1.0 - RARE) * LARGE * deviation.ln_1p()
    }

    fn learn(&mut self, beyond: f64) {
        self.seen += 1.0;
        let rate = BORDER_RATE
            .max(1.0 / (1.0 + self.seen / BORDER_WARM))
            .min(0.5);
        if beyond > 0.0 {
            self.ln_border += rate * ORDINARY;
            self.excess += EXCESS_RATE * (beyond.min(MAX_EXCESS) - self.excess);
        } else {
            self.ln_border -= rate * (1.0 - ORDINARY);
        }
    }
}
