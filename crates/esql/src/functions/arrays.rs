//! Typed views of arrays, and loops over them that leave nulls and warnings behind.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, Float64Array,
    Int32Array, Int64Array, PrimitiveArray, StringArray, StringBuilder, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    DataType as Arrow, Float64Type, Int32Type, Int64Type, TimestampMillisecondType,
    TimestampNanosecondType, UInt64Type,
};

use super::entry::Failures;

pub(super) fn ints(array: &ArrayRef) -> Option<&Int32Array> {
    array.as_primitive_opt::<Int32Type>()
}

pub(super) fn longs(array: &ArrayRef) -> Option<&Int64Array> {
    array.as_primitive_opt::<Int64Type>()
}

pub(super) fn unsigned(array: &ArrayRef) -> Option<&UInt64Array> {
    array.as_primitive_opt::<UInt64Type>()
}

pub(super) fn doubles(array: &ArrayRef) -> Option<&Float64Array> {
    array.as_primitive_opt::<Float64Type>()
}

pub(super) fn booleans(array: &ArrayRef) -> Option<&BooleanArray> {
    array.as_boolean_opt()
}

pub(super) fn texts(array: &ArrayRef) -> Option<&StringArray> {
    array.as_string_opt::<i32>()
}

pub(super) fn bytes(array: &ArrayRef) -> Option<&BinaryArray> {
    array.as_binary_opt::<i32>()
}

/// Any number as doubles.
pub(super) fn to_doubles(array: &ArrayRef) -> Option<Float64Array> {
    let array = cast(array, &Arrow::Float64).ok()?;
    doubles(&array).cloned()
}

/// Any whole number, date or boolean as `i64`: dates in their own unit.
pub(super) fn to_longs(array: &ArrayRef) -> Option<Int64Array> {
    if let Some(dates) = array.as_primitive_opt::<TimestampMillisecondType>() {
        return Some(Int64Array::new(
            dates.values().clone(),
            dates.nulls().cloned(),
        ));
    }
    if let Some(dates) = array.as_primitive_opt::<TimestampNanosecondType>() {
        return Some(Int64Array::new(
            dates.values().clone(),
            dates.nulls().cloned(),
        ));
    }
    let array = cast(array, &Arrow::Int64).ok()?;
    longs(&array).cloned()
}

/// `i64` values as an array of the type, whose values are `i64` too.
pub(super) fn dated(values: Int64Array, like: &Arrow) -> Option<ArrayRef> {
    let (_, values, nulls) = values.into_parts();
    match like {
        Arrow::Timestamp(arrow::datatypes::TimeUnit::Millisecond, _) => Some(Arc::new(
            PrimitiveArray::<TimestampMillisecondType>::new(values, nulls),
        )),
        Arrow::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, _) => Some(Arc::new(
            PrimitiveArray::<TimestampNanosecondType>::new(values, nulls),
        )),
        Arrow::Int64 => Some(Arc::new(Int64Array::new(values, nulls))),
        _ => None,
    }
}

/// Whole numbers as `i32`, for counts and positions.
pub(super) fn to_ints(array: &ArrayRef) -> Option<Int32Array> {
    let array = cast(array, &Arrow::Int32).ok()?;
    ints(&array).cloned()
}

/// `f` of every value; `Err` is null and a warning `java.lang.ArithmeticException`.
pub(super) fn map<I: ArrowPrimitiveType, O: ArrowPrimitiveType>(
    array: &PrimitiveArray<I>,
    failures: &mut Failures,
    f: impl Fn(I::Native) -> Result<O::Native, &'static str>,
) -> PrimitiveArray<O> {
    let mut failed: Vec<usize> = Vec::new();
    let mut values = Vec::with_capacity(array.len());
    for (index, value) in array.values().iter().enumerate() {
        match f(*value) {
            Ok(value) => values.push(value),
            Err(message) => {
                values.push(O::Native::default());
                if array.is_valid(index) {
                    failures.arithmetic(message);
                    failed.push(index);
                }
            }
        }
    }
    PrimitiveArray::new(
        values.into(),
        without(array.nulls().cloned(), &failed, array.len()),
    )
}

/// `f` of every pair; see [`map`].
pub(super) fn zip<A: ArrowPrimitiveType, B: ArrowPrimitiveType, O: ArrowPrimitiveType>(
    left: &PrimitiveArray<A>,
    right: &PrimitiveArray<B>,
    failures: &mut Failures,
    f: impl Fn(A::Native, B::Native) -> Result<O::Native, &'static str>,
) -> PrimitiveArray<O> {
    let nulls = NullBuffer::union(left.nulls(), right.nulls());
    let rows = left.len().min(right.len());
    let mut failed: Vec<usize> = Vec::new();
    let mut values = Vec::with_capacity(rows);
    let pairs = left.values().iter().zip(right.values().iter());
    for (index, (left, right)) in pairs.enumerate() {
        match f(*left, *right) {
            Ok(value) => values.push(value),
            Err(message) => {
                values.push(O::Native::default());
                if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(index)) {
                    failures.arithmetic(message);
                    failed.push(index);
                }
            }
        }
    }
    PrimitiveArray::new(values.into(), without(nulls, &failed, rows))
}

/// The nulls and those at `failed`, which rises.
fn without(nulls: Option<NullBuffer>, failed: &[usize], rows: usize) -> Option<NullBuffer> {
    if failed.is_empty() {
        return nulls;
    }
    let mut next = failed.iter().peekable();
    let valid: NullBuffer = (0..rows)
        .map(|index| next.next_if(|failed| **failed == index).is_none())
        .collect();
    NullBuffer::union(nulls.as_ref(), Some(&valid))
}

/// Text written for each row that has one; `write` says whether there is a result.
pub(super) fn write_texts(
    rows: usize,
    mut write: impl FnMut(usize, &mut String) -> bool,
) -> ArrayRef {
    let mut builder = StringBuilder::with_capacity(rows, rows * 8);
    let mut text = String::new();
    for row in 0..rows {
        text.clear();
        if write(row, &mut text) {
            builder.append_value(&text);
        } else {
            builder.append_null();
        }
    }
    Arc::new(builder.finish())
}

/// Whether every array has a value in the row.
pub(super) fn all_valid(arrays: &[ArrayRef], row: usize) -> bool {
    arrays.iter().all(|array| array.is_valid(row))
}
