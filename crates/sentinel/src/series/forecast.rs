//! What the next value should be: from its level now, its level for long, and what it is at this
//! time of day and of the week; each counts as far as it was right.

use model::tuning::SeriesDetector;

const DAY_S: i64 = 86_400;
const WEEK_S: i64 = 7 * DAY_S;
/// Slots of a day, of five minutes, and of a week, of an hour.
const DAY_SLOTS: usize = 288;
const WEEK_SLOTS: usize = 168;

/// How fast a season's level follows.
const OFFSET_RATE: f64 = 0.005;
/// How fast a forecast's error is learned.
const ERROR_RATE: f64 = 0.02;
/// Values after which a season is believed.
const MIN_SEEN: u32 = 20;
/// Errors beyond so many times the usual one are learned as that.
const MAX_ERROR: f64 = 2.0;

/// Means by slot, and how far the series is above them now.
#[derive(Debug, Clone)]
struct Season {
    length_s: i64,
    means: Vec<f64>,
    seen: Vec<u16>,
    offset: f64,
}

impl Season {
    fn new(length_s: i64, slots: usize) -> Self {
        Self {
            length_s,
            means: vec![0.0; slots],
            seen: vec![0; slots],
            offset: 0.0,
        }
    }

    fn slot(&self, at_s: i64) -> usize {
        let within = at_s.rem_euclid(self.length_s) as usize;
        within * self.means.len() / self.length_s as usize
    }

    fn forecast(&self, at_s: i64) -> Option<f64> {
        let slot = self.slot(at_s);
        (self.seen[slot] > 0).then(|| self.means[slot] + self.offset)
    }

    fn learn(&mut self, at_s: i64, value: f64, most: f64, slot_rate: f64) {
        let slot = self.slot(at_s);
        if let Some(forecast) = self.forecast(at_s) {
            self.offset += OFFSET_RATE * (value - forecast).clamp(-most, most);
        }
        let seen = self.seen[slot];
        let rate = slot_rate.max(1.0 / (1.0 + f64::from(seen)));
        self.means[slot] += rate * (value - self.means[slot]);
        self.seen[slot] = seen.saturating_add(1);
    }
}

/// How wrong one kind of forecast was.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    error: f64,
    seen: u32,
}

#[derive(Debug, Clone)]
pub struct Forecast {
    seen: u32,
    now: f64,
    long: f64,
    seasons: [Season; 2],
    records: [Record; 4],
}

impl Default for Forecast {
    fn default() -> Self {
        Self {
            seen: 0,
            now: 0.0,
            long: 0.0,
            seasons: [
                Season::new(DAY_S, DAY_SLOTS),
                Season::new(WEEK_S, WEEK_SLOTS),
            ],
            records: [Record::default(); 4],
        }
    }
}

impl Forecast {
    /// The level now and for long, and where it was seen, what is usual then.
    fn each(&self, at_s: i64) -> [Option<f64>; 4] {
        let [day, week] = &self.seasons;
        [
            Some(self.now),
            Some(self.long),
            day.forecast(at_s),
            week.forecast(at_s),
        ]
    }

    /// What is expected, `better` forecasts counting for more; none before the first value.
    pub fn expected(&self, at_s: i64, better: f64) -> Option<f64> {
        if self.seen == 0 {
            return None;
        }
        let believed = |index: usize| index < 2 || self.records[index].seen > MIN_SEEN;
        let (mut sum, mut weights) = (0.0, 0.0);
        let best = (0..4)
            .filter(|index| believed(*index))
            .map(|index| self.records[index].error)
            .fold(f64::INFINITY, f64::min)
            .max(f64::MIN_POSITIVE);
        for (index, forecast) in self.each(at_s).into_iter().enumerate() {
            let Some(forecast) = forecast.filter(|_| believed(index)) else {
                continue;
            };
            let weight = (self.records[index].error.max(best) / best).powf(-better);
            sum += weight * forecast;
            weights += weight;
        }
        Some(sum / weights)
    }

    /// A value; levels of seasons move by `most` of an error at most.
    pub fn learn(&mut self, at_s: i64, value: f64, most: f64, warm: bool, tuning: &SeriesDetector) {
        if self.seen == 0 {
            (self.now, self.long) = (value, value);
        }
        self.seen = self.seen.saturating_add(1);
        for (forecast, record) in self.each(at_s).into_iter().zip(&mut self.records) {
            let Some(forecast) = forecast else { continue };
            let error = (value - forecast).abs();
            let bound = match warm {
                true => f64::INFINITY,
                false => (MAX_ERROR * most).max(MAX_ERROR * record.error),
            };
            record.seen = record.seen.saturating_add(1);
            let rate = ERROR_RATE.max(1.0 / f64::from(record.seen));
            record.error += rate * (error.min(bound) - record.error);
        }
        self.now += tuning.now_rate * (value - self.now);
        self.long += tuning.long_rate.max(1.0 / f64::from(self.seen)) * (value - self.long);
        for season in &mut self.seasons {
            season.learn(at_s, value, most, tuning.slot_rate);
        }
    }
}
