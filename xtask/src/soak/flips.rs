//! Bits that flip anywhere in a data folder: the store's own test, with more of them.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;

use super::demos::rounded;
use super::ledger::Ledger;
use super::{Ended, Until};
use crate::step::cargo;

/// Folders of one run of the test, of each of its two kinds.
const OF_ONE: usize = 500;
const KINDS: usize = 2;
const TESTS: &str = "flips::nothing_acknowledged_is_lost_silently";

pub fn run(folders: usize, seed: u64, until: Until) -> Result<Ended> {
    let mut ledger = Ledger::open("flips", true)?;
    for part in 0..folders.div_ceil(OF_ONE * KINDS) {
        let seed = seed + part as u64;
        let key = format!("{seed}");
        if ledger.has(&key) || until.over() {
            continue;
        }
        let began = Instant::now();
        let output = cargo()
            .args(["test", "-q", "--workspace", "--test", "embedded", "--"])
            .arg(TESTS)
            .env("DATAPULSE_SOAK_FLIPS", OF_ONE.to_string())
            .env("DATAPULSE_SOAK_SEED", seed.to_string())
            .stderr(Stdio::inherit())
            .output()
            .context("cargo test")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let well = output.status.success() && said.contains("2 passed");
        if !well {
            eprint!("{said}");
        }
        ledger.add(json!({
            "key": key, "folders": OF_ONE * KINDS, "ended_well": well, "took_s": rounded(began.elapsed().as_secs_f64()),
        }))?;
    }
    let (done, well) = (ledger.done()?, ledger.count("ended_well"));
    let made = ledger.sum("folders");
    let says = format!(
        "{made} of {folders} folders planned, each with one bit flipped or one file cut at a place by chance (seeds from {seed}): in {well} of {done} runs nothing that was acknowledged was missing without a word."
    );
    Ok(Ended {
        well: well == done,
        says,
    })
}
