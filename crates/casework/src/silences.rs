//! Silences: made and ended by people in the system chain, and what one hid.

use std::collections::BTreeMap;

use model::silence::Wanted;
use model::{
    Act, Actor, Event, HeldBy, IncidentId, Record, Severity, Silence, Status, Summary, Timestamp,
    Topic,
};
use serde::Serialize;
use store::SummaryFilter;
use store::journal::MAX_PAGE;

use crate::case::Casework;
use crate::error::Error;

/// Incidents that are read for what a silence hid; beyond it the answer says that it isn't all.
pub const MAX_READ: usize = 1_000;
/// Notices that the answer holds.
pub const MAX_HIDDEN: usize = 1_000;

/// A notice that a silence held back.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct HiddenNotice {
    pub incident_id: IncidentId,
    pub title: String,
    #[serde(rename = "service.name")]
    pub service: String,
    pub severity: Severity,
    pub status: Status,
    pub channel: String,
    pub topic: Topic,
    /// The record that it is about.
    pub about: u64,
    pub held_at: Timestamp,
    /// When it was told all the same, afterwards.
    pub told_at: Option<Timestamp>,
}

/// What a silence hid, the latest incident first.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Hidden {
    pub items: Vec<HiddenNotice>,
    /// False: there was more than is read for one answer.
    pub complete: bool,
}

impl Casework {
    pub async fn add_silence(&self, actor: Actor, wanted: Wanted) -> Result<Silence, Error> {
        let wanted = Box::new(wanted);
        let system = self.record_act(actor, Act::SilenceAdded { wanted }).await?;
        let added = system.silences.iter().next_back().cloned();
        added.ok_or_else(|| Error::Internal("a silence was recorded and isn't there".to_owned()))
    }

    /// [`Error::Illegal`] where there is none, or it is over.
    pub async fn end_silence(
        &self,
        actor: Actor,
        id: &str,
        reason: &str,
    ) -> Result<Silence, Error> {
        let act = Act::SilenceEnded {
            silence: id.to_owned(),
            reason: reason.to_owned(),
        };
        let system = self.record_act(actor, act).await?;
        let ended = system.silences.get(id).cloned();
        ended.ok_or_else(|| Error::Internal(format!("the silence {id} was ended and isn't there")))
    }

    /// The notices that the journal says it held. Lists only say which incidents were touched since
    /// it began.
    pub async fn hidden_by(&self, silence: &Silence) -> Result<Hidden, Error> {
        let mut filter = SummaryFilter {
            service: silence.service().map(str::to_owned),
            sort: Some("-updated_at".to_owned()),
            limit: MAX_PAGE,
            ..SummaryFilter::default()
        };
        let mut hidden = Hidden {
            items: Vec::new(),
            complete: true,
        };
        loop {
            let page = self.journal().summaries(&filter).await?;
            let (got, total) = (page.items.len(), page.total);
            for (index, summary) in page.items.into_iter().enumerate() {
                if summary.updated_at < silence.wanted.from {
                    return Ok(hidden);
                }
                if filter.offset + index >= MAX_READ || hidden.items.len() >= MAX_HIDDEN {
                    hidden.complete = false;
                    return Ok(hidden);
                }
                let stored = self.journal().records(&summary.incident_id).await?;
                let records: Vec<Record> = stored
                    .iter()
                    .map(|line| line.record())
                    .collect::<Result<_, _>>()
                    .map_err(|error| Error::Damaged(error.to_string()))?;
                hidden.items.extend(held(&summary, &records, &silence.id));
            }
            filter.offset += got;
            if got == 0 || filter.offset as u64 >= total {
                return Ok(hidden);
            }
        }
    }
}

/// What one incident's records say that a silence held.
fn held(summary: &Summary, records: &[Record], silence: &str) -> Vec<HiddenNotice> {
    let mut found: BTreeMap<(u64, String), HiddenNotice> = BTreeMap::new();
    for record in records {
        match &record.event {
            Event::NoticeHeld {
                channel,
                topic,
                about,
                by: HeldBy::Silence { silence: by },
                ..
            } if by == silence => {
                let notice = HiddenNotice {
                    incident_id: summary.incident_id.clone(),
                    title: summary.title.clone(),
                    service: summary.service.clone(),
                    severity: summary.severity,
                    status: summary.status,
                    channel: channel.clone(),
                    topic: *topic,
                    about: *about,
                    held_at: record.at,
                    told_at: None,
                };
                found.entry((*about, channel.clone())).or_insert(notice);
            }
            Event::NoticeSent { channel, about, .. } => {
                if let Some(notice) = found.get_mut(&(*about, channel.clone())) {
                    notice.told_at = notice.told_at.or(Some(record.at));
                }
            }
            _ => {}
        }
    }
    found.into_values().collect()
}
