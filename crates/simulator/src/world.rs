//! The world: its state at any moment is a fold of its changes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::catalog::{FRONTEND, NOTIFICATION, Naming, PAYMENT, SEARCH, SERVICES, SHOP};
use crate::fault::{Fault, Trigger, Truth};
use crate::random::Random;

/// The history that lies before the world's beginning, in milliseconds.
pub const HISTORY_MS: i64 = 2 * 60 * 60 * 1000;
/// The fault begins at the earliest and at the latest so long after the beginning.
const FAULT_AFTER_MS: (i64, i64) = (150_000, 240_000);
/// How long it takes until a healed service is well.
const HEAL_MS: i64 = 40_000;
/// A change's instances are all new after so long.
const ROLLOUT_MS: i64 = 20_000;
/// Instances of each service at first.
const REPLICAS: u64 = 2;
/// How much the surge multiplies requests.
pub const SURGE: f64 = 3.2;

/// Something that changed a service: by its makers, or as an action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub at_ms: i64,
    pub service: usize,
    pub what: What,
    pub id: String,
    pub author: String,
    pub description: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Deploy { version: String },
    Config { revision: String },
    Flag { name: String, on: bool },
    Scale { replicas: u64 },
    Provider { name: String },
    Restart {},
    CacheClear {},
    RateLimit { share: f64 },
}

impl What {
    /// `deployment.kind`; `None`: no document tells of it.
    pub fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Self::Deploy { .. } => "deploy",
            Self::Config { .. } | Self::Provider { .. } | Self::RateLimit { .. } => "config",
            Self::Flag { .. } => "flag",
            Self::Scale { .. } => "scale",
            Self::Restart {} | Self::CacheClear {} => return None,
        })
    }
}

/// One service at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub version: String,
    pub previous_version: String,
    pub config_revision: String,
    pub previous_config_revision: String,
    pub flag: String,
    pub flag_on: bool,
    pub replicas: u64,
    pub provider: Option<String>,
    pub fallback_provider: Option<String>,
    pub rate_limit: f64,
    pub restarted_ms: Option<i64>,
    /// When the version that runs was rolled out.
    pub deployed_ms: Option<i64>,
}

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    pub states: Vec<State>,
    /// How strong the fault is, 0 to 1.
    pub level: f64,
    /// What makes it worse than it would be, 1 and more.
    pub aggravated: f64,
    /// Since when the fault has been growing without a break.
    pub growing_ms: i64,
}

#[derive(Debug, Clone)]
pub struct World {
    pub seed: u64,
    pub fault: Option<Fault>,
    pub start_ms: i64,
    pub naming: Naming,
    /// By time: those of the shop's makers and those that were carried out.
    changes: Vec<Change>,
}

impl World {
    pub fn new(seed: u64, fault: Option<Fault>, start_ms: i64, naming: Naming) -> Self {
        let mut world = Self {
            seed,
            fault,
            start_ms,
            naming,
            changes: Vec::new(),
        };
        world.changes = world.made();
        world
    }

    pub fn fault_ms(&self) -> i64 {
        let (first, last) = FAULT_AFTER_MS;
        let mut random = Random::of(self.seed, &[1]);
        self.start_ms + first + random.below((last - first) as u64) as i64
    }

    fn first_version(&self, service: usize) -> String {
        if service == PAYMENT {
            // The story that the demo tells without any flag names the versions.
            return "v2.4.0".to_owned();
        }
        let mut random = Random::of(self.seed, &[2, service as u64]);
        format!("v{}.{}.0", 1 + random.below(4), random.below(9))
    }

    fn first_state(&self, service: usize) -> State {
        let caller = crate::catalog::CALLS_OUTSIDE.0 == service;
        let version = self.first_version(service);
        let revision = format!(
            "r{}",
            40 + Random::of(self.seed, &[3, service as u64]).below(50)
        );
        State {
            previous_version: version.clone(),
            version,
            previous_config_revision: revision.clone(),
            config_revision: revision,
            flag: format!("new_flow_{service}"),
            flag_on: false,
            replicas: REPLICAS,
            provider: caller.then(|| self.naming.provider.clone()),
            fallback_provider: caller.then(|| self.naming.fallback_provider.clone()),
            rate_limit: 1.0,
            restarted_ms: None,
            deployed_ms: None,
        }
    }

    /// The change that is to blame, where one is.
    fn guilty(&self) -> Option<Change> {
        let fault = self.fault?;
        let service = fault.service();
        let mut random = Random::of(self.seed, &[4]);
        let at_ms = self.fault_ms() - 20_000 - random.below(40_000) as i64;
        let first = self.first_state(service);
        let what = match fault.trigger() {
            Trigger::Version => What::Deploy {
                version: next_version(&first.version),
            },
            Trigger::Config => What::Config {
                revision: next_revision(&first.config_revision),
            },
            Trigger::Flag => What::Flag {
                name: first.flag,
                on: true,
            },
            Trigger::Provider | Trigger::Load => return None,
        };
        Some(self.change(at_ms, service, what, 0))
    }

    /// Changes by the shop's makers: innocent ones over the history, the guilty one, and decoys
    /// around it, one of them nearer to the alarm.
    fn made(&self) -> Vec<Change> {
        let mut changes: Vec<Change> = self.guilty().into_iter().collect();
        let guilty_service = self.fault.map_or(SERVICES, Fault::service);
        let mut random = Random::of(self.seed, &[5]);
        let fault_ms = self.fault_ms();
        let mut moments: Vec<i64> = (0..6)
            .map(|index| {
                self.start_ms - HISTORY_MS + (index * 18 + 8 + random.below(8) as i64) * 60_000
            })
            .collect();
        moments.extend([
            fault_ms - 150_000 - random.below(60_000) as i64,
            fault_ms - 70_000 - random.below(20_000) as i64,
            fault_ms + 10_000 + random.below(30_000) as i64,
        ]);
        for (index, at_ms) in moments.into_iter().enumerate() {
            let mut service = random.below(SERVICES as u64) as usize;
            // A service is changed once at most, so that what came before is what it began with.
            while service == guilty_service
                || changes.iter().any(|change| change.service == service)
            {
                service = (service + 1) % SERVICES;
            }
            let first = self.first_state(service);
            let what = match random.below(4) {
                0 => What::Config {
                    revision: next_revision(&first.config_revision),
                },
                1 => What::Flag {
                    name: first.flag,
                    on: true,
                },
                _ => What::Deploy {
                    version: next_version(&first.version),
                },
            };
            changes.push(self.change(at_ms, service, what, index as u64 + 1));
        }
        changes.sort_by_key(|change| change.at_ms);
        changes
    }

    fn change(&self, at_ms: i64, service: usize, what: What, number: u64) -> Change {
        let mut random = Random::of(self.seed, &[6, number]);
        let authors = ["mira.k", "jon.e", "sam.t", "lea.w", "ravi.p"];
        let topics = [
            "review comments",
            "dependency updates",
            "cleaner names",
            "the weekly release",
            "a customer's wish",
        ];
        let topic = topics[random.below(topics.len() as u64) as usize];
        let description = match &what {
            What::Deploy { version } => format!("release {version}: {topic}"),
            What::Config { revision } => format!("configuration {revision}: {topic}"),
            What::Flag { name, on } => {
                format!("flag {name}: {}", if *on { "off->on" } else { "on->off" })
            }
            _ => topic.to_owned(),
        };
        Change {
            at_ms,
            service,
            what,
            id: format!("chg-{:010x}", random.bits() & 0xff_ffff_ffff),
            author: authors[random.below(authors.len() as u64) as usize].to_owned(),
            description,
        }
    }

    /// Adds a change that was carried out. Changes are in the order of time.
    pub fn add(&mut self, change: Change) {
        let at = self
            .changes
            .partition_point(|other| other.at_ms <= change.at_ms);
        self.changes.insert(at, change);
    }

    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub fn truth(&self) -> Option<Truth> {
        let fault = self.fault?;
        let service = self.naming.services[fault.service()].clone();
        Some(match (fault.trigger(), self.guilty()) {
            (Trigger::Provider, _) => Truth::Outside {
                provider: self.naming.provider.clone(),
            },
            (_, Some(change)) => Truth::Change {
                service,
                deployment: change.id,
            },
            _ => Truth::Load { service },
        })
    }

    /// The state at a moment: all changes before it, and how strong the fault is.
    pub fn at(&self, ms: i64) -> Moment {
        let mut moment = Moment {
            states: (0..SERVICES)
                .map(|service| self.first_state(service))
                .collect(),
            level: 0.0,
            aggravated: 1.0,
            growing_ms: ms,
        };
        let mut clock = self.start_ms - HISTORY_MS;
        let fault_ms = self.fault_ms();
        let mut steps: Vec<(i64, Option<&Change>)> = self
            .changes
            .iter()
            .map(|change| (change.at_ms, Some(change)))
            .collect();
        steps.push((fault_ms, None));
        steps.sort_by_key(|(at, _)| *at);
        for (at, change) in steps.into_iter().filter(|(at, _)| *at <= ms) {
            self.advance(&mut moment, clock, at);
            clock = at;
            if let Some(change) = change {
                self.apply(&mut moment, change);
            }
        }
        self.advance(&mut moment, clock, ms);
        self.aggravate(&mut moment, ms);
        moment
    }

    /// The fault grows while its trigger is there, and fades when it isn't.
    fn advance(&self, moment: &mut Moment, from: i64, to: i64) {
        let Some(fault) = self.fault else { return };
        let active = from >= self.fault_ms() && self.triggered(fault, moment);
        let ms = (to - from) as f64;
        if active {
            if moment.level == 0.0 {
                moment.growing_ms = from;
            }
            moment.level = (moment.level + ms / fault.ramp_ms() as f64).min(1.0);
        } else {
            moment.level = (moment.level - ms / HEAL_MS as f64).max(0.0);
        }
    }

    fn triggered(&self, fault: Fault, moment: &Moment) -> bool {
        let state = &moment.states[fault.service()];
        let first = self.first_state(fault.service());
        match fault.trigger() {
            Trigger::Version => state.version == next_version(&first.version),
            Trigger::Config => state.config_revision == next_revision(&first.config_revision),
            Trigger::Flag => state.flag_on,
            Trigger::Provider => state.provider == first.provider,
            // The surge itself; whether it hurts is a matter of instances.
            Trigger::Load => true,
        }
    }

    fn apply(&self, moment: &mut Moment, change: &Change) {
        let state = &mut moment.states[change.service];
        match &change.what {
            What::Deploy { version } => {
                state.previous_version = std::mem::replace(&mut state.version, version.clone());
                state.deployed_ms = Some(change.at_ms);
            }
            What::Config { revision } => {
                let before = std::mem::replace(&mut state.config_revision, revision.clone());
                state.previous_config_revision = before;
            }
            What::Flag { on, .. } => state.flag_on = *on,
            What::Scale { replicas } => state.replicas = *replicas,
            What::Provider { name } => {
                let before = state.provider.replace(name.clone());
                state.fallback_provider = before;
            }
            What::Restart {} => {
                state.restarted_ms = Some(change.at_ms);
                // Memory is empty again; what fills it is still there.
                if self.fault == Some(Fault::MemoryLeak)
                    && change.service == Fault::MemoryLeak.service()
                {
                    moment.level = 0.0;
                }
            }
            What::CacheClear {} => {}
            What::RateLimit { share } => state.rate_limit = *share,
        }
    }

    /// More instances hold more connections; a restart under load loses the queue's place.
    fn aggravate(&self, moment: &mut Moment, ms: i64) {
        let Some(fault) = self.fault else { return };
        let state = &moment.states[fault.service()];
        moment.aggravated = match fault {
            Fault::DbConnections if state.replicas > REPLICAS => 2.2,
            Fault::TrafficSurge if state.restarted_ms.is_some_and(|at| ms - at < 240_000) => 2.0,
            _ => 1.0,
        };
    }

    /// The share of a service's instances that run its newest version.
    pub fn rolled_out(&self, state: &State, ms: i64) -> f64 {
        state.deployed_ms.map_or(1.0, |at| {
            ((ms - at) as f64 / ROLLOUT_MS as f64).clamp(0.0, 1.0)
        })
    }

    /// Requests a second at the entrance: a slow swing over the day, and noise.
    pub fn load(&self, ms: i64, level: f64) -> f64 {
        let day = ms as f64 / 86_400_000.0 * std::f64::consts::TAU;
        let hour = ms as f64 / 3_600_000.0 * std::f64::consts::TAU;
        let swing = 1.0 + 0.12 * day.sin() + 0.05 * hour.sin();
        let surge = match self.fault {
            Some(Fault::TrafficSurge) => 1.0 + (SURGE - 1.0) * level,
            _ => 1.0,
        };
        24.0 * swing * surge
    }

    /// A target as its platform describes it: what differs is drift, so nothing in it moves by
    /// itself.
    pub fn target(&self, service: usize, ms: i64) -> Value {
        let moment = self.at(ms);
        let state = &moment.states[service];
        let mut target = json!({
            "target": self.naming.services[service],
            "version": state.version,
            "previous_version": state.previous_version,
            "config_revision": state.config_revision,
            "previous_config_revision": state.previous_config_revision,
            "replicas": state.replicas,
            "flags": { state.flag.clone(): state.flag_on },
            "rate_limit_share": state.rate_limit,
        });
        if let (Some(provider), Some(fallback)) = (&state.provider, &state.fallback_provider) {
            target["provider"] = json!(provider);
            target["fallback_provider"] = json!(fallback);
        }
        target
    }

    /// The rows of `lookup-services`.
    pub fn lookup(&self) -> Vec<Value> {
        let teams = [
            "web",
            "orders",
            "orders",
            "shop",
            "shop",
            "payments",
            "orders",
            "logistics",
            "logistics",
            "shop",
            "payments",
            "web",
        ];
        let people = [
            "ada", "grace", "grace", "linus", "linus", "mary", "grace", "tim", "tim", "linus",
            "mary", "ada",
        ];
        (FRONTEND..=NOTIFICATION)
            .map(|service| {
                let mut calls: Vec<String> = SHOP[service]
                    .calls
                    .iter()
                    .map(|(callee, _)| self.naming.services[*callee].clone())
                    .collect();
                if crate::catalog::CALLS_OUTSIDE.0 == service {
                    calls.push(self.naming.provider.clone());
                }
                json!({
                    "service.name": self.naming.services[service],
                    "team": teams[service],
                    "criticality": SHOP[service].criticality,
                    "on_call": people[service],
                    "depends_on": calls,
                })
            })
            .collect()
    }

    /// A service that nothing calls but the entrance, for tests of wrong actions.
    pub fn bystander(&self) -> usize {
        SEARCH
    }
}

fn next_version(version: &str) -> String {
    version
        .rsplit_once('.')
        .map_or_else(|| format!("{version}.1"), |(head, _)| format!("{head}.1"))
}

fn next_revision(revision: &str) -> String {
    let number = revision.trim_start_matches('r').parse::<u64>().unwrap_or(0);
    format!("r{}", number + 1)
}
