//! One metric: what is expected, how far off it is, and how surprising that is.

use super::forecast::Forecast;
use super::tail::Tail;

/// Values before a deviation says anything.
const MIN_VALUES: u32 = 237;
/// Values in which usual deviations are learned as they come; later, large ones are cut.
const WARM: u32 = 30;
/// How fast usual deviations are learned, and how many of them one deviation counts at most.
const SCALE_RATE: f64 = 0.0029;
const MAX_LEARNED: f64 = 5.108;
/// Usual deviations are at least this share of the level: what is less is no matter.
const MIN_SCALE: f64 = 0.0023;
/// A fall counts for less than a rise.
const FALL: f64 = 0.7726;

/// Values in the mean of the last few and of the last many.
const FEW: f64 = 4.946;
const MANY: f64 = 113.8;
/// A single deviation counts so much in them at most, and in the noise.
const MAX_IN_MEAN: f64 = 20.0;
const MAX_IN_NOISE: f64 = 10.0;
/// Usual deviations of the means and of the noise, at least.
const MIN_FEW: f64 = 0.05;
const MIN_MANY: f64 = 0.02;
const MIN_NOISE: f64 = 0.05;
/// The noise before anything was seen, in usual deviations.
const FIRST_NOISE: f64 = 0.8;

/// What the surprise of each is lessened by.
const LESS_FEW: f64 = 1.277;
const LESS_MANY: f64 = 0.7661;
const LESS_NOISE: f64 = 0.6886;
/// Weight of all of them together, beside the largest alone; together they are halved.
const TOGETHER: f64 = 0.4928;

/// A usual size, learned from sizes.
#[derive(Debug, Clone, Copy, Default)]
struct Usual(f64);

impl Usual {
    /// One more size: how many usual ones it is.
    fn measure(&mut self, size: f64, least: f64, seen: u32) -> f64 {
        let usual = self.0.max(least);
        let most = if seen < WARM {
            f64::INFINITY
        } else {
            MAX_LEARNED * usual
        };
        self.learn(size.min(most), seen);
        size / usual
    }

    fn learn(&mut self, size: f64, seen: u32) {
        self.0 += SCALE_RATE.max(1.0 / f64::from(seen.max(1))) * (size - self.0);
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

impl Default for Channel {
    fn default() -> Self {
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
            tails: Default::default(),
        }
    }
}

impl Channel {
    /// How surprising a value is; about the decimal logarithm of one in how many.
    pub fn surprise(&mut self, at_s: i64, value: f64) -> f64 {
        self.seen = self.seen.saturating_add(1);
        let seen = self.seen;
        let expected = self.forecast.expected(at_s).unwrap_or(value);
        if seen == 1 {
            self.level = Usual(value.abs());
        }
        let off = value - expected;
        let least = MIN_SCALE * self.level.0 + 1e-9;
        let scale = self.scale.0.max(least);
        let deviation = off / scale;
        self.scale.measure(off.abs(), least, seen);
        let surprises = self.surprises(deviation);
        self.level.learn(value.abs(), seen);
        self.forecast
            .learn(at_s, value, MAX_LEARNED * scale, seen < WARM);
        if seen < MIN_VALUES {
            return 0.0;
        }
        let most = surprises.iter().copied().fold(0.0, f64::max);
        let sum: f64 = surprises.iter().map(|one| one.max(0.0)).sum();
        (1.0 - TOGETHER) * most + TOGETHER * sum / 2.0
    }

    /// Of the deviation alone, of the last few and many, and of the noise.
    fn surprises(&mut self, deviation: f64) -> [f64; 4] {
        let seen = self.seen;
        let alone = if deviation < 0.0 {
            -deviation * FALL
        } else {
            deviation
        };
        let cut = deviation.clamp(-MAX_IN_MEAN, MAX_IN_MEAN);
        self.few += (cut - self.few) / FEW;
        self.many += (cut - self.many) / MANY;
        self.noise += (deviation.abs().min(MAX_IN_NOISE) - self.noise) / FEW;
        let few = self.usual_few.measure(self.few.abs(), MIN_FEW, seen);
        let many = self.usual_many.measure(self.many.abs(), MIN_MANY, seen);
        let unrest = (self.noise - 1.0).abs();
        let noise = self.usual_noise.measure(unrest, MIN_NOISE, seen);
        let [of_alone, of_few, of_many, of_noise] = &mut self.tails;
        [
            of_alone.surprise(alone),
            of_few.surprise(few) - LESS_FEW,
            of_many.surprise(many) - LESS_MANY,
            of_noise.surprise(noise) - LESS_NOISE,
        ]
    }
}
