//! Conversions to booleans and numbers.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, Float64Array, PrimitiveArray,
    PrimitiveBuilder,
};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, UInt64Type};

use super::{Call, Column, Failures, Wrong, unchanged};
use crate::datatype::DataType;
use crate::functions::arrays::{booleans, doubles, texts, to_doubles, to_longs, unsigned};
use crate::functions::number::{double_text, parse_double, round_half_up};

/// 2 to the power of 63 and of 64.
const LONG_LIMIT: f64 = 9_223_372_036_854_775_808.0;
const UNSIGNED_LIMIT: f64 = 18_446_744_073_709_551_616.0;

pub(super) fn to_boolean(call: &Call<'_>, column: &Column, _: &mut Failures) -> Option<ArrayRef> {
    if let Some(same) = unchanged(call, column) {
        return Some(same);
    }
    if let Some(texts) = texts(&column.values) {
        let values = texts
            .iter()
            .map(|text| Some(text?.trim().eq_ignore_ascii_case("true")));
        return Some(Arc::new(BooleanArray::from_iter(values)));
    }
    let values = to_doubles(&column.values)?;
    Some(Arc::new(BooleanArray::from_unary(&values, |value| {
        value != 0.0
    })))
}

/// `f` of every value; `None` is left out with what it says.
fn values<I: ArrowPrimitiveType, O: ArrowPrimitiveType>(
    array: &PrimitiveArray<I>,
    failures: &mut Failures,
    f: impl Fn(I::Native) -> Result<O::Native, Wrong>,
) -> ArrayRef {
    let mut builder = PrimitiveBuilder::<O>::with_capacity(array.len());
    for value in array {
        match value.map(&f) {
            Some(Ok(value)) => builder.append_value(value),
            Some(Err(wrong)) => {
                wrong.report(failures);
                builder.append_null();
            }
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

/// As [`values`], of strings.
fn parsed<O: ArrowPrimitiveType>(
    column: &Column,
    failures: &mut Failures,
    f: impl Fn(&str) -> Result<O::Native, Wrong>,
) -> Option<ArrayRef> {
    let texts = texts(&column.values)?;
    let mut builder = PrimitiveBuilder::<O>::with_capacity(texts.len());
    for text in texts {
        match text.map(&f) {
            Some(Ok(value)) => builder.append_value(value),
            Some(Err(wrong)) => {
                wrong.report(failures);
                builder.append_null();
            }
            None => builder.append_null(),
        }
    }
    Some(Arc::new(builder.finish()))
}

fn beyond(value: impl std::fmt::Display, kind: &str) -> Wrong {
    Wrong::Invalid(format!("[{value}] out of [{kind}] range"))
}

fn no_number(text: &str) -> Wrong {
    Wrong::Invalid(format!("Cannot parse number [{text}]"))
}

fn double_to_integer(value: f64) -> Option<i32> {
    let inside = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value);
    inside.then(|| round_half_up(value) as i32)
}

fn double_to_long(value: f64) -> Option<i64> {
    // The upper end, too: as a double it is the same number as the greatest long.
    (-LONG_LIMIT..=LONG_LIMIT)
        .contains(&value)
        .then(|| round_half_up(value) as i64)
}

pub(super) fn to_integer(
    call: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    if let Some(same) = unchanged(call, column) {
        return Some(same);
    }
    match column.data_type {
        DataType::Keyword | DataType::Text => parsed::<Int32Type>(column, failures, |text| {
            let whole = text.parse::<i32>().ok();
            whole
                .or_else(|| parse_double(text).and_then(double_to_integer))
                .ok_or_else(|| no_number(text))
        }),
        DataType::Double => Some(values::<Float64Type, Int32Type>(
            doubles(&column.values)?,
            failures,
            |value| double_to_integer(value).ok_or_else(|| beyond(double_text(value), "integer")),
        )),
        DataType::UnsignedLong => Some(values::<UInt64Type, Int32Type>(
            unsigned(&column.values)?,
            failures,
            |value| i32::try_from(value).map_err(|_| beyond(value, "integer")),
        )),
        _ => Some(values::<Int64Type, Int32Type>(
            &to_longs(&column.values)?,
            failures,
            |value| i32::try_from(value).map_err(|_| beyond(value, "integer")),
        )),
    }
}

pub(super) fn to_long(
    call: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    if let Some(same) = unchanged(call, column) {
        return Some(same);
    }
    match column.data_type {
        DataType::Keyword | DataType::Text => parsed::<Int64Type>(column, failures, |text| {
            long(text).ok_or_else(|| no_number(text))
        }),
        DataType::Double => Some(values::<Float64Type, Int64Type>(
            doubles(&column.values)?,
            failures,
            |value| double_to_long(value).ok_or_else(|| beyond(double_text(value), "long")),
        )),
        DataType::UnsignedLong => Some(values::<UInt64Type, Int64Type>(
            unsigned(&column.values)?,
            failures,
            |value| i64::try_from(value).map_err(|_| beyond(value, "long")),
        )),
        _ => Some(Arc::new(to_longs(&column.values)?)),
    }
}

fn long(text: &str) -> Option<i64> {
    let whole = text.parse::<i64>().ok();
    whole.or_else(|| parse_double(text).and_then(double_to_long))
}

pub(super) fn to_unsigned(
    call: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    if let Some(same) = unchanged(call, column) {
        return Some(same);
    }
    match column.data_type {
        DataType::Keyword | DataType::Text => parsed::<UInt64Type>(column, failures, unsigned_text),
        DataType::Double => Some(values::<Float64Type, UInt64Type>(
            doubles(&column.values)?,
            failures,
            |value| {
                let inside = (0.0..UNSIGNED_LIMIT).contains(&value);
                let whole = inside.then_some(value as u64);
                whole.ok_or_else(|| beyond(double_text(value), "unsigned_long"))
            },
        )),
        _ => Some(values::<Int64Type, UInt64Type>(
            &to_longs(&column.values)?,
            failures,
            |value| u64::try_from(value).map_err(|_| beyond(value, "unsigned_long")),
        )),
    }
}

/// As Java's `BigDecimal` reads it; what is behind the point is cut off.
fn unsigned_text(text: &str) -> Result<u64, Wrong> {
    if let Ok(value) = text.parse() {
        return Ok(value);
    }
    let strange = text
        .chars()
        .find(|letter| !letter.is_ascii_digit() && !matches!(letter, '.' | 'e' | 'E' | '+' | '-'));
    if let Some(letter) = strange {
        return Err(Wrong::Other(format!(
            "java.lang.NumberFormatException: Character {letter} is neither a decimal digit number, decimal point, nor \"e\" notation exponential mark."
        )));
    }
    let (whole, _) = text.split_once('.').unwrap_or((text, ""));
    if !text.contains(['e', 'E'])
        && let Ok(value) = whole.parse()
    {
        return Ok(value);
    }
    match text.parse::<f64>() {
        Ok(value) if (0.0..UNSIGNED_LIMIT).contains(&value) => Ok(value as u64),
        Ok(_) => Err(beyond(text, "unsigned_long")),
        Err(_) => Err(no_number(text)),
    }
}

pub(super) fn to_double(
    call: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    if let Some(same) = unchanged(call, column) {
        return Some(same);
    }
    match column.data_type {
        DataType::Keyword | DataType::Text => parsed::<Float64Type>(column, failures, |text| {
            parse_double(text).ok_or_else(|| no_number(text))
        }),
        DataType::Date | DataType::DateNanos | DataType::Boolean => {
            let values = match booleans(&column.values) {
                Some(flags) => flags
                    .iter()
                    .map(|flag| flag.map(|flag| f64::from(u8::from(flag))))
                    .collect::<Float64Array>(),
                None => to_longs(&column.values)?.unary(|value| value as f64),
            };
            Some(Arc::new(values))
        }
        _ => Some(Arc::new(to_doubles(&column.values)?)),
    }
}

pub(super) fn to_degrees(
    _: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    const DEGREES_PER_RADIAN: f64 = 180.0 / std::f64::consts::PI;
    let radians = to_doubles(&column.values)?;
    Some(Arc::new(crate::functions::arrays::map::<_, Float64Type>(
        &radians,
        failures,
        |value| crate::functions::arithmetic::finite(value * DEGREES_PER_RADIAN),
    )))
}

pub(super) fn to_radians(_: &Call<'_>, column: &Column, _: &mut Failures) -> Option<ArrayRef> {
    const RADIANS_PER_DEGREE: f64 = std::f64::consts::PI / 180.0;
    let degrees = to_doubles(&column.values)?;
    Some(Arc::new(
        degrees.unary::<_, Float64Type>(|value| value * RADIANS_PER_DEGREE),
    ))
}
