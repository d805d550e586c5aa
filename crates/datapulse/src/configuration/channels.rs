//! Whom people are told through, beside webhooks: Slack, Jira, PagerDuty. Each table is the outbound
//! half; what people say and do there comes in by a table inside it.

use std::collections::BTreeMap;

use anyhow::Result;
use integrations::jira::{Edition, Jira as JiraClient, JiraSettings, Move};
use integrations::pagerduty::{self, Events};
use integrations::slack::{self, Form};
use integrations::{Outbound, Secret, Ui};
use model::{Severity, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::calls::check_url;
use super::{Configuration, Found, line_of, secret_in};
use crate::refusal::wrong_use;

/// The channels' names in records, metrics and routes.
pub const SLACK: &str = "slack";
pub const JIRA: &str = "jira";
pub const PAGERDUTY: &str = "pagerduty";

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

    /// The incoming webhook's URL.
    pub fn webhook(&self) -> Result<Secret> {
        secret_in(&self.webhook_env, SLACK, "webhook_env")
    }

    /// The key that is wrong, and what was expected.
    fn check(&self) -> std::result::Result<(), (&'static str, String)> {
        let both = "slack: expected token_env (an app's bot) or webhook_env (an incoming webhook)";
        match (self.token_env.is_empty(), self.webhook_env.is_empty()) {
            (true, true) => return Err(("token_env", format!("{both}, got neither"))),
            (false, false) => return Err(("webhook_env", format!("{both}, got both"))),
            _ => {}
        }
        let is_id = |id: &str| {
            id.starts_with(['C', 'G', 'D']) && id.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        if !self.token_env.is_empty() && !is_id(&self.channel) {
            let message = format!(
                "slack.channel: expected the channel's id such as C0123456789 (names change), got {:?}",
                self.channel
            );
            return Err(("channel", message));
        }
        if self.token_env.is_empty() && self.form == SlackForm::Buttons {
            let message = "slack.form: an incoming webhook has no buttons: expected \"link\"";
            return Err(("form", message.to_owned()));
        }
        check_url("slack.api", &self.api).map_err(|message| ("api", message))
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

impl PagerDuty {
    pub fn events(&self, outbound: &Outbound) -> Result<Events> {
        let key = secret_in(&self.routing_key_env, PAGERDUTY, "routing_key_env")?;
        let outbound = outbound.listed_url(&self.url)?;
        Ok(Events::through(&self.url, key, outbound)?)
    }
}

impl Configuration {
    /// Where people open DataPulse at, if it is said.
    pub fn ui(&self) -> Result<Option<Ui>> {
        match self.server.public_url.as_str() {
            "" => Ok(None),
            url => Ok(Some(
                Ui::parse(url).map_err(|error| wrong_use(error.to_string()))?,
            )),
        }
    }

    /// The tables of this file.
    pub(super) fn check_channels(&self, text: &str) -> Found {
        let at = |table: &str, key: &str, message: String| {
            Err::<(), _>((line_of(text, table, key), message))
        };
        let url = &self.server.public_url;
        if !url.is_empty()
            && let Err(error) = Ui::parse(url)
        {
            return at(
                "server",
                "public_url",
                format!("server.public_url: {error}"),
            );
        }
        if let Some(slack) = &self.slack {
            if let Err((key, message)) = slack.check() {
                return at(SLACK, key, message);
            }
            if url.is_empty() {
                let message = "slack: messages lead to DataPulse: say where people open it, as server.public_url";
                return at(SLACK, "token_env", message.to_owned());
            }
        }
        if let Some(jira) = &self.jira {
            if let Err(message) = check_url("jira.url", &jira.url) {
                return at(JIRA, "url", message);
            }
            if let Err(error) = jira.settings().check() {
                let says = error.to_string();
                let said = says.strip_prefix("jira ").unwrap_or(&says);
                let key = said.split([':', '.']).next().unwrap_or_default();
                return at(JIRA, key, format!("jira.{said}"));
            }
        }
        if let Some(pagerduty) = &self.pagerduty
            && let Err(message) = check_url("pagerduty.url", &pagerduty.url)
        {
            return at(PAGERDUTY, "url", message);
        }
        self.check_names(text)
    }

    /// A webhook may not bear the name of a channel of ours: places are kept by names.
    fn check_names(&self, text: &str) -> Found {
        let taken = [SLACK, JIRA, PAGERDUTY];
        for (index, webhook) in self.webhook.iter().enumerate() {
            if taken.contains(&webhook.name.as_str()) {
                let line = super::line_of_item(text, "webhook", index, "name");
                let message = format!(
                    "webhook.name: {} is the name of the channel of [{0}]: expected another",
                    webhook.name
                );
                return Err((line, message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "[server]\npublic_url = \"https://datapulse.example\"\n";
    const OF_JIRA: &str = "[jira]\ntoken_env = \"T\"\nurl = \"https://example.atlassian.net\"\nedition = \"cloud\"\nuser = \"datapulse@example.com\"\nproject = \"OPS\"\nissue_type = \"Incident\"\n";

    fn fails(text: &str) -> String {
        match Configuration::parse("datapulse.toml", text) {
            Ok(_) => "parsed".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_tables_are_read_with_their_defaults() {
        let text = format!(
            "{SERVER}[slack]\ntoken_env = \"S\"\nchannel = \"C0123456789\"\n{OF_JIRA}[jira.states]\nresolved = {{ status = \"Done\" }}\n[pagerduty]\nrouting_key_env = \"P\"\n"
        );
        let read = Configuration::parse("datapulse.toml", &text).expect("is read");
        let slack = read.slack.as_ref().expect("slack");
        assert_eq!((slack.form(), slack.look_back), (Form::LinkOnly, true));
        assert_eq!(slack.api, "https://slack.com/api");
        let jira = read.jira.as_ref().expect("jira");
        assert_eq!(jira.settings().states[&Status::Resolved].status, "Done");
        let pagerduty = read.pagerduty.as_ref().expect("pagerduty");
        assert_eq!(pagerduty.url, pagerduty::EVENTS);
        // As it is written, it is read.
        let written = toml::to_string(&read).expect("is written");
        let again = Configuration::parse("datapulse.toml", &written).expect("is read");
        assert_eq!(again, read);
    }

    #[test]
    fn errors_say_what_and_where() {
        let slack = |lines: &str| fails(&format!("{SERVER}[slack]\n{lines}"));
        assert!(slack("").starts_with("datapulse.toml:3: slack: expected token_env"));
        assert!(
            slack("token_env = \"S\"\nwebhook_env = \"W\"\n")
                .starts_with("datapulse.toml:5: slack: expected token_env")
        );
        assert_eq!(
            slack("token_env = \"S\"\nchannel = \"#ops\"\n"),
            "datapulse.toml:5: slack.channel: expected the channel's id such as C0123456789 (names change), got \"#ops\""
        );
        assert!(
            slack("webhook_env = \"W\"\nform = \"buttons\"\n")
                .starts_with("datapulse.toml:5: slack.form: ")
        );
        assert!(slack("chanel = \"C1\"\n").contains("unknown field `chanel`"));
        assert_eq!(
            fails("[slack]\nwebhook_env = \"W\"\n"),
            "datapulse.toml:1: slack: messages lead to DataPulse: say where people open it, as server.public_url"
        );
        assert!(
            fails("[server]\npublic_url = \"datapulse.example\"\n")
                .starts_with("datapulse.toml:2: server.public_url: ")
        );
        let jira = OF_JIRA.replace("\"OPS\"", "\"ops\"");
        assert!(fails(&jira).starts_with("datapulse.toml:6: jira.project: "));
        let jira = format!("{OF_JIRA}[jira.fields]\nlabels = []\n");
        assert!(fails(&jira).contains("jira.fields.labels: DataPulse writes this field itself"));
        assert!(
            fails("[pagerduty]\nrouting_key_env = \"P\"\nurl = \"x\"\n")
                .starts_with("datapulse.toml:3: pagerduty.url: ")
        );
        assert!(
            fails(
                "[[webhook]]\nname = \"jira\"\nurl = \"https://a.example/\"\nsecret_env = \"S\"\n"
            )
            .starts_with("datapulse.toml:2: webhook.name: jira is the name")
        );
    }
}
