//! `datapulse eval demo`: the shop's failures through the whole pipeline, on a clock that is set by
//! hand, so that an hour of the shop's time takes seconds.
//!
//! The pipeline is that of `serve` and of `demo`: Sentinel notices, the Analyst explains, the Resolver
//! proposes, the first proposal is approved, the Executor carries it out over the shop's control API
//! and checks whether it helped. What is true is asked for after the last of it.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use casework::Stage as _;
use model::tuning::Tuning;
use model::{Recovery, Report};
use serde::Serialize;
use serde_json::json;
use simulator::Fault;

use super::bench::Bench;
use super::progress::each;
use super::score::calibration::{self, Calibration, Outcome};
use crate::arguments::{Mode, Output};
use crate::context::Context as Here;
use crate::demo::is_right;
use crate::print;
use crate::refusal::wrong_use;

/// Seeds of one run at most.
const MAX_SEEDS: usize = 1_000;
/// What came of one fault with one seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Ran {
    seed: u64,
    fault: &'static str,
    /// Seconds of the shop's time from the fault's beginning to the incident; none: not noticed.
    noticed_after_s: Option<f64>,
    incidents: usize,
    /// The first cause of the first report.
    cause: Option<String>,
    cause_right: bool,
    /// A change is blamed first where none is guilty.
    blamed_innocent: bool,
    confidence: f64,
    /// The action that was approved and carried out, and what the check said of it.
    action: Option<String>,
    recovered: Option<Recovery>,
}

pub async fn run(here: &Here, tuning: Arc<Tuning>, seeds: &str, faults: &[String]) -> Result<u8> {
    let seeds = read_seeds(seeds)?;
    let faults = read_faults(faults)?;
    let runs = seeds
        .iter()
        .flat_map(|seed| faults.iter().map(move |fault| (*seed, *fault)))
        .collect();
    let ran = each(runs, |(seed, fault)| {
        let (configuration, tuning) = (here.configuration.clone(), tuning.clone());
        async move {
            let ran = play(&configuration, tuning, seed, fault).await;
            ran.with_context(|| format!("fault {}, seed {seed}", fault.name()))
        }
    })
    .await?;
    tell(here.output, &ran)?;
    Ok(0)
}

fn tell(output: Output, ran: &[Ran]) -> Result<()> {
    let outcomes: Vec<Outcome> = ran
        .iter()
        .map(|one| Outcome {
            mode: Mode::Found,
            suite: "demo".to_owned(),
            confidence: one.confidence,
            right: one.cause_right,
        })
        .collect();
    let calibrations: Vec<Calibration> = calibration::calibrations(&outcomes)
        .into_iter()
        .filter(|one| one.suite.is_none())
        .collect();
    let count = |of: &dyn Fn(&Ran) -> bool| ran.iter().filter(|one| of(one)).count();
    let recovered = |one: &Ran| one.recovered == Some(Recovery::Recovered);
    let summary = json!({
        "runs": ran.len(),
        "noticed": count(&|one| one.noticed_after_s.is_some()),
        "cause_right": count(&|one| one.cause_right),
        "blamed_innocent": count(&|one| one.blamed_innocent),
        "one_incident": count(&|one| one.incidents == 1),
        "recovered": count(&recovered),
    });
    if output == Output::Json {
        return print::json(
            &json!({ "runs": ran, "summary": summary, "calibration": calibrations }),
        );
    }
    println!(
        "{:<20} {:>5} {:>8} {:>6} {:>6}  {:<10} cause",
        "fault", "seed", "noticed", "right", "sure", "recovered"
    );
    for one in ran {
        let noticed = one.noticed_after_s.map(|s| format!("{s:.0} s"));
        println!(
            "{:<20} {:>5} {:>8} {:>6} {:>6.2}  {:<10} {}",
            one.fault,
            one.seed,
            noticed.as_deref().unwrap_or("never"),
            if one.cause_right { "yes" } else { "no" },
            one.confidence,
            said(one.recovered),
            print::plain(one.cause.as_deref().unwrap_or("-")),
        );
    }
    println!(
        "\n{} runs: {} noticed, {} right, {} with an innocent change blamed, {} recovered",
        ran.len(),
        summary["noticed"],
        summary["cause_right"],
        summary["blamed_innocent"],
        summary["recovered"]
    );
    if !calibrations.is_empty() {
        println!("\n{}", calibration::table(&calibrations));
    }
    Ok(())
}

fn said(recovered: Option<Recovery>) -> &'static str {
    match recovered {
        None => "-",
        Some(Recovery::Recovered) => "yes",
        Some(Recovery::NoEffect) => "no effect",
        Some(Recovery::Worse) => "worse",
        Some(Recovery::Unknown) => "unknown",
    }
}

/// `1..20` (both ends count), `7`, or several of these with commas.
pub fn read_seeds(text: &str) -> Result<Vec<u64>> {
    let wrong = |part: &str| {
        wrong_use(format!(
            "--seeds {part:?}: expected a number, or FROM..TO, or several with commas; {MAX_SEEDS} seeds at most"
        ))
    };
    let mut seeds = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (from, to) = match part.split_once("..") {
            Some((from, to)) => (from, to.trim_start_matches('=')),
            None => (part, part),
        };
        let (Ok(from), Ok(to)) = (from.parse::<u64>(), to.parse::<u64>()) else {
            return Err(wrong(part));
        };
        let fits = to
            .checked_sub(from)
            .is_some_and(|more| more < MAX_SEEDS as u64);
        if !fits || seeds.len() >= MAX_SEEDS {
            return Err(wrong(part));
        }
        seeds.extend(from..=to);
    }
    seeds.truncate(MAX_SEEDS);
    Ok(seeds)
}

fn read_faults(names: &[String]) -> Result<Vec<Fault>> {
    if names.is_empty() {
        return Ok(Fault::ALL.to_vec());
    }
    let known = Fault::ALL.map(Fault::name).join(", ");
    let fault = |name: &String| {
        Fault::parse(name)
            .ok_or_else(|| wrong_use(format!("--fault {name:?}: expected one of {known}")))
    };
    names.iter().map(fault).collect()
}

async fn play(
    configuration: &crate::configuration::Configuration,
    tuning: Arc<Tuning>,
    seed: u64,
    fault: Fault,
) -> Result<Ran> {
    let mut bench = Bench::set(configuration, seed, fault).await?;
    bench.tune(tuning);
    let fault_ms = bench.shop.world().fault_ms();
    let mut ran = Ran {
        seed,
        fault: fault.name(),
        noticed_after_s: None,
        incidents: 0,
        cause: None,
        cause_right: false,
        blamed_innocent: false,
        confidence: 0.0,
        action: None,
        recovered: None,
    };
    let Some(incident) = bench.noticed(fault_ms).await? else {
        return Ok(ran);
    };
    ran.noticed_after_s = Some((bench.clock.now().ms() - fault_ms) as f64 / 1000.0);
    bench.analyst.look(incident).await?;
    let explained = bench.incident().await?;
    bench.resolver.look(explained.clone()).await?;
    (ran.action, ran.recovered) = bench.repaired().await?;
    ran.incidents = bench.incidents().await?.len();
    // From here on the truth is known.
    let truth = bench.shop.world().truth();
    let first = explained.report.as_ref().and_then(Report::first);
    if let Some(first) = first {
        ran.cause = Some(first.says.clone());
        ran.confidence = first.confidence;
        ran.cause_right = is_right(truth.as_ref(), &first.cause);
        let guilty = matches!(truth, Some(simulator::Truth::Change { .. }));
        ran.blamed_innocent = !guilty && first.blamed_change.is_some();
    }
    Ok(ran)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_ranges_and_numbers() {
        let read = |text: &str| read_seeds(text).map_err(|error| error.to_string());
        assert_eq!(read("1..4"), Ok(vec![1, 2, 3, 4]));
        assert_eq!(read("7, 2..3"), Ok(vec![7, 2, 3]));
        for wrong in ["", "4..1", "a", "1..100000"] {
            let refused = read(wrong).expect_err(wrong);
            assert!(refused.contains("expected a number"), "{refused}");
        }
        assert!(read_faults(&["nope".to_owned()]).is_err());
    }
}
