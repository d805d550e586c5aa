//! One call with limits: of time, of size, and of tries where the other side asks for patience.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response};

use crate::error::{Error, from_request};

/// One try, from the connection to the last byte of the answer.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
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
    client: Client,
    timeout: Duration,
}

impl Caller {
    pub fn new(name: &str) -> Result<Self, Error> {
        Self::of(name, Client::builder())
    }

    /// The same, but for calling this address where it would look a host's name up.
    pub fn resolving(&self, host: &str, to: SocketAddr) -> Result<Self, Error> {
        let other = Self::of(&self.name, Client::builder().resolve(host, to))?;
        Ok(Self {
            timeout: self.timeout,
            ..other
        })
    }

    fn of(name: &str, builder: ClientBuilder) -> Result<Self, Error> {
        let client = builder
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // A signed request is for one address, and a packed body hides its length.
            .no_gzip()
            .build()
            .map_err(|error| Error::Configuration(format!("{name}: {error}")))?;
        Ok(Self {
            name: name.to_owned(),
            client,
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
    /// [`Error::NotDone`]: no connection, or 429 or 503 to the end. [`Error::CannotTell`]: no whole
    /// answer in time. [`Error::Refused`]: an answer that is too long.
    pub async fn call(
        &self,
        max: usize,
        request: impl Fn(&Client) -> RequestBuilder + Send + Sync,
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
        request: impl Fn(&Client) -> RequestBuilder + Send + Sync,
    ) -> Result<Answer, Error> {
        let mut tried = 1;
        loop {
            let response = request(&self.client)
                .timeout(self.timeout)
                .send()
                .await
                .map_err(|error| from_request(&self.name, &error))?;
            let status = response.status().as_u16();
            if !matches!(status, 429 | 503) {
                let body = self.body(response, max).await?;
                return Ok(Answer { status, body });
            }
            let asked = retry_after(response.headers());
            let pause = asked.unwrap_or(PAUSE);
            if tried == MAX_TRIES || pause > MAX_PAUSE {
                let asks = asked.map_or(String::new(), |pause| {
                    format!(", and asks for {} s of patience", pause.as_secs())
                });
                return Err(Error::NotDone(format!(
                    "{}: status {status}{asks}",
                    self.name
                )));
            }
            tried += 1;
            tokio::time::sleep(pause).await;
        }
    }

    /// Piece by piece, so that no more than the limit is ever held.
    async fn body(&self, mut response: Response, max: usize) -> Result<Vec<u8>, Error> {
        let long = || Error::Refused(format!("{}: an answer of over {max} bytes", self.name));
        let announced = response.content_length();
        if announced.is_some_and(|length| length > max as u64) {
            return Err(long());
        }
        let mut body = Vec::with_capacity(announced.unwrap_or(0) as usize);
        loop {
            let piece = response.chunk().await.map_err(|error| {
                let what = if error.is_timeout() {
                    "no whole answer in time"
                } else {
                    "the answer is cut"
                };
                Error::CannotTell(format!("{}: {what}, after {} bytes", self.name, body.len()))
            })?;
            let Some(piece) = piece else {
                return Ok(body);
            };
            if body.len() + piece.len() > max {
                return Err(long());
            }
            body.extend_from_slice(&piece);
        }
    }
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3); its other form, a date, counts as none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
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
