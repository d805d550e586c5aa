//! A runner of the user's own behind a signed webhook: each request is a `POST` of one JSON body
//! with `operation` `observe`, `execute` or `known`, signed as [`crate::signature`] says.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::control_api::{detail, known, read, receipt};
use super::{Known, Order, Receipt, Runner};
use crate::error::Error;
use crate::secret::Secret;
use crate::signature::{KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

/// One request's time limit, in wall time: a user's own runner may be slow.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub struct SignedWebhook {
    url: String,
    secret: Secret,
    client: reqwest::Client,
}

impl SignedWebhook {
    pub fn new(url: &str, secret: Secret) -> Result<Self, Error> {
        url::Url::parse(url)
            .map_err(|error| Error::Configuration(format!("runner webhook {url:?}: {error}")))?;
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::Configuration(format!("runner webhook: {error}")))?;
        Ok(Self {
            url: url.to_owned(),
            secret,
            client,
        })
    }

    async fn post(&self, key: &str, body: Value) -> Result<(StatusCode, Value), Error> {
        let body = body.to_string().into_bytes();
        // The receiver holds the time against its own wall clock, so this is the wall's too.
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() as i64);
        let request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .header(KEY_HEADER, key)
            .header(TIMESTAMP_HEADER, seconds.to_string())
            .header(SIGNATURE_HEADER, sign(&self.secret, seconds, &body))
            .body(body);
        read("the runner's webhook", request).await
    }
}

#[async_trait]
impl Runner for SignedWebhook {
    fn name(&self) -> &'static str {
        "signed-webhook"
    }

    async fn observe(&self, target: &str) -> Result<Value, Error> {
        let body = json!({ "operation": "observe", "target": target });
        match self.post("", body).await? {
            (status, value) if status.is_success() => Ok(value),
            (StatusCode::NOT_FOUND, _) => {
                Err(Error::Refused(format!("the runner has no target {target}")))
            }
            (status, value) => Err(Error::NotDone(detail(status, &value))),
        }
    }

    async fn execute(&self, order: &Order) -> Result<Receipt, Error> {
        let body = json!({ "operation": "execute", "order": order });
        let (status, value) = self.post(&order.key, body).await?;
        receipt("the runner's webhook", status, value)
    }

    async fn known(&self, key: &str) -> Result<Known, Error> {
        let body = json!({ "operation": "known", "idempotency_key": key });
        let (status, value) = self.post(key, body).await?;
        known("the runner's webhook", status, value)
    }
}
