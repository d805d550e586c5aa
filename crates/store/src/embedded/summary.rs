//! What a row group comes to, kept beside it: for every combination of its columns with few
//! values the number of rows, and of every numeric column count, sum, least, greatest and a sketch.
//!
//! A query that asks for no more than that ([`super::partial`]) needn't read the rows. Counts and
//! sums are exact. A sketch is a histogram with buckets that grow by a constant factor
//! (Masson, Rim, Lee: DDSketch, 2019): a value out of it is within [`sketch::ERROR`] of the exact one.
//!
//! The summaries of a segment lie in its own file between the row groups and the footer, each a
//! small Parquet file; the footer's metadata says where ([`KEY`]). A segment without is read.

use std::collections::HashMap;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Float64Array, Int64Array, RecordBatch, UInt32Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, TimestampMillisecondType};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::order::SERVICE;
use super::segment::ID;
use super::sketch;
use crate::indices::TIMESTAMP;

/// Of the footer's metadata: a JSON list with a [`Head`] or null for each row group.
pub const KEY: &str = "datapulse.summaries.1";

/// Fewer rows are read as quickly.
const MIN_ROWS: usize = 4_096;

/// Values of a column that groups are told apart by, at most.
const MAX_VALUES: usize = 1_024;

/// Groups are told apart by one more column only as long as they have so many rows on average,
const ROWS_A_GROUP: usize = 32;
/// and as long as their sketches together have fewer entries than this share of the rows.
const ENTRIES: f64 = 0.25;
/// Entries of a sketch, about, where values are of one order of magnitude.
const USUAL_ENTRIES: usize = 100;

/// Where a summary lies, and what it knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Bytes from the start of the file, and how many.
    pub at: u64,
    pub bytes: u64,
    /// Columns whose value all rows of a group share.
    pub shared: Vec<String>,
    /// Numeric columns.
    pub measures: Vec<String>,
    /// Columns of the segment that it knows nothing of.
    pub unknown: Vec<String>,
    /// The first and the last `@timestamp`; every row has one.
    pub moments: (i64, i64),
}

/// The columns of a summary about measure number `measure`.
pub fn column(measure: usize, what: &str) -> String {
    format!("#{measure} {what}")
}

/// How many rows a group has, and its moments.
pub const ROWS: &str = "#rows";
pub const FIRST: &str = "#first";
pub const LAST: &str = "#last";

/// The summary of a row group. `None`: it isn't worth it, or not all rows have a moment.
pub fn of(batch: &RecordBatch) -> Option<(Head, RecordBatch)> {
    let moments = batch.column_by_name(TIMESTAMP)?;
    let moments = moments.as_primitive_opt::<TimestampMillisecondType>()?;
    if batch.num_rows() < MIN_ROWS || moments.null_count() > 0 {
        return None;
    }
    let groups = Groups::of(batch);
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for name in &groups.columns {
        let values = take(batch.column_by_name(name)?, &groups.first_rows(), None).ok()?;
        columns.push((name.clone(), values));
    }
    let times: Vec<(i64, i64)> = groups
        .rows()
        .map(|rows| {
            let at = rows.iter().map(|&row| moments.value(row as usize));
            at.fold((i64::MAX, i64::MIN), |(a, b), at| (a.min(at), b.max(at)))
        })
        .collect();
    let numbers = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let counts = groups.rows().map(|rows| rows.len() as i64).collect();
    columns.push((ROWS.to_owned(), numbers(counts)));
    columns.push((
        FIRST.to_owned(),
        numbers(times.iter().map(|at| at.0).collect()),
    ));
    columns.push((
        LAST.to_owned(),
        numbers(times.iter().map(|at| at.1).collect()),
    ));
    let mut measures = Vec::new();
    let mut unknown = Vec::new();
    for (field, values) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let name = field.name();
        if groups.columns.contains(name) || name == TIMESTAMP {
            continue;
        }
        let measured = match field.data_type() {
            DataType::Float64 => doubles(values, &groups),
            DataType::Int64 | DataType::Int32 => whole(values, &groups),
            _ => None,
        };
        match measured {
            Some(parts) => {
                let number = measures.len();
                let named = parts
                    .into_iter()
                    .map(|(what, part)| (column(number, what), part));
                columns.extend(named);
                measures.push(name.clone());
            }
            None => unknown.push(name.clone()),
        }
    }
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, values)| Field::new(name, values.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, values)| values).collect();
    let summary = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).ok()?;
    let head = Head {
        at: 0,
        bytes: 0,
        shared: groups.columns.clone(),
        measures,
        unknown,
        moments: (
            times.iter().map(|at| at.0).min()?,
            times.iter().map(|at| at.1).max()?,
        ),
    };
    Some((head, summary))
}

type Parts = Vec<(&'static str, ArrayRef)>;

fn doubles(values: &ArrayRef, groups: &Groups) -> Option<Parts> {
    let values = values.as_primitive_opt::<Float64Type>()?;
    let (mut counts, mut sums, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    let (mut least, mut greatest, mut sketches) = (Vec::new(), Vec::new(), Vec::new());
    let mut present = Vec::new();
    for rows in groups.rows() {
        present.clear();
        let valid = rows.iter().filter(|&&row| values.is_valid(row as usize));
        present.extend(valid.map(|&row| values.value(row as usize)));
        let sum = present
            .iter()
            .fold((0.0_f64, 0.0_f64), |sum, value| added(sum, *value));
        if !sum.0.is_finite() {
            return None;
        }
        counts.push(present.len() as i64);
        sums.push(sum.0);
        lost.push(sum.1);
        least.push(present.iter().copied().min_by(f64::total_cmp));
        greatest.push(present.iter().copied().max_by(f64::total_cmp));
        sketches.push(sketch::encode(&present));
    }
    let all = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
    Some(vec![
        ("count", Arc::new(Int64Array::from(counts))),
        ("sum", all(sums)),
        ("lost", all(lost)),
        ("least", Arc::new(Float64Array::from(least))),
        ("greatest", Arc::new(Float64Array::from(greatest))),
        ("sketch", Arc::new(BinaryArray::from_iter_values(sketches))),
    ])
}

/// A compensated sum (Kahan), as the engine adds doubles.
fn added((sum, lost): (f64, f64), value: f64) -> (f64, f64) {
    let corrected = value + lost;
    let next = sum + corrected;
    (next, corrected - (next - sum))
}

fn whole(values: &ArrayRef, groups: &Groups) -> Option<Parts> {
    let values = cast(values, &DataType::Int64).ok()?;
    let values = values.as_primitive_opt::<Int64Type>()?;
    let (mut counts, mut sums) = (Vec::new(), Vec::new());
    let (mut least, mut greatest, mut sketches) = (Vec::new(), Vec::new(), Vec::new());
    let mut present = Vec::new();
    for rows in groups.rows() {
        present.clear();
        let valid = rows.iter().filter(|&&row| values.is_valid(row as usize));
        present.extend(valid.map(|&row| values.value(row as usize)));
        let mut sum = 0_i64;
        for value in &present {
            sum = sum.checked_add(*value)?;
        }
        counts.push(present.len() as i64);
        sums.push(sum);
        least.push(present.iter().min().copied());
        greatest.push(present.iter().max().copied());
        let near: Vec<f64> = present.iter().map(|value| *value as f64).collect();
        sketches.push(sketch::encode(&near));
    }
    let all = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    Some(vec![
        ("count", all(counts)),
        ("sum", all(sums)),
        ("least", Arc::new(Int64Array::from(least))),
        ("greatest", Arc::new(Int64Array::from(greatest))),
        ("sketch", Arc::new(BinaryArray::from_iter_values(sketches))),
    ])
}

/// The rows of a row group, by what they share.
struct Groups {
    /// Names of the columns that all rows of a group share.
    columns: Vec<String>,
    /// Rows, group by group.
    order: Vec<u32>,
    /// Where each group begins in `order`, and where the last one ends.
    bounds: Vec<usize>,
}

impl Groups {
    fn of(batch: &RecordBatch) -> Self {
        let mut candidates: Vec<(usize, String, Vec<u32>)> = Vec::new();
        for (field, values) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            if field.name() != ID
                && let Some((count, numbers)) = numbered(values)
            {
                candidates.push((count, field.name().clone(), numbers));
            }
        }
        // By service above all; then by what tells fewest groups apart.
        candidates.sort_by_key(|(count, name, _)| (*count > 1 && name != SERVICE, *count));
        let mut columns = Vec::new();
        let mut of_row = vec![0_u32; batch.num_rows()];
        let mut sizes = vec![batch.num_rows()];
        for (count, name, numbers) in candidates {
            if count <= 1 {
                columns.push(name);
                continue;
            }
            let (finer, finer_sizes) = refine(&of_row, &numbers);
            if worth(&finer_sizes, batch.num_rows()) {
                (of_row, sizes) = (finer, finer_sizes);
                columns.push(name);
            }
        }
        let mut bounds = vec![0];
        for size in &sizes {
            bounds.push(bounds[bounds.len() - 1] + size);
        }
        let mut next = bounds.clone();
        let mut order = vec![0; batch.num_rows()];
        for (row, group) in of_row.iter().enumerate() {
            order[next[*group as usize]] = row as u32;
            next[*group as usize] += 1;
        }
        Self {
            columns,
            order,
            bounds,
        }
    }

    fn rows(&self) -> impl Iterator<Item = &[u32]> {
        self.bounds
            .windows(2)
            .map(|pair| &self.order[pair[0]..pair[1]])
    }

    fn first_rows(&self) -> UInt32Array {
        self.rows()
            .filter_map(|rows| rows.first().copied())
            .collect()
    }
}

/// Whether groups of these sizes are coarse enough to be kept.
fn worth(sizes: &[usize], rows: usize) -> bool {
    let entries: usize = sizes.iter().map(|size| (*size).min(USUAL_ENTRIES)).sum();
    sizes.len() * ROWS_A_GROUP <= rows && (entries as f64) < rows as f64 * ENTRIES
}

/// Groups told apart by one more column: of each row its group, and the groups' sizes.
fn refine(of_row: &[u32], numbers: &[u32]) -> (Vec<u32>, Vec<usize>) {
    let mut known: HashMap<(u32, u32), u32> = HashMap::new();
    let mut sizes: Vec<usize> = Vec::new();
    let mut before = None;
    let finer = of_row.iter().zip(numbers).map(|(group, number)| {
        let pair = (*group, *number);
        let finer = match before {
            Some((same, finer)) if same == pair => finer,
            _ => *known.entry(pair).or_insert_with(|| {
                sizes.push(0);
                sizes.len() as u32 - 1
            }),
        };
        before = Some((pair, finer));
        sizes[finer as usize] += 1;
        finer
    });
    let finer = finer.collect();
    (finer, sizes)
}

/// How many different values a column has, nothing among them, and which one each row has.
/// `None`: too many, or not of a kind that rows are told apart by.
fn numbered(values: &ArrayRef) -> Option<(usize, Vec<u32>)> {
    if values.null_count() == values.len() {
        return Some((1, vec![0; values.len()]));
    }
    match values.data_type() {
        DataType::Utf8 => {
            let values = values.as_string::<i32>();
            number(values.len(), |row| {
                values.is_valid(row).then(|| values.value(row))
            })
        }
        DataType::Boolean => {
            let values = values.as_boolean();
            number(values.len(), |row| {
                values.is_valid(row).then(|| values.value(row))
            })
        }
        _ => None,
    }
}

fn number<T: std::hash::Hash + Eq + Copy>(
    rows: usize,
    value: impl Fn(usize) -> Option<T>,
) -> Option<(usize, Vec<u32>)> {
    let mut known: HashMap<Option<T>, u32> = HashMap::new();
    let mut numbers = Vec::with_capacity(rows);
    let mut before: Option<(Option<T>, u32)> = None;
    for row in 0..rows {
        let value = value(row);
        let number = match before {
            Some((same, number)) if same == value => number,
            _ => {
                let next = known.len() as u32;
                *known.entry(value).or_insert(next)
            }
        };
        if known.len() > MAX_VALUES {
            return None;
        }
        before = Some((value, number));
        numbers.push(number);
    }
    Some((known.len(), numbers))
}
