//! Which rows of a segment lie together.
//!
//! Rows are cut into row groups by time, at round moments where there is a choice, so that a
//! window touches few of them; within a row group rows are ordered by level, service and time,
//! so that one service's rows, or the few errors, lie in few pages.

use std::collections::HashMap;

use arrow::array::{AsArray, RecordBatch, StringArray};
use arrow::datatypes::TimestampMillisecondType;

use crate::indices::TIMESTAMP;

pub const LEVEL: &str = "log.level";
pub const SERVICE: &str = "service.name";

/// Rows of a row group at most: what a query reads at least of a column.
pub const GROUP_ROWS: usize = 65_536;

/// Where a row group would rather end, roundest first, in milliseconds.
const ROUND_MS: [i64; 7] = [
    86_400_000, 21_600_000, 3_600_000, 1_800_000, 900_000, 300_000, 60_000,
];

/// A row: its batch, and its place there.
pub type Place = (usize, usize);

/// The rows of each row group, in order.
pub fn row_groups(batches: &[RecordBatch]) -> Vec<Vec<Place>> {
    let places = places(batches);
    let keys = sort_keys(batches, places.len());
    let groups = match moments(batches, places.len()) {
        Some(moments) => by_time(&moments),
        None => (0..places.len())
            .collect::<Vec<_>>()
            .chunks(GROUP_ROWS)
            .map(<[usize]>::to_vec)
            .collect(),
    };
    let ordered = groups.into_iter().map(|mut rows| {
        rows.sort_by_key(|&row| keys[row]);
        rows.into_iter().map(|row| places[row]).collect()
    });
    ordered.collect()
}

fn places(batches: &[RecordBatch]) -> Vec<Place> {
    let numbered = batches.iter().enumerate();
    numbered
        .flat_map(|(number, batch)| (0..batch.num_rows()).map(move |row| (number, row)))
        .collect()
}

/// `@timestamp` of every row; rows without one come first. `None`: it isn't one moment a row.
fn moments(batches: &[RecordBatch], rows: usize) -> Option<Vec<i64>> {
    let mut all = Vec::with_capacity(rows);
    for batch in batches {
        let column = batch.column_by_name(TIMESTAMP)?;
        let column = column.as_primitive_opt::<TimestampMillisecondType>()?;
        all.extend(column.iter().map(|moment| moment.unwrap_or(i64::MIN)));
    }
    Some(all)
}

/// Rows in the order of time, cut into row groups.
fn by_time(moments: &[i64]) -> Vec<Vec<usize>> {
    let mut rows: Vec<usize> = (0..moments.len()).collect();
    if !moments.is_sorted() {
        rows.sort_by_key(|&row| moments[row]);
    }
    let mut groups = Vec::new();
    let mut rest = rows.as_slice();
    while !rest.is_empty() {
        let (group, after) = rest.split_at(cut(rest, moments));
        groups.push(group.to_vec());
        rest = after;
    }
    groups
}

/// How many of the rows make the next row group.
fn cut(rows: &[usize], moments: &[i64]) -> usize {
    if rows.len() <= GROUP_ROWS {
        return rows.len();
    }
    let at = |place: usize| moments[rows[place]];
    let (early, late) = (at(GROUP_ROWS / 2), at(GROUP_ROWS));
    let round = ROUND_MS
        .iter()
        .map(|unit| late.div_euclid(*unit) * unit)
        .find(|moment| *moment > early);
    round.map_or(GROUP_ROWS, |moment| {
        rows[..GROUP_ROWS].partition_point(|&row| moments[row] < moment)
    })
}

/// Level and service of every row as one number that sorts as they do; a missing one comes first.
fn sort_keys(batches: &[RecordBatch], rows: usize) -> Vec<u64> {
    let mut keys = vec![0; rows];
    for name in [LEVEL, SERVICE] {
        let ranks = ranks(batches, name);
        keys.iter_mut().for_each(|key| *key <<= 32);
        for (key, rank) in keys.iter_mut().zip(ranks) {
            *key |= u64::from(rank);
        }
    }
    keys
}

/// Of every row: which of the column's values in order it has, from 1; none is 0.
fn ranks(batches: &[RecordBatch], name: &str) -> Vec<u32> {
    let columns: Option<Vec<&StringArray>> = batches
        .iter()
        .map(|batch| batch.column_by_name(name)?.as_string_opt::<i32>())
        .collect();
    let Some(columns) = columns else {
        return Vec::new();
    };
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut found: Vec<u32> = Vec::new();
    let mut before: Option<(&str, u32)> = None;
    for value in columns.iter().flat_map(|column| column.iter()) {
        let Some(value) = value else {
            found.push(0);
            continue;
        };
        let number = match before {
            Some((same, number)) if same == value => number,
            _ => {
                let next = numbers.len() as u32 + 1;
                *numbers.entry(value).or_insert(next)
            }
        };
        before = Some((value, number));
        found.push(number);
    }
    let mut values: Vec<(&str, u32)> = numbers.into_iter().collect();
    values.sort_unstable();
    let mut rank_of = vec![0; values.len() + 1];
    for (rank, (_, number)) in values.into_iter().enumerate() {
        rank_of[number as usize] = rank as u32 + 1;
    }
    found
        .into_iter()
        .map(|number| rank_of[number as usize])
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, TimestampMillisecondArray};
    use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

    use super::*;

    fn batch(moments: Vec<i64>, services: Vec<Option<&str>>) -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new(
                TIMESTAMP,
                DataType::Timestamp(TimeUnit::Millisecond, None),
                true,
            ),
            Field::new(SERVICE, DataType::Utf8, true),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMillisecondArray::from(moments)),
            Arc::new(StringArray::from(services)),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).expect("two columns of one length")
    }

    #[test]
    fn services_lie_together_in_the_order_of_time() {
        let first = batch(vec![30, 10], vec![Some("b"), Some("a")]);
        let second = batch(vec![20, 5, 7], vec![Some("a"), Some("b"), None]);
        let groups = row_groups(&[first, second]);
        assert_eq!(groups, [vec![(1, 2), (0, 1), (1, 0), (1, 1), (0, 0)]]);
    }

    #[test]
    fn row_groups_end_at_round_moments() {
        // Ten rows a second from a quarter past four: 65,536 of them reach past six.
        let from = 3_600_000 * 5 - 900_000 * 3;
        let moments: Vec<i64> = (0..100_000).map(|row| from + row * 100).collect();
        let services = vec![None; moments.len()];
        let groups = row_groups(&[batch(moments, services)]);
        let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
        // Six lies 63,000 rows on, and is rounder than any moment since five; the rest fits one group.
        assert_eq!(sizes, [63_000, 37_000]);
    }

    #[test]
    fn one_moment_is_cut_by_size() {
        let rows = GROUP_ROWS * 2 + 1;
        let groups = row_groups(&[batch(vec![7; rows], vec![None; rows])]);
        let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
        assert_eq!(sizes, [GROUP_ROWS, GROUP_ROWS, 1]);
    }
}
