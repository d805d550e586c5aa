//! One call: what is sent, what came back, and when the other side wants to be asked again.

use std::time::{Duration, SystemTime};

use chrono::DateTime;
use model::render::one_line;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode};

use super::is_not_now;
use crate::error::Error;
use crate::secret::Secret;

/// Wall time of a whole call, from the resolver to the answer's last byte, where none is asked for.
pub const USUAL_TIME: Duration = Duration::from_secs(10);
/// No call may ask for longer: an incident waits.
pub const LONGEST_TIME: Duration = Duration::from_secs(60);
/// Bytes of a request's body: orders and notices are small.
pub const MAX_REQUEST: usize = 4 << 20;
/// Bytes of an answer's body that are read; more is an error, never a part.
pub const MAX_ANSWER: usize = 1 << 20;
/// Bytes of a body, sent or received, of a call that says that it is [`Call::large`]: a page of
/// anchors that is read back, 64 MiB and a line of 16 MiB.
pub const MAX_LARGE: usize = 80 << 20;
/// Bytes of headers, sent and received each.
pub const MAX_HEADER_BYTES: usize = 64 << 10;
/// A `Retry-After` beyond this is taken as this: a header puts nobody off for days.
pub const LONGEST_COME_BACK: Duration = Duration::from_secs(3600);

/// Characters of the other side's own words in an error's text.
const MAX_WORDS: usize = 100;

/// A request, and what may be spent on it.
#[derive(Debug, Clone)]
pub struct Call {
    pub(super) what: String,
    pub(super) method: Method,
    pub(super) url: String,
    headers: Vec<(String, Secret)>,
    body: Vec<u8>,
    sends_at_most: usize,
    pub(super) within: Duration,
    pub(super) at_most: usize,
    pub(super) unread: bool,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    /// Empty where the call asked for the status alone.
    pub body: Vec<u8>,
    /// With 429 or 503: in how long the other side wants to be asked again, if it said so.
    pub come_back: Option<Duration>,
}

impl Call {
    /// `what` begins every error's text: "GET /targets/cart".
    pub fn get(what: &str, url: &str) -> Self {
        Self::new(what, Method::GET, url, Vec::new())
    }

    /// Sent once: no redirect of it is followed.
    pub fn post(what: &str, url: &str, body: Vec<u8>) -> Self {
        Self::new(what, Method::POST, url, body)
    }

    /// Sent once, as a `POST` is.
    pub fn put(what: &str, url: &str, body: Vec<u8>) -> Self {
        Self::new(what, Method::PUT, url, body)
    }

    fn new(what: &str, method: Method, url: &str, body: Vec<u8>) -> Self {
        Self {
            what: what.to_owned(),
            method,
            url: url.to_owned(),
            headers: Vec::new(),
            body,
            sends_at_most: MAX_REQUEST,
            within: USUAL_TIME,
            at_most: MAX_ANSWER,
            unread: false,
        }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), Secret::new(value)));
        self
    }

    /// `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &Secret) -> Self {
        let value = format!("Bearer {}", token.reveal());
        self.header("authorization", value)
    }

    /// Wall time for all of it, at most [`LONGEST_TIME`].
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time.min(LONGEST_TIME);
        self
    }

    /// Bytes of the answer, at most [`MAX_ANSWER`].
    #[must_use]
    pub fn at_most(mut self, bytes: usize) -> Self {
        self.at_most = bytes.min(MAX_ANSWER);
        self
    }

    /// For what the server's own configuration names to keep what we write: bytes of the answer, at
    /// most [`MAX_LARGE`], and a body of as many.
    #[must_use]
    pub fn large(mut self, answer: usize) -> Self {
        self.at_most = answer.min(MAX_LARGE);
        self.sends_at_most = MAX_LARGE;
        self
    }

    /// The status is all that the caller needs: the answer's body is not read.
    #[must_use]
    pub fn unread(mut self) -> Self {
        self.unread = true;
        self
    }

    /// Whether it is small enough to be sent.
    pub(super) fn check_size(&self) -> Result<(), Error> {
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.reveal().len())
            .sum();
        let over = |of: &str, most: usize| {
            let what = &self.what;
            Err(Error::Configuration(format!(
                "{what}: the request's {of} is over {most} bytes: nothing was sent"
            )))
        };
        if self.body.len() > self.sends_at_most {
            return over("body", self.sends_at_most);
        }
        if headers > MAX_HEADER_BYTES {
            return over("header", MAX_HEADER_BYTES);
        }
        Ok(())
    }

    pub(super) fn request(
        &self,
        client: &reqwest::Client,
        url: &url::Url,
    ) -> reqwest::RequestBuilder {
        let mut request = client.request(self.method.clone(), url.clone());
        for (name, value) in &self.headers {
            request = request.header(name, value.reveal());
        }
        if self.method == Method::GET {
            request
        } else {
            request.body(self.body.clone())
        }
    }
}

impl Answer {
    /// What an answer that isn't the one wanted says of a message: to come back later, no, or
    /// nothing certain. With the first words of its body.
    pub fn refusal(&self, what: &str, usual_wait: Duration) -> Error {
        let status = self.status;
        let words = one_line(&String::from_utf8_lossy(&self.body), MAX_WORDS);
        let text = match words.as_str() {
            "" => format!("{what}: status {status}"),
            words => format!("{what}: status {status}: {words}"),
        };
        if is_not_now(status) {
            return self.later(&text).unwrap_or(Error::Later {
                says: text,
                after: usual_wait,
            });
        }
        match status.as_u16() {
            400..=499 => Error::Refused(text),
            _ => Error::CannotTell(text),
        }
    }

    /// An error that says when to come back, where the other side did.
    pub fn later(&self, says: &str) -> Option<Error> {
        self.come_back.map(|after| {
            let seconds = after.as_secs();
            let says = format!("{says}: it asks to come back in {seconds} s");
            Error::Later { says, after }
        })
    }
}

/// Bytes of the headers, as HTTP/1 writes them.
pub(super) fn header_bytes(headers: &HeaderMap) -> usize {
    /// The colon, the space and the line's end.
    const BETWEEN: usize = 4;
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + BETWEEN)
        .sum()
}

/// `Retry-After` of a 429 or 503: seconds, or a date held against `now`.
pub(super) fn come_back(
    status: StatusCode,
    headers: &HeaderMap,
    now: SystemTime,
) -> Option<Duration> {
    if !matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        return None;
    }
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let after = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            SystemTime::from(date)
                .duration_since(now)
                .unwrap_or_default()
        }
    };
    Some(after.min(LONGEST_COME_BACK))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_has_a_limit() {
        let now = UNIX_EPOCH + Duration::from_secs(1_445_412_420);
        let told = |status: u16, text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().expect("a value"))]);
            let status = StatusCode::from_u16(status).expect("a status");
            come_back(status, &headers, now).map(|after| after.as_secs())
        };
        assert_eq!(told(429, "30"), Some(30));
        assert_eq!(told(503, " 7 "), Some(7));
        assert_eq!(told(503, "Wed, 21 Oct 2015 07:28:00 GMT"), Some(60));
        assert_eq!(told(503, "Wed, 21 Oct 2015 07:00:00 GMT"), Some(0), "over");
        assert_eq!(told(429, "99999999999"), Some(3600));
        assert_eq!(told(429, "-1"), None);
        assert_eq!(told(429, "soon"), None);
        assert_eq!(told(200, "30"), None);
    }

    #[test]
    fn a_call_prints_no_secret_and_asks_for_no_more_than_the_limits() {
        let call = Call::get("GET /", "http://hooks.example.com/")
            .bearer(&Secret::new("between us"))
            .within(Duration::from_secs(3600))
            .at_most(usize::MAX);
        assert!(!format!("{call:?}").contains("between us"));
        assert_eq!((call.within, call.at_most), (LONGEST_TIME, MAX_ANSWER));
    }

    #[test]
    fn too_large_a_request_is_not_sent() {
        let large = Call::post(
            "POST /",
            "http://hooks.example.com/",
            vec![0; MAX_REQUEST + 1],
        );
        let refused = large.check_size().expect_err("is refused").to_string();
        assert_eq!(
            refused,
            "POST /: the request's body is over 4194304 bytes: nothing was sent"
        );
        let taken = large.large(MAX_ANSWER);
        assert_eq!(taken.check_size(), Ok(()));
        let wide = Call::get("GET /", "http://hooks.example.com/")
            .header("x-large", "x".repeat(MAX_HEADER_BYTES));
        assert!(wide.check_size().is_err());
    }
}
