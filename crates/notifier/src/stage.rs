//! Sends what is due, one after the other, records each that was accepted, and brings what lies at
//! the channels into line with the incident.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use casework::{Casework, Error, Stage};
use futures::future::join_all;
use integrations::channel::Elsewhere;
use integrations::{Channel, Notice, Standing, Telling};
use model::{Actor, Agent, Event, Incident, IncidentId, Record};

use crate::outbox;
use crate::pauses::{Pauses, Waiting};

/// Incidents, each for one channel, of which it is remembered how far they were looked at. Beyond,
/// the memory begins anew: they are read once more.
const MAX_REMEMBERED: usize = 10_000;
/// How often what waits is counted for metrics and health.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// How often it is said that no channel takes anything.
const SAY_EVERY: Duration = Duration::from_secs(300);

/// The agent.
pub struct Notifier {
    casework: Casework,
    channels: Vec<Arc<dyn Channel>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pauses: Pauses,
    /// By incident and channel.
    remembered: BTreeMap<(IncidentId, String), Remembered>,
    counted: Option<Instant>,
    said: Option<Instant>,
}

/// How far a channel came with an incident, in this process.
#[derive(Debug, Clone, Copy, Default)]
struct Remembered {
    /// Up to this record there was nothing left to do.
    settled: u64,
    /// The last change that was shown.
    shown: u64,
}

/// What is to be done for a channel.
struct Work<'a> {
    due: Vec<(&'a Record, Notice)>,
    /// The last change, where it isn't shown yet.
    change: Option<u64>,
}

impl Work<'_> {
    fn is_none(&self) -> bool {
        self.due.is_empty() && self.change.is_none()
    }

    /// What is left after so many were told.
    fn waiting(&self, told: usize) -> Waiting {
        Waiting {
            notices: self.due.len() - told,
            oldest: self.due.get(told).map(|(record, _)| record.at),
        }
    }
}

impl Notifier {
    pub fn new(casework: Casework, channels: Vec<Arc<dyn Channel>>) -> Self {
        let names = channels.iter().map(|channel| channel.name());
        casework.deliveries().start(names);
        Self {
            casework,
            channels,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a channel may have something to do for an incident now.
    fn is_ready(&self, seen: &Incident, channel: &str) -> bool {
        let state = self.state();
        let key = (seen.id.clone(), channel.to_owned());
        let settled = state.remembered.get(&key).map_or(0, |known| known.settled);
        settled < seen.last_seq && !state.pauses.holds(&seen.id, channel, Instant::now())
    }

    /// All of one channel's part in an incident.
    async fn serve(
        &self,
        incident: &Incident,
        records: &[Record],
        channel: &dyn Channel,
    ) -> Result<(), Error> {
        let name = channel.name();
        let work = self.work(incident, records, channel);
        if work.is_none() {
            let key = (incident.id.clone(), name.to_owned());
            self.settled(key, incident.last_seq);
            return Ok(());
        }
        {
            let mut state = self.state();
            if let Some(until) = state.pauses.rests(name, Instant::now()) {
                let waiting = work.waiting(0);
                state.pauses.waits(&incident.id, name, waiting, until);
                return Ok(());
            }
        }
        let told = self.tell(incident, records, &work, channel).await?;
        let failed = match told.failed {
            Some(error) => Some(error),
            None => self.show(incident, channel, work.change).await?,
        };
        match failed {
            Some(error) => self.failed(&incident.id, name, &error, work.waiting(told.count)),
            None => {
                self.state().pauses.caught_up(&incident.id, name);
                self.casework.deliveries().answered(name);
            }
        }
        Ok(())
    }

    async fn records(&self, id: &IncidentId) -> Result<Vec<Record>, Error> {
        let stored = self.casework.journal().records(id).await?;
        let records = stored.iter().map(|line| line.record());
        records
            .collect::<Result<_, _>>()
            .map_err(|error| Error::Damaged(error.to_string()))
    }

    fn work<'r>(
        &self,
        incident: &Incident,
        records: &'r [Record],
        channel: &dyn Channel,
    ) -> Work<'r> {
        let name = channel.name();
        let now = self.casework.clock().now();
        if outbox::is_an_old_story(incident, records, name, now) {
            return Work {
                due: Vec::new(),
                change: None,
            };
        }
        let mut due = outbox::due(incident, records, name);
        due.retain(|(record, _)| channel.has_words_for(incident, record));
        let change = outbox::last_change(records, name);
        let key = (incident.id.clone(), name.to_owned());
        let shown = match self.state().remembered.get(&key).map_or(0, |m| m.shown) {
            // Another process sent it, and what is sent shows all that was before.
            0 => outbox::last_sent(records, name),
            shown => shown,
        };
        Work {
            due,
            change: (change > shown).then_some(change),
        }
    }

    /// Tells what is due, in order. A receiver that says no to one notice may take the next ones;
    /// any other failure ends it.
    async fn tell(
        &self,
        incident: &Incident,
        records: &[Record],
        work: &Work<'_>,
        channel: &dyn Channel,
    ) -> Result<ToldSoFar, Error> {
        let mut so_far = ToldSoFar::default();
        let told = outbox::told(records, channel.name());
        let mut places: Vec<String> = told.into_iter().map(|one| one.place).collect();
        for (record, notice) in &work.due {
            let telling = Telling {
                notice,
                incident,
                record,
                places: &places,
            };
            let delivered = match channel.deliver(&telling).await {
                Ok(delivered) => delivered,
                Err(error) => {
                    tracing::warn!(channel = channel.name(), key = notice.key, %error, "not told yet");
                    let refused = matches!(error, integrations::Error::Refused(_));
                    so_far.failed = Some(error);
                    if refused {
                        continue;
                    }
                    break;
                }
            };
            so_far.count += 1;
            let now = self.casework.clock().now();
            self.casework.deliveries().delivered(channel.name(), now);
            metrics::counter!("notifier_delivered_total", "channel" => channel.name().to_owned())
                .increment(1);
            places.extend(delivered.place.clone());
            let sent = Event::NoticeSent {
                channel: channel.name().to_owned(),
                topic: notice.topic,
                about: record.seq,
                key: notice.key.clone(),
                place: delivered.place,
            };
            let actor = Actor::agent(Agent::Notifier);
            self.casework.record(&incident.id, actor, sent).await?;
        }
        Ok(so_far)
    }

    /// Brings what lies there into line, where it was told anything. Gives the channel's error.
    async fn show(
        &self,
        incident: &Incident,
        channel: &dyn Channel,
        change: Option<u64>,
    ) -> Result<Option<integrations::Error>, Error> {
        let Some(change) = change else {
            return Ok(None);
        };
        let name = channel.name();
        // With what was told just now.
        let records = self.records(&incident.id).await?;
        let told = outbox::told(&records, name);
        if !told.is_empty() {
            let elsewhere = self.elsewhere(&records, name);
            let standing = Standing {
                incident,
                records: &records,
                told: &told,
                elsewhere: &elsewhere,
            };
            if let Err(error) = channel.show(&standing).await {
                tracing::warn!(channel = name, incident = %incident.id, %error, "not shown yet");
                return Ok(Some(error));
            }
        }
        self.remember((incident.id.clone(), name.to_owned()), |known| {
            known.shown = known.shown.max(change);
        });
        Ok(None)
    }

    /// Where people see the incident at the other channels: where each put it first.
    fn elsewhere(&self, records: &[Record], name: &str) -> Vec<Elsewhere> {
        let others = self.channels.iter().filter(|other| other.name() != name);
        let found = others.filter_map(|other| {
            let told = outbox::told(records, other.name());
            Some(Elsewhere {
                channel: other.name().to_owned(),
                url: other.address(&told.first()?.place)?,
            })
        });
        found.collect()
    }

    fn failed(
        &self,
        id: &IncidentId,
        channel: &str,
        error: &integrations::Error,
        waiting: Waiting,
    ) {
        self.state()
            .pauses
            .failed(id, channel, error, waiting, Instant::now());
        let now = self.casework.clock().now();
        let text = error.to_string();
        let says = self.casework.redactor().redact(&text);
        self.casework.deliveries().failed(channel, now, &says);
    }

    fn settled(&self, key: (IncidentId, String), seq: u64) {
        self.state().pauses.caught_up(&key.0, &key.1);
        self.remember(key, |known| known.settled = seq);
    }

    fn remember(&self, key: (IncidentId, String), change: impl FnOnce(&mut Remembered)) {
        let mut state = self.state();
        if state.remembered.len() >= MAX_REMEMBERED && !state.remembered.contains_key(&key) {
            state.remembered.clear();
        }
        change(state.remembered.entry(key).or_default());
    }

    /// Counts what waits, for metrics and health, and says where nobody is told of anything.
    fn count(&self) {
        let now = self.casework.clock().now();
        let deliveries = self.casework.deliveries();
        let mut state = self.state();
        if state.counted.is_some_and(|at| at.elapsed() < COUNT_EVERY) {
            return;
        }
        state.counted = Some(Instant::now());
        let waiting = state.pauses.waiting();
        for channel in &self.channels {
            let name = channel.name();
            let behind = waiting.get(name);
            let notices = behind.map_or(0, |behind| behind.notices);
            let oldest = behind.and_then(|behind| behind.oldest);
            let age_ms = oldest.map_or(0, |at| now.ms().saturating_sub(at.ms()).max(0));
            deliveries.waiting(name, notices as u64, oldest);
            metrics::gauge!("notifier_undelivered", "channel" => name.to_owned())
                .set(notices as f64);
            metrics::gauge!("notifier_oldest_undelivered_seconds", "channel" => name.to_owned())
                .set(age_ms as f64 / 1_000.0);
        }
        if let Some(since) = deliveries.unheard_since(now)
            && state.said.is_none_or(|at| at.elapsed() >= SAY_EVERY)
        {
            state.said = Some(Instant::now());
            tracing::error!(%since, "no channel takes anything: nobody is told of incidents; `datapulse doctor` says what each channel answers");
        }
    }
}

/// Says what the metrics of this agent are.
pub fn describe_metrics() {
    metrics::describe_counter!(
        "notifier_delivered_total",
        "Notices that a channel took, by channel."
    );
    metrics::describe_gauge!(
        "notifier_undelivered",
        "Notices that a channel hasn't got, by channel."
    );
    metrics::describe_gauge!(
        "notifier_oldest_undelivered_seconds",
        "Age of the oldest notice that a channel hasn't got, by channel; 0 where there is none."
    );
}

/// How far telling came.
#[derive(Default)]
struct ToldSoFar {
    count: usize,
    failed: Option<integrations::Error>,
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
        self.count();
        self.state().pauses.left_over(Instant::now())
    }

    /// All channels at once: one that doesn't answer holds up none of the others.
    async fn look(&self, incident: Incident) -> Result<(), Error> {
        let mut ready = self.channels.iter().map(AsRef::as_ref).collect::<Vec<_>>();
        ready.retain(|channel| self.is_ready(&incident, channel.name()));
        if ready.is_empty() {
            self.count();
            return Ok(());
        }
        let records = self.records(&incident.id).await?;
        let incident =
            Incident::fold(&records).map_err(|error| Error::Damaged(error.to_string()))?;
        let served = ready
            .into_iter()
            .map(|channel| self.serve(&incident, &records, channel));
        let served = join_all(served).await;
        self.count();
        served.into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
