//! When which incident is to be looked at again, and which need no look before.

use std::collections::{BTreeSet, HashMap};

use crate::identity::IncidentId;
use crate::time::Timestamp;

/// Incidents that are remembered; of others the sweep thinks.
pub const MAX_REMEMBERED: usize = 100_000;

/// What an incident's last look left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Looked {
    /// Its last record then.
    seq: u64,
    /// The version of all else that the decision rested on.
    version: u64,
    next: Option<Timestamp>,
}

#[derive(Debug, Clone, Default)]
pub struct Agenda {
    looked: HashMap<IncidentId, Looked>,
    times: BTreeSet<(Timestamp, IncidentId)>,
}

impl Agenda {
    /// A look is done, and left nothing to do before `next`, as long as neither its records nor
    /// `version` change.
    pub fn looked(&mut self, id: &IncidentId, seq: u64, version: u64, next: Option<Timestamp>) {
        self.forget(id);
        if self.looked.len() >= MAX_REMEMBERED {
            return;
        }
        let looked = Looked { seq, version, next };
        self.looked.insert(id.clone(), looked);
        if let Some(next) = next {
            self.times.insert((next, id.clone()));
        }
    }

    /// It is looked at next time whatever happens.
    pub fn forget(&mut self, id: &IncidentId) {
        if let Some(Looked {
            next: Some(next), ..
        }) = self.looked.remove(id)
        {
            self.times.remove(&(next, id.clone()));
        }
    }

    /// Whether a look would find nothing that the last one didn't.
    pub fn is_idle(&self, id: &IncidentId, seq: u64, version: u64, now: Timestamp) -> bool {
        self.looked.get(id).is_some_and(|looked| {
            looked.seq == seq
                && looked.version == version
                && looked.next.is_none_or(|next| now < next)
        })
    }

    /// The incidents whose time has come, at most so many, each once.
    pub fn due(&mut self, now: Timestamp, most: usize) -> Vec<IncidentId> {
        let times = self.times.iter();
        let due = times.take_while(|(at, _)| *at <= now).take(most);
        let due: Vec<IncidentId> = due.map(|(_, id)| id.clone()).collect();
        for id in &due {
            self.forget(id);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_looked_at_twice_for_nothing_and_everything_at_its_time() {
        let id = IncidentId::derive("error-rate", "cart", Timestamp(0));
        let mut agenda = Agenda::default();
        assert!(!agenda.is_idle(&id, 3, 1, Timestamp(0)), "never looked at");
        agenda.looked(&id, 3, 1, Some(Timestamp(100)));
        assert!(agenda.is_idle(&id, 3, 1, Timestamp(99)));
        assert!(!agenda.is_idle(&id, 4, 1, Timestamp(99)), "a new record");
        assert!(!agenda.is_idle(&id, 3, 2, Timestamp(99)), "a new silence");
        assert!(!agenda.is_idle(&id, 3, 1, Timestamp(100)));
        assert_eq!(agenda.due(Timestamp(99), 10), []);
        assert_eq!(agenda.due(Timestamp(100), 10), [id.clone()]);
        assert_eq!(agenda.due(Timestamp(100), 10), [], "once");
        agenda.looked(&id, 3, 1, None);
        assert!(agenda.is_idle(&id, 3, 1, Timestamp(i64::MAX)));
        agenda.forget(&id);
        assert!(!agenda.is_idle(&id, 3, 1, Timestamp(0)));
    }
}
