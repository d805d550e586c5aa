//! A webhook whose body is written by a template: for receivers that want their own JSON.
//!
//! The template is JSON of the operator, filled by [`template`]; what others wrote is only ever the
//! content of one of its strings. Signed as every webhook of ours is, or with a bearer token, or by
//! headers whose values are secrets. `docs/integrations/webhook.md` is for operators.

pub mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use self::template::{Template, fields};
use crate::channel::{Channel, Delivered, Telling};
use crate::error::Error;
use crate::outbound::{Answer, Call, Outbound};
use crate::secret::Secret;
use crate::signature::{KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
use crate::ui::Ui;

/// The most that a whole call may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read, for the first words of an error.
pub const MAX_ANSWER: usize = 16 << 10;
/// Headers of one webhook.
pub const MAX_HEADERS: usize = 20;
/// Where a receiver is asked too often and doesn't say for how long to wait.
pub const USUAL_WAIT: Duration = Duration::from_secs(60);
const CONTENT_TYPE: &str = "content-type";
/// Headers that are written by what sends the request, or say who signed it.
const OURS: [&str; 9] = [
    "authorization",
    "connection",
    "content-length",
    "host",
    "te",
    "transfer-encoding",
    KEY_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
];

/// How a request is sent. Both are sent once: no redirect of them is followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    #[default]
    #[serde(rename = "POST")]
    Post,
    #[serde(rename = "PUT")]
    Put,
}

/// By what a receiver knows who sent a request.
#[derive(Debug, Clone)]
pub enum Proof {
    /// By the URL alone, or by a header.
    None,
    /// HMAC-SHA256 over time and body: see [`crate::signature`].
    Signature(Secret),
    /// `Authorization: Bearer …`.
    Bearer(Secret),
}

/// What a templated webhook is made of.
#[derive(Debug, Clone)]
pub struct TemplatedSettings {
    /// Its name in records and metrics.
    pub name: String,
    /// May be a secret.
    pub url: Secret,
    pub method: Method,
    /// Their values may be secrets.
    pub headers: BTreeMap<String, Secret>,
    /// JSON with places: see [`template`].
    pub body: String,
    pub proof: Proof,
    /// Which statuses say that the receiver has it; empty: 200 to 299, and 409 ("I had it before").
    pub accepted: Vec<u16>,
}

/// A receiver that is told by a template.
#[derive(Debug)]
pub struct TemplatedWebhook {
    settings: TemplatedSettings,
    template: Template,
    outbound: Outbound,
    ui: Option<Ui>,
    within: Duration,
}

/// What is wrong with headers and statuses, as far as that shows without secrets: which key, and
/// what was expected.
///
/// # Errors
/// The key, and what is wrong with it.
pub fn check<'h>(
    headers: impl IntoIterator<Item = &'h str>,
    accepted: &[u16],
) -> Result<(), (&'static str, String)> {
    let mut seen = Vec::new();
    for name in headers {
        let known = HeaderName::try_from(name).map_err(|_| {
            let message = format!("headers: {name:?} is no name of a header");
            ("headers", message)
        })?;
        if OURS.contains(&known.as_str()) {
            let message = format!("headers: {known} is written by DataPulse: leave it out");
            return Err(("headers", message));
        }
        if seen.contains(&known) {
            return Err(("headers", format!("headers: {known} is there twice")));
        }
        seen.push(known);
    }
    if seen.len() > MAX_HEADERS {
        let message = format!(
            "headers: expected {MAX_HEADERS} at most, got {}",
            seen.len()
        );
        return Err(("headers", message));
    }
    match accepted.iter().find(|status| !(200..500).contains(*status)) {
        Some(status) => {
            let message = format!("accepted: expected statuses from 200 to 499, got {status}");
            Err(("accepted", message))
        }
        None => Ok(()),
    }
}

impl TemplatedWebhook {
    /// Through a client that others share, which must allow the URL: see [`Outbound::listed_url`].
    /// `ui` is where `{{link}}` leads.
    ///
    /// # Errors
    /// `Configuration`: what is wrong, by the key.
    pub fn through(
        settings: TemplatedSettings,
        ui: Option<Ui>,
        outbound: Outbound,
    ) -> Result<Self, Error> {
        let name = settings.name.clone();
        let wrong = |why: &str| Error::Configuration(format!("webhook_template {name}: {why}"));
        outbound
            .check(settings.url.reveal())
            .map_err(|error| wrong(&format!("url: {error}")))?;
        check(
            settings.headers.keys().map(String::as_str),
            &settings.accepted,
        )
        .map_err(|(_, message)| wrong(&message))?;
        for (header, value) in &settings.headers {
            if HeaderValue::try_from(value.reveal()).is_err() {
                return Err(wrong(&format!(
                    "headers: the value of {header} can't be sent"
                )));
            }
        }
        let secret = match &settings.proof {
            Proof::None => None,
            Proof::Signature(secret) | Proof::Bearer(secret) => Some(secret),
        };
        if secret.is_some_and(|secret| secret.reveal().is_empty()) {
            return Err(wrong("the secret is empty"));
        }
        let template =
            Template::parse(&settings.body).map_err(|why| wrong(&format!("body: {why}")))?;
        Ok(Self {
            settings,
            template,
            outbound,
            ui,
            within: TIMEOUT,
        })
    }

    fn call(&self, key: &str, body: Vec<u8>, seconds: i64) -> Call {
        let settings = &self.settings;
        let what = format!("webhook_template {}", settings.name);
        let signature = match &settings.proof {
            Proof::Signature(secret) => Some(sign(secret, seconds, &body)),
            _ => None,
        };
        let url = settings.url.reveal();
        let mut call = match settings.method {
            Method::Post => Call::post(&what, url, body),
            Method::Put => Call::put(&what, url, body),
        };
        let names = |header: &str| header.eq_ignore_ascii_case(CONTENT_TYPE);
        if !settings.headers.keys().any(|header| names(header)) {
            call = call.header(CONTENT_TYPE, "application/json");
        }
        for (header, value) in &settings.headers {
            call = call.header(&header.to_ascii_lowercase(), value.reveal());
        }
        call = call.header(KEY_HEADER, key);
        if let Some(signature) = signature {
            call = call
                .header(TIMESTAMP_HEADER, seconds.to_string())
                .header(SIGNATURE_HEADER, signature);
        }
        if let Proof::Bearer(token) = &settings.proof {
            call = call.bearer(token);
        }
        call.within(self.within).at_most(MAX_ANSWER)
    }

    fn judge(&self, answer: &Answer) -> Result<(), Error> {
        let (status, accepted) = (answer.status.as_u16(), &self.settings.accepted);
        let has_it = match accepted.is_empty() {
            true => answer.status.is_success() || status == 409,
            false => accepted.contains(&status),
        };
        match has_it {
            true => Ok(()),
            false => Err(answer.refusal(
                &format!("webhook_template {}", self.settings.name),
                USUAL_WAIT,
            )),
        }
    }
}

#[async_trait]
impl Channel for TemplatedWebhook {
    fn name(&self) -> &str {
        &self.settings.name
    }

    async fn deliver(&self, telling: &Telling<'_>) -> Result<Delivered, Error> {
        let link = self.ui.as_ref().map(|ui| ui.incident(&telling.incident.id));
        let body = self.template.fill(&fields(telling, link.as_deref()));
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() as i64);
        let call = self.call(&telling.notice.key, body, seconds);
        let sent = match self.outbound.call(&call).await {
            Ok(answer) => self.judge(&answer),
            Err(error) => Err(error),
        };
        if sent.is_err() {
            let adapter = self.settings.name.clone();
            metrics::counter!("integration_call_failures_total", "adapter" => adapter).increment(1);
        }
        sent.map(|()| Delivered::default())
    }
}
