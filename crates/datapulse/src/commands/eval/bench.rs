//! A shop, the store that its telemetry goes to, and the agents, on a clock that is set by hand.

use std::sync::Arc;

use analyst::Analyst;
use anyhow::{Context as _, Result, bail};
use casework::{Clock, Stage as _};
use executor::Executor;
use model::incident::ProposalStage;
use model::tuning::Tuning;
use model::{Incident, Recovery, Redactor, Timestamp};
use resolver::Resolver;
use sentinel::Sentinel;
use serde_json::{Map, Value};
use simulator::telemetry::documents;
use simulator::world::HISTORY_MS;
use simulator::{Fault, Naming, Setting, Shop, control};
use store::{Document, ItemResult, Operation};
use tokio::task::JoinHandle;

use crate::backend::Backend;
use crate::demo::{responders, shorten};
use crate::import;
use crate::wire::{self, Parts};

/// When the shop's world begins: any moment would do, and it is the same in every run.
const START_MS: i64 = 1_790_000_000_000;
/// Sentinel begins to look so long before the fault.
pub const AHEAD_MS: i64 = 60_000;
/// A fault that isn't noticed, or a repair that isn't judged, after so long of the shop's time, isn't.
pub const PATIENCE_MS: i64 = 12 * 60_000;
/// The platform's token: its API listens on this machine's own address while a shop runs.
pub const TOKEN: &str = "eval";

/// A shop, the store that its telemetry goes to, and the agents.
pub struct Bench {
    pub shop: Shop,
    pub parts: Parts,
    pub clock: Clock,
    sentinel: Sentinel,
    pub analyst: Analyst,
    pub resolver: Resolver,
    executor: Executor,
    /// Documents before this moment are in.
    fed_ms: i64,
    platform: JoinHandle<()>,
    // The store's folder goes with this.
    _imported: import::Imported,
    _folder: tempfile::TempDir,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.platform.abort();
    }
}

impl Bench {
    pub async fn set(
        configuration: &crate::configuration::Configuration,
        seed: u64,
        fault: Fault,
    ) -> Result<Self> {
        let redactor = configuration.redaction.redactor()?;
        Self::set_with(configuration, seed, fault, redactor).await
    }

    /// With another redactor than the configuration's.
    pub async fn set_with(
        configuration: &crate::configuration::Configuration,
        seed: u64,
        fault: Fault,
        redactor: Redactor,
    ) -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder for the shop")?;
        let setting = Setting {
            seed,
            fault: Some(fault),
            start_ms: START_MS,
            naming: Naming::default(),
        };
        let shop = Shop::open(&folder.path().join("shop"), setting)?;
        let imported = import::empty().await?;
        let store = Backend::from(imported.store.clone());
        let begin = START_MS - HISTORY_MS;
        let clock = Clock::manual(Timestamp(begin));
        let mut parts = Parts::redacting(store, configuration, clock.clone(), redactor).await?;
        shorten(&mut parts);
        let (url, platform) = platform(&shop, &clock).await?;
        let runner = wire::control_api(&url, TOKEN)?;
        let casework = &parts.casework;
        let bench = Self {
            sentinel: Sentinel::new(casework.clone(), parts.sentinel.clone()),
            analyst: Analyst::new(casework.clone()),
            resolver: Resolver::new(casework.clone(), Some(runner.clone())),
            executor: Executor::new(casework.clone(), runner, parts.executor.clone()),
            shop,
            parts,
            clock,
            fed_ms: begin,
            platform,
            _imported: imported,
            _folder: folder,
        };
        let rows = bench.shop.world().lookup().into_iter();
        let rows = rows.map(|row| Document {
            index: "lookup-services".to_owned(),
            operation: Operation::Index,
            id: row["service.name"].as_str().map(str::to_owned),
            source: object(row),
        });
        bench.ingest(rows.collect()).await?;
        Ok(bench)
    }

    /// With other numbers than those that are built in.
    pub fn tune(&mut self, tuning: Arc<Tuning>) {
        self.analyst = Analyst::new(self.parts.casework.clone()).tuned(tuning);
    }

    async fn ingest(&self, documents: Vec<Document>) -> Result<()> {
        for result in self.parts.store.telemetry().ingest(documents).await? {
            if let ItemResult::Refused { reason, .. } = result {
                bail!("a document of the shop was refused: {reason}");
            }
        }
        Ok(())
    }

    /// Lets time pass: what the shop sends until then comes in.
    pub async fn pass(&mut self, to_ms: i64) -> Result<()> {
        let made = documents(&self.shop.world(), self.fed_ms, to_ms);
        let made = made.into_iter().map(|document| Document {
            index: document.index.to_owned(),
            operation: Operation::Create,
            id: Some(document.id),
            source: object(document.source),
        });
        self.ingest(made.collect()).await?;
        self.fed_ms = to_ms;
        self.clock.set(Timestamp(to_ms));
        Ok(())
    }

    /// One of Sentinel's intervals.
    pub async fn tick(&mut self) -> Result<()> {
        let to = self.clock.now().ms() + self.parts.sentinel.interval_ms;
        self.pass(to).await?;
        self.sentinel.look().await?;
        Ok(())
    }

    pub async fn incidents(&self) -> Result<Vec<Incident>> {
        crate::demo::incidents(&self.parts.casework).await
    }

    pub async fn incident(&self) -> Result<Incident> {
        let all = self.incidents().await?;
        all.into_iter().next().context("the incident is gone")
    }

    /// Ticks from a little before the fault until an incident is open.
    pub async fn noticed(&mut self, fault_ms: i64) -> Result<Option<Incident>> {
        self.pass(fault_ms - AHEAD_MS).await?;
        while self.clock.now().ms() < fault_ms + PATIENCE_MS {
            self.tick().await?;
            if let Some(incident) = self.incidents().await?.into_iter().next() {
                return Ok(Some(incident));
            }
        }
        Ok(None)
    }

    /// Approves the first offer and waits for what the check says of it: the action, and the outcome.
    pub async fn repaired(&mut self) -> Result<(Option<String>, Option<Recovery>)> {
        let incident = self.incident().await?;
        let pending =
            |offered: &&model::incident::ProposalState| offered.stage == ProposalStage::Pending;
        let Some(offered) = incident.proposals.iter().find(pending) else {
            return Ok((None, None));
        };
        let proposal = offered.proposal.id.clone();
        let action = &offered.proposal.action;
        let action = format!("{} {}", action.kind.name(), action.target);
        responders::agree(&self.parts.casework, &incident.id, &proposal).await?;
        let until = self.clock.now().ms() + PATIENCE_MS;
        while self.clock.now().ms() < until {
            self.executor.look(self.incident().await?).await?;
            let incident = self.incident().await?;
            let judged = incident
                .proposal(&proposal)
                .and_then(|state| state.recovery);
            if let Some(recovery) = judged {
                return Ok((Some(action), Some(recovery)));
            }
            self.tick().await?;
        }
        Ok((Some(action), None))
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The shop's control API on a port of its own.
async fn platform(shop: &Shop, clock: &Clock) -> Result<(String, JoinHandle<()>)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .context("the shop's control API finds no port")?;
    let url = format!("http://{}", listener.local_addr()?);
    let clock = clock.clone();
    let router = control::router(shop.clone(), TOKEN, Arc::new(move || clock.now().ms()));
    let serving = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the shop's control API ended");
        }
    });
    Ok((url, serving))
}
