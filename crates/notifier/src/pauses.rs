//! Whom to leave alone until when, and what waits meanwhile. Pure: the time is an argument.
//!
//! Nothing is queued here: the journal is the outbox. What is kept is what a channel is behind with,
//! an entry for an incident, so that the sweep comes back to it, also when it has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use integrations::Error;
use model::{IncidentId, Timestamp};

/// First and longest pause after a channel failed for an incident, in wall time.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
pub const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The longest that a channel may ask to be left alone for: as for any outbound call.
pub const LONGEST_LATER: Duration = integrations::outbound::LONGEST_COME_BACK;
/// Incidents, each for one channel, that are known to be behind. Beyond it they are tried at each
/// sweep, and of those that are over only the latest are found again.
pub const MAX_BEHIND: usize = 10_000;

/// What a channel hasn't got of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub notices: usize,
    /// When the first of them was to be told; `None`: only what is shown is behind.
    pub oldest: Option<Timestamp>,
}

/// Pauses of incidents and of whole channels.
#[derive(Debug, Default)]
pub struct Pauses {
    behind: BTreeMap<(IncidentId, String), Behind>,
    /// Channels that asked to be left alone.
    channels: BTreeMap<String, Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Behind {
    until: Instant,
    /// Zero: it wasn't tried yet.
    length: Duration,
    waiting: Waiting,
}

impl Pauses {
    /// Whether an incident isn't to be tried on a channel yet.
    pub fn holds(&self, incident: &IncidentId, channel: &str, now: Instant) -> bool {
        let key = (incident.clone(), channel.to_owned());
        self.behind.get(&key).is_some_and(|one| now < one.until)
    }

    /// Until when the whole channel asked to be left alone.
    pub fn rests(&self, channel: &str, now: Instant) -> Option<Instant> {
        let until = self.channels.get(channel)?;
        (now < *until).then_some(*until)
    }

    /// It waits for a channel that rests, without a try.
    pub fn waits(
        &mut self,
        incident: &IncidentId,
        channel: &str,
        waiting: Waiting,
        until: Instant,
    ) {
        let key = (incident.clone(), channel.to_owned());
        let length = self.behind.get(&key).map_or(Duration::ZERO, |b| b.length);
        let behind = Behind {
            until,
            length,
            waiting,
        };
        self.put(key, behind);
    }

    /// Each failure doubles the incident's pause, up to the longest. A channel that says when to
    /// come back isn't called before, for any incident.
    pub fn failed(
        &mut self,
        incident: &IncidentId,
        channel: &str,
        error: &Error,
        waiting: Waiting,
        now: Instant,
    ) {
        let key = (incident.clone(), channel.to_owned());
        let before = self.behind.get(&key).map_or(Duration::ZERO, |b| b.length);
        let length = (before * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        let mut until = now + length;
        if let Error::Later { after, .. } = error {
            let asked = now + (*after).min(LONGEST_LATER);
            let rests = self.channels.entry(channel.to_owned()).or_insert(asked);
            *rests = asked.max(*rests);
            // It was the channel's word, not the incident's fault: tried again as soon as it may be.
            until = *rests;
        }
        let behind = Behind {
            until,
            length,
            waiting,
        };
        self.put(key, behind);
    }

    fn put(&mut self, key: (IncidentId, String), behind: Behind) {
        if self.behind.len() < MAX_BEHIND || self.behind.contains_key(&key) {
            self.behind.insert(key, behind);
        }
    }

    /// The channel has all of the incident.
    pub fn caught_up(&mut self, incident: &IncidentId, channel: &str) {
        self.behind.remove(&(incident.clone(), channel.to_owned()));
    }

    /// Incidents that some channel is behind with, and that may be tried now.
    pub fn left_over(&self, now: Instant) -> Vec<IncidentId> {
        let ready = self.behind.iter().filter(|(_, one)| one.until <= now);
        let ids: BTreeSet<&IncidentId> = ready.map(|((id, _), _)| id).collect();
        ids.into_iter().cloned().collect()
    }

    /// What each channel is behind with; none for those that are not.
    pub fn waiting(&self) -> BTreeMap<&str, Waiting> {
        let mut all: BTreeMap<&str, Waiting> = BTreeMap::new();
        for ((_, channel), behind) in &self.behind {
            let sum = all.entry(channel).or_insert(Waiting {
                notices: 0,
                oldest: None,
            });
            sum.notices += behind.waiting.notices;
            sum.oldest = [sum.oldest, behind.waiting.oldest]
                .into_iter()
                .flatten()
                .min();
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> IncidentId {
        IncidentId::derive("error-rate", &format!("cart-{number}"), Timestamp(0))
    }

    fn waiting(notices: usize, oldest: i64) -> Waiting {
        Waiting {
            notices,
            oldest: Some(Timestamp(oldest)),
        }
    }

    fn later(seconds: u64) -> Error {
        Error::Later {
            says: "not now".to_owned(),
            after: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn each_failure_doubles_the_pause_of_this_incident_alone() {
        let mut pauses = Pauses::default();
        let failed = Error::NotDone("refused".to_owned());
        let mut now = Instant::now();
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            pauses.failed(&id(1), "chat", &failed, waiting(1, 0), now);
            let end = now + Duration::from_secs(seconds);
            assert!(pauses.holds(&id(1), "chat", end - Duration::from_millis(1)));
            assert!(!pauses.holds(&id(1), "chat", end), "{seconds}");
            assert!(!pauses.holds(&id(2), "chat", now));
            assert!(!pauses.holds(&id(1), "pager", now));
            now = end;
        }
        assert_eq!(pauses.rests("chat", now), None);
        pauses.caught_up(&id(1), "chat");
        pauses.failed(&id(1), "chat", &failed, waiting(1, 0), now);
        assert!(!pauses.holds(&id(1), "chat", now + FIRST_PAUSE), "anew");
    }

    #[test]
    fn who_says_when_to_come_back_is_called_then_and_not_before() {
        let mut pauses = Pauses::default();
        let now = Instant::now();
        let end = now + Duration::from_secs(30);
        pauses.failed(&id(1), "chat", &later(30), waiting(1, 0), now);
        assert_eq!(pauses.rests("chat", now), Some(end), "for every incident");
        assert_eq!(pauses.rests("pager", now), None);
        assert!(pauses.holds(&id(1), "chat", end - Duration::from_millis(1)));
        assert!(!pauses.holds(&id(1), "chat", end));
        assert_eq!(pauses.rests("chat", end), None);

        // A shorter word doesn't take the longer one back; an endless one ends.
        pauses.failed(&id(2), "chat", &later(5), waiting(1, 0), now);
        assert_eq!(pauses.rests("chat", now), Some(end));
        pauses.failed(&id(2), "pager", &later(u64::MAX), waiting(1, 0), now);
        assert_eq!(pauses.rests("pager", now), Some(now + LONGEST_LATER));
    }

    #[test]
    fn an_hour_without_any_channel_costs_bounded_memory_and_all_of_it_is_left_over() {
        let mut pauses = Pauses::default();
        let now = Instant::now();
        let end = now + Duration::from_secs(3_600);
        for number in 0..MAX_BEHIND as u64 + 50 {
            pauses.waits(&id(number), "chat", waiting(2, number as i64), end);
            pauses.waits(&id(number), "chat", waiting(3, number as i64), end);
        }
        assert_eq!(pauses.behind.len(), MAX_BEHIND);
        assert!(pauses.left_over(now).is_empty());
        assert_eq!(pauses.left_over(end).len(), MAX_BEHIND);
        assert_eq!(pauses.waiting()["chat"], waiting(3 * MAX_BEHIND, 0));
        for number in 0..MAX_BEHIND as u64 {
            pauses.caught_up(&id(number), "chat");
        }
        assert!(pauses.waiting().is_empty() && pauses.left_over(end).is_empty());
    }
}
