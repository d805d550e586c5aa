//! One call through the one client ([`crate::outbound`]), with another try where the other side asks
//! for patience.

use std::time::Duration;

use crate::error::Error;
use crate::outbound::{Call, Outbound, is_not_now};

/// One try, from the resolver to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Tries of a call that is answered with 429 or 503.
const MAX_TRIES: u32 = 3;
/// What is waited before the next of them: as the other side asks, but no longer than this. One
/// that asks for more is left alone until the caller comes again.
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// What is waited where it doesn't say how long.
const PAUSE: Duration = Duration::from_millis(500);
/// Characters of another system's message that are told on.
const MAX_MESSAGE: usize = 300;

/// An answer, read to its end.
pub(super) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

#[derive(Clone)]
pub(super) struct Caller {
    name: String,
    outbound: Outbound,
    timeout: Duration,
}

/// A client for these addresses, which the server's own configuration names.
pub(super) fn listing(name: &str, urls: &[&str]) -> Result<Outbound, Error> {
    urls.iter()
        .try_fold(Outbound::default(), |outbound, url| {
            outbound.listed_url(url)
        })
        .map_err(|error| Error::Configuration(format!("{name}: {error}")))
}

impl Caller {
    /// Through a client that has to allow these addresses.
    pub fn new(name: &str, urls: &[&str], outbound: Outbound) -> Result<Self, Error> {
        for url in urls {
            outbound
                .check(url)
                .map_err(|error| Error::Configuration(format!("{name}: {error}")))?;
        }
        Ok(Self {
            name: name.to_owned(),
            outbound,
            timeout: TIMEOUT,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Any answer of at most `max` bytes. `request` makes each try anew, since signatures hold the
    /// time.
    ///
    /// # Errors
    /// [`Error::NotDone`]: no connection, or 429 or 503 to the end. [`Error::Later`]: the same, and
    /// when to come back. [`Error::CannotTell`]: no whole answer in time, or one that is too long.
    pub async fn call(
        &self,
        max: usize,
        request: impl Fn() -> Call + Send + Sync,
    ) -> Result<Answer, Error> {
        let called = self.tries(max, request).await;
        if called.is_err() {
            metrics::counter!("integration_call_failures_total", "adapter" => self.name.clone())
                .increment(1);
        }
        called
    }

    async fn tries(
        &self,
        max: usize,
        request: impl Fn() -> Call + Send + Sync,
    ) -> Result<Answer, Error> {
        let mut tried = 1;
        loop {
            let call = request().within(self.timeout).large(max);
            let answer = self.outbound.call(&call).await?;
            if !is_not_now(answer.status) {
                return Ok(Answer {
                    status: answer.status.as_u16(),
                    body: answer.body,
                });
            }
            let pause = answer.come_back.unwrap_or(PAUSE);
            if tried == MAX_TRIES || pause > MAX_PAUSE {
                let text = format!("{}: status {}", self.name, answer.status);
                return Err(answer.later(&text).unwrap_or(Error::NotDone(text)));
            }
            tried += 1;
            tokio::time::sleep(pause).await;
        }
    }
}

/// What a status says that isn't a success: `what` is what it was about, `says` the other side's
/// own words.
pub(super) fn unsuccessful(name: &str, what: &str, status: u16, says: &str) -> Error {
    let says: String = says
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_MESSAGE)
        .collect();
    let says = if says.is_empty() {
        says
    } else {
        format!(": {says}")
    };
    let text = format!("{name}: {what}: status {status}{says}");
    match status {
        408 | 425 => Error::NotDone(text),
        300..=499 => Error::Refused(text),
        _ => Error::CannotTell(text),
    }
}
