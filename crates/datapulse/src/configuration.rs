//! What is true: `datapulse.toml` with its defaults. Every line may be missing; an unknown key is
//! an error that names its line.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use store::elastic::{Address, Login};
use store::retention::Rule;

use crate::refusal::wrong_use;

mod audit;
mod calls;
pub mod channels;
mod redaction;
mod server;

pub use audit::Audit;
pub use calls::{KUBERNETES, Runner, Webhook};
pub use redaction::Redaction;
pub use server::Server;

/// The file that is read where none is named.
pub const FILE: &str = "datapulse.toml";

/// Seconds that one answer of Elasticsearch may take at most.
const MAX_TIMEOUT_S: u64 = 600;

/// A fault of TOML with the line that it is on.
pub fn toml_error(shown: &str, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let line = error.span().map_or(1, |span| {
        text[..span.start.min(text.len())].matches('\n').count() + 1
    });
    anyhow::anyhow!("{shown}:{line}: {}", error.message())
}

/// A policy of its own file.
pub fn policy_file(path: &Path) -> Result<model::Policy> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("{shown} can't be read"))?;
    let policy: model::Policy =
        toml::from_str(&text).map_err(|error| toml_error(&shown, &text, &error))?;
    policy
        .check()
        .map_err(|fault| anyhow::anyhow!("{shown}: {fault}"))?;
    Ok(policy)
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// A file with the policy, from this file's folder; empty: the table `policy`.
    pub policy_file: String,
    pub backends: Backends,
    pub elasticsearch: Elasticsearch,
    pub server: Server,
    pub sentinel: sentinel::Settings,
    pub executor: executor::Settings,
    pub policy: model::Policy,
    pub runner: Runner,
    /// Webhooks that people are told through.
    pub webhook: Vec<Webhook>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack: Option<channels::Slack>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jira: Option<channels::Jira>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagerduty: Option<channels::PagerDuty>,
    /// What may be called of what a person, a document, an event or a policy names.
    pub outbound: integrations::OutboundSettings,
    pub deployments: Deployments,
    pub identity: gateway::identity::Settings,
    pub audit: Audit,
    pub redaction: Redaction,
    pub retention: Retention,
}

/// Three URIs are the whole difference between one process and many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Backends {
    /// `embedded:` and a folder, or the URL of Elasticsearch (of several nodes: with commas).
    pub store: String,
    /// `memory:`
    pub bus: String,
    /// `memory:`
    pub cache: String,
}

impl Default for Backends {
    fn default() -> Self {
        Self {
            store: "embedded:data".to_owned(),
            bus: "memory:".to_owned(),
            cache: "memory:".to_owned(),
        }
    }
}

/// As whom we come to the Elasticsearch that `store` names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Elasticsearch {
    /// `api-key`, `basic` or `bearer`; empty: as nobody.
    pub login: String,
    /// Of `basic`.
    pub user: String,
    /// The environment variable that holds the encoded API key, the password or the token.
    pub secret_env: String,
    /// That of the key with which commands come that only read; empty: the same.
    pub reader_secret_env: String,
    /// A file of certificates in PEM that are trusted beside the system's; empty: none.
    pub ca_file: String,
    /// Time for one answer.
    pub timeout_s: u64,
}

impl Default for Elasticsearch {
    fn default() -> Self {
        Self {
            login: String::new(),
            user: String::new(),
            secret_env: "DATAPULSE_ELASTICSEARCH_SECRET".to_owned(),
            reader_secret_env: String::new(),
            ca_file: String::new(),
            timeout_s: 30,
        }
    }
}

/// Who may tell of deployments without a token.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Deployments {
    /// The environment variable that holds the secret by which webhooks are signed; empty: none.
    pub secret_env: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Telemetry older than this is dropped; 0: never.
    pub telemetry_days: u32,
    /// Other bounds for the indices that a pattern names, on the embedded store.
    pub index: Vec<Rule>,
}

/// What `telemetry_days` is about.
const TELEMETRY: &str = "metrics-*,logs-*,traces-*";

impl Retention {
    /// All rules, in order.
    pub fn rules(&self) -> Vec<Rule> {
        let mut rules = self.index.clone();
        rules.push(Rule {
            pattern: TELEMETRY.to_owned(),
            days: self.telemetry_days,
            max_bytes: 0,
        });
        rules
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            telemetry_days: 30,
            index: Vec::new(),
        }
    }
}

impl Configuration {
    /// The named file, or [`FILE`] where there is one, or all defaults.
    pub fn read(named: Option<&Path>) -> Result<Self> {
        let path = match named {
            Some(path) => path.to_path_buf(),
            None if Path::new(FILE).is_file() => PathBuf::from(FILE),
            None => return Ok(Self::default()),
        };
        let shown = path.display().to_string();
        let text = fs::read_to_string(&path).with_context(|| format!("{shown} can't be read"))?;
        let mut configuration = Self::parse(&shown, &text)?;
        if !configuration.policy_file.is_empty() {
            let folder = path.parent().unwrap_or(Path::new(""));
            configuration.policy = policy_file(&folder.join(&configuration.policy_file))?;
        }
        Ok(configuration)
    }

    /// `shown` is the file's name in messages.
    pub fn parse(shown: &str, text: &str) -> Result<Self> {
        let configuration: Self =
            toml::from_str(text).map_err(|error| toml_error(shown, text, &error))?;
        configuration
            .check(text)
            .map_err(|(line, message)| anyhow::anyhow!("{shown}:{line}: {message}"))?;
        Ok(configuration)
    }

    /// What a type can't say: the line of the key, and what was expected.
    fn check(&self, text: &str) -> Found {
        self.check_backends(text)?;
        self.check_server(text)?;
        self.sentinel.check().map_err(|message| {
            let name = message.split(':').next().unwrap_or_default();
            let (table, key) = name.rsplit_once('.').unwrap_or(("", name));
            (line_of(text, table, key), message.clone())
        })?;
        self.check_policy(text)?;
        self.check_identity(text)?;
        self.check_audit(text)?;
        self.redaction
            .redactor()
            .map_err(|error| (line_of(text, "redaction", "patterns"), error.to_string()))?;
        self.check_retention(text)?;
        self.check_calls(text)?;
        self.check_channels(text)
    }

    fn check_policy(&self, text: &str) -> Found {
        if !self.policy_file.is_empty() && self.policy != model::Policy::default() {
            let line = line_of(text, "", "policy_file");
            let message = "policy_file: there is a table [policy] too: keep one of them";
            return Err((line, message.to_owned()));
        }
        self.policy.check().map_err(|message| {
            let key = message.split([':', '.', '[']).next().unwrap_or_default();
            (line_of(text, "policy", key), format!("policy.{message}"))
        })
    }

    fn check_identity(&self, text: &str) -> Found {
        self.identity.check().map_err(|message| {
            let key = message.split([':', ',']).next().unwrap_or_default();
            let line = line_of(text, "identity", key);
            (line, format!("identity.{message}"))
        })
    }

    fn check_retention(&self, text: &str) -> Found {
        for (place, rule) in self.retention.index.iter().enumerate() {
            let at = |key: &str, message: String| {
                Err((line_of_item(text, "retention.index", place, key), message))
            };
            if self.is_elasticsearch() {
                return at(
                    "pattern",
                    "retention.index: is for the embedded store; in Elasticsearch, the data streams' lifecycle holds \
                     (telemetry_days)"
                        .to_owned(),
                );
            }
            let ours = rule.pattern.split(',').map(str::trim).find(|part| {
                part.is_empty()
                    || store::indices::is_ours(part)
                    || *part == store::indices::SERVICES
            });
            if let Some(part) = ours {
                return at(
                    "pattern",
                    format!(
                        "retention.index.pattern: expected names of telemetry's indices such as logs-*, got {part:?}"
                    ),
                );
            }
            if rule.days == 0 && rule.max_bytes == 0 {
                return at(
                    "pattern",
                    format!(
                        "retention.index {:?}: expected days or max_bytes, both are 0: then it is kept for ever, \
                         say so with days = 36500",
                        rule.pattern
                    ),
                );
            }
        }
        Ok(())
    }

    fn check_backends(&self, text: &str) -> Found {
        let backends = &self.backends;
        let folder = backends.store.strip_prefix("embedded:");
        if self.is_elasticsearch() {
            Address::parse(&backends.store).map_err(|message| {
                (
                    line_of(text, "backends", "store"),
                    format!("store: {message}"),
                )
            })?;
        } else if folder.is_none_or(str::is_empty) {
            let message = format!(
                "store: expected a URI such as embedded:data or https://elasticsearch:9200, got {:?}",
                backends.store
            );
            return Err((line_of(text, "backends", "store"), message));
        }
        self.check_login(text)?;
        for (key, value) in [("bus", &backends.bus), ("cache", &backends.cache)] {
            if value != "memory:" {
                let message = format!("{key}: expected the URI memory:, got {value:?}");
                return Err((line_of(text, "backends", key), message));
            }
        }
        Ok(())
    }

    fn check_login(&self, text: &str) -> Found {
        let known = &self.elasticsearch;
        let at = |key: &str, message: String| Err((line_of(text, "elasticsearch", key), message));
        match known.login.as_str() {
            "" | "api-key" | "bearer" if !known.user.is_empty() => at(
                "user",
                "elasticsearch.user: only login = \"basic\" has a user".to_owned(),
            ),
            "basic" if known.user.is_empty() => at(
                "login",
                "elasticsearch.user: login = \"basic\" needs one".to_owned(),
            ),
            "" | "basic" if !known.reader_secret_env.is_empty() => at(
                "reader_secret_env",
                "elasticsearch.reader_secret_env: only login = \"api-key\" and \"bearer\" have a second one".to_owned(),
            ),
            "" | "api-key" | "basic" | "bearer" => {
                if (1..=MAX_TIMEOUT_S).contains(&known.timeout_s) {
                    return Ok(());
                }
                let got = known.timeout_s;
                let expected = format!("expected 1 to {MAX_TIMEOUT_S}, got {got}");
                at("timeout_s", format!("elasticsearch.timeout_s: {expected}"))
            }
            other => at(
                "login",
                format!("elasticsearch.login: expected api-key, basic or bearer, got {other:?}"),
            ),
        }
    }

    pub fn is_elasticsearch(&self) -> bool {
        Address::looks_like(&self.backends.store)
    }

    /// Where the cluster is that `store` names, with its secret; `None`: the store is embedded.
    pub fn elasticsearch(&self) -> Result<Option<Address>> {
        self.elasticsearch_by(&self.elasticsearch.secret_env)
    }

    /// The same for whoever only reads.
    pub fn elasticsearch_to_read(&self) -> Result<Option<Address>> {
        let known = &self.elasticsearch;
        match known.reader_secret_env.as_str() {
            "" => self.elasticsearch(),
            variable => self.elasticsearch_by(variable),
        }
    }

    fn elasticsearch_by(&self, secret_env: &str) -> Result<Option<Address>> {
        if !self.is_elasticsearch() {
            return Ok(None);
        }
        let known = &self.elasticsearch;
        let secret = || secret(secret_env, "elasticsearch");
        let login = match known.login.as_str() {
            "" => Login::Nobody,
            "basic" => Login::Basic {
                user: known.user.clone(),
                password: secret()?.reveal().to_owned(),
            },
            "bearer" => Login::Bearer(secret()?.reveal().to_owned()),
            _ => Login::ApiKey(secret()?.reveal().to_owned()),
        };
        let mut address = Address::parse(&self.backends.store)
            .map_err(wrong_use)?
            .login(login)
            .timeout(Duration::from_secs(known.timeout_s));
        if !known.ca_file.is_empty() {
            let pem = fs::read(&known.ca_file)
                .with_context(|| format!("elasticsearch.ca_file: {}", known.ca_file))?;
            address = address.trusting(pem);
        }
        Ok(Some(address))
    }

    /// The store's folder: what was typed, else what the file says.
    pub fn folder(&self, typed: Option<&Path>) -> PathBuf {
        typed.map_or_else(
            || {
                let uri = &self.backends.store;
                PathBuf::from(uri.strip_prefix("embedded:").unwrap_or("data"))
            },
            Path::to_path_buf,
        )
    }
}

/// The line, and what was expected.
type Found = std::result::Result<(), (usize, String)>;

/// The line of a key in its table; that of the table, or the first, where it isn't found.
fn line_of(text: &str, table: &str, key: &str) -> usize {
    line_of_item(text, table, 0, key)
}

/// The same in the table's `number`-th occurrence, from 0.
fn line_of_item(text: &str, table: &str, number: usize, key: &str) -> usize {
    let is_head = |line: &str| line.trim_matches(['[', ']', ' ']) == table;
    let heads = text
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with('[') && is_head(line));
    let Some((head, _)) = heads.into_iter().nth(number) else {
        return 1;
    };
    let of_key = |line: &str| {
        let rest = line.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let inside = text
        .lines()
        .enumerate()
        .skip(head + 1)
        .take_while(|(_, line)| !line.starts_with('['));
    let found = inside.into_iter().find(|(_, line)| of_key(line));
    found.map_or(head, |(index, _)| index) + 1
}

/// A secret from the environment variable that the configuration names.
pub fn secret(variable: &str, of: &str) -> Result<integrations::Secret> {
    secret_in(variable, of, "secret_env")
}

/// The same where another key than `secret_env` names the variable.
pub fn secret_in(variable: &str, of: &str, key: &str) -> Result<integrations::Secret> {
    if variable.is_empty() {
        return Err(wrong_use(format!(
            "{of}: {key}: name the environment variable that holds the secret"
        )));
    }
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => Ok(integrations::Secret::new(value)),
        _ => Err(wrong_use(format!(
            "{of}: the environment variable {variable} ({key}) is not set"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::Configuration;

    fn fails(text: &str) -> String {
        match Configuration::parse("datapulse.toml", text) {
            Ok(_) => "parsed".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_empty_file_is_valid() {
        assert_eq!(
            Configuration::parse("datapulse.toml", "").expect("valid"),
            Configuration::default()
        );
    }

    #[test]
    fn errors_say_what_and_where() {
        assert_eq!(
            fails("[backends]\n\nstore = \"elastic\"\n"),
            "datapulse.toml:3: store: expected a URI such as embedded:data or https://elasticsearch:9200, got \"elastic\""
        );
        assert!(
            fails("[backends]\nstore = \"https://elastic:secret@a:9200\"\n")
                .starts_with("datapulse.toml:2: store: an URL with user or password")
        );
        assert_eq!(
            fails("[elasticsearch]\n\nlogin = \"kerberos\"\n"),
            "datapulse.toml:3: elasticsearch.login: expected api-key, basic or bearer, got \"kerberos\""
        );
        assert!(
            fails("[elasticsearch]\nlogin = \"basic\"\n")
                .starts_with("datapulse.toml:2: elasticsearch.user: ")
        );
        assert_eq!(
            fails("[elasticsearch]\ntimeout_s = 0\n"),
            "datapulse.toml:2: elasticsearch.timeout_s: expected 1 to 600, got 0"
        );
        assert!(
            fails("[backends]\nstor = \"x\"\n")
                .starts_with("datapulse.toml:2: unknown field `stor`")
        );
        assert!(
            fails("[sentinel]\nneeded = 9\n")
                .starts_with("datapulse.toml:2: sentinel.needed: expected 1 to 3")
        );
        assert!(fails("[sentinel\n").starts_with("datapulse.toml:1: "));
        assert_eq!(
            fails("[server]\nlisten = \"localhost\"\n"),
            "datapulse.toml:2: server.listen: expected an address and a port such as 127.0.0.1:5610, got \"localhost\""
        );
        assert_eq!(
            fails("[server]\notlp_grpc = \"4317\"\n"),
            "datapulse.toml:2: server.otlp_grpc: expected an address and a port such as 127.0.0.1:4317, got \"4317\""
        );
        assert_eq!(
            fails("[server]\ncors_origins = [\"https://a.example/\"]\n"),
            "datapulse.toml:2: server.cors_origins: expected an origin such as https://kibana.example:5601, got \"https://a.example/\""
        );
        let hook = |name: &str, url: &str| {
            format!("[[webhook]]\nname = \"{name}\"\nurl = \"{url}\"\nsecret_env = \"S\"\n")
        };
        assert_eq!(
            fails(&(hook("a", "https://a.example/") + &hook("b", "b.example"))),
            "datapulse.toml:7: webhook b: url: expected an URL such as https://host/path, got \"b.example\""
        );
        assert!(
            fails(&(hook("a", "http://a/") + &hook("a", "http://b/")))
                .starts_with("datapulse.toml:6: webhook.name: ")
        );
        let rule = |text: &str| fails(&format!("[[retention.index]]\n{text}\n"));
        assert!(
            rule("pattern = \"agent-audit-2026.11\"\ndays = 1").starts_with(
                "datapulse.toml:2: retention.index.pattern: expected names of telemetry's indices"
            )
        );
        assert!(rule("pattern = \"logs-*\"").contains("both are 0"));
        assert_eq!(rule("pattern = \"logs-*\"\ndays = 1"), "parsed");
        assert!(
            fails("[runner]\nkind = \"control-api\"\n")
                .starts_with("datapulse.toml:1: runner.url: ")
        );
    }
}
