//! Conversions to dates.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, Int64Builder};

use super::{Call, Column, Failures, Wrong, unchanged};
use crate::datatype::DataType;
use crate::date::parse::optional_time;
use crate::date::{Moment, NANOS_PER_MS, print};
use crate::functions::arrays::{dated, doubles, texts, to_longs, unsigned};
use crate::functions::number::{double_text, round_half_up};

const LAST_NANOS: &str = "2262-04-11T23:47:16.854775807";

pub(super) fn to_datetime(
    call: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    if let Some(same) = unchanged(call, column) {
        return Some(same);
    }
    let values = match column.data_type {
        DataType::Keyword | DataType::Text => parse(column, failures, |text| {
            let moment = optional_time(text).and_then(Moment::ms);
            moment.ok_or_else(|| unreadable(text, "strict_date_optional_time"))
        })?,
        DataType::DateNanos => {
            to_longs(&column.values)?.unary(|nanos: i64| nanos.div_euclid(NANOS_PER_MS))
        }
        _ => whole(column, failures)?,
    };
    dated(values, &call.result.arrow())
}

pub(super) fn to_date_nanos(
    call: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    if let Some(same) = unchanged(call, column) {
        return Some(same);
    }
    let values = match column.data_type {
        DataType::Keyword | DataType::Text => parse(column, failures, nanos_of_text)?,
        DataType::Date => {
            let dates = to_longs(&column.values)?;
            collect(dates.iter(), failures, nanos_of_ms)
        }
        DataType::Double => {
            // Before it is made whole: a little before 1970 is before it, too.
            let late = collect_doubles(doubles(&column.values)?, failures);
            let late = Column {
                data_type: DataType::Double,
                values: late,
            };
            whole(&late, failures)?
        }
        _ => {
            let numbers = whole(column, failures)?;
            collect(numbers.iter(), failures, |nanos| match nanos {
                ..0 => Err(Wrong::Illegal(BEFORE_1970.to_owned())),
                _ => Ok(nanos),
            })
        }
    };
    dated(values, &call.result.arrow())
}

const BEFORE_1970: &str = "Nanosecond dates before 1970-01-01T00:00:00.000Z are not supported.";

/// Those that aren't before 1970.
fn collect_doubles(values: &Float64Array, failures: &mut Failures) -> ArrayRef {
    let mut late = |value: f64| {
        if value < 0.0 {
            Wrong::Illegal(BEFORE_1970.to_owned()).report(failures);
            return None;
        }
        Some(value)
    };
    let late: Float64Array = values.iter().map(|value| late(value?)).collect();
    Arc::new(late)
}

fn unreadable(text: &str, format: &str) -> Wrong {
    if text.is_empty() {
        return Wrong::Illegal("cannot parse empty datetime".to_owned());
    }
    Wrong::Illegal(format!(
        "failed to parse date field [{text}] with format [{format}]"
    ))
}

fn nanos_of_text(text: &str) -> Result<i64, Wrong> {
    let Some(moment) = optional_time(text) else {
        return Err(unreadable(text, "strict_date_optional_time_nanos"));
    };
    let nanos = moment.wide_nanos();
    if nanos < 0 {
        let mut date = String::new();
        print::iso_ms(moment.ms().unwrap_or_default(), &mut date);
        return Err(Wrong::Illegal(format!(
            "date[{date}] is before the epoch in 1970 and cannot be stored in nanosecond resolution"
        )));
    }
    i64::try_from(nanos).map_err(|_| {
        let mut date = String::new();
        print::iso_ms(moment.ms().unwrap_or_default(), &mut date);
        Wrong::Illegal(format!(
            "date[{date}] is after {LAST_NANOS} and cannot be stored in nanosecond resolution"
        ))
    })
}

fn nanos_of_ms(ms: i64) -> Result<i64, Wrong> {
    if ms < 0 {
        return Err(Wrong::Illegal(format!(
            "milliSeconds [{ms}] are before the epoch in 1970 and cannot be converted to nanoseconds"
        )));
    }
    ms.checked_mul(NANOS_PER_MS).ok_or_else(|| {
        Wrong::Illegal(format!(
            "milliSeconds [{ms}] are after {LAST_NANOS} and cannot be converted to nanoseconds"
        ))
    })
}

/// Numbers as whole ones.
fn whole(column: &Column, failures: &mut Failures) -> Option<Int64Array> {
    Some(match column.data_type {
        DataType::Double => collect(doubles(&column.values)?.iter(), failures, |value| {
            let inside = value.is_finite() && value.abs() < i64::MAX as f64;
            let beyond = || Wrong::Invalid(format!("[{}] out of [long] range", double_text(value)));
            inside
                .then(|| round_half_up(value) as i64)
                .ok_or_else(beyond)
        }),
        DataType::UnsignedLong => collect(unsigned(&column.values)?.iter(), failures, |value| {
            let beyond = |_| Wrong::Invalid(format!("[{value}] out of [long] range"));
            i64::try_from(value).map_err(beyond)
        }),
        _ => to_longs(&column.values)?,
    })
}

fn parse(
    column: &Column,
    failures: &mut Failures,
    f: impl Fn(&str) -> Result<i64, Wrong>,
) -> Option<Int64Array> {
    Some(collect(texts(&column.values)?.iter(), failures, f))
}

fn collect<T>(
    values: impl ExactSizeIterator<Item = Option<T>>,
    failures: &mut Failures,
    f: impl Fn(T) -> Result<i64, Wrong>,
) -> Int64Array {
    let mut builder = Int64Builder::with_capacity(values.len());
    for value in values {
        match value.map(&f) {
            Some(Ok(value)) => builder.append_value(value),
            Some(Err(wrong)) => {
                wrong.report(failures);
                builder.append_null();
            }
            None => builder.append_null(),
        }
    }
    builder.finish()
}
