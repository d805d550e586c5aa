//! `strict_date_optional_time`: the format in which dates come as text.

use super::{Day, Moment, NANOS_PER_SECOND, month_length};

/// A date in `strict_date_optional_time`: a year, then month, day, time, fraction and zone, each
/// where the ones before it are there. `None`: it isn't one.
pub fn optional_time(text: &str) -> Option<Moment> {
    let mut input = Input {
        bytes: text.as_bytes(),
        at: 0,
    };
    let year = input.year()?;
    let (mut month, mut day) = (1, 1);
    if input.take(b'-') {
        month = input.digits(2)?;
        if input.take(b'-') {
            day = input.digits(2)?;
        }
    }
    if !(1..=12).contains(&month) || day < 1 || day > i64::from(month_length(year, month as u32)) {
        return None;
    }
    let epoch_day = Day {
        year,
        month: month as u32,
        day: day as u32,
    }
    .epoch_day();
    if !input.take(b'T') {
        return input.end().then_some(Moment {
            epoch_day,
            nano_of_day: 0,
        });
    }
    if input.end() {
        return Some(Moment {
            epoch_day,
            nano_of_day: 0,
        });
    }
    let nano_of_day = input.time()?;
    let offset_seconds = input.zone()?;
    if !input.end() {
        return None;
    }
    shifted(epoch_day, nano_of_day, offset_seconds)
}

/// A local time and its zone's offset as a moment.
pub fn shifted(epoch_day: i64, nano_of_day: i64, offset_seconds: i64) -> Option<Moment> {
    let nanos = nano_of_day - offset_seconds * NANOS_PER_SECOND;
    Some(Moment {
        epoch_day: epoch_day.checked_add(nanos.div_euclid(super::NANOS_PER_DAY))?,
        nano_of_day: nanos.rem_euclid(super::NANOS_PER_DAY),
    })
}

/// Reads bytes from the front.
pub(super) struct Input<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl Input<'_> {
    pub fn end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Exactly so many digits.
    pub fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.bytes.get(self.at..self.at + count)?;
        let mut value = 0;
        for digit in digits {
            value = value * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
        self.at += count;
        Some(value)
    }

    /// How many digits follow.
    pub fn digit_run(&self) -> usize {
        self.bytes[self.at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    }

    /// Four digits, or a sign and four to nine.
    fn year(&mut self) -> Option<i64> {
        let negative = self.peek() == Some(b'-');
        if negative || self.peek() == Some(b'+') {
            self.at += 1;
            let run = self.digit_run();
            if !(4..=9).contains(&run) {
                return None;
            }
            let year = self.digits(run)?;
            return Some(if negative { -year } else { year });
        }
        (self.digit_run() == 4).then(|| self.digits(4))?
    }

    /// `HH[:mm[:ss[.fraction]]]` as nanoseconds.
    fn time(&mut self) -> Option<i64> {
        let hour = self.digits(2)?;
        let (mut minute, mut second, mut nano) = (0, 0, 0);
        if self.take(b':') {
            minute = self.digits(2)?;
            if self.take(b':') {
                second = self.digits(2)?;
                if self.take(b'.') || self.take(b',') {
                    nano = self.fraction()?;
                }
            }
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        Some((hour * 3_600 + minute * 60 + second) * NANOS_PER_SECOND + nano)
    }

    /// One to nine digits as nanoseconds.
    pub fn fraction(&mut self) -> Option<i64> {
        let run = self.digit_run();
        if !(1..=9).contains(&run) {
            return None;
        }
        let digits = self.digits(run)?;
        Some(digits * 10_i64.pow(9 - run as u32))
    }

    /// Nothing, `Z`, `+HH`, `+HHmm` or `+HH:mm` as seconds.
    pub fn zone(&mut self) -> Option<i64> {
        if self.end() || self.take(b'Z') {
            return Some(0);
        }
        let negative = match self.peek()? {
            b'+' => false,
            b'-' => true,
            _ => return None,
        };
        self.at += 1;
        let hours = self.digits(2)?;
        let colon = self.take(b':');
        let minutes = if self.digit_run() >= 2 {
            self.digits(2)?
        } else if colon {
            return None;
        } else {
            0
        };
        if hours > 18 || minutes > 59 {
            return None;
        }
        let seconds = hours * 3_600 + minutes * 60;
        Some(if negative { -seconds } else { seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_with_optional_time() {
        let cases = [
            ("2024", Some(1_704_067_200_000)),
            ("2024-02", Some(1_706_745_600_000)),
            ("2024-01-01T10:00", Some(1_704_103_200_000)),
            ("2024-01-01T10:00:00+02:00", Some(1_704_096_000_000)),
            ("2024-01-01T10:00:00.5Z", Some(1_704_103_200_500)),
            ("0001-01-01", Some(-62_135_596_800_000)),
            ("+10000-01-01T00:00:00Z", Some(253_402_300_800_000)),
            ("2024-02-30", None),
            ("2024-12-31T24:00:00Z", None),
            ("1964-06-02 00:00:00", None),
            ("20240101", None),
            ("x", None),
            ("", None),
            ("2024-01-01T10:00:00Zx", None),
        ];
        for (text, expected) in cases {
            assert_eq!(optional_time(text).and_then(Moment::ms), expected, "{text}");
        }
    }
}
