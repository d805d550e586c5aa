//! `datapulse pki`: an authority, and certificates by role.

use std::path::Path;

use anyhow::Result;
use chrono::Utc;
use serde_json::{Value, json};

use super::keys::writer;
use crate::arguments::{Output, Pki};
use crate::context::Context as Here;
use crate::{pki, print};

/// Exit code of a check that says no.
const SAYS_NO: u8 = 3;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub fn run(here: &Here, command: Pki) -> Result<u8> {
    match command {
        Pki::Init { dir, name, days } => init(here, &dir, &name, days),
        Pki::Issue {
            dir,
            role,
            name,
            days,
        } => {
            pki::issue(&dir, writer(&role)?, &name, days, Utc::now())?;
            told(here, &dir, &[role])
        }
        Pki::Show { dir } => show(here, &dir),
    }
}

fn init(here: &Here, dir: &Path, names: &[String], days: u32) -> Result<u8> {
    let made = pki::init(dir, names, days, Utc::now())?;
    told(here, dir, &made)
}

fn told(here: &Here, dir: &Path, made: &[String]) -> Result<u8> {
    if here.output == Output::Json {
        print::json(&json!({ "dir": dir, "made": made }))?;
    } else if made.is_empty() {
        println!("{} is whole: nothing was made", dir.display());
    } else {
        println!("made in {}: {}", dir.display(), made.join(", "));
        println!("keep ca.key where no server runs: whoever has it is any role");
    }
    Ok(0)
}

fn show(here: &Here, dir: &Path) -> Result<u8> {
    let now = Utc::now().timestamp_millis();
    let mut ended = false;
    let lines: Vec<Value> = pki::show(dir)?
        .into_iter()
        .map(|(name, facts)| {
            let days = (facts.ends.ms() - now).div_euclid(DAY_MS);
            ended |= facts.ends.ms() <= now;
            json!({
                "certificate": name,
                "uri": facts.uris.join(" "),
                "names": facts.names.join(" "),
                "ends": facts.ends,
                "days": days,
            })
        })
        .collect();
    let code = if ended { SAYS_NO } else { 0 };
    if here.output == Output::Json {
        print::json(&json!({ "items": lines }))?;
        return Ok(code);
    }
    let columns = ["certificate", "uri", "names", "ends", "days"];
    let rows = lines
        .iter()
        .map(|line| columns.iter().map(|key| print::cell(line, key)).collect())
        .collect();
    let headings = ["certificate", "who", "names", "ends", "days left"];
    println!("{}", print::table(&headings, rows));
    Ok(code)
}
