//! What the journal says was told, and what stands against telling more. A fold of one incident's
//! records.

use std::collections::{BTreeMap, BTreeSet};

use super::HeldBy;
use crate::actor::Assignee;
use crate::identity::IncidentId;
use crate::notice::Topic;
use crate::record::{Event, Record};
use crate::time::Timestamp;

/// So many reopenings within the window, and an incident is flapping.
pub const FLAPS: u64 = 3;
pub const FLAP_WINDOW_MS: i64 = 60 * 60 * 1000;
/// A flapping incident's state is told at most once in so long.
pub const FLAP_PERIOD_MS: i64 = 30 * 60 * 1000;

/// A record that people are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    pub seq: u64,
    pub at: Timestamp,
    pub topic: Topic,
    /// It says that the incident is open, or over: the next such one takes its place.
    pub is_state: bool,
}

/// Which telling of a record it is. Its key is the record's id and the step's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    First,
    /// The n-th reminder.
    Repeat(u64),
    /// After so many minutes without anybody who takes it.
    Escalation(u64),
}

/// What stands between a record's id and the step's name.
const STEP: char = '#';
const REPEAT: &str = "repeat-";
const ESCALATION: &str = "escalation-";

impl Step {
    pub fn key(self, incident: &IncidentId, seq: u64) -> String {
        match self {
            Self::First => format!("{incident}:{seq}"),
            Self::Repeat(n) => format!("{incident}:{seq}{STEP}{REPEAT}{n}"),
            Self::Escalation(minutes) => format!("{incident}:{seq}{STEP}{ESCALATION}{minutes}"),
        }
    }

    fn of(key: &str) -> Self {
        let Some((_, step)) = key.split_once(STEP) else {
            return Self::First;
        };
        let number = |prefix: &str| step.strip_prefix(prefix)?.parse().ok();
        let repeat = number(REPEAT).map(Self::Repeat);
        repeat
            .or_else(|| number(ESCALATION).map(Self::Escalation))
            .unwrap_or(Self::First)
    }
}

/// One telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// Of its own record.
    pub seq: u64,
    pub at: Timestamp,
}

/// Something that held a telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hold {
    pub by: HeldBy,
    /// When it let go of it, as far as that was known; else when it was said to hold it.
    pub until: Timestamp,
}

/// What reminders and escalations are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    pub seq: u64,
    pub at: Timestamp,
    pub is_snooze: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    told: BTreeMap<String, BTreeMap<(u64, Step), Told>>,
    held: BTreeMap<(String, u64), Vec<Hold>>,
    /// Records that opened it, with their times, in order.
    opened: Vec<(u64, Timestamp)>,
    /// The last record by which somebody took it.
    taken: Option<u64>,
    /// The last snooze, and its end.
    snoozed: Option<(u64, Timestamp)>,
}

impl History {
    pub fn of<'r>(records: impl IntoIterator<Item = &'r Record>) -> Self {
        let mut history = Self::default();
        for record in records {
            history.add(record);
        }
        history
    }

    pub fn add(&mut self, record: &Record) {
        let (seq, at) = (record.seq, record.at);
        match &record.event {
            Event::Opened { .. } => self.open(seq, at),
            Event::Reopened { .. } => {
                self.open(seq, at);
                self.snoozed = None;
            }
            Event::Acknowledged { .. }
            | Event::Assigned {
                to: Assignee::Person { .. },
                ..
            }
            | Event::HandedOver {
                to: Assignee::Person { .. },
                ..
            } => self.take(seq),
            Event::Snoozed { until, .. } => self.snoozed = Some((seq, *until)),
            Event::NoticeSent {
                channel,
                about,
                key,
                ..
            } => self.tell(channel, *about, Step::of(key), Told { seq, at }),
            Event::NoticeHeld {
                channel,
                about,
                by,
                until,
                ..
            } => self.hold(channel, *about, by.clone(), until.unwrap_or(at)),
            _ => {}
        }
    }

    pub(super) fn tell(&mut self, channel: &str, about: u64, step: Step, told: Told) {
        let of_channel = self.told.entry(channel.to_owned()).or_default();
        of_channel.entry((about, step)).or_insert(told);
    }

    pub(super) fn hold(&mut self, channel: &str, about: u64, by: HeldBy, until: Timestamp) {
        let held = self.held.entry((channel.to_owned(), about)).or_default();
        held.push(Hold { by, until });
    }

    pub(super) fn open(&mut self, seq: u64, at: Timestamp) {
        self.opened.push((seq, at));
    }

    /// Somebody took it with the record of this number.
    pub(super) fn take(&mut self, seq: u64) {
        self.taken = Some(seq);
    }

    pub fn was_told(&self, channel: &str, about: u64, step: Step) -> bool {
        let of_channel = self.told.get(channel);
        of_channel.is_some_and(|told| told.contains_key(&(about, step)))
    }

    /// Whether anybody was told that it is open.
    pub fn is_known(&self) -> bool {
        let openings: BTreeSet<u64> = self.opened.iter().map(|(seq, _)| *seq).collect();
        let all = self.told.values().flatten();
        all.into_iter()
            .any(|((about, _), _)| openings.contains(about))
    }

    pub(super) fn told_at(&self, channel: &str, about: u64) -> Option<Timestamp> {
        let told = self.told.get(channel)?.get(&(about, Step::First))?;
        Some(told.at)
    }

    /// When the channel was told anything of these records last.
    pub(super) fn last_told(
        &self,
        channel: &str,
        concerns: impl Fn(u64) -> bool,
    ) -> Option<Timestamp> {
        let told = self.told.get(channel)?.iter();
        told.filter(|((about, _), _)| concerns(*about))
            .map(|(_, told)| told.at)
            .max()
    }

    /// Reminders that the channel got of this record.
    pub(super) fn repeats(&self, channel: &str, about: u64) -> u64 {
        let told = self.told.get(channel).into_iter().flatten();
        let of_record = told.filter(|((of, _), _)| *of == about);
        let numbers = of_record.filter_map(|((_, step), _)| match step {
            Step::Repeat(n) => Some(*n),
            _ => None,
        });
        numbers.max().unwrap_or(0)
    }

    /// Channels that an escalation reached, with the number of the record that says so.
    pub(super) fn escalated(&self) -> impl Iterator<Item = (&str, u64)> {
        self.told.iter().filter_map(|(channel, told)| {
            let mut steps = told.iter();
            let (_, told) = steps.find(|((_, step), _)| matches!(step, Step::Escalation(_)))?;
            Some((channel.as_str(), told.seq))
        })
    }

    pub fn was_held(&self, channel: &str, about: u64, by: &HeldBy) -> bool {
        self.holds(channel, about).iter().any(|held| held.by == *by)
    }

    pub(super) fn holds(&self, channel: &str, about: u64) -> &[Hold] {
        let held = self.held.get(&(channel.to_owned(), about));
        held.map_or(&[], Vec::as_slice)
    }

    /// Whether something of this opening is held from the channel for good, once it is over.
    pub(super) fn is_held_for_good(&self, channel: &str, since: u64) -> bool {
        let from = (channel.to_owned(), since);
        let held = self.held.range(from..=(channel.to_owned(), u64::MAX));
        held.flat_map(|(_, holds)| holds)
            .any(|hold| !hold.by.is_told_afterwards())
    }

    /// The record that opened it last, before or at `seq`.
    pub(super) fn opening(&self, seq: u64) -> u64 {
        let before = self.opened.iter().rev().find(|(opened, _)| *opened <= seq);
        before.map_or(1, |(opened, _)| *opened)
    }

    /// How often it was opened again in the window that ends at `at`.
    pub(super) fn flaps(&self, at: Timestamp) -> u64 {
        let from = at.plus_ms(-FLAP_WINDOW_MS);
        let again = self.opened.iter().skip(1);
        again
            .filter(|(_, when)| from < *when && *when <= at)
            .count() as u64
    }

    /// Until when it is snoozed.
    pub(super) fn snoozed_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.snoozed
            .map(|(_, until)| until)
            .filter(|until| now < *until)
    }

    /// What reminders are counted from: the last opening, or the end of a snooze after it. `None`:
    /// somebody has taken it since.
    pub(super) fn anchor(&self) -> Option<Anchor> {
        let (seq, at) = *self.opened.last()?;
        let opened = Anchor {
            seq,
            at,
            is_snooze: false,
        };
        let anchor = self.snoozed.map_or(opened, |(seq, until)| Anchor {
            seq,
            at: until,
            is_snooze: true,
        });
        let is_taken = self.taken.is_some_and(|taken| taken > anchor.seq);
        (!is_taken).then_some(anchor)
    }
}
