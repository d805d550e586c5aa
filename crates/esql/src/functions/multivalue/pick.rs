//! Functions that choose among a row's values or put them in another order.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, DynComparator, make_comparator};
use arrow::compute::{SortOptions, concat};

use crate::datatype::DataType;
use crate::functions::arrays::{texts, to_ints};
use crate::functions::entry::Failures;
use crate::functions::lists::{Picks, Rows, is_multi, single};
use crate::functions::{Call, Column};

fn comparator(left: &ArrayRef, right: &ArrayRef) -> Option<DynComparator> {
    make_comparator(left, right, SortOptions::default()).ok()
}

/// The greatest or the least value of each row.
pub(in crate::functions) fn extreme(
    call: &Call<'_>,
    column: &Column,
    wanted: Ordering,
) -> Option<ArrayRef> {
    if !is_multi(&column.values, column.data_type) {
        return Some(column.values.clone());
    }
    let rows = Rows::new(column);
    let compare = comparator(&rows.values, &rows.values)?;
    let mut picks = Picks::new(call.rows);
    for row in 0..call.rows {
        let best = rows.row(row).reduce(|best, index| {
            if compare(index, best) == wanted {
                index
            } else {
                best
            }
        });
        picks.row(best);
    }
    picks.finish(&rows.values)
}

/// The value whose place `place` tells from the number of values.
pub(super) fn at(
    call: &Call<'_>,
    arguments: &[Column],
    place: fn(usize) -> Option<usize>,
) -> Option<ArrayRef> {
    let column = arguments.first()?;
    if !is_multi(&column.values, column.data_type) {
        return Some(column.values.clone());
    }
    let rows = Rows::new(column);
    let mut picks = Picks::new(call.rows);
    for row in 0..call.rows {
        let range = rows.row(row);
        picks.row(place(range.len()).map(|place| range.start + place));
    }
    picks.finish(&rows.values)
}

pub(super) fn dedupe(call: &Call<'_>, arguments: &[Column]) -> Option<ArrayRef> {
    let column = arguments.first()?;
    if !is_multi(&column.values, column.data_type) {
        return Some(column.values.clone());
    }
    let rows = Rows::new(column);
    let compare = comparator(&rows.values, &rows.values)?;
    let mut picks = Picks::new(call.rows);
    let mut order: Vec<usize> = Vec::new();
    for row in 0..call.rows {
        // Equal values side by side, the first of them before the others.
        order.clear();
        order.extend(rows.row(row));
        order.sort_by(|one, other| compare(*one, *other).then(one.cmp(other)));
        order.dedup_by(|later, first| compare(*later, *first).is_eq());
        order.sort_unstable();
        picks.row(order.iter().copied());
    }
    picks.finish(&rows.values)
}

pub(super) fn sort(call: &Call<'_>, arguments: &[Column]) -> Option<ArrayRef> {
    let column = arguments.first()?;
    if !is_multi(&column.values, column.data_type) {
        return Some(column.values.clone());
    }
    let orders = match arguments.get(1) {
        Some(order) if order.data_type == DataType::Null => return None,
        Some(order) => Some(texts(&order.values)?),
        None => None,
    };
    let rows = Rows::new(column);
    let compare = comparator(&rows.values, &rows.values)?;
    let mut picks = Picks::new(call.rows);
    let mut order: Vec<usize> = Vec::new();
    for row in 0..call.rows {
        let descending =
            orders.is_some_and(|orders| orders.value(row).eq_ignore_ascii_case("desc"));
        order.clear();
        order.extend(rows.row(row));
        order.sort_by(|one, other| {
            let ordering = compare(*one, *other);
            if descending {
                ordering.reverse()
            } else {
                ordering
            }
        });
        picks.row(order.iter().copied());
    }
    picks.finish(&rows.values)
}

/// Null where either is null.
pub(super) fn append(call: &Call<'_>, arguments: &[Column]) -> Option<ArrayRef> {
    let (first, second) = (arguments.first()?, arguments.get(1)?);
    if first.data_type == DataType::Null || second.data_type == DataType::Null {
        return None;
    }
    let (left, right) = (Rows::new(first), Rows::new(second));
    let values = concat(&[left.values.as_ref(), right.values.as_ref()]).ok()?;
    let behind = left.values.len();
    let mut picks = Picks::new(call.rows);
    for row in 0..call.rows {
        let (one, other) = (left.row(row), right.row(row));
        let whole = !one.is_empty() && !other.is_empty();
        let both = one.chain(other.map(|index| index + behind));
        picks.row(both.filter(|_| whole));
    }
    picks.finish(&values)
}

/// Null is the empty set.
pub(super) fn contains(call: &Call<'_>, arguments: &[Column]) -> Option<ArrayRef> {
    let (first, second) = (arguments.first()?, arguments.get(1)?);
    let (all, some) = (Rows::new(first), Rows::new(second));
    let empty = |column: &Column| column.data_type == DataType::Null;
    let compare = if empty(first) || empty(second) {
        None
    } else {
        Some(comparator(&some.values, &all.values)?)
    };
    let one = |row: usize| {
        let wanted = if empty(second) { 0..0 } else { some.row(row) };
        let mut wanted = wanted;
        wanted.all(|index| {
            compare
                .as_ref()
                .is_some_and(|compare| all.row(row).any(|among| compare(index, among).is_eq()))
        })
    };
    Some(Arc::new(
        (0..call.rows)
            .map(|row| Some(one(row)))
            .collect::<BooleanArray>(),
    ))
}

pub(super) fn slice(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let (column, places) = arguments.split_first()?;
    if places.iter().any(|place| place.data_type == DataType::Null) {
        return None;
    }
    let places = single(places, call.rows, failures)?;
    let starts = to_ints(&places.first()?.values)?;
    let ends = match places.get(1) {
        Some(ends) => to_ints(&ends.values)?,
        None => starts.clone(),
    };
    let rows = Rows::new(column);
    let mut picks = Picks::new(call.rows);
    for row in 0..call.rows {
        let range = rows.row(row);
        if range.is_empty() || starts.is_null(row) || ends.is_null(row) {
            picks.row(None);
            continue;
        }
        let (start, end) = (starts.value(row), ends.value(row));
        if let Some(message) = bad_slice(start, end) {
            failures.invalid(message);
            picks.row(None);
            continue;
        }
        let length = range.len() as i64;
        let place = |place: i32| {
            let place = i64::from(place);
            if place < 0 { place + length } else { place }
        };
        let (from, to) = (place(start).max(0), place(end).min(length - 1));
        let first = range.start;
        picks.row((from..=to).map(|place| first + place as usize));
    }
    picks.finish(&rows.values)
}

/// What Elasticsearch says to such a slice.
pub(in crate::functions) fn bad_slice(start: i32, end: i32) -> Option<&'static str> {
    if start > end {
        Some("Start offset is greater than end offset")
    } else if start < 0 && end >= 0 {
        Some("Start and end offset have different signs")
    } else {
        None
    }
}
