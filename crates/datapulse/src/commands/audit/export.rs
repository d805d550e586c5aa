//! The record as a file: every stored record's bytes, a line each, and beside it a signature over
//! all of them that anybody can check who has the public key.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use model::{Digest, Keyring, StoredRecord, Timestamp, Writer, chain};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::SAYS_NO;
use crate::arguments::Output;
use crate::context::Context as Here;
use crate::keys;
use crate::print;

/// Records of one file that are checked: more is damage or malice.
const MAX_RECORDS: u64 = 100_000_000;

/// What is signed, in this order of fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    sha256: String,
    records: u64,
    chains: u64,
    exported_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Detached {
    manifest: Manifest,
    key: String,
    signature: String,
}

/// `FILE.sig`.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

pub async fn export(here: &Here, file: &Path) -> Result<u8> {
    let now = casework::Clock::wall().now();
    let keys = keys::all(&here.folder, now)?
        .context("there are no keys in the folder to sign with: `datapulse serve` makes them")?;
    let signer = keys.signers.get(&Writer::Gateway).context(
        "an export is signed with the gateway's key, which isn't here: export where the gateway runs",
    )?;
    let store = here.reading().await?;
    let journal = store.journal();
    let shown = file.display().to_string();
    // Whole or not at all.
    let part = file.with_extension("part");
    let made = File::create(&part).with_context(|| format!("{shown} can't be written"))?;
    let (mut out, mut hash) = (BufWriter::new(made), Sha256::new());
    let (mut records, mut chains) = (0, 0);
    for chain in journal.incidents().await? {
        chains += 1;
        for line in journal.records(&chain).await? {
            hash.update(&line.bytes);
            hash.update(b"\n");
            out.write_all(&line.bytes)?;
            out.write_all(b"\n")?;
            records += 1;
        }
    }
    out.into_inner()?.sync_all()?;
    let manifest = Manifest {
        sha256: hex::encode(hash.finalize()),
        records,
        chains,
        exported_at: now,
    };
    let detached = Detached {
        signature: signer.sign(&serde_json::to_vec(&manifest)?),
        key: signer.name().to_owned(),
        manifest,
    };
    fs::write(beside(file), serde_json::to_vec_pretty(&detached)?)
        .with_context(|| format!("{} can't be written", beside(file).display()))?;
    fs::rename(&part, file).with_context(|| format!("{shown} can't be written"))?;
    if here.output == Output::Json {
        print::json(&json!({ "file": shown, "manifest": detached.manifest, "key": detached.key }))?;
    } else {
        println!("{records} records of {chains} chains in {shown}, signed in {shown}.sig");
    }
    Ok(0)
}

/// Holds a file against its signature, and each chain in it against itself.
pub fn check(here: &Here, file: &Path) -> Result<u8> {
    let faults = faults(file, &keys::ring(&here.folder)?)?;
    if here.output == Output::Json {
        print::json(&json!({ "intact": faults.is_empty(), "faults": faults }))?;
    } else {
        for fault in &faults {
            println!("FAULT {}", print::plain(fault));
        }
        if faults.is_empty() {
            println!("intact: as it was exported and signed");
        }
    }
    Ok(if faults.is_empty() { 0 } else { SAYS_NO })
}

fn faults(file: &Path, ring: &Keyring) -> Result<Vec<String>> {
    let shown = beside(file).display().to_string();
    let text = fs::read(beside(file)).with_context(|| format!("{shown} can't be read"))?;
    let detached: Detached =
        serde_json::from_slice(&text).with_context(|| format!("{shown} is no signature"))?;
    let mut faults = Vec::new();
    let signed = serde_json::to_vec(&detached.manifest)?;
    if let Err(why) = ring.verify(Writer::Gateway, &detached.key, &signed, &detached.signature) {
        faults.push(format!("{shown}: {why}"));
    }
    let (mut hash, mut records) = (Sha256::new(), 0);
    let mut of_chain: Vec<StoredRecord> = Vec::new();
    let shown = file.display().to_string();
    let opened = File::open(file).with_context(|| format!("{shown} can't be read"))?;
    for line in BufReader::new(opened).split(b'\n') {
        let bytes = line?;
        records += 1;
        anyhow::ensure!(
            records <= MAX_RECORDS,
            "{shown}: over {MAX_RECORDS} records"
        );
        hash.update(&bytes);
        hash.update(b"\n");
        match serde_json::from_slice::<model::Record>(&bytes) {
            Err(error) => faults.push(format!("line {records} is no record: {error}")),
            Ok(record) => {
                if of_chain
                    .last()
                    .is_some_and(|last| last.incident != record.incident)
                {
                    close(&mut of_chain, &mut faults);
                }
                of_chain.push(StoredRecord {
                    incident: record.incident,
                    seq: record.seq,
                    digest: Digest::of(&bytes),
                    bytes,
                });
            }
        }
    }
    close(&mut of_chain, &mut faults);
    if hex::encode(hash.finalize()) != detached.manifest.sha256 {
        faults.push(format!("{shown} is not the file that was signed"));
    }
    Ok(faults)
}

/// A chain is whole: whether it holds.
fn close(of_chain: &mut Vec<StoredRecord>, faults: &mut Vec<String>) {
    if let Some(first) = of_chain.first()
        && let Err(fault) = chain::check(&first.incident.clone(), of_chain)
    {
        faults.push(fault.to_string());
    }
    of_chain.clear();
}
