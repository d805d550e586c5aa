//! Which recipients a server took a mail for, so that they aren't sent it again while others are
//! put off (greylisting).
//!
//! A memory of one process, and no truth: what is forgotten is sent once more, under the same
//! `Message-ID`.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use lettre::Address;

/// Notices that are remembered; the oldest is forgotten first.
const ROOM: usize = 1_000;

/// Who has what.
#[derive(Debug, Default)]
pub(super) struct Taken {
    by: Mutex<VecDeque<(String, Vec<Address>)>>,
}

impl Taken {
    /// Those of `all` that haven't got this notice.
    pub fn left(&self, key: &str, all: Vec<Address>) -> Vec<Address> {
        let by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        match by.iter().find(|(known, _)| known == key) {
            Some((_, have)) => all.into_iter().filter(|one| !have.contains(one)).collect(),
            None => all,
        }
    }

    /// They have it now.
    pub fn by(&self, key: &str, who: &[Address]) {
        let mut by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, have)) = by.iter_mut().find(|(known, _)| known == key) {
            have.extend_from_slice(who);
            return;
        }
        if by.len() >= ROOM {
            by.pop_front();
        }
        by.push_back((key.to_owned(), who.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_it_is_left_out_and_the_memory_has_an_end() {
        let of = |text: &str| -> Address { text.parse().expect("an address") };
        let (anna, bob) = (of("anna@example.com"), of("bob@example.com"));
        let all = || vec![anna.clone(), bob.clone()];
        let taken = Taken::default();
        assert_eq!(taken.left("1", all()), all());
        taken.by("1", std::slice::from_ref(&anna));
        assert_eq!(taken.left("1", all()), [bob.clone()]);
        taken.by("1", std::slice::from_ref(&bob));
        assert!(taken.left("1", all()).is_empty());
        for number in 0..ROOM {
            taken.by(&format!("x{number}"), std::slice::from_ref(&anna));
        }
        assert_eq!(taken.by.lock().expect("not poisoned").len(), ROOM);
        assert_eq!(taken.left("1", all()), all(), "the oldest is forgotten");
    }
}
