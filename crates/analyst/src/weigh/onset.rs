//! When it began, as the data says: the moment that parts the time before the alarm best.

use std::collections::BTreeMap;

use model::tuning::CauseWeights;

use super::requests::Requests;
use super::slowness::slowness;
use super::statistics::{mean, sorted, usual};
use super::successions::shifts;
use crate::observations::Observations;

/// An alarm is seldom later than this after the onset, in microseconds.
const MAX_DELAY_US: i64 = 20 * 60_000_000;
/// Onsets much earlier than this are less likely, in microseconds.
const LIKELY_DELAY_US: f64 = 15.0 * 60e6;
/// Where nothing in the data speaks, the alarm's usual delay.
const USUAL_DELAY_US: i64 = 2 * 60_000_000;
/// Requests are parted for a try at each whole step of this, and at its half around the best, in
/// microseconds: of the clock, so that a later alarm tries the same moments.
const TRY_STEP_US: i64 = 20_000_000;
/// One point's deviation counts up to this.
const MAX_POINT: f64 = 6.0;
/// Contrast of metrics from which their word is taken.
const CLEAR: f64 = 4.0;

/// Microseconds since 1970.
pub fn estimate(o: &Observations, requests: &Requests, weights: &CauseWeights) -> i64 {
    let at = o.alarm.at_us;
    let alarming = o.alarm.service.as_deref();
    let clear =
        |found: Option<(i64, f64)>| found.filter(|found| found.1 >= CLEAR).map(|found| found.0);
    alarming
        .and_then(|service| clear(by_metrics(o, &|name| name == service)))
        .or_else(|| by_requests(requests, at, weights))
        .or_else(|| clear(by_metrics(o, &|_| true)))
        .unwrap_or(at - USUAL_DELAY_US)
}

/// The boundary of steps after which the mean deviation of all series is highest against before,
/// and how clear that is.
fn by_metrics(o: &Observations, wanted: &dyn Fn(&str) -> bool) -> Option<(i64, f64)> {
    let at = o.alarm.at_us;
    let step = step_us(o)?;
    let mut steps: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for series in o.series.iter().filter(|series| wanted(&series.service)) {
        let first = series.points.first()?.0;
        // The first part is surely before: it says what is usual.
        let until = at - MAX_DELAY_US.min((at - first) / 3);
        let split = series.points.partition_point(|point| point.0 < until);
        let usual = usual(&sorted(
            series.points[..split].iter().map(|p| p.1).collect(),
        ));
        let scale = usual.spread.max(0.02 * usual.median.abs());
        if usual.count < 4 || scale <= 0.0 {
            continue;
        }
        for (time, value) in &series.points {
            let far = ((value - usual.median).abs() / scale - 1.0).clamp(0.0, MAX_POINT);
            let sum = steps.entry(time.div_euclid(step)).or_default();
            sum.0 += far;
            sum.1 += 1.0;
        }
    }
    let steps: Vec<(i64, f64)> = steps
        .into_iter()
        .map(|(index, (sum, count))| (index * step, sum / count))
        .collect();
    let values: Vec<f64> = steps.iter().map(|step| step.1).collect();
    let mut best: Option<(i64, f64)> = None;
    for (split, (onset, _)) in steps.iter().copied().enumerate().skip(4) {
        if onset < at - MAX_DELAY_US || onset > at {
            continue;
        }
        let (before, after) = values.split_at(split);
        let (mb, ma) = (mean(before), mean(after));
        let squares: f64 = before.iter().map(|v| (v - mb).powi(2)).sum::<f64>()
            + after.iter().map(|v| (v - ma).powi(2)).sum::<f64>();
        let spread = (squares / values.len() as f64).sqrt().max(1e-6);
        let sizes = (before.len() * after.len()) as f64 / values.len() as f64;
        let delay = (at - onset) as f64 / LIKELY_DELAY_US;
        let contrast = (ma - mb) / spread * sizes.sqrt() / (1.0 + delay);
        if best.is_none_or(|best| contrast > best.1) {
            best = Some((onset, contrast));
        }
    }
    best
}

/// The usual distance of points, in microseconds.
fn step_us(o: &Observations) -> Option<i64> {
    let mut steps: Vec<i64> = o
        .series
        .iter()
        .flat_map(|series| series.points.windows(2).take(50))
        .map(|pair| pair[1].0 - pair[0].0)
        .filter(|step| *step > 0)
        .collect();
    steps.sort_unstable();
    steps
        .get(steps.len() / 2)
        .map(|step| (*step).max(1_000_000))
}

/// The try that parts requests best: by what follows what, and by the time that was added.
fn by_requests(requests: &Requests, at: i64, weights: &CauseWeights) -> Option<i64> {
    let mut best: Option<(i64, f64)> = None;
    let parted = |onset: i64, best: &mut Option<(i64, f64)>| {
        let late = requests.late(onset);
        let shift = shifts(requests, &late, weights)
            .first()
            .map_or(0.0, |shift| shift.weight);
        let (slow, usual_s) = slowness(requests, &late, weights);
        let most = slow
            .values()
            .map(|slow| slow.edges_s.max(slow.own_s))
            .fold(0.0, f64::max);
        let weight = shift + 40.0 * most / usual_s.max(1.0);
        if best.is_none_or(|best| weight > best.1) {
            *best = Some((onset, weight));
        }
    };
    let first = (at - MAX_DELAY_US).div_euclid(TRY_STEP_US) + 1;
    // The latest first: of moments that part alike the one nearest to the alarm is taken.
    for step in (first..=at.div_euclid(TRY_STEP_US)).rev() {
        parted(step * TRY_STEP_US, &mut best);
    }
    if let Some((coarse, _)) = best {
        for onset in [coarse - TRY_STEP_US / 2, coarse + TRY_STEP_US / 2] {
            if onset <= at {
                parted(onset, &mut best);
            }
        }
    }
    best.filter(|best| best.1 > 10.0).map(|best| best.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weigh::scene::{MINUTE_US, alarm, series, tuning};

    #[test]
    fn the_moment_when_it_left_its_range() {
        let mut o = alarm(33, Some("a"));
        let mut values: Vec<f64> = (0..30).map(|minute| 10.0 + f64::from(minute % 3)).collect();
        values.extend([90.0; 5]);
        o.series.push(series("a", "latency", &values));
        let requests = Requests::index(&o);
        assert_eq!(estimate(&o, &requests, &tuning().cause), 30 * MINUTE_US);
    }

    #[test]
    fn where_nothing_speaks_it_is_the_usual_delay() {
        let o = alarm(33, None);
        let requests = Requests::index(&o);
        assert_eq!(estimate(&o, &requests, &tuning().cause), 31 * MINUTE_US);
    }
}
