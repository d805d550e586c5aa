//! Answers held against the truth: every suite and every fault by itself, with chance beside.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::cases::{Ask, Case};
use super::replay::{Candidates, Played};
use crate::arguments::Mode;
use calibration::{Calibration, Outcome, calibrations};

pub mod calibration;

/// The first incident must open so soon after the onset to count as found, in milliseconds.
const FOUND_WITHIN_MS: i64 = 5 * 60 * 1000;
/// AC@k is taken up to this k.
const MOST: usize = 5;

/// `truth.json`; keys that scores don't need are left alone.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Truth {
    pub onset: Timestamp,
    #[serde(default)]
    pub services: Vec<String>,
    pub fault: String,
    #[serde(default)]
    pub deployment: Option<String>,
}

/// Shares of cases with a right answer among the first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
pub struct Accuracy {
    pub ac_at_1: f64,
    pub ac_at_3: f64,
    pub ac_at_5: f64,
    pub avg_at_5: f64,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    pub mode: Mode,
    pub suite: String,
    /// None: all faults of the suite.
    pub fault: Option<String>,
    pub cases: usize,
    #[serde(flatten)]
    pub accuracy: Accuracy,
    pub chance: Accuracy,
    pub brier: f64,
    /// In found mode: the share of cases whose first incident opened in time, and how many
    /// incidents beside these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detected: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_alarms: Option<usize>,
    /// The 95th percentile of the investigations, in milliseconds.
    pub p95_ms: u64,
}

/// What the answers are worth.
pub struct Scored {
    pub scores: Vec<Score>,
    pub calibrations: Vec<Calibration>,
}

/// Reads every truth that is there and scores what was answered about it.
pub fn scores(cases: &[Case], played: &[Played]) -> Result<Scored> {
    let truths = cases.iter().map(truth).collect::<Result<Vec<_>>>()?;
    let modes: BTreeSet<Mode> = played.iter().map(|played| played.mode).collect();
    let mut groups: BTreeMap<(Mode, &str, Option<&str>), Vec<Judged>> = BTreeMap::new();
    let mut outcomes = Vec::new();
    for mode in modes {
        for (index, (case, truth)) in cases.iter().zip(&truths).enumerate() {
            let Some(truth) = truth else { continue };
            let of = played
                .iter()
                .find(|one| one.case == index && one.mode == mode);
            let judged = judge(case, truth, mode, of);
            outcomes.extend(judged.answered.then(|| Outcome {
                mode,
                suite: case.suite.clone(),
                confidence: judged.confidence,
                right: judged.rank == Some(1),
            }));
            for fault in [None, Some(truth.fault.as_str())] {
                let group = groups
                    .entry((mode, case.suite.as_str(), fault))
                    .or_default();
                group.push(judged.clone());
            }
        }
    }
    let groups = groups.into_iter();
    Ok(Scored {
        scores: groups
            .map(|((mode, suite, fault), judged)| sum_up(mode, suite, fault, &judged))
            .collect(),
        calibrations: calibrations(&outcomes),
    })
}

pub fn truth(case: &Case) -> Result<Option<Truth>> {
    let path = case.folder.join("truth.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let truth = serde_json::from_str(&text).with_context(|| {
        format!(
            "{}: expected onset, services, fault and deployment",
            path.display()
        )
    })?;
    Ok(Some(truth))
}

/// One case in one mode.
#[derive(Debug, Clone, PartialEq)]
struct Judged {
    /// Of the right answer; None: it isn't among those that were given.
    rank: Option<usize>,
    /// There is an answer that counts.
    answered: bool,
    confidence: f64,
    /// By k from 1: the probability that a random order has it among the first k.
    chance: [f64; MOST],
    detected: bool,
    false_alarms: usize,
    elapsed_ms: Vec<u64>,
}

fn judge(case: &Case, truth: &Truth, mode: Mode, played: Option<&Played>) -> Judged {
    let answers = played.map_or(&[][..], |played| &played.answers);
    let noticed = || answers.iter().filter(|answer| answer.detected_at.is_some());
    let first = noticed().next();
    let in_time = first.filter(|answer| {
        let end = truth.onset.plus_ms(FOUND_WITHIN_MS);
        answer
            .detected_at
            .is_some_and(|at| truth.onset <= at && at <= end)
    });
    // What was opened about something else, or too late, explains nothing.
    let counts = match mode {
        Mode::Given => answers.first(),
        Mode::Found => in_time,
    };
    Judged {
        answered: counts.is_some(),
        rank: counts.and_then(|answer| rank(answer, truth, case.ask)),
        confidence: counts.map_or(0.0, |answer| answer.confidence),
        chance: chance(truth, case.ask, played.map(|played| played.candidates)),
        detected: in_time.is_some(),
        false_alarms: noticed().count() - usize::from(in_time.is_some()),
        elapsed_ms: noticed().map(|answer| answer.elapsed_ms).collect(),
    }
}

/// The rank of a right name; among equal scores, the worst.
fn rank(answer: &Answer, truth: &Truth, ask: Ask) -> Option<usize> {
    let list: Vec<(&str, f64)> = match ask {
        Ask::Service => answer
            .services
            .iter()
            .map(|named| (named.name.as_str(), named.score))
            .collect(),
        Ask::Deployment => answer
            .deployments
            .iter()
            .map(|named| (named.id.as_str(), named.score))
            .collect(),
    };
    let right = |name: &str| match ask {
        Ask::Service => truth.services.iter().any(|service| service == name),
        Ask::Deployment => truth.deployment.as_deref() == Some(name),
    };
    if ask == Ask::Deployment && truth.deployment.is_none() {
        // No change is to blame, and an empty list says so.
        return list.is_empty().then_some(1);
    }
    let place = list.iter().position(|(name, _)| right(name))?;
    worst_rank(list.iter().map(|(_, score)| *score), place)
}

/// The rank of what stands at a place, behind all that have the same score.
pub fn worst_rank(scores: impl Iterator<Item = f64> + Clone, place: usize) -> Option<usize> {
    let own = scores.clone().nth(place)?;
    Some(scores.filter(|other| *other >= own).count())
}

/// A guess puts all names in a random order; "no change" is one name more among changes.
fn chance(truth: &Truth, ask: Ask, candidates: Option<Candidates>) -> [f64; MOST] {
    let candidates = candidates.unwrap_or_default();
    let (names, right) = match ask {
        Ask::Service => (candidates.services, truth.services.len()),
        Ask::Deployment => (candidates.deployments + 1, 1),
    };
    std::array::from_fn(|index| {
        // An empty list is right or wrong as a whole: it has no second place.
        let tries = match (ask, &truth.deployment) {
            (Ask::Deployment, None) => 1,
            _ => index + 1,
        };
        let missed = (0..tries).fold(1.0, |missed, taken| {
            let left = names.saturating_sub(taken) as f64;
            match left > right as f64 {
                true => missed * (1.0 - right as f64 / left),
                false => 0.0,
            }
        });
        if names == 0 { 0.0 } else { 1.0 - missed }
    })
}

fn sum_up(mode: Mode, suite: &str, fault: Option<&str>, judged: &[Judged]) -> Score {
    let count = judged.len() as f64;
    let mean = |of: &dyn Fn(&Judged) -> f64| judged.iter().map(of).sum::<f64>() / count;
    let share = |k: usize| {
        let within = |one: &Judged| f64::from(u8::from(one.rank.is_some_and(|rank| rank <= k)));
        mean(&within)
    };
    let brier = mean(&|one| {
        let right = f64::from(u8::from(one.rank == Some(1)));
        (one.confidence - right).powi(2)
    });
    let found = mode == Mode::Found;
    Score {
        mode,
        suite: suite.to_owned(),
        fault: fault.map(str::to_owned),
        cases: judged.len(),
        accuracy: accuracy(&share),
        chance: accuracy(&|k| mean(&|one| one.chance[k - 1])),
        brier,
        detected: found.then(|| mean(&|one| f64::from(u8::from(one.detected)))),
        false_alarms: found.then(|| judged.iter().map(|one| one.false_alarms).sum()),
        p95_ms: p95(judged
            .iter()
            .flat_map(|one| one.elapsed_ms.iter().copied())
            .collect()),
    }
}

fn accuracy(at: &dyn Fn(usize) -> f64) -> Accuracy {
    Accuracy {
        ac_at_1: at(1),
        ac_at_3: at(3),
        ac_at_5: at(5),
        avg_at_5: (1..=MOST).map(at).sum::<f64>() / MOST as f64,
    }
}

fn p95(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    let place = (values.len() * 95).div_ceil(100);
    place.checked_sub(1).map_or(0, |place| values[place])
}

#[cfg(test)]
mod tests;
