//! A place where people are told: what every channel promises.

use std::fmt;

use async_trait::async_trait;
use model::{Incident, Record};

use crate::error::Error;
use crate::webhook::{MAX_TOGETHER, Notice, Webhook};

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

/// Where people are told.
#[async_trait]
pub trait Channel: fmt::Debug + Send + Sync {
    /// Its name in records, routes and metrics.
    fn name(&self) -> &str;

    /// Tells, or finds that it was told: the same notice delivered twice (by its key) must be there
    /// once, as far as the other side lets us see that.
    async fn deliver(&self, telling: &Telling<'_>) -> Result<Delivered, Error>;

    /// How many incidents' notices one message of it holds; 1: it tells each by itself.
    fn holds(&self) -> usize {
        1
    }

    /// Tells several in one message, at most as many as [`Channel::holds`]. The other side sees
    /// each notice's own key in it.
    async fn deliver_together(&self, tellings: &[Telling<'_>]) -> Result<Delivered, Error> {
        let mut last = Delivered::default();
        for telling in tellings {
            last = self.deliver(telling).await?;
        }
        Ok(last)
    }

    /// Tells what is about no incident: that nobody sees any more. Refused where it has no words for
    /// that.
    async fn announce(&self, _notice: &Notice) -> Result<(), Error> {
        Err(Error::Refused(format!(
            "{} tells of incidents alone",
            self.name()
        )))
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

    fn holds(&self) -> usize {
        MAX_TOGETHER
    }

    async fn deliver_together(&self, tellings: &[Telling<'_>]) -> Result<Delivered, Error> {
        let notices: Vec<&Notice> = tellings.iter().map(|telling| telling.notice).collect();
        if let Some(together) = Notice::together(&notices) {
            self.send(&together).await?;
        }
        Ok(Delivered::default())
    }

    async fn announce(&self, notice: &Notice) -> Result<(), Error> {
        self.send(notice).await
    }
}
