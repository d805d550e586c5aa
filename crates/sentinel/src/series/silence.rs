//! An alarm is told once: after it, the next one must be a greater surprise.

use model::tuning::SeriesDetector;

/// The distance of points at which each counts as one, in seconds, and what others count at least
/// and at most.
const STEP_S: f64 = 300.0;
const MIN_STEP: f64 = 0.2;
const MAX_STEP: f64 = 12.0;
/// A gap counts as so many hours at most.
const MAX_GAP_HOURS: f64 = 24.0;
/// How fast the distance between points is learned, after how many it is believed, and how much
/// longer a gap is at most.
const STEP_RATE: f64 = 0.01;
const STEP_WARM: f64 = 20.0;
const MAX_GAP: f64 = 3.0;

#[derive(Debug, Clone)]
pub struct Silence {
    needed: f64,
    told: f64,
    points: f64,
    last_s: Option<i64>,
    step_s: f64,
    seen: f64,
}

impl Default for Silence {
    fn default() -> Self {
        Self {
            needed: 0.0,
            told: 0.0,
            points: f64::INFINITY,
            last_s: None,
            step_s: 0.0,
            seen: 0.0,
        }
    }
}

impl Silence {
    /// What is left of a surprise: 0 where there is nothing to tell.
    pub fn pass(&mut self, at_s: i64, surprise: f64, tuning: &SeriesDetector) -> f64 {
        let gap_s = self.last_s.map_or(0.0, |last_s| {
            (at_s.saturating_sub(last_s) as f64).clamp(0.0, MAX_GAP_HOURS * 3600.0)
        });
        self.last_s = Some(at_s);
        self.learn_step(gap_s);
        let stretch = match self.step_s > 0.0 {
            true => (self.step_s / STEP_S)
                .clamp(MIN_STEP, MAX_STEP)
                .powf(tuning.stretch),
            false => 1.0,
        };
        self.points += 1.0;
        self.needed *= (-stretch / tuning.points - gap_s / 3600.0 / tuning.hours).exp();
        if self.points * stretch < tuning.quiet_points && surprise < self.told + tuning.rise {
            return 0.0;
        }
        let left = surprise - self.needed;
        if left <= tuning.alarm {
            return 0.0;
        }
        self.needed = self.needed.max(tuning.share * surprise) + tuning.more;
        self.told = surprise;
        self.points = 0.0;
        left
    }

    fn learn_step(&mut self, gap_s: f64) {
        self.seen += 1.0;
        if gap_s <= 0.0 {
            return;
        }
        let believed = self.seen > STEP_WARM && self.step_s > 0.0;
        let most = if believed {
            MAX_GAP * self.step_s
        } else {
            f64::INFINITY
        };
        let rate = (1.0 / self.seen).max(STEP_RATE);
        self.step_s += rate * (gap_s.min(most) - self.step_s);
    }
}
