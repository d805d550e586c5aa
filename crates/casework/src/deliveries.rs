//! How telling people goes: each channel's last delivery, last error, and what waits.
//!
//! A table of one process, written by Notifier and shown by the gateway; what was told is the
//! journal's to say. Silence never looks like health: a channel that was never called says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::Timestamp;
use model::render::one_line;
use serde::{Deserialize, Serialize};

/// Channels that are known: more than a configuration names.
pub const MAX_CHANNELS: usize = 200;
/// Characters of an error that are kept.
pub const MAX_SAYS: usize = 500;
/// After so long without a delivery through any channel somebody must hear of it otherwise.
pub const UNHEARD_AFTER_MS: i64 = 300_000;

/// Shared by Notifier, who writes, and the gateway, who shows.
#[derive(Debug, Clone, Default)]
pub struct Deliveries {
    channels: Arc<Mutex<BTreeMap<String, ChannelHealth>>>,
}

/// How one channel does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChannelHealth {
    /// When it last took something, since this process began.
    pub last_delivery: Option<Timestamp>,
    pub last_error: Option<ChannelFailure>,
    /// Since when nothing but errors came; `null` while it takes what it is told.
    pub failing_since: Option<Timestamp>,
    /// Notices that it hasn't got.
    pub undelivered: u64,
    /// When the oldest of them was to be told.
    pub oldest_undelivered: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChannelFailure {
    pub at: Timestamp,
    pub says: String,
}

impl Deliveries {
    /// These channels are told through.
    pub fn start<'c>(&self, names: impl IntoIterator<Item = &'c str>) {
        for name in names {
            self.change(name, |_| ());
        }
    }

    pub fn delivered(&self, channel: &str, at: Timestamp) {
        self.change(channel, |state| {
            state.last_delivery = Some(at);
            state.failing_since = None;
        });
    }

    /// It did what was asked, whether or not there was something to tell.
    pub fn answered(&self, channel: &str) {
        self.change(channel, |state| state.failing_since = None);
    }

    /// `says` is a text for people, without secrets.
    pub fn failed(&self, channel: &str, at: Timestamp, says: &str) {
        self.change(channel, |state| {
            state.failing_since.get_or_insert(at);
            let says = one_line(says, MAX_SAYS);
            state.last_error = Some(ChannelFailure { at, says });
        });
    }

    pub fn waiting(&self, channel: &str, undelivered: u64, oldest: Option<Timestamp>) {
        self.change(channel, |state| {
            state.undelivered = undelivered;
            state.oldest_undelivered = oldest;
        });
    }

    /// By name.
    pub fn read(&self) -> BTreeMap<String, ChannelHealth> {
        self.with(|channels| channels.clone())
    }

    /// Since when no channel at all takes anything, where that is long enough to be said.
    pub fn unheard_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.with(|channels| {
            let failing = channels.values().map(|channel| channel.failing_since);
            let all: Option<Vec<Timestamp>> = failing.collect();
            let since = all?.into_iter().max()?;
            (now.ms().saturating_sub(since.ms()) >= UNHEARD_AFTER_MS).then_some(since)
        })
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut ChannelHealth)) {
        self.with(|channels| {
            if channels.len() < MAX_CHANNELS || channels.contains_key(name) {
                change(channels.entry(name.to_owned()).or_default());
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, ChannelHealth>) -> T) -> T {
        act(&mut self.channels.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_unheard_while_one_channel_takes_it() {
        let deliveries = Deliveries::default();
        let at = |minutes: i64| Timestamp(minutes * 60_000);
        assert_eq!(deliveries.unheard_since(at(60)), None, "no channel");
        deliveries.start(["chat", "pager"]);
        deliveries.failed("chat", at(0), "refused\nfor good");
        assert_eq!(deliveries.unheard_since(at(60)), None, "pager may take it");
        deliveries.failed("pager", at(2), "refused");
        deliveries.failed("chat", at(3), "refused");
        assert_eq!(deliveries.unheard_since(at(6)), None, "not for long");
        assert_eq!(deliveries.unheard_since(at(7)), Some(at(2)));
        deliveries.delivered("pager", at(8));
        assert_eq!(deliveries.unheard_since(at(60)), None);

        deliveries.waiting("chat", 3, Some(at(0)));
        let chat = deliveries.read()["chat"].clone();
        assert_eq!(chat.failing_since, Some(at(0)));
        assert_eq!(
            (chat.undelivered, chat.oldest_undelivered),
            (3, Some(at(0)))
        );
        let failure = chat.last_error.expect("failed");
        assert_eq!((failure.at, failure.says.as_str()), (at(3), "refused"));
    }

    #[test]
    fn the_table_and_its_texts_have_an_end() {
        let deliveries = Deliveries::default();
        for number in 0..MAX_CHANNELS * 2 {
            let says = "no ".repeat(MAX_SAYS);
            deliveries.failed(&format!("chat-{number}"), Timestamp(0), &says);
        }
        let all = deliveries.read();
        assert_eq!(all.len(), MAX_CHANNELS);
        let failures = all
            .values()
            .filter_map(|channel| channel.last_error.as_ref());
        for failure in failures {
            assert!(failure.says.chars().count() <= MAX_SAYS);
        }
    }
}
