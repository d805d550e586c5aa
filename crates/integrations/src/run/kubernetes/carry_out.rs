//! An order from its first look to its end: noted in the same patch as the change, waited for,
//! and found again by its key.

use std::time::Duration;

use model::ExecutionResult;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::{Patched, Resource, shortened};
use super::describe::{Seen, revision_of, text};
use super::find::{belongs, selector};
use super::ledger::{ANNOTATION, Entry, Ledger, Stage, action_digest};
use super::plan::{CONFIG_MARK, Plan, replaced_pods};
use super::rollout::{Progress, given_up, progress};
use super::{Kubernetes, MAX_CONFLICTS, at_version, digest, now};
use crate::error::Error;
use crate::run::{Known, Order, Receipt};

/// Between two looks at a rollout.
const POLL: Duration = Duration::from_millis(500);
/// Characters of an order's description that are noted with it.
const MAX_DOES: usize = 300;
/// A Deployment's `progressDeadlineSeconds` where it has none.
const PROGRESS_DEADLINE_S: i64 = 600;

/// How sending an order's patches went.
enum Sent {
    /// The Deployment as it is with the change.
    Applied(Value),
    /// Nothing was done, for something changed since the look.
    Changed(String),
}

/// The patch with the ledger in it, for the object as it was looked at.
fn noted(mut patch: Value, ledger: &Ledger, object: &Value) -> Value {
    if !patch["metadata"].is_object() {
        patch["metadata"] = json!({});
    }
    patch["metadata"]["annotations"] = json!({ ANNOTATION: ledger.text() });
    at_version(patch, object)
}

fn ledger(seen: &Seen) -> Result<Ledger, Error> {
    let copies: Vec<&Value> = seen.replica_sets.iter().collect();
    Ledger::of(&seen.deployment, &copies)
        .map_err(|why| Error::CannotTell(format!("Kubernetes: {why}")))
}

/// Whether a ConfigMap bears the key.
fn bears(config_map: Option<&Value>, key: &str) -> Result<bool, Error> {
    let Some(config_map) = config_map else {
        return Ok(false);
    };
    let ledger =
        Ledger::read(config_map).map_err(|why| Error::CannotTell(format!("Kubernetes: {why}")))?;
    Ok(ledger.entry(key).is_some() || ledger.may_have_had(key))
}

impl Kubernetes {
    /// Carries an order out, or says what became of it where its key stands on the workload.
    pub(super) async fn carry_out(&self, order: &Order) -> Result<Receipt, Error> {
        let target = &order.action.target;
        let mut basis = None;
        let mut conflict = String::new();
        for _ in 0..MAX_CONFLICTS {
            let seen = self.look(target).await?;
            let ledger = ledger(&seen)?;
            let found = ledger.entry(&order.key);
            if let Some(entry) = found {
                if entry.action != action_digest(&order.action) {
                    return Err(Error::Refused(format!(
                        "Kubernetes: the key {} stands for another action; nothing was done",
                        order.key
                    )));
                }
                if entry.stage == Stage::Applied {
                    return self.found(seen.name(), entry, &ledger).await;
                }
            } else if ledger.may_have_had(&order.key) {
                return Err(Error::CannotTell(format!(
                    "Kubernetes: Deployment {} has had so many orders that it can't be said whether {} was among them",
                    seen.name(),
                    order.key
                )));
            }
            let looks = digest(&self.description(&seen));
            self.as_observed(target, &seen)?;
            if *basis.get_or_insert(looks) != looks {
                return Err(Error::Refused(format!(
                    "Kubernetes: Deployment {} changed while the order was sent; nothing was done",
                    seen.name()
                )));
            }
            match self.send(order, seen, &ledger).await? {
                Sent::Changed(says) => conflict = says,
                Sent::Applied(deployment) => {
                    self.forget(target);
                    let ledger = Ledger::read(&deployment)
                        .map_err(|why| Error::CannotTell(format!("Kubernetes: {why}")))?;
                    let Some(entry) = ledger.entry(&order.key) else {
                        return Err(Error::CannotTell(format!(
                            "Kubernetes: the API server took the order {} and dropped its key",
                            order.key
                        )));
                    };
                    return self.ended(deployment.clone(), entry, &ledger).await;
                }
            }
        }
        Err(Error::NotDone(conflict))
    }

    /// Plans the order and sends its patches.
    async fn send(&self, order: &Order, mut seen: Seen, ledger: &Ledger) -> Result<Sent, Error> {
        let begun = ledger.entry(&order.key);
        let halfway = begun.and_then(|entry| entry.config_map.as_ref());
        if let Some((entry, name)) = begun.zip(halfway)
            && bears(seen.config_maps.get(name), &order.key)?
        {
            // The ConfigMap has the change already: only the pods are missing.
            let does = entry.does.clone();
            let entry = self.entry(order, &does, Stage::Applied, Some(name), &seen);
            return self.replace_pods(seen, ledger, entry).await;
        }
        let plan = self.plan(&order.action, &seen)?;
        let Plan {
            does,
            workload,
            config_map,
        } = plan;
        let name = config_map.as_ref().map(|(name, _)| name);
        if let Some((name, patch)) = &config_map {
            let entry = self.entry(order, &does, Stage::Begun, Some(name), &seen);
            if begun.is_none() {
                let claim = noted(json!({}), &ledger.with(entry.clone()), &seen.deployment);
                match self.patch_workload(&seen, &claim).await? {
                    Sent::Applied(deployment) => seen.deployment = deployment,
                    changed => return Ok(changed),
                }
            }
            let object = seen.config_maps.get(name).cloned().unwrap_or_default();
            let orders = Ledger::read(&object)
                .map_err(|why| Error::CannotTell(format!("Kubernetes: {why}")))?;
            let patch = noted(patch.clone(), &orders.with(entry), &object);
            let sent = self.api.patch(Resource::ConfigMaps, name, &patch, false);
            if let Patched::Changed(says) = sent.await? {
                return Ok(Sent::Changed(says));
            }
            let entry = self.entry(order, &does, Stage::Applied, Some(name), &seen);
            return self.replace_pods(seen, ledger, entry).await;
        }
        let entry = self.entry(order, &does, Stage::Applied, name, &seen);
        let patch = noted(workload, &ledger.with(entry), &seen.deployment);
        self.patch_workload(&seen, &patch).await
    }

    fn entry(
        &self,
        order: &Order,
        does: &str,
        stage: Stage,
        config_map: Option<&String>,
        seen: &Seen,
    ) -> Entry {
        Entry {
            key: order.key.clone(),
            action: action_digest(&order.action),
            at: now(),
            does: shortened(does, MAX_DOES),
            stage,
            config_map: config_map.cloned(),
            stale: given_up(&seen.deployment),
            receipt: None,
        }
    }

    async fn patch_workload(&self, seen: &Seen, patch: &Value) -> Result<Sent, Error> {
        let sent = self
            .api
            .patch(Resource::Deployments, seen.name(), patch, false);
        Ok(match sent.await? {
            Patched::Done(after) => Sent::Applied(after),
            Patched::Changed(says) => Sent::Changed(says),
        })
    }

    /// The second half of a ConfigMap's change: from here on something has been done, so that
    /// what goes wrong can't be called "not done".
    async fn replace_pods(
        &self,
        mut seen: Seen,
        ledger: &Ledger,
        entry: Entry,
    ) -> Result<Sent, Error> {
        let name = seen.name().to_owned();
        let halfway = |why: String| {
            Error::CannotTell(format!(
                "Kubernetes: the ConfigMap was changed and the pods of {name} were not replaced: {why}"
            ))
        };
        let template = seen.template().clone();
        for _ in 0..MAX_CONFLICTS {
            let pods = replaced_pods(CONFIG_MARK, &now().to_string());
            let patch = noted(pods, &ledger.with(entry.clone()), &seen.deployment);
            match self.patch_workload(&seen, &patch).await {
                Ok(Sent::Applied(deployment)) => return Ok(Sent::Applied(deployment)),
                Ok(Sent::Changed(_)) => {}
                Err(error) => return Err(halfway(error.to_string())),
            }
            let again = self.api.get(Resource::Deployments, &name).await;
            match again.map_err(|error| halfway(error.to_string()))? {
                Some(deployment) if deployment.pointer("/spec/template") == Some(&template) => {
                    seen.deployment = deployment;
                }
                _ => return Err(halfway("it changed meanwhile".to_owned())),
            }
        }
        Err(halfway(format!("{MAX_CONFLICTS} conflicts")))
    }

    /// The end of an order whose key was found. The Deployment is read once more: the key may
    /// come from a ReplicaSet that is younger than the Deployment as it was looked at.
    async fn found(&self, name: &str, entry: &Entry, ledger: &Ledger) -> Result<Receipt, Error> {
        match self.api.get(Resource::Deployments, name).await? {
            Some(deployment) => self.ended(deployment, entry, ledger).await,
            None => Err(Error::CannotTell(format!(
                "Kubernetes: {} was applied to Deployment {name}, which is gone",
                entry.key
            ))),
        }
    }

    /// Waits for the end of an order that was applied, and notes it with its key.
    async fn ended(
        &self,
        deployment: Value,
        entry: &Entry,
        ledger: &Ledger,
    ) -> Result<Receipt, Error> {
        if let Some(receipt) = &entry.receipt {
            return Ok(receipt.clone());
        }
        let name = text(&deployment, "/metadata/name").to_owned();
        if !ledger.is_last(&entry.key) {
            return Err(Error::CannotTell(format!(
                "Kubernetes: {} was applied to Deployment {name} ({}), and a later order changed it before its end was seen",
                entry.key, entry.does
            )));
        }
        let receipt = self.wait(deployment, entry).await?;
        if let Err(error) = self.note_end(&name, &entry.key, &receipt).await {
            tracing::warn!(key = entry.key, %error, "the end of an order is not noted on its workload");
        }
        Ok(receipt)
    }

    async fn wait(&self, deployment: Value, entry: &Entry) -> Result<Receipt, Error> {
        let name = text(&deployment, "/metadata/name");
        let (uid, template) = (
            text(&deployment, "/metadata/uid"),
            deployment.pointer("/spec/template"),
        );
        let limit = Duration::from_secs(self.settings.rollout_wait_s);
        let until = Instant::now() + limit;
        let unsure = |why: String| {
            Error::CannotTell(format!(
                "Kubernetes: the API server took the order ({}), and {why}",
                entry.does
            ))
        };
        let mut last;
        loop {
            match self.progress(name, uid, template, entry).await {
                Ok(Some(Progress::Done(state))) => {
                    return Ok(Receipt {
                        result: ExecutionResult::Succeeded,
                        says: format!("{}; {state}", entry.does),
                    });
                }
                Ok(Some(Progress::Failed(why))) => {
                    return Ok(Receipt {
                        result: ExecutionResult::Failed,
                        says: format!(
                            "{}; the rollout failed and was not taken back: {why}",
                            entry.does
                        ),
                    });
                }
                Ok(Some(Progress::Running(state))) => last = state,
                Ok(None) => {
                    return Err(unsure(format!(
                        "Deployment {name} was changed by somebody else, or deleted, before the rollout ended"
                    )));
                }
                // Away for a moment; a missing permission stays missing.
                Err(Error::NotDone(why)) => last = why,
                Err(error) => return Err(unsure(format!("its end can't be seen: {error}"))),
            }
            if Instant::now() >= until {
                return Err(unsure(format!(
                    "the rollout is not over after {} s: {last}",
                    limit.as_secs()
                )));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// How far the rollout is; nothing where the Deployment isn't any more what was ordered.
    async fn progress(
        &self,
        name: &str,
        uid: &str,
        template: Option<&Value>,
        entry: &Entry,
    ) -> Result<Option<Progress>, Error> {
        let Some(deployment) = self.api.get(Resource::Deployments, name).await? else {
            return Ok(None);
        };
        if text(&deployment, "/metadata/uid") != uid
            || deployment.pointer("/spec/template") != template
        {
            return Ok(None);
        }
        let pods = self.new_pods(&deployment, uid).await?;
        let deadline = deployment.pointer("/spec/progressDeadlineSeconds");
        let deadline = deadline
            .and_then(Value::as_i64)
            .unwrap_or(PROGRESS_DEADLINE_S);
        // After so long, a failure that still stands there is this order's own.
        let young = now().ms() - entry.at.ms() < deadline * 1000;
        let stale = entry.stale.as_deref().filter(|_| young);
        Ok(Some(progress(&deployment, &pods, stale)))
    }

    /// The pods of the ReplicaSet that bears the Deployment's revision.
    async fn new_pods(&self, deployment: &Value, uid: &str) -> Result<Vec<Value>, Error> {
        let labels = selector(deployment);
        let sets = self.api.list(Resource::ReplicaSets, labels.as_deref());
        let sets = sets.await?;
        let revision = revision_of(deployment);
        let newest = sets
            .iter()
            .find(|set| belongs(set, uid) && revision_of(set) == revision);
        let Some(newest) = newest else {
            return Ok(Vec::new());
        };
        let labels = selector(newest);
        let mut pods = self.api.list(Resource::Pods, labels.as_deref()).await?;
        pods.retain(|pod| belongs(pod, text(newest, "/metadata/uid")));
        Ok(pods)
    }

    /// Writes the end beside the key. Its failing changes nothing: the end is looked up again.
    async fn note_end(&self, name: &str, key: &str, receipt: &Receipt) -> Result<(), Error> {
        let mut conflict = String::new();
        for _ in 0..MAX_CONFLICTS {
            let Some(deployment) = self.api.get(Resource::Deployments, name).await? else {
                return Ok(());
            };
            let ledger = Ledger::read(&deployment).map_err(Error::NotDone)?;
            let Some(entry) = ledger.entry(key) else {
                return Ok(());
            };
            let mut entry = entry.clone();
            entry.receipt = Some(receipt.clone());
            let patch = noted(json!({}), &ledger.with(entry), &deployment);
            let sent = self.api.patch(Resource::Deployments, name, &patch, false);
            match sent.await? {
                Patched::Done(_) => return Ok(()),
                Patched::Changed(says) => conflict = says,
            }
        }
        Err(Error::NotDone(conflict))
    }

    /// What became of a key, wherever in the namespace it stands.
    pub(super) async fn fate(&self, key: &str) -> Result<Known, Error> {
        let deployments = self.api.list(Resource::Deployments, None).await?;
        let sets = self.api.list(Resource::ReplicaSets, None).await?;
        let mut doubt = None;
        for deployment in deployments {
            let uid = text(&deployment, "/metadata/uid");
            let copies: Vec<&Value> = sets.iter().filter(|set| belongs(set, uid)).collect();
            let ledger = match Ledger::of(&deployment, &copies) {
                Ok(ledger) => ledger,
                Err(why) => {
                    doubt = Some(why);
                    continue;
                }
            };
            let Some(entry) = ledger.entry(key) else {
                if ledger.may_have_had(key) {
                    let name = text(&deployment, "/metadata/name");
                    doubt = Some(format!(
                        "Deployment {name} has had too many orders to keep all their keys"
                    ));
                }
                continue;
            };
            return match self.fate_of(deployment, entry, &ledger).await {
                Err(Error::CannotTell(why)) => Ok(Known::CannotTell(why)),
                other => other,
            };
        }
        Ok(doubt.map_or(Known::NotBegun, Known::CannotTell))
    }

    async fn fate_of(
        &self,
        deployment: Value,
        entry: &Entry,
        ledger: &Ledger,
    ) -> Result<Known, Error> {
        if entry.stage == Stage::Applied {
            let name = text(&deployment, "/metadata/name");
            return Ok(Known::Done(self.found(name, entry, ledger).await?));
        }
        let name = entry.config_map.as_deref().unwrap_or("");
        let config_map = self.api.get(Resource::ConfigMaps, name).await?;
        if bears(config_map.as_ref(), &entry.key)? {
            return Ok(Known::CannotTell(format!(
                "ConfigMap {name} was changed and the pods of {} were not replaced: restart it",
                text(&deployment, "/metadata/name")
            )));
        }
        Ok(Known::NotBegun)
    }
}
