//! A fixed, seeded search: a few numbers at a time are multiplied by something near 1, and what is
//! better stays.

use analyst::weigh::fuse::{Signals, fuse};
use analyst::weigh::{Ranking, confidence, signals};
use model::tuning::Tuning;
use simulator::random::Random;

use super::item::{ChangeSigns, Item, change_signs, signs};
use super::logistic::{Point, fit};

/// Candidates that are tried where nothing else is said.
pub const ROUNDS: usize = 600;
/// Standard deviations of a number's logarithm at the first candidate and at the last.
const WIDE: f64 = 0.7;
const NARROW: f64 = 0.15;
/// One candidate in so many changes what the signals themselves say, which takes long to weigh.
const DEEP_EACH: u64 = 12;
/// What the mean squared logarithm of all changes costs: a number goes nowhere without a reason.
const DISTANCE: f64 = 0.004;
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
    let begun: Vec<(String, f64)> = start.numbers();
    let begun: Vec<(String, f64)> = begun.into_iter().filter(|one| searched(&one.0)).collect();
    let (deep, flat): (Vec<usize>, Vec<usize>) =
        (0..begun.len()).partition(|index| DEEP.contains(&begun[*index].0.as_str()));
    let mut random = Random::of(seed, &[]);
    let mut factors = vec![0.0f64; begun.len()];
    let with = |factors: &[f64]| {
        let numbers = begun.iter().zip(factors);
        let numbers: Vec<(String, f64)> = numbers
            .map(|((path, number), factor)| (path.clone(), number * factor.exp()))
            .collect();
        start.with(&numbers)
    };
    let mut best = start.clone();
    let mut weighed = weigh_all(items, &best);
    let mut best_value = value(items, &weighed, &best, &factors);
    for round in 0..rounds {
        let is_deep = random.below(DEEP_EACH) == 0;
        let among = if is_deep { &deep } else { &flat };
        let wide = WIDE + (NARROW - WIDE) * round as f64 / rounds.max(1) as f64;
        let mut tried = factors.clone();
        for _ in 0..=random.below(3) {
            let index = among[random.below(among.len() as u64) as usize];
            tried[index] += wide * random.normal();
        }
        let candidate = with(&tried);
        let anew = is_deep.then(|| weigh_all(items, &candidate));
        let tried_value = value(items, anew.as_ref().unwrap_or(&weighed), &candidate, &tried);
        if tried_value > best_value {
            (best, best_value, factors) = (candidate, tried_value, tried);
            weighed = anew.unwrap_or(weighed);
        }
        told(best_value);
    }
    best
}

/// What the signals say of each item, with when each began.
type Weighed = Vec<(i64, Signals)>;

fn weigh_all(items: &[&Item], tuning: &Tuning) -> Weighed {
    items
        .iter()
        .map(|item| signals(&item.seen, &tuning.cause))
        .collect()
}

/// The mean over suites, each counting the same, less what the distance from the start costs.
fn value(items: &[&Item], weighed: &Weighed, tuning: &Tuning, factors: &[f64]) -> f64 {
    let worths = items
        .iter()
        .zip(weighed)
        .map(|(item, (onset_us, signals))| {
            let ranking = fuse(&item.seen, *onset_us, signals, tuning);
            (item.suite.as_str(), item.worth(&ranking).value)
        });
    let distance: f64 = factors.iter().map(|factor| factor * factor).sum();
    mean_of_suites(worths) - DISTANCE * distance / factors.len().max(1) as f64
}

fn mean_of_suites<'a>(values: impl Iterator<Item = (&'a str, f64)>) -> f64 {
    let mut suites: std::collections::BTreeMap<&str, (f64, f64)> = Default::default();
    for (suite, value) in values {
        let of = suites.entry(suite).or_default();
        of.0 += value;
        of.1 += 1.0;
    }
    let means: f64 = suites.values().map(|(sum, count)| sum / count).sum();
    means / suites.len().max(1) as f64
}

/// The curves of confidence that fit these items best, each suite counting the same. At moments when
/// nothing had failed every name is wrong.
pub fn calibrate(items: &[&Item], tuning: &Tuning) -> Tuning {
    let curve = &tuning.confidence;
    let mut causes = Vec::new();
    let mut changes: [Vec<(&str, Vec<f64>, bool)>; 3] = Default::default();
    for item in items {
        let ranking = rank(item, tuning);
        if let Some((signs, right)) = signs(item, &ranking, curve.half_weight) {
            causes.push((item.suite.as_str(), of_cause(signs), right));
        }
        if let Some(calm) = &item.calm {
            let ranking = analyst::weigh::weigh(calm, tuning);
            let signs = confidence::Signs::of(&ranking.suspects, &ranking.said, curve.half_weight);
            causes.extend(signs.map(|signs| (item.suite.as_str(), of_cause(signs), false)));
        }
        if let Some((signs, right)) = change_signs(item, &ranking) {
            let (place, x) = match signs {
                ChangeSigns::None { told } => (0, vec![1.0, told]),
                ChangeSigns::Only { score } => (1, vec![1.0, score]),
                ChangeSigns::First { score, lead } => (2, vec![1.0, score, lead]),
            };
            changes[place].push((item.suite.as_str(), x, right));
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
fn points(seen: &[(&str, Vec<f64>, bool)]) -> Vec<Point> {
    let mut sizes: std::collections::BTreeMap<&str, f64> = Default::default();
    for (suite, ..) in seen {
        *sizes.entry(suite).or_default() += 1.0;
    }
    let each = seen.len() as f64 / sizes.len().max(1) as f64;
    let point = |(suite, x, right): &(&str, Vec<f64>, bool)| Point {
        x: x.clone(),
        right: *right,
        weight: each / sizes[suite],
    };
    seen.iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_suite_counts_the_same() {
        let values = [("a", 1.0), ("a", 1.0), ("a", 1.0), ("b", 0.0)];
        assert_eq!(mean_of_suites(values.into_iter()), 0.5);
        let seen: Vec<(&str, Vec<f64>, bool)> = values
            .iter()
            .map(|one| (one.0, vec![1.0], one.1 > 0.5))
            .collect();
        let weights: Vec<f64> = points(&seen).iter().map(|point| point.weight).collect();
        assert_eq!(weights[3], weights[0] + weights[1] + weights[2]);
    }
}
