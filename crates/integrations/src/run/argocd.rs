//! Argo CD: an Application is put back to an earlier revision, or its workload is restarted.
//!
//! A rollback is a sync to the revision of a history entry: Argo CD's own rollback is the same
//! sync without a place for our mark. Guide: `docs/integrations/argocd.md`.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use model::Action;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::once::{
    Mark, Once, Plan, Platform, Progress, Sent, WAIT_S, check_targets, check_wait, runs_once,
};
use super::path_segment;
use super::rest::Rest;
use crate::error::Error;
use crate::outbound::{Call, Outbound};
use crate::secret::Secret;

mod describe;
mod plan;
#[cfg(test)]
mod tests;

use plan::Step;

const LABEL: &str = "Argo CD";
/// One request's time limit, in wall time: a sync is answered as soon as it is taken.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where Argo CD is, and which Applications may be acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArgoCdSettings {
    /// Of its API server, such as `https://argocd.example.com`.
    pub url: String,
    /// The environment variable that holds the token of an account of its own.
    pub secret_env: String,
    /// From a target, a service's name from telemetry, to its Application. No other is acted on.
    pub applications: BTreeMap<String, String>,
    /// The namespace of the Applications, where it isn't Argo CD's own.
    pub namespace: Option<String>,
    /// The project that the Applications have to be of.
    pub project: Option<String>,
    /// Seconds that a sync is waited for, 1 to 1800.
    pub wait_s: u64,
}

impl Default for ArgoCdSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            secret_env: String::new(),
            applications: BTreeMap::new(),
            namespace: None,
            project: None,
            wait_s: WAIT_S,
        }
    }
}

impl ArgoCdSettings {
    /// What is wrong with the settings by themselves.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |why| Error::Configuration(format!("{LABEL} runner: {why}"));
        Outbound::default()
            .listed_url(&self.url)
            .map_err(|error| wrong(format!("url: {error}")))?;
        check_targets(self.applications.len())
            .map_err(|why| wrong(format!("applications: {why}")))?;
        check_wait(self.wait_s).map_err(wrong)
    }
}

/// Acts on Applications.
pub struct ArgoCd(Once<Api>);

impl ArgoCd {
    /// `outbound` is what others share: the host of the settings is listed by being there.
    pub fn new(
        settings: ArgoCdSettings,
        token: Secret,
        outbound: &Outbound,
    ) -> Result<Self, Error> {
        settings.check()?;
        let rest = Rest::new(LABEL, outbound.listed_url(&settings.url)?);
        Ok(Self(Once::new(Api {
            settings,
            token,
            rest,
        })))
    }

    /// Whether every Application can be read: for `doctor`. The error names what is missing.
    pub async fn check(&self) -> Result<(), Error> {
        self.0.look_at_all().await
    }
}

runs_once!(ArgoCd);

struct Api {
    settings: ArgoCdSettings,
    token: Secret,
    rest: Rest,
}

impl Api {
    /// The address under an Application, with where to look for it.
    fn at(&self, name: &str, under: &str, more: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (key, value) in self.place() {
            query.append_pair(key, value);
        }
        for (key, value) in more {
            query.append_pair(key, value);
        }
        let (base, query) = (self.settings.url.trim_end_matches('/'), query.finish());
        let mark = if query.is_empty() { "" } else { "?" };
        format!(
            "{base}/api/v1/applications/{}{under}{mark}{query}",
            path_segment(name)
        )
    }

    fn place(&self) -> Vec<(&'static str, &str)> {
        let parts = [
            ("appNamespace", &self.settings.namespace),
            ("project", &self.settings.project),
        ];
        let set = |(key, value): (&'static str, &'_ Option<String>)| value.as_deref().map(|_| key);
        parts
            .into_iter()
            .filter(|part| set(*part).is_some())
            .map(|(key, value)| (key, value.as_deref().unwrap_or_default()))
            .collect()
    }

    fn post(&self, what: &str, url: &str, body: &Value) -> Call {
        Call::post(what, url, body.to_string().into_bytes())
            .header("content-type", "application/json")
            .bearer(&self.token)
            .within(TIMEOUT)
    }

    /// The second form first: the first one is to go, but older servers have no other.
    async fn restart(&self, name: &str, workload: &plan::Workload) -> Result<(), Error> {
        let what = format!("{LABEL}: restart of {} {}", workload.kind, workload.name);
        let url = self.at(name, "/resource/actions/v2", &[]);
        let mut body = workload.body(name);
        for (key, value) in self.place() {
            body[key] = json!(value);
        }
        let newer = self
            .rest
            .write(|| Ok(self.post(&what, &url, &body)))
            .await?;
        if newer.is_some() {
            return Ok(());
        }
        let url = self.at(name, "/resource/actions", &workload.query());
        let older = self
            .rest
            .write(|| Ok(self.post(&what, &url, &json!("restart"))))
            .await?;
        older
            .map(drop)
            .ok_or_else(|| Error::Refused(format!("{what}: it is not there; nothing was done")))
    }
}

#[async_trait]
impl Platform for Api {
    type Seen = Value;
    type Step = Step;

    fn name(&self) -> &'static str {
        "argocd"
    }

    fn label(&self) -> &'static str {
        LABEL
    }

    fn wait(&self) -> Duration {
        Duration::from_secs(self.settings.wait_s)
    }

    fn targets(&self) -> Vec<String> {
        self.settings.applications.keys().cloned().collect()
    }

    async fn look(&self, target: &str) -> Result<Value, Error> {
        let name = self.settings.applications.get(target).ok_or_else(|| {
            Error::Refused(format!(
                "{LABEL}: no Application is named for {target}: add it to applications"
            ))
        })?;
        let (what, url) = (
            format!("{LABEL}: Application {name}"),
            self.at(name, "", &[]),
        );
        let call = || Ok(Call::get(&what, &url).bearer(&self.token).within(TIMEOUT));
        let seen = self.rest.get(call, &format!("Application {name}")).await?;
        if super::text(&seen, "/metadata/name") != name {
            return Err(Error::NotDone(format!(
                "{what}: an answer that is no Application"
            )));
        }
        Ok(seen)
    }

    fn describe(&self, seen: &Value) -> Value {
        describe::describe(seen)
    }

    fn marks(&self, seen: &Value) -> Vec<(Mark, Progress)> {
        describe::marks(seen)
    }

    fn plan(&self, action: &Action, seen: &Value, mark: &Mark) -> Result<Plan<Step>, String> {
        let mut plan = plan::plan(action, seen, mark)?;
        if let Step::Sync(body) = &mut plan.step {
            for (key, value) in self.place() {
                body[key] = json!(value);
            }
        }
        Ok(plan)
    }

    async fn send(&self, plan: &Plan<Step>, seen: &Value, _: &Mark) -> Result<Sent, Error> {
        let name = super::text(seen, "/metadata/name");
        match &plan.step {
            Step::Sync(body) => {
                let what = format!("{LABEL}: sync of {name}");
                let url = self.at(name, "/sync", &[]);
                let taken = self.rest.write(|| Ok(self.post(&what, &url, body))).await?;
                taken.ok_or_else(|| {
                    Error::Refused(format!("{what}: it is not there; nothing was done"))
                })?;
                Ok(Sent::Marked)
            }
            Step::Restart(workload) => {
                self.restart(name, workload).await?;
                Ok(Sent::Ended(
                    "Argo CD took it; it waits for no rollout".to_owned(),
                ))
            }
        }
    }
}
