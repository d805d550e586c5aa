//! Opening: one failure, one incident, whoever sees it first and on which side of a bucket's edge.

use model::{
    Actor, ClosedAs, Digest, Event, Finding, Incident, IncidentId, Record, Relation, Severity,
    Status,
};
use store::SummaryFilter;

use crate::case::Casework;
use crate::error::Error;

/// The latest incidents of a rule and subject that are looked at: at most a few are open.
const MAX_CANDIDATES: usize = 20;

/// What became of a finding.
#[derive(Debug, Clone)]
pub enum Opened {
    New(Box<Incident>),
    /// It was attached to an incident that is open.
    Known(Box<Incident>),
    /// The incident had been resolved a short while ago.
    Reopened(Box<Incident>),
}

impl Opened {
    pub fn incident(&self) -> &Incident {
        match self {
            Self::New(incident) | Self::Known(incident) | Self::Reopened(incident) => incident,
        }
    }
}

/// How bad a new incident is, and what it is called.
#[derive(Debug, Clone)]
pub struct Heading {
    pub title: String,
    pub severity: Severity,
    pub severity_reason: String,
}

impl Casework {
    /// Opens an incident for a finding, or attaches it to the one that has the same rule and
    /// subject: looked up first, whatever its bucket; then by the conflict on record 1; then
    /// once more, because another Sentinel may have opened one in the neighbouring bucket
    /// between our look and our writing. Of those that raced, the first (by time, then id)
    /// stays, and whoever sees the others closes them as its duplicates: the one that wrote last
    /// sees them all.
    pub async fn open(
        &self,
        actor: Actor,
        finding: Finding,
        heading: Heading,
    ) -> Result<Opened, Error> {
        if let Some(known) = self.same_trouble(&finding).await?.first() {
            return self.take_in(actor, &known.id, finding).await;
        }
        let id = IncidentId::derive(&finding.rule, finding.subject.key(), finding.tick);
        let record = Record {
            incident: id.clone(),
            seq: 1,
            at: self.clock().now().max(finding.tick),
            actor: actor.clone(),
            previous: Digest::ZERO,
            event: Event::Opened {
                title: heading.title,
                severity: heading.severity,
                severity_reason: heading.severity_reason,
                finding: Box::new(finding.clone()),
                split_from: None,
                others: Vec::new(),
            },
        };
        let opened = match self.create(record).await {
            Err(Error::Store(store::Error::Conflict(_))) => {
                return self.take_in(actor, &id, finding).await;
            }
            done => done?,
        };
        let mut raced = self.same_trouble(&finding).await?;
        if raced.len() < 2 {
            return Ok(Opened::New(Box::new(opened)));
        }
        let first = raced.remove(0);
        for later in raced {
            self.close_double(&actor, &later.id, &first.id).await?;
            // Read after it was closed: from here on nothing is attached to it any more.
            for finding in self.incident(&later.id).await?.findings {
                self.take_in(actor.clone(), &first.id, finding).await?;
            }
        }
        let stays = self.incident(&first.id).await?;
        Ok(if stays.id == id {
            Opened::New(Box::new(stays))
        } else {
            Opened::Known(Box::new(stays))
        })
    }

    /// Closes one of two that raced; both that raced may try.
    async fn close_double(
        &self,
        actor: &Actor,
        id: &IncidentId,
        of: &IncidentId,
    ) -> Result<(), Error> {
        let closed = Event::Closed {
            r#as: ClosedAs::Duplicate { of: of.clone() },
            reason: format!("opened at the same moment as {of}"),
        };
        self.record_when(id, actor.clone(), |incident| {
            (!incident.status.is_over()).then(|| closed.clone())
        })
        .await?;
        Ok(())
    }

    /// Incidents of the same rule and subject that take this finding in: the first opened first.
    async fn same_trouble(&self, finding: &Finding) -> Result<Vec<Incident>, Error> {
        let filter = SummaryFilter {
            rule: Some(finding.rule.clone()),
            service: Some(finding.subject.service.clone()),
            sort: Some("-opened_at".to_owned()),
            limit: MAX_CANDIDATES,
            ..SummaryFilter::default()
        };
        let mut candidates: Vec<Incident> = Vec::new();
        for summary in self.journal().summaries(&filter).await?.items {
            let takes_in_perhaps = !matches!(summary.status, Status::Closed | Status::Voided)
                && summary.rule == finding.rule
                && summary.service == finding.subject.service;
            if takes_in_perhaps && let Some(head) = self.head(&summary.incident_id).await? {
                candidates.push(head.incident);
            }
        }
        candidates.retain(|incident| incident.takes_in(finding.tick));
        candidates.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
        Ok(candidates)
    }

    /// Attaches, or reopens where the incident was resolved. A finding that the incident holds
    /// already (same rule, subject and tick) is not attached twice. Where the incident was closed
    /// meanwhile as another's duplicate, or was merged into another, the other takes it in.
    async fn take_in(
        &self,
        actor: Actor,
        id: &IncidentId,
        finding: Finding,
    ) -> Result<Opened, Error> {
        let mut id = id.clone();
        for _ in 0..MAX_CANDIDATES {
            let written = self
                .record_when(&id, actor.clone(), |incident| {
                    take_in_event(incident, &finding)
                })
                .await?;
            let incident = match written {
                Some(incident) => incident,
                None => self.incident(&id).await?,
            };
            if let Some(other) = incident.goes_on_in() {
                id = other.clone();
                continue;
            }
            let reopened = incident.status == Status::Open && incident.reopened > 0;
            return Ok(if reopened {
                Opened::Reopened(Box::new(incident))
            } else {
                Opened::Known(Box::new(incident))
            });
        }
        Err(Error::Busy(format!(
            "{id}: its story goes on elsewhere, and there elsewhere, and so on"
        )))
    }
}

fn take_in_event(incident: &Incident, finding: &Finding) -> Option<Event> {
    let ended = matches!(incident.status, Status::Closed | Status::Voided);
    if ended || incident.holds(finding) {
        return None;
    }
    if incident.status == Status::Resolved {
        return Some(Event::Reopened {
            reason: "the same trouble came back".to_owned(),
            finding: Some(Box::new(finding.clone())),
        });
    }
    Some(Event::FindingAttached {
        finding: Box::new(finding.clone()),
        relation: Relation::Same {},
        reason: format!(
            "the same rule ({}) on the same service at a later tick",
            finding.rule
        ),
    })
}
