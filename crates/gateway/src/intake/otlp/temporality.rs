//! From cumulative points, which say how many there were since the process began, to how many
//! there were since the point before.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use sha2::{Digest, Sha256};

use super::exponential::Exponential;

/// Runs of series that are remembered; the points of others have no request fields.
pub const MAX_SERIES: usize = 50_000;
/// Points with more buckets than this are remembered without them.
pub const MAX_BUCKETS: usize = 200;
/// A run without a point for so long makes room where there is none: its process is gone.
pub const MAX_IDLE: Duration = Duration::from_secs(15 * 60);

/// Runs that found no room, by name in `/metrics`.
const OVER_LIMIT: &str = "otlp_series_over_limit_total";

/// Resource, scope, metric and attributes, hashed: a series takes the same room however long its
/// attributes are.
pub type Series = [u8; 32];

/// The parts are length-prefixed, so that no two series read alike.
pub fn series(resource: Option<&Resource>, scope: &str, metric: &str, of: &[KeyValue]) -> Series {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(scope.as_bytes());
    part(metric.as_bytes());
    let attributes = resource.map_or(&[] as &[KeyValue], |resource| &resource.attributes);
    for list in [attributes, of] {
        // Senders may change the order from one point to the next.
        let mut encoded: Vec<_> = list.iter().map(Message::encode_to_vec).collect();
        encoded.sort_unstable();
        part(&(encoded.len() as u64).to_le_bytes());
        encoded.iter().for_each(|attribute| part(attribute));
    }
    hash.finalize().into()
}

/// What a cumulative point says.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub start_ns: u64,
    pub time_ns: u64,
    pub counts: Counts,
}

/// How many values there were, their sum, and how many fell into each bucket.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counts {
    pub count: u64,
    pub sum: Option<f64>,
    /// Empty where they aren't known.
    pub buckets: Vec<u64>,
    /// The buckets of an exponential histogram.
    pub exponential: Option<Exponential>,
}

impl Counts {
    /// What came since; `None` where there is less now.
    fn since(&self, before: &Self) -> Option<Self> {
        // A sum alone, which only grows.
        if self.count == 0 && before.count == 0 && self.sum < before.sum {
            return None;
        }
        let exponential = self.exponential.as_ref().zip(before.exponential.as_ref());
        let same_buckets = self.buckets.len() == before.buckets.len();
        let pairs = self.buckets.iter().zip(&before.buckets);
        let buckets = pairs.map(|(now, then)| now.checked_sub(*then)).collect();
        Some(Self {
            count: self.count.checked_sub(before.count)?,
            sum: self.sum.zip(before.sum).map(|(now, then)| now - then),
            buckets: Option::filter(buckets, |_| same_buckets).unwrap_or_default(),
            exponential: exponential.and_then(|(now, then)| now.since(then)),
        })
    }
}

/// A series from one start: where processes share a resource, each has its own run.
type Run = (Series, u64);

/// The last point of a run, or of all runs of a series.
#[derive(Debug, Clone)]
struct Last {
    time_ns: u64,
    counts: Counts,
    came: Instant,
}

/// The last points of all series.
#[derive(Debug, Default)]
pub struct Deltas {
    runs: HashMap<Run, Last>,
    /// The newest time of each series that has a run, and when it came.
    newest: HashMap<Series, (u64, Instant)>,
    has_been_full: bool,
}

/// What a batch of points will change, once it is stored.
#[derive(Debug, Default)]
pub struct Changes {
    runs: HashMap<Run, Last>,
    newest: HashMap<Series, (u64, Instant)>,
    /// Runs that found no room.
    over_limit: u64,
}

/// One batch of points, read against what was stored before.
pub struct Batch<'a> {
    deltas: &'a Deltas,
    now: Instant,
    room: usize,
    changes: Changes,
}

impl Deltas {
    /// Starts a batch. What is idle gives way here, so that it costs one look a batch at most.
    pub fn batch(&mut self, now: Instant) -> Batch<'_> {
        self.batch_within(MAX_SERIES, now)
    }

    fn batch_within(&mut self, limit: usize, now: Instant) -> Batch<'_> {
        if self.runs.len() >= limit {
            let is_fresh = |came: Instant| now.saturating_duration_since(came) < MAX_IDLE;
            self.runs.retain(|_, last| is_fresh(last.came));
            self.newest.retain(|_, (_, came)| is_fresh(*came));
        }
        Batch {
            room: limit.saturating_sub(self.runs.len()),
            deltas: self,
            now,
            changes: Changes::default(),
        }
    }

    /// The batch is stored: its points are those that the next are held against.
    pub fn commit(&mut self, changes: Changes) {
        self.runs.extend(changes.runs);
        self.newest.extend(changes.newest);
        if changes.over_limit > 0 {
            metrics::counter!(OVER_LIMIT).increment(changes.over_limit);
            if !self.has_been_full {
                self.has_been_full = true;
                tracing::warn!(
                    limit = MAX_SERIES,
                    "too many cumulative request series: points of new ones are stored without \
                     request_count, error_count and latency; send delta temporality, or fewer attributes"
                );
            }
        }
    }
}

impl Batch<'_> {
    /// What a cumulative point says of the time since the point before it; `None` where nothing
    /// is known of that time.
    pub fn interval(&mut self, series: Series, mut point: Point) -> Option<Counts> {
        if point.counts.buckets.len() > MAX_BUCKETS {
            point.counts.buckets.clear();
        }
        let run = (series, point.start_ns);
        let last = self
            .changes
            .runs
            .get(&run)
            .or_else(|| self.deltas.runs.get(&run));
        let newest = self
            .changes
            .newest
            .get(&series)
            .or_else(|| self.deltas.newest.get(&series));
        let newest_ns = newest.map(|(time_ns, _)| *time_ns);
        let interval = match last {
            Some(last) if point.time_ns <= last.time_ns => return None,
            // Less than before from the same start: the process began anew and didn't say so.
            Some(last) => Some(
                point
                    .counts
                    .since(&last.counts)
                    .unwrap_or_else(|| point.counts.clone()),
            ),
            None if self.room == 0 => {
                self.changes.over_limit += 1;
                return None;
            }
            None => {
                self.room -= 1;
                // A start after the last point is a process that began anew. One before it is
                // another process under the same name, whose points so far nobody saw.
                let began_anew = newest_ns.is_some_and(|time_ns| point.start_ns >= time_ns);
                began_anew.then(|| point.counts.clone())
            }
        };
        let newest_ns = newest_ns.unwrap_or(0).max(point.time_ns);
        self.changes.newest.insert(series, (newest_ns, self.now));
        let last = Last {
            time_ns: point.time_ns,
            counts: point.counts,
            came: self.now,
        };
        self.changes.runs.insert(run, last);
        interval
    }

    pub fn changes(self) -> Changes {
        self.changes
    }
}

#[cfg(test)]
mod tests;
