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
    if here.output == Output::Json {
        let steps: Vec<Value> = steps
            .iter()
            .map(|step| json!({ "what": step.what, "change": word(step, dry_run) }))
            .collect();
        let server = store.server();
        print::json(&json!({
            "cluster": server.cluster_name,
            "version": server.version,
            "dry_run": dry_run,
            "steps": steps,
        }))?;
        return Ok(0);
    }
    for step in &steps {
        println!("{:<13} {}", word(step, dry_run), print::plain(&step.what));
    }
    Ok(0)
}

fn word(step: &Step, dry_run: bool) -> &'static str {
    match (step.change, dry_run) {
        (Change::Unchanged, _) => "unchanged",
        (Change::Made, false) => "made",
        (Change::Made, true) => "would make",
        (Change::Replaced, false) => "replaced",
        (Change::Replaced, true) => "would replace",
    }
}
