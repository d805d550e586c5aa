//! The Web API: what we ask of Slack, and what its answers mean.
//!
//! Posting is not idempotent: an answer may be lost after Slack acted. So every message carries
//! its key as metadata, and [`Client::post_once`] looks for it before it posts, and again when
//! nobody can tell. Two processes that post the same key at the same time are not kept apart: who
//! calls this holds what the notifier holds, so that one process tells a channel.

mod answers;
mod look_back;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;
use url::Url;

use crate::error::Error;
use crate::outbound::{Call, Outbound};
use crate::secret::Secret;
use crate::slack::blocks::Message;

pub use answers::{USUAL_WAIT, refusal_code};
pub use look_back::{MAX_PAGES, PAGE};

/// Where Slack's Web API is. GovSlack's is `https://slack-gov.com/api`.
pub const SLACK: &str = "https://slack.com/api";
/// The most that a whole call may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// A trigger opens a modal for 3 s after the click. What is left after this is for the way.
pub const TRIGGER_LIVES: Duration = Duration::from_millis(2_700);
/// `users.info` is asked between a click and its modal: it must leave time for that.
pub const PROFILE_TIMEOUT: Duration = Duration::from_millis(1_200);
/// Bytes of an answer that are read: a page of messages with blocks is the largest.
pub const MAX_ANSWER: usize = 1 << 20;
/// The metadata's `event_type`, by which our messages are known.
pub const METADATA: &str = "datapulse_notice";

const ADAPTER: &str = "slack";

/// A workspace's Web API with a bot's token.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    token: Secret,
    outbound: Outbound,
    looks_back: bool,
    /// Who we are to Slack, once asked.
    me: Arc<OnceCell<Identity>>,
}

/// A notice to be posted once.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The channel's id, such as `C0123456789`: names change.
    pub channel: &'a str,
    /// The `ts` of the alert, for what belongs into its thread.
    pub thread: Option<&'a str>,
    /// The record's id: the same notice has the same key.
    pub key: &'a str,
    /// When the record was written, in seconds since 1970: it wasn't posted before.
    pub since_s: i64,
    pub message: &'a Message,
}

/// Where a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub channel: String,
    pub ts: String,
    /// It had been posted before.
    pub was_there: bool,
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Identity {
    pub team_id: String,
    pub user_id: String,
    #[serde(default)]
    pub bot_id: Option<String>,
    #[serde(default)]
    pub enterprise_id: Option<String>,
    #[serde(default)]
    pub is_enterprise_install: bool,
    /// The workspace's own address: `https://example.slack.com/`.
    #[serde(default)]
    pub url: Option<String>,
}

impl Client {
    /// For Slack itself.
    pub fn new(token: Secret, outbound: &Outbound) -> Result<Self, Error> {
        Self::at(SLACK, token, outbound)
    }

    /// For another address, such as GovSlack's. Its host is listed exactly, for this client alone.
    /// Without TLS only this machine is called.
    pub fn at(base: &str, token: Secret, outbound: &Outbound) -> Result<Self, Error> {
        let wrong = |why: String| Error::Configuration(format!("slack: {why}"));
        let url = Url::parse(base).map_err(|error| wrong(format!("the address: {error}")))?;
        let here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if url.scheme() != "https" && !here {
            return Err(wrong("the address: expected https".to_owned()));
        }
        if token.reveal().is_empty() {
            return Err(wrong("the token is empty".to_owned()));
        }
        let base = base.trim_end_matches('/').to_owned();
        let outbound = outbound.listed_url(&base)?;
        outbound.check(&base)?;
        Ok(Self {
            base,
            token,
            outbound,
            looks_back: true,
            me: Arc::default(),
        })
    }

    /// For an app without the scopes `channels:history` and `groups:history`: a message isn't
    /// looked for, so that one whose answer is lost may be posted twice.
    #[must_use]
    pub fn without_looking_back(mut self) -> Self {
        self.looks_back = false;
        self
    }

    /// The address that this client calls.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `auth.test`: whose token this is.
    pub async fn auth_test(&self) -> Result<Identity, Error> {
        let answer = self.post("auth.test", &json!({}), TIMEOUT).await?;
        answers::read("auth.test", answer)
    }

    /// Who we are to Slack: asked once.
    async fn me(&self) -> Result<&Identity, Error> {
        self.me.get_or_try_init(|| self.auth_test()).await
    }

    /// Where a person sees a message, once Slack has said which workspace this is.
    pub fn permalink(&self, channel: &str, ts: &str) -> Option<String> {
        let url = Url::parse(self.me.get()?.url.as_deref()?).ok()?;
        let link = url.join(&format!("archives/{channel}/p{}", ts.replace('.', "")));
        link.ok()
            .filter(|link| link.scheme() == "https")
            .map(String::from)
    }

    /// Posts a message unless its key is there, and says where it is.
    ///
    /// # Errors
    /// `CannotTell` where the answer was lost and the message isn't there: it may still appear.
    /// Called again, this looks first.
    pub async fn post_once(&self, delivery: &Delivery<'_>) -> Result<Posted, Error> {
        if !self.looks_back {
            return self.post_message(delivery).await;
        }
        // To look changes nothing: where nobody can tell, nothing was done.
        let looked = self.find(delivery).await.map_err(|error| match error {
            Error::CannotTell(says) => Error::NotDone(says),
            other => other,
        });
        if let Some(found) = looked? {
            return Ok(found);
        }
        match self.post_message(delivery).await {
            Err(Error::CannotTell(says)) => match self.find(delivery).await {
                Ok(Some(found)) => Ok(found),
                Ok(None) | Err(_) => Err(Error::CannotTell(says)),
            },
            posted => posted,
        }
    }

    /// `chat.postMessage`, whether or not it is there already.
    pub async fn post_message(&self, delivery: &Delivery<'_>) -> Result<Posted, Error> {
        let answer = self
            .post("chat.postMessage", &posting(delivery), TIMEOUT)
            .await?;
        let place: Place = answers::read("chat.postMessage", answer)?;
        Ok(Posted {
            channel: place.channel,
            ts: place.ts,
            was_there: false,
        })
    }

    /// `chat.update`: the message says this now. Doing it again changes nothing.
    pub async fn update(&self, channel: &str, ts: &str, message: &Message) -> Result<(), Error> {
        let body = updating(channel, ts, message);
        self.post("chat.update", &body, TIMEOUT).await.map(drop)
    }

    /// `views.open`: shows a modal to who clicked at `clicked`. A trigger that is too old is not
    /// sent.
    pub async fn open_view(
        &self,
        trigger: &str,
        view: &Value,
        clicked: Instant,
    ) -> Result<(), Error> {
        let left = TRIGGER_LIVES.saturating_sub(clicked.elapsed());
        if left.is_zero() {
            return Err(Error::Refused(
                "slack views.open: the click is too old to open anything: nothing was sent"
                    .to_owned(),
            ));
        }
        let body = json!({ "trigger_id": trigger, "view": view });
        self.post("views.open", &body, left).await.map(drop)
    }

    /// `users.info`: the profile of who clicked, for [`crate::slack::incoming::who`].
    pub async fn user(&self, id: &str) -> Result<crate::slack::incoming::Profile, Error> {
        let answer = self
            .get("users.info", &[("user", id)], PROFILE_TIMEOUT)
            .await?;
        let read: UserAnswer = answers::read("users.info", answer)?;
        Ok(read.user)
    }

    /// `apps.connections.open` with an app-level token: the address of a WebSocket, good for one
    /// connection. It holds a ticket, so it is a secret.
    pub async fn open_connection(&self, app_token: &Secret) -> Result<Secret, Error> {
        const METHOD: &str = "apps.connections.open";
        let call = self
            .call(METHOD, Call::post, &[], b"{}".to_vec())
            .header("content-type", JSON)
            .bearer(app_token);
        let answer = self.send(METHOD, call).await?;
        let read: ConnectionAnswer = answers::read(METHOD, answer)?;
        Ok(Secret::new(read.url))
    }

    async fn post(&self, method: &str, body: &Value, within: Duration) -> Result<Value, Error> {
        let bytes = serde_json::to_vec(body).map_err(|error| {
            Error::Configuration(format!("slack {method}: it can't be written: {error}"))
        })?;
        let call = self
            .call(method, Call::post, &[], bytes)
            .header("content-type", JSON)
            .bearer(&self.token)
            .within(within);
        self.send(method, call).await
    }

    /// For the methods that take no JSON.
    async fn get(
        &self,
        method: &str,
        query: &[(&str, &str)],
        within: Duration,
    ) -> Result<Value, Error> {
        let get = |what: &str, url: &str, _: Vec<u8>| Call::get(what, url);
        let call = self
            .call(method, get, query, Vec::new())
            .bearer(&self.token)
            .within(within);
        self.send(method, call).await
    }

    fn call(
        &self,
        method: &str,
        make: fn(&str, &str, Vec<u8>) -> Call,
        query: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Call {
        let mut url = format!("{}/{method}", self.base);
        if !query.is_empty() {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            pairs.extend_pairs(query);
            url = format!("{url}?{}", pairs.finish());
        }
        make(&format!("slack {method}"), &url, body)
            .within(TIMEOUT)
            .at_most(MAX_ANSWER)
    }

    async fn send(&self, method: &str, call: Call) -> Result<Value, Error> {
        let sent = match self.outbound.call(&call).await {
            Ok(answer) => answers::judge(method, &answer),
            Err(error) => Err(error),
        };
        if sent.is_err() {
            metrics::counter!("integration_call_failures_total", "adapter" => ADAPTER).increment(1);
        }
        sent
    }
}

const JSON: &str = "application/json; charset=utf-8";

#[derive(Deserialize)]
struct Place {
    channel: String,
    ts: String,
}

#[derive(Deserialize)]
struct UserAnswer {
    user: crate::slack::incoming::Profile,
}

#[derive(Deserialize)]
struct ConnectionAnswer {
    url: String,
}

/// The body of `chat.postMessage`.
pub fn posting(delivery: &Delivery<'_>) -> Value {
    let mut fields = delivery.message.fields();
    fields.insert("channel".to_owned(), delivery.channel.into());
    if let Some(thread) = delivery.thread {
        fields.insert("thread_ts".to_owned(), thread.into());
        fields.insert("reply_broadcast".to_owned(), false.into());
    }
    let metadata = json!({
        "event_type": METADATA,
        "event_payload": { "key": delivery.key },
    });
    fields.insert("metadata".to_owned(), metadata);
    Value::Object(fields)
}

/// The body of `chat.update`. Without metadata, which keeps what was posted.
pub fn updating(channel: &str, ts: &str, message: &Message) -> Value {
    let mut fields: Map<String, Value> = message.fields();
    // Two are of posting alone; names aren't linked unless asked for, by a text and not a boolean.
    for name in ["unfurl_links", "unfurl_media", "link_names"] {
        fields.remove(name);
    }
    fields.insert("channel".to_owned(), channel.into());
    fields.insert("ts".to_owned(), ts.into());
    Value::Object(fields)
}
