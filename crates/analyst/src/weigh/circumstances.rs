//! Causes that are no service's fault: more load than usual, and dependencies outside.

use std::collections::{BTreeMap, BTreeSet};

use super::impact::Graph;
use super::statistics::{mean, sorted, usual};
use super::words::{is_error, is_warning};
use crate::observations::Observations;

const REQUESTS: &str = "request_count";
/// A surge: this many times the usual requests.
const SURGE: f64 = 1.4;
/// Failures in what a dependency answers that are news: shares of calls.
const MIN_FAILING: f64 = 0.05;
/// Calls that a judgement of a dependency takes.
const MIN_CALLS: usize = 5;
/// Words of failures that lie in what all services stand on, or far away: name resolution,
/// certificates, providers, machines. Changes of a service bring other errors.
const OPERATIONAL: [&str; 20] = [
    "no such host",
    "enotfound",
    "servfail",
    "name resolution",
    "certificate has expired",
    "certificate expired",
    "no route to host",
    "network is unreachable",
    "provider outage",
    "third-party",
    "third party",
    "upstream provider",
    "has expired",
    "quota exceeded",
    "node not ready",
    "input/output error",
    "hardware error",
    "packet loss",
    "host is down",
    "availability zone",
];
/// Words of a service that has more to do than it can.
const OVERLOADED: [&str; 8] = [
    "overload",
    "shedding",
    "saturated",
    "request volume",
    "traffic spike",
    "queue full",
    "too many requests",
    "backpressure",
];

/// More requests than usual, from the outermost callers on.
#[derive(Debug, Clone, PartialEq)]
pub struct Surge {
    pub service: String,
    /// Medians of requests a step.
    pub before: f64,
    pub after: f64,
}

/// A dependency that is called but reports nothing itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Outside {
    pub dependency: String,
    pub caller: String,
    /// Shares of its calls that failed, before and after.
    pub failing: (f64, f64),
    /// Mean duration in milliseconds, before and after.
    pub latency_ms: (f64, f64),
    /// 0 to 1.
    pub strength: f64,
}

/// The service where the surge enters, where there is one.
pub fn surge(o: &Observations, graph: &Graph, onset_us: i64) -> Option<Surge> {
    let called: BTreeSet<&str> = graph
        .callees
        .values()
        .flatten()
        .map(String::as_str)
        .collect();
    let mut by_service: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for series in &o.series {
        if series.destination.is_some() || series.metric != REQUESTS {
            continue;
        }
        let split = series.points.partition_point(|point| point.0 < onset_us);
        let (before, after) = series.points.split_at(split);
        if before.len() < 4 || after.is_empty() {
            continue;
        }
        let middle = |points: &[(i64, f64)]| {
            usual(&sorted(points.iter().map(|point| point.1).collect())).median
        };
        let sum = by_service.entry(&series.service).or_default();
        sum.0 += middle(before);
        sum.1 += middle(after);
    }
    by_service
        .into_iter()
        // Retries raise the requests of callees; a surge comes in at the front.
        .filter(|(service, (before, after))| {
            !called.contains(service) && *before > 0.0 && *after >= SURGE * before
        })
        .max_by(|a, b| a.1.1.total_cmp(&b.1.1))
        .map(|(service, (before, after))| Surge {
            service: service.to_owned(),
            before,
            after,
        })
}

/// Dependencies without telemetry of their own, worst first.
pub fn outside(o: &Observations, onset_us: i64) -> Vec<Outside> {
    let mut inside: BTreeSet<&str> = o.spans.iter().map(|span| span.service.as_str()).collect();
    inside.extend(o.series.iter().map(|series| series.service.as_str()));
    #[derive(Default)]
    struct Calls {
        count: [f64; 2],
        failed: [f64; 2],
        ms: [Vec<f64>; 2],
    }
    let mut calls: BTreeMap<(&str, &str), Calls> = BTreeMap::new();
    for span in &o.spans {
        let Some(dependency) = span.destination.as_deref() else {
            continue;
        };
        let half = usize::from(span.at_us >= onset_us);
        let call = calls.entry((dependency, &span.service)).or_default();
        call.count[half] += 1.0;
        call.failed[half] += f64::from(u8::from(span.failed));
        call.ms[half].push(span.duration_us as f64 / 1000.0);
    }
    for series in &o.series {
        let Some(dependency) = series.destination.as_deref() else {
            continue;
        };
        for (at, value) in &series.points {
            let half = usize::from(*at >= onset_us);
            let call = calls.entry((dependency, &series.service)).or_default();
            match series.metric.as_str() {
                REQUESTS => call.count[half] += value,
                "error_count" => call.failed[half] += value,
                "latency" => call.ms[half].push(*value),
                _ => {}
            }
        }
    }
    let mut found: Vec<Outside> = calls
        .into_iter()
        .filter(|((dependency, _), _)| !inside.contains(dependency))
        .filter_map(|((dependency, caller), call)| {
            if call.count[1] < MIN_CALLS as f64 && call.ms[1].len() < MIN_CALLS {
                return None;
            }
            let failing = |half: usize| call.failed[half] / call.count[half].max(1.0);
            let failing = (failing(0), failing(1));
            let latency_ms = (mean(&call.ms[0]), mean(&call.ms[1]));
            let failed = (failing.1 - failing.0 - MIN_FAILING).max(0.0);
            let slower = match latency_ms.0 > 0.0 {
                true => ((latency_ms.1 / latency_ms.0).ln() - 0.7).clamp(0.0, 2.0) / 2.0,
                false => 0.0,
            };
            let strength = (failed * 4.0).min(1.0).max(slower);
            (strength > 0.0).then(|| Outside {
                dependency: dependency.to_owned(),
                caller: caller.to_owned(),
                failing,
                latency_ms,
                strength,
            })
        })
        .collect();
    found.sort_by(|a, b| {
        b.strength
            .total_cmp(&a.strength)
            .then_with(|| (&a.dependency, &a.caller).cmp(&(&b.dependency, &b.caller)))
    });
    found
}

/// Shares of the error lines after the onset that tell of operational causes, and of overload.
pub fn told(o: &Observations, onset_us: i64) -> (f64, f64) {
    let (mut all, mut operational, mut overloaded) = (0.0f64, 0.0, 0.0);
    let lines = o.logs.iter().filter(|line| line.at_us >= onset_us);
    let tells = lines.filter(|line| is_error(line) || is_warning(line));
    for line in tells {
        let text = line.message.to_lowercase();
        all += 1.0;
        operational += f64::from(u8::from(OPERATIONAL.iter().any(|word| text.contains(word))));
        overloaded += f64::from(u8::from(OVERLOADED.iter().any(|word| text.contains(word))));
    }
    (operational / all.max(1.0), overloaded / all.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weigh::scene::{MINUTE_US, alarm, line, span, step};

    fn graph(calls: &[(&str, &str)]) -> Graph {
        Graph::new(
            calls
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned())),
        )
    }

    #[test]
    fn a_surge_enters_at_the_front() {
        let mut o = alarm(9, None);
        o.series.push(step("web", REQUESTS, (6, 100.0), (3, 210.0)));
        o.series.push(step("db", REQUESTS, (6, 100.0), (3, 900.0)));
        let found = surge(&o, &graph(&[("web", "db")]), 6 * MINUTE_US).expect("a surge");
        assert_eq!(
            (found.service.as_str(), found.before, found.after),
            ("web", 100.0, 210.0)
        );
        // Retries alone: the front is as ever.
        o.series[0] = step("web", REQUESTS, (6, 100.0), (3, 110.0));
        assert_eq!(surge(&o, &graph(&[("web", "db")]), 6 * MINUTE_US), None);
    }

    fn calls(dependency: &str, failing_after: usize) -> Observations {
        let mut o = alarm(9, None);
        for trace in 0..20 {
            let at = if trace < 10 { 0 } else { 6 * MINUTE_US };
            let mut call = span(trace, at, "1", None, "pay", 20);
            call.destination = Some(dependency.to_owned());
            call.failed = trace >= 20 - failing_after;
            o.spans.push(call);
        }
        o
    }

    #[test]
    fn a_dependency_that_reports_nothing_is_judged_by_its_callers() {
        let found = outside(&calls("bank", 8), 6 * MINUTE_US);
        assert_eq!(
            (found[0].dependency.as_str(), found[0].caller.as_str()),
            ("bank", "pay")
        );
        assert_eq!(found[0].failing, (0.0, 0.8));
        assert_eq!(found[0].strength, 1.0);
        assert!(outside(&calls("bank", 0), 6 * MINUTE_US).is_empty());
        // One that reports itself is no outsider.
        assert!(outside(&calls("pay", 8), 6 * MINUTE_US).is_empty());
    }

    #[test]
    fn shares_of_what_the_errors_tell() {
        let mut o = alarm(9, None);
        for (level, message) in [
            ("ERROR", "lookup bank: no such host"),
            ("WARN", "queue full, shedding"),
            ("INFO", "no such host is fine here"),
            ("ERROR", "other"),
        ] {
            o.logs.push(line(6 * MINUTE_US, "pay", level, message));
        }
        assert_eq!(told(&o, 6 * MINUTE_US), (1.0 / 3.0, 1.0 / 3.0));
        assert_eq!(told(&o, 7 * MINUTE_US), (0.0, 0.0));
    }
}
