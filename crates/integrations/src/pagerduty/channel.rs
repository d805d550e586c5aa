//! PagerDuty as a channel: an incident pages, is acknowledged and is resolved. Its key is the
//! incident's id, so that whatever is sent twice is one alert.

use async_trait::async_trait;
use model::{Event, Incident, Record};

use super::events::{Alert, Events};
use crate::channel::{Channel, Delivered, Telling};
use crate::error::Error;
use crate::ui::Ui;

/// One service of PagerDuty, by its integration key.
#[derive(Debug)]
pub struct PagerDutyChannel {
    name: String,
    events: Events,
    ui: Option<Ui>,
}

/// PagerDuty's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Trigger,
    Acknowledge,
    Resolve,
}

impl PagerDutyChannel {
    /// `name` is its name in records and metrics; `ui` is where the alert's link leads.
    pub fn new(name: &str, events: Events, ui: Option<Ui>) -> Self {
        Self {
            name: name.to_owned(),
            events,
            ui,
        }
    }
}

/// What PagerDuty is told by a record; `None`: it has no word for it.
fn word(incident: &Incident, record: &Record) -> Option<Word> {
    match &record.event {
        // Nobody is woken for what is over by now, or by what a later opening says again.
        Event::Opened { .. } if incident.reopened > 0 => None,
        Event::Opened { .. } | Event::Reopened { .. } => {
            (!incident.status.is_over()).then_some(Word::Trigger)
        }
        Event::Acknowledged { .. } => Some(Word::Acknowledge),
        Event::Resolved { .. }
        | Event::Closed { .. }
        | Event::Voided { .. }
        | Event::MergedInto { .. } => Some(Word::Resolve),
        _ => None,
    }
}

#[async_trait]
impl Channel for PagerDutyChannel {
    fn name(&self) -> &str {
        &self.name
    }

    fn has_words_for(&self, incident: &Incident, record: &Record) -> bool {
        word(incident, record).is_some()
    }

    async fn deliver(&self, telling: &Telling<'_>) -> Result<Delivered, Error> {
        let incident = telling.incident;
        match word(incident, telling.record) {
            None => return Ok(Delivered::default()),
            Some(Word::Trigger) => {
                let url = self.ui.as_ref().map(|ui| ui.incident(&incident.id));
                self.events.trigger(&Alert::of(incident, url)).await?;
            }
            Some(Word::Acknowledge) => self.events.acknowledge(&incident.id).await?,
            Some(Word::Resolve) => self.events.resolve(&incident.id).await?,
        }
        Ok(Delivered {
            place: Some(incident.id.to_string()),
        })
    }
}
