//! A hundred decisions at once while the server is killed, again and again with other seeds.

use anyhow::{Result, bail};

use super::{Ended, Until};
use crate::test::clippy;

/// The test that does one round; it kills the server five times.
const TEST: &str = "parallel::a_hundred_decisions_at_once_while_the_server_is_killed";
const KILLS_EACH: usize = 5;
/// As the test reads it.
const SEED_ENV: &str = "DATAPULSE_TEST_SEED";

/// So many kills, rounded up to whole rounds; the seeds follow each other.
pub fn run(kills: usize, seed: u64, until: Until) -> Result<Ended> {
    let rounds = kills.div_ceil(KILLS_EACH);
    let mut well = 0;
    let mut failed = Vec::new();
    for round in 0..rounds {
        if until.over() {
            break;
        }
        let seed = seed + round as u64;
        let mut test = clippy()?;
        test.args([
            "test",
            "--workspace",
            "--test",
            "whole",
            "--",
            "--exact",
            TEST,
        ]);
        let status = test.env(SEED_ENV, seed.to_string()).status()?;
        match status.code() {
            Some(0) => well += 1,
            Some(_) => failed.push(seed.to_string()),
            None => bail!("the test of seed {seed} was ended from outside"),
        }
        eprintln!("── soak decisions: {} of {rounds} rounds", round + 1);
    }
    let mut says = format!(
        "{well} of {rounds} rounds of a hundred decisions by ten people (API, session, command line), seeds from {seed}, {KILLS_EACH} kills each: every yes in the journal once, every offer carried out once, the audit intact with its anchors"
    );
    if !failed.is_empty() {
        says.push_str(&format!("; failed with seeds {}", failed.join(", ")));
    }
    Ok(Ended {
        well: well == rounds,
        says,
    })
}
