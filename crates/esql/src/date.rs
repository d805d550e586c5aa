//! Dates as Elasticsearch reads, prints, cuts and counts them. All of them are UTC.
//!
//! Milliseconds since 1970 reach years far beyond what `chrono` holds, so the calendar is worked
//! out here: proleptic Gregorian, as in `java.time`.

pub mod difference;
pub mod parse;
pub mod pattern;
pub mod print;
pub mod truncate;

pub const MS_PER_SECOND: i64 = 1_000;
pub const MS_PER_DAY: i64 = 86_400_000;
pub const NANOS_PER_MS: i64 = 1_000_000;
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;
pub const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

impl Day {
    /// From days since 1970-01-01.
    pub fn from_epoch_day(epoch_day: i64) -> Self {
        // Years are counted from March, in eras of 400 years, so that leap days come last.
        let shifted = epoch_day + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * march_month + 2) / 5 + 1) as u32;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        } as u32;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }

    /// Days since 1970-01-01.
    pub fn epoch_day(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let march_month = (i64::from(self.month) + 9) % 12;
        let day_of_year = (153 * march_month + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }

    /// Monday is 1, Sunday 7.
    pub fn weekday(self) -> u32 {
        weekday(self.epoch_day())
    }

    /// 1 to 366.
    pub fn day_of_year(self) -> u32 {
        let first = Self {
            year: self.year,
            month: 1,
            day: 1,
        };
        (self.epoch_day() - first.epoch_day() + 1) as u32
    }

    /// Months later; the day is cut to the month's length, as in `java.time`. Years beyond what
    /// milliseconds can say give `None`.
    pub fn plus_months(self, months: i64) -> Option<Self> {
        let total = self
            .year
            .checked_mul(12)?
            .checked_add(i64::from(self.month) - 1)?;
        let total = total.checked_add(months)?;
        let year = total.div_euclid(12);
        if !(-MAX_YEAR..=MAX_YEAR).contains(&year) {
            return None;
        }
        let month = total.rem_euclid(12) as u32 + 1;
        let day = self.day.min(month_length(year, month));
        Some(Self { year, month, day })
    }
}

/// No date in milliseconds lies beyond this year.
pub const MAX_YEAR: i64 = 292_278_994;

/// Monday is 1, Sunday 7.
pub fn weekday(epoch_day: i64) -> u32 {
    (epoch_day + 3).rem_euclid(7) as u32 + 1
}

pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub fn month_length(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A date taken apart, nanoseconds and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub epoch_day: i64,
    /// Since midnight.
    pub nano_of_day: i64,
}

impl Moment {
    pub fn from_ms(ms: i64) -> Self {
        Self {
            epoch_day: ms.div_euclid(MS_PER_DAY),
            nano_of_day: ms.rem_euclid(MS_PER_DAY) * NANOS_PER_MS,
        }
    }

    pub fn from_nanos(nanos: i64) -> Self {
        Self {
            epoch_day: nanos.div_euclid(NANOS_PER_DAY),
            nano_of_day: nanos.rem_euclid(NANOS_PER_DAY),
        }
    }

    pub fn day(self) -> Day {
        Day::from_epoch_day(self.epoch_day)
    }

    /// Milliseconds since 1970, or `None` where 64 bits don't hold them.
    pub fn ms(self) -> Option<i64> {
        let ms = i128::from(self.epoch_day) * i128::from(MS_PER_DAY)
            + i128::from(self.nano_of_day / NANOS_PER_MS);
        i64::try_from(ms).ok()
    }

    /// Nanoseconds since 1970, or `None` where 64 bits don't hold them.
    pub fn nanos(self) -> Option<i64> {
        i64::try_from(self.wide_nanos()).ok()
    }

    pub fn wide_nanos(self) -> i128 {
        i128::from(self.epoch_day) * i128::from(NANOS_PER_DAY) + i128::from(self.nano_of_day)
    }

    pub fn hour(self) -> i64 {
        self.nano_of_day / (3_600 * NANOS_PER_SECOND)
    }

    pub fn minute(self) -> i64 {
        self.nano_of_day / (60 * NANOS_PER_SECOND) % 60
    }

    pub fn second(self) -> i64 {
        self.nano_of_day / NANOS_PER_SECOND % 60
    }

    pub fn nano(self) -> i64 {
        self.nano_of_day % NANOS_PER_SECOND
    }

    /// Months and days later, at the same time of day.
    pub fn plus_period(self, months: i64, days: i64) -> Option<Self> {
        let moved = if months == 0 {
            self.epoch_day
        } else {
            self.day().plus_months(months)?.epoch_day()
        };
        Some(Self {
            epoch_day: moved.checked_add(days)?,
            nano_of_day: self.nano_of_day,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_go_there_and_back() {
        for epoch_day in (-1_000_000..1_000_000).step_by(37) {
            assert_eq!(Day::from_epoch_day(epoch_day).epoch_day(), epoch_day);
        }
        let leap = Day {
            year: 2024,
            month: 2,
            day: 29,
        };
        assert_eq!(leap.epoch_day(), 19_782);
        assert_eq!((leap.weekday(), leap.day_of_year()), (4, 60));
        assert_eq!(
            leap.plus_months(12),
            Some(Day {
                year: 2025,
                month: 2,
                day: 28
            })
        );
    }
}
