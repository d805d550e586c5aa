//! Strings within strings.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int32Array};

use super::cut::{byte_at, skipped};
use crate::functions::arrays::{texts, to_ints};
use crate::functions::entry::Failures;
use crate::functions::{Call, Column};

pub(super) fn test(
    call: &Call<'_>,
    arguments: &[Column],
    holds: fn(&str, &str) -> bool,
) -> Option<ArrayRef> {
    let strings = texts(&arguments.first()?.values)?;
    let parts = texts(&arguments.get(1)?.values)?;
    let one = |row: usize| {
        (strings.is_valid(row) && parts.is_valid(row))
            .then(|| holds(strings.value(row), parts.value(row)))
    };
    Some(Arc::new((0..call.rows).map(one).collect::<BooleanArray>()))
}

pub(super) fn locate(call: &Call<'_>, arguments: &[Column], _: &mut Failures) -> Option<ArrayRef> {
    let strings = texts(&arguments.first()?.values)?;
    let parts = texts(&arguments.get(1)?.values)?;
    let starts = match arguments.get(2) {
        Some(starts) => to_ints(&starts.values)?,
        None => Int32Array::from(vec![0; call.rows]),
    };
    let one = |row: usize| {
        if strings.is_null(row) || parts.is_null(row) || starts.is_null(row) {
            return None;
        }
        let text = strings.value(row);
        let from = byte_at(text, skipped(text, starts.value(row)));
        Some(match text[from..].find(parts.value(row)) {
            Some(byte) => text[..from + byte].chars().count() as i32 + 1,
            None => 0,
        })
    };
    Some(Arc::new((0..call.rows).map(one).collect::<Int32Array>()))
}
