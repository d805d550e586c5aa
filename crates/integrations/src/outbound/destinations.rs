//! What is remembered of destinations: breaker, calls under way, and the client that is pinned to
//! the addresses of the last decision.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::breaker::{Breaker, Shut, Ticket, Turn};
use super::destination::Destination;
use super::resolver::Pinned;

/// Destinations that are remembered: a place for each host that an operator lists, and room for
/// many that documents name. The one unused for longest is forgotten first.
pub const MAX_DESTINATIONS: usize = 256;
/// Calls under way to one destination: more would be a load on it rather than a help.
pub const MAX_CONCURRENT: usize = 16;
/// Calls that wait for one of those: beyond, something calls in a loop and is told so.
pub const MAX_WAITING: usize = 64;
/// To be connected, TLS included: a peer that takes longer is away.
pub const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Headers of an answer.
pub const MAX_ANSWER_HEADERS: usize = 100;

/// The bounded map of what is remembered, by `host:port`.
pub(super) struct Destinations {
    places: Mutex<HashMap<String, Arc<Place>>>,
    most: usize,
    clock: AtomicU64,
}

/// What is remembered of one destination.
pub(super) struct Place {
    breaker: Mutex<Breaker>,
    pub permits: Semaphore,
    client: Mutex<Option<PinnedClient>>,
    used: AtomicU64,
}

struct PinnedClient {
    addresses: Vec<SocketAddr>,
    client: reqwest::Client,
}

/// Why a destination has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// Too many calls to this one wait.
    Waiting,
    /// Every destination that is remembered has a call under way.
    Destinations,
}

/// A call that was let in. Dropped without an outcome, it says nothing of the destination.
pub(super) struct Pass<'a> {
    place: &'a Place,
    ticket: Ticket,
}

impl Default for Destinations {
    fn default() -> Self {
        Self::holding(MAX_DESTINATIONS)
    }
}

impl Destinations {
    fn holding(most: usize) -> Self {
        Self {
            places: Mutex::new(HashMap::new()),
            most,
            clock: AtomicU64::new(0),
        }
    }

    /// The destination's place, made where there is none. A place counts as used while it is held.
    pub fn enter(&self, destination: &Destination) -> Result<Arc<Place>, Full> {
        let used = self.clock.fetch_add(1, Ordering::Relaxed);
        let key = destination.to_string();
        let mut places = locked(&self.places);
        if let Some(place) = places.get(&key) {
            // The map's own, and one for each call.
            if Arc::strong_count(place) > MAX_CONCURRENT + MAX_WAITING {
                return Err(Full::Waiting);
            }
            place.used.store(used, Ordering::Relaxed);
            return Ok(place.clone());
        }
        if places.len() >= self.most {
            forget_one(&mut places)?;
        }
        let place = Arc::new(Place {
            breaker: Mutex::default(),
            permits: Semaphore::new(MAX_CONCURRENT),
            client: Mutex::default(),
            used: AtomicU64::new(used),
        });
        places.insert(key, place.clone());
        Ok(place)
    }
}

/// Forgets the place that was unused for longest, one with a closed breaker if there is any.
fn forget_one(places: &mut HashMap<String, Arc<Place>>) -> Result<(), Full> {
    let oldest = places
        .iter()
        .filter(|(_, place)| Arc::strong_count(place) == 1)
        .min_by_key(|(_, place)| {
            let shut = !locked(&place.breaker).is_closed();
            (shut, place.used.load(Ordering::Relaxed))
        })
        .map(|(key, _)| key.clone())
        .ok_or(Full::Destinations)?;
    if let Some(place) = places.remove(&oldest)
        && !locked(&place.breaker).is_closed()
    {
        metrics::gauge!(super::BREAKERS_OPEN).decrement(1.0);
    }
    Ok(())
}

impl Place {
    /// Asks the breaker.
    pub fn admit(&self, now: Instant) -> Result<Pass<'_>, Shut> {
        let ticket = locked(&self.breaker).admit(now)?;
        Ok(Pass {
            place: self,
            ticket,
        })
    }

    /// A client that connects to these addresses and to no others, for this destination alone. It
    /// is kept for the next call, which gets it only where the decision is the same again.
    pub fn client(
        &self,
        destination: &Destination,
        addresses: &[SocketAddr],
    ) -> Result<reqwest::Client, reqwest::Error> {
        let mut kept = locked(&self.client);
        if let Some(kept) = kept.as_ref()
            && kept.addresses.len() == addresses.len()
            && addresses.iter().all(|one| kept.addresses.contains(one))
        {
            return Ok(kept.client.clone());
        }
        let client = build(destination, addresses)?;
        *kept = Some(PinnedClient {
            addresses: addresses.to_vec(),
            client: client.clone(),
        });
        Ok(client)
    }
}

/// No proxy from the environment, no cookies, no `Referer`, no redirects, no second try, no
/// unpacking (a small answer stays small), and each request on a connection of its own.
fn build(
    destination: &Destination,
    addresses: &[SocketAddr],
) -> Result<reqwest::Client, reqwest::Error> {
    let pinned = Pinned {
        name: destination.name().map(str::to_owned),
        addresses: addresses.into(),
    };
    reqwest::Client::builder()
        .dns_resolver(Arc::new(pinned))
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .http1_only()
        .http1_max_headers(MAX_ANSWER_HEADERS)
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_TIME)
        .build()
}

impl Pass<'_> {
    pub fn succeeded(self) {
        let turn = locked(&self.place.breaker).succeeded(self.ticket);
        count(turn);
    }

    pub fn failed(self) {
        let turn = locked(&self.place.breaker).failed(self.ticket, Instant::now());
        count(turn);
    }
}

/// After an outcome was told the ticket is of an old term, or of a closed breaker: this does nothing.
impl Drop for Pass<'_> {
    fn drop(&mut self) {
        locked(&self.place.breaker).gave_up(self.ticket, Instant::now());
    }
}

fn count(turn: Turn) {
    match turn {
        Turn::None => {}
        Turn::Opened => {
            metrics::counter!(super::BREAKER_OPENED).increment(1);
            metrics::gauge!(super::BREAKERS_OPEN).increment(1.0);
        }
        Turn::Closed => metrics::gauge!(super::BREAKERS_OPEN).decrement(1.0),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::breaker::FAILURES_IN_A_ROW;
    use super::*;

    fn at(port: u16) -> Destination {
        Destination::parse(&format!("http://hooks.example.com:{port}/")).expect("an URL")
    }

    #[test]
    fn the_one_unused_for_longest_is_forgotten_and_none_in_use() {
        let destinations = Destinations::holding(2);
        let held = destinations.enter(&at(1)).expect("room");
        drop(destinations.enter(&at(2)).expect("room"));
        drop(destinations.enter(&at(3)).expect("room"));
        {
            let places = locked(&destinations.places);
            let mut known: Vec<&String> = places.keys().collect();
            known.sort();
            assert_eq!(known, ["hooks.example.com:1", "hooks.example.com:3"]);
        }
        let _third = destinations.enter(&at(3)).expect("room");
        let full = destinations.enter(&at(4)).err();
        assert_eq!(full, Some(Full::Destinations));
        drop(held);
        assert!(destinations.enter(&at(4)).is_ok());
    }

    #[test]
    fn a_shut_one_is_remembered_longer_than_those_that_answer() {
        let destinations = Destinations::holding(2);
        let place = destinations.enter(&at(1)).expect("room");
        for _ in 0..FAILURES_IN_A_ROW {
            place.admit(Instant::now()).expect("a pass").failed();
        }
        drop(place);
        for port in 2..20 {
            drop(destinations.enter(&at(port)).expect("room"));
        }
        let place = destinations.enter(&at(1)).expect("room");
        assert!(place.admit(Instant::now()).is_err(), "it is still shut");
    }

    #[test]
    fn calls_to_one_destination_queue_up_to_a_limit() {
        let destinations = Destinations::default();
        let held: Vec<_> = (0..MAX_CONCURRENT + MAX_WAITING)
            .map(|_| destinations.enter(&at(1)).expect("room"))
            .collect();
        assert_eq!(destinations.enter(&at(1)).err(), Some(Full::Waiting));
        assert!(destinations.enter(&at(2)).is_ok(), "others have room");
        drop(held);
        assert!(destinations.enter(&at(1)).is_ok());
    }

    #[test]
    fn a_client_is_kept_for_the_same_addresses_only() {
        let destinations = Destinations::default();
        let place = destinations.enter(&at(80)).expect("room");
        let one: SocketAddr = "93.184.215.14:80".parse().expect("an address");
        let two: SocketAddr = "93.184.215.15:80".parse().expect("an address");
        let pinned_to = |addresses: &[SocketAddr]| {
            place.client(&at(80), addresses).expect("a client");
            let kept = locked(&place.client);
            kept.as_ref().expect("is kept").addresses.clone()
        };
        assert_eq!(pinned_to(&[one, two]), [one, two]);
        assert_eq!(pinned_to(&[two, one]), [one, two], "the same, kept");
        assert_eq!(pinned_to(&[two]), [two]);
    }
}
