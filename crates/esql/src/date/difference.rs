//! `DATE_DIFF`: whole units between two dates.

use super::{Day, Moment, NANOS_PER_DAY, NANOS_PER_SECOND};

/// What differences are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Months(i64),
    /// A fixed number of nanoseconds.
    Nanos(i128),
}

const MONTHS: [(&[&str], i64); 3] = [
    (&["year", "years", "yyyy", "yy"], 12),
    (&["quarter", "quarters", "qq", "q"], 3),
    (&["month", "months", "mm", "m"], 1),
];

const SECOND: i128 = NANOS_PER_SECOND as i128;
const FIXED: [(&[&str], i128); 10] = [
    (&["dayofyear", "dy", "y"], NANOS_PER_DAY as i128),
    (&["day", "days", "dd", "d"], NANOS_PER_DAY as i128),
    (&["week", "weeks", "wk", "ww"], 7 * NANOS_PER_DAY as i128),
    (&["weekday", "weekdays", "dw"], NANOS_PER_DAY as i128),
    (&["hour", "hours", "hh"], 3_600 * SECOND),
    (&["minute", "minutes", "mi", "n"], 60 * SECOND),
    (&["second", "seconds", "ss", "s"], SECOND),
    (&["millisecond", "milliseconds", "ms"], 1_000_000),
    (&["microsecond", "microseconds", "mcs"], 1_000),
    (&["nanosecond", "nanoseconds", "ns"], 1),
];

impl Unit {
    /// By any of its names; `Err` is Elasticsearch's message.
    pub fn named(name: &str) -> Result<Self, String> {
        let lower = name.to_lowercase();
        for (names, months) in MONTHS {
            if names.contains(&lower.as_str()) {
                return Ok(Self::Months(months));
            }
        }
        for (names, nanos) in FIXED {
            if names.contains(&lower.as_str()) {
                return Ok(Self::Nanos(nanos));
            }
        }
        Err(format!(
            "A value of [YEAR, QUARTER, MONTH, DAYOFYEAR, DAY, WEEK, WEEKDAY, HOUR, MINUTE, SECOND, MILLISECOND, MICROSECOND, NANOSECOND] or their aliases is required; received [{name}]"
        ))
    }

    /// Whole units from `start` to `end`, towards zero.
    pub fn between(self, start: Moment, end: Moment) -> i128 {
        match self {
            Self::Nanos(nanos) => (end.wide_nanos() - start.wide_nanos()) / nanos,
            Self::Months(months) => i128::from(whole_months(start, end) / months),
        }
    }
}

/// The time of day comes first: an end at an earlier time counts as the day before. Then months
/// are whole where the day of the month is reached, which the 29th doesn't for the 31st.
fn whole_months(start: Moment, end: Moment) -> i64 {
    let mut last = end.epoch_day;
    if end.epoch_day > start.epoch_day && end.nano_of_day < start.nano_of_day {
        last -= 1;
    } else if end.epoch_day < start.epoch_day && end.nano_of_day > start.nano_of_day {
        last += 1;
    }
    let packed = |day: Day| (day.year * 12 + i64::from(day.month)) * 32 + i64::from(day.day);
    (packed(Day::from_epoch_day(last)) - packed(start.day())) / 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::parse::optional_time;

    #[test]
    fn whole_units_only() {
        let cases = [
            ("year", "2023-12-31T23:59:59.999Z", "2024-03-01", 0),
            (
                "year",
                "2023-12-31T23:59:59.999Z",
                "2024-12-31T23:59:59.999",
                1,
            ),
            ("month", "2023-12-31T23:59:59.999Z", "2024-03-01", 1),
            ("week", "2023-12-31T23:59:59.999Z", "2024-03-01", 8),
            ("ss", "2023-12-31T23:59:59.999Z", "2024-03-01", 5_184_000),
            (
                "ms",
                "2024-03-01",
                "2023-12-31T23:59:59.999Z",
                -5_184_000_001,
            ),
            ("years", "2024-02-29T12:00:00Z", "2025-03-01T12:00:00Z", 1),
        ];
        for (unit, start, end, expected) in cases {
            let (start, end) = (optional_time(start), optional_time(end));
            let found = start
                .zip(end)
                .and_then(|(start, end)| Some(Unit::named(unit).ok()?.between(start, end)));
            assert_eq!(found, Some(expected), "{unit}");
        }
    }
}
