//! Which incident another system's thing belongs to: an issue of Jira by the place that the journal
//! keeps of it, an incident of PagerDuty by the note that its callback left.
//!
//! What somebody wrote on a thing over there (a label, a title) is never asked: it would let them
//! point one incident's ticket at another.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use casework::Casework;
use model::{Event, IncidentId, Record, Status};
use store::SummaryFilter;

use crate::problem::Problem;

/// Links that are remembered; at more, all are looked up anew.
pub const MAX_LINKS: usize = 10_000;
/// Incidents that are looked through for a link that isn't remembered: the latest changed.
pub const MAX_LOOKED_THROUGH: usize = 200;

/// Links that were found, of one system.
#[derive(Debug, Default)]
pub struct Links {
    known: Mutex<HashMap<String, IncidentId>>,
}

impl Links {
    pub fn remember(&self, place: &str, incident: &IncidentId) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_LINKS {
            known.clear();
        }
        known.insert(place.to_owned(), incident.clone());
    }

    fn known(&self, place: &str) -> Option<IncidentId> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(place).cloned()
    }

    /// The incident of a place, by the record that `ties` it.
    pub async fn find(
        &self,
        casework: &Casework,
        place: &str,
        ties: impl Fn(&Record) -> bool + Sync,
    ) -> Result<Option<IncidentId>, Problem> {
        if let Some(known) = self.known(place) {
            return Ok(Some(known));
        }
        let latest = SummaryFilter {
            statuses: Status::LISTED.to_vec(),
            sort: Some("-updated_at".to_owned()),
            limit: MAX_LOOKED_THROUGH,
            ..SummaryFilter::default()
        };
        for summary in casework.journal().summaries(&latest).await?.items {
            let id = summary.incident_id;
            let stored = casework.journal().records(&id).await?;
            let records = stored.iter().filter_map(|stored| stored.record().ok());
            if records.into_iter().any(|record| ties(&record)) {
                self.remember(place, &id);
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

/// Whether a record says that a notice of this channel lies at this place.
pub fn lies_at(record: &Record, of_channel: &str, at: &str) -> bool {
    matches!(&record.event, Event::NoticeSent { channel, place: Some(place), .. }
        if channel == of_channel && place == at)
}
