//! A platform's control API over HTTP with a bearer token: `GET /targets/{name}`,
//! `POST /actions`, `GET /actions/{key}`.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;
use serde_json::Value;

use super::{Fate, Known, Order, Receipt, Runner, path_segment};
use crate::error::{Error, from_request};
use crate::secret::Secret;

/// One request's time limit, in wall time.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 1 << 20;

/// Talks to one control API.
#[derive(Debug, Clone)]
pub struct ControlApi {
    base: String,
    token: Secret,
    client: reqwest::Client,
}

impl ControlApi {
    /// `base` is an URL such as `http://127.0.0.1:8090`.
    pub fn new(base: &str, token: Secret) -> Result<Self, Error> {
        let parsed = url::Url::parse(base)
            .map_err(|error| Error::Configuration(format!("runner url {base:?}: {error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(Error::Configuration(format!(
                "runner url {base:?}: expected http or https"
            )));
        }
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::Configuration(format!("runner: {error}")))?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            token,
            client,
        })
    }

    async fn get(&self, path: &str) -> Result<(StatusCode, Value), Error> {
        let what = format!("GET {path}");
        let request = self
            .client
            .get(format!("{}{path}", self.base))
            .bearer_auth(self.token.reveal());
        read(&what, request).await
    }
}

pub(super) async fn read(
    what: &str,
    request: reqwest::RequestBuilder,
) -> Result<(StatusCode, Value), Error> {
    let mut response = request
        .send()
        .await
        .map_err(|error| from_request(what, &error))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| from_request(what, &error))?
    {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            return Err(Error::CannotTell(format!(
                "{what}: the answer is over {MAX_ANSWER} bytes"
            )));
        }
    }
    let value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok((status, value))
}

/// The `detail` of a problem document, else the status.
pub(super) fn detail(status: StatusCode, value: &Value) -> String {
    value
        .get("detail")
        .or_else(|| value.get("title"))
        .and_then(Value::as_str)
        .map_or_else(|| format!("status {status}"), str::to_owned)
}

/// An answer to an order: done, refused, or who knows.
pub(super) fn receipt(what: &str, status: StatusCode, value: Value) -> Result<Receipt, Error> {
    if status.is_success() {
        let fate: Fate = serde_json::from_value(value).map_err(|error| {
            Error::CannotTell(format!("{what}: an answer that can't be read: {error}"))
        })?;
        return match fate.known() {
            Known::Done(receipt) => Ok(receipt),
            Known::NotBegun => Err(Error::NotDone(format!("{what}: not begun"))),
            Known::CannotTell(says) => Err(Error::CannotTell(format!("{what}: {says}"))),
        };
    }
    let text = format!("{what}: {}", detail(status, &value));
    Err(match status.as_u16() {
        429 | 503 => Error::NotDone(text),
        400..=499 => Error::Refused(text),
        _ => Error::CannotTell(text),
    })
}

/// An answer to the question what became of a key.
pub(super) fn known(what: &str, status: StatusCode, value: Value) -> Result<Known, Error> {
    match status {
        StatusCode::NOT_FOUND => Ok(Known::NotBegun),
        status if status.is_success() => match serde_json::from_value::<Fate>(value) {
            Ok(fate) => Ok(fate.known()),
            Err(error) => Ok(Known::CannotTell(format!("{what}: {error}"))),
        },
        status => Err(Error::NotDone(format!(
            "{what}: {}",
            detail(status, &value)
        ))),
    }
}

#[async_trait]
impl Runner for ControlApi {
    fn name(&self) -> &'static str {
        "control-api"
    }

    async fn observe(&self, target: &str) -> Result<Value, Error> {
        let path = format!("/targets/{}", path_segment(target));
        match self.get(&path).await? {
            (status, value) if status.is_success() => Ok(value),
            (StatusCode::NOT_FOUND, _) => {
                Err(Error::Refused(format!("the runner has no target {target}")))
            }
            (status, value) => Err(Error::NotDone(format!(
                "GET {path}: {}",
                detail(status, &value)
            ))),
        }
    }

    async fn execute(&self, order: &Order) -> Result<Receipt, Error> {
        let what = "POST /actions";
        let request = self
            .client
            .post(format!("{}/actions", self.base))
            .bearer_auth(self.token.reveal())
            .json(order);
        let (status, value) = read(what, request).await?;
        receipt(what, status, value)
    }

    async fn known(&self, key: &str) -> Result<Known, Error> {
        let path = format!("/actions/{}", path_segment(key));
        let (status, value) = self.get(&path).await?;
        known(&format!("GET {path}"), status, value)
    }
}
