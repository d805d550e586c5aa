//! The long runs. Each can be resumed: what is done is kept in `target/soak`, a line an item, as
//! long as the binary stays the same. `cargo xtask test` takes a seeded sample of each.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::fuzz::{Plan as DifferentialPlan, differential};
use crate::page;
use crate::step::{cargo, is_release, perform, use_release};

pub mod cases;
pub mod conformance;
mod decisions;
pub mod demos;
pub mod flips;
mod fuzz;
pub mod ingest;
mod inspect;
pub mod kills;
mod ledger;
pub mod truth;

/// The full runs' seed.
const SEED: u64 = 7;
/// Kills of the full runs.
const DEMO_KILLS: usize = 100;
const INGEST_KILLS: usize = 1_000;
const DECISION_KILLS: usize = 50;
/// Folders in which a bit flips, of the full run.
const FLIPPED_FOLDERS: usize = 10_000;
/// Seeds of the full demo run, times all faults.
const DEMO_SEEDS: u64 = 5;

const NAMES: [&str; 10] = [
    "demo",
    "decisions",
    "kills",
    "ingest",
    "flips",
    "cases",
    "truth",
    "conformance",
    "differential",
    "fuzz",
];

/// The differential fuzzer's full run.
const DIFFERENTIAL_SEEDS: u64 = 20;
const DIFFERENTIAL_QUERIES: u64 = 1_000;
/// Runs of the parser, and of the planner.
const FUZZ_RUNS: u64 = 10_000_000;

/// How a long run ended.
pub struct Ended {
    pub well: bool,
    /// What the page says of it, in Markdown.
    pub says: String,
}

/// When to stop; what is left is done by the next call.
#[derive(Clone, Copy)]
pub struct Until(Option<Instant>);

impl Until {
    pub const THE_END: Self = Self(None);

    fn over(self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }
}

pub fn run(arguments: &[String]) -> Result<bool> {
    let (names, minutes) = parse(arguments)?;
    build()?;
    // Building takes none of it.
    let until = Until(minutes.map(|minutes| Instant::now() + Duration::from_secs(minutes * 60)));
    let mut well = true;
    for name in names {
        let began = Instant::now();
        eprintln!("── soak {name}");
        let ended = one(name, until)?;
        eprintln!("── soak {name}: {:.0} s", began.elapsed().as_secs_f64());
        println!("{name}: {}", ended.says);
        let text = format!("{}\n\n{}.", ended.says, page::circumstances());
        page::write(&format!("soak-{name}"), &text)?;
        well &= ended.well;
    }
    Ok(well)
}

fn one(name: &str, until: Until) -> Result<Ended> {
    match name {
        "demo" => demos::run(&demos::Plan::full(DEMO_SEEDS)?, until),
        "kills" => kills::run(&kills::Plan::full(DEMO_KILLS, SEED), until),
        "decisions" => decisions::run(DECISION_KILLS, SEED, until),
        "ingest" => ingest::run(INGEST_KILLS, SEED, until),
        "flips" => flips::run(FLIPPED_FOLDERS, SEED, until),
        "cases" => cases::full(until),
        "truth" => truth::run(&truth::Plan::full(SEED), until),
        "fuzz" => fuzz::run(FUZZ_RUNS, SEED, until),
        "differential" => differential(&DifferentialPlan {
            seed: SEED,
            queries: DIFFERENTIAL_QUERIES,
            seeds: DIFFERENTIAL_SEEDS,
            until: until.0,
            keep: false,
        }),
        _ => conformance::full(),
    }
}

fn parse(arguments: &[String]) -> Result<(Vec<&'static str>, Option<u64>)> {
    let mut names = Vec::new();
    let mut minutes = None;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--minutes" => {
                let value = rest.next().context("--minutes: a number is missing")?;
                let number = value
                    .parse()
                    .with_context(|| format!("--minutes {value:?}: expected a whole number"))?;
                minutes = Some(number);
            }
            // Less of the machine for the same run.
            "--release" => use_release(),
            "all" => names.extend(NAMES),
            other => match NAMES.iter().find(|name| **name == other) {
                Some(name) => names.push(*name),
                None => bail!("there is no long run {other:?}: {}, all", NAMES.join(", ")),
            },
        }
    }
    if names.is_empty() {
        names.extend(NAMES);
    }
    Ok((names, minutes))
}

/// The binary, what reads the shop's own book of actions, and the runner of conformance.
fn build() -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--workspace", "--bins", "--examples"]);
    if is_release() {
        build.arg("--release");
    }
    perform("build datapulse", &mut build)
}

#[cfg(test)]
mod tests {
    use super::{NAMES, parse};

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn names_and_minutes_in_any_order() {
        let (names, minutes) = parse(&words("--minutes 9 kills")).expect("is right");
        assert_eq!((names.as_slice(), minutes), (&["kills"][..], Some(9)));
        let (names, minutes) = parse(&words("")).expect("is right");
        assert_eq!((names.as_slice(), minutes), (&NAMES[..], None));
        assert!(parse(&words("kill")).is_err());
        assert!(parse(&words("kills --minutes soon")).is_err());
    }
}
