//! `datapulse store`: what an operator does with what is kept.

mod backup;
mod compact;
mod setup;
mod stats;
mod verify;

use anyhow::Result;
pub use setup::tell;

use crate::arguments::Store;
use crate::context::Context as Here;
use crate::refusal::wrong_use;

/// Exit code of a check that says no.
const SAYS_NO: u8 = 3;

pub async fn run(here: &Here, command: Store) -> Result<u8> {
    match command {
        Store::Verify { deep } => verify::run(here, deep).await,
        Store::Stats {
            index,
            sort,
            offset,
            limit,
        } => stats::run(here, index, &sort, offset, limit).await,
        Store::Compact { index } => compact::run(here, index).await,
        Store::Backup { destination, link } => backup::make(here, &destination, link).await,
        Store::Restore { backup } => backup::restore(here, &backup).await,
        Store::Setup { dry_run } => setup::run(here, dry_run).await,
    }
}

/// A cluster keeps its own copies.
fn embedded_only(here: &Here, command: &str) -> Result<()> {
    if here.configuration.is_elasticsearch() {
        return Err(wrong_use(format!(
            "store {command} is for the embedded store; [backends] store names Elasticsearch: use its snapshots \
             (PUT _snapshot/REPOSITORY/NAME), which hold the journal too, and keep anchors-*.log of the data folder"
        )));
    }
    Ok(())
}
