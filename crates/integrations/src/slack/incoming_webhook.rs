//! Incoming webhooks: a URL to post to, and nothing else. No buttons (a link instead), no thread,
//! nothing is updated, and a message whose answer is lost can't be found again.

use std::time::Duration;

use serde_json::Value;

use super::blocks::Message;
use super::client::USUAL_WAIT;
use crate::error::Error;
use crate::outbound::{Call, Outbound};
use crate::secret::Secret;

/// The most that a whole call may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer: `ok`, or a word for what is wrong.
pub const MAX_ANSWER: usize = 4 << 10;
/// Begins every error's text.
const WHAT: &str = "slack incoming webhook";

/// A channel, by the secret URL that posts into it.
#[derive(Debug, Clone)]
pub struct IncomingWebhook {
    url: Secret,
    outbound: Outbound,
}

impl IncomingWebhook {
    /// The URL is a secret: whoever has it posts. Its host is listed exactly.
    pub fn new(url: Secret, outbound: &Outbound) -> Result<Self, Error> {
        let outbound = outbound.listed_secret_url(WHAT, &url)?;
        Ok(Self { url, outbound })
    }

    /// Posts a message, made with [`super::Form::LinkOnly`].
    ///
    /// # Errors
    /// Whether Slack may have posted it: see [`Error`].
    pub async fn post(&self, message: &Message) -> Result<(), Error> {
        let body = serde_json::to_vec(&posting(message))
            .map_err(|error| Error::Configuration(format!("{WHAT}: {error}")))?;
        let call = Call::post(WHAT, self.url.reveal(), body)
            .header("content-type", "application/json; charset=utf-8")
            .within(TIMEOUT)
            .at_most(MAX_ANSWER);
        let sent = match self.outbound.call(&call).await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(answer.refusal(WHAT, USUAL_WAIT)),
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
