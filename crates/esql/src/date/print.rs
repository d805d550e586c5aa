//! Dates as text, in the form that answers use.

use std::fmt::Write;

use super::{MAX_YEAR, Moment};

/// `2024-01-01T00:00:00.000Z`
pub fn iso_ms(ms: i64, to: &mut String) {
    let moment = Moment::from_ms(ms);
    prefix(moment, to);
    let _ = write!(to, ".{:03}Z", moment.nano() / 1_000_000);
}

/// At least three digits after the point, and as many as are needed.
pub fn iso_nanos(nanos: i64, to: &mut String) {
    let moment = Moment::from_nanos(nanos);
    prefix(moment, to);
    fraction(moment.nano(), to);
    to.push('Z');
}

fn prefix(moment: Moment, to: &mut String) {
    let day = moment.day();
    year(day.year, to);
    let _ = write!(
        to,
        "-{:02}-{:02}T{:02}:{:02}:{:02}",
        day.month,
        day.day,
        moment.hour(),
        moment.minute(),
        moment.second()
    );
}

/// Four digits; a sign where there are more, or before year 0.
pub fn year(year: i64, to: &mut String) {
    debug_assert!(year.abs() <= MAX_YEAR + 1);
    let _ = match year {
        10_000.. => write!(to, "+{year}"),
        0..10_000 => write!(to, "{year:04}"),
        _ => write!(to, "-{:04}", year.unsigned_abs()),
    };
}

/// `.120`, `.12345`: 3 to 9 digits without zeros at the end.
fn fraction(nano: i64, to: &mut String) {
    let text = format!("{nano:09}");
    let digits = text.trim_end_matches('0').len().max(3);
    to.push('.');
    to.push_str(&text[..digits]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_answers_have_them() {
        let ms = |value| {
            let mut text = String::new();
            iso_ms(value, &mut text);
            text
        };
        assert_eq!(ms(253_402_387_199_999), "+10000-01-01T23:59:59.999Z");
        assert_eq!(ms(-62_135_596_800_000), "0001-01-01T00:00:00.000Z");
        assert_eq!(ms(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(ms(i64::MIN), "-292275055-05-16T16:47:04.192Z");
        let nanos = |value| {
            let mut text = String::new();
            iso_nanos(value, &mut text);
            text
        };
        assert_eq!(
            nanos(946_684_800_000_000_010),
            "2000-01-01T00:00:00.00000001Z"
        );
        assert_eq!(nanos(1), "1970-01-01T00:00:00.000000001Z");
        assert_eq!(nanos(0), "1970-01-01T00:00:00.000Z");
    }
}
