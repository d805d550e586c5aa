//! Silences and maintenance windows: what people don't want to hear of for a while, and why.
//!
//! They hide notices, never detection or the journal. They are records of the system chain
//! ([`crate::system`]): made and ended by people, with a reason and a length that has a limit.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::hours::Weekly;
use crate::matcher::{Fields, Matcher, all_match, service_of};
use crate::record::Record;
use crate::time::Timestamp;

/// Silences that are on, or will be, at once.
pub const MAX_SILENCES: usize = 1_000;
/// Those that are over, of which the list still knows; older ones are in the system chain.
pub const MAX_ENDED: usize = 200;
/// Conditions of one silence.
pub const MAX_MATCHERS: usize = 10;
/// The longest silence: a week. What is quiet for longer is a rule to be changed.
pub const MAX_SILENCE_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How far ahead one may begin, and how long windows may come back: 366 days.
pub const MAX_AHEAD_MS: i64 = 366 * 24 * 60 * 60 * 1000;
/// Characters of a reason.
pub const MAX_REASON_CHARS: usize = 1_000;

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// All of them must hold: `service = "cart"`, as in routes.
    #[schema(min_items = 1, max_items = 10)]
    pub matchers: Vec<Matcher>,
    pub from: Timestamp,
    pub until: Timestamp,
    /// A maintenance window: on only in these hours of every week, from `from` until `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly: Option<Weekly>,
    #[schema(min_length = 1, max_length = 1000, pattern = "\\S")]
    pub reason: String,
}

impl Wanted {
    /// What is wrong with it, as text that names the place.
    pub fn check(&self, now: Timestamp) -> Result<(), String> {
        if self.reason.trim().is_empty() || self.reason.chars().count() > MAX_REASON_CHARS {
            return Err(format!(
                "reason: expected 1 to {MAX_REASON_CHARS} characters that say why"
            ));
        }
        let count = self.matchers.len();
        if count == 0 || count > MAX_MATCHERS {
            return Err(format!(
                "matchers: expected 1 to {MAX_MATCHERS}, got {count}"
            ));
        }
        if self.matchers.iter().all(Matcher::matches_nothing) {
            let text =
                "matchers: they would hide everything: name a service, a team, a rule or the like";
            return Err(text.to_owned());
        }
        let (from, until) = (self.from.ms(), self.until.ms());
        if until <= from || until <= now.ms() {
            return Err("until: it ends before it begins, or is over already".to_owned());
        }
        if until - now.ms() > MAX_AHEAD_MS {
            return Err("until: at most 366 days ahead".to_owned());
        }
        match &self.weekly {
            Some(weekly) => weekly.check().map_err(|why| format!("weekly.{why}")),
            None if until - from.max(now.ms()) > MAX_SILENCE_MS => {
                let text =
                    "until: a silence lasts a week at most; what comes back every week is `weekly`";
                Err(text.to_owned())
            }
            None => Ok(()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Silence {
    /// Of the record that made it: its month and its number, as `S202611-42`.
    pub id: String,
    #[serde(flatten)]
    pub wanted: Wanted,
    /// Whose it is.
    pub owner: Actor,
    pub made_at: Timestamp,
    /// Somebody ended it before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Ended {
    pub by: Actor,
    pub at: Timestamp,
    pub reason: String,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It hides now.
    Active,
    /// It will, or it is a maintenance window between two of its times.
    Waiting,
    Over,
}

impl Phase {
    pub const ALL: [Self; 3] = [Self::Active, Self::Waiting, Self::Over];

    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Over => "over",
        }
    }
}

impl Silence {
    pub fn phase(&self, now: Timestamp) -> Phase {
        if self.ended.is_some() || self.wanted.until <= now {
            Phase::Over
        } else if self.hides_until(now).is_some() {
            Phase::Active
        } else {
            Phase::Waiting
        }
    }

    /// When it stops hiding, where it hides now.
    pub fn hides_until(&self, now: Timestamp) -> Option<Timestamp> {
        let wanted = &self.wanted;
        if self.ended.is_some() || now < wanted.from || wanted.until <= now {
            return None;
        }
        match &wanted.weekly {
            None => Some(wanted.until),
            Some(weekly) => weekly.ends(now).map(|end| end.min(wanted.until)),
        }
    }

    pub fn covers(&self, of: &impl Fields) -> bool {
        all_match(&self.wanted.matchers, of)
    }

    /// When it stopped, or will.
    pub fn over_at(&self) -> Timestamp {
        let ended = self.ended.as_ref().map(|ended| ended.at);
        ended.map_or(self.wanted.until, |at| at.min(self.wanted.until))
    }

    /// The one service that it is about, where it is about one.
    pub fn service(&self) -> Option<&str> {
        service_of(&self.wanted.matchers)
    }
}

/// All that is known of them, found by the service that they are about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Silences {
    of: BTreeMap<Key, Silence>,
    by_service: HashMap<String, Vec<Key>>,
    /// Of those that are about no single service.
    others: Vec<Key>,
}

/// Silences in the order in which they were made: of one chain by number, of two by month.
type Key = (String, u64);

fn key(id: &str) -> Option<Key> {
    let (month, number) = id.strip_prefix('S')?.split_once('-')?;
    Some((month.to_owned(), number.parse().ok()?))
}

/// The id of the silence that a record of the system chain makes.
pub fn id_of(record: &Record) -> String {
    let month = record.incident.as_str().get(4..10).unwrap_or("197001");
    format!("S{month}-{}", record.seq)
}

impl Silences {
    pub fn get(&self, id: &str) -> Option<&Silence> {
        self.of.get(&key(id)?)
    }

    /// In the order in which they were made.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Silence> {
        self.of.values()
    }

    /// Those that are not over at `now`.
    pub fn alive(&self, now: Timestamp) -> usize {
        let alive = self.iter().filter(|one| one.phase(now) != Phase::Over);
        alive.count()
    }

    /// What the next month begins with: those that aren't over, and the latest that are.
    pub fn carried(&self, now: Timestamp) -> Vec<Silence> {
        let mut kept = self.clone();
        kept.forget(now);
        kept.of.into_values().collect()
    }

    pub(crate) fn from_carried(silences: &[Silence]) -> Self {
        let mut all = Self::default();
        for silence in silences {
            all.insert(silence.clone());
        }
        all
    }

    pub(crate) fn add(&mut self, record: &Record, wanted: &Wanted) -> Result<(), String> {
        wanted.check(record.at)?;
        if self.alive(record.at) >= MAX_SILENCES {
            return Err(format!(
                "there are {MAX_SILENCES} silences already: end some of them"
            ));
        }
        self.forget(record.at);
        self.insert(Silence {
            id: id_of(record),
            wanted: wanted.clone(),
            owner: record.actor.clone(),
            made_at: record.at,
            ended: None,
        });
        Ok(())
    }

    pub(crate) fn end(&mut self, record: &Record, id: &str, reason: &str) -> Result<(), String> {
        let found = key(id).and_then(|key| self.of.get_mut(&key));
        let silence = found.ok_or_else(|| format!("there is no silence {id:?}"))?;
        if silence.phase(record.at) == Phase::Over {
            return Err(format!("{id} is over already"));
        }
        silence.ended = Some(Ended {
            by: record.actor.clone(),
            at: record.at,
            reason: reason.to_owned(),
        });
        Ok(())
    }

    fn insert(&mut self, silence: Silence) {
        let Some(key) = key(&silence.id) else {
            return;
        };
        match silence.service() {
            Some(service) => self
                .by_service
                .entry(service.to_owned())
                .or_default()
                .push(key.clone()),
            None => self.others.push(key.clone()),
        }
        self.of.insert(key, silence);
    }

    /// Lets go of what was over first, beyond [`MAX_ENDED`].
    fn forget(&mut self, now: Timestamp) {
        let over = self
            .of
            .iter()
            .filter(|(_, one)| one.phase(now) == Phase::Over);
        let mut over: Vec<(Timestamp, Key)> = over
            .map(|(key, one)| (one.over_at(), key.clone()))
            .collect();
        let Some(too_many) = over.len().checked_sub(MAX_ENDED + 1) else {
            return;
        };
        over.sort();
        for (_, key) in over.into_iter().take(too_many + 1) {
            self.of.remove(&key);
        }
        let kept = Vec::from_iter(std::mem::take(&mut self.of).into_values());
        *self = Self::from_carried(&kept);
    }

    /// The silence that hides it now, of several the one that does so for longest.
    pub fn hiding(&self, of: &impl Fields, now: Timestamp) -> Option<(&Silence, Timestamp)> {
        let services = of.texts("service");
        let of_service = services
            .iter()
            .filter_map(|one| self.by_service.get(one.as_ref()));
        let asked = of_service.flatten().chain(&self.others);
        asked
            .filter_map(|key| self.of.get(key))
            .filter_map(|silence| Some((silence, silence.hides_until(now)?)))
            .filter(|(silence, _)| silence.covers(of))
            .max_by_key(|(silence, until)| (*until, &silence.id))
    }
}

#[cfg(test)]
mod tests;
