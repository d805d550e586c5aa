//! `datapulse ml`: anomaly detection jobs in the cluster, whose findings Sentinel takes in.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use casework::Clock;
use serde_json::{Value, json};
use store::elastic::{Change, ml};
use store::{Elastic, Telemetry};

use super::store::tell;
use crate::arguments::{Ml, Output};
use crate::backend::Backend;
use crate::context::Context as Here;
use crate::progress::during;
use crate::refusal::wrong_use;
use crate::{print, wire};

pub async fn run(here: &Here, command: Ml) -> Result<u8> {
    let Some(address) = here.configuration.elasticsearch()? else {
        return Err(wrong_use(
            "machine learning is the cluster's: name Elasticsearch as [backends] store in datapulse.toml; the embedded store has Sentinel's own baselines",
        ));
    };
    let store = Elastic::open_reading(address, &here.folder).await?;
    match command {
        Ml::Install { dry_run } => install(here, &store, dry_run).await,
        Ml::Status => status(here, &store).await,
        Ml::Remove { dry_run } => {
            let steps = during("removing", store.remove_ml(dry_run)).await?;
            tell(here, &steps, dry_run, json!({}))?;
            Ok(0)
        }
    }
}

async fn install(here: &Here, store: &Elastic, dry_run: bool) -> Result<u8> {
    let backend = Backend::Elastic(store.clone());
    let casework = wire::casework(&backend, &here.configuration, Clock::wall())?;
    let profiles = casework.profiles_that_fit().await?;
    let profile = profiles.first().context(
        "no signal profile fits the telemetry that there is: there is nothing yet that a job could learn from",
    )?;
    let fields = store.fields(&profile.index).await?;
    let names: BTreeSet<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let (jobs, missing) =
        ml::jobs(&profile.id, &|name| names.contains(name)).map_err(anyhow::Error::msg)?;
    let steps = during("installing", store.install_ml(&jobs, dry_run)).await?;
    tell(
        here,
        &steps,
        dry_run,
        json!({ "profile": profile.id, "missing": missing }),
    )?;
    if here.output == Output::Text {
        for missing in &missing {
            println!("{:<13} {missing}", "left out");
        }
        if steps.iter().any(|step| step.change == Change::Kept) {
            println!(
                "a job that differs keeps its model: `datapulse ml remove`, then install, makes it anew"
            );
        }
    }
    Ok(0)
}

async fn status(here: &Here, store: &Elastic) -> Result<u8> {
    let jobs = store.ml_status().await?;
    if here.output == Output::Json {
        let jobs: Vec<Value> = jobs
            .iter()
            .map(|one| {
                json!({ "job": one.job, "state": one.state, "datafeed": one.datafeed,
                    "documents": one.documents, "newest": one.newest, "explains": one.explains })
            })
            .collect();
        print::json(&json!({ "jobs": jobs }))?;
        return Ok(0);
    }
    if jobs.is_empty() {
        println!("no job of ours: `datapulse ml install` makes them");
        return Ok(0);
    }
    let rows = jobs
        .into_iter()
        .map(|one| {
            let documents = one.documents.to_string();
            vec![
                one.job,
                one.state,
                one.datafeed,
                documents,
                one.newest,
                one.explains,
            ]
        })
        .collect();
    let head = ["job", "state", "datafeed", "documents", "newest", ""];
    println!("{}", print::table(&head, rows));
    Ok(0)
}
