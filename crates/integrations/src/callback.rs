//! A callback of another system, whichever it is: its size, its age, whether it came before, and
//! whether a later one has overtaken it. What it says, and how it proves itself, is its system's.

use model::{Digest, Timestamp};
use serde_json::Value;

use crate::replayed::{Latest, Replayed, Taken};

/// What came before says nothing.
const AGAIN: &str = "it was taken before";

/// What a callback can say.
pub trait Said: Sized {
    /// Why there is nothing for us.
    fn nothing(why: &'static str) -> Self;

    /// A change of a thing, which a later change of the same thing overtakes: the thing, and why an
    /// overtaken one says nothing.
    fn change(&self) -> Option<(&str, &'static str)>;
}

/// A callback that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived<S> {
    /// By what the same callback is known, whoever sends it again.
    pub key: Digest,
    pub said: S,
}

/// A callback that was not taken. The texts name no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// No proof, or a wrong one.
    #[error("{0}")]
    Unproven(String),
    /// The proof holds, and it is too old, or from the future.
    #[error("{0}")]
    Untimely(String),
    #[error("{0}")]
    Unreadable(String),
    #[error("the body is over {0} bytes")]
    TooLarge(usize),
}

impl Unheard {
    /// What HTTP answers.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unproven(_) | Self::Untimely(_) => 401,
            Self::Unreadable(_) => 400,
            Self::TooLarge(_) => 413,
        }
    }

    /// For metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unproven(_) => "unproven",
            Self::Untimely(_) => "untimely",
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge(_) => "too_large",
        }
    }
}

/// What was read of a callback whose proof holds.
#[derive(Debug)]
pub struct Reading<S> {
    pub key: Digest,
    /// When its sender says that it was made, and in which field.
    pub at: Timestamp,
    pub field: &'static str,
    pub said: S,
}

/// What was taken, of one door.
#[derive(Debug, Default)]
pub struct Memory {
    replayed: Replayed,
    latest: Latest,
}

impl Memory {
    /// Takes what is new, young and not overtaken.
    ///
    /// # Errors
    /// It is too old, or from the future.
    pub fn take<S: Said>(
        &self,
        reading: Reading<S>,
        now: Timestamp,
    ) -> Result<Arrived<S>, Unheard> {
        let Reading {
            key,
            at,
            field,
            said,
        } = reading;
        let said = match self.replayed.take(key, at, now) {
            Taken::New => self.in_order(said, at, now),
            Taken::Again => S::nothing(AGAIN),
            Taken::TooOld => {
                let says = format!("{field}: too old: it was sent before, or the clocks differ");
                return Err(Unheard::Untimely(says));
            }
            Taken::TooNew => {
                let says = format!("{field}: in the future: the clocks differ");
                return Err(Unheard::Untimely(says));
            }
        };
        Ok(Arrived { key, said })
    }

    /// What it said could not be kept: its sender's next try is taken as new.
    pub fn give_back(&self, key: &Digest) {
        self.replayed.give_back(key);
    }

    fn in_order<S: Said>(&self, said: S, at: Timestamp, now: Timestamp) -> S {
        let overtaken = said
            .change()
            .filter(|(thing, _)| self.latest.is_overtaken(thing, at, now))
            .map(|(_, why)| why);
        match overtaken {
            Some(why) => S::nothing(why),
            None => said,
        }
    }
}

/// Nothing of a body that is too large is looked at, its proof neither.
pub(crate) fn sized(body: &[u8], most: usize) -> Result<(), Unheard> {
    match body.len() > most {
        true => Err(Unheard::TooLarge(most)),
        false => Ok(()),
    }
}

pub(crate) fn json(body: &[u8]) -> Result<Value, Unheard> {
    serde_json::from_slice(body)
        .map_err(|error| Unheard::Unreadable(format!("the body is no JSON: {error}")))
}
