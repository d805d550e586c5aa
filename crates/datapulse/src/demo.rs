//! `datapulse demo`: a shop that fails, and DataPulse at work on it, over HTTP like anybody's.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use casework::{Casework, Clock};
use model::{Role, Timestamp, Writer};
use simulator::{Fault, Feed, Naming, Setting, Shop, control};
use store::journal::SummaryFilter;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::arguments::{Demo, Output};
use crate::backend::Backend;
use crate::client::{Address, shown};
use crate::configuration::{Configuration, policy_file};
use crate::context::Context;
use crate::keys;
use crate::refusal::wrong_use;
use crate::serve::{Door, fresh_token, listener, stopped};
use crate::wire::{self, Agents, Parts};

pub mod responders;
#[cfg(test)]
mod scenarios;
mod story;

use responders::RESPONDERS;
pub use story::is_right;

/// How many times as fast as the wall the shop's time runs: while nobody watches, and while
/// somebody does.
const SPEED_UNATTENDED: f64 = 60.0;
const SPEED_WATCHED: f64 = 12.0;
/// Sentinel's part, shortened so that the story takes a minute: in milliseconds of the shop's time.
const INTERVAL_MS: i64 = 15_000;
const WINDOW_MS: i64 = 120_000;
const DELAY_MS: i64 = 20_000;
const SETTLE_MS: i64 = 60_000;
/// How often telemetry leaves the shop, and how much time it is for at most, both of the wall.
const PUSH_EVERY: Duration = Duration::from_millis(50);
const MAX_STEP: Duration = Duration::from_millis(150);
/// Bytes of the control API's token.
const TOKEN_BYTES: usize = 24;
/// The demo's policy in the folder.
const POLICY: &str = "policy.toml";
/// Where the shop's world lies in the folder.
const SHOP: &str = "shop";
const SHIPPER: &str = "demo shipper";
const WRONG_USE: u8 = 2;

pub async fn run(here: &Context, arguments: Demo) -> Result<u8> {
    let began = Instant::now();
    if arguments.list {
        for fault in Fault::ALL {
            println!("{}", fault.name());
        }
        return Ok(0);
    }
    let name = arguments.fault.as_deref().unwrap_or(Fault::ALL[0].name());
    let Some(fault) = Fault::parse(name) else {
        let known = Fault::ALL.map(Fault::name).join(", ");
        eprintln!("datapulse: --fault {name:?}: expected one of {known}");
        return Ok(WRONG_USE);
    };
    crate::log();
    let teller = story::Teller::new(here.output == Output::Json, began);
    let folder = folder(here, fault, arguments.seed);
    let stage = Stage::set(here, &arguments, fault, folder, &teller).await?;
    let code = if arguments.headless {
        stage.unattended(&arguments, &teller).await
    } else {
        stage.watched(&teller).await
    };
    stage.clear().await?;
    code
}

/// The named folder, else a new one for each run.
fn folder(here: &Context, fault: Fault, seed: u64) -> PathBuf {
    here.everywhere.data.clone().unwrap_or_else(|| {
        let now = chrono::Utc::now().format("%Y%m%d-%H%M%S");
        here.folder
            .join(format!("demo-{}-{seed}-{now}", fault.name()))
    })
}

/// Everything that runs during the demo.
struct Stage {
    folder: PathBuf,
    fault: Fault,
    shop: Shop,
    parts: Parts,
    door: Door,
    agents: Agents,
    feeding: JoinHandle<Result<(), simulator::Error>>,
    control: JoinHandle<()>,
    stop: watch::Sender<bool>,
    speed: f64,
}

impl Stage {
    async fn set(
        here: &Context,
        arguments: &Demo,
        fault: Fault,
        folder: PathBuf,
        teller: &story::Teller,
    ) -> Result<Self> {
        let listener = listener(&arguments.listen).await?;
        let store = Backend::open(&here.configuration, &folder).await?;
        check_room(&store, &folder).await?;
        let setting = Setting {
            seed: arguments.seed,
            fault: Some(fault),
            start_ms: Clock::wall().now().ms(),
            naming: Naming::default(),
        };
        let shop = Shop::open(&folder.join(SHOP), setting)?;
        let speed = if arguments.headless {
            SPEED_UNATTENDED
        } else {
            SPEED_WATCHED
        };
        let resumed = resumed_at(&shop, &store).await?;
        // The door must stand before the clock runs, for telemetry comes in through it.
        let standing = Clock::manual(resumed);
        let configuration = &here.configuration;
        let configuration = &with_policy(configuration, &folder)?;
        let early = Parts::new(store.clone(), configuration, standing).await?;
        let intake = Door::open(&early, TcpListener::bind("127.0.0.1:0").await?, false, None)?;
        let shipper = fresh_token(&store, SHIPPER, Role::Shipper, false).await?;
        let feed = Feed::new(shop.clone(), &intake.url, &shipper)?;
        teller.progress(&format!(
            "shop of {} services, fault {}, seed {}: two hours of history come in over HTTP",
            simulator::catalog::SERVICES,
            fault.name(),
            arguments.seed
        ));
        feed.history(&|done, all| teller.share("history", done, all))
            .await?;
        feed.push(&|| resumed.ms()).await?;
        intake.close().await;
        let clock = Clock::paced(resumed, speed);
        // Documents up to here are being made: what is done now happens after them.
        let present = Arc::new(AtomicI64::new(resumed.ms()));
        let mut parts = Parts::new(store, configuration, clock.clone()).await?;
        shorten(&mut parts);
        let (control_url, token, control) = control_api(&shop, &present).await?;
        parts.runner = Some(wire::control_api(&control_url, &token)?);
        parts.keys = Some(keys::sign(&parts.casework, &folder, &Writer::ALL).await?);
        let door = Door::open(&parts, listener, false, None)?;
        let local = fresh_token(&parts.store, "local", Role::Admin, true).await?;
        let address = Address {
            url: door.url.clone(),
            pid: std::process::id(),
            token: Some(local),
        };
        address.write(&folder)?;
        let (stop, stopping) = watch::channel(false);
        let feed = Feed::new(shop.clone(), &door.url, &shipper)?;
        let feeding = tokio::spawn(keep_feeding(feed, clock, present, stopping));
        parts.casework.note_policy("datapulse demo").await?;
        let agents = Agents::start(&parts, &wire::roles(&[])?);
        teller.progress(&format!(
            "the shop's time runs up to {speed} times as fast as the wall's; Sentinel looks every {} s of it instead of every 60 s",
            INTERVAL_MS / 1000
        ));
        Ok(Self {
            folder,
            fault,
            shop,
            parts,
            door,
            agents,
            feeding,
            control,
            stop,
            speed,
        })
    }

    /// Tells the story to its end.
    async fn unattended(&self, arguments: &Demo, teller: &story::Teller) -> Result<u8> {
        let mut approvers = Vec::new();
        if arguments.approve {
            for name in RESPONDERS {
                approvers.push(fresh_token(&self.parts.store, name, Role::Responder, true).await?);
            }
        }
        let story = story::Story {
            parts: &self.parts,
            url: &self.door.url,
            approvers,
            fault: self.fault,
            seed: arguments.seed,
            truth: self.shop.world().truth(),
            folder: shown(&self.folder),
        };
        if !arguments.approve {
            let [first, second] = RESPONDERS;
            teller.progress(&format!(
                "decide as {first} at {}",
                self.door.login_link(first)?
            ));
            teller.progress(&format!(
                "where two must agree, as {second} too, in another browser: {}",
                self.door.login_link(second)?
            ));
        }
        tokio::select! {
            code = story.tell(teller) => code,
            ended = self.feed_ended() => Err(ended),
        }
    }

    /// Runs until somebody has seen enough.
    async fn watched(&self, teller: &story::Teller) -> Result<u8> {
        let [first, second] = RESPONDERS;
        println!("\n  open  {}   as {first}", self.door.login_link(first)?);
        println!(
            "  and   {}   as {second}, in another browser: some actions need two people\n",
            self.door.login_link(second)?
        );
        println!(
            "In some twenty seconds a service fails. Read why, approve what is proposed, watch it recover."
        );
        println!(
            "Then: datapulse audit verify --data {}",
            shown(&self.folder).display()
        );
        println!(
            "Ctrl-C ends it; the same command with --data {} goes on where it was ({}x).",
            shown(&self.folder).display(),
            self.speed
        );
        let _ = teller;
        tokio::select! {
            () = stopped() => Ok(0),
            ended = self.feed_ended() => Err(ended),
        }
    }

    /// The feed only ends by failing.
    async fn feed_ended(&self) -> anyhow::Error {
        loop {
            if self.feeding.is_finished() {
                return anyhow::anyhow!(
                    "the shop's telemetry doesn't come in any more: see the lines above"
                );
            }
            tokio::time::sleep(PUSH_EVERY).await;
        }
    }

    async fn clear(self) -> Result<()> {
        Address::remove(&self.folder);
        let _ = self.stop.send(true);
        self.agents.stop().await;
        let _ = self.feeding.await;
        self.control.abort();
        self.door.close().await;
        self.parts.store.flush().await?;
        Ok(())
    }
}

/// The demo's own policy, laid into its folder for who wants to change it; what the configuration
/// says goes before it.
fn with_policy(configuration: &Configuration, folder: &Path) -> Result<Configuration> {
    let mut configuration = configuration.clone();
    if configuration.policy != model::Policy::default() {
        return Ok(configuration);
    }
    let path = folder.join(POLICY);
    if !path.exists() {
        std::fs::write(&path, responders::policy_text())
            .with_context(|| format!("{} can't be written", path.display()))?;
    }
    configuration.policy = policy_file(&path)?;
    Ok(configuration)
}

/// A cluster may hold what is no game: the shop's telemetry goes only to one that holds none, or
/// that this folder's shop went to before.
async fn check_room(store: &Backend, folder: &Path) -> Result<()> {
    if matches!(store, Backend::Embedded(_)) || folder.join(SHOP).exists() {
        return Ok(());
    }
    for pattern in ["metrics-*", "logs-*", "traces-*", "deployments-*"] {
        if store.telemetry().newest(pattern).await?.is_some() {
            return Err(wrong_use(format!(
                "{} holds documents in {pattern}, and the demo would mix its shop's telemetry with them: name an empty cluster, or no [backends] store at all",
                store.place(folder)
            )));
        }
    }
    Ok(())
}

/// The time at which the shop goes on: never before anything that was written down.
async fn resumed_at(shop: &Shop, store: &Backend) -> Result<Timestamp> {
    let world = shop.world();
    let acted = world
        .changes()
        .iter()
        .filter(|change| change.author == "platform")
        .map(|change| change.at_ms)
        .max();
    let filter = SummaryFilter {
        sort: Some("-updated_at".to_owned()),
        limit: 1,
        ..SummaryFilter::default()
    };
    let page = store.journal().summaries(&filter).await?;
    let recorded = page.items.first().map(|summary| summary.updated_at.ms());
    let latest = [Some(world.start_ms), shop.clock()?, acted, recorded]
        .into_iter()
        .flatten()
        .max();
    Ok(Timestamp(latest.unwrap_or(world.start_ms)))
}

/// Sentinel and the Executor look more often, so that a story takes minutes of the shop's time.
pub fn shorten(parts: &mut Parts) {
    parts.sentinel.interval_ms = INTERVAL_MS;
    parts.sentinel.window_ms = WINDOW_MS;
    parts.sentinel.delay_ms = DELAY_MS;
    parts.executor.settle_ms = SETTLE_MS;
    parts.executor.window_ms = WINDOW_MS;
    parts.executor.delay_ms = DELAY_MS;
    parts.executor.needed = 2;
    parts.executor.of = 3;
}

/// The platform's door on a port of its own; gives its URL and token.
async fn control_api(
    shop: &Shop,
    present: &Arc<AtomicI64>,
) -> Result<(String, String, JoinHandle<()>)> {
    let mut bytes = [0u8; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let token = hex::encode(bytes);
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("the shop's control API finds no port")?;
    let url = format!("http://{}", listener.local_addr()?);
    let present = present.clone();
    let now: control::Now = Arc::new(move || present.load(Ordering::SeqCst));
    let router = control::router(shop.clone(), &token, now);
    let serving = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the shop's control API ended");
        }
    });
    Ok((url, token, serving))
}

/// Lets the shop's time pass: documents are made up to a moment, taken in, and only then is it
/// that moment. So nothing is late, however slow the machine; time is.
async fn keep_feeding(
    feed: Feed,
    clock: Clock,
    present: Arc<AtomicI64>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), simulator::Error> {
    let mut looked = Instant::now();
    loop {
        tokio::select! {
            _ = stop.changed() => return Ok(()),
            () = tokio::time::sleep(PUSH_EVERY) => {}
        }
        let passed = looked.elapsed().min(MAX_STEP).as_secs_f64() * 1000.0 * clock.speed();
        looked = Instant::now();
        let next = clock.now().ms() + passed as i64;
        let claim = || present.fetch_max(next, Ordering::SeqCst).max(next);
        if let Err(error) = feed.push(&claim).await {
            tracing::error!(%error, "telemetry wasn't taken");
            return Err(error);
        }
        clock.set(Timestamp(next));
    }
}

/// All incidents of the store, the oldest first.
pub async fn incidents(casework: &Casework) -> Result<Vec<model::Incident>> {
    let filter = SummaryFilter {
        sort: Some("opened_at".to_owned()),
        limit: store::journal::MAX_PAGE,
        ..SummaryFilter::default()
    };
    let page = casework.journal().summaries(&filter).await?;
    let mut incidents = Vec::with_capacity(page.items.len());
    for summary in page.items {
        incidents.push(casework.incident(&summary.incident_id).await?);
    }
    Ok(incidents)
}
