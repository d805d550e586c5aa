//! What was seen before: a bounded memory of keys, with the time as an argument.
//!
//! One is kept for signatures of requests, one for what each click, submission and event is known
//! by. They are of one process: behind a balancer each process has its own, and what two of them
//! both let through is stopped by the incident's own rules, where a person decides once on a seal.

use std::collections::{HashMap, VecDeque};

/// Keys that are remembered where nothing else is asked for: far more than people click in five
/// minutes.
pub const USUAL_ROOM: usize = 20_000;
/// Bytes of a key.
pub const MAX_KEY: usize = 512;

/// Why a key isn't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Repeat {
    #[error("it was sent before")]
    Seen,
    /// Forgetting one to remember another would let the first be played again.
    #[error("too many requests within a few minutes: it can't be told whether it was sent before")]
    Full,
    #[error("what it is known by is over {MAX_KEY} bytes")]
    TooLong,
}

/// Keys, each until its time is over.
#[derive(Debug)]
pub struct Seen {
    room: usize,
    /// How long a key is remembered, in seconds.
    lives_s: i64,
    until: HashMap<String, i64>,
    /// In the order in which they came, with their ends.
    order: VecDeque<(i64, String)>,
}

impl Seen {
    /// `room` keys, each for `lives_s` seconds.
    pub fn new(room: usize, lives_s: i64) -> Self {
        Self {
            room,
            lives_s,
            until: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Remembers a key that is new.
    ///
    /// # Errors
    /// Where it is known, or there is no room for it.
    pub fn take(&mut self, key: &str, now_s: i64) -> Result<(), Repeat> {
        if key.len() > MAX_KEY {
            return Err(Repeat::TooLong);
        }
        self.forget(now_s);
        if self.until.contains_key(key) {
            return Err(Repeat::Seen);
        }
        if self.until.len() >= self.room {
            return Err(Repeat::Full);
        }
        let until = now_s.saturating_add(self.lives_s);
        self.until.insert(key.to_owned(), until);
        self.order.push_back((until, key.to_owned()));
        Ok(())
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.until.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.until.is_empty()
    }

    /// A clock that was set back keeps keys longer, never shorter.
    fn forget(&mut self, now_s: i64) {
        while let Some((until, key)) = self.order.front() {
            if *until > now_s {
                return;
            }
            self.until.remove(key);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_until_its_time_is_over() {
        let mut seen = Seen::new(3, 10);
        assert_eq!(seen.take("a", 100), Ok(()));
        assert_eq!(seen.take("a", 109), Err(Repeat::Seen));
        assert_eq!(seen.take("a", 90), Err(Repeat::Seen), "a clock set back");
        assert_eq!(seen.take("b", 105), Ok(()));
        assert_eq!(seen.take("a", 110), Ok(()), "its time was over");
        assert_eq!(seen.len(), 2);
        assert_eq!(
            seen.take(&"x".repeat(MAX_KEY + 1), 110),
            Err(Repeat::TooLong)
        );
    }

    #[test]
    fn a_full_memory_forgets_nothing_and_takes_nothing() {
        let mut seen = Seen::new(2, 10);
        assert_eq!(seen.take("a", 0), Ok(()));
        assert_eq!(seen.take("b", 0), Ok(()));
        assert_eq!(seen.take("c", 0), Err(Repeat::Full));
        assert_eq!(seen.take("a", 0), Err(Repeat::Seen));
        assert_eq!(seen.take("c", 10), Ok(()), "both are over");
        assert_eq!(seen.len(), 1);
    }
}
