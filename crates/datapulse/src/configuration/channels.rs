//! Slack, Jira and PagerDuty: as whom we come to them. What their people do comes in by the tables in
//! [`super::doors`].

use std::collections::BTreeMap;

use anyhow::Result;
use integrations::jira::{Edition, Jira as JiraClient, JiraSettings, Move};
use integrations::slack::{self, Form};
use integrations::{Outbound, pagerduty};
use model::{Severity, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::doors::{JiraIncoming, PagerDutyIncoming, SlackIncoming};
use super::secret_in;

/// The names in records, metrics and routes.
pub const SLACK: &str = "slack";
pub const JIRA: &str = "jira";

/// A channel of a workspace: by a bot's token, or by an incoming webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Slack {
    /// The environment variable that holds the bot's token (`xoxb-…`); empty: `webhook_env`.
    pub token_env: String,
    /// The channel's id, with a bot's token.
    pub channel: String,
    /// The environment variable that holds an incoming webhook's URL; empty: `token_env`.
    pub webhook_env: String,
    /// Whether the app hears of clicks: then messages have buttons.
    pub form: SlackForm,
    /// Where Slack's Web API is; GovSlack's is `https://slack-gov.com/api`.
    pub api: String,
    /// Whether a message is looked for before it is posted: needs the scope `channels:history`, for
    /// private channels `groups:history`.
    pub look_back: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incoming: Option<SlackIncoming>,
}

/// What people can do in Slack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlackForm {
    /// Follow a link to DataPulse.
    #[default]
    Link,
    /// Press buttons.
    Buttons,
}

impl Default for Slack {
    fn default() -> Self {
        Self {
            token_env: String::new(),
            channel: String::new(),
            webhook_env: String::new(),
            form: SlackForm::default(),
            api: slack::client::SLACK.to_owned(),
            look_back: true,
            incoming: None,
        }
    }
}

/// A project of a Jira: see [`JiraSettings`], whose fields these are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jira {
    /// The environment variable that holds the API token or the personal access token.
    pub token_env: String,
    pub url: String,
    pub edition: Edition,
    #[serde(default)]
    pub user: Option<String>,
    pub project: String,
    pub issue_type: String,
    #[serde(default)]
    pub fields: Map<String, Value>,
    #[serde(default)]
    pub priorities: BTreeMap<Severity, String>,
    #[serde(default)]
    pub states: BTreeMap<Status, Move>,
    #[serde(default)]
    pub meanings: BTreeMap<String, Status>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incoming: Option<JiraIncoming>,
}

/// A service of PagerDuty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagerDuty {
    /// The environment variable that holds the integration key of Events API v2.
    pub routing_key_env: String,
    /// Where events go; the EU's accounts: `https://events.eu.pagerduty.com/v2`.
    #[serde(default = "events")]
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incoming: Option<PagerDutyIncoming>,
}

fn events() -> String {
    pagerduty::EVENTS.to_owned()
}

impl Slack {
    pub fn form(&self) -> Form {
        match self.form {
            SlackForm::Link => Form::LinkOnly,
            SlackForm::Buttons => Form::Buttons,
        }
    }

    /// The client of the bot's token; `None`: there is an incoming webhook instead.
    pub fn client(&self, outbound: &Outbound) -> Result<Option<slack::Client>> {
        if self.token_env.is_empty() {
            return Ok(None);
        }
        let token = secret_in(&self.token_env, SLACK, "token_env")?;
        let client = slack::Client::at(&self.api, token, outbound)?;
        Ok(Some(match self.look_back {
            true => client,
            false => client.without_looking_back(),
        }))
    }
}

impl Jira {
    pub fn settings(&self) -> JiraSettings {
        JiraSettings {
            url: self.url.clone(),
            edition: self.edition,
            user: self.user.clone(),
            project: self.project.clone(),
            issue_type: self.issue_type.clone(),
            fields: self.fields.clone(),
            priorities: self.priorities.clone(),
            states: self.states.clone(),
            meanings: self.meanings.clone(),
        }
    }

    pub fn client(&self, outbound: &Outbound) -> Result<JiraClient> {
        let token = secret_in(&self.token_env, JIRA, "token_env")?;
        let outbound = outbound.listed_url(&self.url)?;
        Ok(JiraClient::through(self.settings(), &token, outbound)?)
    }
}
