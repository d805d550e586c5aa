//! `BUCKET`: of numbers and dates, by a span or by how many buckets are wanted.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::Float64Type;

use super::{floored, moments, rounding};
use crate::datatype::DataType::{self, Date, DateNanos, Double, Integer, Long, Null};
use crate::date::parse::optional_time;
use crate::date::truncate::Rounding;
use crate::date::{MS_PER_DAY, Moment};
use crate::functions::arithmetic::finite;
use crate::functions::arrays::{map, texts, to_doubles, to_longs};
use crate::functions::entry::Failures;
use crate::functions::signature::{ANY_DATE, Count, check, constant, count, ordinal, wrong};
use crate::functions::{Argument, Call, Column};

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

/// What people find easy to read, from the longest.
const ROUNDINGS: [Rounding; 19] = [
    Rounding::Months(12),
    Rounding::Months(1),
    Rounding::Week,
    Rounding::Days(1),
    Rounding::Fixed(12 * HOUR),
    Rounding::Fixed(3 * HOUR),
    Rounding::Fixed(HOUR),
    Rounding::Fixed(30 * MINUTE),
    Rounding::Fixed(10 * MINUTE),
    Rounding::Fixed(5 * MINUTE),
    Rounding::Fixed(MINUTE),
    Rounding::Fixed(30_000),
    Rounding::Fixed(10_000),
    Rounding::Fixed(5_000),
    Rounding::Fixed(1_000),
    Rounding::Fixed(100),
    Rounding::Fixed(50),
    Rounding::Fixed(10),
    Rounding::Fixed(1),
];

pub(super) fn resolve(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    count(text, arguments, Count::TwoToFour)?;
    let (field, buckets) = (arguments[0].data_type, arguments[1].data_type);
    if field == Null || buckets == Null {
        return Ok(Null);
    }
    if !field.is_date() && !field.is_numeric() {
        return Err(wrong("first ", text, "datetime or numeric", &arguments[0]));
    }
    let whole = matches!(buckets, Integer | Long);
    let by_span = if field.is_date() {
        buckets.is_span()
    } else {
        buckets.is_numeric()
    };
    if !by_span && !whole {
        let words = if field.is_date() {
            "integral, date_period or time_duration"
        } else {
            "numeric"
        };
        return Err(wrong("second ", text, words, &arguments[1]));
    }
    let wanted = match arguments.len() {
        4 if whole => None,
        2 if by_span => None,
        _ if by_span && !whole => Some("two"),
        _ => Some("four"),
    };
    if let Some(wanted) = wanted {
        return Err(format!(
            "function expects exactly {wanted} arguments when the first one is of type [{}] and the second of type [{}]",
            field.message_name().to_uppercase(),
            buckets.message_name().to_uppercase()
        ));
    }
    for (index, argument) in arguments.iter().enumerate().skip(1) {
        constant(index, text, argument)?;
    }
    for (index, argument) in arguments.iter().enumerate().skip(2) {
        let found = argument.data_type;
        let fits = if field.is_date() {
            found.is_date() || found.is_string()
        } else {
            found.is_numeric()
        };
        if !fits && found != Null {
            let words = if field.is_date() {
                "datetime or string"
            } else {
                "numeric"
            };
            return Err(wrong(ordinal(index), text, words, argument));
        }
    }
    Ok(if field.is_date() { field } else { Double })
}

/// `TBUCKET(span)`; the analyzer adds `@timestamp` as the second argument.
pub(super) fn resolve_timestamp(text: &str, arguments: &[Argument]) -> Result<DataType, String> {
    let [span, timestamp] = arguments else {
        return Err("error building [tbucket]: expects exactly one argument".to_owned());
    };
    if span.data_type != Null && !span.data_type.is_span() {
        return Err(wrong("", text, "date_period or time_duration", span));
    }
    check("second ", text, ANY_DATE, timestamp)?;
    constant(0, text, span)?;
    Ok(timestamp.data_type)
}

pub(super) fn bucket_timestamp(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    let [span, timestamp] = arguments else {
        return None;
    };
    bucket(call, &[timestamp.clone(), span.clone()], failures)
}

pub(super) fn bucket(
    call: &Call<'_>,
    arguments: &[Column],
    failures: &mut Failures,
) -> Option<ArrayRef> {
    if call.rows == 0 {
        return None;
    }
    let (field, rest) = arguments.split_first()?;
    if matches!(field.data_type, Date | DateNanos) {
        let rounding = match rest {
            [span] => match rounding(span, 0)? {
                Ok(rounding) => rounding,
                Err(message) => {
                    failures.illegal(&message);
                    return None;
                }
            },
            [buckets, from, to] => {
                let buckets = to_longs(&buckets.values)?.value(0);
                pick(buckets, first_ms(from)?, first_ms(to)?)
            }
            _ => return None,
        };
        return floored(field, rounding);
    }
    let number = |column: &Column| {
        let values = to_doubles(&column.values)?;
        values.is_valid(0).then(|| values.value(0))
    };
    let width = match rest {
        [width] => number(width)?,
        [buckets, from, to] => round_width(number(buckets)?, number(from)?, number(to)?),
        _ => return None,
    };
    let values = to_doubles(&field.values)?;
    Some(Arc::new(map::<Float64Type, Float64Type>(
        &values,
        failures,
        |value| finite((value / width).floor() * width),
    )))
}

/// The first row's date or date as text, in milliseconds.
fn first_ms(column: &Column) -> Option<i64> {
    if column.data_type.is_string() {
        let texts = texts(&column.values)?;
        return optional_time(texts.value(0))?.ms();
    }
    let (values, moment) = moments(column)?;
    if values.is_null(0) {
        return None;
    }
    moment(values.value(0)).ms()
}

/// The finest rounding that needs no more than so many buckets.
fn pick(buckets: i64, from: i64, to: i64) -> Rounding {
    let mut best = ROUNDINGS[0];
    for rounding in &ROUNDINGS[1..] {
        if !suffices(*rounding, buckets, from, to) {
            break;
        }
        best = *rounding;
    }
    best
}

fn suffices(rounding: Rounding, buckets: i64, from: i64, to: i64) -> bool {
    let start = rounding.floor_ms(from);
    let mut end = start;
    for _ in 0..buckets {
        end = match rounding {
            Rounding::Fixed(span) => {
                // All at once: there may be many.
                return start.saturating_add(span.saturating_mul(buckets)) >= to;
            }
            Rounding::Week => end.saturating_add(7 * MS_PER_DAY),
            Rounding::Days(days) => end.saturating_add(days.saturating_mul(MS_PER_DAY)),
            Rounding::Months(months) => {
                let next = Moment::from_ms(end)
                    .plus_period(months, 0)
                    .and_then(Moment::ms);
                next.unwrap_or(i64::MAX)
            }
        };
        if end >= to {
            return true;
        }
    }
    false
}

/// The width, 1 or 5 times a power of ten, that gives no more than so many buckets.
fn round_width(buckets: f64, from: f64, to: f64) -> f64 {
    let precise = (to - from) / buckets;
    let power = 10_f64.powf(precise.log10().ceil());
    if precise < power / 2.0 {
        power / 2.0
    } else {
        power
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(buckets: i64, from: &str, to: &str) -> Rounding {
        let ms = |text| optional_time(text).and_then(Moment::ms).unwrap_or_default();
        pick(buckets, ms(from), ms(to))
    }

    #[test]
    fn dates_get_spans_that_people_like() {
        let (from, to) = ("2026-03-14T10:00:00Z", "2026-03-14T11:00:00Z");
        assert_eq!(picked(6, from, to), Rounding::Fixed(10 * MINUTE));
        assert_eq!(picked(100, from, to), Rounding::Fixed(MINUTE));
        assert_eq!(picked(4, from, to), Rounding::Fixed(30 * MINUTE));
        assert_eq!(picked(5, "2026-03-01", "2026-03-31"), Rounding::Months(1));
        assert_eq!(picked(12, "1985-01-01", "1997-01-01"), Rounding::Months(12));
        assert_eq!(picked(200, "1950-01-01", "1966-01-01"), Rounding::Months(1));
    }

    #[test]
    fn numbers_get_round_widths() {
        assert_eq!(round_width(7.0, 25_324.0, 74_999.0), 10_000.0);
        assert_eq!(round_width(3.0, 0.0, 1.0), 0.5);
    }
}
