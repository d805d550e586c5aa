//! Incoming webhooks: a URL to post to, and nothing else. No buttons (a link instead), no thread,
//! nothing is updated, and a message whose answer is lost can't be found again.

use std::time::Duration;

use model::render::one_line;
use serde_json::Value;

use super::blocks::Message;
use super::client::USUAL_WAIT;
use crate::error::Error;
use crate::outbound::{Call, Outbound, is_not_now};
use crate::secret::Secret;

/// The most that a whole call may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer: `ok`, or a word for what is wrong.
pub const MAX_ANSWER: usize = 4 << 10;
/// Characters of Slack's own words in an error's text.
const MAX_WORDS: usize = 100;

/// A channel, by the secret URL that posts into it.
#[derive(Debug, Clone)]
pub struct IncomingWebhook {
    url: Secret,
    outbound: Outbound,
}

impl IncomingWebhook {
    /// The URL is a secret: whoever has it posts. Its host is listed exactly.
    pub fn new(url: Secret, outbound: &Outbound) -> Result<Self, Error> {
        let wrong = |why: String| Error::Configuration(format!("slack incoming webhook: {why}"));
        let parsed =
            url::Url::parse(url.reveal()).map_err(|error| wrong(format!("the URL: {error}")))?;
        let here = matches!(parsed.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if parsed.scheme() != "https" && !here {
            return Err(wrong("the URL: expected https".to_owned()));
        }
        let outbound = outbound.listed_url(url.reveal())?;
        outbound.check(url.reveal())?;
        Ok(Self { url, outbound })
    }

    /// Posts a message, made with [`super::Form::LinkOnly`].
    ///
    /// # Errors
    /// Whether Slack may have posted it: see [`Error`].
    pub async fn post(&self, message: &Message) -> Result<(), Error> {
        const WHAT: &str = "slack incoming webhook";
        let body = serde_json::to_vec(&posting(message))
            .map_err(|error| Error::Configuration(format!("{WHAT}: {error}")))?;
        let call = Call::post(WHAT, self.url.reveal(), body)
            .header("content-type", "application/json; charset=utf-8")
            .within(TIMEOUT)
            .at_most(MAX_ANSWER);
        let sent = match self.outbound.call(&call).await {
            Ok(answer) => judge(WHAT, &answer),
            Err(error) => Err(error),
        };
        if sent.is_err() {
            metrics::counter!("integration_call_failures_total", "adapter" => "slack_webhook")
                .increment(1);
        }
        sent
    }
}

/// The body of a call.
pub fn posting(message: &Message) -> Value {
    Value::Object(message.fields())
}

fn judge(what: &str, answer: &crate::outbound::Answer) -> Result<(), Error> {
    let status = answer.status;
    if status.is_success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&answer.body);
    let text = format!("{what}: status {status}: {}", one_line(&words, MAX_WORDS));
    if is_not_now(status) {
        return Err(answer.later(&text).unwrap_or(Error::Later {
            says: text,
            after: USUAL_WAIT,
        }));
    }
    Err(match status.as_u16() {
        400..=499 => Error::Refused(text),
        _ => Error::CannotTell(text),
    })
}
