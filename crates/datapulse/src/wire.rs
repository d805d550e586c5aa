//! Wiring: the parts made from configuration, the agents started, all of it stopped together.

use std::sync::Arc;

use anyhow::Result;
use bus::Bus;
use casework::{Casework, Clock, Driver, Stage, Toolbox};
use integrations::jira::JiraChannel;
use integrations::pagerduty::PagerDutyChannel;
use integrations::run::{ControlApi, Kubernetes, Runner, SignedWebhook};
use integrations::slack::{Composer, IncomingWebhook, SlackChannel, WebhookChannel};
use integrations::{Channel, Outbound, Secret, Webhook};
use model::{Redactor, Writer};
use sentinel::Sentinel;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::configuration::channels::{JIRA, PAGERDUTY, SLACK};
use crate::configuration::{self, Configuration};
use crate::keys;
use crate::refusal::wrong_use;

/// The roles that one process can run.
pub const ROLES: [&str; 6] = [
    "sentinel", "analyst", "resolver", "executor", "notifier", "gateway",
];

/// Everything that agents and doors share.
pub struct Parts {
    pub store: Backend,
    pub casework: Casework,
    pub runner: Option<Arc<dyn Runner>>,
    pub channels: Vec<Arc<dyn Channel>>,
    pub sentinel: sentinel::Settings,
    pub executor: executor::Settings,
    pub cors_origins: Vec<String>,
    /// What senders of deployments sign with.
    pub deployments_secret: Option<Secret>,
    pub identity: gateway::identity::Settings,
    /// What calls whom the configuration names.
    pub outbound: Outbound,
    /// Of our client at the identity provider.
    pub identity_secret: Option<Secret>,
    /// Whose keys this process signs with; `None`: nothing is signed.
    pub keys: Option<keys::Held>,
}

impl Parts {
    /// Over an open store. The starter runbooks are put into it.
    pub async fn new(
        store: impl Into<Backend>,
        configuration: &Configuration,
        clock: Clock,
    ) -> Result<Self> {
        let redactor = configuration.redaction.redactor()?;
        Self::redacting(store, configuration, clock, redactor).await
    }

    /// With another redactor than the configuration's.
    pub async fn redacting(
        store: impl Into<Backend>,
        configuration: &Configuration,
        clock: Clock,
        redactor: Redactor,
    ) -> Result<Self> {
        let store = store.into();
        let outbound = Outbound::new(&configuration.outbound)?;
        let casework = plain_casework(&store, configuration, clock)?;
        casework.redact_with(redactor);
        let knowledge = store.knowledge();
        for book in resolver::library::embedded()? {
            knowledge.put_runbook(&book).await?;
        }
        Ok(Self {
            casework,
            store,
            runner: runner(configuration, &outbound).await?,
            channels: channels(configuration, &outbound)?,
            sentinel: configuration.sentinel.clone(),
            executor: configuration.executor.clone(),
            deployments_secret: match configuration.deployments.secret_env.as_str() {
                "" => None,
                variable => Some(configuration::secret(variable, "deployments")?),
            },
            identity_secret: match configuration.identity.client_secret_env.as_str() {
                "" => None,
                variable => Some(configuration::secret(variable, "identity")?),
            },
            identity: configuration.identity.clone(),
            outbound: outbound.clone(),
            keys: None,
            cors_origins: configuration.server.cors_origins.clone(),
        })
    }
}

/// The casework over a store, for whoever needs no more.
pub fn casework(store: &Backend, configuration: &Configuration, clock: Clock) -> Result<Casework> {
    let casework = plain_casework(store, configuration, clock)?;
    casework.redact_with(configuration.redaction.redactor()?);
    Ok(casework)
}

fn plain_casework(
    store: &Backend,
    configuration: &Configuration,
    clock: Clock,
) -> Result<Casework> {
    let toolbox = Toolbox::embedded().map_err(anyhow::Error::msg)?;
    Ok(Casework::new(
        store.journal(),
        store.telemetry(),
        store.knowledge(),
        Bus::memory(),
        clock,
        configuration.policy.clone(),
        toolbox,
    ))
}

/// A runner from its kind, URL and secret.
///
/// What the configuration names is listed by being there, exactly that host and port.
async fn runner(
    configuration: &Configuration,
    outbound: &Outbound,
) -> Result<Option<Arc<dyn Runner>>> {
    let runner = &configuration.runner;
    if runner.kind.is_empty() {
        return Ok(None);
    }
    if runner.kind == configuration::KUBERNETES {
        let cluster = Kubernetes::new(runner.kubernetes.clone()).await?;
        return Ok(Some(Arc::new(cluster)));
    }
    let outbound = outbound.listed_url(&runner.url)?;
    let secret = configuration::secret(&runner.secret_env, "runner")?;
    Ok(Some(match runner.kind.as_str() {
        "signed-webhook" => Arc::new(SignedWebhook::through(&runner.url, secret, outbound)?),
        _ => Arc::new(ControlApi::through(&runner.url, secret, outbound)?),
    }))
}

/// A runner that talks to a control API, for the demo.
pub fn control_api(url: &str, token: &str) -> Result<Arc<dyn Runner>> {
    Ok(Arc::new(ControlApi::new(url, Secret::new(token))?))
}

type Channels = Result<Vec<Arc<dyn Channel>>>;

/// Whom people are told through, a line for each kind.
fn channels(configuration: &Configuration, outbound: &Outbound) -> Channels {
    let kinds = [webhooks, slack, jira, pagerduty];
    let mut channels = Vec::new();
    for kind in kinds {
        channels.extend(kind(configuration, outbound)?);
    }
    Ok(channels)
}

fn webhooks(configuration: &Configuration, outbound: &Outbound) -> Channels {
    configuration
        .webhook
        .iter()
        .map(|webhook| {
            let of = format!("webhook {}", webhook.name);
            let secret = configuration::secret(&webhook.secret_env, &of)?;
            let outbound = outbound.listed_url(&webhook.url)?;
            let made = Webhook::through(&webhook.name, &webhook.url, secret, outbound)?;
            Ok(Arc::new(made) as Arc<dyn Channel>)
        })
        .collect()
}

fn slack(configuration: &Configuration, outbound: &Outbound) -> Channels {
    let (Some(settings), Some(ui)) = (&configuration.slack, configuration.ui()?) else {
        return Ok(Vec::new());
    };
    let Some(client) = settings.client(outbound)? else {
        let webhook = IncomingWebhook::new(settings.webhook()?, outbound)?;
        let made = WebhookChannel::new(SLACK, webhook, ui);
        return Ok(vec![Arc::new(made)]);
    };
    let composer = Composer::new(ui, settings.form());
    let made = SlackChannel::new(SLACK, client, &settings.channel, composer)?;
    Ok(vec![Arc::new(made)])
}

fn jira(configuration: &Configuration, outbound: &Outbound) -> Channels {
    let Some(settings) = &configuration.jira else {
        return Ok(Vec::new());
    };
    let (client, ui) = (settings.client(outbound)?, configuration.ui()?);
    // Held against Jira's own time, whatever clock incidents go by.
    let since = Clock::wall().now();
    Ok(vec![Arc::new(JiraChannel::new(JIRA, client, ui, since))])
}

fn pagerduty(configuration: &Configuration, outbound: &Outbound) -> Channels {
    let Some(settings) = &configuration.pagerduty else {
        return Ok(Vec::new());
    };
    let (events, ui) = (settings.events(outbound)?, configuration.ui()?);
    let made = PagerDutyChannel::new(PAGERDUTY, events, ui);
    Ok(vec![Arc::new(made)])
}

/// Agents at work.
pub struct Agents {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Agents {
    /// Starts those whose role is named.
    pub fn start(parts: &Parts, roles: &[String]) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let wanted = |role: &str| roles.iter().any(|name| name == role);
        let casework = &parts.casework;
        if let Some(held) = &parts.keys {
            let followed = keys::follow(casework.clone(), held.clone(), stopped.clone());
            tasks.spawn(followed);
        }
        let mut drive = |stage: Arc<dyn Stage>| {
            tasks.spawn(Driver::new(casework.clone(), stage).run(stopped.clone()));
        };
        if wanted("gateway") {
            // What people began is finished where what people say is signed.
            drive(Arc::new(casework::lineage::Finisher::new(casework.clone())));
        }
        if wanted("analyst") {
            drive(Arc::new(analyst::Analyst::new(casework.clone())));
        }
        if wanted("resolver") {
            drive(Arc::new(resolver::Resolver::new(
                casework.clone(),
                parts.runner.clone(),
            )));
        }
        if wanted("executor")
            && let Some(runner) = &parts.runner
        {
            let settings = parts.executor.clone();
            drive(Arc::new(executor::Executor::new(
                casework.clone(),
                runner.clone(),
                settings,
            )));
        }
        if wanted("notifier") && !parts.channels.is_empty() {
            drive(Arc::new(notifier::Notifier::new(
                casework.clone(),
                parts.channels.clone(),
            )));
        }
        if wanted("sentinel") {
            let sentinel = Sentinel::new(casework.clone(), parts.sentinel.clone());
            tasks.spawn(watch_over(casework.clone(), sentinel, stopped));
        }
        Self { stop, tasks }
    }

    /// Work under way is finished first.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Sentinel at its ticks. A tick that fails is said and counted, and the next one is tried.
async fn watch_over(casework: Casework, sentinel: Sentinel, mut stop: watch::Receiver<bool>) {
    let interval = sentinel.settings().interval_ms;
    let clock = casework.clock().clone();
    casework.pulse().start(clock.now(), interval);
    loop {
        let began = std::time::Instant::now();
        let failure = sentinel.look().await.err().map(|error| error.to_string());
        metrics::histogram!("agent_run_duration_seconds", "agent" => "sentinel")
            .record(began.elapsed().as_secs_f64());
        if let Some(failure) = &failure {
            tracing::warn!(%failure, "a tick failed");
        }
        let newest = sentinel.newest().await.ok().flatten();
        casework.pulse().ticked(clock.now(), newest, failure);
        let now = clock.now();
        let next = sentinel::detect::scheduled(now, interval).plus_ms(interval);
        let pause = clock.wall_duration(next.ms() - now.ms());
        tokio::select! {
            _ = stop.changed() => if *stop.borrow() { return },
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The roles that were named, or all of them; an unknown one is an error that lists them.
pub fn roles(named: &[String]) -> Result<Vec<String>> {
    if let Some(unknown) = named.iter().find(|role| !ROLES.contains(&role.as_str())) {
        return Err(wrong_use(format!(
            "there is no role {unknown:?}: {}",
            ROLES.join(", ")
        )));
    }
    let all = ROLES.iter().map(|role| (*role).to_owned()).collect();
    if !named.is_empty()
        && ROLES
            .iter()
            .any(|role| !named.iter().any(|name| name == role))
    {
        return Err(wrong_use(
            "some roles alone need a store, bus and cache that processes share; embedded: and memory: are for one process with all roles: name none",
        ));
    }
    Ok(all)
}

/// Whose records processes with these roles write.
pub fn writers(roles: &[String]) -> Vec<Writer> {
    roles
        .iter()
        .filter_map(|role| Writer::parse(role))
        .collect()
}
