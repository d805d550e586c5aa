//! Incidents that are told together: who waits for whom, and until when.
//!
//! It is memory, not truth: after a crash it is made anew from what is due. What was told says the
//! journal, of each notice by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::Grouping;
use crate::identity::IncidentId;
use crate::time::Timestamp;

/// Groups that are remembered at once; what would make one more is told alone.
pub const MAX_GROUPS: usize = 10_000;
/// Incidents of one group that wait at once; what would be one more is told alone.
pub const MAX_MEMBERS: usize = 1_000;

#[derive(Debug, Clone, Default)]
pub struct Groups {
    groups: BTreeMap<String, Group>,
}

#[derive(Debug, Clone)]
struct Group {
    channel: String,
    members: BTreeSet<IncidentId>,
    /// When the first of those that wait was due.
    since: Timestamp,
    told: Option<Timestamp>,
    wait_ms: i64,
    interval_ms: i64,
    /// It is being told now.
    busy: bool,
    /// The last message was too big for all: the rest doesn't wait again.
    has_rest: bool,
}

impl Group {
    /// When it is told next.
    fn due(&self) -> Timestamp {
        match self.told {
            _ if self.has_rest => self.since,
            // The wait is for a group's first message.
            Some(told) => told.plus_ms(self.interval_ms),
            None => self.since.plus_ms(self.wait_ms),
        }
    }

    /// Nobody waits, and its interval is over: the next one begins it anew.
    fn is_forgotten(&self, now: Timestamp) -> bool {
        let is_over = |told: Timestamp| told.plus_ms(self.interval_ms) <= now;
        self.members.is_empty() && !self.busy && self.told.is_none_or(is_over)
    }
}

/// A group whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    pub key: String,
    pub channel: String,
    /// The first first.
    pub members: Vec<IncidentId>,
}

impl Groups {
    /// Lets an incident wait. False: there are too many, it is told alone.
    pub fn add(
        &mut self,
        channel: &str,
        incident: &IncidentId,
        of: &Grouping,
        now: Timestamp,
    ) -> bool {
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&of.key) {
            self.groups.retain(|_, group| !group.is_forgotten(now));
            if self.groups.len() >= MAX_GROUPS {
                return false;
            }
        }
        let fresh = || Group {
            channel: channel.to_owned(),
            members: BTreeSet::new(),
            since: of.since,
            told: None,
            wait_ms: of.wait_ms,
            interval_ms: of.interval_ms,
            busy: false,
            has_rest: false,
        };
        let group = self.groups.entry(of.key.clone()).or_insert_with(fresh);
        if group.is_forgotten(now) {
            *group = fresh();
        }
        if group.members.len() >= MAX_MEMBERS && !group.members.contains(incident) {
            return false;
        }
        group.since = match group.members.is_empty() {
            true => of.since,
            false => group.since.min(of.since),
        };
        group.members.insert(incident.clone());
        true
    }

    /// The groups whose time has come, at most so many, each with at most as many members as its
    /// channel's message holds: the rest goes with the next one.
    pub fn ready(
        &mut self,
        now: Timestamp,
        groups: usize,
        holds: impl Fn(&str) -> usize,
    ) -> Vec<Ready> {
        let due = |group: &Group| !group.busy && !group.members.is_empty() && group.due() <= now;
        let due = self.groups.iter_mut().filter(|(_, group)| due(group));
        due.take(groups)
            .map(|(key, group)| {
                group.busy = true;
                let most = holds(&group.channel).max(1);
                let first: Vec<_> = group.members.iter().take(most).cloned().collect();
                for member in &first {
                    group.members.remove(member);
                }
                group.has_rest = !group.members.is_empty();
                Ready {
                    key: key.clone(),
                    channel: group.channel.clone(),
                    members: first,
                }
            })
            .collect()
    }

    /// It was told at `now`; `None`: nothing was, it is tried again when its members are seen again.
    pub fn done(&mut self, key: &str, told: Option<Timestamp>) {
        if let Some(group) = self.groups.get_mut(key) {
            group.busy = false;
            group.told = told.or(group.told);
        }
    }

    /// When the next group's time comes.
    pub fn next(&self) -> Option<Timestamp> {
        let waiting = self.groups.values();
        let waiting = waiting.filter(|group| !group.busy && !group.members.is_empty());
        waiting.map(Group::due).min()
    }

    pub fn len(&self) -> usize {
        self.groups.len()
    }

    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> IncidentId {
        IncidentId::derive("error-rate", name, Timestamp(0))
    }

    fn grouping(since: i64) -> Grouping {
        Grouping {
            key: "chat all team=shop".to_owned(),
            since: Timestamp(since),
            wait_ms: 30_000,
            interval_ms: 300_000,
        }
    }

    fn members(groups: &mut Groups, now: i64, most: usize) -> usize {
        let ready = groups.ready(Timestamp(now), 10, |_| most);
        ready.first().map_or(0, |ready| ready.members.len())
    }

    #[test]
    fn the_first_waits_for_others_and_the_next_for_the_interval() {
        let mut groups = Groups::default();
        let key = grouping(0).key;
        assert!(groups.add("chat", &id("a"), &grouping(0), Timestamp(0)));
        assert!(groups.add("chat", &id("b"), &grouping(20_000), Timestamp(20_000)));
        assert_eq!(groups.next(), Some(Timestamp(30_000)));
        assert_eq!(members(&mut groups, 29_999, 50), 0);
        assert_eq!(members(&mut groups, 30_000, 50), 2);
        assert_eq!(members(&mut groups, 30_000, 50), 0, "it is being told");
        groups.done(&key, Some(Timestamp(30_000)));
        groups.add("chat", &id("c"), &grouping(40_000), Timestamp(40_000));
        assert_eq!(groups.next(), Some(Timestamp(330_000)));
        assert_eq!(members(&mut groups, 330_000, 50), 1);
        groups.done(&key, Some(Timestamp(330_000)));
        // Long after, it begins anew.
        groups.add("chat", &id("d"), &grouping(900_000), Timestamp(900_000));
        assert_eq!(groups.next(), Some(Timestamp(930_000)));
    }

    #[test]
    fn what_is_too_big_is_told_in_several_messages_one_after_the_other() {
        let mut groups = Groups::default();
        for name in ["a", "b", "c"] {
            groups.add("chat", &id(name), &grouping(0), Timestamp(0));
        }
        let key = grouping(0).key;
        assert_eq!(members(&mut groups, 30_000, 2), 2);
        groups.done(&key, Some(Timestamp(30_000)));
        assert_eq!(members(&mut groups, 30_001, 2), 1, "at once");
    }

    #[test]
    fn what_was_not_told_is_tried_again_when_it_is_seen_again() {
        let mut groups = Groups::default();
        let key = grouping(0).key;
        groups.add("chat", &id("a"), &grouping(0), Timestamp(0));
        assert_eq!(members(&mut groups, 30_000, 2), 1);
        groups.done(&key, None);
        assert_eq!(groups.next(), None);
        groups.add("chat", &id("a"), &grouping(0), Timestamp(31_000));
        assert_eq!(members(&mut groups, 31_000, 2), 1);
    }
}
