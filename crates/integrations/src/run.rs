//! Runners: what may act on a target.
//!
//! A runner promises three things: an order is identified by its key and is done at most once; it
//! can be asked later what became of a key; and it describes a target so that drift shows.

use async_trait::async_trait;
use model::{Action, ExecutionResult};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

mod argocd;
mod control_api;
mod kubernetes;
mod once;
mod pipelines;
#[cfg(test)]
mod published;
mod rest;
mod signed_webhook;

pub use argocd::{ArgoCd, ArgoCdSettings};
pub use control_api::ControlApi;
pub use kubernetes::{Kubernetes, KubernetesSettings};
pub use once::DryRun;
pub use pipelines::{GitHub, GitHubSettings, GitLab, GitLabSettings, PipelineAction, PipelineRun};
pub use signed_webhook::SignedWebhook;

/// One order. `key` is `incident:proposal`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Order {
    #[serde(rename = "idempotency_key")]
    pub key: String,
    #[serde(flatten)]
    pub action: Action,
}

/// What a runner says of an order that it has carried out, or tried to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub result: ExecutionResult,
    pub says: String,
}

/// What a runner knows of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    Done(Receipt),
    /// Surely not begun: it may be sent with the same key.
    NotBegun,
    /// It can't say: never sent again, a person is asked.
    CannotTell(String),
}

#[async_trait]
pub trait Runner: Send + Sync {
    /// For metrics: which kind of runner, as the configuration calls it.
    fn name(&self) -> &'static str;

    /// The target as it is now, in the runner's own words.
    async fn observe(&self, target: &str) -> Result<Value, Error>;

    /// Carries the order out, or says what became of it where its key is known.
    async fn execute(&self, order: &Order) -> Result<Receipt, Error>;

    /// What became of a key.
    async fn known(&self, key: &str) -> Result<Known, Error>;
}

/// The wire's form of an order's fate, shared by both runners.
#[derive(Debug, Deserialize)]
pub(crate) struct Fate {
    pub status: FateStatus,
    #[serde(default)]
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FateStatus {
    #[serde(alias = "done", alias = "applied", alias = "ok")]
    Succeeded,
    #[serde(alias = "error", alias = "rejected")]
    Failed,
    #[serde(alias = "pending")]
    Running,
}

impl Fate {
    pub(crate) fn known(self) -> Known {
        let result = match self.status {
            FateStatus::Succeeded => ExecutionResult::Succeeded,
            FateStatus::Failed => ExecutionResult::Failed,
            FateStatus::Running => {
                return Known::CannotTell(format!("still running: {}", self.message));
            }
        };
        Known::Done(Receipt {
            result,
            says: self.message,
        })
    }
}

/// Percent-encodes what stands in a path: names from telemetry are data.
pub(crate) fn path_segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => out.push(byte as char),
            b'.' if text != "." && text != ".." => out.push('.'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The beginning of a text.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(limit).collect();
    short.push('…');
    short
}

/// The text at a place, empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, place: &str) -> &'a str {
    value.pointer(place).and_then(Value::as_str).unwrap_or("")
}

/// The items of a list, none where there is none.
pub(crate) fn list<'a>(value: &'a Value, place: &str) -> &'a [Value] {
    let items = value.pointer(place).and_then(Value::as_array);
    items.map_or(&[], Vec::as_slice)
}
