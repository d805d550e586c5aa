//! Retention: whole segments go, by age or by bytes; the journal never.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use model::Timestamp;
use rusqlite::Connection;

use super::Embedded;
use super::catalog::Pattern;
use super::database::{blocking, meta, set_meta};
use super::engine::Engine;
use super::flush::forget;
use super::segment::Segment;
use crate::error::Error;
use crate::retention::Rule;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What one rule has dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    pub pattern: String,
    pub documents: u64,
    pub bytes: u64,
}

impl Embedded {
    /// Deletes segments of matching indices whose newest document is older than `before`; gives
    /// the number of documents. As in Elasticsearch, whole segments go, never single documents:
    /// a document may outlive its age by its segment's span of time. Documents in memory go to a
    /// segment first.
    pub async fn retain(&self, pattern: &str, before: Timestamp) -> Result<u64, Error> {
        self.flush().await?;
        let engine = self.inner.engine.clone();
        let pattern = Pattern::new(pattern);
        blocking(move || {
            let dropped = delete(&engine, |indices| {
                let all = indices.iter().filter(|(name, _)| pattern.names(name));
                older(all.flat_map(|(_, segments)| segments), before)
            })?;
            Ok(dropped.iter().map(|segment| segment.row.rows).sum())
        })
        .await
    }

    /// Holds every index against the first rule that names it. By age as [`Embedded::retain`];
    /// by bytes the segments with the oldest documents of all its indices go first. Segments
    /// without a time stay. Says of each rule what was dropped, where something was.
    pub async fn keep(&self, rules: &[Rule], now: Timestamp) -> Result<Vec<Dropped>, Error> {
        self.flush().await?;
        let engine = self.inner.engine.clone();
        let rules = rules.to_vec();
        blocking(move || {
            let mut done = Vec::new();
            for (place, rule) in rules.iter().enumerate() {
                let dropped = delete(&engine, |indices| by_rule(indices, &rules, place, now))?;
                if !dropped.is_empty() {
                    done.push(Dropped {
                        pattern: rule.pattern.clone(),
                        documents: dropped.iter().map(|segment| segment.row.rows).sum(),
                        bytes: dropped.iter().map(|segment| segment.row.bytes).sum(),
                    });
                }
            }
            Ok(done)
        })
        .await
    }
}

/// `meta`: what the clock said when retention was last done, milliseconds.
const SEEN: &str = "retention_seen";
/// `meta`: what became of it, for people.
const SAID: &str = "retention_said";

impl Embedded {
    /// What the clock said when retention was last done, also by an earlier process.
    pub async fn retention_seen(&self) -> Result<Option<Timestamp>, Error> {
        let text = self
            .inner
            .database
            .call(|connection| meta(connection, SEEN))
            .await?;
        Ok(text.and_then(|text| text.parse().ok()).map(Timestamp))
    }

    pub async fn see_retention(&self, now: Timestamp) -> Result<(), Error> {
        self.writable()?;
        let text = now.ms().to_string();
        let save = move |connection: &mut Connection| set_meta(connection, SEEN, &text);
        self.inner.database.call(save).await
    }

    /// What became of retention the last time; `None`: it never was.
    pub async fn retention_said(&self) -> Result<Option<String>, Error> {
        self.inner
            .database
            .call(|connection| meta(connection, SAID))
            .await
    }

    pub async fn say_retention(&self, said: &str) -> Result<(), Error> {
        self.writable()?;
        let text = said.to_owned();
        let save = move |connection: &mut Connection| set_meta(connection, SAID, &text);
        self.inner.database.call(save).await
    }
}

/// Indices with their segments.
type Indices = Vec<(String, Vec<Arc<Segment>>)>;

fn by_rule(indices: &Indices, rules: &[Rule], place: usize, now: Timestamp) -> Vec<Arc<Segment>> {
    let first = |name: &str| {
        rules
            .iter()
            .position(|rule| Pattern::new(&rule.pattern).names(name))
    };
    let rule = &rules[place];
    let mine = indices
        .iter()
        .filter(|(name, _)| first(name) == Some(place))
        .flat_map(|(_, segments)| segments);
    let mut gone = match rule.days {
        0 => Vec::new(),
        days => older(mine.clone(), now.plus_ms(-DAY_MS * i64::from(days))),
    };
    if rule.max_bytes > 0 {
        let known: HashSet<i64> = gone.iter().map(|segment| segment.row.id).collect();
        let kept = mine.filter(|segment| !known.contains(&segment.row.id));
        gone.extend(beyond(kept.cloned().collect(), rule.max_bytes));
    }
    gone
}

fn older<'a>(
    segments: impl Iterator<Item = &'a Arc<Segment>>,
    before: Timestamp,
) -> Vec<Arc<Segment>> {
    let is_old = |segment: &&Arc<Segment>| {
        let span = segment.row.span_ms;
        span.is_some_and(|(_, newest)| newest < before.ms())
    };
    segments.filter(is_old).cloned().collect()
}

/// The oldest of those that together have more bytes.
fn beyond(mut segments: Vec<Arc<Segment>>, max_bytes: u64) -> Vec<Arc<Segment>> {
    let mut bytes: u64 = segments.iter().map(|segment| segment.row.bytes).sum();
    segments.retain(|segment| segment.row.span_ms.is_some());
    segments.sort_by_key(|segment| (segment.row.span_ms.map(|span| span.1), segment.row.id));
    let taken = segments.into_iter().take_while(|segment| {
        let over = bytes > max_bytes;
        bytes = bytes.saturating_sub(segment.row.bytes);
        over
    });
    taken.collect()
}

/// Deletes the segments that are chosen: first in the database, then for queries, then their files
/// with their last readers.
fn delete(
    engine: &Engine,
    choose: impl FnOnce(&Indices) -> Vec<Arc<Segment>>,
) -> Result<Vec<Arc<Segment>>, Error> {
    let _no_flush = engine
        .flushing
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let indices: Indices = {
        let state = engine.state();
        let named = state.indices.iter();
        named
            .map(|(name, index)| (name.clone(), index.segments.clone()))
            .collect()
    };
    let old = choose(&indices);
    if old.is_empty() {
        return Ok(old);
    }
    engine.database.with(|connection| {
        let transaction = connection.transaction()?;
        for segment in &old {
            forget(&transaction, segment.row.id)?;
        }
        Ok(transaction.commit()?)
    })?;
    let mut state = engine.state_mut();
    for index in state.indices.values_mut() {
        index
            .segments
            .retain(|kept| !old.iter().any(|gone| Arc::ptr_eq(kept, gone)));
    }
    drop(state);
    old.iter().for_each(|segment| segment.retire());
    Ok(old)
}
