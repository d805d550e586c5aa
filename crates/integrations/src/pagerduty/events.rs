//! Events out: an incident triggers an alert, is acknowledged and resolved; a deployment is a
//! change event.
//!
//! The incident's id is the deduplication key: the same event sent twice is one alert. Send the
//! events of an incident in the order of its records: a trigger after a resolve opens another
//! alert.

use model::{Incident, IncidentId, Severity, Timestamp};
use serde_json::{Map, Value, json};

use super::{TIMEOUT, answer};
use crate::error::Error;
use crate::outbound::{Call, Outbound};
use crate::plain::plain;
use crate::secret::Secret;

/// Where events go, unless an operator says otherwise (the EU's accounts:
/// `https://events.eu.pagerduty.com/v2`).
pub const EVENTS: &str = "https://events.pagerduty.com/v2";
/// Bytes of an event: PagerDuty refuses more than 512 KB.
pub const MAX_EVENT: usize = 512_000;
/// Characters of a summary: PagerDuty takes no more than 1,024.
pub const MAX_SUMMARY: usize = 1_024;
/// Characters of a short field: source, component, class, and the names of details.
pub const MAX_FIELD: usize = 255;
/// Details of an alert: findings, the conclusion, the reason of the severity.
pub const MAX_DETAILS: usize = 30;
/// Characters of one detail.
pub const MAX_DETAIL: usize = 2_000;
/// Characters of a link.
const MAX_LINK: usize = 2_000;
/// Findings that an alert tells of.
const MAX_FINDINGS_TOLD: usize = 10;
const CLIENT: &str = "DataPulse";

/// What an alert says. The texts are others' and rendered when it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub incident: IncidentId,
    pub title: String,
    pub severity: Severity,
    pub service: String,
    pub rule: String,
    pub opened_at: Timestamp,
    /// Names of ours and what others wrote.
    pub details: Vec<(&'static str, String)>,
    /// Where a person sees the incident: an `http` or `https` URL of ours.
    pub url: Option<String>,
}

/// A change: what was deployed where.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub summary: String,
    /// The service that was changed.
    pub service: String,
    pub at: Timestamp,
    pub details: Vec<(&'static str, String)>,
    pub url: Option<String>,
}

/// Sends events to one integration of one service.
#[derive(Debug, Clone)]
pub struct Events {
    base: String,
    routing_key: Secret,
    outbound: Outbound,
    pub(super) within: std::time::Duration,
}

impl Alert {
    /// `url` leads to the incident in our own surface.
    pub fn of(incident: &Incident, url: Option<String>) -> Self {
        let mut details = vec![("severity reason", incident.severity_reason.clone())];
        for finding in incident.findings.iter().take(MAX_FINDINGS_TOLD) {
            details.push(("finding", finding.evidence.says.clone()));
        }
        if let Some(report) = &incident.report {
            details.push(("conclusion", report.conclusion.clone()));
        }
        Self {
            incident: incident.id.clone(),
            title: incident.title.clone(),
            severity: incident.severity,
            service: incident.service.clone(),
            rule: incident.rule.clone(),
            opened_at: incident.opened_at,
            details,
            url,
        }
    }
}

/// PagerDuty's four words for ours.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "info",
    }
}

impl Events {
    /// `base` is one that the server's own configuration names, which lists its host.
    ///
    /// # Errors
    /// `Configuration`: what is wrong with it.
    pub fn new(base: &str, routing_key: Secret) -> Result<Self, Error> {
        let outbound = Outbound::default()
            .listed_url(base)
            .map_err(|error| Error::Configuration(format!("pagerduty events url: {error}")))?;
        Self::through(base, routing_key, outbound)
    }

    /// Through a client that others share. It must allow `base`: see [`Outbound::listed_url`].
    ///
    /// # Errors
    /// `Configuration`: what is wrong with it.
    pub fn through(base: &str, routing_key: Secret, outbound: Outbound) -> Result<Self, Error> {
        outbound
            .check(base)
            .map_err(|error| Error::Configuration(format!("pagerduty events url: {error}")))?;
        if routing_key.reveal().is_empty() {
            let says = "pagerduty: the integration key is empty";
            return Err(Error::Configuration(says.to_owned()));
        }
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            routing_key,
            outbound,
            within: TIMEOUT,
        })
    }

    /// Opens the incident's alert, or adds to the one that is open.
    ///
    /// # Errors
    /// All but `Refused` and `Configuration` may be tried again, whether PagerDuty acted or not.
    pub async fn trigger(&self, alert: &Alert) -> Result<(), Error> {
        let mut body = self.about(&alert.incident, "trigger");
        body["client"] = CLIENT.into();
        body["payload"] = json!({
            "summary": named(&alert.title, MAX_SUMMARY),
            "source": named(&alert.service, MAX_FIELD),
            "severity": severity(alert.severity),
            "timestamp": alert.opened_at,
            "component": named(&alert.service, MAX_FIELD),
            "class": named(&alert.rule, MAX_FIELD),
            "custom_details": details(&alert.details, Some(&alert.incident)),
        });
        if let Some(url) = link(alert.url.as_deref())? {
            body["client_url"] = url.clone().into();
            body["links"] = json!([{ "href": url, "text": alert.incident.as_str() }]);
        }
        self.send("trigger", "/enqueue", &body).await
    }

    /// Somebody works on it: PagerDuty asks nobody else.
    ///
    /// # Errors
    /// As [`Events::trigger`].
    pub async fn acknowledge(&self, incident: &IncidentId) -> Result<(), Error> {
        let body = self.about(incident, "acknowledge");
        self.send("acknowledge", "/enqueue", &body).await
    }

    /// It is over.
    ///
    /// # Errors
    /// As [`Events::trigger`].
    pub async fn resolve(&self, incident: &IncidentId) -> Result<(), Error> {
        let body = self.about(incident, "resolve");
        self.send("resolve", "/enqueue", &body).await
    }

    /// Tells of a change. There is no key for it: after `CannotTell` it may be shown twice if it is
    /// sent again.
    ///
    /// # Errors
    /// Whether PagerDuty may have acted.
    pub async fn change(&self, change: &Change) -> Result<(), Error> {
        let mut body = json!({
            "routing_key": self.routing_key.reveal(),
            "payload": {
                "summary": named(&change.summary, MAX_SUMMARY),
                "source": named(&change.service, MAX_FIELD),
                "timestamp": change.at,
                "custom_details": details(&change.details, None),
            },
        });
        if let Some(url) = link(change.url.as_deref())? {
            body["links"] = json!([{ "href": url, "text": CLIENT }]);
        }
        self.send("change", "/change/enqueue", &body).await
    }

    fn about(&self, incident: &IncidentId, action: &str) -> Value {
        json!({
            "routing_key": self.routing_key.reveal(),
            "event_action": action,
            "dedup_key": incident.as_str(),
        })
    }

    async fn send(&self, what: &str, path: &str, body: &Value) -> Result<(), Error> {
        let sent = self
            .try_send(&format!("pagerduty: {what}"), path, body)
            .await;
        if sent.is_err() {
            metrics::counter!("integration_call_failures_total", "adapter" => "pagerduty")
                .increment(1);
        }
        sent
    }

    async fn try_send(&self, what: &str, path: &str, body: &Value) -> Result<(), Error> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Error::Configuration(format!("{what}: {error}")))?;
        if body.len() > MAX_EVENT {
            return Err(Error::Configuration(format!(
                "{what}: the event is over {MAX_EVENT} bytes: nothing was sent"
            )));
        }
        let call = Call::post(what, &format!("{}{path}", self.base), body)
            .header("content-type", "application/json")
            .within(self.within);
        let answer = self.outbound.call(&call).await?;
        answer::read(what, &answer, Error::CannotTell)?;
        if answer.status.as_u16() != 202 {
            return Err(Error::CannotTell(format!(
                "{what}: status {}: PagerDuty accepts with 202",
                answer.status.as_u16()
            )));
        }
        Ok(())
    }
}

/// Required texts may not be empty.
fn named(text: &str, max_chars: usize) -> String {
    let shown = plain(text, max_chars);
    if shown.is_empty() {
        "unnamed".to_owned()
    } else {
        shown
    }
}

/// The same name twice is numbered: `finding`, `finding 2`.
fn details(given: &[(&'static str, String)], incident: Option<&IncidentId>) -> Value {
    let mut all = Map::new();
    if let Some(incident) = incident {
        all.insert("incident".to_owned(), incident.as_str().into());
    }
    for (name, text) in given.iter().take(MAX_DETAILS) {
        let name = plain(name, MAX_FIELD);
        let taken = |number: usize| format!("{name} {number}");
        let free = (2..=MAX_DETAILS)
            .map(taken)
            .find(|numbered| !all.contains_key(numbered));
        let name = match free {
            Some(numbered) if all.contains_key(&name) => numbered,
            _ => name,
        };
        all.insert(name, plain(text, MAX_DETAIL).into());
    }
    Value::Object(all)
}

/// The only link: ours.
fn link(url: Option<&str>) -> Result<Option<String>, Error> {
    let Some(url) = url else {
        return Ok(None);
    };
    url::Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.as_str().len() <= MAX_LINK)
        .map(|url| Some(url.to_string()))
        .ok_or_else(|| {
            let says = "pagerduty: the address of the incident is no http URL: nothing was sent";
            Error::Configuration(says.to_owned())
        })
}
