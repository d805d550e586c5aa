//! What other systems' people may do through them: the inbound half of Slack, Jira and PagerDuty, and
//! how Grafana signs its alerts.

use std::collections::{BTreeMap, BTreeSet};

use casework::people::chat_subject;
use integrations::alerts::proof::{GRAFANA_SIGNATURE, GRAFANA_TIMESTAMP, Proof as AlertProof};
use integrations::jira::Proof;
use integrations::slack::incoming::{Mapping, Workspace};
use integrations::{Secret, slack};
use model::Role;
use serde::{Deserialize, Serialize};

use super::{Configuration, Found, line_of, secret_in};

/// People that one table maps.
const MAX_PEOPLE: usize = 5_000;
/// What subjects begin with: of the identity provider, of local tokens, of chat alone.
const SUBJECTS: [&str; 3] = ["oidc:", "person:", "chat:"];
/// What people of chat alone may be: no more can be done from there.
const CHAT_ROLES: [Role; 2] = [Role::Viewer, Role::Responder];

/// Clicks, modals and commands of the Slack app.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlackIncoming {
    /// The app's id, `A…`.
    pub app: String,
    /// The environment variable that holds the signing secret; empty: nothing is taken over HTTP.
    pub signing_secret_env: String,
    /// The environment variable that holds an app-level token (`xapp-…`); empty: no Socket Mode.
    pub app_token_env: String,
    /// Organisations (Enterprise Grid, `E…`) that the workspaces are of.
    pub organisations: BTreeSet<String>,
    /// Workspaces by their id, `T…`, with their people.
    pub workspaces: BTreeMap<String, Workspace>,
    /// Subjects by the e-mail address that a single sign-on says.
    pub emails: BTreeMap<String, String>,
    /// What people may do who come by chat alone: `"chat:anna" = "responder"`.
    pub roles: BTreeMap<String, Role>,
}

/// Comments and moves of issues.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JiraIncoming {
    /// The environment variable that holds the webhook's secret.
    pub secret_env: String,
    /// A header whose value is the secret, where nothing signs; empty: the body is signed.
    pub header: String,
    /// Subjects by Jira's id of an account.
    pub people: BTreeMap<String, String>,
}

/// What people do with pages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PagerDutyIncoming {
    /// The environment variable that holds the signing secret of the webhook subscription.
    pub secret_env: String,
    /// Subjects by PagerDuty's id of a user.
    pub people: BTreeMap<String, String>,
}

/// How Grafana proves its alerts, beside a token.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grafana {
    /// The environment variable that holds the secret of its HMAC signature; empty: only tokens.
    pub secret_env: String,
    /// Take signatures over the body alone, without the time: then whoever saw a request can send it
    /// again.
    pub without_timestamp: bool,
}

/// The key that is wrong, and what was expected.
type Wrong = std::result::Result<(), (&'static str, String)>;

impl SlackIncoming {
    pub fn mapping(&self) -> Mapping {
        Mapping {
            app: self.app.clone(),
            workspaces: self.workspaces.clone(),
            organisations: self.organisations.clone(),
        }
    }

    /// Nothing is taken over HTTP without it.
    pub fn signing_secret(&self) -> anyhow::Result<Option<Secret>> {
        optional(
            &self.signing_secret_env,
            "slack.incoming",
            "signing_secret_env",
        )
    }

    /// There is no Socket Mode without it.
    pub fn app_token(&self) -> anyhow::Result<Option<Secret>> {
        optional(&self.app_token_env, "slack.incoming", "app_token_env")
    }

    fn check(&self) -> Wrong {
        is_id("app", "A", &self.app).map_err(|message| ("app", message))?;
        if self.signing_secret_env.is_empty() && self.app_token_env.is_empty() {
            let message = "slack.incoming: expected signing_secret_env (over HTTP), app_token_env (Socket Mode), or both";
            return Err(("signing_secret_env", message.to_owned()));
        }
        for id in &self.organisations {
            is_id("organisations", "E", id).map_err(|message| ("organisations", message))?;
        }
        for (id, workspace) in &self.workspaces {
            is_id("workspaces", "T", id).map_err(|message| ("workspaces", message))?;
            check_people("slack.incoming", &workspace.people)?;
            self.have_roles(&workspace.people)?;
        }
        check_people("slack.incoming", &self.emails)?;
        self.have_roles(&self.emails)?;
        if let Some(email) = self.emails.keys().find(|email| !is_email(email)) {
            let message = format!(
                "slack.incoming.emails: expected an address in lower case such as anna@corp.example, got {email:?}"
            );
            return Err(("emails", message));
        }
        for (subject, role) in &self.roles {
            if chat_subject(subject).is_none() {
                let message = format!(
                    "slack.incoming.roles: expected subjects such as chat:anna, who come by chat alone: {subject:?} has a role by its own way in"
                );
                return Err(("roles", message));
            }
            if !CHAT_ROLES.contains(role) {
                let message = format!(
                    "slack.incoming.roles: expected viewer or responder for {subject:?}, got {}",
                    role.name()
                );
                return Err(("roles", message));
            }
        }
        Ok(())
    }

    /// Nobody else says what people of chat alone may do.
    fn have_roles(&self, people: &BTreeMap<String, String>) -> Wrong {
        let mut subjects = people.values();
        let without = subjects
            .find(|subject| chat_subject(subject).is_some() && !self.roles.contains_key(*subject));
        match without {
            None => Ok(()),
            Some(subject) => Err((
                "roles",
                format!("slack.incoming.roles: {subject:?} is mapped and has no role"),
            )),
        }
    }
}

impl JiraIncoming {
    pub fn proof(&self) -> anyhow::Result<Proof> {
        let secret = secret_in(&self.secret_env, "jira.incoming", "secret_env")?;
        Ok(match self.header.as_str() {
            "" => Proof::Signed(secret),
            name => Proof::Header {
                name: name.to_owned(),
                value: secret,
            },
        })
    }

    fn check(&self) -> Wrong {
        has_secret("jira.incoming", &self.secret_env)?;
        let of_a_name =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !self.header.bytes().all(of_a_name) {
            let message = format!(
                "jira.incoming.header: expected a header's name in lower case such as x-datapulse-token, got {:?}",
                self.header
            );
            return Err(("header", message));
        }
        check_people("jira.incoming", &self.people)
    }
}

impl PagerDutyIncoming {
    pub fn secret(&self) -> anyhow::Result<Secret> {
        secret_in(&self.secret_env, "pagerduty.incoming", "secret_env")
    }

    fn check(&self) -> Wrong {
        has_secret("pagerduty.incoming", &self.secret_env)?;
        check_people("pagerduty.incoming", &self.people)
    }
}

impl Grafana {
    pub fn proof(&self) -> anyhow::Result<Option<AlertProof>> {
        let secret = optional(&self.secret_env, "grafana", "secret_env")?;
        Ok(secret.map(|secret| AlertProof::GrafanaHmac {
            secret,
            signature: GRAFANA_SIGNATURE.to_owned(),
            timestamp: (!self.without_timestamp).then(|| GRAFANA_TIMESTAMP.to_owned()),
        }))
    }
}

fn optional(variable: &str, of: &str, key: &str) -> anyhow::Result<Option<Secret>> {
    match variable {
        "" => Ok(None),
        variable => secret_in(variable, of, key).map(Some),
    }
}

fn has_secret(table: &str, variable: &str) -> Wrong {
    if !variable.is_empty() {
        return Ok(());
    }
    let message =
        format!("{table}.secret_env: name the environment variable that holds the secret");
    Err(("secret_env", message))
}

fn is_id(key: &str, begins: &str, id: &str) -> std::result::Result<(), String> {
    let rest = id.strip_prefix(begins).unwrap_or_default();
    if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(format!(
        "slack.incoming.{key}: expected an id such as {begins}0123456789, got {id:?}"
    ))
}

fn is_email(text: &str) -> bool {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase());
    let parts = text.split_once('@');
    plain && parts.is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'))
}

fn check_people(table: &str, people: &BTreeMap<String, String>) -> Wrong {
    if people.len() > MAX_PEOPLE {
        let message = format!("{table}.people: at most {MAX_PEOPLE}, got {}", people.len());
        return Err(("people", message));
    }
    let is_subject = |subject: &str| {
        SUBJECTS.iter().any(|begins| {
            subject
                .strip_prefix(begins)
                .is_some_and(|rest| !rest.is_empty())
        })
    };
    match people.values().find(|subject| !is_subject(subject)) {
        None => Ok(()),
        Some(subject) => Err((
            "people",
            format!(
                "{table}.people: expected a subject such as oidc:4711, person:anna or chat:anna, got {subject:?} (`datapulse person list` shows them)"
            ),
        )),
    }
}

impl Configuration {
    /// The tables of this file.
    pub(super) fn check_doors(&self, text: &str) -> Found {
        let at = |table: &'static str| {
            move |(key, message): (&str, String)| (line_of(text, table, key), message)
        };
        if let Some(slack) = &self.slack
            && let Some(incoming) = &slack.incoming
        {
            const TABLE: &str = "slack.incoming";
            if slack.token_env.is_empty() {
                let message = "slack.incoming: modals and people are asked for with the app's token: expected slack.token_env";
                return Err(at(TABLE)(("app", message.to_owned())));
            }
            incoming.check().map_err(at(TABLE))?;
        }
        if let Some(incoming) = self.jira.as_ref().and_then(|jira| jira.incoming.as_ref()) {
            incoming.check().map_err(at("jira.incoming"))?;
        }
        let pagerduty = self.pagerduty.as_ref();
        if let Some(incoming) = pagerduty.and_then(|pagerduty| pagerduty.incoming.as_ref()) {
            incoming.check().map_err(at("pagerduty.incoming"))?;
        }
        if self.grafana.secret_env.is_empty() && self.grafana.without_timestamp {
            let message =
                "grafana.without_timestamp: there is no secret_env: only tokens are taken";
            return Err(at("grafana")(("without_timestamp", message.to_owned())));
        }
        Ok(())
    }

    /// What people may do who come by chat alone.
    pub fn chat_people(&self) -> BTreeMap<String, Role> {
        let slack = self.slack.as_ref();
        let incoming = slack.and_then(|slack| slack.incoming.as_ref());
        incoming.map_or_else(BTreeMap::new, |incoming| incoming.roles.clone())
    }

    /// Where messages lead to.
    pub fn slack_ui(&self) -> anyhow::Result<slack::Ui> {
        slack::Ui::parse(&self.server.public_url)
            .map_err(|error| crate::refusal::wrong_use(format!("server.public_url: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLACK: &str = "[server]\npublic_url = \"https://datapulse.example\"\n[slack]\ntoken_env = \"B\"\nchannel = \"C0123456789\"\nform = \"buttons\"\n[slack.incoming]\napp = \"A0123456789\"\nsigning_secret_env = \"S\"\n";
    const PEOPLE: &str = "[slack.incoming.workspaces.T0123456789.people]\n";

    fn fails(text: &str) -> String {
        match Configuration::parse("datapulse.toml", text) {
            Ok(_) => "parsed".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_tables_are_read() {
        let text = format!(
            "{SLACK}emails = {{ \"anna@corp.example\" = \"oidc:4711\" }}\nroles = {{ \"chat:bo\" = \"responder\" }}\n{PEOPLE}U1 = \"person:ada\"\nU2 = \"chat:bo\"\n[slack.incoming.workspaces.T0123456789.single_sign_on]\ndomains = [\"corp.example\"]\n[grafana]\nsecret_env = \"G\"\n"
        );
        let read = Configuration::parse("datapulse.toml", &text).expect("is read");
        let slack = read.slack.as_ref().expect("slack");
        let incoming = slack.incoming.as_ref().expect("incoming");
        let mapping = incoming.mapping();
        assert_eq!(mapping.workspaces["T0123456789"].people["U1"], "person:ada");
        assert_eq!(read.chat_people()["chat:bo"], Role::Responder);
        assert!(!read.grafana.without_timestamp);
    }

    #[test]
    fn errors_say_what_and_where() {
        assert_eq!(fails(SLACK), "parsed");
        assert_eq!(
            fails(&SLACK.replace("A0123456789", "B1")),
            "datapulse.toml:8: slack.incoming.app: expected an id such as A0123456789, got \"B1\""
        );
        let neither = SLACK.replace("signing_secret_env = \"S\"\n", "");
        assert!(fails(&neither).starts_with("datapulse.toml:7: slack.incoming: expected signing_"));
        let person = |subject: &str| fails(&format!("{SLACK}{PEOPLE}U1 = \"{subject}\"\n"));
        assert!(person("anna").contains("slack.incoming.people: expected a subject such as"));
        assert!(person("chat:anna").contains("\"chat:anna\" is mapped and has no role"));
        let roles = |line: &str| fails(&format!("{SLACK}roles = {{ {line} }}\n"));
        assert!(roles("\"chat:anna\" = \"admin\"").contains("expected viewer or responder"));
        assert!(roles("\"oidc:1\" = \"viewer\"").contains("has a role by its own way in"));
        assert!(
            fails(&format!(
                "{SLACK}emails = {{ \"Anna@corp.example\" = \"oidc:1\" }}\n"
            ))
            .contains("slack.incoming.emails: expected an address in lower case")
        );
        assert!(fails(&format!("{SLACK}apps = 1\n")).contains("unknown field `apps`"));
        assert_eq!(
            fails("[grafana]\nwithout_timestamp = true\n"),
            "datapulse.toml:2: grafana.without_timestamp: there is no secret_env: only tokens are taken"
        );
        assert_eq!(
            fails("[pagerduty]\nrouting_key_env = \"P\"\n[pagerduty.incoming]\n"),
            "datapulse.toml:3: pagerduty.incoming.secret_env: name the environment variable that holds the secret"
        );
    }
}
