//! `datapulse store setup`: what a cluster needs before anything is stored in it.

use anyhow::Result;
use serde_json::{Value, json};
use store::Elastic;
use store::elastic::{Change, Step};

use crate::arguments::Output;
use crate::context::Context as Here;
use crate::print;
use crate::progress::during;
use crate::refusal::wrong_use;

pub async fn run(here: &Here, dry_run: bool) -> Result<u8> {
    let Some(address) = here.configuration.elasticsearch()? else {
        return Err(wrong_use(
            "an embedded store needs no setup; name Elasticsearch as [backends] store in datapulse.toml",
        ));
    };
    // Nothing is stored here, so the folder stays free for a process that serves.
    let store = Elastic::open_reading(address, &here.folder).await?;
    let days = here.configuration.retention.telemetry_days;
    let steps = during("setting up", store.set_up(days, dry_run)).await?;
    let server = store.server();
    let head = json!({ "cluster": server.cluster_name, "version": server.version });
    tell(here, &steps, dry_run, head)?;
    Ok(0)
}

/// A line a step; of a dry run, with what a replaced thing would become.
pub fn tell(here: &Here, steps: &[Step], dry_run: bool, mut head: Value) -> Result<()> {
    if here.output == Output::Json {
        head["dry_run"] = json!(dry_run);
        head["steps"] = steps.iter().map(|step| shown(step, dry_run)).collect();
        return print::json(&head);
    }
    for step in steps {
        println!("{:<13} {}", word(step, dry_run), print::plain(&step.what));
        if dry_run && differs(step) {
            for line in print::differences(&step.before, &step.after) {
                println!("{:<13} {line}", "");
            }
        }
    }
    Ok(())
}

fn shown(step: &Step, dry_run: bool) -> Value {
    let mut shown = json!({ "what": step.what, "change": word(step, dry_run) });
    if differs(step) {
        shown["differences"] = json!(print::differences(&step.before, &step.after));
    }
    shown
}

/// What is made or gone is so as a whole.
fn differs(step: &Step) -> bool {
    matches!(step.change, Change::Replaced | Change::Kept)
}

fn word(step: &Step, dry_run: bool) -> &'static str {
    match (step.change, dry_run) {
        (Change::Unchanged, _) => "unchanged",
        (Change::Kept, _) => "kept",
        (Change::Removed, false) => "removed",
        (Change::Removed, true) => "would remove",
        (Change::Made, false) => "made",
        (Change::Made, true) => "would make",
        (Change::Replaced, false) => "replaced",
        (Change::Replaced, true) => "would replace",
    }
}
