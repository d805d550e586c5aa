//! Whom we call: what acts on targets, and whom people are told through.

use integrations::run::KubernetesSettings;
use serde::{Deserialize, Serialize};

use super::{Configuration, Found, line_of, line_of_item};

/// Acts through a cluster's API server.
pub const KUBERNETES: &str = "kubernetes";
/// What `runner.kind` may say.
const KINDS: [&str; 4] = ["", "control-api", "signed-webhook", KUBERNETES];

/// What may act on targets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Runner {
    /// `control-api`, `signed-webhook` or `kubernetes`; empty: nothing can be executed, and nothing is
    /// proposed.
    pub kind: String,
    /// Of `control-api` and `signed-webhook`.
    pub url: String,
    /// The environment variable that holds the token or the signing secret.
    pub secret_env: String,
    /// Of `kubernetes`.
    pub kubernetes: KubernetesSettings,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub name: String,
    pub url: String,
    /// The environment variable that holds the signing secret.
    pub secret_env: String,
}

impl Configuration {
    /// The systems that are called.
    pub(super) fn check_calls(&self, text: &str) -> Found {
        let runner = &self.runner;
        if !KINDS.contains(&runner.kind.as_str()) {
            let message = format!(
                "runner.kind: expected control-api, signed-webhook or kubernetes, got {:?}",
                runner.kind
            );
            return Err((line_of(text, "runner", "kind"), message));
        }
        if runner.kind == KUBERNETES {
            runner.kubernetes.check().map_err(|error| {
                let line = line_of(text, "runner.kubernetes", "namespace");
                (line, format!("runner.kubernetes: {error}"))
            })?;
        } else if !runner.kind.is_empty() {
            check_url("runner.url", &runner.url)
                .map_err(|message| (line_of(text, "runner", "url"), message))?;
        }
        for (index, webhook) in self.webhook.iter().enumerate() {
            check_url(&format!("webhook {}: url", webhook.name), &webhook.url)
                .map_err(|message| (line_of_item(text, "webhook", index, "url"), message))?;
            let again = self.webhook[..index]
                .iter()
                .any(|other| other.name == webhook.name);
            if again || webhook.name.is_empty() {
                let message = format!(
                    "webhook.name: expected a name that no other webhook has, got {:?}",
                    webhook.name
                );
                return Err((line_of_item(text, "webhook", index, "name"), message));
            }
        }
        Ok(())
    }
}

pub(super) fn check_url(key: &str, text: &str) -> std::result::Result<(), String> {
    let known = url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some_and(|host| !host.is_empty())
    });
    if known {
        return Ok(());
    }
    Err(format!(
        "{key}: expected an URL such as https://host/path, got {text:?}"
    ))
}
