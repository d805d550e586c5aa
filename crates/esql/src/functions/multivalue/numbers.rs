//! Numbers made of a row's numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Float64Array, PrimitiveBuilder};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, UInt64Type};

use crate::datatype::DataType;
use crate::functions::arithmetic::{INTEGER_OVERFLOW, LONG_OVERFLOW, UNSIGNED_OVERFLOW, finite};
use crate::functions::arrays::to_doubles;
use crate::functions::entry::Failures;
use crate::functions::lists::{Rows, single};
use crate::functions::number::double_text;
use crate::functions::{Call, Column};

/// `f` of each row's values; rows without values are null, and those that fail.
fn fold<T: ArrowPrimitiveType>(
    rows: &Rows,
    count: usize,
    failures: &mut Failures,
    mut f: impl FnMut(usize, &[T::Native]) -> Result<T::Native, &'static str>,
) -> Option<ArrayRef> {
    let values = rows.values.as_primitive_opt::<T>()?.values();
    let mut builder = PrimitiveBuilder::<T>::with_capacity(count);
    for row in 0..count {
        let range = rows.row(row);
        if range.is_empty() {
            builder.append_null();
            continue;
        }
        match f(row, &values[range]) {
            Ok(value) => builder.append_value(value),
            Err(message) => {
                failures.arithmetic(message);
                builder.append_null();
            }
        }
    }
    Some(Arc::new(builder.finish()))
}

pub(super) fn sum(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let rows = Rows::new(arguments.first()?);
    match call.result {
        DataType::Integer => fold::<Int32Type>(&rows, call.rows, failures, |_, values| {
            let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
            i32::try_from(sum).map_err(|_| INTEGER_OVERFLOW)
        }),
        DataType::Long => fold::<Int64Type>(&rows, call.rows, failures, |_, values| {
            let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
            i64::try_from(sum).map_err(|_| LONG_OVERFLOW)
        }),
        DataType::UnsignedLong => fold::<UInt64Type>(&rows, call.rows, failures, |_, values| {
            let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
            u64::try_from(sum).map_err(|_| UNSIGNED_OVERFLOW)
        }),
        DataType::Double => fold::<Float64Type>(&rows, call.rows, failures, |_, values| {
            finite(compensated(values.iter().copied()))
        }),
        _ => None,
    }
}

/// Kahan's sum, as Elasticsearch adds doubles.
fn compensated(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        if !value.is_finite() {
            sum += value;
            continue;
        }
        let corrected = value - lost;
        let next = sum + corrected;
        lost = (next - sum) - corrected;
        sum = next;
    }
    sum
}

pub(super) fn average(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let rows = doubled(arguments.first()?)?;
    fold::<Float64Type>(&rows, call.rows, failures, |_, values| {
        finite(compensated(values.iter().copied()) / values.len() as f64)
    })
}

/// The rows of a column of numbers, as doubles.
fn doubled(column: &Column) -> Option<Rows> {
    let mut rows = Rows::new(column);
    rows.values = Arc::new(to_doubles(&rows.values)?);
    Some(rows)
}

/// Numbers that have a middle.
trait Middle: Copy {
    fn order(&self, other: &Self) -> std::cmp::Ordering;
    fn between(self, other: Self) -> Self;
    fn distance(self, other: Self) -> Result<Self, &'static str>;
    /// The number that lies this far (0 to 1) on the way to another.
    fn towards(self, other: Self, share: f64) -> Self;
}

macro_rules! whole_middle {
    ($type:ty, $wide:ty, $overflow:expr) => {
        impl Middle for $type {
            fn order(&self, other: &Self) -> std::cmp::Ordering {
                self.cmp(other)
            }

            fn between(self, other: Self) -> Self {
                ((<$wide>::from(self) + <$wide>::from(other)) >> 1) as Self
            }

            fn distance(self, other: Self) -> Result<Self, &'static str> {
                Self::try_from((<$wide>::from(self) - <$wide>::from(other)).abs())
                    .map_err(|_| $overflow)
            }

            fn towards(self, other: Self, share: f64) -> Self {
                let distance = <$wide>::from(other) - <$wide>::from(self);
                (<$wide>::from(self) + (distance as f64 * share) as $wide) as Self
            }
        }
    };
}

whole_middle!(i32, i64, INTEGER_OVERFLOW);
whole_middle!(i64, i128, LONG_OVERFLOW);
whole_middle!(u64, i128, UNSIGNED_OVERFLOW);

impl Middle for f64 {
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.total_cmp(other)
    }

    fn between(self, other: Self) -> Self {
        self / 2.0 + other / 2.0
    }

    fn distance(self, other: Self) -> Result<Self, &'static str> {
        finite((self - other).abs())
    }

    fn towards(self, other: Self, share: f64) -> Self {
        self + (other - self) * share
    }
}

fn middle<T: Middle>(values: &mut [T]) -> Option<T> {
    values.sort_unstable_by(T::order);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(values[values.len() / 2 - 1].between(upper))
}

/// Rows are never empty where this is asked.
const NOTHING: &str = "no values";

/// Calls `$fold` with the Arrow type of the result.
macro_rules! by_type {
    ($call:expr, $rows:expr, $failures:expr, $f:ident) => {
        match $call.result {
            DataType::Integer => fold::<Int32Type>($rows, $call.rows, $failures, $f),
            DataType::Long => fold::<Int64Type>($rows, $call.rows, $failures, $f),
            DataType::UnsignedLong => fold::<UInt64Type>($rows, $call.rows, $failures, $f),
            DataType::Double => fold::<Float64Type>($rows, $call.rows, $failures, $f),
            _ => None,
        }
    };
}

fn median_of<T: Middle>(_: usize, values: &[T]) -> Result<T, &'static str> {
    middle(&mut values.to_vec()).ok_or(NOTHING)
}

fn deviation_of<T: Middle>(_: usize, values: &[T]) -> Result<T, &'static str> {
    let mut values = values.to_vec();
    let median = middle(&mut values).ok_or(NOTHING)?;
    for value in &mut values {
        *value = value.distance(median)?;
    }
    middle(&mut values).ok_or(NOTHING)
}

pub(super) fn median(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let rows = Rows::new(arguments.first()?);
    by_type!(call, &rows, failures, median_of)
}

pub(super) fn deviation(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let rows = Rows::new(arguments.first()?);
    by_type!(call, &rows, failures, deviation_of)
}

/// One percentile a row; null where there is none or it isn't between 0 and 100.
fn percentiles(call: &Call<'_>, column: &Column, failures: &mut Failures) -> Option<Float64Array> {
    if column.data_type == DataType::Null {
        return None;
    }
    let singles = single(std::slice::from_ref(column), call.rows, failures)?;
    let numbers = to_doubles(&singles.first()?.values)?;
    let valid = numbers.iter().map(|number| {
        let number = number?;
        let inside = (0.0..=100.0).contains(&number);
        if !inside {
            let found = double_text(number);
            failures.illegal(&format!(
                "Percentile parameter must be a number between 0 and 100, found [{found}]"
            ));
        }
        inside.then_some(number)
    });
    Some(valid.collect())
}

pub(super) fn percentile(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let percentiles = percentiles(call, arguments.get(1)?, failures)?;
    let rows = Rows::new(arguments.first()?);
    let found = match call.result {
        DataType::Integer => ranked::<Int32Type>(&rows, call, &percentiles, failures),
        DataType::Long => ranked::<Int64Type>(&rows, call, &percentiles, failures),
        DataType::UnsignedLong => ranked::<UInt64Type>(&rows, call, &percentiles, failures),
        DataType::Double => ranked::<Float64Type>(&rows, call, &percentiles, failures),
        _ => None,
    }?;
    let missing = arrow::compute::is_null(&percentiles).ok()?;
    arrow::compute::nullif(&found, &missing).ok()
}

fn ranked<T: ArrowPrimitiveType>(
    rows: &Rows,
    call: &Call<'_>,
    percentiles: &Float64Array,
    failures: &mut Failures,
) -> Option<ArrayRef>
where
    T::Native: Middle,
{
    fold::<T>(rows, call.rows, failures, |row, values| {
        let percentile = if percentiles.is_valid(row) {
            percentiles.value(row)
        } else {
            0.0
        };
        let mut values = values.to_vec();
        values.sort_unstable_by(Middle::order);
        let rank = percentile / 100.0 * (values.len() - 1) as f64;
        let lower = rank.floor() as usize;
        let first = *values.get(lower).ok_or(NOTHING)?;
        Ok(match values.get(lower + 1) {
            Some(next) => first.towards(*next, rank - rank.floor()),
            None => first,
        })
    })
}

pub(super) fn pseries(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let powers = arguments.get(1)?;
    if powers.data_type == DataType::Null {
        return None;
    }
    let powers = single(std::slice::from_ref(powers), call.rows, failures)?;
    let powers = to_doubles(&powers.first()?.values)?;
    let rows = doubled(arguments.first()?)?;
    fold::<Float64Type>(&rows, call.rows, failures, |row, values| {
        let power = powers.value(row);
        let weighted = values
            .iter()
            .enumerate()
            .map(|(index, value)| value / ((index + 1) as f64).powf(power));
        finite(compensated(weighted))
    })
}
