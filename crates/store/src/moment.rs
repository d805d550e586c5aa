//! Dates as documents write them: `strict_date_optional_time||epoch_millis`.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

/// A moment as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub ns: i128,
    /// More than three digits after the second's point were written.
    pub fine: bool,
}

impl Moment {
    pub fn ms(self) -> Option<i64> {
        i64::try_from(self.ns.div_euclid(1_000_000)).ok()
    }

    pub fn us(self) -> Option<i64> {
        i64::try_from(self.ns.div_euclid(1_000)).ok()
    }
}

/// `None`: not a date.
pub fn parse(text: &str) -> Option<Moment> {
    if let Some(moment) = usual(text.as_bytes()) {
        return Some(moment);
    }
    let bytes = text.as_bytes();
    if !bytes.is_empty()
        && bytes.len() <= 18
        && bytes
            .iter()
            .skip(usize::from(bytes[0] == b'-'))
            .all(u8::is_ascii_digit)
        && bytes.len() != 4
    {
        return from_ms(text.parse().ok()?);
    }
    slow(text)
}

pub fn from_ms(ms: i64) -> Option<Moment> {
    Some(Moment {
        ns: i128::from(ms) * 1_000_000,
        fine: false,
    })
}

/// A new field's string becomes a date only where it has at least a whole date.
pub fn looks_like_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' && slow(text).is_some()
}

/// `2023-01-29T08:42:09.487160Z`, any number of fraction digits: nearly every document's form,
/// read without an allocation.
fn usual(bytes: &[u8]) -> Option<Moment> {
    let (&last, body) = bytes.split_last()?;
    if last != b'Z' || body.len() < 19 || body[10] != b'T' {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<u32> {
        body[from..to].iter().try_fold(0u32, |sum, byte| {
            byte.is_ascii_digit()
                .then(|| sum * 10 + u32::from(byte - b'0'))
        })
    };
    if body[4] != b'-' || body[7] != b'-' || body[13] != b':' || body[16] != b':' {
        return None;
    }
    let (fraction, digits) = match body.get(19) {
        None => (0u64, 0),
        Some(b'.') if (21..=29).contains(&body.len()) => {
            let digits = body.len() - 20;
            let scale = 10u64.pow(9 - digits as u32);
            (u64::from(number(20, body.len())?) * scale, digits)
        }
        Some(_) => return None,
    };
    let date = NaiveDate::from_ymd_opt(number(0, 4)? as i32, number(5, 7)?, number(8, 10)?)?;
    let time = NaiveTime::from_hms_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?)?;
    let seconds = NaiveDateTime::new(date, time).and_utc().timestamp();
    Some(Moment {
        ns: i128::from(seconds) * 1_000_000_000 + i128::from(fraction),
        fine: digits > 3,
    })
}

/// Offsets, dates alone, years and months alone, times without a zone (UTC).
fn slow(text: &str) -> Option<Moment> {
    let fine = text
        .split_once('.')
        .is_some_and(|(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count() > 3);
    let of = |seconds: i64, nanos: u32| Moment {
        ns: i128::from(seconds) * 1_000_000_000 + i128::from(nanos),
        fine,
    };
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(of(moment.timestamp(), moment.timestamp_subsec_nanos()));
    }
    if text.contains(' ') {
        return None;
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"] {
        if let Ok(moment) = DateTime::parse_from_str(text, form) {
            return Some(of(moment.timestamp(), moment.timestamp_subsec_nanos()));
        }
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(moment) = NaiveDateTime::parse_from_str(text, form) {
            let utc = moment.and_utc();
            return Some(of(utc.timestamp(), utc.timestamp_subsec_nanos()));
        }
    }
    let date = match text.len() {
        4 => NaiveDate::from_ymd_opt(text.parse().ok()?, 1, 1),
        7 => NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok(),
        _ => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok(),
    }?;
    Some(of(date.and_time(NaiveTime::MIN).and_utc().timestamp(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_moment() {
        let us = |text: &str| parse(text).and_then(Moment::us);
        assert_eq!(us("1970-01-01T00:00:01.000002Z"), Some(1_000_002));
        assert_eq!(us("1970-01-01T01:00:01.000002+01:00"), Some(1_000_002));
        assert_eq!(us("1970-01-01T00:00:01"), Some(1_000_000));
        assert_eq!(us("1970-01-02"), Some(86_400_000_000));
        assert_eq!(us("86400000"), us("1970-01-02"));
        assert_eq!(us("yesterday"), None);
        assert_eq!(us("2023-02-30T00:00:00Z"), None);
        assert!(parse("2023-01-29T08:42:09.479000Z").is_some_and(|moment| moment.fine));
        assert!(parse("2023-01-29T08:42:09.479Z").is_some_and(|moment| !moment.fine));
        assert_eq!(us("1969-12-31T23:59:59.9999999Z"), Some(-1));
    }
}
