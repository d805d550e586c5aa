//! A Kubernetes cluster: Deployments of one namespace are rolled back, restarted, scaled and
//! given other settings through the API server.
//!
//! Every patch carries the `resourceVersion` of what was looked at and the order's key, so that
//! an order is done at most once and never to something that changed since. Guide:
//! `docs/integrations/kubernetes.md`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use kube::config::{KubeConfigOptions, Kubeconfig};
use model::{Action, Digest, Timestamp, action};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::once::DryRun;
use super::{Known, Order, Receipt, Runner};
use crate::error::Error;

mod api;
mod carry_out;
mod describe;
mod find;
mod ledger;
mod owner;
mod plan;
mod rollout;

use api::{Api, Patched, Resource};
use describe::Seen;

/// Time for a connection to the API server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a rollout is waited for, in seconds, where the settings don't say.
const ROLLOUT_WAIT_S: u64 = 120;
/// The longest wait for a rollout that settings may ask for: the Executor waits with it.
const MAX_ROLLOUT_WAIT_S: u64 = 1800;
/// The label that names a workload, where the settings don't say.
const WORKLOAD_LABEL: &str = "app.kubernetes.io/name";
/// Targets whose last description is kept to see drift; all are forgotten beyond it.
const MAX_OBSERVED: usize = 10_000;
/// How often a patch is made anew because only what doesn't matter changed, such as a status.
const MAX_CONFLICTS: usize = 8;

/// Where the cluster is and which part of it is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KubernetesSettings {
    /// The one namespace whose Deployments may be acted on; must be set.
    pub namespace: String,
    /// Path of a kubeconfig. None: the service account of the pod that DataPulse runs in. No
    /// other place is looked at, neither `KUBECONFIG` nor a home directory.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig; none: its current one.
    pub context: Option<String>,
    /// Key of the label whose value is a target's name; a Deployment of the target's own name is
    /// taken where no label says it.
    pub workload_label: String,
    /// Whether ConfigMaps that pods use are read and may be changed: needs `get` and `patch` on
    /// them. Without it their contents don't show as drift.
    pub config_maps: bool,
    /// Seconds that a rollout is waited for, 1 to 1800.
    pub rollout_wait_s: u64,
}

impl Default for KubernetesSettings {
    fn default() -> Self {
        Self {
            namespace: String::new(),
            kubeconfig: None,
            context: None,
            workload_label: WORKLOAD_LABEL.to_owned(),
            config_maps: true,
            rollout_wait_s: ROLLOUT_WAIT_S,
        }
    }
}

impl KubernetesSettings {
    /// What is wrong with the settings by themselves, without looking for a cluster.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |says: String| Err(Error::Configuration(format!("Kubernetes runner: {says}")));
        if !find::is_dns_label(&self.namespace) {
            return wrong(format!(
                "namespace {:?}: expected the name of a namespace",
                self.namespace
            ));
        }
        if !find::is_label_key(&self.workload_label) {
            return wrong(format!(
                "workload_label {:?}: expected the key of a label, such as {WORKLOAD_LABEL}",
                self.workload_label
            ));
        }
        if self.context.is_some() && self.kubeconfig.is_none() {
            return wrong("context names one of a kubeconfig, and none is set".to_owned());
        }
        if !(1..=MAX_ROLLOUT_WAIT_S).contains(&self.rollout_wait_s) {
            return wrong(format!(
                "rollout_wait_s: expected 1 to {MAX_ROLLOUT_WAIT_S}"
            ));
        }
        Ok(())
    }

    async fn client(&self) -> Result<kube::Client, Error> {
        let wrong = |says: String| Error::Configuration(format!("Kubernetes runner: {says}"));
        let mut config = match &self.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(|error| wrong(error.to_string()))?;
                let options = KubeConfigOptions {
                    context: self.context.clone(),
                    ..KubeConfigOptions::default()
                };
                let read = kube::Config::from_custom_kubeconfig(file, &options).await;
                read.map_err(|error| wrong(format!("{}: {error}", path.display())))?
            }
            None => kube::Config::incluster().map_err(|error| {
                wrong(format!(
                    "no kubeconfig is set and this is no pod with a service account: {error}"
                ))
            })?,
        };
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // The library would send patches again on its own; this runner knows when that is right.
        config.default_retry = false;
        kube::Client::try_from(config).map_err(|error| wrong(error.to_string()))
    }
}

/// Acts on the Deployments of one namespace.
pub struct Kubernetes {
    api: Api,
    settings: KubernetesSettings,
    /// The digest of each target's last description: an order on another state is not begun.
    observed: Mutex<HashMap<String, Digest>>,
}

impl Kubernetes {
    /// Reads the credentials; asks the cluster nothing. Errors are of the configuration: settings
    /// that can't be, a kubeconfig that can't be read, no service account.
    pub async fn new(settings: KubernetesSettings) -> Result<Self, Error> {
        settings.check()?;
        let client = settings.client().await?;
        Ok(Self {
            api: Api::new(client, settings.namespace.clone()),
            settings,
            observed: Mutex::default(),
        })
    }

    /// Whether the cluster answers and lets the runner read what it has to: for start-up and
    /// `doctor`. The error names what is missing.
    pub async fn check(&self) -> Result<(), Error> {
        let needed = [
            Resource::Deployments,
            Resource::ReplicaSets,
            Resource::Pods,
            Resource::Autoscalers,
        ];
        for resource in needed {
            self.api.list(resource, Some("datapulse.dev/none")).await?;
        }
        Ok(())
    }

    /// What the order would change, by a dry run on the API server: nothing is kept, no key is
    /// noted. Refused where the order would be.
    pub async fn dry_run(&self, order: &Order) -> Result<DryRun, Error> {
        let mut conflict = String::new();
        for _ in 0..MAX_CONFLICTS {
            let seen = self.look(&order.action.target).await?;
            match self.tried(&order.action, &seen).await? {
                Ok(dry) => return Ok(dry),
                Err(says) => conflict = says,
            }
        }
        Err(Error::NotDone(conflict))
    }

    /// One dry run; the inner error says that something changed since the look.
    async fn tried(&self, action: &Action, seen: &Seen) -> Result<Result<DryRun, String>, Error> {
        let plan = self.plan(action, seen)?;
        let mut changes = Vec::new();
        if let Some((name, patch)) = &plan.config_map {
            let before = seen.config_maps.get(name).cloned().unwrap_or_default();
            let patch = at_version(patch.clone(), &before);
            let sent = self.api.patch(Resource::ConfigMaps, name, &patch, true);
            let after = match sent.await? {
                Patched::Done(after) => after,
                Patched::Changed(says) => return Ok(Err(says)),
            };
            for change in plan::changes(&before["data"], &after["data"]) {
                changes.push(format!("ConfigMap {name}: {change}"));
            }
        }
        let patch = at_version(plan.workload.clone(), &seen.deployment);
        let name = seen.name();
        let sent = self.api.patch(Resource::Deployments, name, &patch, true);
        let after = match sent.await? {
            Patched::Done(after) => after,
            Patched::Changed(says) => return Ok(Err(says)),
        };
        for change in plan::changes(&seen.deployment["spec"], &after["spec"]) {
            changes.push(format!("Deployment {name}: {change}"));
        }
        Ok(Ok(DryRun {
            does: plan.does,
            changes,
        }))
    }

    fn plan(&self, action: &Action, seen: &Seen) -> Result<plan::Plan, Error> {
        plan::plan(action, seen, &now().to_string())
            .map_err(|why| Error::Refused(format!("Kubernetes: {why}")))
    }

    fn description(&self, seen: &Seen) -> Value {
        seen.describe(&self.settings.namespace)
    }

    /// Refuses a target that isn't as it was when it was last observed.
    fn as_observed(&self, target: &str, seen: &Seen) -> Result<(), Error> {
        let now = digest(&self.description(seen));
        let observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        match observed.get(target) {
            Some(before) if *before != now => Err(Error::Refused(format!(
                "Kubernetes: Deployment {} changed since it was looked at; nothing was done",
                seen.name()
            ))),
            _ => Ok(()),
        }
    }

    fn forget(&self, target: &str) {
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        observed.remove(target);
    }
}

#[async_trait]
impl Runner for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    async fn observe(&self, target: &str) -> Result<Value, Error> {
        let seen = self.look(target).await?;
        let state = self.description(&seen);
        let mut observed = self.observed.lock().unwrap_or_else(PoisonError::into_inner);
        if observed.len() >= MAX_OBSERVED {
            observed.clear();
        }
        observed.insert(target.to_owned(), digest(&state));
        drop(observed);
        Ok(state)
    }

    async fn execute(&self, order: &Order) -> Result<Receipt, Error> {
        self.carry_out(order).await
    }

    async fn known(&self, key: &str) -> Result<Known, Error> {
        self.fate(key).await
    }
}

fn digest(state: &Value) -> Digest {
    Digest::of(action::sorted(state).to_string().as_bytes())
}

/// The wall clock: it is held against the cluster's.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| since.as_millis() as i64))
}

/// The patch, for an object as it was looked at and no other.
fn at_version(mut patch: Value, object: &Value) -> Value {
    let version = object.pointer("/metadata/resourceVersion").cloned();
    if !patch["metadata"].is_object() {
        patch["metadata"] = json!({});
    }
    patch["metadata"]["resourceVersion"] = version.unwrap_or_default();
    patch
}
