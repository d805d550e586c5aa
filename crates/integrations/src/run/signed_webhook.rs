//! A runner of the user's own behind a signed webhook: each request is a `POST` of one JSON body
//! with `operation` `observe`, `execute` or `known`, signed as [`crate::signature`] says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::control_api::{Told, known, receipt, tell};
use super::{Known, Order, Receipt, Runner};
use crate::error::Error;
use crate::outbound::{Call, Outbound};
use crate::secret::Secret;
use crate::signature::{KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

/// One request's time limit, in wall time: a user's own runner may be slow.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Talks to one runner of a user's own.
#[derive(Debug, Clone)]
pub struct SignedWebhook {
    url: String,
    secret: Secret,
    outbound: Outbound,
}

impl SignedWebhook {
    /// `url` is one that the server's own configuration names, which lists its host.
    pub fn new(url: &str, secret: Secret) -> Result<Self, Error> {
        let outbound = Outbound::default()
            .listed_url(url)
            .map_err(|error| Error::Configuration(format!("runner webhook: {error}")))?;
        Self::through(url, secret, outbound)
    }

    /// Through a client that others share. It must allow `url`: see [`Outbound::listed_url`] for
    /// what the server's own configuration names.
    pub fn through(url: &str, secret: Secret, outbound: Outbound) -> Result<Self, Error> {
        outbound
            .check(url)
            .map_err(|error| Error::Configuration(format!("runner webhook: {error}")))?;
        Ok(Self {
            url: url.to_owned(),
            secret,
            outbound,
        })
    }

    async fn post(&self, key: &str, body: Value) -> Result<Told, Error> {
        let body = body.to_string().into_bytes();
        // The receiver holds the time against its own wall clock, so this is the wall's too.
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() as i64);
        let signature = sign(&self.secret, seconds, &body);
        let call = Call::post("the runner's webhook", &self.url, body)
            .header("content-type", "application/json")
            .header(KEY_HEADER, key)
            .header(TIMESTAMP_HEADER, seconds.to_string())
            .header(SIGNATURE_HEADER, signature)
            .within(TIMEOUT);
        tell(&self.outbound, &call).await
    }
}

#[async_trait]
impl Runner for SignedWebhook {
    fn name(&self) -> &'static str {
        "signed-webhook"
    }

    async fn observe(&self, target: &str) -> Result<Value, Error> {
        let body = json!({ "operation": "observe", "target": target });
        let told = self.post("", body).await?;
        match told.status {
            status if status.is_success() => Ok(told.value),
            StatusCode::NOT_FOUND => {
                Err(Error::Refused(format!("the runner has no target {target}")))
            }
            _ => Err(told.not_done("the runner's webhook")),
        }
    }

    async fn execute(&self, order: &Order) -> Result<Receipt, Error> {
        let body = json!({ "operation": "execute", "order": order });
        let told = self.post(&order.key, body).await?;
        receipt("the runner's webhook", told)
    }

    async fn known(&self, key: &str) -> Result<Known, Error> {
        let body = json!({ "operation": "known", "idempotency_key": key });
        let told = self.post(key, body).await?;
        known("the runner's webhook", told)
    }
}
