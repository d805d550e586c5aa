//! What the last ticks showed: a finding takes `needed` of the last `of` ticks.

use std::collections::{BTreeMap, VecDeque};

use model::{Signal, Timestamp};

/// Pairs of service and signal that are remembered at once; the oldest quiet ones go first.
pub const MAX_REMEMBERED: usize = 50_000;

/// Remembers, by service and signal, at which of the last ticks it deviated.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    deviated: BTreeMap<(String, Signal), VecDeque<Timestamp>>,
    ticks: VecDeque<Timestamp>,
}

impl Memory {
    /// Notes one tick with all that deviated in it; a tick that was noted before changes nothing.
    pub fn note(&mut self, tick: Timestamp, deviated: &[(String, Signal)], of: usize) {
        if self.ticks.contains(&tick) {
            return;
        }
        self.ticks.push_back(tick);
        while self.ticks.len() > of {
            self.ticks.pop_front();
        }
        for key in deviated {
            if self.deviated.len() < MAX_REMEMBERED || self.deviated.contains_key(key) {
                self.deviated
                    .entry(key.clone())
                    .or_default()
                    .push_back(tick);
            }
        }
        let oldest = self.ticks.front().copied().unwrap_or(tick);
        self.deviated.retain(|_, ticks| {
            ticks.retain(|at| *at >= oldest);
            !ticks.is_empty()
        });
    }

    /// At how many of the last ticks it deviated, and at which first.
    pub fn count(&self, service: &str, signal: Signal) -> (usize, Option<Timestamp>) {
        self.deviated
            .get(&(service.to_owned(), signal))
            .map_or((0, None), |ticks| (ticks.len(), ticks.front().copied()))
    }

    pub fn last_tick(&self) -> Option<Timestamp> {
        self.ticks.back().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_only_the_last_ticks() {
        let mut memory = Memory::default();
        let key = ("a".to_owned(), Signal::ErrorRate);
        memory.note(Timestamp(1), std::slice::from_ref(&key), 3);
        memory.note(Timestamp(1), std::slice::from_ref(&key), 3);
        assert_eq!(
            memory.count("a", Signal::ErrorRate),
            (1, Some(Timestamp(1)))
        );
        memory.note(Timestamp(2), &[], 3);
        memory.note(Timestamp(3), std::slice::from_ref(&key), 3);
        assert_eq!(memory.count("a", Signal::ErrorRate).0, 2);
        memory.note(Timestamp(4), &[], 3);
        assert_eq!(
            memory.count("a", Signal::ErrorRate),
            (1, Some(Timestamp(3)))
        );
    }
}
