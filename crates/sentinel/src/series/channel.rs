//! One metric: what is expected, how far off it is, and how surprising that is.

use model::tuning::SeriesDetector;

use super::forecast::Forecast;
use super::tail::Tail;

/// Values in which usual deviations are learned as they come; later, large ones are cut.
const WARM: u32 = 30;
/// A single deviation counts so much in them at most, and in the noise.
const MAX_IN_MEAN: f64 = 20.0;
const MAX_IN_NOISE: f64 = 10.0;
/// Usual deviations of the means and of the noise, at least.
const MIN_FEW: f64 = 0.05;
const MIN_MANY: f64 = 0.02;
const MIN_NOISE: f64 = 0.05;
/// The noise before anything was seen, in usual deviations.
const FIRST_NOISE: f64 = 0.8;

/// A usual size, learned from sizes.
#[derive(Debug, Clone, Copy, Default)]
struct Usual(f64);

impl Usual {
    /// One more size: how many usual ones it is.
    fn measure(&mut self, size: f64, least: f64, seen: u32, tuning: &SeriesDetector) -> f64 {
        let usual = self.0.max(least);
        let most = if seen < WARM {
            f64::INFINITY
        } else {
            tuning.max_learned * usual
        };
        self.learn(size.min(most), seen, tuning);
        size / usual
    }

    fn learn(&mut self, size: f64, seen: u32, tuning: &SeriesDetector) {
        self.0 += tuning.scale_rate.max(1.0 / f64::from(seen.max(1))) * (size - self.0);
    }
}

#[derive(Debug, Clone)]
pub struct Channel {
    seen: u32,
    forecast: Forecast,
    level: Usual,
    scale: Usual,
    few: f64,
    usual_few: Usual,
    many: f64,
    usual_many: Usual,
    noise: f64,
    usual_noise: Usual,
    tails: [Tail; 4],
}

impl Channel {
    pub fn new(tuning: &SeriesDetector) -> Self {
        Self {
            seen: 0,
            forecast: Forecast::default(),
            level: Usual::default(),
            scale: Usual::default(),
            few: 0.0,
            usual_few: Usual::default(),
            many: 0.0,
            usual_many: Usual::default(),
            noise: FIRST_NOISE,
            usual_noise: Usual::default(),
            tails: std::array::from_fn(|_| Tail::new(tuning)),
        }
    }

    /// How surprising a value is; about the decimal logarithm of one in how many.
    pub fn surprise(&mut self, at_s: i64, value: f64, tuning: &SeriesDetector) -> f64 {
        self.seen = self.seen.saturating_add(1);
        let seen = self.seen;
        let expected = self.forecast.expected(at_s, tuning.better).unwrap_or(value);
        if seen == 1 {
            self.level = Usual(value.abs());
        }
        let off = value - expected;
        let least = tuning.min_scale * self.level.0 + 1e-9;
        let scale = self.scale.0.max(least);
        let deviation = off / scale;
        self.scale.measure(off.abs(), least, seen, tuning);
        let surprises = self.surprises(deviation, tuning);
        self.level.learn(value.abs(), seen, tuning);
        self.forecast
            .learn(at_s, value, tuning.max_learned * scale, seen < WARM, tuning);
        if f64::from(seen) < tuning.min_values {
            return 0.0;
        }
        let most = surprises.iter().copied().fold(0.0, f64::max);
        let sum: f64 = surprises.iter().map(|one| one.max(0.0)).sum();
        // Together they are halved.
        (1.0 - tuning.together) * most + tuning.together * sum / 2.0
    }

    /// Of the deviation alone, of the last few and many, and of the noise.
    fn surprises(&mut self, deviation: f64, tuning: &SeriesDetector) -> [f64; 4] {
        let seen = self.seen;
        let alone = if deviation < 0.0 {
            -deviation * tuning.fall
        } else {
            deviation
        };
        let cut = deviation.clamp(-MAX_IN_MEAN, MAX_IN_MEAN);
        self.few += (cut - self.few) / tuning.few;
        self.many += (cut - self.many) / tuning.many;
        self.noise += (deviation.abs().min(MAX_IN_NOISE) - self.noise) / tuning.few;
        let few = self
            .usual_few
            .measure(self.few.abs(), MIN_FEW, seen, tuning);
        let many = self
            .usual_many
            .measure(self.many.abs(), MIN_MANY, seen, tuning);
        let unrest = (self.noise - 1.0).abs();
        let noise = self.usual_noise.measure(unrest, MIN_NOISE, seen, tuning);
        let [of_alone, of_few, of_many, of_noise] = &mut self.tails;
        [
            of_alone.surprise(alone, tuning),
            of_few.surprise(few, tuning) - tuning.less_few,
            of_many.surprise(many, tuning) - tuning.less_many,
            of_noise.surprise(noise, tuning) - tuning.less_noise,
        ]
    }
}
