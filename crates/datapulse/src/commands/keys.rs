//! `datapulse keys`: whose signatures count, and how that changes.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use casework::Clock;
use integrations::Secret;
use model::{Act, Timestamp, Trusted, Writer};
use serde_json::{Value, json};

use crate::arguments::{Keys, Output};
use crate::backend::Backend;
use crate::context::Context as Here;
use crate::keys::{self, bundle, change};
use crate::print;
use crate::refusal::wrong_use;
use crate::{owner_only, wire};

/// Where the embedded store keeps its journal: without it there are no records yet.
const DATABASE: &str = "truth.db";
const PASSPHRASE: &str = "DATAPULSE_KEYS_PASSPHRASE";
/// A day: whoever wants a key to count longer doesn't rotate it yet.
const LONGEST_OVERLAP_S: u32 = 24 * 60 * 60;

pub async fn run(here: &Here, command: Keys) -> Result<u8> {
    let folder = here.folder.join(keys::FOLDER);
    match command {
        Keys::Init => init(here, &folder).await,
        Keys::List => list(here, &folder),
        Keys::Rotate { role, overlap } => rotate(here, &folder, &role, overlap).await,
        Keys::Export {
            file,
            role,
            passphrase,
        } => {
            let passphrase = secret(passphrase.passphrase_file.as_deref())?;
            export(here, &folder, &file, &role, &passphrase)
        }
        Keys::Import { file, passphrase } => {
            let passphrase = secret(passphrase.passphrase_file.as_deref())?;
            let roles = bundle::open(&file, &folder, &passphrase)?;
            told(here, &roles, &format!("are in {}", folder.display()))
        }
    }
}

/// A role by its name, or an error that lists them.
pub fn writer(role: &str) -> Result<Writer> {
    Writer::parse(role).ok_or_else(|| {
        let known = Writer::ALL.map(Writer::name).join(", ");
        wrong_use(format!("there is no role {role:?}: {known}"))
    })
}

async fn init(here: &Here, folder: &Path) -> Result<u8> {
    let now = moment(here).await?;
    let acts = change::complete(folder, now)?;
    let made = acts.len();
    note(here, acts).await?;
    if here.output == Output::Json {
        print::json(&json!({ "folder": folder, "changes": made }))?;
    } else if made == 0 {
        println!("{} has a key for each role already", folder.display());
    } else {
        println!("each role has a key of its own in {}", folder.display());
    }
    Ok(0)
}

fn list(here: &Here, folder: &Path) -> Result<u8> {
    let ring = keys::ring(&here.folder)?;
    let mut all: Vec<&Trusted> = ring.trusted().collect();
    all.sort_by_key(|key| (key.writers.first().copied(), key.since));
    let lines: Vec<Value> = all
        .into_iter()
        .map(|key| {
            let names: Vec<&str> = key.writers.iter().map(|writer| writer.name()).collect();
            let name = key.name().unwrap_or_default();
            json!({
                "key": name,
                "role": names.join(" "),
                "since": key.since,
                "until": key.until,
                "private": keys::holds(folder, key),
                "public": key.public,
            })
        })
        .collect();
    if here.output == Output::Json {
        print::json(&json!({ "items": lines }))?;
        return Ok(0);
    }
    let columns = ["key", "role", "since", "until", "private"];
    let rows = lines
        .iter()
        .map(|line| columns.iter().map(|key| print::cell(line, key)).collect())
        .collect();
    let headings = ["key", "role", "since", "until", "private half here"];
    println!("{}", print::table(&headings, rows));
    Ok(0)
}

async fn rotate(here: &Here, folder: &Path, role: &str, overlap: u32) -> Result<u8> {
    let writer = writer(role)?;
    let overlap_ms = i64::from(overlap) * 1_000;
    if overlap_ms < change::SHORTEST_OVERLAP_MS || overlap > LONGEST_OVERLAP_S {
        return Err(wrong_use(format!(
            "--overlap: expected {} to {LONGEST_OVERLAP_S} seconds, got {overlap}",
            change::SHORTEST_OVERLAP_MS / 1_000
        )));
    }
    let now = moment(here).await?;
    let acts = change::rotate(folder, writer, now, overlap_ms)?;
    let trusted = acts.iter().find_map(|act| match act {
        Act::KeyTrusted { key } => key.name().ok(),
        _ => None,
    });
    note(here, acts).await?;
    let name = trusted.context("no key was made")?;
    if here.output == Output::Json {
        print::json(&json!({
            "role": writer.name(),
            "key": name,
            "old_until": now.plus_ms(overlap_ms),
        }))?;
    } else {
        println!(
            "{} signs with {name} from now on; the key before it counts for {overlap} s more, and then verifies what it signed",
            writer.name()
        );
        println!(
            "a process on another machine needs the new trusted.json, and {0}.key where it runs {0}",
            writer.name()
        );
    }
    Ok(0)
}

/// The wall's time, or that of the newest record where a demo's clock is ahead of it: a key can't
/// begin after records that it is to sign, nor end before those that it signed.
async fn moment(here: &Here) -> Result<Timestamp> {
    let mut now = Clock::wall().now();
    if !here.configuration.is_elasticsearch() && !here.folder.join(DATABASE).exists() {
        return Ok(now);
    }
    let journal = here.reading().await?.journal();
    for chain in journal.incidents().await? {
        if let Some(last) = journal.records(&chain).await?.last()
            && let Ok(record) = last.record()
        {
            now = now.max(record.at);
        }
    }
    Ok(now)
}

/// In the system chain: by the server that runs, which takes up the keys by itself; else here.
async fn note(here: &Here, acts: Vec<Act>) -> Result<()> {
    if acts.is_empty() || here.find_server()?.is_some() {
        return Ok(());
    }
    let store = Backend::open(&here.configuration, &here.folder).await?;
    let casework = wire::casework(&store, &here.configuration, Clock::wall())?;
    keys::sign_if_any(&casework, &here.folder)?;
    let actor = gateway::Principal::local().actor();
    for act in acts {
        casework.record_act(actor.clone(), act).await?;
    }
    Ok(())
}

fn export(
    here: &Here,
    folder: &Path,
    file: &Path,
    roles: &[String],
    passphrase: &Secret,
) -> Result<u8> {
    if file.exists() {
        anyhow::bail!("{} is there already: name another file", file.display());
    }
    let named = roles.iter().map(|role| writer(role));
    let roles = match roles.is_empty() {
        true => Writer::ALL.to_vec(),
        false => named.collect::<Result<Vec<Writer>>>()?,
    };
    let (bytes, held) = bundle::seal(folder, &roles, passphrase)?;
    owner_only::write(file, &bytes)?;
    told(here, &held, &format!("are sealed in {}", file.display()))
}

fn told(here: &Here, roles: &[Writer], what: &str) -> Result<u8> {
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    if here.output == Output::Json {
        print::json(&json!({ "roles": names }))?;
    } else {
        println!("the ring and the keys of {} {what}", names.join(", "));
    }
    Ok(0)
}

fn secret(file: Option<&Path>) -> Result<Secret> {
    let text = match file {
        Some(file) => fs::read_to_string(file)
            .with_context(|| format!("--passphrase-file: {} can't be read", file.display()))?,
        None => std::env::var(PASSPHRASE).map_err(|_| {
            wrong_use(format!(
                "no passphrase: set {PASSPHRASE}, or name --passphrase-file"
            ))
        })?,
    };
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}
