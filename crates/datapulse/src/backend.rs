//! The store that the configuration names: everything else knows it by what it keeps.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use store::elastic::Address;
use store::embedded::{Embedded, Options};
use store::{Care, Elastic, Journal, Knowledge, Telemetry, Verification};

use crate::client::shown;
use crate::configuration::Configuration;

/// Cheap to clone.
#[derive(Clone)]
pub enum Backend {
    Embedded(Embedded),
    Elastic(Elastic),
}

impl From<Embedded> for Backend {
    fn from(store: Embedded) -> Self {
        Self::Embedded(store)
    }
}

impl Backend {
    /// Opens for reading and writing. `folder` holds all of an embedded store, and what stays on
    /// this machine of another.
    pub async fn open(configuration: &Configuration, folder: &Path) -> Result<Self> {
        Ok(match configuration.elasticsearch()? {
            Some(address) => Self::Elastic(set_up(configuration, address, folder).await?),
            None => Self::Embedded(Embedded::open(folder, Options::default()).await?),
        })
    }

    /// Opens for reading only, as it is now; also beside a process that writes.
    pub async fn open_reading(configuration: &Configuration, folder: &Path) -> Result<Self> {
        Ok(match configuration.elasticsearch_to_read()? {
            Some(address) => Self::Elastic(Elastic::open_reading(address, folder).await?),
            None => Self::Embedded(Embedded::open_reading(folder).await?),
        })
    }

    /// The embedded store, where it is that one.
    pub fn embedded(&self) -> Option<&Embedded> {
        match self {
            Self::Embedded(store) => Some(store),
            Self::Elastic(_) => None,
        }
    }

    pub fn journal(&self) -> Arc<dyn Journal> {
        match self {
            Self::Embedded(store) => Arc::new(store.clone()),
            Self::Elastic(store) => Arc::new(store.clone()),
        }
    }

    pub fn telemetry(&self) -> Arc<dyn Telemetry> {
        match self {
            Self::Embedded(store) => Arc::new(store.clone()),
            Self::Elastic(store) => Arc::new(store.clone()),
        }
    }

    pub fn knowledge(&self) -> Arc<dyn Knowledge> {
        match self {
            Self::Embedded(store) => Arc::new(store.clone()),
            Self::Elastic(store) => Arc::new(store.clone()),
        }
    }

    pub fn care(&self) -> Arc<dyn Care> {
        match self {
            Self::Embedded(store) => Arc::new(store.clone()),
            Self::Elastic(store) => Arc::new(store.clone()),
        }
    }

    /// Walks the journal and its anchors.
    pub async fn verify(&self) -> Result<Verification, store::Error> {
        match self {
            Self::Embedded(store) => store.verify().await,
            Self::Elastic(store) => store.verify().await,
        }
    }

    /// What a stop waits for.
    pub async fn flush(&self) -> Result<(), store::Error> {
        match self {
            Self::Embedded(store) => store.flush().await,
            // What was acknowledged is the cluster's.
            Self::Elastic(_) => Ok(()),
        }
    }

    /// The store's own list of heads.
    pub fn anchors_path(&self) -> PathBuf {
        match self {
            Self::Embedded(store) => store.anchors_path(),
            Self::Elastic(store) => store.anchors_path(),
        }
    }

    /// What can't be trusted.
    pub fn damaged(&self) -> Vec<String> {
        match self {
            Self::Embedded(store) => store
                .health()
                .damaged
                .iter()
                .map(ToString::to_string)
                .collect(),
            Self::Elastic(_) => Vec::new(),
        }
    }

    /// Where it keeps things, for people.
    pub fn place(&self, folder: &Path) -> String {
        match self {
            Self::Embedded(_) => shown(folder).display().to_string(),
            Self::Elastic(store) => {
                let server = store.server();
                format!("Elasticsearch {} ({})", server.version, server.cluster_name)
            }
        }
    }
}

async fn set_up(configuration: &Configuration, address: Address, folder: &Path) -> Result<Elastic> {
    let store = Elastic::open(address, folder).await?;
    store
        .set_up(configuration.retention.telemetry_days, false)
        .await?;
    // Agents find open incidents by what is shown of them.
    let made = store.catch_up().await?;
    if made > 0 {
        tracing::info!(made, "projections that lagged behind were made again");
    }
    Ok(store)
}
