//! `kill -9` of a process that ingests: the store's own test, with more kills.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;

use super::demos::rounded;
use super::ledger::Ledger;
use super::{Ended, Until};
use crate::step::cargo;

/// Kills of one folder: its documents are all read after each, so that more would take ever longer.
const KILLS_OF_ONE: usize = 50;
const TEST: &str = "crash::acknowledged_batches_survive_kill_9";

pub fn run(kills: usize, seed: u64, until: Until) -> Result<Ended> {
    let mut ledger = Ledger::open("ingest", true)?;
    for part in 0..kills.div_ceil(KILLS_OF_ONE) {
        let seed = seed + part as u64;
        let key = format!("{seed}");
        if ledger.has(&key) || until.over() {
            continue;
        }
        let count = KILLS_OF_ONE.min(kills - part * KILLS_OF_ONE);
        let began = Instant::now();
        let output = cargo()
            // With the whole workspace's features, so that the engine isn't built a second time.
            .args([
                "test",
                "-q",
                "--workspace",
                "--test",
                "embedded",
                "--",
                "--exact",
                TEST,
            ])
            .args(["--nocapture"])
            .env("DATAPULSE_SOAK_KILLS", count.to_string())
            .env("DATAPULSE_SOAK_SEED", seed.to_string())
            .stderr(Stdio::inherit())
            .output()
            .context("cargo test")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = said
            .lines()
            .filter(|line| line.starts_with("kill "))
            .count();
        let well = output.status.success() && told == count;
        if !well {
            eprint!("{said}");
        }
        ledger.add(json!({
            "key": key, "kills": told, "ended_well": well, "took_s": rounded(began.elapsed().as_secs_f64()),
            "last": said.lines().rfind(|line| line.starts_with("kill ")),
        }))?;
    }
    let (done, well) = (ledger.done()?, ledger.count("ended_well"));
    let made = ledger.sum("kills");
    let says = format!(
        "{made} of {kills} kills planned of a process that ingests, over {done} folders (seeds from {seed}): in {well} of {done} every acknowledged batch was there whole, no document twice, and nothing was called damaged."
    );
    Ok(Ended {
        well: well == done,
        says,
    })
}
