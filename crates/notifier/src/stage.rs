//! Sends what is due, one after the other, and records each that was accepted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use casework::{Casework, Error, Stage};
use integrations::{Channel, Telling};
use model::{Actor, Agent, Event, Incident, IncidentId, Record};
use tokio::sync::Mutex;

use crate::outbox;

/// First and longest pause after a channel failed for an incident, in wall time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Pauses that are remembered at once.
const MAX_PAUSES: usize = 10_000;

/// The agent.
pub struct Notifier {
    casework: Casework,
    channels: Vec<Arc<dyn Channel>>,
    pauses: Mutex<BTreeMap<(IncidentId, String), Pause>>,
}

#[derive(Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Notifier {
    pub fn new(casework: Casework, channels: Vec<Arc<dyn Channel>>) -> Self {
        Self {
            casework,
            channels,
            pauses: Mutex::new(BTreeMap::new()),
        }
    }

    async fn tell(&self, incident: &Incident, channel: &dyn Channel) -> Result<(), Error> {
        let key = (incident.id.clone(), channel.name().to_owned());
        if let Some(pause) = self.pauses.lock().await.get(&key)
            && Instant::now() < pause.until
        {
            return Ok(());
        }
        let stored = self.casework.journal().records(&incident.id).await?;
        let records: Vec<Record> = stored
            .iter()
            .map(|line| line.record())
            .collect::<Result<_, _>>()
            .map_err(|error| Error::Damaged(error.to_string()))?;
        let mut failed = false;
        let mut places = outbox::places(&records, channel.name());
        for (record, notice) in outbox::due(incident, &records, channel.name()) {
            let telling = Telling {
                notice: &notice,
                incident,
                record,
                places: &places,
            };
            let delivered = match channel.deliver(&telling).await {
                Ok(delivered) => delivered,
                Err(error) => {
                    tracing::warn!(channel = channel.name(), key = notice.key, %error, "not told yet");
                    failed = true;
                    // A receiver that says no to one notice may take the next ones.
                    if matches!(error, integrations::Error::Refused(_)) {
                        continue;
                    }
                    break;
                }
            };
            places.extend(delivered.place.clone());
            let sent = Event::NoticeSent {
                channel: channel.name().to_owned(),
                topic: notice.topic,
                about: record.seq,
                key: notice.key,
                place: delivered.place,
            };
            let actor = Actor::agent(Agent::Notifier);
            self.casework.record(&incident.id, actor, sent).await?;
        }
        if failed {
            self.pause(key).await;
        } else {
            self.pauses.lock().await.remove(&key);
        }
        Ok(())
    }

    /// Each failure doubles the pause, up to the longest.
    async fn pause(&self, key: (IncidentId, String)) {
        let mut pauses = self.pauses.lock().await;
        if pauses.len() >= MAX_PAUSES {
            pauses.clear();
        }
        let before = pauses.get(&key).map(|pause| pause.length * 2);
        let length = before.unwrap_or(FIRST_PAUSE).min(LONGEST_PAUSE);
        let until = Instant::now() + length;
        pauses.insert(key, Pause { until, length });
    }
}

#[async_trait]
impl Stage for Notifier {
    fn name(&self) -> &'static str {
        Agent::Notifier.name()
    }

    fn follows_up(&self) -> bool {
        true
    }

    async fn look(&self, incident: Incident) -> Result<(), Error> {
        for channel in &self.channels {
            self.tell(&incident, channel.as_ref()).await?;
        }
        Ok(())
    }
}
