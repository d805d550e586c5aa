//! Jira as a channel: one issue for an incident, a comment for each notice, and the issue's status
//! as the incident's state is.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use model::{Event, Incident, IncidentId, Timestamp};

use super::comments::Remark;
use super::issue::{Ticket, not_yet, unsettled};
use super::transitions::Moved;
use super::{IssueKey, Jira};
use crate::channel::{Channel, Delivered, Standing, Telling};
use crate::error::Error;
use crate::shown::Shown;
use crate::ui::Ui;

/// Tries to make an issue that are remembered: those of the last [`super::issue::SEARCH_SETTLES`].
const MAX_TRIES: usize = 10_000;

/// One project of a Jira.
#[derive(Debug)]
pub struct JiraChannel {
    name: String,
    jira: Jira,
    ui: Option<Ui>,
    /// When this process began: another one may have tried until then.
    since: Timestamp,
    tries: Mutex<BTreeMap<IncidentId, Timestamp>>,
    shown: Shown,
}

impl JiraChannel {
    /// `name` is its name in records and metrics; `ui` is where the issue's link leads; `since` is
    /// when this process began: what another process tried before it died is only known to Jira,
    /// whose search is behind, so that nothing is made before [`super::issue::SEARCH_SETTLES`] from then.
    pub fn new(name: &str, jira: Jira, ui: Option<Ui>, since: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            jira,
            ui,
            since,
            tries: Mutex::default(),
            shown: Shown::default(),
        }
    }

    /// The incident's issue: found, or made.
    async fn open(&self, incident: &Incident) -> Result<IssueKey, Error> {
        if let Some(issue) = self.jira.find(&incident.id).await? {
            return Ok(issue);
        }
        let now = now();
        if let Some(wait) = unsettled(self.last_try(&incident.id), now) {
            return Err(Error::NotDone(not_yet(&incident.id, wait)));
        }
        self.tries(&incident.id, now);
        self.jira.make(&Ticket::of(incident)).await
    }

    fn last_try(&self, incident: &IncidentId) -> Timestamp {
        let tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.get(incident).copied().unwrap_or(self.since)
    }

    /// Written down before it is done.
    fn tries(&self, incident: &IncidentId, now: Timestamp) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.retain(|_, at| unsettled(*at, now).is_some());
        if tries.len() < MAX_TRIES {
            tries.insert(incident.clone(), now);
        }
    }

    /// Moves the issue to where the incident is, once for each state: who moves it elsewhere by
    /// hand is let be. Gives what people should know where it can't be moved; whoever has told them
    /// says so with [`Self::followed`].
    async fn follow(&self, issue: &IssueKey, incident: &Incident) -> Result<Option<String>, Error> {
        if self.shown.is(&status_of(issue), &incident.status) {
            return Ok(None);
        }
        match self.jira.move_to(issue, incident.status).await {
            Ok(Moved::NoWay(says)) | Err(Error::Refused(says)) => Ok(Some(says)),
            Ok(Moved::Moved | Moved::WasThere | Moved::NotMapped) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn followed(&self, issue: &IssueKey, incident: &Incident) {
        self.shown.now(&status_of(issue), &incident.status);
    }

    /// The links to the incident, each once. One that Jira refuses stays away.
    async fn link(&self, issue: &IssueKey, standing: &Standing<'_>) -> Result<(), Error> {
        let incident = &standing.incident.id;
        if let Some(ui) = &self.ui {
            let url = ui.incident(incident);
            let place = format!("{issue} link");
            if !self.shown.is(&place, &url) {
                self.unless_refused(self.jira.link(issue, incident, &url).await)?;
                self.shown.now(&place, &url);
            }
        }
        for elsewhere in standing.elsewhere {
            let place = format!("{issue} link {}", elsewhere.channel);
            if !self.shown.is(&place, &elsewhere.url) {
                let linked = self.jira.link_elsewhere(issue, incident, elsewhere).await;
                self.unless_refused(linked)?;
                self.shown.now(&place, &elsewhere.url);
            }
        }
        Ok(())
    }

    fn unless_refused(&self, linked: Result<(), Error>) -> Result<(), Error> {
        match linked {
            Err(Error::Refused(says)) => {
                tracing::warn!(channel = self.name, says, "the issue has no link");
                Ok(())
            }
            other => other,
        }
    }
}

#[async_trait]
impl Channel for JiraChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, telling: &Telling<'_>) -> Result<Delivered, Error> {
        let known = last_issue(telling.places.iter().map(String::as_str));
        let opens = matches!(telling.record.event, Event::Opened { .. });
        let issue = match known {
            Some(issue) => issue,
            None => self.open(telling.incident).await?,
        };
        let stays = self.follow(&issue, telling.incident).await?;
        // The issue itself says what opened the incident.
        if !opens || stays.is_some() {
            let remark = Remark::of(telling.notice).ok_or_else(|| {
                let key = &telling.notice.key;
                Error::Configuration(format!("jira: {key} is no key of a notice"))
            })?;
            let remark = match stays {
                Some(says) => remark.and(&says),
                None => remark,
            };
            let remarked = self.jira.comment(&issue, &[remark]).await?;
            if let Some(error) = remarked.stopped {
                return Err(error);
            }
        }
        self.followed(&issue, telling.incident);
        Ok(Delivered {
            place: Some(issue.to_string()),
        })
    }

    async fn show(&self, standing: &Standing<'_>) -> Result<(), Error> {
        let places = standing.told.iter().map(|told| told.place.as_str());
        let Some(issue) = last_issue(places) else {
            return Ok(());
        };
        if let Some(says) = self.follow(&issue, standing.incident).await? {
            tracing::warn!(channel = self.name, says, "the issue can't be moved");
        }
        self.followed(&issue, standing.incident);
        self.link(&issue, standing).await
    }

    fn address(&self, place: &str) -> Option<String> {
        IssueKey::parse(place).map(|issue| self.jira.browse(&issue))
    }
}

fn status_of(issue: &IssueKey) -> String {
    format!("{issue} status")
}

fn last_issue<'p>(places: impl DoubleEndedIterator<Item = &'p str>) -> Option<IssueKey> {
    places.rev().find_map(IssueKey::parse)
}

/// The wall's time: it is held against other systems'.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }))
}
