//! `datapulse serve`: all roles over one folder, until it is told to stop.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use casework::Clock;
use gateway::identity::Identity;
use gateway::identity::kubernetes::Workloads;
use gateway::tls::Tls;
use gateway::{Gateway, Principal};
use integrations::anchors::AnchorPlace;
use model::{Keyring, Role, Writer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::anchoring::{Anchoring, places};
use crate::arguments::{Output, Serve};
use crate::backend::Backend;
use crate::client::Address;
use crate::commands::audit;
use crate::context::Context;
use crate::refusal::wrong_use;
use crate::retain::retain;
use crate::wire::{self, Agents, Parts};
use crate::{keys, measure, print};

/// Requests under way have so long to end after a stop; streams of events never end by themselves.
const STOP_WAIT: Duration = Duration::from_secs(2);
/// The name of the token that the address file holds.
const LOCAL: &str = "local";

pub async fn run(here: &Context, arguments: Serve) -> Result<u8> {
    let listen = arguments
        .listen
        .as_ref()
        .unwrap_or(&here.configuration.server.listen);
    let roles = wire::roles(&arguments.roles)?;
    check_listen("--listen", listen, arguments.no_auth)?;
    let grpc = arguments.otlp_grpc.as_ref();
    let grpc = grpc.unwrap_or(&here.configuration.server.otlp_grpc);
    if !grpc.is_empty() {
        check_listen("--otlp-grpc", grpc, arguments.no_auth)?;
    }
    crate::log();
    let for_grpc = match grpc.is_empty() {
        true => None,
        false => Some(listener(grpc).await?),
    };
    let listener = listener(listen).await?;
    let store = Backend::open(&here.configuration, &here.folder).await?;
    let mut parts = Parts::new(store, &here.configuration, Clock::wall()).await?;
    let audit = &here.configuration.audit;
    let place = places::named(audit)?;
    if !audit.anchor_file.is_empty() {
        places::cut_torn(Path::new(&audit.anchor_file))?;
    }
    let writers = wire::writers(&roles);
    parts.keys = Some(keys::sign(&parts.casework, &here.folder, &writers).await?);
    let tls = tls(here)?;
    let mut door = Door::open(&parts, listener, arguments.no_auth, tls)?;
    if let Some(listener) = for_grpc {
        door.also_grpc(listener)?;
    }
    let token = fresh_token(&parts.store, LOCAL, Role::Admin, true).await?;
    let address = Address {
        url: door.for_this_machine().await?,
        pid: std::process::id(),
        token: Some(token),
    };
    address.write(&here.folder)?;
    // The system chain is the gateway's to write.
    if writers.contains(&Writer::Gateway) {
        parts.casework.note_policy("datapulse serve").await?;
    }
    let agents = Agents::start(&parts, &roles);
    greet(here, &parts, &door, arguments.no_auth)?;
    let retention = retain(parts.store.clone(), here.configuration.retention.rules());
    tokio::select! {
        () = stopped() => {}
        () = retention => {}
        () = anchors(here, &parts, place) => {}
    }
    Address::remove(&here.folder);
    agents.stop().await;
    door.close().await;
    parts.store.flush().await?;
    Ok(0)
}

/// The certificates that `[server.tls]` names; `None`: without TLS.
fn tls(here: &Context) -> Result<Option<Arc<Tls>>> {
    let Some(table) = &here.configuration.server.tls else {
        return Ok(None);
    };
    let tls = Tls::open(table.files()).map_err(|fault| anyhow::anyhow!("server.tls: {fault}"))?;
    Ok(Some(tls))
}

/// Anchors outside, where a place is named. Never ends.
async fn anchors(here: &Context, parts: &Parts, place: Option<Arc<dyn AnchorPlace>>) {
    let Some(place) = place else {
        return std::future::pending().await;
    };
    let audit = &here.configuration.audit;
    let anchoring = Anchoring {
        casework: parts.casework.clone(),
        heads: parts.store.anchors_path(),
        place,
        every: Duration::from_secs(audit.anchor_every_s),
    };
    anchoring.run().await;
}

/// Says where it is, and what a person should know.
fn greet(here: &Context, parts: &Parts, door: &Door, no_auth: bool) -> Result<()> {
    for damage in parts.store.damaged() {
        eprintln!("DAMAGED {damage}; all else is served; `datapulse doctor` lists it");
    }
    let login = if no_auth {
        None
    } else {
        Some(door.login_link(LOCAL)?)
    };
    if here.output == Output::Json {
        return print::json(
            &json!({ "url": door.url, "otlp_grpc": door.grpc, "login": login, "folder": here.folder, "no_auth": no_auth }),
        );
    }
    let place = parts.store.place(&here.folder);
    println!("DataPulse serves {place} at {}", door.url);
    if let Some(grpc) = &door.grpc {
        println!("OTLP over gRPC at {grpc} too");
    }
    match login {
        Some(login) => println!("log in once at {login}"),
        None => println!("--no-auth: every caller on this machine is let in as one person"),
    }
    if parts.runner.is_none() {
        println!("no [runner] in datapulse.toml: nothing is executed");
    }
    Ok(())
}

/// `--no-auth` only where nobody else can reach it.
fn check_listen(flag: &str, listen: &str, no_auth: bool) -> Result<()> {
    let Ok(address) = listen.parse::<SocketAddr>() else {
        return Err(wrong_use(format!(
            "{flag} {listen:?}: expected an address and a port such as 127.0.0.1:5610"
        )));
    };
    if no_auth && !address.ip().is_loopback() {
        return Err(wrong_use(format!(
            "--no-auth lets every caller in, and {listen} can be reached from other machines: listen on 127.0.0.1, or leave --no-auth out"
        )));
    }
    Ok(())
}

/// The socket, or an error that says what holds it up.
pub async fn listener(listen: &str) -> Result<TcpListener> {
    TcpListener::bind(listen).await.with_context(|| {
        format!("can't listen on {listen}: choose another with --listen ADDR:PORT (port 0: any that is free)")
    })
}

/// Ends with Ctrl-C or a service manager's stop.
pub async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// A token without an end for this run; those of the same name from earlier runs end.
pub async fn fresh_token(store: &Backend, name: &str, role: Role, person: bool) -> Result<String> {
    let now = Clock::wall().now();
    let knowledge = store.knowledge();
    for token in knowledge.tokens().await? {
        if token.name == name && token.revoked_at.is_none() {
            knowledge.revoke_token(&token.id, now).await?;
        }
    }
    let issued = gateway::issue_token(knowledge.as_ref(), name, role, person, None, now);
    let (_, secret) = issued.await?;
    Ok(secret)
}

/// How the gateway has the journal verified, with the keys as they are then.
pub fn audit(
    store: &Backend,
    ring: impl Fn() -> Keyring + Send + Sync + 'static,
) -> gateway::Audit {
    let store = store.clone();
    Arc::new(move || {
        let (store, ring) = (store.clone(), ring());
        Box::pin(async move {
            let verification = store.verify().await?;
            let forged = keys::faults(&store, &ring)
                .await
                .map_err(|error| store::Error::Unavailable(error.to_string()))?;
            Ok(audit::as_json(&verification, &forged))
        })
    })
}

/// The gateway behind a socket.
pub struct Door {
    pub url: String,
    /// The other address that takes OTLP over gRPC.
    pub grpc: Option<String>,
    gateway: Gateway,
    tls: Option<Arc<Tls>>,
    /// Takes up new certificates.
    following: Option<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    serving: Vec<JoinHandle<std::io::Result<()>>>,
}

fn scheme(tls: &Option<Arc<Tls>>) -> &'static str {
    match tls {
        Some(_) => "https",
        None => "http",
    }
}

/// Where this machine reaches a server that listens on all addresses.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback: IpAddr = match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    address
}

impl Door {
    /// `tls`: what is shown on every socket of it.
    pub fn open(
        parts: &Parts,
        listener: TcpListener,
        no_auth: bool,
        tls: Option<Arc<Tls>>,
    ) -> Result<Self> {
        let address = listener.local_addr()?;
        let hosts = match address.ip().is_loopback() {
            true => vec![
                "localhost".to_owned(),
                "127.0.0.1".to_owned(),
                "[::1]".to_owned(),
            ],
            false => Vec::new(),
        };
        let options = gateway::Options {
            no_auth,
            hosts,
            audit: audit(&parts.store, {
                let casework = parts.casework.clone();
                move || casework.ring()
            }),
            care: parts.store.care(),
            cors_origins: parts.cors_origins.clone(),
            metrics: measure::recorder(&parts.casework)?,
        };
        let identity = Identity::new(&parts.identity, parts.identity_secret.clone())
            .map_err(anyhow::Error::msg)?;
        let workloads = Workloads::new(&parts.identity.kubernetes, &parts.outbound)
            .map_err(anyhow::Error::msg)?;
        let mut gateway = Gateway::new(parts.casework.clone(), options)
            .with_identity(identity)
            .with_workloads(workloads)
            .with_deployments_secret(parts.deployments_secret.clone());
        if let Some(store) = parts.store.embedded() {
            gateway = gateway.with_store(store.clone());
        }
        let (stop, _) = watch::channel(false);
        let mut door = Self {
            url: format!("{}://{}", scheme(&tls), reachable(address)),
            grpc: None,
            gateway,
            following: tls.clone().map(|tls| tokio::spawn(tls.follow())),
            tls,
            stop,
            serving: Vec::new(),
        };
        let router = gateway::router(door.gateway.clone());
        door.serve(listener, door.tls.clone(), router);
        Ok(door)
    }

    fn serve(&mut self, listener: TcpListener, tls: Option<Arc<Tls>>, router: axum::Router) {
        let mut stopped = self.stop.subscribe();
        let until = async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let serving = tokio::spawn(gateway::serve(listener, tls, router, until));
        self.serving.push(serving);
    }

    /// OTLP over gRPC on a socket of its own.
    pub fn also_grpc(&mut self, listener: TcpListener) -> Result<()> {
        let address = reachable(listener.local_addr()?);
        self.grpc = Some(format!("{}://{address}", scheme(&self.tls)));
        let router = gateway::grpc_router(self.gateway.clone());
        self.serve(listener, self.tls.clone(), router);
        Ok(())
    }

    /// Where commands on this machine reach it. Behind TLS that is a socket of their own, on
    /// loopback: a certificate is made for the name that others use, and may ask for another.
    pub async fn for_this_machine(&mut self) -> Result<String> {
        if self.tls.is_none() {
            return Ok(self.url.clone());
        }
        let listener = listener("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = gateway::router(self.gateway.clone());
        self.serve(listener, None, router);
        Ok(url)
    }

    /// A link that logs a browser in as `name`, once.
    pub fn login_link(&self, name: &str) -> Result<String> {
        let code = self.gateway.sessions.link(Principal::person(name))?;
        Ok(format!("{}/login?code={code}", self.url))
    }

    pub async fn close(self) {
        let _ = self.stop.send(true);
        if let Some(following) = &self.following {
            following.abort();
        }
        let ended = futures::future::join_all(self.serving);
        let _ = tokio::time::timeout(STOP_WAIT, ended).await;
    }
}
