//! Rows that are in the log and in no segment yet, and their ids.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::align::{align, unify};
use super::segment::span_ms;

/// Small batches are put together up to this many rows, so that a query reads few of them.
const MERGED_ROWS: usize = 16_384;

/// Ids as 128 bits under two secret keys: as good as the ids themselves, and of one size.
#[derive(Debug, Clone, Default)]
pub struct IdKeys(RandomState, RandomState);

impl IdKeys {
    pub fn key(&self, id: &str) -> u128 {
        u128::from(self.0.hash_one(id)) << 64 | u128::from(self.1.hash_one(id))
    }
}

#[derive(Debug, Clone)]
struct Part {
    /// The number of its first row.
    start: u64,
    batch: RecordBatch,
}

/// The rows of one index.
#[derive(Debug, Default)]
pub struct Memory {
    parts: Vec<Part>,
    /// By id: the row's number.
    ids: HashMap<u128, u64>,
    /// Numbers of rows that count no more.
    dead: HashSet<u64>,
    /// Nothing is added any more: a segment is being written from these rows.
    frozen: bool,
    /// Ids that died since then: the segment has their rows.
    dead_ids: Vec<String>,
    rows: u64,
    bytes: usize,
    span_ms: Option<(i64, i64)>,
    since: Option<Instant>,
}

impl Memory {
    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn span_ms(&self) -> Option<(i64, i64)> {
        self.span_ms
    }

    /// When the oldest row came.
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    pub fn contains(&self, key: u128) -> bool {
        self.ids.contains_key(&key)
    }

    /// The rows as they are, for a segment; from here on it is empty.
    pub fn freeze(&mut self) -> Self {
        let mut rows = std::mem::take(self);
        rows.frozen = true;
        rows
    }

    /// The row of this id counts no more; whether there was one.
    pub fn kill(&mut self, key: u128, id: &str) -> bool {
        let Some(row) = self.ids.remove(&key) else {
            return false;
        };
        self.dead.insert(row);
        if self.frozen {
            self.dead_ids.push(id.to_owned());
        }
        true
    }

    pub fn dead_ids(&self) -> &[String] {
        &self.dead_ids
    }

    /// Adds rows with their ids' keys, in order.
    pub fn push(&mut self, batch: RecordBatch, keys: impl IntoIterator<Item = u128>, now: Instant) {
        // Of a batch that only takes documents away.
        if batch.num_rows() == 0 {
            return;
        }
        let start = self.rows;
        self.ids.extend(keys.into_iter().zip(start..));
        self.rows += batch.num_rows() as u64;
        self.bytes += size(&batch);
        self.since.get_or_insert(now);
        self.span_ms = match (self.span_ms, span_ms(&batch)) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (a, b) => a.or(b),
        };
        self.parts.push(Part { start, batch });
        self.merge();
    }

    /// Puts the last two parts together while they are small and of like size: each row is
    /// copied a few times at most, and there are few parts.
    fn merge(&mut self) {
        while let [.., before, last] = self.parts.as_slice() {
            let (a, b) = (before.batch.num_rows(), last.batch.num_rows());
            if a + b > MERGED_ROWS || b * 2 < a {
                return;
            }
            let Ok(batch) = join(&[&before.batch, &last.batch]) else {
                return;
            };
            let start = before.start;
            self.parts.truncate(self.parts.len() - 2);
            self.parts.push(Part { start, batch });
        }
    }

    /// The rows that count.
    pub fn batches(&self) -> Vec<RecordBatch> {
        self.parts
            .iter()
            .map(|part| {
                let rows = part.start..part.start + part.batch.num_rows() as u64;
                if self.dead.is_empty() || !rows.clone().any(|row| self.dead.contains(&row)) {
                    return part.batch.clone();
                }
                let alive: BooleanArray = rows.map(|row| Some(!self.dead.contains(&row))).collect();
                // A mask of the batch's own length always fits.
                filter_record_batch(&part.batch, &alive).unwrap_or_else(|_| part.batch.clone())
            })
            .filter(|batch| batch.num_rows() > 0)
            .collect()
    }

    pub fn alive(&self) -> u64 {
        self.rows - self.dead.len() as u64
    }
}

/// Bytes of a batch's values. Columns that were read from the log share one buffer, which
/// `get_array_memory_size` would count for each of them.
fn size(batch: &RecordBatch) -> usize {
    let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
    batch.columns().iter().map(bytes).sum()
}

fn join(batches: &[&RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let schema = unify(batches.iter().map(|batch| batch.schema_ref().as_ref()));
    let aligned = batches
        .iter()
        .map(|batch| align(batch, &schema))
        .collect::<Result<Vec<_>, _>>()?;
    concat_batches(&schema, &aligned)
}
