//! How far back: `30d`, `12h`, or a moment.

use model::Timestamp;

/// The longest span: a tick a minute, half a million ticks.
const MAX_DAYS: i64 = 366;
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Span {
    /// # Errors
    /// What is wrong with which of the two, and what is expected.
    pub fn new(since: &str, until: Option<&str>, now: Timestamp) -> Result<Self, String> {
        let to = match until {
            Some(text) => moment(text, now).map_err(|error| format!("--until {error}"))?,
            None => now,
        };
        let from = moment(since, now).map_err(|error| format!("--since {error}"))?;
        if from >= to {
            return Err(format!("--since {since}: {from} isn't before {to}"));
        }
        if to.ms() - from.ms() > MAX_DAYS * DAY_MS {
            return Err(format!("--since {since}: at most {MAX_DAYS} days"));
        }
        Ok(Self { from, to })
    }

    pub fn weeks(&self) -> f64 {
        (self.to.ms() - self.from.ms()) as f64 / (7 * DAY_MS) as f64
    }
}

/// A moment, or so long before `now`.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let expected =
        || format!("{text}: expected 30d, 12h, 45m or a moment such as 2026-11-24T10:00:00Z");
    if let Some(at) = Timestamp::parse(text) {
        return Ok(at);
    }
    let unit = text.chars().last().ok_or_else(expected)?;
    let ms = match unit {
        'd' => DAY_MS,
        'h' => 3_600_000,
        'm' => 60_000,
        _ => return Err(expected()),
    };
    let count: i64 = text[..text.len() - 1].parse().map_err(|_| expected())?;
    let ms = count
        .checked_mul(ms)
        .filter(|ms| *ms > 0)
        .ok_or_else(expected)?;
    Ok(now.plus_ms(-ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_bounded() {
        let now = Timestamp(100 * DAY_MS);
        let span = Span::new("30d", None, now).expect("is one");
        assert_eq!((span.from, span.to), (Timestamp(70 * DAY_MS), now));
        let span = Span::new("1970-01-02T00:00:00Z", Some("90d"), now).expect("is one");
        assert_eq!(
            (span.from, span.to),
            (Timestamp(DAY_MS), Timestamp(10 * DAY_MS))
        );
        assert!((span.weeks() - 9.0 / 7.0).abs() < 1e-12);
        for wrong in [
            "",
            "d",
            "30",
            "30w",
            "-3d",
            "0h",
            "yesterday",
            "99999999999999d",
            "367d",
            "ä",
        ] {
            assert!(Span::new(wrong, None, now).is_err(), "{wrong}");
        }
        assert!(Span::new("1d", Some("2d"), now).is_err());
    }
}
