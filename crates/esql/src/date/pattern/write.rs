//! Printing dates by a pattern of letters.

use std::fmt::Write;

use super::{Piece, month_name, weekday_name};
use crate::date::{Day, Moment, NANOS_PER_MS};

pub(super) fn letters(pieces: &[Piece], moment: Moment, to: &mut String) {
    let day = moment.day();
    for piece in pieces {
        match piece {
            Piece::Text(text) => to.push_str(text),
            Piece::Field { letter, count } => field(*letter, *count, moment, day, to),
            Piece::OptionalStart | Piece::OptionalEnd => {}
        }
    }
}

fn field(letter: char, count: usize, moment: Moment, day: Day, to: &mut String) {
    let hour = moment.hour();
    let half = hour % 12;
    let number = match letter {
        'y' if day.year < 1 => return year(1 - day.year, count, to),
        'y' | 'u' => return year(day.year, count, to),
        'Y' => return year(week(moment, day).0, count, to),
        'M' | 'L' => return month(day.month, count, to),
        'E' => return weekday(day.weekday(), count.max(3), to),
        'e' | 'c' if count > 2 => return weekday(day.weekday(), count, to),
        'Q' | 'q' => return quarter(day.month.div_ceil(3), count, to),
        'G' => return era(day.year, count, to),
        'a' => return to.push_str(if hour < 12 { "AM" } else { "PM" }),
        'S' => {
            let digits = format!("{:09}", moment.nano());
            return to.push_str(&digits[..count.min(9)]);
        }
        'V' | 'v' | 'z' | 'O' | 'X' | 'x' | 'Z' => return zone(letter, count, to),
        'd' => i64::from(day.day),
        'D' => i64::from(day.day_of_year()),
        'H' => hour,
        'k' => (hour + 23) % 24 + 1,
        'K' => half,
        'h' => (half + 11) % 12 + 1,
        'm' => moment.minute(),
        's' => moment.second(),
        // Weeks begin on Sunday here, and that is their first day.
        'e' | 'c' => i64::from(day.weekday() % 7 + 1),
        'w' => week(moment, day).1,
        'W' => week_of(moment.epoch_day, i64::from(day.day)),
        'F' => i64::from((day.day - 1) % 7 + 1),
        'A' => moment.nano_of_day / NANOS_PER_MS,
        'n' => moment.nano(),
        'N' => moment.nano_of_day,
        _ => return,
    };
    let _ = write!(to, "{number:0count$}");
}

fn year(year: i64, count: usize, to: &mut String) {
    let _ = match count {
        2 => write!(to, "{:02}", year.rem_euclid(100)),
        4.. if year >= 10_i64.saturating_pow(count as u32) => write!(to, "+{year}"),
        _ if year < 0 => write!(to, "-{:0count$}", year.unsigned_abs()),
        _ => write!(to, "{year:0count$}"),
    };
}

fn month(month: u32, count: usize, to: &mut String) {
    let name = month_name(month);
    match count {
        1 | 2 => {
            let _ = write!(to, "{month:0count$}");
        }
        3 => to.push_str(&name[..name.len().min(3)]),
        4 => to.push_str(name),
        _ => to.push_str(&name[..name.len().min(1)]),
    }
}

fn weekday(weekday: u32, count: usize, to: &mut String) {
    let name = weekday_name(weekday);
    let length = match count {
        3 => 3,
        4 => name.len(),
        _ => 1,
    };
    to.push_str(&name[..name.len().min(length)]);
}

fn quarter(quarter: u32, count: usize, to: &mut String) {
    let suffix = ["st", "nd", "rd", "th"];
    let _ = match count {
        1 | 2 => write!(to, "{quarter:0count$}"),
        3 => write!(to, "Q{quarter}"),
        4 => write!(
            to,
            "{quarter}{} quarter",
            suffix[(quarter as usize - 1).min(3)]
        ),
        _ => write!(to, "{quarter}"),
    };
}

fn era(year: i64, count: usize, to: &mut String) {
    to.push_str(match (count, year > 0) {
        (4, true) => "Anno Domini",
        (4, false) => "Before Christ",
        (5, true) => "A",
        (5, false) => "B",
        (_, true) => "AD",
        (_, false) => "BC",
    });
}

fn zone(letter: char, count: usize, to: &mut String) {
    to.push_str(match (letter, count) {
        ('x', 1) => "+00",
        ('x', 2 | 4) | ('Z', 1..=3) => "+0000",
        ('x', _) => "+00:00",
        ('O', _) | ('Z', 4) => "GMT",
        _ => "Z",
    });
}

/// The week, counted from Sundays, of a day that is the `ordinal`-th of its month or year.
fn week_of(epoch_day: i64, ordinal: i64) -> i64 {
    let first = epoch_day - ordinal + 1;
    // Days of that first week that lie before its first day.
    let before = i64::from(super::super::weekday(first) % 7);
    (ordinal - 1 + before) / 7 + 1
}

/// Week-based year and week of the year; the week of January 1st is the first.
fn week(moment: Moment, day: Day) -> (i64, i64) {
    let next = Day {
        year: day.year + 1,
        month: 1,
        day: 1,
    }
    .epoch_day();
    let next_week = next - i64::from(super::super::weekday(next) % 7);
    if moment.epoch_day >= next_week {
        return (day.year + 1, 1);
    }
    (
        day.year,
        week_of(moment.epoch_day, i64::from(day.day_of_year())),
    )
}
