//! Windows that come back every week, by the clocks of one time zone.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::policy::Weekday;
use crate::policy::time_of_day;
use crate::time::Timestamp;

const MINUTE_MS: i64 = 60_000;
/// Days that are looked ahead for the next window: a week, and the day that began it.
const DAYS_AHEAD: u64 = 8;
/// Where clocks go forward, this many minutes at a time are gone through until an hour exists; no
/// zone leaves out more than a day.
const GAP_STEP_MINUTES: i64 = 15;
const MAX_GAP_STEPS: i64 = 24 * 60 / GAP_STEP_MINUTES;

/// On these days from one time of the day to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Weekly {
    /// Empty: every day.
    #[serde(default)]
    pub days: Vec<Weekday>,
    /// `HH:MM`, by the zone's clocks.
    #[schema(pattern = "^[0-9]{2}:[0-9]{2}$")]
    pub from: String,
    /// `HH:MM`; one that isn't after `from` lies on the next day.
    #[schema(pattern = "^[0-9]{2}:[0-9]{2}$")]
    pub to: String,
    /// A name of the IANA data base such as `Europe/Berlin`.
    #[serde(default = "utc")]
    pub zone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What the texts say.
struct Read {
    from: i64,
    to: i64,
    zone: Tz,
}

impl Weekly {
    /// When the window that `now` lies in ends; `None`: it lies in none. One that can't be read is
    /// never on: [`Weekly::check`] refuses it before it gets here.
    pub fn ends(&self, now: Timestamp) -> Option<Timestamp> {
        let spans = self.spans(now)?.into_iter();
        spans
            .filter(|(start, end)| *start <= now && now < *end)
            .map(|(_, end)| end)
            .max()
    }

    /// When it begins next, after `now`.
    pub fn begins(&self, now: Timestamp) -> Option<Timestamp> {
        let starts = self.spans(now)?.into_iter().map(|(start, _)| start);
        starts.filter(|start| now < *start).min()
    }

    /// How long a window lasts where the clocks don't change.
    pub fn length_ms(&self) -> Option<i64> {
        let read = self.read().ok()?;
        let minutes = match read.to > read.from {
            true => read.to - read.from,
            false => read.to + 24 * 60 - read.from,
        };
        Some(minutes * MINUTE_MS)
    }

    pub fn check(&self) -> Result<(), String> {
        self.read().map(|_| ())
    }

    fn read(&self) -> Result<Read, String> {
        let time = |key: &str, text: &str| {
            time_of_day(text).ok_or_else(|| {
                format!("{key}: expected a time of the day such as \"18:30\", got {text:?}")
            })
        };
        Ok(Read {
            from: time("from", &self.from)?,
            to: time("to", &self.to)?,
            zone: self.zone.parse().map_err(|_| {
                let zone = &self.zone;
                format!("zone: expected a time zone such as \"Europe/Berlin\", got {zone:?}")
            })?,
        })
    }

    /// Windows from the one that began yesterday to the next week's.
    fn spans(&self, now: Timestamp) -> Option<Vec<(Timestamp, Timestamp)>> {
        let read = self.read().ok()?;
        let utc = DateTime::<Utc>::from_timestamp_millis(now.ms())?;
        let today = utc.with_timezone(&read.zone).date_naive();
        let yesterday = today.checked_sub_days(Days::new(1))?;
        let mut spans = Vec::new();
        for ahead in 0..=DAYS_AHEAD + 1 {
            let day = yesterday.checked_add_days(Days::new(ahead))?;
            if !self.days.is_empty() && !self.days.contains(&weekday(day)) {
                continue;
            }
            let next = u64::from(read.to <= read.from);
            let last = day.checked_add_days(Days::new(next))?;
            let start = moment(read.zone, day, read.from, false)?;
            let end = moment(read.zone, last, read.to, true)?;
            spans.push((start, end));
        }
        Some(spans)
    }
}

fn weekday(day: NaiveDate) -> Weekday {
    use Weekday::*;
    const DAYS: [Weekday; 7] = [Mon, Tue, Wed, Thu, Fri, Sat, Sun];
    DAYS[day.weekday().num_days_from_monday() as usize % DAYS.len()]
}

/// A time of the day as a moment. One that comes twice is taken as the second for an end, so that
/// the window covers both; one that is left out as the first that exists after it.
fn moment(zone: Tz, day: NaiveDate, minutes: i64, is_end: bool) -> Option<Timestamp> {
    let wanted: NaiveDateTime = day
        .and_hms_opt(0, 0, 0)?
        .checked_add_signed(TimeDelta::minutes(minutes))?;
    for step in 0..=MAX_GAP_STEPS {
        let later = TimeDelta::minutes(step * GAP_STEP_MINUTES);
        let local = zone.from_local_datetime(&wanted.checked_add_signed(later)?);
        let found = match is_end {
            true => local.latest(),
            false => local.earliest(),
        };
        if let Some(found) = found {
            return Some(Timestamp(found.timestamp_millis()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("valid")
    }

    fn weekly(days: &[Weekday], from: &str, to: &str, zone: &str) -> Weekly {
        Weekly {
            days: days.to_vec(),
            from: from.to_owned(),
            to: to.to_owned(),
            zone: zone.to_owned(),
        }
    }

    #[test]
    fn nights_go_by_the_zones_clocks_in_winter_and_in_summer() {
        let night = weekly(&[], "22:00", "07:00", "Europe/Berlin");
        assert_eq!(night.ends(at("2026-11-27T20:59:59Z")), None);
        assert_eq!(
            night.ends(at("2026-11-27T21:00:00Z")),
            Some(at("2026-11-28T06:00:00Z"))
        );
        assert_eq!(
            night.ends(at("2026-07-01T20:00:00Z")),
            Some(at("2026-07-02T05:00:00Z"))
        );
        assert_eq!(
            night.begins(at("2026-07-02T05:00:00Z")),
            Some(at("2026-07-02T20:00:00Z"))
        );
    }

    #[test]
    fn days_are_the_zones_days() {
        // 2026-11-27 is a Friday; in Tokyo it is Saturday from 15:00 UTC on.
        let saturday = weekly(&[Weekday::Sat], "00:00", "24:00", "Asia/Tokyo");
        assert!(saturday.ends(at("2026-11-27T14:59:00Z")).is_none());
        assert_eq!(
            saturday.ends(at("2026-11-27T15:00:00Z")),
            Some(at("2026-11-28T15:00:00Z"))
        );
        assert_eq!(
            saturday.begins(at("2026-11-28T16:00:00Z")),
            Some(at("2026-12-04T15:00:00Z"))
        );
    }

    /// In Berlin 02:30 doesn't exist on 2026-03-29, and comes twice on 2026-10-25.
    #[test]
    fn hours_that_are_left_out_or_come_twice() {
        let gap = weekly(&[], "02:30", "04:00", "Europe/Berlin");
        assert_eq!(
            gap.begins(at("2026-03-29T00:00:00Z")),
            Some(at("2026-03-29T01:00:00Z")),
            "at three, which is the first moment after it"
        );
        let twice = weekly(&[], "01:00", "02:30", "Europe/Berlin");
        assert_eq!(
            twice.ends(at("2026-10-24T23:30:00Z")),
            Some(at("2026-10-25T01:30:00Z")),
            "to the second 02:30"
        );
    }

    #[test]
    fn what_cant_be_read_is_named() {
        let zone = weekly(&[], "22:00", "07:00", "Mars/Base");
        assert!(zone.check().is_err_and(|text| text.contains("Mars/Base")));
        assert_eq!(zone.ends(Timestamp(0)), None);
        assert!(weekly(&[], "7", "08:00", "UTC").check().is_err());
        assert_eq!(weekly(&[], "07:00", "24:00", "UTC").check(), Ok(()));
        assert_eq!(
            weekly(&[], "22:00", "07:00", "UTC").length_ms(),
            Some(9 * 60 * MINUTE_MS)
        );
    }
}
