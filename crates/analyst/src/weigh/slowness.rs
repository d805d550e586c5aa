//! Where the time went: own time of spans, and the gaps between callers and callees.

use std::collections::BTreeMap;

use model::tuning::CauseWeights;

use super::requests::{Requests, Spent};
use super::statistics::{mean, quantile, sorted, usual};

/// Requests before and after that a comparison takes.
const MIN_REQUESTS: usize = 3;
/// Differences below this are noise of clocks and schedulers, in microseconds.
const MIN_SCALE_US: f64 = 100.0;
/// The slowest share of requests that a mean leaves out.
const TRIMMED: f64 = 0.05;

/// Time that was added to a service's requests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slowness {
    /// Seconds added within the service, after the onset.
    pub own_s: f64,
    /// Seconds added between it and its neighbours, by the share of its edges that slowed.
    pub edges_s: f64,
    /// The span whose own time grew most, with its median before and after, in microseconds.
    pub span: Option<(String, f64, f64)>,
}

/// By service; and all seconds that requests took before, scaled to as many requests as after.
pub fn slowness(
    requests: &Requests,
    late: &[bool],
    weights: &CauseWeights,
) -> (BTreeMap<String, Slowness>, f64) {
    let mut by_service: BTreeMap<String, Slowness> = BTreeMap::new();
    let mut usual_s = 0.0;
    let mut most: BTreeMap<&str, f64> = BTreeMap::new();
    for (kind, spent) in &requests.own {
        let Some(change) = Change::of(spent, late) else {
            continue;
        };
        usual_s += change.usual_s;
        let service = requests.kinds.service(*kind);
        let slowness = by_service.entry(service.to_owned()).or_default();
        slowness.own_s += change.added_s;
        let most = most.entry(service).or_default();
        // Told by its medians, which must have grown too: a few slow ones make a mean grow.
        if change.added_s > *most && change.after_us > change.before_us {
            *most = change.added_s;
            let name = requests.kinds.name(*kind).to_owned();
            slowness.span = Some((name, change.before_us, change.after_us));
        }
    }
    // By service: calls to it, and calls that it makes.
    let mut edges: BTreeMap<&str, [Vec<Change>; 2]> = BTreeMap::new();
    for ((caller, callee), spent) in &requests.gaps {
        let Some(change) = Change::of(spent, late) else {
            continue;
        };
        usual_s += change.usual_s;
        for (place, kind) in [callee, caller].into_iter().enumerate() {
            let service = requests.kinds.service(*kind);
            edges.entry(service).or_default()[place].push(change);
        }
    }
    for (service, edges) in edges {
        let slowness = by_service.entry(service.to_owned()).or_default();
        let [to_it, by_it] = edges;
        slowness.edges_s = added_between(&to_it) + weights.callers_share * added_between(&by_it);
    }
    (by_service, usual_s)
}

/// Seconds added on edges, by the share of calls that are as slow as those on the slowest edge: a
/// slow network or a starved service slows all its edges, a neighbour only those to it.
fn added_between(edges: &[Change]) -> f64 {
    let grown = |change: &Change| (change.after_us - change.before_us).max(0.0);
    let most = edges.iter().map(grown).fold(0.0, f64::max);
    if most <= 0.0 {
        return 0.0;
    }
    let slow = |change: &Change| change.deviation.min(1.0) * grown(change) / most;
    let slowed: f64 = edges.iter().map(|edge| edge.calls * slow(edge)).sum();
    let calls: f64 = edges.iter().map(|edge| edge.calls).sum();
    let added_s: f64 = edges.iter().map(|edge| edge.added_s.max(0.0)).sum();
    added_s * slowed / calls
}

#[derive(Debug, Clone, Copy)]
struct Change {
    before_us: f64,
    after_us: f64,
    /// ln(1 + z), of medians.
    deviation: f64,
    added_s: f64,
    usual_s: f64,
    calls: f64,
}

impl Change {
    fn of(spent: &[Spent], late: &[bool]) -> Option<Self> {
        let half = |wanted: bool| -> Vec<f64> {
            spent
                .iter()
                .filter(|spent| late[spent.trace as usize] == wanted)
                .map(|spent| spent.us)
                .collect()
        };
        let before = sorted(half(false));
        let after = sorted(half(true));
        if before.len() < MIN_REQUESTS || after.len() < MIN_REQUESTS {
            return None;
        }
        let usual = usual(&before);
        let scale = usual.spread.max(0.1 * usual.median).max(MIN_SCALE_US);
        let after_us = quantile(&after, 0.5);
        let keep = |values: &[f64]| values.len() - (values.len() as f64 * TRIMMED) as usize;
        let mean_before = mean(&before[..keep(&before)]);
        let mean_after = mean(&after[..keep(&after)]);
        let calls = after.len() as f64;
        Some(Self {
            before_us: usual.median,
            after_us,
            deviation: ((after_us - usual.median) / scale).max(0.0).ln_1p(),
            added_s: (mean_after - mean_before) * calls / 1e6,
            usual_s: mean_before * calls / 1e6,
            calls,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observations::Observations;
    use crate::weigh::scene::span;
    use crate::weigh::scene::tuning;

    fn close(got: f64, wanted: f64) {
        assert!((got - wanted).abs() < 1e-9, "{got} {wanted}");
    }

    /// Four requests before 100 and four after; the shop takes 5 ms beside what the store takes,
    /// and `wait` passes between them.
    fn requests(store_ms: [i64; 2], wait_ms: [i64; 2]) -> (Requests, Vec<bool>) {
        let mut o = Observations::default();
        for trace in 0..8 {
            let late = usize::from(trace >= 4);
            let at = (late * 100 + trace) as i64;
            let whole = 5 + wait_ms[late] + store_ms[late];
            o.spans.push(span(trace, at, "1", None, "shop", whole));
            o.spans
                .push(span(trace, at, "2", Some("1"), "store", store_ms[late]));
        }
        let requests = Requests::index(&o);
        let late = requests.late(100);
        (requests, late)
    }

    #[test]
    fn a_slow_callee_leaves_its_caller_s_own_time_alone() {
        let (requests, late) = requests([10, 110], [0, 0]);
        let (slow, usual_s) = slowness(&requests, &late, &tuning().cause);
        // Four requests, 100 ms more each.
        close(slow["store"].own_s, 0.4);
        close(slow["shop"].own_s, 0.0);
        close(slow["shop"].edges_s, 0.0);
        assert_eq!(
            slow["store"].span,
            Some(("store work".into(), 10_000.0, 110_000.0))
        );
        // As many requests took 5 + 10 ms before.
        close(usual_s, 0.06);
    }

    #[test]
    fn time_between_two_is_neither_s_own() {
        let (requests, late) = requests([10, 10], [0, 95]);
        let (slow, _) = slowness(&requests, &late, &tuning().cause);
        close(slow["store"].own_s, 0.0);
        // 95 ms in each of four calls, all of whose edges slowed.
        close(slow["store"].edges_s, 0.38);
        close(slow["shop"].edges_s, 0.38 * 0.4);
    }

    #[test]
    fn a_caller_of_many_is_hardly_blamed_for_the_wait_at_one() {
        let mut o = Observations::default();
        for trace in 0..8 {
            let late = usize::from(trace >= 4);
            let at = (late * 100 + trace) as i64;
            let wait = [0, 95][late];
            for (id, callee, wait) in [
                ("2", "store", wait),
                ("4", "mail", late as i64),
                ("6", "search", 0),
            ] {
                let call = format!("{}", id.parse::<i64>().unwrap_or_default() + 1);
                o.spans.push(span(trace, at, id, None, "shop", 10 + wait));
                o.spans.push(span(trace, at, &call, Some(id), callee, 10));
            }
        }
        let requests = Requests::index(&o);
        let (slow, _) = slowness(&requests, &requests.late(100), &tuning().cause);
        close(slow["store"].edges_s, 0.38);
        assert!(
            slow["shop"].edges_s < 0.3 * 0.38,
            "{}",
            slow["shop"].edges_s
        );
    }

    #[test]
    fn too_few_requests_say_nothing() {
        let mut o = Observations::default();
        o.spans.push(span(0, 0, "1", None, "shop", 5));
        o.spans.push(span(1, 100, "1", None, "shop", 5000));
        let requests = Requests::index(&o);
        let late = requests.late(100);
        assert!(slowness(&requests, &late, &tuning().cause).0.is_empty());
    }
}
