//! Who was wrong too often, by address: they are told to wait, and nobody else is.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;

use crate::tls::Connection;

/// Addresses that are remembered at once; the ones that were quiet longest go first.
pub const MAX_PEERS: usize = 10_000;

/// The address that a request came from: behind a proxy, the proxy's. `None`: it came by no socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub Option<IpAddr>);

impl Peer {
    pub fn of(extensions: &axum::http::Extensions) -> Self {
        let from = extensions.get::<ConnectInfo<Connection>>();
        Self(from.map(|ConnectInfo(connection)| connection.address.ip()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// Moments at which each address was wrong.
#[derive(Debug)]
pub struct Wrongs {
    most: usize,
    within: Duration,
    by: HashMap<Peer, VecDeque<Instant>>,
}

impl Wrongs {
    /// After `most` within this time, an address has to wait.
    pub fn new(most: usize, within: Duration) -> Self {
        Self {
            most,
            within,
            by: HashMap::new(),
        }
    }

    pub fn must_wait(&mut self, peer: Peer, now: Instant) -> bool {
        let Some(moments) = self.by.get_mut(&peer) else {
            return false;
        };
        while moments
            .front()
            .is_some_and(|at| now.duration_since(*at) >= self.within)
        {
            moments.pop_front();
        }
        moments.len() >= self.most
    }

    pub fn count(&mut self, peer: Peer, now: Instant) {
        if !self.by.contains_key(&peer) && self.by.len() >= MAX_PEERS {
            let quiet = self
                .by
                .iter()
                .min_by_key(|(_, moments)| moments.back().copied());
            if let Some(quiet) = quiet.map(|(peer, _)| *peer) {
                self.by.remove(&quiet);
            }
        }
        let moments = self.by.entry(peer).or_default();
        if moments.len() >= self.most {
            moments.pop_front();
        }
        moments.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> Peer {
        Peer(Some(IpAddr::from([10, 0, 0, last])))
    }

    #[test]
    fn one_waits_and_others_do_not() {
        let mut wrongs = Wrongs::new(3, Duration::from_secs(60));
        let now = Instant::now();
        for _ in 0..3 {
            assert!(!wrongs.must_wait(peer(1), now));
            wrongs.count(peer(1), now);
        }
        assert!(wrongs.must_wait(peer(1), now));
        assert!(!wrongs.must_wait(peer(2), now));
        let later = now + Duration::from_secs(60);
        assert!(!wrongs.must_wait(peer(1), later));
    }

    #[test]
    fn however_many_come_the_memory_is_bounded() {
        let mut wrongs = Wrongs::new(2, Duration::from_secs(60));
        let begun = Instant::now();
        for number in 0..MAX_PEERS as u32 + 50 {
            let at = begun + Duration::from_millis(u64::from(number));
            wrongs.count(Peer(Some(IpAddr::from(number.to_be_bytes()))), at);
        }
        assert_eq!(wrongs.by.len(), MAX_PEERS);
        for _ in 0..100 {
            wrongs.count(peer(1), begun);
        }
        assert_eq!(wrongs.by[&peer(1)].len(), 2);
    }
}
