//! Investigations of recorded incidents, as the binary itself times them.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::figure::{Figure, Promise, at_share};
use super::{Plan, fresh, shared};

const CASES: &str = "cases/incidents";
const SUITE: &str = "nezha-trainticket";
const MS: f64 = 1_000.0;

pub fn run(plan: &Plan) -> Result<Vec<Figure>> {
    let figure = |ours, work| Figure {
        name: "investigate".to_owned(),
        ours,
        unit: "ms",
        promised: Promise::Under(MS),
        more_is_better: false,
        peer: Err("nothing else reads these cases".to_owned()),
        work,
    };
    let Some(cases) = shared(CASES) else {
        return Ok(vec![figure(
            None,
            "not measured: ../shared/cases isn't there".to_owned(),
        )]);
    };
    let answers = fresh("investigate")?.join("answers.jsonl");
    let status = Command::new(plan.binary())
        .args(["eval", "incidents"])
        .arg(cases)
        .args(["--suite", SUITE, "--mode", "given", "--answers"])
        .arg(&answers)
        .stdout(Stdio::null())
        .status()
        .context("datapulse eval incidents")?;
    if !status.success() {
        bail!("datapulse eval incidents ended with {status}");
    }
    let mut times = Vec::new();
    for line in fs::read_to_string(&answers)?.lines() {
        let answer: Value = serde_json::from_str(line)?;
        times.push(
            answer["elapsed_ms"]
                .as_f64()
                .with_context(|| format!("no elapsed_ms in {line}"))?,
        );
    }
    let work = format!(
        "{} recorded cases of {SUITE} in given mode, p95",
        times.len()
    );
    Ok(vec![figure(at_share(&mut times, 0.95), work)])
}
