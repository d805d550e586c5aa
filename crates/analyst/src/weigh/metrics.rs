//! How far each metric left its usual range, held against the same metric of other services.

use std::collections::BTreeMap;

use model::tuning::CauseWeights;

use super::statistics::{Usual, correlation, median, quantile, sorted, usual};
use crate::observations::{Observations, Series};

/// Points before the onset that a usual range takes.
const MIN_BEFORE: usize = 4;
/// Share of the middle that is noise whatever the series' own spread.
const FLOOR_OF_MEDIAN: f64 = 0.02;
/// Share of the other services' spread that is noise.
const FLOOR_OF_OTHERS: f64 = 0.5;
/// Of distances before the onset: what a series reaches in its bad moments.
const TAIL: f64 = 0.97;
/// Of the bad moments of all services.
const UNRULY: f64 = 0.9;
/// Services that it takes to tell how unruly a metric is.
const MIN_OTHERS: usize = 5;
/// Share of the other services' level that is noise.
const FLOOR_OF_LEVEL: f64 = 0.05;
/// Points after the onset from which the farthest one alone isn't believed.
const ENOUGH_AFTER: usize = 4;
/// Points on each side of the onset that are held against the alarm's own series.
const MAX_NEAR: usize = 60;

/// A series that left its usual range.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    pub service: String,
    pub node: Option<String>,
    pub destination: Option<String>,
    pub metric: String,
    /// Medians before and after, and the value after that is farthest from usual.
    pub before: f64,
    pub after: f64,
    pub most: f64,
    /// ln(1 + z) of the farthest value, less what is common for this metric among services.
    pub strength: f64,
    /// As `strength`, of the median after.
    pub lasting: f64,
    pub rises: bool,
    /// Correlation with the alarming service's own deviation over time; 0 where unknown.
    pub follows_alarm: f64,
    index: usize,
}

/// All series with enough points on both sides.
pub fn deviations(o: &Observations, onset_us: i64, weights: &CauseWeights) -> Vec<Deviation> {
    let mut ranges: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    let mut usuals = Vec::with_capacity(o.series.len());
    for series in &o.series {
        let before = series.points.iter().filter(|point| point.0 < onset_us);
        let range = usual(&sorted(before.map(|point| point.1).collect()));
        if range.count >= MIN_BEFORE {
            let ranges = ranges.entry(&series.metric).or_default();
            ranges.push((range.spread, range.median.abs()));
        }
        usuals.push(range);
    }
    let floors: BTreeMap<&str, f64> = ranges
        .into_iter()
        .map(|(metric, ranges)| {
            let spread = median(ranges.iter().map(|range| range.0).collect());
            let level = median(ranges.iter().map(|range| range.1).collect());
            (
                metric,
                (FLOOR_OF_OTHERS * spread).max(FLOOR_OF_LEVEL * level),
            )
        })
        .collect();
    let usuals: Vec<Option<Range>> = o
        .series
        .iter()
        .zip(usuals)
        .map(|(series, usual)| {
            let floor = floors.get(series.metric.as_str()).copied().unwrap_or(0.0);
            Range::of(series, onset_us, usual, floor)
        })
        .collect();
    let unruly = unruly(o, &usuals);
    let mut found: Vec<Deviation> = Vec::new();
    for (index, (series, range)) in o.series.iter().zip(&usuals).enumerate() {
        let Some(range) = range else { continue };
        let unruly = unruly.get(series.metric.as_str()).copied().unwrap_or(0.0);
        found.extend(deviation(series, index, range, unruly, weights.news));
    }
    discount_common(&mut found, weights.one_of_many);
    follow_alarm(o, onset_us, &mut found);
    found
}

/// What is usual for one series.
#[derive(Debug, Clone, Copy)]
struct Range {
    /// Points before the onset.
    split: usize,
    middle: f64,
    scale: f64,
    /// ln(1 + z) of what it reached in its bad moments.
    tail: f64,
}

impl Range {
    fn of(series: &Series, onset_us: i64, usual: Usual, floor: f64) -> Option<Self> {
        let split = series.points.partition_point(|point| point.0 < onset_us);
        if split < MIN_BEFORE || split == series.points.len() {
            return None;
        }
        let middle = usual.median;
        let scale = usual.spread.max(FLOOR_OF_MEDIAN * middle.abs()).max(floor);
        let before = &series.points[..split];
        let distances = before.iter().map(|point| (point.1 - middle).abs());
        let tail = match scale > 0.0 {
            true => (quantile(&sorted(distances.collect()), TAIL) / scale).ln_1p(),
            false => 0.0,
        };
        Some(Self {
            split,
            middle,
            scale,
            tail,
        })
    }
}

/// By metric: what it reaches in bad moments where it is unruly, on one service of many. A
/// measurement that jumps without a cause does so on any service.
fn unruly<'a>(o: &'a Observations, ranges: &[Option<Range>]) -> BTreeMap<&'a str, f64> {
    let mut tails: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (series, range) in o.series.iter().zip(ranges) {
        if let Some(range) = range {
            tails.entry(&series.metric).or_default().push(range.tail);
        }
    }
    tails
        .into_iter()
        .filter(|(_, tails)| tails.len() >= MIN_OTHERS)
        .map(|(metric, tails)| (metric, quantile(&sorted(tails), UNRULY)))
        .collect()
}

fn deviation(
    series: &Series,
    index: usize,
    range: &Range,
    unruly: f64,
    news: f64,
) -> Option<Deviation> {
    let Range {
        split,
        middle,
        scale,
        tail,
    } = *range;
    let far = sorted(
        series.points[split..]
            .iter()
            .map(|point| point.1 - middle)
            .collect(),
    );
    // One point alone may be a slip of the measurement, where there are others.
    let alone = usize::from(far.len() >= ENOUGH_AFTER);
    let lowest = *far.get(alone)?;
    let highest = *far.get(far.len().checked_sub(1 + alone)?)?;
    let most = if highest >= -lowest { highest } else { lowest };
    let lasting = quantile(&far, 0.5);
    // A series that spiked before too says less when it spikes.
    let noise = tail.max(unruly);
    let strength = |distance: f64| match scale > 0.0 {
        true => ((distance.abs() / scale).ln_1p() - noise).max(0.0),
        false if distance != 0.0 => news,
        false => 0.0,
    };
    Some(Deviation {
        service: series.service.clone(),
        node: series.node.clone(),
        destination: series.destination.clone(),
        metric: series.metric.clone(),
        before: middle,
        after: middle + lasting,
        most: middle + most,
        strength: strength(most),
        lasting: strength(lasting),
        rises: most > 0.0,
        follows_alarm: 0.0,
        index,
    })
}

/// What all services show for a metric says nothing of one: load, a seam in a recording.
fn discount_common(found: &mut [Deviation], one_of_many: f64) {
    let mut by_metric: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for deviation in found.iter() {
        let list = by_metric.entry(deviation.metric.clone()).or_default();
        list.push((deviation.strength, deviation.lasting));
    }
    for deviation in found.iter_mut() {
        let list = &by_metric[&deviation.metric];
        // A common level takes a few services to be one.
        if list.len() < 3 {
            continue;
        }
        // What many services show at once is rarely the cause of one.
        let many = list.iter().filter(|pair| pair.0 > one_of_many).count() as f64;
        let all = list.len() as f64;
        let rare = ((all + 1.0) / many.max(1.0)).ln() / (all + 1.0).ln();
        let common = median(list.iter().map(|pair| pair.0).collect());
        let lasting = median(list.iter().map(|pair| pair.1).collect());
        deviation.strength = (deviation.strength - common).max(0.0) * rare;
        deviation.lasting = (deviation.lasting - lasting).max(0.0) * rare;
    }
}

/// Correlates each series with the alarming service's most deviating one around the onset.
fn follow_alarm(o: &Observations, onset_us: i64, found: &mut [Deviation]) {
    let Some(alarming) = &o.alarm.service else {
        return;
    };
    let reference = found
        .iter()
        .filter(|deviation| deviation.service == *alarming && deviation.destination.is_none())
        .max_by(|a, b| {
            a.strength
                .total_cmp(&b.strength)
                .then(b.metric.cmp(&a.metric))
        });
    let Some(reference) = reference else {
        return;
    };
    let reference: BTreeMap<i64, f64> = near(&o.series[reference.index], onset_us);
    for deviation in found.iter_mut() {
        let own = near(&o.series[deviation.index], onset_us);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for (at, value) in &own {
            if let Some(other) = reference.get(at) {
                a.push(*value);
                b.push(*other);
            }
        }
        if a.len() >= MIN_BEFORE {
            deviation.follows_alarm = correlation(&a, &b);
        }
    }
}

/// Points near the onset, by the minute.
fn near(series: &Series, onset_us: i64) -> BTreeMap<i64, f64> {
    let split = series.points.partition_point(|point| point.0 < onset_us);
    let after = (series.points.len() - split).min(MAX_NEAR);
    let from = split.saturating_sub(after);
    series.points[from..split + after]
        .iter()
        .map(|(at, value)| (at / 60_000_000, *value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weigh::scene::{MINUTE_US, alarm, series, step, tuning};

    fn close(got: f64, wanted: f64) {
        assert!((got - wanted).abs() < 1e-9, "{got} {wanted}");
    }

    #[test]
    fn a_deviation_by_hand() {
        let mut o = alarm(5, None);
        o.series
            .push(series("a", "cpu", &[8.0, 9.0, 10.0, 11.0, 12.0, 30.0]));
        let found = deviations(&o, 5 * MINUTE_US, &tuning().cause);
        let deviation = &found[0];
        // Median 10, quartiles 9 and 11: 30 lies ten spreads off. Its bad moments were one
        // spread off.
        close(deviation.strength, 11f64.ln() - 2f64.ln());
        close(deviation.lasting, deviation.strength);
        assert_eq!(
            (deviation.before, deviation.most, deviation.rises),
            (10.0, 30.0, true)
        );
    }

    #[test]
    fn one_point_among_several_is_not_believed() {
        let mut o = alarm(5, None);
        let before = [8.0, 9.0, 10.0, 11.0, 12.0];
        let slip = [&before[..], &[10.0, 900.0, 10.0, 11.0]].concat();
        let step = [&before[..], &[10.0, 900.0, 800.0, 11.0]].concat();
        o.series.push(series("a", "slip", &slip));
        o.series.push(series("a", "step", &step));
        let found = deviations(&o, 5 * MINUTE_US, &tuning().cause);
        let most = |metric: &str| {
            let found = found.iter().find(|found| found.metric == metric);
            found.map(|found| found.most)
        };
        assert_eq!((most("slip"), most("step")), (Some(11.0), Some(800.0)));
    }

    #[test]
    fn what_all_services_show_says_nothing_of_one() {
        let mut o = alarm(10, None);
        for service in ["a", "b", "c", "d"] {
            o.series.push(step(service, "cpu", (8, 10.0), (3, 50.0)));
        }
        assert!(
            deviations(&o, 8 * MINUTE_US, &tuning().cause)
                .iter()
                .all(|found| found.strength == 0.0)
        );
        o.series[2] = step("c", "cpu", (8, 10.0), (3, 500.0));
        let found = deviations(&o, 8 * MINUTE_US, &tuning().cause);
        let loud: Vec<&str> = found
            .iter()
            .filter(|d| d.strength > 0.0)
            .map(|d| d.service.as_str())
            .collect();
        assert_eq!(loud, ["c"]);
    }

    #[test]
    fn a_measurement_that_jumps_anywhere_says_less() {
        let strength = |unruly: bool| {
            let mut o = alarm(12, None);
            for service in ["a", "b", "c", "d", "e"] {
                let mut values = vec![
                    10.0, 12.0, 10.0, 12.0, 10.0, 12.0, 10.0, 12.0, 10.0, 12.0, 11.0,
                ];
                if unruly && service != "a" {
                    // Each jumped once, long before.
                    values[3] = 200.0;
                }
                values.push(if service == "a" { 100.0 } else { 11.0 });
                o.series.push(series(service, "wait", &values));
            }
            let found = deviations(&o, 11 * MINUTE_US, &tuning().cause);
            found
                .iter()
                .find(|d| d.service == "a")
                .map_or(0.0, |d| d.strength)
        };
        assert!(strength(false) > 1.0, "{}", strength(false));
        assert_eq!(strength(true), 0.0);
    }

    #[test]
    fn a_flat_line_that_moves_is_news() {
        let mut o = alarm(6, None);
        o.series.push(step("a", "failures", (5, 0.0), (2, 1.0)));
        close(
            deviations(&o, 5 * MINUTE_US, &tuning().cause)[0].strength,
            3.0,
        );
    }

    #[test]
    fn too_little_before_says_nothing() {
        let mut o = alarm(4, None);
        o.series.push(step("a", "cpu", (3, 10.0), (2, 99.0)));
        assert!(deviations(&o, 3 * MINUTE_US, &tuning().cause).is_empty());
    }
}
