//! Spans of time as text: `3 days`, `1 month`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};

use super::arrays::texts;
use super::entry::Failures;
use super::{Call, Column};
use crate::ast::TimeUnit;
use crate::datatype::pack_period;

/// Every name of every unit.
const UNITS: [(&str, TimeUnit); 31] = [
    ("millisecond", TimeUnit::Millisecond),
    ("milliseconds", TimeUnit::Millisecond),
    ("ms", TimeUnit::Millisecond),
    ("second", TimeUnit::Second),
    ("seconds", TimeUnit::Second),
    ("sec", TimeUnit::Second),
    ("s", TimeUnit::Second),
    ("minute", TimeUnit::Minute),
    ("minutes", TimeUnit::Minute),
    ("min", TimeUnit::Minute),
    ("m", TimeUnit::Minute),
    ("hour", TimeUnit::Hour),
    ("hours", TimeUnit::Hour),
    ("h", TimeUnit::Hour),
    ("day", TimeUnit::Day),
    ("days", TimeUnit::Day),
    ("d", TimeUnit::Day),
    ("week", TimeUnit::Week),
    ("weeks", TimeUnit::Week),
    ("w", TimeUnit::Week),
    ("month", TimeUnit::Month),
    ("months", TimeUnit::Month),
    ("mo", TimeUnit::Month),
    ("quarter", TimeUnit::Quarter),
    ("quarters", TimeUnit::Quarter),
    ("q", TimeUnit::Quarter),
    ("year", TimeUnit::Year),
    ("years", TimeUnit::Year),
    ("yr", TimeUnit::Year),
    ("y", TimeUnit::Year),
    ("yrs", TimeUnit::Year),
];

/// A number and a unit, blanks between and around.
fn parse(text: &str) -> Option<(i64, TimeUnit)> {
    let mut words = text.split_whitespace();
    let count = words.next()?.parse().ok()?;
    let unit = words.next()?.to_lowercase();
    if words.next().is_some() {
        return None;
    }
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Some((count, *unit))
}

/// Months and days packed as [`pack_period`] does.
pub(super) fn period(text: &str) -> Option<i64> {
    let (count, unit) = parse(text)?;
    let count = i32::try_from(count).ok()?;
    let (months, days) = match unit {
        TimeUnit::Day => (0, count),
        TimeUnit::Week => (0, count.checked_mul(7)?),
        TimeUnit::Month => (count, 0),
        TimeUnit::Quarter => (count.checked_mul(3)?, 0),
        TimeUnit::Year => (count.checked_mul(12)?, 0),
        _ => return None,
    };
    Some(pack_period(months, days))
}

/// Milliseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (count, unit) = parse(text)?;
    count.checked_mul(match unit {
        TimeUnit::Millisecond => 1,
        TimeUnit::Second => 1_000,
        TimeUnit::Minute => 60_000,
        TimeUnit::Hour => 3_600_000,
        _ => return None,
    })
}

pub(super) fn to_period(
    call: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    const EXPECTED: &str = "[DAY, DAYS, D, WEEK, WEEKS, W, MONTH, MONTHS, MO, QUARTER, QUARTERS, Q, YEAR, YEARS, YR, Y]";
    convert(call, column, failures, period, EXPECTED)
}

pub(super) fn to_duration(
    call: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
) -> Option<ArrayRef> {
    const EXPECTED: &str = "[MILLISECOND, MILLISECONDS, MS, SECOND, SECONDS, SEC, S, MINUTE, MINUTES, MIN, HOUR, HOURS, H]";
    convert(call, column, failures, duration, EXPECTED)
}

fn convert(
    call: &Call<'_>,
    column: &Column,
    failures: &mut Failures,
    read: fn(&str) -> Option<i64>,
    expected: &str,
) -> Option<ArrayRef> {
    if column.data_type == call.result {
        return Some(column.values.clone());
    }
    let values = texts(&column.values)?.iter().map(|text| {
        let text = text?;
        let value = read(text);
        if value.is_none() {
            failures.invalid(&format!(
                "Invalid interval value in [{}], expected integer followed by one of {expected} but got [{text}]",
                call.text
            ));
        }
        value
    });
    Some(Arc::new(values.collect::<Int64Array>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_as_text() {
        assert_eq!(period("3 DAYS"), Some(pack_period(0, 3)));
        assert_eq!(period(" 2  quarters "), Some(pack_period(6, 0)));
        assert_eq!(period("1 hour"), None);
        assert_eq!(duration("90 minutes"), Some(5_400_000));
        assert_eq!(duration("-1 s"), Some(-1_000));
        for wrong in ["", "3", "days", "3 fortnights", "3 days 4"] {
            assert_eq!((period(wrong), duration(wrong)), (None, None), "{wrong}");
        }
    }
}
