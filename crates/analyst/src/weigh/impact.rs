//! How much of the alarming service's trouble each service can account for: seconds and failures
//! that it added at the same time, along the call graph.

use std::collections::{BTreeMap, BTreeSet};

use model::tuning::CauseWeights;

use super::statistics::{median, quantile, sorted, usual};
use crate::observations::Observations;

/// Fields that every profile gives; the loader names them so.
const REQUESTS: &str = "request_count";
const ERRORS: &str = "error_count";
const LATENCY: &str = "latency";
/// Steps before the onset that are looked at too: it is only estimated.
const SLACK_STEPS: i64 = 1;
/// Of sums before the onset: what a service reaches in its bad moments.
const TAIL: f64 = 0.97;
/// Failures, or seconds, that are nothing.
const LEAST: f64 = 1.0;

type Steps = BTreeMap<i64, f64>;

/// Who calls whom.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    pub callees: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    pub fn new(calls: impl Iterator<Item = (String, String)>) -> Self {
        let mut graph = Self::default();
        for (caller, callee) in calls {
            if caller != callee {
                graph.callees.entry(caller).or_default().insert(callee);
            }
        }
        graph
    }

    /// All services that `from` calls, directly or not; without itself.
    pub fn below(&self, from: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open = vec![from];
        while let Some(service) = open.pop() {
            for callee in self.callees.get(service).into_iter().flatten() {
                if callee != from && found.insert(callee.as_str()) {
                    open.push(callee);
                }
            }
        }
        found
    }
}

/// By service: the share of the alarm that it accounts for and its callees don't, 0 to 1.
pub fn impact<'a>(
    o: &'a Observations,
    graph: &Graph,
    onset_us: i64,
    weights: &CauseWeights,
) -> BTreeMap<String, f64> {
    let Some(alarming) = o.alarm.service.as_deref() else {
        return BTreeMap::new();
    };
    let step = step_us(o);
    let signals = by_service(o, step);
    let from = onset_us / step - SLACK_STEPS;
    // Failures or time: whichever stands out in the alarming service itself.
    let by: Option<BTreeMap<&str, Excess>> = [failures, time]
        .into_iter()
        .map(|excess| {
            let of = |(service, signal): (&&'a str, &Signal)| (*service, excess(signal, from));
            signals.iter().map(of).collect::<BTreeMap<&str, Excess>>()
        })
        .max_by(|a, b| clear(a, alarming).total_cmp(&clear(b, alarming)));
    let Some(by) = by else {
        return BTreeMap::new();
    };
    let Some(alarm) = by.get(alarming).filter(|alarm| alarm.sum > 0.0) else {
        return BTreeMap::new();
    };
    let shares: BTreeMap<&str, f64> = by
        .iter()
        .map(|(service, excess)| {
            let shared: f64 = alarm
                .steps
                .iter()
                .map(|(at, value)| value.min(excess.steps.get(at).copied().unwrap_or(0.0)))
                .sum();
            (*service, shared / alarm.sum * excess.clear)
        })
        .collect();
    let below = graph.below(alarming);
    shares
        .iter()
        .map(|(service, share)| {
            let callees = graph.callees.get(*service).into_iter().flatten();
            let explained = callees
                .filter(|callee| !graph.below(callee).contains(service))
                .filter_map(|callee| shares.get(callee.as_str()))
                .fold(0.0, |most: f64, share| most.max(*share));
            let on_path = *service == alarming || below.contains(service) || below.is_empty();
            let weight = if on_path { 1.0 } else { weights.off_path };
            ((*service).to_owned(), (share - explained).max(0.0) * weight)
        })
        .collect()
}

#[derive(Default)]
struct Signal {
    requests: Steps,
    errors: Steps,
    latency: Steps,
    /// For the mean of latencies of several instances.
    latencies: BTreeMap<i64, f64>,
}

fn step_us(o: &Observations) -> i64 {
    let steps = o
        .series
        .iter()
        .filter(|series| series.metric == REQUESTS || series.metric == LATENCY)
        .flat_map(|series| series.points.windows(2).take(20))
        .map(|pair| (pair[1].0 - pair[0].0) as f64)
        .collect();
    (median(steps) as i64).max(1_000_000)
}

fn by_service(o: &Observations, step: i64) -> BTreeMap<&str, Signal> {
    let mut signals: BTreeMap<&str, Signal> = BTreeMap::new();
    for series in o
        .series
        .iter()
        .filter(|series| series.destination.is_none())
    {
        let signal = signals.entry(&series.service).or_default();
        for (at, value) in &series.points {
            let at = at.div_euclid(step);
            match series.metric.as_str() {
                REQUESTS => *signal.requests.entry(at).or_default() += value,
                ERRORS => *signal.errors.entry(at).or_default() += value,
                LATENCY => {
                    *signal.latency.entry(at).or_default() += value;
                    *signal.latencies.entry(at).or_default() += 1.0;
                }
                _ => {}
            }
        }
    }
    for signal in signals.values_mut() {
        for (at, count) in &signal.latencies {
            if let Some(sum) = signal.latency.get_mut(at) {
                *sum /= count;
            }
        }
    }
    signals
}

/// What a service added over its usual, by step after the onset.
struct Excess {
    steps: Steps,
    sum: f64,
    /// 0 to 1: how far the sum rises above what as many steps brought before.
    clear: f64,
}

fn clear(by: &BTreeMap<&str, Excess>, service: &str) -> f64 {
    by.get(service).map_or(0.0, |excess| excess.clear)
}

/// Failed requests.
fn failures(signal: &Signal, from: i64) -> Excess {
    added(&signal.errors, from, |_| 1.0)
}

/// Seconds.
fn time(signal: &Signal, from: i64) -> Excess {
    added(&signal.latency, from, |at| {
        signal.requests.get(&at).copied().unwrap_or(1.0) / 1000.0
    })
}

fn added(values: &Steps, from: i64, weight: impl Fn(i64) -> f64) -> Excess {
    let usual = usual(&sorted(
        values.range(..from).map(|(_, value)| *value).collect(),
    ));
    let middle = if usual.count == 0 { 0.0 } else { usual.median };
    let over = |(at, value): (&i64, &f64)| {
        (
            *at,
            ((value - middle - usual.spread) * weight(*at)).max(0.0),
        )
    };
    let steps: Steps = values.range(from..).map(over).collect();
    let sum = steps.values().sum::<f64>();
    let spread: f64 = steps.keys().map(|at| usual.spread * weight(*at)).sum();
    let before: Vec<f64> = values.range(..from).map(|value| over(value).1).collect();
    let windows = before.windows(steps.len().max(1));
    let bad = quantile(
        &sorted(windows.map(|window| window.iter().sum()).collect()),
        TAIL,
    );
    Excess {
        clear: sum / (sum + spread.max(bad) + LEAST),
        steps,
        sum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weigh::scene::{MINUTE_US, alarm, step, tuning};

    fn graph() -> Graph {
        let calls = [("web", "cart"), ("cart", "db"), ("web", "pay")];
        Graph::new(
            calls
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned())),
        )
    }

    /// 20 minutes of 100 requests of 10 ms, then 3 minutes in which those named take 100 ms more.
    fn slow(services: &[&str]) -> Observations {
        let mut o = alarm(22, Some("web"));
        for service in ["web", "cart", "db", "pay"] {
            let after = if services.contains(&service) {
                110.0
            } else {
                10.0
            };
            o.series
                .push(step(service, "latency", (20, 10.0), (3, after)));
            o.series
                .push(step(service, "request_count", (20, 100.0), (3, 100.0)));
        }
        o
    }

    #[test]
    fn a_slow_callee_accounts_for_its_loud_callers() {
        let o = slow(&["web", "cart", "db"]);
        let found = impact(&o, &graph(), 20 * MINUTE_US, &tuning().cause);
        // 100 requests times 100 ms in each of three minutes: 30 s, all of the alarm's, and 1 s
        // is nothing.
        assert!((found["db"] - 30.0 / 31.0).abs() < 1e-9, "{found:?}");
        assert_eq!((found["cart"], found["web"], found["pay"]), (0.0, 0.0, 0.0));
    }

    #[test]
    fn what_no_callee_shows_is_the_alarming_service_s_own() {
        let o = slow(&["web"]);
        let found = impact(&o, &graph(), 20 * MINUTE_US, &tuning().cause);
        assert!((found["web"] - 30.0 / 31.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn errors_as_usual_are_not_the_alarm() {
        let mut o = slow(&["web", "db"]);
        // Bursts of four errors were there all day; the seconds are new.
        let values: Vec<f64> = (0..23)
            .map(|minute| f64::from(minute % 5 / 4 * 4))
            .collect();
        o.series
            .push(crate::weigh::scene::series("web", "error_count", &values));
        let found = impact(&o, &graph(), 20 * MINUTE_US, &tuning().cause);
        assert!(found["db"] > 0.9, "{found:?}");
    }

    #[test]
    fn without_an_alarming_service_nothing_is_told() {
        let mut o = slow(&["web"]);
        o.alarm.service = None;
        assert!(impact(&o, &graph(), 20 * MINUTE_US, &tuning().cause).is_empty());
    }

    #[test]
    fn calls_may_go_in_circles() {
        let calls = [("a", "b"), ("b", "a"), ("b", "c"), ("c", "c")];
        let graph = Graph::new(
            calls
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned())),
        );
        let below: Vec<&str> = graph.below("a").into_iter().collect();
        assert_eq!(below, ["b", "c"]);
    }
}
