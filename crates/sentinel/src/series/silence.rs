//! An alarm is told once: after it, the next one must be a greater surprise.

/// Surprise that is an alarm.
const ALARM: f64 = 1.548;
/// What each alarm adds to what the next one needs,
const MORE: f64 = 1.18;
/// and the share of its surprise that the next one needs at least.
const SHARE: f64 = 0.4978;
/// Points and hours in which that goes down to a third (by e).
const POINTS: f64 = 1614.0;
const HOURS: f64 = 54.55;
/// Points after an alarm in which only a surprise that is greater by [`RISE`] is one.
const QUIET_POINTS: f64 = 4.395;
const RISE: f64 = 2.517;
/// Points count for more where they are rare: by this power of their distance to five minutes.
const STRETCH: f64 = 1.365;
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
    pub fn pass(&mut self, at_s: i64, surprise: f64) -> f64 {
        let gap_s = self.last_s.map_or(0.0, |last_s| {
            (at_s.saturating_sub(last_s) as f64).clamp(0.0, MAX_GAP_HOURS * 3600.0)
        });
        self.last_s = Some(at_s);
        self.learn_step(gap_s);
        let stretch = match self.step_s > 0.0 {
            true => (self.step_s / STEP_S)
                .clamp(MIN_STEP, MAX_STEP)
                .powf(STRETCH),
            false => 1.0,
        };
        self.points += 1.0;
        self.needed *= (-stretch / POINTS - gap_s / 3600.0 / HOURS).exp();
        if self.points * stretch < QUIET_POINTS && surprise < self.told + RISE {
            return 0.0;
        }
        let left = surprise - self.needed;
        if left <= ALARM {
            return 0.0;
        }
        self.needed = self.needed.max(SHARE * surprise) + MORE;
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
