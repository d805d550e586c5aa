//! Made-up texts for the parser and made-up queries for the planner, a part of the runs at a time.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;

use super::demos::rounded;
use super::ledger::Ledger;
use super::{Ended, Until};
use crate::step::built;

/// What is fuzzed, and the runs that one process takes.
const TARGETS: [(&str, u64); 2] = [("parser", 250_000), ("planner", 20_000)];

/// So many runs of each.
pub fn run(runs: u64, seed: u64, until: Until) -> Result<Ended> {
    let mut ledger = Ledger::open("fuzz", true)?;
    // In turn, so that a run that is cut short has some of each.
    let parts = TARGETS.map(|(_, of_one)| runs.div_ceil(of_one));
    for part in 0..parts.into_iter().max().unwrap_or(0) {
        for ((target, of_one), parts) in TARGETS.into_iter().zip(parts) {
            let key = format!("{target}/{seed}/{part}");
            if part >= parts || ledger.has(&key) || until.over() {
                continue;
            }
            ledger.add(one(target, &key, seed + part, of_one)?)?;
        }
    }
    let (done, well) = (ledger.done()?, ledger.count("ended_well"));
    let of = |target: &str| -> u64 {
        let lines = ledger.lines.iter().filter(|line| line["target"] == target);
        lines.filter_map(|line| line["runs"].as_u64()).sum()
    };
    let slowest = ledger.numbers("slowest_ms").last().copied();
    let says = format!(
        "{} made-up texts for the parser and {} made-up queries for parser and planner, of {runs} each (seeds from {seed}): {well} of {done} parts without a panic or a run over 1 s; the slowest took {} ms",
        of("parser"),
        of("planner"),
        slowest.unwrap_or_default(),
    );
    Ok(Ended {
        well: well == done,
        says,
    })
}

fn one(target: &str, key: &str, seed: u64, runs: u64) -> Result<serde_json::Value> {
    let began = Instant::now();
    let output = Command::new(built("examples/fuzz"))
        .args([
            target,
            "--seed",
            &seed.to_string(),
            "--runs",
            &runs.to_string(),
        ])
        .stderr(Stdio::inherit())
        .output()
        .context("the fuzzer")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let told = text.lines().last().and_then(told);
    if !output.status.success() {
        eprint!("{text}");
    }
    let (made, slowest_ms) = told.unwrap_or_default();
    Ok(json!({
        "key": key, "target": target, "runs": made, "slowest_ms": slowest_ms,
        "ended_well": output.status.success() && made == runs,
        "took_s": rounded(began.elapsed().as_secs_f64()),
    }))
}

/// `N runs, slowest N ms`
fn told(line: &str) -> Option<(u64, u64)> {
    let (runs, rest) = line.split_once(" runs, slowest ")?;
    Some((runs.parse().ok()?, rest.strip_suffix(" ms")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn the_last_line_tells() {
        assert_eq!(told("250000 runs, slowest 3 ms"), Some((250_000, 3)));
        assert_eq!(told("panicked: \"FROM\""), None);
    }
}
