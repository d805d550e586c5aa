//! One issue for an incident: made once, found again after a lost answer, linked to the incident.

use std::time::Duration;

use model::render::one_line;
use model::{Incident, IncidentId, Severity, Timestamp};
use serde_json::{Map, Value, json};

use super::document::{Document, MAX_SUMMARY};
use super::jql::quoted;
use super::{IssueKey, Jira};
use crate::channel::Elsewhere;
use crate::error::Error;
use crate::plain::plain;

/// How long Jira's search may take to know of a new issue: it is behind what is written. Within this
/// time after a try, "not found" is no answer.
pub const SEARCH_SETTLES: Duration = Duration::from_secs(60);
/// Issues that a search for ours may bring: there is one, unless a person gave its label to more.
pub const MAX_FOUND: usize = 5;
/// Findings that are told in a description.
pub const MAX_FINDINGS_TOLD: usize = 10;
/// Characters of a URL that a link leads to.
const MAX_LINK: usize = 2_000;
/// Characters of another channel's name.
const MAX_CHANNEL: usize = 80;
/// Is on every issue of ours.
pub const LABEL: &str = "datapulse";

/// What an issue says. Made from the incident; the texts are others' and rendered when it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    pub incident: IncidentId,
    pub title: String,
    pub severity: Severity,
    pub severity_reason: String,
    pub service: String,
    pub rule: String,
    pub opened_at: Timestamp,
    /// What was found, first the finding that opened the incident.
    pub findings: Vec<String>,
    /// The report's conclusion, where there is one.
    pub conclusion: Option<String>,
}

/// An issue that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub issue: IssueKey,
    /// It was found: an earlier try had made it.
    pub found: bool,
}

impl Ticket {
    pub fn of(incident: &Incident) -> Self {
        let findings = incident.findings.iter().take(MAX_FINDINGS_TOLD);
        let conclusion = incident
            .report
            .as_ref()
            .map(|report| report.conclusion.clone());
        Self {
            incident: incident.id.clone(),
            title: incident.title.clone(),
            severity: incident.severity,
            severity_reason: incident.severity_reason.clone(),
            service: incident.service.clone(),
            rule: incident.rule.clone(),
            opened_at: incident.opened_at,
            findings: findings
                .map(|finding| finding.evidence.says.clone())
                .collect(),
            conclusion,
        }
    }

    /// `[CRITICAL] …`
    pub(super) fn summary(&self) -> String {
        let severity = self.severity.name().to_uppercase();
        plain(&format!("[{severity}] {}", self.title), MAX_SUMMARY)
    }

    pub(super) fn description(&self) -> Document {
        let mut text = Document::ending(format!("DataPulse {}", self.incident));
        text.fact("Service", &self.service);
        let severity = self.severity.name();
        text.fact("Severity", &format!("{severity}: {}", self.severity_reason));
        text.fact("Rule", &self.rule);
        text.fact("Opened", &self.opened_at.to_string());
        for finding in self.findings.iter().take(MAX_FINDINGS_TOLD) {
            text.fact("Finding", finding);
        }
        if let Some(conclusion) = &self.conclusion {
            text.fact("Conclusion", conclusion);
        }
        text
    }
}

/// The label by which an incident's issue is found: `datapulse-inc-202611-0a1b2c3d4e5f`.
pub fn label(incident: &IncidentId) -> String {
    format!("{LABEL}-{}", incident.as_str().to_lowercase())
}

impl Jira {
    /// The incident's issue: found, or else made. Who calls writes down that it tries *before* it
    /// does, and gives the time of the last try.
    ///
    /// # Errors
    /// `CannotTell`: the issue may have been made; call again with the time of this try.
    /// `Later`: a try was so lately that the search can't know of it, or Jira asks to come back.
    /// `Refused`: Jira says which fields are wrong or missing; nothing was made.
    pub async fn open(
        &self,
        ticket: &Ticket,
        last_try: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Opened, Error> {
        if let Some(issue) = self.find(&ticket.incident).await? {
            return Ok(Opened { issue, found: true });
        }
        if let Some(wait) = last_try.and_then(|at| unsettled(at, now)) {
            let says = not_yet(&ticket.incident, wait);
            return Err(Error::Later { says, after: wait });
        }
        let issue = self.make(ticket).await?;
        Ok(Opened {
            issue,
            found: false,
        })
    }

    /// Makes an issue, whether or not there is one.
    pub(super) async fn make(&self, ticket: &Ticket) -> Result<IssueKey, Error> {
        let what = "POST issue";
        let answer = self.write(what, "/issue", &self.body(ticket)).await?;
        let key = answer.get("key").and_then(Value::as_str);
        key.and_then(IssueKey::parse).ok_or_else(|| {
            Error::CannotTell(format!(
                "jira: {what}: Jira made an issue, and its answer has no key"
            ))
        })
    }

    /// The issue that we made for an incident, as far as Jira's search knows.
    ///
    /// # Errors
    /// Jira was only read: nothing acted.
    pub async fn find(&self, incident: &IncidentId) -> Result<Option<IssueKey>, Error> {
        // Who made an issue is Jira's own word: a label that somebody sets elsewhere finds nothing.
        let jql = format!(
            "project = {} AND labels = {} AND creator = currentUser() ORDER BY created ASC",
            quoted(&self.settings.project),
            quoted(&label(incident))
        );
        let place = if self.is_cloud() {
            "/search/jql"
        } else {
            "/search"
        };
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("jql", &jql)
            .append_pair("maxResults", &MAX_FOUND.to_string())
            .append_pair("fields", "created")
            .finish();
        let answer = self.read("GET search", &format!("{place}?{query}")).await?;
        let unreadable = |says: &str| Error::NotDone(format!("jira: GET search: {says}"));
        let issues = answer
            .get("issues")
            .and_then(Value::as_array)
            .ok_or_else(|| unreadable("the answer has no issues"))?;
        let Some(first) = issues.first() else {
            return Ok(None);
        };
        if issues.len() > 1 {
            tracing::warn!(%incident, count = issues.len(), "several issues have this incident's label: the oldest is taken");
        }
        let key = first.get("key").and_then(Value::as_str);
        let key = key
            .and_then(IssueKey::parse)
            .ok_or_else(|| unreadable("an issue has no key"))?;
        Ok(Some(key))
    }

    /// Shows the incident at its issue. The same incident again changes the link that is there.
    ///
    /// # Errors
    /// `CannotTell` may be tried again.
    pub async fn link(
        &self,
        issue: &IssueKey,
        incident: &IncidentId,
        url: &str,
    ) -> Result<(), Error> {
        let id = format!("datapulse:{incident}");
        self.link_as(issue, incident, url, (&id, incident.as_str()))
            .await
    }

    /// Shows where else the incident is, under a name of that place.
    ///
    /// # Errors
    /// As [`Jira::link`].
    pub async fn link_elsewhere(
        &self,
        issue: &IssueKey,
        incident: &IncidentId,
        elsewhere: &Elsewhere,
    ) -> Result<(), Error> {
        let channel = one_line(&elsewhere.channel, MAX_CHANNEL);
        let id = format!("datapulse:{incident}:{channel}");
        let title = format!("{incident} in {channel}");
        self.link_as(issue, incident, &elsewhere.url, (&id, &title))
            .await
    }

    /// Under a global id and with a text: the same id again changes the link that is there.
    async fn link_as(
        &self,
        issue: &IssueKey,
        incident: &IncidentId,
        url: &str,
        (id, title): (&str, &str),
    ) -> Result<(), Error> {
        let parsed = url::Url::parse(url).ok();
        let usable = parsed.filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.as_str().len() <= MAX_LINK
        });
        let url = usable.ok_or_else(|| {
            Error::Configuration(format!(
                "jira: the address of {incident} is no http URL: nothing was sent"
            ))
        })?;
        let body = json!({
            "globalId": id,
            "application": { "type": "io.datapulse", "name": "DataPulse" },
            "relationship": "incident",
            "object": { "url": url.as_str(), "title": title },
        });
        let path = format!("/issue/{issue}/remotelink");
        self.write("POST remotelink", &path, &body).await?;
        Ok(())
    }

    fn body(&self, ticket: &Ticket) -> Value {
        let settings = &self.settings;
        let description = ticket.description();
        let mut fields = Map::new();
        fields.insert("project".to_owned(), json!({ "key": settings.project }));
        fields.insert(
            "issuetype".to_owned(),
            json!({ "name": settings.issue_type }),
        );
        fields.insert("summary".to_owned(), ticket.summary().into());
        let text = if self.is_cloud() {
            description.adf()
        } else {
            description.wiki().into()
        };
        fields.insert("description".to_owned(), text);
        fields.insert("labels".to_owned(), json!([LABEL, label(&ticket.incident)]));
        if let Some(priority) = settings.priorities.get(&ticket.severity) {
            fields.insert("priority".to_owned(), json!({ "name": priority }));
        }
        for (name, value) in &settings.fields {
            fields.insert(name.clone(), value.clone());
        }
        json!({ "fields": fields })
    }
}

/// Why no issue is made for the next while.
pub(super) fn not_yet(incident: &IncidentId, wait: Duration) -> String {
    format!(
        "jira: the last try to make an issue for {incident} may have made it, and the search may not know of it yet: looking again in {} s; nothing was sent",
        wait.as_secs()
    )
}

/// How long the search may still be behind a try. A try in the future is one just now.
pub(super) fn unsettled(last_try: Timestamp, now: Timestamp) -> Option<Duration> {
    let since = u64::try_from(now.ms().saturating_sub(last_try.ms())).unwrap_or(0);
    SEARCH_SETTLES
        .checked_sub(Duration::from_millis(since))
        .filter(|wait| !wait.is_zero())
}

/// The line that ends what we wrote of a record, by which we know it again.
pub(super) fn marker(incident: &IncidentId, seq: u64) -> String {
    one_line(&format!("DataPulse {incident} record {seq}"), MAX_SUMMARY)
}

/// The record's number in a marker of this incident.
pub(super) fn marked(incident: &IncidentId, line: &str) -> Option<u64> {
    let rest = line.trim().strip_prefix("DataPulse ")?;
    let rest = rest.strip_prefix(incident.as_str())?;
    rest.strip_prefix(" record ")?.parse().ok()
}
