//! A platform's JSON API: one call with patience where the platform asks for it, and an error that
//! says whether the platform may have acted.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use super::shortened;
use crate::error::Error;
use crate::outbound::{Answer, Call, Outbound};

/// Tries of a call that is answered with 429.
const MAX_TRIES: usize = 3;
/// What is waited before the next of them at most: one that asks for more is left alone, and the
/// error says when to come back.
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// What is waited where the platform doesn't say how long.
const PAUSE: Duration = Duration::from_millis(500);
/// Characters of a platform's message that are told on.
const MAX_MESSAGE: usize = 300;
/// Where platforms put the sentence that says what is wrong.
const MESSAGES: [&str; 9] = [
    "/message",
    "/Message",
    "/error/message",
    "/errorMessage",
    "/error_description",
    "/detail",
    "/error",
    "/__type",
    "/title",
];

/// Calls of one platform. Each is made anew for each try, since a signature holds the time.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    label: &'static str,
    outbound: Outbound,
}

/// What an answer's status says of a request.
enum Said {
    Done(Value),
    NotThere,
    Busy(Error),
    Conflict(String),
    Refused(String),
    Failed(String),
}

impl Rest {
    /// `outbound` has to allow what is called.
    pub fn new(label: &'static str, outbound: Outbound) -> Self {
        Self { label, outbound }
    }

    /// Asks without acting; nothing where the platform says 404.
    ///
    /// # Errors
    /// Never [`Error::CannotTell`]: nothing was done.
    pub async fn read(
        &self,
        call: impl Fn() -> Result<Call, Error>,
    ) -> Result<Option<Value>, Error> {
        let said = self.tries(call).await.map_err(|error| match error {
            Error::CannotTell(says) => Error::NotDone(says),
            error => error,
        })?;
        match said {
            Said::Done(value) => Ok(Some(value)),
            Said::NotThere => Ok(None),
            Said::Busy(error) => Err(error),
            Said::Refused(says) => Err(Error::Refused(says)),
            Said::Conflict(says) | Said::Failed(says) => Err(Error::NotDone(says)),
        }
    }

    /// [`Rest::read`] of what has to be there.
    pub async fn get(
        &self,
        call: impl Fn() -> Result<Call, Error>,
        what: &str,
    ) -> Result<Value, Error> {
        let found = self.read(call).await?;
        found.ok_or_else(|| Error::Refused(format!("{}: there is no {what}", self.label)))
    }

    /// Sends what acts; nothing where the platform says 404, and then it did not act.
    ///
    /// # Errors
    /// [`Error::NotDone`]: what was looked at changed (409, 412), or there was no connection.
    /// [`Error::CannotTell`]: 5xx, no whole answer in time.
    pub async fn write(
        &self,
        call: impl Fn() -> Result<Call, Error>,
    ) -> Result<Option<Value>, Error> {
        match self.tries(call).await? {
            Said::Done(value) => Ok(Some(value)),
            Said::NotThere => Ok(None),
            Said::Busy(error) => Err(error),
            Said::Conflict(says) => Err(Error::NotDone(says)),
            Said::Refused(says) => Err(Error::Refused(format!("{says}; nothing was done"))),
            Said::Failed(says) => Err(Error::CannotTell(says)),
        }
    }

    async fn tries(&self, call: impl Fn() -> Result<Call, Error>) -> Result<Said, Error> {
        let mut tries = 1;
        loop {
            let answer = self.outbound.call(&call()?).await?;
            let said = self.said(&answer);
            if !matches!(said, Said::Busy(_)) || tries == MAX_TRIES {
                return Ok(said);
            }
            let pause = answer.come_back.unwrap_or(PAUSE);
            if pause > MAX_PAUSE {
                return Ok(said);
            }
            tokio::time::sleep(pause).await;
            tries += 1;
        }
    }

    fn said(&self, answer: &Answer) -> Said {
        let label = self.label;
        let value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let status = answer.status;
        if status.is_success() {
            return Said::Done(value);
        }
        let text = format!("{label}: {}", told(status, &value));
        if status == StatusCode::TOO_MANY_REQUESTS || is_throttled(status, &value) {
            let text = format!("{text}; nothing was done");
            return Said::Busy(answer.later(&text).unwrap_or(Error::NotDone(text)));
        }
        match status.as_u16() {
            404 => Said::NotThere,
            409 | 412 => Said::Conflict(text),
            401 => Said::Refused(format!("{text}: the credential is not known or ran out")),
            403 => Said::Refused(format!("{text}: the credential may not do that")),
            408 | 500.. => Said::Failed(text),
            _ => Said::Refused(text),
        }
    }
}

/// AWS says with a 400 that it is asked too often.
fn is_throttled(status: StatusCode, value: &Value) -> bool {
    let kinds = ["/__type", "/code", "/Error/Code"];
    status == StatusCode::BAD_REQUEST
        && kinds.iter().any(|place| {
            let kind = value.pointer(place).and_then(Value::as_str);
            kind.is_some_and(|kind| kind.contains("Throttl") || kind.contains("TooManyRequests"))
        })
}

fn told(status: StatusCode, value: &Value) -> String {
    let message = MESSAGES
        .iter()
        .find_map(|place| value.pointer(place)?.as_str());
    match message {
        Some(message) => format!("{status}: {}", shortened(message, MAX_MESSAGE)),
        None => format!("status {status}"),
    }
}
