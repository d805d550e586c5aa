//! Secrets leave before a record is written, a target's state is sealed, or an answer is read.

use model::{Event, IncidentId, Runbook, TargetState, Timestamp};
use serde_json::Value;

use crate::case::Casework;
use crate::error::Error;

impl Casework {
    /// A target as its runner describes it, without secrets: the same on every look, so that drift
    /// shows in all the rest.
    pub fn target_state(&self, target: &str, mut state: Value, at: Timestamp) -> TargetState {
        self.redactor().redact_value(&mut state);
        TargetState::new(target.to_owned(), state, at)
    }

    /// The runbooks as they may be shown and searched.
    pub async fn runbooks(&self) -> Result<Vec<Runbook>, Error> {
        let mut books = Vec::new();
        for book in self.knowledge().runbooks().await? {
            let unread =
                |error: serde_json::Error| Error::Internal(format!("runbook {}: {error}", book.id));
            let mut value = serde_json::to_value(&book).map_err(unread)?;
            books.push(match self.redactor().redact_value(&mut value) {
                true => serde_json::from_value(value).map_err(unread)?,
                false => book,
            });
        }
        Ok(books)
    }

    /// What a record may say. Refused where an action itself would change, since what is sealed is
    /// what runs.
    pub(crate) fn without_secrets(&self, id: &IncidentId, event: Event) -> Result<Event, Error> {
        let internal = |error: serde_json::Error| {
            Error::Internal(format!("a record can't be read without secrets: {error}"))
        };
        let mut value = serde_json::to_value(&event).map_err(internal)?;
        if !self.redactor().keeping_addresses().redact_value(&mut value) {
            return Ok(event);
        }
        let clean: Event = serde_json::from_value(value).map_err(internal)?;
        let holds = match (&event, &clean) {
            (Event::ActionRequested { action, .. }, Event::ActionRequested { action: now, .. }) => {
                action == now
            }
            (Event::Proposed { seal, .. }, Event::Proposed { proposal, .. }) => {
                proposal.seal(id) == *seal
            }
            _ => event.name() == clean.name(),
        };
        if !holds {
            return Err(Error::Secret(
                "the action's parameters hold a secret, which no record may: name a secret that the \
                 target's own store keeps instead of its value"
                    .to_owned(),
            ));
        }
        metrics::counter!("records_redacted_total", "event" => clean.name()).increment(1);
        Ok(clean)
    }
}
