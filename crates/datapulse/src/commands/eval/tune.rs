//! `datapulse eval tune`: the tuned numbers, found anew.
//!
//! Reads what the Analyst would see of each recorded failure once, and of runs of the simulator; then a
//! fixed, seeded search, in which only the weighing is done again and again. It begins at round numbers
//! ([`start`]), so that what is said of a suite that was left out owes nothing to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use model::Timestamp;
use model::tuning::{Made, Tuning};
use serde::Serialize;
use serde_json::json;
use simulator::{Fault, Truth as OfShop};

use super::bench::Bench;
use super::cases::{self, Ask, Case};
use super::progress::{Progress, each};
use super::replay::{self, AFTER_ALERT_MS, Options};
use super::series::{Labelled, labelled};
use super::{demo, score};
use crate::arguments::{Output, Tune, Tuned};
use crate::context::Context as Here;
use crate::print;
use crate::refusal::wrong_use;
use item::{Cause, Item, True};

mod climb;
mod item;
mod logistic;
mod of_series;
mod search;
mod start;

/// Name of the simulator's runs among the suites.
const SIMULATOR: &str = "simulator";
/// A moment counts as calm where so much lies before it, in milliseconds,
const CALM_HISTORY_MS: i64 = 10 * 60_000;
/// and where what would be seen after it ends before anything failed.
const CALM_GAP_MS: i64 = 60_000;
/// Seeds that the simulator must not be tuned with: those that answers are measured on.
const MEASURED: [std::ops::RangeInclusive<u64>; 2] = [1..=20, 7000..=7999];

pub async fn run(here: &Here, tuning: &Tuning, asked: &Tune) -> Result<u8> {
    let seeds = demo::read_seeds(&asked.simulator_seeds)?;
    let mut suites = Suites::default();
    if asked.part.contains(&Tuned::Incidents) {
        suites.items = items(here, asked, &seeds).await?;
    }
    if asked.part.contains(&Tuned::Series) {
        suites.series = labelled(&asked.dir.join("series"))?;
    }
    let names = suites.names();
    let left_out = left_out(asked, &names)?;
    let (of_items, of_series) = (
        asked.rounds.unwrap_or(search::ROUNDS),
        asked.rounds.unwrap_or(of_series::ROUNDS),
    );
    let rounds = match (suites.items.is_empty(), suites.series.is_empty()) {
        (false, false) => of_items + of_series,
        (false, true) => of_items,
        (true, _) => of_series,
    };
    let mut progress = Progress::new(rounds * left_out.len());
    let mut found = Vec::new();
    for without in left_out {
        let step = || progress.step();
        let mut best = suites.search(tuning, without, asked, [of_items, of_series], step);
        best.made = Made {
            by: "cargo xtask tune".to_owned(),
            seed: Some(asked.seed),
            rounds: Some(rounds as u64),
            left_out: without.map(str::to_owned),
            simulator_seeds: seeds.clone(),
            ..suites.made_on(tuning, without)
        };
        found.push(Found {
            left_out: without.map(str::to_owned),
            suites: suites.measured(&best),
            tuning: best,
        });
    }
    progress.end();
    if let (Some(file), [only]) = (&asked.write, found.as_slice()) {
        write(file, &only.tuning)?;
    }
    tell(here.output, &suites.measured(tuning), &found)
}

/// All that numbers are found on.
#[derive(Default)]
struct Suites {
    items: Vec<Item>,
    series: Vec<Labelled>,
}

impl Suites {
    fn names(&self) -> BTreeSet<String> {
        let of_items = self.items.iter().map(|item| item.suite.clone());
        let of_series = self.series.iter().map(|suite| suite.suite.name.clone());
        of_items.chain(of_series).collect()
    }

    /// What numbers are found on; those of a part that isn't searched stay where they are from.
    fn made_on(&self, tuning: &Tuning, without: Option<&str>) -> Made {
        let named = |names: BTreeSet<&str>, before: &[String]| match names.is_empty() {
            true => before.to_vec(),
            false => {
                let seen = names.into_iter().filter(|name| Some(*name) != without);
                seen.map(str::to_owned).collect()
            }
        };
        let of_items = self.items.iter().map(|item| item.suite.as_str()).collect();
        let of_series = self.series.iter().map(|one| one.suite.name.as_str());
        Made {
            suites: named(of_items, &tuning.made.suites),
            series: named(of_series.collect(), &tuning.made.series),
            ..Made::default()
        }
    }

    fn search(
        &self,
        tuning: &Tuning,
        without: Option<&str>,
        asked: &Tune,
        [of_items, of_series]: [usize; 2],
        mut step: impl FnMut(),
    ) -> Tuning {
        let wanted = |suite: &str| Some(suite) != without;
        let mut best = tuning.clone();
        if !self.items.is_empty() {
            let items = self.items.iter().filter(|item| wanted(&item.suite));
            let items: Vec<&Item> = items.collect();
            let from = start::round(&best, |path| !path.starts_with("series."));
            best = search::search(&items, &from, of_items, asked.seed, |_| step());
            best = search::calibrate(&items, &best);
        }
        if !self.series.is_empty() {
            let series = self.series.iter().filter(|one| wanted(&one.suite.name));
            let series: Vec<&Labelled> = series.collect();
            let from = start::round(&best, |path| path.starts_with("series."));
            best = of_series::search(&series, &from, of_series, asked.seed, |_| step());
        }
        best
    }

    fn measured(&self, tuning: &Tuning) -> Vec<Measured> {
        let of_series = self.series.iter().map(|suite| Measured {
            suite: suite.suite.name.clone(),
            cases: suite.series.len(),
            figure: of_series::figure(suite, tuning).0,
            brier: None,
        });
        measured(&self.items, tuning)
            .into_iter()
            .chain(of_series)
            .collect()
    }
}

/// What was found.
#[derive(Debug, Serialize)]
struct Found {
    left_out: Option<String>,
    suites: Vec<Measured>,
    tuning: Tuning,
}

/// A suite with some numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Measured {
    suite: String,
    /// Failures, or series.
    cases: usize,
    /// The share of right first answers, or the suite's measure of series, 0 to 1.
    figure: f64,
    /// Of the confidence.
    brier: Option<f64>,
}

/// Which suites aren't looked at, one search after the other.
fn left_out<'s>(asked: &Tune, suites: &'s BTreeSet<String>) -> Result<Vec<Option<&'s str>>> {
    if asked.each_left_out {
        let each = suites.iter().map(|suite| Some(suite.as_str()));
        return Ok(std::iter::once(None).chain(each).collect());
    }
    let Some(wanted) = &asked.leave_out else {
        return Ok(vec![None]);
    };
    let known = suites.iter().find(|suite| *suite == wanted);
    let Some(known) = known else {
        let all: Vec<&str> = suites.iter().map(String::as_str).collect();
        let text = format!("--leave-out {wanted:?}: expected one of {}", all.join(", "));
        return Err(wrong_use(text));
    };
    Ok(vec![Some(known)])
}

async fn items(here: &Here, asked: &Tune, seeds: &[u64]) -> Result<Vec<Item>> {
    if let Some(seed) = seeds.iter().find(|seed| is_measured(**seed)) {
        let text = format!(
            "--simulator-seeds: answers are measured on {seed}; take none of 1 to 20 and 7000 to 7999"
        );
        return Err(wrong_use(text));
    }
    let incidents = asked.dir.join("incidents");
    let cases = cases::find(&incidents, None)?;
    let tuning = Arc::new(model::tuning::embedded().clone());
    let options = Arc::new(Options::new(&here.configuration, tuning));
    let recorded = each(cases, |case| {
        let options = options.clone();
        async move {
            let shown = case.folder.display().to_string();
            recorded(&case, &options).await.context(shown)
        }
    })
    .await?;
    let runs: Vec<(u64, Fault)> = seeds
        .iter()
        .flat_map(|seed| Fault::ALL.map(|fault| (*seed, fault)))
        .collect();
    let configuration = Arc::new(here.configuration.clone());
    let simulated = each(runs, |(seed, fault)| {
        let configuration = configuration.clone();
        async move { simulated(&configuration, seed, fault).await }
    })
    .await?;
    Ok(recorded.into_iter().chain(simulated).flatten().collect())
}

fn is_measured(seed: u64) -> bool {
    MEASURED.iter().any(|range| range.contains(&seed))
}

/// None: nobody knows what was true.
async fn recorded(case: &Case, options: &Options) -> Result<Option<Item>> {
    let Some(truth) = score::truth(case)? else {
        return Ok(None);
    };
    let seen = replay::seen(case, calm(case.from, truth.onset), options).await?;
    Ok(Some(Item {
        suite: case.suite.clone(),
        truth: match case.ask {
            Ask::Service => True::Services(truth.services),
            Ask::Deployment => True::Change(truth.deployment),
        },
        seen: seen.alert,
        calm: seen.calm,
    }))
}

/// A moment at which somebody could have asked though nothing had failed.
fn calm(from: Timestamp, onset: Timestamp) -> Option<Timestamp> {
    let at = onset.plus_ms(-AFTER_ALERT_MS - CALM_GAP_MS);
    (at.ms() - from.ms() >= CALM_HISTORY_MS).then_some(at)
}

/// None: it wasn't noticed.
async fn simulated(
    configuration: &crate::configuration::Configuration,
    seed: u64,
    fault: Fault,
) -> Result<Option<Item>> {
    let mut bench = Bench::set(configuration, seed, fault).await?;
    let fault_ms = bench.shop.world().fault_ms();
    let Some(incident) = bench.noticed(fault_ms).await? else {
        return Ok(None);
    };
    let matter = bench.analyst.matter(&incident);
    let seen = analyst::observe(&bench.parts.casework, &matter).await;
    let cause = match bench.shop.world().truth() {
        Some(OfShop::Change { deployment, .. }) => Cause::Change(deployment),
        Some(OfShop::Outside { provider }) => Cause::Outside(provider),
        Some(OfShop::Load { service }) => Cause::Load(service),
        None => return Ok(None),
    };
    Ok(Some(Item {
        suite: SIMULATOR.to_owned(),
        truth: True::Cause(cause),
        seen,
        calm: None,
    }))
}

fn measured(items: &[Item], tuning: &Tuning) -> Vec<Measured> {
    let mut suites: BTreeMap<&str, (usize, usize, f64)> = BTreeMap::new();
    for item in items {
        let ranking = search::rank(item, tuning);
        let right = item.worth(&ranking).right;
        let said = match &item.truth {
            True::Change(_) => ranking.change_confidence,
            True::Services(_) | True::Cause(_) => ranking
                .suspects
                .first()
                .map_or(0.0, |first| first.confidence),
        };
        let of = suites.entry(&item.suite).or_default();
        of.0 += 1;
        of.1 += usize::from(right);
        of.2 += (said - f64::from(u8::from(right))).powi(2);
    }
    let mean = |(suite, (cases, right, squares)): (&str, (usize, usize, f64))| Measured {
        suite: suite.to_owned(),
        cases,
        figure: right as f64 / cases as f64,
        brier: Some(squares / cases as f64),
    };
    suites.into_iter().map(mean).collect()
}

fn write(file: &Path, tuning: &Tuning) -> Result<()> {
    let text = format!(
        "# Made by `cargo xtask tune`; don't edit. What each number means stands beside its field in\n\
         # crates/model/src/tuning.rs. Numbers that were set by hand are constants in the code.\n\n{}",
        tuning.to_text()?
    );
    std::fs::write(file, text).with_context(|| {
        format!(
            "{} can't be written: expected a file in a folder that is there",
            file.display()
        )
    })
}

fn tell(output: Output, before: &[Measured], found: &[Found]) -> Result<u8> {
    if output == Output::Json {
        print::json(&json!({ "before": before, "found": found }))?;
        return Ok(0);
    }
    let mut rows = Vec::new();
    for one in found {
        for (suite, before) in one.suites.iter().zip(before) {
            let brier = suite.brier.map(|brier| format!("{brier:.3}"));
            rows.push(vec![
                one.left_out.clone().unwrap_or_else(|| "none".to_owned()),
                suite.suite.clone(),
                format!("{:.3}", suite.figure),
                format!("{:.3}", before.figure),
                brier.unwrap_or_else(|| "–".to_owned()),
            ]);
        }
    }
    let head = ["left out", "suite", "figure", "before", "Brier"];
    println!("{}", print::table(&head, rows));
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_on_is_not_tuned_on() {
        assert!([1, 20, 7000, 7999].into_iter().all(is_measured));
        assert!(![0, 21, 101, 8000].into_iter().any(is_measured));
    }

    #[test]
    fn calm_is_what_ends_before_the_onset_and_has_a_past() {
        let minute = 60_000;
        let at = |minutes: i64| Timestamp(minutes * minute);
        assert_eq!(calm(at(0), at(30)), Some(at(24)));
        assert_eq!(calm(at(0), at(10)), None);
    }
}
