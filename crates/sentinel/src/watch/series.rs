//! One number of one service over time: what is usual for it, and how unusual the next value is.

use std::collections::VecDeque;

/// Values that are remembered of one series; the oldest go first.
pub const KEPT: usize = 240;
/// Newest values that don't count as usual yet: trouble that grows must not become the measure
/// that it is held against.
pub const WITHHELD: usize = 5;
/// Values that it takes before a new one is judged.
pub const LEAST: usize = 12;
/// A deviation must show in this many of the last [`LOOKED_AT`] values.
const NEEDED: usize = 2;
const LOOKED_AT: usize = 3;
/// A hole of so many of the last steps ends what was seen before it.
const MAX_HOLE: i64 = 5;
/// Interquartile range of a normal distribution, in standard deviations.
const IQR_PER_SIGMA: f64 = 1.349;
/// From the 5th to the 95th percentile of a normal distribution, in standard deviations.
const RANGE_PER_SIGMA: f64 = 3.29;
/// Nothing is steadier than this share of its median.
const LEAST_RELATIVE: f64 = 0.03;
/// The standard deviation that a count which never changed is taken to have, in roots of itself.
const CONSTANT_COUNT: f64 = 0.2;
/// No spread is smaller: a constant zero has none at all.
const LEAST_SPREAD: f64 = 1e-9;
/// A series is lumpy where fewer than this share of its values differ from the next in size.
const DISTINCT: f64 = 0.6;
/// Values that two series need in common to be compared.
const LEAST_SHARED: usize = 8;
/// What the logarithm of zero and less is taken for.
const LOG_OF_NOTHING: f64 = -20.0;

/// Median and the quantiles around it, of values that were not withheld.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    pub median: f64,
    /// Standard deviation by the quartiles, or by the 5th and 95th percentile where that is more.
    pub spread: f64,
    lowest: f64,
    highest: f64,
    counts: bool,
}

/// A value and when it was measured, in milliseconds.
type Point = (i64, f64);

#[derive(Debug, Clone, Default)]
pub struct Series {
    withheld: VecDeque<Point>,
    usual: VecDeque<Point>,
    /// The values of `usual`, sorted.
    sorted: Vec<f64>,
    /// How many of them are no whole numbers.
    broken: usize,
    /// How unusual the last values were, in spreads, with their sign.
    distances: VecDeque<f64>,
    /// The last value as it was given: counters are judged by what they rose.
    last: Option<Point>,
    rises: Rises,
}

/// Whether a series only ever rises, as a counter of everything since its start does.
#[derive(Debug, Clone, Copy, Default)]
struct Rises {
    steps: usize,
    up: usize,
    down: usize,
    counter: bool,
}

impl Rises {
    /// Half its steps go up and next to none goes down: those are restarts. What was taken for a
    /// counter stays one until it falls more often. Whether that changed.
    fn note(&mut self, by: f64) -> bool {
        self.steps += 1;
        self.up += usize::from(by > 0.0);
        self.down += usize::from(by < 0.0);
        let was = self.counter;
        let falls = self.down * LEAST > self.steps;
        let climbs = self.steps >= LEAST && self.up * 2 >= self.steps;
        self.counter = !falls && (was || climbs);
        self.counter != was
    }
}

impl Series {
    /// Takes the next value; whether it was taken. Values that aren't numbers, and those of a
    /// moment that was seen before, are not.
    pub fn take(&mut self, at: i64, value: f64, peers: f64) -> bool {
        if !value.is_finite() || self.last.is_some_and(|(last, _)| at <= last) {
            return false;
        }
        if self.is_hole(at) {
            self.distances.clear();
        }
        let risen = self.last.map(|(_, last)| value - last);
        if risen.is_some_and(|by| self.rises.note(by)) {
            // What was learned is of the other kind.
            self.forget();
        }
        self.last = Some((at, value));
        let value = match (self.rises.counter, risen) {
            (true, Some(by)) if by >= 0.0 => by,
            // A counter that fell was restarted: by how much it rose is not known.
            (true, _) => return false,
            (false, _) => value,
        };
        if let Some(usual) = self.usual() {
            self.distances.push_back(usual.distance(value, peers));
            if self.distances.len() > LOOKED_AT {
                self.distances.pop_front();
            }
        }
        self.remember(at, value);
        true
    }

    fn is_hole(&self, at: i64) -> bool {
        let steps = self.withheld.iter().zip(self.withheld.iter().skip(1));
        let longest = steps.map(|((a, _), (b, _))| b - a).max();
        match (self.last, longest) {
            (Some((last, _)), Some(longest)) => at - last > longest.saturating_mul(MAX_HOLE),
            _ => false,
        }
    }

    fn forget(&mut self) {
        self.withheld.clear();
        self.usual.clear();
        self.sorted.clear();
        self.broken = 0;
        self.distances.clear();
    }

    fn remember(&mut self, at: i64, value: f64) {
        self.withheld.push_back((at, value));
        if self.withheld.len() <= WITHHELD {
            return;
        }
        if let Some((at, value)) = self.withheld.pop_front() {
            let place = self.sorted.partition_point(|known| *known < value);
            self.sorted.insert(place, value);
            self.broken += usize::from(value.fract() != 0.0);
            self.usual.push_back((at, value));
        }
        if self.usual.len() > KEPT
            && let Some((_, old)) = self.usual.pop_front()
        {
            let place = self.sorted.partition_point(|known| *known < old);
            self.sorted.remove(place);
            self.broken -= usize::from(old.fract() != 0.0);
        }
    }

    /// `None` while too little is known.
    pub fn usual(&self) -> Option<Usual> {
        if self.sorted.len() < LEAST {
            return None;
        }
        let at = |q| quantile(&self.sorted, q);
        let by_quartiles = (at(0.75) - at(0.25)) / IQR_PER_SIGMA;
        let by_range = (at(0.95) - at(0.05)) / RANGE_PER_SIGMA;
        Some(Usual {
            median: at(0.5),
            spread: by_quartiles.max(by_range),
            lowest: *self.sorted.first()?,
            highest: *self.sorted.last()?,
            counts: self.broken == 0,
        })
    }

    /// Spread by median: how wild it is, whatever its unit.
    pub fn wildness(&self) -> Option<f64> {
        let usual = self.usual()?;
        (usual.median != 0.0).then(|| usual.spread / usual.median.abs())
    }

    /// How far the last values lie beyond all that was usual, in spreads: the least of the needed
    /// ones, so that a single one says nothing. Negative where they lie below. 0: not at all.
    pub fn deviation(&self) -> f64 {
        let mut above: Vec<f64> = self.distances.iter().map(|d| d.max(0.0)).collect();
        let mut below: Vec<f64> = self.distances.iter().map(|d| (-d).max(0.0)).collect();
        let least_needed = |side: &mut Vec<f64>| {
            side.sort_by(|a, b| b.total_cmp(a));
            side.get(NEEDED - 1).copied().unwrap_or(0.0)
        };
        let (above, below) = (least_needed(&mut above), least_needed(&mut below));
        if above >= below { above } else { -below }
    }

    /// The time between the last two values.
    pub fn step_ms(&self) -> Option<i64> {
        let mut last = self.withheld.iter().rev().map(|(at, _)| *at);
        Some(last.next()? - last.next()?)
    }

    /// Values that count as usual.
    pub fn known(&self) -> usize {
        self.usual.len()
    }

    /// The newest value, in the unit that is judged.
    pub fn newest(&self) -> Option<f64> {
        self.withheld.back().map(|(_, value)| *value)
    }

    /// The first of the newest values that lies beyond what was usual.
    pub fn since(&self) -> Option<i64> {
        let usual = self.usual()?;
        let beyond = |value: f64| value > usual.highest || value < usual.lowest;
        let first = self.withheld.iter().find(|(_, value)| beyond(*value));
        first.map(|(at, _)| *at)
    }

    /// Few different values: a default between rare measurements, as idle services report it.
    pub fn is_lumpy(&self) -> bool {
        let steps = self.sorted.windows(2).filter(|pair| pair[0] != pair[1]);
        ((1 + steps.count()) as f64) < DISTINCT * self.sorted.len() as f64
    }

    /// Correlation of logarithms over the moments that both have, trouble left out. Two series
    /// that always move together are one observation.
    pub fn likeness(&self, other: &Self, step_ms: i64) -> f64 {
        let place = |at: i64| at.div_euclid(step_ms.max(1));
        let mut theirs = other.usual.iter().peekable();
        let mut pairs = Vec::new();
        for (at, value) in &self.usual {
            while theirs.next_if(|(t, _)| place(*t) < place(*at)).is_some() {}
            if let Some((_, their)) = theirs.next_if(|(t, _)| place(*t) == place(*at)) {
                pairs.push((log(*value), log(*their)));
            }
        }
        if pairs.len() < LEAST_SHARED {
            return 0.0;
        }
        correlation(&pairs)
    }
}

impl Usual {
    /// How many spreads a value lies from the median; next to none within what was seen before.
    /// `peers` is how wild the same number is at others, as spread by median.
    fn distance(&self, value: f64, peers: f64) -> f64 {
        let distance = (value - self.median) / self.scale(peers);
        if value > self.highest || value < self.lowest {
            distance
        } else {
            distance.clamp(-1.0, 1.0)
        }
    }

    /// The spread that a value is held against.
    pub fn scale(&self, peers: f64) -> f64 {
        let size = self.median.abs();
        let mut scale = self.spread.max(size * LEAST_RELATIVE).max(size * peers);
        if self.counts {
            // A count spreads by its root, as Poisson has it.
            let least = if self.lowest == self.highest {
                CONSTANT_COUNT * size.max(1.0).sqrt()
            } else {
                (size + 1.0).sqrt()
            };
            scale = scale.max(least);
        }
        scale.max(LEAST_SPREAD)
    }
}

/// Linear interpolation between the nearest ranks; `sorted` is not empty.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let position = q * (sorted.len() - 1) as f64;
    let (low, high) = (position.floor() as usize, position.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (position - low as f64)
}

fn log(value: f64) -> f64 {
    if value > 0.0 {
        value.ln()
    } else {
        LOG_OF_NOTHING
    }
}

/// Pearson's; 0 where one side is constant.
fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (a, b) = (mean(&|pair| pair.0), mean(&|pair| pair.1));
    let both = mean(&|pair| (pair.0 - a) * (pair.1 - b));
    let spread_a = mean(&|pair| (pair.0 - a).powi(2));
    let spread_b = mean(&|pair| (pair.1 - b).powi(2));
    let spread = (spread_a * spread_b).sqrt();
    if spread > 0.0 { both / spread } else { 0.0 }
}

#[cfg(test)]
mod tests;
