//! `datapulse import`: documents of files into an index. What was imported is passed over when it
//! comes again, so that a run that was ended goes on with the same command.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use crate::arguments::{Import, Output};
use crate::backend::Backend;
use crate::context::Context;
use crate::print;
use crate::refusal::wrong_use;
use crate::transfer::counted::Counted;
use crate::transfer::rows;
use crate::transfer::sink::{Outcome, Sink};

/// Refused documents that are named; the others are only counted.
const MAX_NAMED: u64 = 20;
/// Some document wasn't stored.
const FAILED: u8 = 1;

#[derive(Default)]
struct Done {
    stored: u64,
    there: u64,
    refused: u64,
}

pub async fn run(here: &Context, import: Import) -> Result<u8> {
    for file in &import.files {
        if file != Path::new("-") && !file.is_file() {
            return Err(wrong_use(format!(
                "{}: there is no such file",
                file.display()
            )));
        }
    }
    let sink = match here.server_at(&import.elsewhere)? {
        Some(server) => Sink::Server(server),
        None => Sink::Folder(Backend::open(&here.configuration, &here.folder).await?),
    };
    let mut done = Done::default();
    let mut counted = Counted::new("imported");
    let mut stored = Ok(());
    for file in &import.files {
        stored = one(&sink, &import.index, file, &mut done, &mut counted).await;
        if stored.is_err() {
            break;
        }
    }
    drop(counted);
    // What was stored before an error stays stored.
    sink.close().await?;
    tell(here, &import.index, &done)?;
    stored?;
    Ok(if done.refused == 0 { 0 } else { FAILED })
}

async fn one(
    sink: &Sink,
    index: &str,
    file: &Path,
    done: &mut Done,
    counted: &mut Counted,
) -> Result<()> {
    let mut batches = rows::read(file.to_path_buf());
    while let Some(batch) = batches.recv().await {
        let batch = batch?;
        let numbers: Vec<u64> = batch.iter().map(|row| row.number).collect();
        let outcomes = sink.store(index, batch).await?;
        for (number, outcome) in numbers.into_iter().zip(outcomes) {
            counted.add(1);
            match outcome {
                Outcome::Stored => done.stored += 1,
                Outcome::There => done.there += 1,
                Outcome::Refused(reason) => {
                    done.refused += 1;
                    if done.refused <= MAX_NAMED {
                        let place = format!("{}:{number}", file.display());
                        counted.say(&print::plain(&format!("{place}: {reason}")));
                    }
                }
            }
        }
    }
    Ok(())
}

fn tell(here: &Context, index: &str, done: &Done) -> Result<()> {
    let Done {
        stored,
        there,
        refused,
    } = done;
    if here.output == Output::Json {
        return print::json(
            &json!({ "index": index, "stored": stored, "already_there": there, "refused": refused }),
        );
    }
    if *refused > MAX_NAMED {
        eprintln!("and {} more", refused - MAX_NAMED);
    }
    println!("{index}: {stored} stored, {there} already there, {refused} refused");
    Ok(())
}
