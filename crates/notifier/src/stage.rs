//! Sends what is due, one after the other, and records each that was accepted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use casework::{Casework, Error, Stage};
use integrations::{Channel, Telling};
use model::{Actor, Agent, Event, Incident, IncidentId, Routing};
use tokio::sync::{Mutex, watch};

use crate::dispatcher::{Dispatcher, Plan};
use crate::{outbox, reminders, together};

/// First and longest pause after a channel failed for an incident, in wall time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Pauses that are remembered at once.
const MAX_PAUSES: usize = 10_000;
/// Groups are looked at so often, in wall time.
const GROUPS_EVERY: Duration = Duration::from_secs(1);

/// The agent.
pub struct Notifier {
    casework: Casework,
    dispatcher: Dispatcher,
    channels: Vec<Arc<dyn Channel>>,
    pauses: Mutex<BTreeMap<(IncidentId, String), Pause>>,
}

#[derive(Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Notifier {
    /// Every channel hears everything.
    pub fn new(casework: Casework, channels: Vec<Arc<dyn Channel>>) -> Self {
        Self::routed(casework, channels, Routing::default())
    }

    /// As the routes say.
    pub fn routed(casework: Casework, channels: Vec<Arc<dyn Channel>>, routing: Routing) -> Self {
        let names = channels.iter().map(|channel| channel.name().to_owned());
        Self {
            dispatcher: Dispatcher::new(casework.clone(), routing, names.collect()),
            casework,
            channels,
            pauses: Mutex::new(BTreeMap::new()),
        }
    }

    /// Tells groups when their time comes, until told to stop.
    pub async fn keep_time(&self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = stop.changed() => if *stop.borrow() { return },
                () = tokio::time::sleep(GROUPS_EVERY) => {}
            }
            together::tell(&self.dispatcher, &self.channels).await;
        }
    }

    async fn tell(&self, plan: &Plan, channel: &dyn Channel) -> Result<(), Error> {
        let Plan {
            incident, records, ..
        } = plan;
        let key = (incident.id.clone(), channel.name().to_owned());
        if let Some(pause) = self.pauses.lock().await.get(&key)
            && Instant::now() < pause.until
        {
            return Ok(());
        }
        let mut failed = false;
        let mut places = outbox::places(records, channel.name());
        let due = plan.due_to(channel.name());
        let due = due.filter_map(|due| reminders::notice(incident, records, due));
        for (record, notice) in due {
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

    fn left_over(&self) -> Vec<IncidentId> {
        self.dispatcher.times_up()
    }

    async fn look(&self, incident: Incident) -> Result<(), Error> {
        let Some(plan) = self.dispatcher.plan(&incident).await? else {
            return Ok(());
        };
        for channel in &self.channels {
            self.tell(&plan, channel.as_ref()).await?;
        }
        Ok(())
    }
}
