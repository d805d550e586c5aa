//! Dates plus and minus spans, and spans with each other.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::Int64Type;

use super::arithmetic::{INTEGER_OVERFLOW, LONG_OVERFLOW};
use super::arrays::{dated, longs, map, to_longs, zip};
use super::entry::Failures;
use super::{Argument, Call, Column};
use crate::datatype::{DataType, pack_period, unpack_period};
use crate::date::{Moment, NANOS_PER_MS};

/// The result of a date's or span's `+` or `-`; `None`: it is about numbers.
pub(super) fn resolve(symbol: &str, arguments: &[Argument]) -> Result<Option<DataType>, String> {
    let (left, right) = (arguments[0].data_type, arguments[1].data_type);
    let temporal = |data_type: DataType| data_type.is_date() || data_type.is_span();
    if !temporal(left) && !temporal(right) {
        return Ok(None);
    }
    let result = match (left, right) {
        (date, span) if date.is_date() && span.is_span() => Some(date),
        (span, date) if span.is_span() && date.is_date() && symbol == "+" => Some(date),
        (span, date) if span.is_span() && date.is_date() => {
            return Err(format!(
                "[{symbol}] arguments are in unsupported order: cannot subtract a [{}] value [{}] from a [{}] amount [{}]",
                date.message_name().to_uppercase(),
                arguments[1].text,
                span.message_name().to_uppercase(),
                arguments[0].text
            ));
        }
        (one, other) if one.is_span() && one == other => Some(one),
        (DataType::Null, other) | (other, DataType::Null) => Some(other),
        _ => None,
    };
    result.map(Some).ok_or_else(|| {
        format!(
            "[{symbol}] has arguments with incompatible types [{}] and [{}]",
            left.message_name(),
            right.message_name()
        )
    })
}

pub(super) fn add(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    moved(call, arguments, 1, failures)
}

pub(super) fn subtract(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    moved(call, arguments, -1, failures)
}

fn moved(
    call: &Call<'_>,
    arguments: &[Column],
    sign: i64,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let (first, second) = (arguments.first()?, arguments.get(1)?);
    let (left, right) = (&first.values, &second.values);
    match call.result {
        DataType::TimeDuration => {
            let sum = zip::<_, _, Int64Type>(longs(left)?, longs(right)?, failures, |l, r| {
                r.checked_mul(sign)
                    .and_then(|r| l.checked_add(r))
                    .ok_or(LONG_OVERFLOW)
            });
            Some(Arc::new(sum))
        }
        DataType::DatePeriod => {
            let sum = zip::<_, _, Int64Type>(longs(left)?, longs(right)?, failures, |l, r| {
                periods(l, r, sign as i32).ok_or(INTEGER_OVERFLOW)
            });
            Some(Arc::new(sum))
        }
        DataType::Date | DataType::DateNanos => {
            let (dates, spans) = if first.data_type.is_date() {
                (first, second)
            } else {
                (second, first)
            };
            let amounts = longs(&spans.values)?;
            if spans.data_type == DataType::DatePeriod {
                by_period(&dates.values, amounts, sign, failures)
            } else {
                by_duration(&dates.values, amounts, sign, failures)
            }
        }
        _ => None,
    }
}

fn periods(left: i64, right: i64, sign: i32) -> Option<i64> {
    let ((months, days), (more_months, more_days)) = (unpack_period(left), unpack_period(right));
    Some(pack_period(
        months.checked_add(more_months.checked_mul(sign)?)?,
        days.checked_add(more_days.checked_mul(sign)?)?,
    ))
}

pub(super) fn negated_period(array: &ArrayRef, failures: &mut Failures) -> Option<ArrayRef> {
    Some(Arc::new(map::<Int64Type, Int64Type>(
        longs(array)?,
        failures,
        |period| periods(0, period, -1).ok_or(INTEGER_OVERFLOW),
    )))
}

/// A date moved by a calendar span.
fn by_period(
    dates: &ArrayRef,
    periods: &Int64Array,
    sign: i64,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let like = dates.data_type().clone();
    let nanos = like == DataType::DateNanos.arrow();
    let values = to_longs(dates)?;
    let result = zip::<_, _, Int64Type>(&values, periods, failures, |date, period| {
        let (months, days) = unpack_period(period);
        let (months, days) = (i64::from(months) * sign, i64::from(days) * sign);
        if nanos {
            let moved = Moment::from_nanos(date).plus_period(months, days);
            moved.and_then(Moment::nanos).ok_or(LONG_OVERFLOW)
        } else {
            let moved = Moment::from_ms(date).plus_period(months, days);
            moved.and_then(Moment::ms).ok_or(LONG_OVERFLOW)
        }
    });
    dated(result, &like)
}

/// A date moved by so many milliseconds.
fn by_duration(
    dates: &ArrayRef,
    durations: &Int64Array,
    sign: i64,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let like = dates.data_type().clone();
    let factor = if like == DataType::DateNanos.arrow() {
        NANOS_PER_MS
    } else {
        1
    };
    let values = to_longs(dates)?;
    let result = zip::<_, _, Int64Type>(&values, durations, failures, |date, ms| {
        ms.checked_mul(factor)
            .and_then(|span| span.checked_mul(sign))
            .and_then(|span| date.checked_add(span))
            .ok_or(LONG_OVERFLOW)
    });
    dated(result, &like)
}
