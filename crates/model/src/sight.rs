//! Whether telemetry can be read: the last word on it in the system chain, and who heard it.
//!
//! What nobody can see looks like health. So a loss of sight is told over every channel, once each,
//! and so is its end, to those who heard of the loss.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::system::Act;
use crate::time::Timestamp;

/// Channels that one word is told to.
pub const MAX_CHANNELS: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Sight {
    /// The id of the record that says so.
    pub about: String,
    pub at: Timestamp,
    /// Since when it was lost; so of its end too.
    pub since: Timestamp,
    pub is_lost: bool,
    pub says: String,
    /// Who heard it.
    pub told: BTreeSet<String>,
    /// Of a sight regained: who had heard of the loss. Others needn't hear that it is over.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub heard_of_loss: BTreeSet<String>,
}

impl Sight {
    /// What a record makes of the word before it.
    pub(crate) fn after(before: Option<&Self>, record: &Record, act: &Act) -> Result<Self, String> {
        let lost = before.filter(|sight| sight.is_lost);
        let new = |since, is_lost, says: &str, heard_of_loss| Self {
            about: record.id(),
            at: record.at,
            since,
            is_lost,
            says: says.to_owned(),
            told: BTreeSet::new(),
            heard_of_loss,
        };
        match (act, before) {
            (Act::SightLost { .. }, _) if lost.is_some() => {
                Err("it is known to be lost".to_owned())
            }
            (Act::SightLost { since, reason }, _) => Ok(new(*since, true, reason, BTreeSet::new())),
            (Act::SightRegained { says }, _) => match lost {
                Some(lost) => Ok(new(lost.since, false, says, lost.told.clone())),
                None => Err("it wasn't lost".to_owned()),
            },
            (Act::Announced { channel, about }, Some(sight)) if sight.about == *about => {
                let mut sight = sight.clone();
                if sight.told.len() >= MAX_CHANNELS || !sight.told.insert(channel.clone()) {
                    return Err(format!("{channel} was told of it already"));
                }
                Ok(sight)
            }
            _ => Err("there is no such word to tell".to_owned()),
        }
    }

    /// Whether this channel is still to be told.
    pub fn is_due(&self, channel: &str) -> bool {
        let concerned = self.is_lost || self.heard_of_loss.contains(channel);
        concerned && !self.told.contains(channel)
    }
}

/// The key of the notice of a loss, or of its end. From when it was lost, not from a record: a store
/// that doesn't answer takes none, and people are told all the same.
pub fn key(since: Timestamp, is_lost: bool) -> String {
    let word = match is_lost {
        true => "lost",
        false => "regained",
    };
    format!("sight:{since}:{word}")
}

/// What one look at the pulse comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighted {
    /// As it was.
    Same,
    Lost {
        since: Timestamp,
        reason: String,
    },
    Regained,
}

/// Holds what is wrong now, and since when, against what was told last. `blind_ms`: so long nobody
/// is told of it.
pub fn look(
    last: Option<&Sight>,
    wrong: Option<(Timestamp, String)>,
    blind_ms: i64,
    now: Timestamp,
) -> Sighted {
    let is_lost = last.is_some_and(|sight| sight.is_lost);
    match (wrong, is_lost) {
        (None, true) => Sighted::Regained,
        (Some((since, reason)), false) if now.ms() - since.ms() >= blind_ms => {
            Sighted::Lost { since, reason }
        }
        _ => Sighted::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::identity::IncidentId;
    use crate::record::Event;

    fn after(before: Option<&Sight>, seq: u64, act: Act) -> Result<Sight, String> {
        let record = Record {
            incident: IncidentId::system(Timestamp(0)),
            seq,
            at: Timestamp(seq as i64),
            actor: crate::incident::fixtures::person("datapulse"),
            previous: Digest::ZERO,
            event: Event::System { act: act.clone() },
        };
        Sight::after(before, &record, &act)
    }

    #[test]
    fn each_channel_hears_of_a_loss_once_and_of_its_end_where_it_heard_of_the_loss() {
        let lost = || Act::SightLost {
            since: Timestamp(0),
            reason: "the store doesn't answer".to_owned(),
        };
        let regained = || Act::SightRegained {
            says: "it answers".to_owned(),
        };
        assert!(after(None, 1, regained()).is_err(), "it wasn't lost");
        let sight = after(None, 1, lost()).expect("lost");
        assert!(after(Some(&sight), 2, lost()).is_err(), "twice");
        let told = |sight: &Sight, channel: &str, seq| {
            let act = Act::Announced {
                channel: channel.to_owned(),
                about: sight.about.clone(),
            };
            after(Some(sight), seq, act)
        };
        assert!(sight.is_due("chat") && sight.is_due("pager"));
        let sight = told(&sight, "chat", 2).expect("once");
        assert!(told(&sight, "chat", 3).is_err(), "twice");
        assert!(!sight.is_due("chat") && sight.is_due("pager"));
        let back = after(Some(&sight), 3, regained()).expect("was lost");
        assert!(back.is_due("chat") && !back.is_due("pager"));
        let stale = Act::Announced {
            channel: "chat".to_owned(),
            about: sight.about.clone(),
        };
        assert!(after(Some(&back), 4, stale).is_err(), "an older word");
    }

    #[test]
    fn a_loss_is_told_when_it_has_lasted_and_its_end_at_once() {
        let wrong = || Some((Timestamp(1_000), "late".to_owned()));
        let at = |ms| look(None, wrong(), 5_000, Timestamp(ms));
        assert_eq!(at(5_999), Sighted::Same);
        let reason = "late".to_owned();
        let since = Timestamp(1_000);
        assert_eq!(at(6_000), Sighted::Lost { since, reason });
        let lost = after(
            None,
            1,
            Act::SightLost {
                since,
                reason: "late".to_owned(),
            },
        );
        let lost = lost.expect("lost");
        assert_eq!(
            look(Some(&lost), wrong(), 5_000, Timestamp(9_000)),
            Sighted::Same
        );
        assert_eq!(
            look(Some(&lost), None, 5_000, Timestamp(9_000)),
            Sighted::Regained
        );
        assert_eq!(look(None, None, 5_000, Timestamp(9_000)), Sighted::Same);
    }
}
