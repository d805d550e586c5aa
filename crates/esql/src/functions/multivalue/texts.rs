//! Strings made of a row's strings.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringBuilder};

use crate::datatype::DataType;
use crate::functions::arrays::{texts, write_texts};
use crate::functions::entry::Failures;
use crate::functions::lists::{Rows, from_lengths, single};
use crate::functions::{Call, Column};

pub(super) fn concat(call: &Call<'_>, arguments: &[Column], _: &mut Failures) -> Option<ArrayRef> {
    let (column, delimiter) = (arguments.first()?, arguments.get(1)?);
    if column.data_type == DataType::Null || delimiter.data_type == DataType::Null {
        return None;
    }
    // Elasticsearch says nothing of several delimiters.
    let mut unsaid = Failures::default();
    let delimiters = single(std::slice::from_ref(delimiter), call.rows, &mut unsaid)?;
    let delimiters = texts(&delimiters.first()?.values)?;
    let rows = Rows::new(column);
    let values = texts(&rows.values)?;
    Some(write_texts(call.rows, |row, to| {
        let range = rows.row(row);
        if range.is_empty() || delimiters.is_null(row) {
            return false;
        }
        for index in range.clone() {
            if index > range.start {
                to.push_str(delimiters.value(row));
            }
            to.push_str(values.value(index));
        }
        true
    }))
}

/// Pair by pair; what one side lacks is left out together with the delimiter.
pub(super) fn zip(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let rows: Vec<Option<Rows>> = arguments
        .iter()
        .take(2)
        .map(|column| (column.data_type != DataType::Null).then(|| Rows::new(column)))
        .collect();
    let delimiters = match arguments.get(2) {
        Some(column) if column.data_type == DataType::Null => return None,
        Some(column) => single(std::slice::from_ref(column), call.rows, failures)?.pop(),
        None => None,
    };
    let delimiters = match &delimiters {
        Some(column) => Some(texts(&column.values)?),
        None => None,
    };
    let mut builder = StringBuilder::new();
    let mut lengths = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        let delimiter = match delimiters {
            Some(delimiters) if delimiters.is_null(row) => {
                lengths.push(0);
                continue;
            }
            Some(delimiters) => delimiters.value(row),
            None => ",",
        };
        let side = |side: usize| {
            let rows = rows.get(side)?.as_ref()?;
            Some((texts(&rows.values)?, rows.row(row)))
        };
        let (left, right) = (side(0), side(1));
        let length = |side: &Option<(_, std::ops::Range<usize>)>| {
            side.as_ref().map_or(0, |(_, range)| range.len())
        };
        let count = length(&left).max(length(&right));
        for place in 0..count {
            let value = |side: &Option<(&arrow::array::StringArray, std::ops::Range<usize>)>| {
                let (values, range) = side.as_ref()?;
                (place < range.len()).then(|| values.value(range.start + place).to_owned())
            };
            match (value(&left), value(&right)) {
                (Some(left), Some(right)) => {
                    builder.append_value(format!("{left}{delimiter}{right}"));
                }
                (left, right) => builder.append_value(left.or(right).unwrap_or_default()),
            }
        }
        lengths.push(count);
    }
    let values: ArrayRef = Arc::new(builder.finish());
    if lengths.iter().all(|length| *length == 1) {
        return Some(values);
    }
    from_lengths(values, &lengths)
}
