//! Adds up what the signals say into ranked suspects.

use std::collections::BTreeMap;

use model::tuning::{CauseWeights, Tuning};

use super::changes::{Guilt, guilt};
use super::circumstances::{Outside, Surge};
use super::confidence::{self, ChangeSigns};
use super::impact::Graph;
use super::metrics::Deviation;
use super::slowness::Slowness;
use super::successions::Shift;
use crate::observations::Observations;

/// Suspects that are kept.
const MAX_SUSPECTS: usize = 10;
/// Reasons that a suspect keeps of one kind.
const MAX_REASONS: usize = 3;

/// All that was weighed.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    pub deviations: Vec<Deviation>,
    pub shifts: Vec<Shift>,
    /// By service, and the seconds that requests usually take.
    pub slow: (BTreeMap<String, Slowness>, f64),
    pub impact: BTreeMap<String, f64>,
    pub outside: Vec<Outside>,
    pub surge: Option<Surge>,
    pub told: (f64, f64),
    pub graph: Graph,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Suspected {
    Service { name: String, node: Option<String> },
    Change { guilt: Guilt, service: String },
    Outside { dependency: String },
    Load { service: String },
}

impl Suspected {
    /// The service or dependency that it lies in.
    pub fn place(&self) -> &str {
        match self {
            Self::Service { name, .. } => name,
            Self::Change { service, .. } | Self::Load { service } => service,
            Self::Outside { dependency } => dependency,
        }
    }
}

/// Why something is suspected; each can be asked again.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    Metric(Deviation),
    Succession(Shift),
    Slow { service: String, slowness: Slowness },
    Impact { service: String, share: f64 },
    Outside(Outside),
    Surge(Surge),
    Change(Guilt),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    pub cause: Suspected,
    pub score: f64,
    /// The probability that this is the cause, 0 to 1.
    pub confidence: f64,
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Clone, Default)]
pub struct Ranking {
    /// Estimated from the data; microseconds since 1970.
    pub onset_us: i64,
    /// Best first.
    pub suspects: Vec<Suspect>,
    /// Services by their own signals, best first: a longer list than the suspects.
    pub services: Vec<(String, f64)>,
    /// Changes by guilt, best first; empty where no change is to blame.
    pub changes: Vec<Guilt>,
    /// Changes that were looked at and cleared.
    pub cleared: Vec<Guilt>,
    /// The probability that the first change, or "none", is right.
    pub change_confidence: f64,
    /// What that was made from; `None`: a dependency or load outweighs all services.
    pub change_signs: Option<ChangeSigns>,
    /// What each signal said of each service.
    pub said: Vec<(&'static str, BTreeMap<String, f64>)>,
}

/// Ranks suspects.
pub fn fuse(o: &Observations, onset_us: i64, signals: &Signals, tuning: &Tuning) -> Ranking {
    let of_causes = &tuning.cause;
    let of_changes = &tuning.change;
    let said = said(signals, of_causes);
    let services = add_up(&said, of_causes);
    let top = services.first().map_or(0.0, |first| first.1);
    let mut trouble: BTreeMap<String, f64> = services
        .iter()
        .map(|(name, score)| (name.clone(), score / top.max(f64::MIN_POSITIVE)))
        .collect();
    if let Some(alarming) = &o.alarm.service {
        let own = trouble.entry(alarming.clone()).or_default();
        *own = own.max(of_changes.alarming);
    }
    let guilts = guilt(o, onset_us, &trouble, of_changes);
    let mut suspects: Vec<Suspect> = Vec::new();
    let beyond = beyond(signals, &services, of_causes, &mut suspects);
    let (operational, overloaded) = signals.told;
    let none = beyond || operational >= of_changes.told || overloaded >= of_changes.told;
    let (changes, cleared): (Vec<Guilt>, Vec<Guilt>) = guilts
        .into_iter()
        .partition(|guilt| !none && guilt.score >= of_changes.min_guilt);
    for (name, score) in services.iter().take(MAX_SUSPECTS) {
        suspects.push(Suspect {
            cause: cause(name, signals, &changes),
            score: *score,
            confidence: 0.0,
            reasons: reasons(name, signals, &changes, of_causes),
        });
    }
    suspects.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.cause.place().cmp(b.cause.place()))
    });
    suspects.truncate(MAX_SUSPECTS);
    confidence::settle(&mut suspects, &said, &tuning.confidence);
    let signs = ChangeSigns::of(&changes, operational.max(overloaded));
    let cleared_by = beyond.then(|| sure_beyond(&suspects));
    let change_confidence = confidence::of_change(signs, cleared_by, &tuning.confidence);
    Ranking {
        onset_us,
        suspects,
        services,
        changes,
        cleared,
        change_confidence,
        change_signs: (!beyond).then_some(signs),
        said,
    }
}

/// The probability that the cause is no service and no change of one.
fn sure_beyond(suspects: &[Suspect]) -> f64 {
    let of = |suspect: &&Suspect| {
        matches!(
            suspect.cause,
            Suspected::Outside { .. } | Suspected::Load { .. }
        )
    };
    suspects
        .iter()
        .filter(of)
        .map(|suspect| suspect.confidence)
        .sum()
}

/// What each signal says of each service.
fn said(signals: &Signals, weights: &CauseWeights) -> Vec<(&'static str, BTreeMap<String, f64>)> {
    let mut most = BTreeMap::new();
    let mut lasting = BTreeMap::new();
    let mut follows = BTreeMap::new();
    for deviation in signals
        .deviations
        .iter()
        .filter(|d| d.destination.is_none())
    {
        raise(&mut most, &deviation.service, deviation.strength);
        raise(&mut lasting, &deviation.service, deviation.lasting);
        let with_alarm = deviation.strength * deviation.follows_alarm;
        raise(&mut follows, &deviation.service, with_alarm);
    }
    let mut shifts = BTreeMap::new();
    for shift in &signals.shifts {
        raise(
            &mut shifts,
            &shift.service,
            shift.weight - weights.chance_shift,
        );
    }
    let (slow, usual_s) = &signals.slow;
    let mut own = BTreeMap::new();
    let mut edges = BTreeMap::new();
    for (service, slow) in slow {
        raise(&mut own, service, slow.own_s / usual_s.max(1e-9));
        raise(&mut edges, service, slow.edges_s / usual_s.max(1e-9));
    }
    vec![
        ("metric, at most", most),
        ("metric, lasting", lasting),
        ("metric, with the alarm", follows),
        ("successions", shifts),
        ("own time", own),
        ("time to neighbours", edges),
        ("share of the alarm", signals.impact.clone()),
    ]
}

fn raise(scores: &mut BTreeMap<String, f64>, service: &str, score: f64) {
    if score > 0.0 {
        let most = scores.entry(service.to_owned()).or_default();
        *most = most.max(score);
    }
}

fn add_up(
    said: &[(&'static str, BTreeMap<String, f64>)],
    weights: &CauseWeights,
) -> Vec<(String, f64)> {
    let weights = [
        weights.most,
        weights.lasting,
        weights.follows,
        weights.shifts,
        weights.own_time,
        weights.edges,
        weights.impact,
    ];
    let mut total: BTreeMap<&str, f64> = BTreeMap::new();
    for ((_, scores), of) in said.iter().zip(weights) {
        let top = scores.values().copied().fold(0.0, f64::max);
        if top <= 0.0 {
            continue;
        }
        // How far the signal rises above its noise, times the service's share of the top.
        let strength = of.weight * top / (top + of.half);
        for (service, score) in scores {
            *total.entry(service).or_default() += strength * score / top;
        }
    }
    let mut services: Vec<(String, f64)> = total
        .into_iter()
        .filter(|(_, score)| *score > 0.0)
        .map(|(service, score)| (service.to_owned(), score))
        .collect();
    services.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    services
}

/// Causes beyond the services: true where one of them outweighs all services.
fn beyond(
    signals: &Signals,
    services: &[(String, f64)],
    weights: &CauseWeights,
    suspects: &mut Vec<Suspect>,
) -> bool {
    let top = services.first().map_or(1.0, |first| first.1);
    let score_of = |name: &str| {
        let of = services.iter().find(|service| service.0 == name);
        of.map_or(0.0, |service| service.1)
    };
    let mut outweighs = false;
    if let Some(outside) = signals.outside.first() {
        let first = services.first().map_or("", |first| first.0.as_str());
        let below = signals.graph.below(first);
        let near = outside.caller == first
            || below.contains(outside.caller.as_str())
            || signals.graph.below(&outside.caller).contains(first);
        let base = if near { top } else { score_of(&outside.caller) };
        suspects.push(Suspect {
            cause: Suspected::Outside {
                dependency: outside.dependency.clone(),
            },
            score: base * (1.0 + outside.strength - weights.outside),
            confidence: 0.0,
            reasons: vec![Reason::Outside(outside.clone())],
        });
        outweighs |= near && outside.strength > weights.outside;
    }
    if let Some(surge) = &signals.surge {
        let over = (surge.after / surge.before - 1.0).min(2.0);
        suspects.push(Suspect {
            cause: Suspected::Load {
                service: services
                    .first()
                    .map_or(surge.service.clone(), |first| first.0.clone()),
            },
            score: top * (1.0 + over - weights.surge),
            confidence: 0.0,
            reasons: vec![Reason::Surge(surge.clone())],
        });
        outweighs |= over > weights.surge;
    }
    outweighs
}

/// The service, or the guilty change that went to it.
fn cause(name: &str, signals: &Signals, changes: &[Guilt]) -> Suspected {
    let guilty = changes
        .iter()
        .find(|guilt| guilt.service.as_deref() == Some(name));
    if let Some(guilt) = guilty {
        return Suspected::Change {
            guilt: guilt.clone(),
            service: name.to_owned(),
        };
    }
    Suspected::Service {
        name: name.to_owned(),
        node: instance(name, &signals.deviations),
    }
}

/// The one instance that deviates while others of its service don't.
fn instance(name: &str, deviations: &[Deviation]) -> Option<String> {
    let mut by_node: BTreeMap<&str, f64> = BTreeMap::new();
    for deviation in deviations
        .iter()
        .filter(|deviation| deviation.service == name)
    {
        let most = by_node.entry(deviation.node.as_deref()?).or_default();
        *most = most.max(deviation.lasting);
    }
    let mut nodes: Vec<(&str, f64)> = by_node.into_iter().collect();
    nodes.sort_by(|a, b| b.1.total_cmp(&a.1));
    match nodes.as_slice() {
        [(node, first), (_, second), ..] if *first > 1.0 && *first > 2.0 * second => {
            Some((*node).to_owned())
        }
        _ => None,
    }
}

fn reasons(
    name: &str,
    signals: &Signals,
    changes: &[Guilt],
    weights: &CauseWeights,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let guilty = changes
        .iter()
        .find(|guilt| guilt.service.as_deref() == Some(name));
    reasons.extend(guilty.cloned().map(Reason::Change));
    if let Some(share) = signals.impact.get(name).filter(|share| **share > 0.1) {
        reasons.push(Reason::Impact {
            service: name.to_owned(),
            share: *share,
        });
    }
    let shifts = signals
        .shifts
        .iter()
        .filter(|shift| shift.service == name && shift.weight > weights.chance_shift);
    reasons.extend(shifts.take(MAX_REASONS).cloned().map(Reason::Succession));
    if let Some(slow) = signals.slow.0.get(name)
        && slow.span.is_some()
        && slow.own_s + slow.edges_s > 0.05 * signals.slow.1
    {
        reasons.push(Reason::Slow {
            service: name.to_owned(),
            slowness: slow.clone(),
        });
    }
    let mut deviations: Vec<&Deviation> = signals
        .deviations
        .iter()
        .filter(|deviation| deviation.service == name && deviation.destination.is_none())
        .collect();
    deviations.sort_by(|a, b| {
        (b.strength + b.lasting)
            .total_cmp(&(a.strength + a.lasting))
            .then_with(|| a.metric.cmp(&b.metric))
    });
    reasons.extend(
        deviations
            .into_iter()
            .filter(|deviation| deviation.strength > 0.0)
            .take(MAX_REASONS)
            .cloned()
            .map(Reason::Metric),
    );
    reasons
}
