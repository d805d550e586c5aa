//! How long callers wait for a service beyond its own work: pure.
//!
//! Own work, garbage collection, a slow query: these a service's own numbers show. A network that
//! delays, a listen queue that is full, a processor that it is denied show between its caller's
//! span and its own, and there alone. The wait is a few milliseconds and steady, so that little
//! history is enough to tell.

use std::collections::{BTreeMap, VecDeque};

use model::Timestamp;

/// Services that are watched; those that come later are not.
pub const MAX_SERVICES: usize = 20_000;
/// Intervals that are remembered of one service.
const KEPT: usize = 120;
/// The newest ones that don't count as usual yet.
const RECENT_MS: i64 = 5 * 60_000;
/// What is looked at: the newest intervals.
const LOOKED_AT_MS: i64 = 3 * 60_000;
/// Calls that it takes to say what is usual, in how many intervals, and what is now.
const LEAST_USUAL_CALLS: f64 = 8.0;
const LEAST_INTERVALS: usize = 2;
const LEAST_CALLS: f64 = 3.0;
/// A wait is long at so many times its median, and at so many times its worst interval.
const OVER_MEDIAN: f64 = 8.0;
const OVER_WORST: f64 = 3.0;
/// And at least by so much: below it nobody waits.
const LEAST_MS: f64 = 20.0;

/// One service in one interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub at: Timestamp,
    pub calls: f64,
    pub wait_ms: f64,
}

/// A wait that is long.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    pub service: String,
    pub wait_ms: f64,
    pub usual_ms: f64,
    /// What it crossed.
    pub line_ms: f64,
    pub calls: f64,
    pub since: Timestamp,
}

#[derive(Debug, Clone, Default)]
pub struct Waits {
    services: BTreeMap<String, VecDeque<Interval>>,
}

impl Waits {
    /// Takes an interval; told again, it is replaced.
    pub fn take(&mut self, service: &str, interval: Interval) {
        if !self.services.contains_key(service) && self.services.len() >= MAX_SERVICES {
            return;
        }
        let known = self.services.entry(service.to_owned()).or_default();
        let place = known.partition_point(|one| one.at < interval.at);
        match known.get_mut(place) {
            Some(same) if same.at == interval.at => *same = interval,
            _ => known.insert(place, interval),
        }
        while known.len() > KEPT {
            known.pop_front();
        }
    }

    /// The waits that are long now, the longest beside its line first.
    pub fn long(&self, now: Timestamp) -> Vec<Wait> {
        let mut long: Vec<Wait> = self
            .services
            .iter()
            .filter_map(|(service, intervals)| judge(service, intervals, now))
            .collect();
        long.sort_by(|a, b| {
            let times = |wait: &Wait| wait.wait_ms / wait.line_ms;
            times(b)
                .total_cmp(&times(a))
                .then_with(|| a.service.cmp(&b.service))
        });
        long
    }
}

fn judge(service: &str, intervals: &VecDeque<Interval>, now: Timestamp) -> Option<Wait> {
    let age = |interval: &&Interval| now.ms() - interval.at.ms();
    let usual: Vec<&Interval> = intervals
        .iter()
        .filter(|one| age(one) > RECENT_MS)
        .collect();
    let fresh: Vec<&Interval> = intervals
        .iter()
        .filter(|one| age(one) <= LOOKED_AT_MS)
        .collect();
    let calls = |of: &[&Interval]| of.iter().map(|one| one.calls).sum::<f64>();
    if usual.len() < LEAST_INTERVALS
        || calls(&usual) < LEAST_USUAL_CALLS
        || calls(&fresh) < LEAST_CALLS
    {
        return None;
    }
    let usual_ms = median(&usual);
    let worst = usual.iter().map(|one| one.wait_ms).fold(0.0, f64::max);
    let line_ms = (usual_ms * OVER_MEDIAN)
        .max(worst * OVER_WORST)
        .max(usual_ms + LEAST_MS);
    let wait_ms = median(&fresh);
    let since = intervals
        .iter()
        .filter(|one| age(one) <= RECENT_MS)
        .find(|one| one.wait_ms > line_ms)?
        .at;
    (wait_ms > line_ms).then(|| Wait {
        service: service.to_owned(),
        wait_ms,
        usual_ms,
        line_ms,
        calls: calls(&fresh),
        since,
    })
}

/// Of the intervals' medians, each as often as it had calls.
fn median(intervals: &[&Interval]) -> f64 {
    let mut sorted: Vec<&&Interval> = intervals.iter().collect();
    sorted.sort_by(|a, b| a.wait_ms.total_cmp(&b.wait_ms));
    let half = sorted.iter().map(|one| one.calls).sum::<f64>() / 2.0;
    let mut before = 0.0;
    for one in &sorted {
        before += one.calls;
        if before >= half {
            return one.wait_ms;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn waits(values: &[(i64, f64, f64)]) -> Waits {
        let mut waits = Waits::default();
        for (minute, calls, wait_ms) in values {
            let at = Timestamp(minute * MINUTE_MS);
            waits.take(
                "store",
                Interval {
                    at,
                    calls: *calls,
                    wait_ms: *wait_ms,
                },
            );
        }
        waits
    }

    fn long(values: &[(i64, f64, f64)], minute: i64) -> Option<Wait> {
        waits(values).long(Timestamp(minute * MINUTE_MS)).pop()
    }

    #[test]
    fn a_wait_that_jumps_is_long() {
        let before = [(0, 4.0, 3.0), (1, 6.0, 3.5), (2, 2.0, 3.0)];
        let after = [(20, 3.0, 2_001.0), (21, 2.0, 2_002.0)];
        let wait = long(&[&before[..], &after[..]].concat(), 22).expect("is long");
        assert_eq!((wait.wait_ms, wait.usual_ms), (2_001.0, 3.0));
        // Eight times 3, ten and a half, and 23 ms: the largest.
        assert_eq!((wait.line_ms, wait.calls), (24.0, 5.0));
        assert_eq!(wait.since, Timestamp(20 * MINUTE_MS));
    }

    #[test]
    fn one_slow_call_few_calls_and_a_wait_that_was_so_before_are_not() {
        let before = [(0, 4.0, 3.0), (1, 6.0, 3.5), (2, 2.0, 3.0)];
        let with = |after: &[(i64, f64, f64)]| [&before[..], after].concat();
        assert_eq!(long(&with(&[(20, 1.0, 900.0), (21, 9.0, 3.0)]), 22), None);
        assert_eq!(long(&with(&[(21, 2.0, 900.0)]), 22), None);
        assert_eq!(long(&with(&[(21, 5.0, 15.0)]), 22), None);
        let wild = with(&[(3, 3.0, 400.0), (21, 5.0, 900.0)]);
        assert_eq!(long(&wild, 22), None);
        assert_eq!(long(&[(0, 9.0, 3.0), (21, 5.0, 900.0)], 22), None);
    }

    #[test]
    fn an_interval_told_again_is_replaced_and_memory_is_bounded() {
        let mut all: Vec<(i64, f64, f64)> = (0..500).map(|minute| (minute, 5.0, 3.0)).collect();
        all.push((499, 6.0, 4.0));
        let waits = waits(&all);
        let known = &waits.services["store"];
        assert_eq!(known.len(), KEPT);
        assert_eq!(known.back().map(|one| one.wait_ms), Some(4.0));
    }
}
