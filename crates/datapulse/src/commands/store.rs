//! `datapulse store`: what an operator does with what is kept.

mod backup;
mod compact;
mod setup;
mod stats;
mod verify;

use anyhow::Result;
pub use setup::tell;

use store::elastic::KeyOf;

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
        Store::Keys { role } => privileges(role.as_deref()),
    }
}

/// What to ask a cluster for: bodies of `POST /_security/api_key`, a line each. They are made by
/// whoever may make keys, not by us.
fn privileges(role: Option<&str>) -> Result<u8> {
    let wanted = match role {
        None => KeyOf::ALL.to_vec(),
        Some(role) => vec![KeyOf::parse(role).ok_or_else(|| {
            let known = KeyOf::ALL.map(KeyOf::name).join(", ");
            wrong_use(format!("there is no key of {role:?}: {known}"))
        })?],
    };
    for of in wanted {
        println!("{}", of.request());
    }
    Ok(0)
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
