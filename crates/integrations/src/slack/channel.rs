//! Slack as a channel: one alert for an incident, updated in place, and its thread.
//!
//! A notice is told in the thread of the incident's alert; the first one posts the alert itself.
//! Before anything is posted the alert is brought up to date, so that whoever opens the thread
//! reads the incident as it is. All of it may be done twice: messages are found by their keys,
//! updates are the whole state.

mod place;
mod webhook;

use async_trait::async_trait;
use model::Event;

use self::place::{Place, Root};
use super::blocks::{Composer, Message};
use super::client::{Client, Delivery, refusal_code};
use crate::channel::{Channel, Delivered, Standing, Telling};
use crate::error::Error;
use crate::shown::Shown;

pub use webhook::WebhookChannel;

/// By which a thread shows that its alert is gone.
const NO_MESSAGE: [&str; 2] = ["message_not_found", "thread_not_found"];
/// By which a channel shows that nothing can be posted there any more.
const NO_CHANNEL: [&str; 3] = ["channel_not_found", "not_in_channel", "is_archived"];

/// One channel of a workspace, through a bot's token.
#[derive(Debug)]
pub struct SlackChannel {
    name: String,
    client: Client,
    /// The channel's id: new alerts are posted there.
    channel: String,
    composer: Composer,
    shown: Shown,
}

impl SlackChannel {
    /// `name` is its name in records and metrics, `channel` the id of the channel in Slack.
    ///
    /// # Errors
    /// `Configuration`: `channel` is no id.
    pub fn new(
        name: &str,
        client: Client,
        channel: &str,
        composer: Composer,
    ) -> Result<Self, Error> {
        if !place::is_channel(channel) {
            return Err(Error::Configuration(format!(
                "slack channel: expected an id such as C0123456789 (names change), got {channel:?}"
            )));
        }
        Ok(Self {
            name: name.to_owned(),
            client,
            channel: channel.to_owned(),
            composer,
            shown: Shown::default(),
        })
    }

    /// Posts the alert, or finds it by its key.
    async fn post_alert(&self, telling: &Telling<'_>, key: &str) -> Result<Root, Error> {
        let message = self.composer.alert(telling.incident);
        let posted = self
            .client
            .post_once(&Delivery {
                channel: &self.channel,
                thread: None,
                key,
                since_s: since_s(telling),
                message: &message,
            })
            .await?;
        let root = Root {
            channel: posted.channel,
            ts: posted.ts,
        };
        // What was there may say what was true then.
        if !posted.was_there {
            self.shown.now(&root.to_string(), &content(&message));
        }
        Ok(root)
    }

    /// The notice in an alert's thread, the alert brought up to date before it.
    async fn tell_at(&self, telling: &Telling<'_>, root: &Root) -> Result<Delivered, Error> {
        self.bring_up(root, &root.ts, &self.composer.alert(telling.incident))
            .await?;
        if matches!(telling.record.event, Event::Opened { .. }) {
            return Ok(delivered(Place::of(root)));
        }
        let message = self
            .composer
            .told(telling.incident, telling.record)
            .unwrap_or_else(|| self.composer.says(&telling.notice.text));
        let posted = self
            .client
            .post_once(&Delivery {
                channel: &root.channel,
                thread: Some(&root.ts),
                key: &telling.notice.key,
                since_s: since_s(telling),
                message: &message,
            })
            .await?;
        let place = Place::reply(root, &posted.ts);
        if !posted.was_there {
            self.shown.now(&place.message(), &content(&message));
        }
        Ok(delivered(place))
    }

    /// Makes a message say this, unless it says it already. A message that Slack lets nobody
    /// change any more stays as it is.
    ///
    /// # Errors
    /// That the message or its channel is gone, and what may be tried again.
    async fn bring_up(&self, root: &Root, ts: &str, message: &Message) -> Result<(), Error> {
        let place = format!("{}:{ts}", root.channel);
        if self.shown.is(&place, &content(message)) {
            return Ok(());
        }
        match self.client.update(&root.channel, ts, message).await {
            Err(Error::Refused(says)) if !is_gone(&says) => {
                tracing::warn!(
                    channel = self.name,
                    place,
                    says,
                    "a message stays as it was"
                );
            }
            other => other?,
        }
        self.shown.now(&place, &content(message));
        Ok(())
    }

    /// Whether the alert is gone in a way that a new one helps: somebody deleted it, or it lies in
    /// a channel that the configuration names no more.
    fn is_lost(&self, root: &Root, error: &Error) -> bool {
        let Error::Refused(says) = error else {
            return false;
        };
        has_code(says, &NO_MESSAGE) || (root.channel != self.channel && has_code(says, &NO_CHANNEL))
    }

    /// [`Self::bring_up`] where nothing is to be told: what is gone needs nobody's eye, and isn't
    /// asked for again before it would say something else.
    async fn bring_up_if_there(
        &self,
        root: &Root,
        ts: &str,
        message: &Message,
    ) -> Result<(), Error> {
        match self.bring_up(root, ts, message).await {
            Err(Error::Refused(says)) => {
                tracing::warn!(channel = self.name, says, "a message can't be updated");
                let place = format!("{}:{ts}", root.channel);
                self.shown.now(&place, &content(message));
                Ok(())
            }
            other => other,
        }
    }
}

#[async_trait]
impl Channel for SlackChannel {
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, telling: &Telling<'_>) -> Result<Delivered, Error> {
        let root = last_root(telling.places.iter().map(String::as_str));
        if let Some(root) = &root {
            match self.tell_at(telling, root).await {
                Err(error) if self.is_lost(root, &error) => {
                    tracing::warn!(channel = self.name, place = %root, %error, "the alert is gone: a new one is posted");
                }
                told => return told,
            }
        }
        let opens = matches!(telling.record.event, Event::Opened { .. });
        let key = match opens && root.is_none() {
            true => telling.notice.key.clone(),
            // The notice itself follows under its own key.
            false => format!("{}/alert", telling.notice.key),
        };
        let root = self.post_alert(telling, &key).await?;
        self.tell_at(telling, &root).await
    }

    async fn show(&self, standing: &Standing<'_>) -> Result<(), Error> {
        let incident = standing.incident;
        let Some(root) = last_root(standing.told.iter().map(|told| told.place.as_str())) else {
            return Ok(());
        };
        let alert = self.composer.alert(incident);
        self.bring_up_if_there(&root, &root.ts, &alert).await?;
        for told in standing.told {
            let offer = proposal_of(standing, told.about).and_then(|id| incident.proposal(id));
            let place = Place::parse(&told.place).filter(Place::is_reply);
            let (Some(state), Some(place)) = (offer, place) else {
                continue;
            };
            let message = self.composer.offer(incident, state);
            self.bring_up_if_there(&place.root(), place.ts(), &message)
                .await?;
        }
        Ok(())
    }

    fn address(&self, place: &str) -> Option<String> {
        let place = Place::parse(place)?;
        self.client.permalink(&place.root().channel, place.ts())
    }
}

/// The alert that the last notice went to: an earlier one may be gone.
fn last_root<'p>(places: impl DoubleEndedIterator<Item = &'p str>) -> Option<Root> {
    places
        .rev()
        .find_map(Place::parse)
        .map(|place| place.root())
}

/// The proposal that a record offers.
fn proposal_of<'r>(standing: &Standing<'r>, seq: u64) -> Option<&'r str> {
    let of = standing.records.iter().find(|record| record.seq == seq)?;
    match &of.event {
        Event::Proposed { proposal, .. } => Some(&proposal.id),
        _ => None,
    }
}

fn delivered(place: Place) -> Delivered {
    Delivered {
        place: Some(place.to_string()),
    }
}

/// A message wasn't posted before its record was written.
fn since_s(telling: &Telling<'_>) -> i64 {
    telling.record.at.ms() / 1_000
}

/// What makes two messages the same.
fn content(message: &Message) -> String {
    serde_json::to_string(&message.fields()).unwrap_or_default()
}

fn is_gone(says: &str) -> bool {
    has_code(says, &NO_MESSAGE) || has_code(says, &NO_CHANNEL)
}

fn has_code(says: &str, codes: &[&str]) -> bool {
    refusal_code(says).is_some_and(|code| codes.contains(&code))
}
