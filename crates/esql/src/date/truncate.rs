//! Cutting dates down to a span: `DATE_TRUNC` and `BUCKET`.

use super::{Day, MS_PER_DAY, Moment};
use crate::datatype::unpack_period;

/// What dates are cut down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// So many milliseconds, counted from 1970.
    Fixed(i64),
    /// Weeks that begin on Monday.
    Week,
    /// So many months, counted from January of year 1.
    Months(i64),
    /// So many days, counted from 1970.
    Days(i64),
}

impl Rounding {
    /// Of a calendar span made by [`crate::datatype::pack_period`]; else Elasticsearch's reason.
    pub fn of_period(packed: i64) -> Result<Self, String> {
        let (months, days) = unpack_period(packed);
        match (months, days) {
            (0, 0) => Err("Zero or negative time interval is not supported".to_owned()),
            (months, days) if months < 0 || days < 0 => {
                Err("Zero or negative time interval is not supported".to_owned())
            }
            (months, days) if months > 0 && days > 0 => {
                Err("Time interval is not supported".to_owned())
            }
            (0, 7) => Ok(Self::Week),
            (0, days) => Ok(Self::Days(i64::from(days))),
            (months, _) => Ok(Self::Months(i64::from(months))),
        }
    }

    /// Of a fixed span in milliseconds.
    pub fn of_duration(ms: i64) -> Result<Self, String> {
        if ms <= 0 {
            return Err("Zero or negative time interval is not supported".to_owned());
        }
        Ok(Self::Fixed(ms))
    }

    /// The start of the span in which the date lies, milliseconds since 1970.
    pub fn floor_ms(self, ms: i64) -> i64 {
        match self {
            Self::Fixed(span) => ms.saturating_sub(ms.rem_euclid(span)),
            Self::Days(days) => {
                let day = ms.div_euclid(MS_PER_DAY);
                (day - day.rem_euclid(days)).saturating_mul(MS_PER_DAY)
            }
            Self::Week => {
                let day = ms.div_euclid(MS_PER_DAY);
                (day - (day + 3).rem_euclid(7)).saturating_mul(MS_PER_DAY)
            }
            Self::Months(months) => {
                let day = Moment::from_ms(ms).day();
                // Spans are counted from January of year 1.
                let index = (day.year - 1) * 12 + i64::from(day.month) - 1;
                let start = index - index.rem_euclid(months);
                let first = Day {
                    year: start.div_euclid(12) + 1,
                    month: start.rem_euclid(12) as u32 + 1,
                    day: 1,
                };
                first.epoch_day().saturating_mul(MS_PER_DAY)
            }
        }
    }

    /// As [`Self::floor_ms`], nanoseconds since 1970.
    pub fn floor_nanos(self, nanos: i64) -> i64 {
        self.floor_ms(nanos.div_euclid(super::NANOS_PER_MS))
            .saturating_mul(super::NANOS_PER_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datatype::pack_period;
    use crate::date::parse::optional_time;

    fn floor(rounding: Rounding, text: &str) -> String {
        let mut printed = String::new();
        let ms = optional_time(text).and_then(Moment::ms).unwrap_or_default();
        crate::date::print::iso_ms(rounding.floor_ms(ms), &mut printed);
        printed
    }

    #[test]
    fn spans_begin_where_elasticsearch_begins_them() {
        let period = |months, days| Rounding::of_period(pack_period(months, days));
        let date = "2021-01-03T23:59:59.999Z";
        assert_eq!(
            floor(period(0, 7).unwrap_or(Rounding::Week), date),
            "2020-12-28T00:00:00.000Z"
        );
        assert_eq!(period(0, 14), Ok(Rounding::Days(14)));
        assert_eq!(floor(Rounding::Days(14), date), "2020-12-24T00:00:00.000Z");
        let decade = Rounding::Months(120);
        assert_eq!(floor(decade, "1970-01-01"), "1961-01-01T00:00:00.000Z");
        assert_eq!(
            floor(decade, "1960-02-29T12:00:00Z"),
            "1951-01-01T00:00:00.000Z"
        );
        assert_eq!(floor(decade, "2020-02-29"), "2011-01-01T00:00:00.000Z");
        assert_eq!(floor(decade, "9999-12-31"), "9991-01-01T00:00:00.000Z");
        assert!(period(1, 1).is_err());
        assert!(period(-1, 0).is_err());
    }
}
