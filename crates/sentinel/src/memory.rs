//! What the last looks showed: a finding takes `needed` of the last `of` looks at a service.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::{Signal, Timestamp};

/// Services that are remembered at once; those that come later are not.
pub const MAX_REMEMBERED: usize = 50_000;

/// A service that nothing came of for so long is forgotten.
const FORGOTTEN_MS: i64 = 24 * 3_600_000;

/// Remembers, by service, its last looks and at which of them a signal deviated.
///
/// Only a tick that brought something new of a service is a look at it: a document that stays in
/// the window for five ticks is one observation, not five. A tick that brings the first news of a
/// service after a while looks as often as there are documents.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    looks: BTreeMap<String, VecDeque<Look>>,
    last_tick: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct Look {
    at: Timestamp,
    deviated: BTreeSet<Signal>,
}

impl Memory {
    /// Notes one tick with all services that it brought something new of, and for how many looks
    /// that is, and all that deviated; a tick that was noted before changes nothing.
    pub fn note(
        &mut self,
        tick: Timestamp,
        fresh: &BTreeMap<String, usize>,
        deviated: &[(String, Signal)],
        of: usize,
    ) {
        if self.last_tick.is_some_and(|last| tick <= last) {
            return;
        }
        self.last_tick = Some(tick);
        let remembered = |look: &Look| tick.ms() - look.at.ms() <= FORGOTTEN_MS;
        self.looks
            .retain(|_, looks| looks.back().is_some_and(remembered));
        for (service, times) in fresh {
            if self.looks.len() >= MAX_REMEMBERED && !self.looks.contains_key(service) {
                continue;
            }
            let looks = self.looks.entry(service.clone()).or_default();
            let look = Look {
                at: tick,
                deviated: BTreeSet::new(),
            };
            looks.extend(std::iter::repeat_n(look, (*times).min(of)));
            while looks.len() > of {
                looks.pop_front();
            }
        }
        for (service, signal) in deviated {
            let looks = self.looks.get_mut(service).into_iter().flatten();
            for look in looks.filter(|look| look.at == tick) {
                look.deviated.insert(*signal);
            }
        }
    }

    /// At how many of the last looks it deviated, and at which first.
    pub fn count(&self, service: &str, signal: Signal) -> (usize, Option<Timestamp>) {
        let looks = self.looks.get(service).into_iter().flatten();
        let mut deviated = looks.filter(|look| look.deviated.contains(&signal));
        let first = deviated.next().map(|look| look.at);
        (usize::from(first.is_some()) + deviated.count(), first)
    }

    pub fn last_tick(&self) -> Option<Timestamp> {
        self.last_tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Signal = Signal::ErrorRate;

    fn note(memory: &mut Memory, tick: i64, fresh: bool, deviates: bool) {
        let services = BTreeMap::from_iter(fresh.then(|| ("a".to_owned(), 1)));
        let deviated = Vec::from_iter(deviates.then(|| ("a".to_owned(), RATE)));
        memory.note(Timestamp(tick), &services, &deviated, 3);
    }

    #[test]
    fn counts_only_the_last_looks() {
        let mut memory = Memory::default();
        note(&mut memory, 1, true, true);
        note(&mut memory, 1, true, true);
        assert_eq!(memory.count("a", RATE), (1, Some(Timestamp(1))));
        note(&mut memory, 2, true, false);
        note(&mut memory, 3, true, true);
        assert_eq!(memory.count("a", RATE).0, 2);
        note(&mut memory, 4, true, false);
        assert_eq!(memory.count("a", RATE), (1, Some(Timestamp(3))));
    }

    #[test]
    fn what_comes_at_once_is_as_many_looks_as_it_has_documents() {
        let mut memory = Memory::default();
        let fresh = BTreeMap::from([("a".to_owned(), 40)]);
        let deviated = [("a".to_owned(), RATE)];
        memory.note(Timestamp(1), &fresh, &deviated, 3);
        assert_eq!(memory.count("a", RATE), (3, Some(Timestamp(1))));
    }

    #[test]
    fn a_document_that_is_seen_twice_is_one_observation() {
        let mut memory = Memory::default();
        note(&mut memory, 1, true, true);
        note(&mut memory, 2, false, true);
        note(&mut memory, 3, false, true);
        assert_eq!(memory.count("a", RATE), (1, Some(Timestamp(1))));
        note(&mut memory, 9, true, true);
        assert_eq!(memory.count("a", RATE), (2, Some(Timestamp(1))));
    }
}
