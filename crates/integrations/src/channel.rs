//! A place where people are told: what every channel promises.

use std::fmt;

use async_trait::async_trait;
use model::{Incident, Record};

use crate::error::Error;
use crate::webhook::{Notice, Webhook};

/// Bytes of a place's name: a channel's id and a message's time, a ticket's key, an address.
pub const MAX_PLACE: usize = 512;

/// One notice, and what a channel needs to word it and to find its earlier ones.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    pub notice: &'a Notice,
    /// As it is now, which may be later than the notice.
    pub incident: &'a Incident,
    /// What the notice is about.
    pub record: &'a Record,
    /// Where this channel put earlier notices of the incident, the first first.
    pub places: &'a [String],
}

/// The other side has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivered {
    /// Where it lies there, as the channel finds it again: a message, a ticket. At most
    /// [`MAX_PLACE`] bytes.
    pub place: Option<String>,
}

/// Where a channel put the notice of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The record's number.
    pub about: u64,
    pub place: String,
}

/// Where the same incident lies at another channel, as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The other channel's name.
    pub channel: String,
    /// An `https` address.
    pub url: String,
}

/// How an incident stands now, and what a channel has of it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    pub incident: &'a Incident,
    /// All of its records, in order.
    pub records: &'a [Record],
    /// What this channel was told, the first first; never empty.
    pub told: &'a [Told],
    pub elsewhere: &'a [Elsewhere],
}

/// Where people are told.
#[async_trait]
pub trait Channel: fmt::Debug + Send + Sync {
    /// Its name in records, routes and metrics.
    fn name(&self) -> &str;

    /// Whether it has words for what a record says. Where it has none, the notice isn't due to it
    /// and no record says that it was sent.
    fn has_words_for(&self, _incident: &Incident, _record: &Record) -> bool {
        true
    }

    /// Tells, or finds that it was told: the same notice delivered twice (by its key) must be there
    /// once, as far as the other side lets us see that.
    async fn deliver(&self, telling: &Telling<'_>) -> Result<Delivered, Error>;

    /// Brings what lies there into line with the incident as it is now, where it differs: no news,
    /// so nothing is posted. The whole state each time; done twice, or left out, it harms nothing.
    async fn show(&self, _standing: &Standing<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Where a person sees what lies at a place, as far as this is known without asking.
    fn address(&self, _place: &str) -> Option<String> {
        None
    }
}

#[async_trait]
impl Channel for Webhook {
    fn name(&self) -> &str {
        self.name()
    }

    async fn deliver(&self, telling: &Telling<'_>) -> Result<Delivered, Error> {
        self.send(telling.notice).await?;
        Ok(Delivered::default())
    }
}
