//! Date formats: Elasticsearch's named ones, and patterns of letters as in `java.time`.

mod read;
mod write;

use super::{Moment, parse, print};

/// A format to print and to read dates with; several ways to read are tried in turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Format {
    ways: Vec<Way>,
}

#[derive(Debug, Clone, PartialEq)]
enum Way {
    OptionalTime { nanos: bool },
    EpochMs,
    EpochSecond,
    Letters(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Field {
        letter: char,
        count: usize,
    },
    /// `[` and `]`: what is between may be missing when reading.
    OptionalStart,
    OptionalEnd,
}

/// Names that stand for patterns; each may begin with `strict_`.
const NAMED: [(&str, &str); 21] = [
    ("basic_date", "yyyyMMdd"),
    ("basic_date_time", "yyyyMMdd'T'HHmmss.SSSXXX"),
    ("basic_date_time_no_millis", "yyyyMMdd'T'HHmmssXXX"),
    ("basic_ordinal_date", "yyyyDDD"),
    ("basic_time", "HHmmss.SSSXXX"),
    ("date", "yyyy-MM-dd"),
    ("date_hour", "yyyy-MM-dd'T'HH"),
    ("date_hour_minute", "yyyy-MM-dd'T'HH:mm"),
    ("date_hour_minute_second", "yyyy-MM-dd'T'HH:mm:ss"),
    (
        "date_hour_minute_second_millis",
        "yyyy-MM-dd'T'HH:mm:ss.SSS",
    ),
    ("date_time", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"),
    ("date_time_no_millis", "yyyy-MM-dd'T'HH:mm:ssXXX"),
    ("hour", "HH"),
    ("hour_minute", "HH:mm"),
    ("hour_minute_second", "HH:mm:ss"),
    ("hour_minute_second_millis", "HH:mm:ss.SSS"),
    ("ordinal_date", "yyyy-DDD"),
    ("time", "HH:mm:ss.SSSXXX"),
    ("year", "yyyy"),
    ("year_month", "yyyy-MM"),
    ("year_month_day", "yyyy-MM-dd"),
];

const LETTERS: &str = "GuyYDMLdQqwWEecFahKkHmsSAnNVvzOXxZ";

impl Format {
    /// Compiles a format, `||` between several; `Err` is `java.time`'s message.
    pub fn new(text: &str) -> Result<Self, String> {
        let ways = text.split("||").map(way).collect::<Result<_, _>>();
        let ways = ways.map_err(|reason: String| format!("Invalid format: [{text}]: {reason}"))?;
        Ok(Self { ways })
    }

    /// The date in the first way.
    pub fn print(&self, moment: Moment, to: &mut String) {
        match self.ways.first() {
            None | Some(Way::OptionalTime { nanos: false }) => {
                print::iso_ms(moment.ms().unwrap_or_default(), to);
            }
            Some(Way::OptionalTime { nanos: true }) => {
                print::iso_nanos(moment.nanos().unwrap_or_default(), to);
            }
            Some(Way::EpochMs) => to.push_str(&moment.ms().unwrap_or_default().to_string()),
            Some(Way::EpochSecond) => {
                let seconds = moment
                    .ms()
                    .unwrap_or_default()
                    .div_euclid(super::MS_PER_SECOND);
                to.push_str(&seconds.to_string());
            }
            Some(Way::Letters(pieces)) => write::letters(pieces, moment, to),
        }
    }

    /// The date that the text says in any of the ways.
    pub fn parse(&self, text: &str) -> Option<Moment> {
        self.ways.iter().find_map(|way| match way {
            Way::OptionalTime { .. } => parse::optional_time(text),
            Way::EpochMs => Some(Moment::from_ms(text.parse().ok()?)),
            Way::EpochSecond => {
                let seconds: i64 = text.parse().ok()?;
                Some(Moment::from_ms(seconds.checked_mul(super::MS_PER_SECOND)?))
            }
            Way::Letters(pieces) => read::letters(pieces, text),
        })
    }
}

fn way(text: &str) -> Result<Way, String> {
    let name = text.strip_prefix("strict_").unwrap_or(text);
    match name {
        "date_optional_time" | "iso8601" => return Ok(Way::OptionalTime { nanos: false }),
        "date_optional_time_nanos" => return Ok(Way::OptionalTime { nanos: true }),
        "epoch_millis" => return Ok(Way::EpochMs),
        "epoch_second" => return Ok(Way::EpochSecond),
        _ => {}
    }
    let pattern = NAMED.iter().find(|(known, _)| *known == name);
    Ok(Way::Letters(pieces(
        pattern.map_or(text, |(_, pattern)| pattern),
    )?))
}

fn pieces(pattern: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(first) = chars.next() {
        match first {
            '\'' => {
                let mut text = String::new();
                loop {
                    match chars.next() {
                        Some('\'') if chars.peek() == Some(&'\'') => {
                            chars.next();
                            text.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => text.push(other),
                        None => {
                            return Err(format!(
                                "Pattern ends with an incomplete string literal: {pattern}"
                            ));
                        }
                    }
                }
                // Two quotes side by side stand for one.
                pieces.push(Piece::Text(if text.is_empty() {
                    "'".to_owned()
                } else {
                    text
                }));
            }
            '[' => pieces.push(Piece::OptionalStart),
            ']' => pieces.push(Piece::OptionalEnd),
            '{' | '}' | '#' => {
                return Err(format!("Pattern includes reserved character: '{first}'"));
            }
            letter if letter.is_ascii_alphabetic() => {
                let mut count = 1;
                while chars.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                if !LETTERS.contains(letter) {
                    return Err(format!("Unknown pattern letter: {letter}"));
                }
                if count > longest(letter) {
                    return Err(format!("Too many pattern letters: {letter}"));
                }
                pieces.push(Piece::Field { letter, count });
            }
            other => pieces.push(Piece::Text(other.to_string())),
        }
    }
    Ok(pieces)
}

/// How often a letter may be repeated.
fn longest(letter: char) -> usize {
    match letter {
        'u' | 'y' | 'Y' | 'n' | 'N' | 'A' => 19,
        'S' => 9,
        'd' | 'h' | 'H' | 'k' | 'K' | 'm' | 's' | 'w' | 'V' => 2,
        'D' => 3,
        'a' | 'F' | 'W' => 1,
        'v' | 'z' | 'O' => 4,
        _ => 5,
    }
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// `January` … by 1 to 12.
pub fn month_name(month: u32) -> &'static str {
    MONTHS
        .get(month.saturating_sub(1) as usize)
        .copied()
        .unwrap_or("")
}

/// `Monday` … by 1 to 7.
pub fn weekday_name(weekday: u32) -> &'static str {
    WEEKDAYS
        .get(weekday.saturating_sub(1) as usize)
        .copied()
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(pattern: &str, date: &str) -> String {
        let mut text = String::new();
        match (Format::new(pattern), parse::optional_time(date)) {
            (Ok(format), Some(moment)) => format.print(moment, &mut text),
            (Err(reason), _) => text = reason,
            _ => {}
        }
        text
    }

    fn parsed(pattern: &str, text: &str) -> String {
        let mut printed = String::new();
        if let Some(ms) = Format::new(pattern)
            .ok()
            .and_then(|format| format.parse(text)?.ms())
        {
            print::iso_ms(ms, &mut printed);
        }
        printed
    }

    #[test]
    fn prints() {
        let date = "2024-05-15T13:47:31.123Z";
        let cases = [
            ("yyyy-MM-dd'T'HH:mm:ss", "2024-05-15T13:47:31"),
            ("d MMM yy, EEEE", "15 May 24, Wednesday"),
            ("hh:mm a", "01:47 PM"),
            ("Q QQQ D S SSS", "2 Q2 136 1 123"),
            ("yyyy-MM-dd XXX xxx Z", "2024-05-15 Z +00:00 +0000"),
            ("epoch_second", "1715780851"),
            ("YYYY-ww", "2024-20"),
            (
                "bad pattern {",
                "Invalid format: [bad pattern {]: Unknown pattern letter: b",
            ),
            ("date", "2024-05-15"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(printed(pattern, date), expected, "{pattern}");
        }
        assert_eq!(printed("YYYY-ww", "2021-01-03"), "2021-02");
    }

    #[test]
    fn reads() {
        let cases = [
            (
                "dd.MM.yyyy HH:mm",
                "24.12.2023 18:30",
                "2023-12-24T18:30:00.000Z",
            ),
            (
                "yyyy-MM-dd'T'HH:mm:ssXXX",
                "2024-01-01T00:00:00+02:00",
                "2023-12-31T22:00:00.000Z",
            ),
            ("d MMM yyyy", "5 Jan 2024", "2024-01-05T00:00:00.000Z"),
            ("HH:mm", "10:30", "1970-01-01T10:30:00.000Z"),
            ("yyyy", "2024", "2024-01-01T00:00:00.000Z"),
            ("yyyy-DDD", "2024-060", "2024-02-29T00:00:00.000Z"),
            ("yyyyMMdd", "20240506", "2024-05-06T00:00:00.000Z"),
            ("epoch_millis", "1700000000000", "2023-11-14T22:13:20.000Z"),
            ("h:mm a", "1:05 PM", "1970-01-01T13:05:00.000Z"),
            ("yyyy[-MM]", "2024", "2024-01-01T00:00:00.000Z"),
            ("yyyy-MM-dd", "2024-02-30", ""),
            ("yyyy-MM-dd", "2024-5-05", ""),
            ("yyyy-MM-dd", "2024-05-05x", ""),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(parsed(pattern, text), expected, "{pattern} {text}");
        }
    }
}
