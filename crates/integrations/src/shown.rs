//! What was shown last at each place, so that what hasn't changed isn't sent again.
//!
//! A memory of one process, and no truth: what is forgotten is sent once more, and that changes
//! nothing.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// Places that are remembered: those of all incidents that an agent sweeps, and their offers.
pub(crate) const ROOM: usize = 10_000;

/// What was shown last at each place.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    last: Mutex<HashMap<String, u64>>,
}

impl Shown {
    /// Whether this is what was shown there last.
    pub fn is(&self, place: &str, content: &impl Hash) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(place) == Some(&digest(content))
    }

    /// It is shown there now. A full memory begins anew.
    pub fn now(&self, place: &str, content: &impl Hash) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= ROOM && !last.contains_key(place) {
            last.clear();
        }
        last.insert(place.to_owned(), digest(content));
    }
}

fn digest(content: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_known_and_the_memory_has_an_end() {
        let shown = Shown::default();
        assert!(!shown.is("C1:1", &"open"));
        shown.now("C1:1", &"open");
        assert!(shown.is("C1:1", &"open") && !shown.is("C1:1", &"resolved"));
        for number in 0..ROOM * 2 {
            shown.now(&number.to_string(), &"open");
        }
        let last = shown.last.lock().expect("not poisoned");
        assert!(last.len() <= ROOM);
    }
}
