//! Jira, Cloud and Data Center: an issue for an incident, its comments and its status, and what
//! people say and do there.
//!
//! Cloud speaks version 3 of the API (documents in the Atlassian Document Format, an e-mail and an
//! API token); Data Center speaks version 2 (wiki markup, a personal access token).
//!
//! Read first: [`issue`] (create once), then [`comments`], [`transitions`], and [`incoming`] for
//! what comes back. `docs/integrations/jira.md` says all of it to operators.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Severity, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use crate::error::Error;
use crate::outbound::{Call, Outbound};
use crate::secret::Secret;

mod answer;
pub mod comments;
mod document;
pub mod incoming;
pub mod issue;
mod jql;
mod said;
#[cfg(test)]
mod tests;
pub mod transitions;

pub use comments::{Remark, Remarked};
pub use crate::callback::Unheard;
pub use incoming::{Arrived, Door, OutsideComment, OutsideStatus, Proof, Said};
pub use issue::{Opened, Ticket};
pub use transitions::Moved;

use answer::Asked;

/// Wall time of one request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Fields that an operator may add to each issue.
pub const MAX_FIELDS: usize = 50;
/// Bytes of a key of an issue: Jira's own limit is a project key of 255 and a number.
const MAX_KEY: usize = 300;
/// Characters of an account's id that are kept.
const MAX_ACCOUNT: usize = 128;
/// What DataPulse writes itself: settings may not set these fields.
const OURS: [&str; 6] = [
    "project",
    "issuetype",
    "summary",
    "description",
    "labels",
    "priority",
];

/// Which Jira it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edition {
    Cloud,
    DataCenter,
}

/// Where an issue goes when an incident comes into a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// The name of the status that the issue shall have, as the project's workflow calls it.
    pub status: String,
    /// The name of the transition, where several lead there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition: Option<String>,
}

/// What an operator says of a Jira.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JiraSettings {
    /// `https://example.atlassian.net`, or where Data Center is, with its path.
    pub url: String,
    pub edition: Edition,
    /// Cloud: the e-mail of the account that the API token belongs to.
    #[serde(default)]
    pub user: Option<String>,
    /// The key of the project.
    pub project: String,
    /// The name of the type: `Incident`, `Task`.
    pub issue_type: String,
    /// More fields of each issue, as the API takes them: what the project demands.
    #[serde(default)]
    pub fields: Map<String, Value>,
    /// The names of priorities. Without: the project's default.
    #[serde(default)]
    pub priorities: BTreeMap<Severity, String>,
    /// Where the issue goes when the incident is in a state. A state that isn't here moves nothing.
    #[serde(default)]
    pub states: BTreeMap<Status, Move>,
    /// What it means when a person moves the issue to a status of this name.
    #[serde(default)]
    pub meanings: BTreeMap<String, Status>,
}

/// The client of one project.
#[derive(Debug, Clone)]
pub struct Jira {
    settings: Arc<JiraSettings>,
    base: String,
    authorization: Secret,
    outbound: Outbound,
    within: Duration,
    account: Arc<OnceCell<String>>,
}

/// The key of an issue, such as `OPS-17`: what ties it to an incident.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct IssueKey(String);

impl IssueKey {
    /// `None` where it is no project's key, a hyphen and a number.
    pub fn parse(text: &str) -> Option<Self> {
        let (project, number) = text.rsplit_once('-')?;
        let digits = (1..=10).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        (is_project(project) && digits && text.len() <= MAX_KEY).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of its project.
    pub fn project(&self) -> &str {
        self.0.rsplit_once('-').map_or("", |(project, _)| project)
    }
}

impl fmt::Display for IssueKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A letter, then letters, digits and underscores; Jira's administrators may widen this no further.
fn is_project(key: &str) -> bool {
    key.bytes().next().is_some_and(|b| b.is_ascii_uppercase())
        && key
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

impl Jira {
    /// `settings.url` is one that the server's own configuration names, which lists its host.
    ///
    /// # Errors
    /// `Configuration`: what is wrong with the settings.
    pub fn new(settings: JiraSettings, token: &Secret) -> Result<Self, Error> {
        let outbound = Outbound::default()
            .listed_url(&settings.url)
            .map_err(|error| Error::Configuration(format!("jira url: {error}")))?;
        Self::through(settings, token, outbound)
    }

    /// Through a client that others share. It must allow `settings.url`: see
    /// [`Outbound::listed_url`].
    ///
    /// # Errors
    /// `Configuration`: what is wrong with the settings.
    pub fn through(
        settings: JiraSettings,
        token: &Secret,
        outbound: Outbound,
    ) -> Result<Self, Error> {
        outbound
            .check(&settings.url)
            .map_err(|error| Error::Configuration(format!("jira url: {error}")))?;
        settings.check()?;
        let authorization = match (settings.edition, &settings.user) {
            (Edition::Cloud, Some(user)) => {
                let login = format!("{user}:{}", token.reveal());
                Secret::new(format!("Basic {}", STANDARD.encode(login)))
            }
            (Edition::Cloud, None) => {
                let says = "jira user: Jira Cloud wants the e-mail of the token's account";
                return Err(Error::Configuration(says.to_owned()));
            }
            (Edition::DataCenter, _) => Secret::new(format!("Bearer {}", token.reveal())),
        };
        Ok(Self {
            base: settings.url.trim_end_matches('/').to_owned(),
            settings: Arc::new(settings),
            authorization,
            outbound,
            within: TIMEOUT,
            account: Arc::default(),
        })
    }

    pub fn settings(&self) -> &JiraSettings {
        &self.settings
    }

    /// Where a person sees an issue.
    pub fn browse(&self, issue: &IssueKey) -> String {
        format!("{}/browse/{issue}", self.base)
    }

    /// The id of the account that we write as: what it did is an echo. Asked for once.
    ///
    /// # Errors
    /// Jira was only read: nothing acted.
    pub async fn account(&self) -> Result<String, Error> {
        let account = self.account.get_or_try_init(|| async {
            let value = self.read("GET myself", "/myself").await?;
            said::account(&value)
                .ok_or_else(|| Error::NotDone("GET myself: the answer names no account".to_owned()))
        });
        account.await.cloned()
    }

    fn is_cloud(&self) -> bool {
        self.settings.edition == Edition::Cloud
    }

    fn url(&self, path: &str) -> String {
        let version = if self.is_cloud() { 3 } else { 2 };
        format!("{}/rest/api/{version}{path}", self.base)
    }

    /// Reads. Whatever fails, nothing has acted.
    async fn read(&self, what: &str, path: &str) -> Result<Value, Error> {
        let call = Call::get(&format!("jira: {what}"), &self.url(path));
        self.ask(what, call, Asked::ToRead).await
    }

    /// Writes, once.
    async fn write(&self, what: &str, path: &str, body: &Value) -> Result<Value, Error> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Error::Configuration(format!("jira: {what}: {error}")))?;
        let call = Call::post(&format!("jira: {what}"), &self.url(path), body)
            .header("content-type", "application/json");
        self.ask(what, call, Asked::ToWrite).await
    }

    async fn ask(&self, what: &str, call: Call, asked: Asked) -> Result<Value, Error> {
        let call = call
            .header("authorization", self.authorization.reveal())
            .header("accept", "application/json")
            .within(self.within);
        let what = format!("jira: {what}");
        let made = match self.outbound.call(&call).await {
            Ok(answer) => answer::read(&what, asked, &answer),
            Err(error) => Err(asked.judged(error)),
        };
        if made.is_err() {
            metrics::counter!("integration_call_failures_total", "adapter" => "jira").increment(1);
        }
        made
    }
}

impl JiraSettings {
    fn check(&self) -> Result<(), Error> {
        let wrong = |says: String| Err(Error::Configuration(format!("jira {says}")));
        if !is_project(&self.project) {
            return wrong(format!(
                "project: {:?} is no key of a project, such as OPS",
                self.project
            ));
        }
        if self.issue_type.trim().is_empty() {
            return wrong("issue_type: is empty".to_owned());
        }
        if self.fields.len() > MAX_FIELDS {
            return wrong(format!("fields: more than {MAX_FIELDS}"));
        }
        if let Some(ours) = OURS.iter().find(|name| self.fields.contains_key(**name)) {
            return wrong(format!("fields.{ours}: DataPulse writes this field itself"));
        }
        Ok(())
    }
}
