//! What calls us back is taken once, and only while it is young: a signature alone would let
//! whoever saw a request send it again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{Digest, Timestamp};

/// A callback may be this old: its sender tries again for up to 75 minutes (Jira Cloud: five times,
/// up to 15 minutes apart; PagerDuty: for about 20 minutes).
pub const MAX_AGE_MS: i64 = 2 * 60 * 60 * 1000;
/// A callback may be from this far in the future, by clocks that differ.
pub const MAX_AHEAD_MS: i64 = 5 * 60 * 1000;
/// Callbacks that are remembered: more than one a second for two hours.
pub const MAX_REMEMBERED: usize = 10_000;

/// Remembers what was taken. In memory: who must not take a callback twice across a restart keeps
/// its key with what came of it.
#[derive(Debug, Default)]
pub struct Replayed {
    inner: Mutex<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    /// When each was sent.
    at: HashMap<Digest, Timestamp>,
    /// The same, oldest first.
    order: BTreeSet<(Timestamp, Digest)>,
    /// Of what was forgotten for want of room: whatever is not younger may have been taken.
    floor: Timestamp,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            at: HashMap::new(),
            order: BTreeSet::new(),
            floor: Timestamp(i64::MIN),
        }
    }
}

/// What is to be done with a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is new, and remembered from now on.
    New,
    /// It was taken before.
    Again,
    /// It is older than [`MAX_AGE_MS`], or than what is still remembered.
    TooOld,
    /// It is from further in the future than [`MAX_AHEAD_MS`].
    TooNew,
}

impl Replayed {
    /// Takes a callback by what was signed of it. `at` is when its sender says that it was made.
    pub fn take(&self, key: Digest, at: Timestamp, now: Timestamp) -> Taken {
        let mut inner = self.locked();
        inner.forget_older(now.plus_ms(-MAX_AGE_MS));
        if at > now.plus_ms(MAX_AHEAD_MS) {
            return Taken::TooNew;
        }
        if at < now.plus_ms(-MAX_AGE_MS) {
            return Taken::TooOld;
        }
        if inner.at.contains_key(&key) {
            return Taken::Again;
        }
        if at <= inner.floor {
            return Taken::TooOld;
        }
        inner.at.insert(key, at);
        inner.order.insert((at, key));
        while inner.order.len() > MAX_REMEMBERED {
            inner.forget_oldest();
        }
        Taken::New
    }

    /// What it said could not be kept: its sender's next try is taken as new.
    pub fn give_back(&self, key: &Digest) {
        let mut inner = self.locked();
        if let Some(at) = inner.at.remove(key) {
            inner.order.remove(&(at, *key));
        }
    }

    fn locked(&self) -> MutexGuard<'_, Remembered> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Things whose latest change is remembered: more than change within [`MAX_AGE_MS`].
pub const MAX_FOLLOWED: usize = 10_000;

/// The latest change of each thing: callbacks come out of order, and what was overtaken says nothing
/// any more.
#[derive(Debug, Default)]
pub struct Latest {
    at: Mutex<HashMap<String, Timestamp>>,
}

impl Latest {
    /// Whether a later change of this thing came before this one; else this one is the latest.
    pub fn is_overtaken(&self, thing: &str, at: Timestamp, now: Timestamp) -> bool {
        let mut latest = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.get(thing).is_some_and(|known| *known > at) {
            return true;
        }
        if latest.len() >= MAX_FOLLOWED {
            // What is older than this isn't taken any more.
            latest.retain(|_, known| *known >= now.plus_ms(-MAX_AGE_MS));
        }
        if latest.len() < MAX_FOLLOWED || latest.contains_key(thing) {
            latest.insert(thing.to_owned(), at);
        }
        false
    }
}

impl Remembered {
    fn forget_older(&mut self, than: Timestamp) {
        while let Some((at, key)) = self.order.first().copied() {
            if at >= than {
                return;
            }
            self.order.remove(&(at, key));
            self.at.remove(&key);
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((at, key)) = self.order.pop_first() {
            self.at.remove(&key);
            self.floor = self.floor.max(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_768_050_000_000);

    fn key(number: usize) -> Digest {
        Digest::of(&number.to_be_bytes())
    }

    #[test]
    fn each_is_taken_once_while_it_is_young() {
        let replayed = Replayed::default();
        assert_eq!(replayed.take(key(1), NOW, NOW), Taken::New);
        assert_eq!(replayed.take(key(1), NOW, NOW.plus_ms(1)), Taken::Again);
        assert_eq!(
            replayed.take(key(1), NOW, NOW.plus_ms(MAX_AGE_MS)),
            Taken::Again,
            "remembered for as long as it would be taken"
        );
        assert_eq!(
            replayed.take(key(1), NOW, NOW.plus_ms(MAX_AGE_MS + 1)),
            Taken::TooOld
        );
        let ahead = NOW.plus_ms(MAX_AHEAD_MS + 1);
        assert_eq!(replayed.take(key(2), ahead, NOW), Taken::TooNew);
        for far in [Timestamp(i64::MIN), Timestamp(0)] {
            assert_eq!(replayed.take(key(2), far, NOW), Taken::TooOld);
        }
    }

    #[test]
    fn what_was_given_back_is_taken_again() {
        let replayed = Replayed::default();
        assert_eq!(replayed.take(key(1), NOW, NOW), Taken::New);
        replayed.give_back(&key(1));
        assert_eq!(replayed.take(key(1), NOW, NOW), Taken::New);
    }

    #[test]
    fn a_later_change_overtakes_and_the_same_one_does_not() {
        let latest = Latest::default();
        assert!(!latest.is_overtaken("OPS-1", NOW, NOW));
        assert!(latest.is_overtaken("OPS-1", NOW.plus_ms(-1), NOW));
        assert!(!latest.is_overtaken("OPS-1", NOW, NOW));
        assert!(!latest.is_overtaken("OPS-2", NOW.plus_ms(-1), NOW));
        for number in 0..2 * MAX_FOLLOWED {
            latest.is_overtaken(&number.to_string(), NOW, NOW);
        }
        let later = NOW.plus_ms(MAX_AGE_MS + 1);
        assert!(!latest.is_overtaken("OPS-3", later, later));
        assert!(
            latest.is_overtaken("OPS-3", NOW, later),
            "there is room again"
        );
    }

    #[test]
    fn a_full_memory_refuses_what_it_may_have_forgotten() {
        let replayed = Replayed::default();
        for number in 0..=MAX_REMEMBERED {
            let at = NOW.plus_ms(number as i64);
            assert_eq!(replayed.take(key(number), at, at), Taken::New);
        }
        assert_eq!(replayed.take(key(0), NOW, NOW), Taken::TooOld);
        let second = NOW.plus_ms(1);
        assert_eq!(replayed.take(key(1), second, second), Taken::Again);
    }
}
