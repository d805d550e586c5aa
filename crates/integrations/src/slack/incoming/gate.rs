//! The gate: whether a request is Slack's, for our app, and new.

use std::sync::{Mutex, PoisonError};

use super::payload::{Incoming, Unreadable};
use super::signature::{MAX_AGE_S, Unproven, check};
use crate::secret::Secret;
use crate::slack::seen::{Repeat, Seen, USUAL_ROOM};

/// Bytes of a request: a click brings the message with it.
pub const MAX_BODY: usize = 1 << 20;
/// How long a click, a submission or an event is remembered, in seconds: Slack sends an event
/// again for an hour.
pub const REMEMBERED_S: i64 = 2 * 60 * 60;

/// Why a request isn't taken. [`NotTaken::status`] is what HTTP answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    #[error("the body has {0} bytes, at most {MAX_BODY} are taken")]
    TooLarge(usize),
    #[error(transparent)]
    Unproven(#[from] Unproven),
    /// The very same request again.
    #[error("the request: {0}")]
    Replayed(Repeat),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("it is for the app {0}, which isn't ours")]
    OtherApp(String),
    /// The same click, submission or event again.
    #[error("{what}: {why}")]
    Twice { what: String, why: Repeat },
}

impl NotTaken {
    /// Whether it is an event that Slack told of before: that is acknowledged, or it is told again.
    /// A click or a submission never is, since Slack shows success for that.
    pub fn is_known_event(&self) -> bool {
        matches!(self, Self::Twice { what, why: Repeat::Seen } if what.starts_with("event "))
    }

    /// The status of an HTTP answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge(_) => 413,
            Self::Unproven(_) | Self::OtherApp(_) => 401,
            Self::Replayed(Repeat::Full)
            | Self::Twice {
                why: Repeat::Full, ..
            } => 503,
            Self::Replayed(_) => 409,
            Self::Unreadable(_) => 400,
            Self::Twice { .. } if self.is_known_event() => 200,
            Self::Twice { .. } => 409,
        }
    }
}

/// One for an app, for both ways in.
#[derive(Debug)]
pub struct Gate {
    app: String,
    secret: Option<Secret>,
    signatures: Mutex<Seen>,
    happened: Mutex<Seen>,
}

impl Gate {
    /// `app` is the app's id, `A…`. Without a signing secret nothing is taken over HTTP.
    pub fn new(app: &str, secret: Option<Secret>) -> Self {
        Self {
            app: app.to_owned(),
            secret,
            // A signature may be as old and as new as this.
            signatures: Mutex::new(Seen::new(USUAL_ROOM, 2 * MAX_AGE_S + 1)),
            happened: Mutex::new(Seen::new(USUAL_ROOM, REMEMBERED_S)),
        }
    }

    /// A request over HTTP, as it came.
    ///
    /// # Errors
    /// Why it isn't taken.
    pub fn http<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
        now_s: i64,
    ) -> Result<Incoming, NotTaken> {
        if body.len() > MAX_BODY {
            return Err(NotTaken::TooLarge(body.len()));
        }
        let secret = self.secret.as_ref().ok_or(Unproven::NoSecret)?;
        let content_type = header("content-type").unwrap_or_default();
        let signature = check(secret, &header, body, now_s)?;
        let mut signatures = lock(&self.signatures);
        signatures
            .take(&signature, now_s)
            .map_err(NotTaken::Replayed)?;
        drop(signatures);
        let incoming = Incoming::from_http(content_type, body)?;
        self.admit(incoming, now_s)
    }

    /// What came in an envelope, whose id was looked at already. There is no signature: that it is
    /// Slack's says the connection, which was made to an address that Slack gave.
    ///
    /// # Errors
    /// Why it isn't taken.
    pub fn socket(
        &self,
        kind: &str,
        payload: &serde_json::Value,
        now_s: i64,
    ) -> Result<Incoming, NotTaken> {
        let incoming = Incoming::from_socket(kind, payload)?;
        self.admit(incoming, now_s)
    }

    fn admit(&self, incoming: Incoming, now_s: i64) -> Result<Incoming, NotTaken> {
        if let Some(app) = incoming.app()
            && app != self.app
        {
            return Err(NotTaken::OtherApp(app.to_owned()));
        }
        if let Some(key) = incoming.key() {
            let taken = lock(&self.happened).take(&key, now_s);
            taken.map_err(|why| NotTaken::Twice { what: key, why })?;
        }
        Ok(incoming)
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
