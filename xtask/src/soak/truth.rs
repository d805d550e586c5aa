//! What the answers are worth where nothing may change them, and on the shop's own failures.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::cases::source;
use super::{Ended, Until};
use crate::step::{datapulse, root};

/// Seeds of the shop in the full run, times all faults.
const SEEDS: &str = "1..20";
/// Of 160 runs, at least so many put the right cause first.
const RIGHT_OF_160: u64 = 152;

/// Which part of it.
pub struct Plan {
    seeds: String,
    sample: Option<usize>,
    seed: u64,
}

impl Plan {
    pub fn full(seed: u64) -> Self {
        Self {
            seeds: SEEDS.to_owned(),
            sample: None,
            seed,
        }
    }

    /// Every fault with one seed, and so many recorded cases.
    pub fn sample(cases: usize, seed: u64) -> Self {
        Self {
            seeds: seed.to_string(),
            sample: Some(cases),
            seed,
        }
    }
}

pub fn run(plan: &Plan, until: Until) -> Result<Ended> {
    let mut says = Vec::new();
    let demo = read(&["eval", "demo", "--seeds", &plan.seeds])?;
    let summary = &demo["summary"];
    let count = |key: &str| summary[key].as_u64().unwrap_or(0);
    let (runs, right) = (count("runs"), count("cause_right"));
    let enough = runs > 0 && right * 160 >= RIGHT_OF_160 * runs;
    let mut well = enough && count("blamed_innocent") == 0;
    says.push(format!(
        "the shop's failures, seeds {}: {} of {runs} noticed, the right cause first in {right}, an innocent change blamed in {}, recovered {}",
        plan.seeds,
        count("noticed"),
        count("blamed_innocent"),
        count("recovered"),
    ));
    if until.over() {
        says.push("recorded incidents told in other ways: no time was left".to_owned());
        well = false;
    } else {
        let (told, stays) = robustness(plan)?;
        well &= stays;
        says.push(told);
    }
    Ok(Ended {
        well,
        says: says.join("; "),
    })
}

fn robustness(plan: &Plan) -> Result<(String, bool)> {
    let (source, from) = source();
    let source = source.display().to_string();
    let seed = plan.seed.to_string();
    let mut arguments = vec!["eval", "robustness", &source, "--seed", &seed];
    let sample = plan.sample.map(|cases| cases.to_string());
    if let Some(sample) = &sample {
        arguments.extend(["--sample", sample]);
    }
    let told = read(&arguments)?;
    let stayed = told["stayed"].as_array().context("no table")?;
    let sum = |key: &str| -> u64 { stayed.iter().filter_map(|of| of[key].as_u64()).sum() };
    let changed: Vec<String> = stayed
        .iter()
        .filter(|of| of["same"].as_u64() < of["needed"].as_u64())
        .map(|of| format!("{} {}", of["suite"], of["variant"]))
        .collect();
    let short = match changed.as_slice() {
        [] => String::new(),
        of => format!("; too seldom: {}", of.join(", ")),
    };
    let says = format!(
        "recorded incidents of {from} told in seven other ways, seed {seed}: the same first answer in {} of {}{short}",
        sum("same"),
        sum("cases"),
    );
    Ok((says, told["well"] == true))
}

/// Runs a check of the binary (exit code 3 is an answer, too) and reads what it prints.
fn read(arguments: &[&str]) -> Result<Value> {
    let shown = arguments.join(" ");
    let output = Command::new(datapulse())
        .args(arguments)
        .args(["-o", "json"])
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("datapulse {shown}"))?;
    if !matches!(output.status.code(), Some(0 | 3)) {
        bail!("datapulse {shown}: {}", output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("datapulse {shown}"))
}
