//! The numbers of causes and changes, and the curves of confidence.

use analyst::weigh::confidence::ChangeSigns;
use analyst::weigh::fuse::{Signals, fuse};
use analyst::weigh::{Ranking, confidence, signals};
use model::tuning::Tuning;

use super::climb::{Climb, mean_of_suites, on_all_cores};
use super::item::{Item, change_signs, signs};
use super::logistic::{Point, fit};

/// Candidates that are tried where nothing else is said.
pub const ROUNDS: usize = 300;
/// One candidate in so many changes what the signals themselves say, which takes long to weigh.
const DEEP_EACH: u64 = 25;
/// Numbers that the signals are made with, before they are added up.
const DEEP: [&str; 5] = [
    "cause.news",
    "cause.one_of_many",
    "cause.callers_share",
    "cause.mix",
    "cause.off_path",
];

/// The best numbers for these items, from a start. `told`: after each candidate, how good the best is.
pub fn search(
    items: &[&Item],
    start: &Tuning,
    rounds: usize,
    seed: u64,
    mut told: impl FnMut(f64),
) -> Tuning {
    let searched = |path: &str| path.starts_with("cause.") || path.starts_with("change.");
    let mut climb = Climb::new(start, searched, rounds, seed);
    let mut best = start.clone();
    let mut weighed = weigh_all(items, &best);
    let mut best_value = value(items, &weighed, &best);
    for _ in 0..rounds {
        let is_deep = climb.once_in(DEEP_EACH);
        let candidate = climb.propose(|path| DEEP.contains(&path) == is_deep);
        let anew = is_deep.then(|| weigh_all(items, &candidate));
        let of = anew.as_ref().unwrap_or(&weighed);
        let tried = value(items, of, &candidate) - climb.cost();
        if tried > best_value {
            (best, best_value) = (candidate, tried);
            weighed = anew.unwrap_or(weighed);
            climb.keep();
        }
        told(best_value);
    }
    best
}

/// What the signals say of each item, with when each began.
type Weighed = Vec<(i64, Signals)>;

fn weigh_all(items: &[&Item], tuning: &Tuning) -> Weighed {
    on_all_cores(items, |item| signals(&item.seen, &tuning.cause))
}

/// The mean over suites.
fn value(items: &[&Item], weighed: &Weighed, tuning: &Tuning) -> f64 {
    let worths = items
        .iter()
        .zip(weighed)
        .map(|(item, (onset_us, signals))| {
            let ranking = fuse(&item.seen, *onset_us, signals, tuning);
            (item.suite.as_str(), item.worth(&ranking).value)
        });
    mean_of_suites(worths)
}

/// A suite, what was seen, whether it was right, and what it counts.
type Judged<'a> = (&'a str, Vec<f64>, bool, f64);

/// What a moment counts at which nothing had failed: somebody asks seldom then.
const CALM: f64 = 0.25;

/// The curves of confidence that fit these items best, each suite counting the same. At moments when
/// nothing had failed every name is wrong.
pub fn calibrate(items: &[&Item], tuning: &Tuning) -> Tuning {
    let curve = &tuning.confidence;
    let mut causes = Vec::new();
    let mut changes: [Vec<Judged<'_>>; 3] = Default::default();
    for item in items {
        let ranking = rank(item, tuning);
        if let Some((signs, right)) = signs(item, &ranking, curve.half_weight) {
            causes.push((item.suite.as_str(), of_cause(signs), right, 1.0));
        }
        if let Some(calm) = &item.calm {
            let ranking = analyst::weigh::weigh(calm, tuning);
            let signs = confidence::Signs::of(&ranking.suspects, &ranking.said, curve.half_weight);
            let point = |signs| (item.suite.as_str(), of_cause(signs), false, CALM);
            causes.extend(signs.map(point));
        }
        if let Some((signs, right)) = change_signs(item, &ranking) {
            let (place, x) = match signs {
                ChangeSigns::None { told } => (0, vec![1.0, told]),
                ChangeSigns::Only { score } => (1, vec![1.0, score]),
                ChangeSigns::First { score, lead } => (2, vec![1.0, score, lead]),
            };
            changes[place].push((item.suite.as_str(), x, right, 1.0));
        }
    }
    let mut fitted = tuning.clone();
    let to = &mut fitted.confidence;
    let start = [curve.base, curve.weight, curve.lead, curve.agreement];
    if let [base, weight, lead, agreement] = fit(&points(&causes), &start)[..] {
        (to.base, to.weight, to.lead, to.agreement) = (base, weight, lead, agreement);
    }
    let [none, only, first] = &changes;
    if let [base, told] = fit(&points(none), &[curve.none_base, curve.none_told])[..] {
        (to.none_base, to.none_told) = (base, told);
    }
    if let [base, score] = fit(&points(only), &[curve.only_base, curve.only_score])[..] {
        (to.only_base, to.only_score) = (base, score);
    }
    let start = [curve.first_base, curve.first_score, curve.first_lead];
    if let [base, score, lead] = fit(&points(first), &start)[..] {
        (to.first_base, to.first_score, to.first_lead) = (base, score, lead);
    }
    fitted
}

pub fn rank(item: &Item, tuning: &Tuning) -> Ranking {
    analyst::weigh::weigh(&item.seen, tuning)
}

fn of_cause(signs: confidence::Signs) -> Vec<f64> {
    let confidence::Signs {
        weight,
        lead,
        agreement,
    } = signs;
    vec![1.0, weight, weight * lead, weight * agreement]
}

/// Each suite counts as much as the others, and all of them as many as there are.
fn points(seen: &[Judged<'_>]) -> Vec<Point> {
    let mut sizes: std::collections::BTreeMap<&str, f64> = Default::default();
    for (suite, _, _, counts) in seen {
        *sizes.entry(suite).or_default() += counts;
    }
    let each = seen.len() as f64 / sizes.len().max(1) as f64;
    let point = |(suite, x, right, counts): &Judged<'_>| Point {
        x: x.clone(),
        right: *right,
        weight: counts * each / sizes[suite],
    };
    seen.iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_suite_counts_the_same() {
        let values = [("a", 1.0), ("a", 1.0), ("a", 1.0), ("b", 0.0)];
        let seen: Vec<Judged<'_>> = values
            .iter()
            .map(|one| (one.0, vec![1.0], one.1 > 0.5, 1.0))
            .collect();
        let weights: Vec<f64> = points(&seen).iter().map(|point| point.weight).collect();
        assert_eq!(weights[3], weights[0] + weights[1] + weights[2]);
    }
}
