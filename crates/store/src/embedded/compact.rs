//! Segments put together: few of them, each of its own time, without the rows that were replaced.
//!
//! The new files are written and synced first; one transaction names them and forgets the old
//! ones; then queries see them. A crash before the transaction leaves files that no row names,
//! which the next start deletes.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, PoisonError};

use arrow::array::AsArray;
use arrow::datatypes::TimestampMillisecondType;

use super::Embedded;
use super::catalog::Pattern;
use super::database::blocking;
use super::engine::Engine;
use super::flush::{Source, Written, exchange, publish};
use super::folder::sync_folder;
use super::read::without;
use super::segment::{Segment, SegmentRow};
use super::write::write;
use crate::error::Error;
use crate::indices::TIMESTAMP;

/// That many small segments of an index are put together as they come.
const SMALL_SEGMENTS: usize = 8;

/// Segments are cut at whole minutes.
const SLICE_MS: i64 = 60_000;

/// Segments of one index overlap in time where their spans together are so many times the span
/// of all: then a window reads many of them, and they are sorted anew.
const OVERLAP: f64 = 2.0;

/// What [`Embedded::compact`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compaction {
    /// Segments that were read, and those that stand for them now.
    pub segments_before: usize,
    pub segments_after: usize,
    pub bytes_before: u64,
    pub bytes_after: u64,
    /// Rows that the new segments hold.
    pub rows: u64,
}

impl Embedded {
    /// Puts the segments of matching indices together, sorted by time: what is in memory goes to
    /// segments first. Queries and ingest go on meanwhile; each index takes room on the disk for
    /// its old and its new segments until it is through. What is in order already stays.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where files can't be written: the old segments stay.
    pub async fn compact(&self, pattern: &str) -> Result<Compaction, Error> {
        self.flush().await?;
        let engine = self.inner.engine.clone();
        let pattern = Pattern::new(pattern);
        blocking(move || all(&engine, &pattern)).await
    }
}

fn all(engine: &Engine, pattern: &Pattern) -> Result<Compaction, Error> {
    let names: Vec<String> = {
        let state = engine.state();
        let matching = state.indices.keys().filter(|name| pattern.names(name));
        matching.cloned().collect()
    };
    let mut done = Compaction::default();
    for name in names {
        // Rows may be written between two indices, not within one.
        let _no_flush = engine
            .flushing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let segments = {
            let state = engine.state();
            let index = state.indices.get(&name);
            index.map_or_else(Vec::new, |index| index.segments.clone())
        };
        for group in out_of_order(segments, engine.options.flush_rows) {
            done.segments_before += group.len();
            done.bytes_before += group.iter().map(|segment| segment.row.bytes).sum::<u64>();
            let rows = put_together(engine, group)?;
            done.segments_after += rows.len();
            done.bytes_after += rows.iter().map(|row| row.bytes).sum::<u64>();
            done.rows += rows.iter().map(|row| row.rows).sum::<u64>();
        }
    }
    Ok(done)
}

/// One group, with its own transaction.
fn put_together(engine: &Engine, group: Vec<Arc<Segment>>) -> Result<Vec<SegmentRow>, Error> {
    let mut written = [merge(engine, group)?];
    if engine.options.durable {
        sync_folder(&engine.folder.segments())?;
    }
    engine.database.with(|connection| {
        let transaction = connection.transaction()?;
        exchange(&transaction, &mut written)?;
        Ok(transaction.commit()?)
    })?;
    let rows = written.iter().flat_map(|new| new.rows.clone()).collect();
    publish(engine, &mut engine.state_mut(), written.into());
    Ok(rows)
}

/// Small segments of each index, put together so that their number stays small; with the flush
/// that is under way they become visible.
pub fn small(engine: &Engine) -> Result<Vec<Written>, Error> {
    let candidates: Vec<Vec<Arc<Segment>>> = {
        let state = engine.state();
        let groups = state
            .indices
            .values()
            .map(|index| small_ones(&index.segments, engine.options.flush_rows));
        groups
            .filter(|group| group.len() >= SMALL_SEGMENTS)
            .collect()
    };
    let merged = candidates.into_iter().map(|group| merge(engine, group));
    merged.collect()
}

/// The oldest segments that together make one of usual size.
fn small_ones(segments: &[Arc<Segment>], rows: u64) -> Vec<Arc<Segment>> {
    let mut sum = 0;
    in_order(segments.to_vec())
        .into_iter()
        .filter(|segment| segment.row.rows < rows / 2 && segment.check().is_ok())
        .take_while(|segment| {
            sum += segment.row.rows;
            sum <= rows
        })
        .collect()
}

fn in_order(mut segments: Vec<Arc<Segment>>) -> Vec<Arc<Segment>> {
    segments.sort_by_key(|segment| (segment.row.span_ms, segment.row.id));
    segments
}

/// Segments that are better written anew, by what can be written anew by itself.
fn out_of_order(segments: Vec<Arc<Segment>>, most: u64) -> Vec<Vec<Arc<Segment>>> {
    let readable = segments.into_iter().filter(|one| one.check().is_ok());
    let mut groups: Vec<Vec<Arc<Segment>>> = Vec::new();
    for segment in in_order(readable.collect()) {
        match groups.last_mut() {
            Some(group) if belongs(group, &segment, most) => group.push(segment),
            _ => groups.push(vec![segment]),
        }
    }
    groups.retain(|group| group.len() > 1 || group.iter().any(|one| !one.replaced().is_empty()));
    groups
}

/// Whether a segment goes with those before it: it fits, or their times overlap by much.
fn belongs(group: &[Arc<Segment>], next: &Segment, most: u64) -> bool {
    let rows: u64 = group.iter().map(|one| one.row.rows).sum();
    if rows + next.row.rows <= most {
        return true;
    }
    let spans: Vec<(i64, i64)> = group.iter().filter_map(|one| one.row.span_ms).collect();
    let (Some(next), Some(until)) = (next.row.span_ms, spans.iter().map(|span| span.1).max())
    else {
        return false;
    };
    let length = |span: (i64, i64)| (span.1 - span.0 + SLICE_MS) as f64;
    let shared = (until.min(next.1) - next.0) as f64;
    shared * OVERLAP > length(next)
}

/// Writes what the group holds: a segment for each slice of time, none for rows that nobody wants.
fn merge(engine: &Engine, group: Vec<Arc<Segment>>) -> Result<Written, Error> {
    let replaced: Vec<Arc<HashSet<String>>> = group.iter().map(|one| one.replaced()).collect();
    let index = group
        .first()
        .map(|first| first.row.index.clone())
        .unwrap_or_default();
    let mut rows = Vec::new();
    for slice in slices(&group, engine.options.flush_rows)? {
        let mut batches = Vec::new();
        for (segment, replaced) in group.iter().zip(&replaced) {
            for batch in segment.read_between(&slice)? {
                batches.push(without(&batch, replaced)?);
            }
        }
        batches.retain(|batch| batch.num_rows() > 0);
        if batches.is_empty() {
            continue;
        }
        let file = format!("{}.parquet", engine.new_id());
        let folder = engine.folder.segments();
        rows.push(write(
            &folder,
            &file,
            &index,
            &batches,
            engine.options.durable,
        )?);
    }
    Ok(Written {
        index,
        rows,
        source: Source::Merged {
            replaced: replaced
                .iter()
                .flat_map(|ids| ids.iter().cloned())
                .collect(),
            segments: group,
        },
    })
}

/// Spans of time that hold about `most` rows each and all rows together; rows without a moment
/// are in the first one.
fn slices(group: &[Arc<Segment>], most: u64) -> Result<Vec<Range<i64>>, Error> {
    let all = || std::iter::once(i64::MIN..i64::MAX).collect();
    if group.iter().map(|one| one.row.rows).sum::<u64>() <= most {
        return Ok(all());
    }
    let mut minutes: BTreeMap<i64, u64> = BTreeMap::new();
    for segment in group {
        for batch in segment.read(Some(TIMESTAMP))? {
            let column = batch.column_by_name(TIMESTAMP);
            let moments =
                column.and_then(|column| column.as_primitive_opt::<TimestampMillisecondType>());
            // Not one moment a row: there is no time to cut at.
            let Some(moments) = moments else {
                return Ok(all());
            };
            for moment in moments.iter().flatten() {
                *minutes.entry(moment.div_euclid(SLICE_MS)).or_default() += 1;
            }
        }
    }
    let mut slices = Vec::new();
    let (mut from, mut rows) = (i64::MIN, 0);
    for (minute, count) in minutes {
        if rows > 0 && rows + count > most {
            slices.push(from..minute * SLICE_MS);
            (from, rows) = (minute * SLICE_MS, 0);
        }
        rows += count;
    }
    slices.push(from..i64::MAX);
    Ok(slices)
}
