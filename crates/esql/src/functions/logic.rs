//! `AND`, `OR`, `NOT`, `IS NULL` and `IS NOT NULL`: three-valued.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::{and_kleene, not, or_kleene};
use arrow::error::ArrowError;

use super::arrays::booleans;
use super::entry::{Entry, Failures, Kernel};
use super::lists::single;
use super::signature::{BOOLEAN, Count, count, fixed};
use super::{Argument, Call, Column};
use crate::datatype::DataType;

pub(super) static ENTRIES: [Entry; 5] = [
    Entry {
        name: "and",
        aliases: &[],
        summary: "Whether both are true.",
        resolve: both,
        kernel: Kernel::Whole(|call, arguments, _| combine(call, arguments, and_kleene)),
    },
    Entry {
        name: "or",
        aliases: &[],
        summary: "Whether any is true.",
        resolve: both,
        kernel: Kernel::Whole(|call, arguments, _| combine(call, arguments, or_kleene)),
    },
    Entry {
        name: "not",
        aliases: &[],
        summary: "Whether it is false.",
        resolve: |text, arguments| {
            fixed(text, arguments, Count::One, &[BOOLEAN], DataType::Boolean)
        },
        kernel: Kernel::Single(|_, arguments, _| {
            let inverted = not(booleans(&arguments.first()?.values)?).ok()?;
            Some(Arc::new(inverted))
        }),
    },
    Entry {
        name: "is_null",
        aliases: &[],
        summary: "Whether there is no value.",
        resolve: anything,
        kernel: Kernel::Whole(|call, arguments, _| missing(call, arguments, true)),
    },
    Entry {
        name: "is_not_null",
        aliases: &[],
        summary: "Whether there is a value.",
        resolve: anything,
        kernel: Kernel::Whole(|call, arguments, _| missing(call, arguments, false)),
    },
];

fn both(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    fixed(
        text,
        arguments,
        Count::Two,
        &[BOOLEAN, BOOLEAN],
        DataType::Boolean,
    )
}

fn anything(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    count(text, arguments, Count::One)?;
    Ok(DataType::Boolean)
}

type Combine = fn(&BooleanArray, &BooleanArray) -> Result<BooleanArray, ArrowError>;

fn combine(call: &Call<'_>, arguments: &[Column], with: Combine) -> Option<ArrayRef> {
    // Several values are null here without a warning, as in Elasticsearch.
    let mut unsaid = Failures::default();
    let singles = single(arguments, call.rows, &mut unsaid)?;
    let operand = |index: usize| match singles.get(index) {
        Some(column) if column.data_type != DataType::Null => booleans(&column.values).cloned(),
        _ => Some(BooleanArray::new_null(call.rows)),
    };
    Some(Arc::new(with(&operand(0)?, &operand(1)?).ok()?))
}

fn missing(call: &Call<'_>, arguments: &[Column], wanted: bool) -> Option<ArrayRef> {
    let nulls = arguments.first()?.values.logical_nulls();
    let nulls = nulls.unwrap_or_else(|| NullBuffer::new_valid(call.rows));
    let valid: &BooleanBuffer = nulls.inner();
    let values = if wanted { !valid } else { valid.clone() };
    Some(Arc::new(BooleanArray::new(values, None)))
}
