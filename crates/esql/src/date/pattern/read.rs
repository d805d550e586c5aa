//! Reading dates by a pattern of letters.

use super::{MONTHS, Piece, WEEKDAYS};
use crate::date::parse::{Input, shifted};
use crate::date::{Day, Moment, NANOS_PER_MS, NANOS_PER_SECOND, month_length};

/// What the fields have said so far.
#[derive(Default)]
struct Found {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    /// Of the half day, 0 to 11.
    half_hour: Option<i64>,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    nano: i64,
    nano_of_day: Option<i64>,
    offset_seconds: i64,
}

pub(super) fn letters(pieces: &[Piece], text: &str) -> Option<Moment> {
    let mut input = Input {
        bytes: text.as_bytes(),
        at: 0,
    };
    let mut found = Found::default();
    let mut index = 0;
    // Where an optional part began, and where it is left if it doesn't fit.
    let mut starts: Vec<usize> = Vec::new();
    while let Some(piece) = pieces.get(index) {
        let fits = match piece {
            Piece::OptionalStart => {
                starts.push(input.at);
                true
            }
            Piece::OptionalEnd => {
                starts.pop();
                true
            }
            Piece::Text(text) => {
                let fits = input.bytes[input.at..].starts_with(text.as_bytes());
                input.at += if fits { text.len() } else { 0 };
                fits
            }
            Piece::Field { letter, count } => {
                let next = matches!(pieces.get(index + 1), Some(Piece::Field { letter, .. }) if numeric(*letter));
                field(&mut found, &mut input, *letter, *count, next).is_some()
            }
        };
        if !fits {
            input.at = starts.pop()?;
            index = after_optional(pieces, index)?;
            continue;
        }
        index += 1;
    }
    if !input.end() {
        return None;
    }
    found.moment()
}

/// The piece behind the optional part in which `index` lies.
fn after_optional(pieces: &[Piece], index: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, piece) in pieces.iter().enumerate().skip(index) {
        match piece {
            Piece::OptionalStart => depth += 1,
            Piece::OptionalEnd if depth == 0 => return Some(at + 1),
            Piece::OptionalEnd => depth -= 1,
            _ => {}
        }
    }
    None
}

fn numeric(letter: char) -> bool {
    "uyMLdDHhkKmsSAnN".contains(letter)
}

fn field(
    found: &mut Found,
    input: &mut Input<'_>,
    letter: char,
    count: usize,
    number_follows: bool,
) -> Option<()> {
    match letter {
        'y' | 'u' => found.year = Some(year(input, count, number_follows)?),
        'M' | 'L' if count > 2 => found.month = Some(name(input, &MONTHS, count)?),
        'E' => {
            name(input, &WEEKDAYS, count.max(3))?;
        }
        'M' | 'L' => found.month = Some(number(input, count, 2, number_follows)?),
        'd' => found.day = Some(number(input, count, 2, number_follows)?),
        'D' => found.day_of_year = Some(number(input, count, 3, number_follows)?),
        'H' => found.hour = Some(number(input, count, 2, number_follows)?),
        'k' => found.hour = Some(number(input, count, 2, number_follows)? % 24),
        'K' => found.half_hour = Some(number(input, count, 2, number_follows)?),
        'h' => found.half_hour = Some(number(input, count, 2, number_follows)? % 12),
        'm' => found.minute = number(input, count, 2, number_follows)?,
        's' => found.second = number(input, count, 2, number_follows)?,
        'S' => found.nano = input.digits(count)? * 10_i64.pow(9 - count.min(9) as u32),
        'n' => found.nano = number(input, count, 9, number_follows)?,
        'A' => found.nano_of_day = Some(number(input, count, 8, number_follows)? * NANOS_PER_MS),
        'N' => found.nano_of_day = Some(number(input, count, 14, number_follows)?),
        'a' => {
            let half = input.bytes.get(input.at..input.at + 2)?;
            found.afternoon = Some(match half {
                b"AM" => false,
                b"PM" => true,
                _ => return None,
            });
            input.at += 2;
        }
        'X' | 'x' | 'Z' | 'z' | 'V' | 'v' | 'O' => zone(found, input)?,
        // Weeks and eras by themselves don't say which day is meant.
        _ => return None,
    }
    Some(())
}

fn zone(found: &mut Found, input: &mut Input<'_>) -> Option<()> {
    for utc in ["UTC", "GMT"] {
        if input.bytes[input.at..].starts_with(utc.as_bytes()) {
            input.at += utc.len();
            return Some(());
        }
    }
    if input.end() {
        return None;
    }
    found.offset_seconds = input.zone()?;
    Some(())
}

/// Between `count` and `most` digits; exactly `count` where another number follows at once.
fn number(input: &mut Input<'_>, count: usize, most: usize, number_follows: bool) -> Option<i64> {
    let run = input.digit_run();
    let width = if number_follows || count >= most {
        count
    } else {
        run.min(most)
    };
    if width < count || width > run {
        return None;
    }
    input.digits(width)
}

fn year(input: &mut Input<'_>, count: usize, number_follows: bool) -> Option<i64> {
    if count == 2 {
        return Some(2_000 + input.digits(2)?);
    }
    let negative = input.take(b'-');
    let plus = !negative && input.take(b'+');
    let most = if negative || plus || count < 4 {
        9
    } else {
        count.max(4)
    };
    let year = number(input, count, most.max(count), number_follows)?;
    Some(if negative { -year } else { year })
}

/// The number, from one, of the name that stands here.
fn name(input: &mut Input<'_>, names: &[&str], count: usize) -> Option<i64> {
    for (index, name) in names.iter().enumerate() {
        let wanted = if count == 3 { &name[..3] } else { name };
        if input.bytes[input.at..].starts_with(wanted.as_bytes()) {
            input.at += wanted.len();
            return Some(index as i64 + 1);
        }
    }
    None
}

impl Found {
    fn moment(&self) -> Option<Moment> {
        let year = self.year.unwrap_or(1970);
        let epoch_day = match self.day_of_year {
            Some(ordinal) => {
                let first = Day {
                    year,
                    month: 1,
                    day: 1,
                }
                .epoch_day();
                let length = if crate::date::is_leap(year) { 366 } else { 365 };
                (1..=length)
                    .contains(&ordinal)
                    .then_some(first + ordinal - 1)?
            }
            None => {
                let month = u32::try_from(self.month.unwrap_or(1)).ok()?;
                let day = u32::try_from(self.day.unwrap_or(1)).ok()?;
                let valid =
                    (1..=12).contains(&month) && (1..=month_length(year, month)).contains(&day);
                valid.then_some(Day { year, month, day }.epoch_day())?
            }
        };
        let hour = match (self.hour, self.half_hour) {
            (Some(hour), _) => hour,
            (None, Some(half)) => half + if self.afternoon == Some(true) { 12 } else { 0 },
            (None, None) => 0,
        };
        if hour > 23 || self.minute > 59 || self.second > 59 {
            return None;
        }
        let seconds = hour * 3_600 + self.minute * 60 + self.second;
        let nano_of_day = self
            .nano_of_day
            .unwrap_or(seconds * NANOS_PER_SECOND + self.nano);
        shifted(epoch_day, nano_of_day, self.offset_seconds)
    }
}
