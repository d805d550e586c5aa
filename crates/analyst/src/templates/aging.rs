//! A map that forgets.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Keys are hashes already.
#[derive(Default)]
pub struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

pub type Map<V> = HashMap<u64, V, BuildHasherDefault<AsIs>>;

/// A map of two halves: when the young half is full, the old one is forgotten. What is asked for
/// moves to the young half, so what is in use stays.
pub struct Aging<V> {
    young: Map<V>,
    old: Map<V>,
    half: usize,
}

impl<V> Aging<V> {
    /// Holds `bound` entries at most.
    pub fn new(bound: usize) -> Self {
        Self {
            young: Map::default(),
            old: Map::default(),
            half: (bound / 2).max(1),
        }
    }

    pub fn get(&mut self, key: u64) -> Option<&mut V> {
        if !self.young.contains_key(&key) {
            let value = self.old.remove(&key)?;
            self.put(key, value);
        }
        self.young.get_mut(&key)
    }

    pub fn put(&mut self, key: u64, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_forgotten() {
        let mut map = Aging::new(8);
        map.put(0, "asked for");
        for key in 1..100 {
            map.put(key, "once");
            assert!(map.len() <= 8);
            assert_eq!(map.get(0).copied(), Some("asked for"));
        }
        assert!(map.get(1).is_none());
        assert!(map.get(99).is_some());
    }

    #[test]
    fn a_key_has_one_value() {
        let mut map = Aging::new(4);
        for key in [1, 2, 3, 1] {
            map.put(key, key);
        }
        map.put(1, 7);
        assert_eq!(map.get(1).copied(), Some(7));
        assert_eq!(map.len(), 3);
    }
}
