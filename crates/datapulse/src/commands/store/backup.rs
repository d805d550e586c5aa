//! `datapulse store backup` and `restore`.

use std::path::Path;

use anyhow::Result;
use casework::Clock;
use serde_json::json;
use store::embedded::{self, Manifest, Restored};

use super::{SAYS_NO, embedded_only, verify};
use crate::arguments::Output;
use crate::client::shown;
use crate::context::Context as Here;
use crate::print;
use crate::progress::Bytes;

/// Works beside a server that writes: it asks nothing of it.
pub async fn make(here: &Here, destination: &Path, link: bool) -> Result<u8> {
    embedded_only(here, "backup")?;
    let bytes = Bytes::of("backed up");
    let now = Clock::wall().now();
    let done = embedded::backup(&here.folder, destination, link, now, bytes.watch()).await?;
    drop(bytes);
    let manifest = &done.manifest;
    if here.output == Output::Json {
        print::json(&json!({
            "backup": shown(destination),
            "made_at": manifest.made_at,
            "segments": manifest.segments.len(),
            "bytes": size(manifest),
            "kept_bytes": done.kept_bytes,
            "documents_in_segments": manifest.documents,
            "records": manifest.records,
            "missing": manifest.missing,
            "keys": false,
        }))?;
    } else {
        for missing in &manifest.missing {
            println!("MISSING {}", print::plain(missing));
        }
        println!(
            "backed up to {}: {}, of which {} were there already",
            shown(destination).display(),
            holds(manifest),
            print::bytes(done.kept_bytes)
        );
        println!(
            "the keys that records are signed with are not in it: `datapulse keys export FILE` seals them for a place of their own"
        );
    }
    Ok(if manifest.missing.is_empty() {
        0
    } else {
        SAYS_NO
    })
}

pub async fn restore(here: &Here, backup: &Path) -> Result<u8> {
    embedded_only(here, "restore")?;
    let bytes = Bytes::of("looked at and copied");
    let restored = embedded::restore(backup, &here.folder, bytes.watch()).await?;
    drop(bytes);
    let manifest = match restored {
        Restored::Done(manifest) => manifest,
        Restored::Damaged(found) => {
            if here.output == Output::Json {
                print::json(&json!({ "restored": false, "faults": found.faults }))?;
            } else {
                verify::tell(&found);
                println!("nothing was restored");
            }
            return Ok(SAYS_NO);
        }
    };
    if here.output == Output::Json {
        print::json(&json!({
            "restored": true,
            "folder": shown(&here.folder),
            "made_at": manifest.made_at,
            "bytes": size(&manifest),
            "documents_in_segments": manifest.documents,
            "records": manifest.records,
            "missing": manifest.missing,
        }))?;
        return Ok(0);
    }
    for missing in &manifest.missing {
        println!("MISSING {}", print::plain(missing));
    }
    println!(
        "restored {} as of {}: {}",
        shown(&here.folder).display(),
        manifest.made_at,
        holds(&manifest)
    );
    Ok(0)
}

fn size(manifest: &Manifest) -> u64 {
    manifest.all().map(|file| file.bytes).sum()
}

fn holds(manifest: &Manifest) -> String {
    format!(
        "{} documents in {} segments, the log, {} records of the journal, {}",
        manifest.documents,
        manifest.segments.len(),
        manifest.records,
        print::bytes(size(manifest))
    )
}
