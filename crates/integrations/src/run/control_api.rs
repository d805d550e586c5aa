//! A platform's control API over HTTP with a bearer token: `GET /targets/{name}`,
//! `POST /actions`, `GET /actions/{key}`.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;
use serde_json::Value;

use super::{Fate, Known, Order, Receipt, Runner, path_segment};
use crate::error::Error;
use crate::outbound::{Answer, Call, Outbound, is_not_now};
use crate::secret::Secret;

/// One request's time limit, in wall time.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Talks to one control API.
#[derive(Debug, Clone)]
pub struct ControlApi {
    base: String,
    token: Secret,
    outbound: Outbound,
}

impl ControlApi {
    /// `base` is an URL such as `http://127.0.0.1:8090` that the server's own configuration names,
    /// which lists its host.
    pub fn new(base: &str, token: Secret) -> Result<Self, Error> {
        let outbound = Outbound::default()
            .listed_url(base)
            .map_err(|error| Error::Configuration(format!("runner url: {error}")))?;
        Self::through(base, token, outbound)
    }

    /// Through a client that others share. It must allow `base`: see [`Outbound::listed_url`] for
    /// what the server's own configuration names.
    pub fn through(base: &str, token: Secret, outbound: Outbound) -> Result<Self, Error> {
        outbound
            .check(base)
            .map_err(|error| Error::Configuration(format!("runner url: {error}")))?;
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            token,
            outbound,
        })
    }

    async fn get(&self, path: &str) -> Result<Told, Error> {
        let call = Call::get(&format!("GET {path}"), &format!("{}{path}", self.base))
            .bearer(&self.token)
            .within(TIMEOUT);
        tell(&self.outbound, &call).await
    }
}

/// A runner's answer; `value` is null where its body isn't JSON.
pub(super) struct Told {
    pub status: StatusCode,
    pub value: Value,
    answer: Answer,
}

/// Makes a call and reads its answer.
pub(super) async fn tell(outbound: &Outbound, call: &Call) -> Result<Told, Error> {
    let answer = outbound.call(call).await?;
    Ok(Told {
        status: answer.status,
        value: serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
        answer,
    })
}

impl Told {
    /// The `detail` of a problem document, else the status.
    fn detail(&self) -> String {
        self.value
            .get("detail")
            .or_else(|| self.value.get("title"))
            .and_then(Value::as_str)
            .map_or_else(|| format!("status {}", self.status), str::to_owned)
    }

    /// The other side did not act: with when to come back, where it said so.
    pub fn not_done(&self, what: &str) -> Error {
        let text = format!("{what}: {}", self.detail());
        self.answer.later(&text).unwrap_or(Error::NotDone(text))
    }
}

/// An answer to an order: done, refused, or who knows.
pub(super) fn receipt(what: &str, told: Told) -> Result<Receipt, Error> {
    if told.status.is_success() {
        let fate: Fate = serde_json::from_value(told.value).map_err(|error| {
            Error::CannotTell(format!("{what}: an answer that can't be read: {error}"))
        })?;
        return match fate.known() {
            Known::Done(receipt) => Ok(receipt),
            Known::NotBegun => Err(Error::NotDone(format!("{what}: not begun"))),
            Known::CannotTell(says) => Err(Error::CannotTell(format!("{what}: {says}"))),
        };
    }
    if is_not_now(told.status) {
        return Err(told.not_done(what));
    }
    let text = format!("{what}: {}", told.detail());
    Err(match told.status.as_u16() {
        400..=499 => Error::Refused(text),
        _ => Error::CannotTell(text),
    })
}

/// An answer to the question what became of a key.
pub(super) fn known(what: &str, told: Told) -> Result<Known, Error> {
    match told.status {
        StatusCode::NOT_FOUND => Ok(Known::NotBegun),
        status if status.is_success() => match serde_json::from_value::<Fate>(told.value) {
            Ok(fate) => Ok(fate.known()),
            Err(error) => Ok(Known::CannotTell(format!("{what}: {error}"))),
        },
        _ => Err(told.not_done(what)),
    }
}

#[async_trait]
impl Runner for ControlApi {
    fn name(&self) -> &'static str {
        "control-api"
    }

    async fn observe(&self, target: &str) -> Result<Value, Error> {
        let path = format!("/targets/{}", path_segment(target));
        let told = self.get(&path).await?;
        match told.status {
            status if status.is_success() => Ok(told.value),
            StatusCode::NOT_FOUND => {
                Err(Error::Refused(format!("the runner has no target {target}")))
            }
            _ => Err(told.not_done(&format!("GET {path}"))),
        }
    }

    async fn execute(&self, order: &Order) -> Result<Receipt, Error> {
        let what = "POST /actions";
        let body = serde_json::to_vec(order)
            .map_err(|error| Error::Configuration(format!("an order can't be written: {error}")))?;
        let call = Call::post(what, &format!("{}/actions", self.base), body)
            .header("content-type", "application/json")
            .bearer(&self.token)
            .within(TIMEOUT);
        receipt(what, tell(&self.outbound, &call).await?)
    }

    async fn known(&self, key: &str) -> Result<Known, Error> {
        let path = format!("/actions/{}", path_segment(key));
        let told = self.get(&path).await?;
        known(&format!("GET {path}"), told)
    }
}
