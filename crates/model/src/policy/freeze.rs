//! Freeze windows: once, or every week. All times are UTC.

use serde::{Deserialize, Serialize};

use crate::action::ActionKind;
use crate::time::Timestamp;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const WEEK_MS: i64 = 7 * DAY_MS;
/// The first Monday of the epoch: 1970-01-05.
const FIRST_MONDAY_MS: i64 = 4 * DAY_MS;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// While it is on, decisions are taken and nothing is executed; only a break-glass goes through.
///
/// Either `from` and `to` are moments (RFC 3339), or `days` are named and they are times of the
/// day, `HH:MM`; a `to` that isn't after `from` lies on the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    pub name: String,
    pub from: String,
    pub to: String,
    #[serde(default)]
    pub days: Vec<Weekday>,
    /// Empty: all targets.
    #[serde(default)]
    pub services: Vec<String>,
    /// Empty: all kinds of action.
    #[serde(default)]
    pub kinds: Vec<ActionKind>,
}

/// Minutes after midnight of `HH:MM`.
pub(crate) fn time_of_day(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    let whole = hour * 60 + minute;
    ((0..60).contains(&minute) && (0..=24 * 60).contains(&whole)).then_some(whole)
}

impl Freeze {
    pub fn covers(&self, kind: ActionKind, target: &str) -> bool {
        let service = self.services.is_empty() || self.services.iter().any(|name| name == target);
        service && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }

    pub fn is_on(&self, now: Timestamp) -> bool {
        self.ends(now).is_some()
    }

    /// When the window that `now` lies in ends. A window that can't be read holds back without an
    /// end: [`Freeze::check`] refuses it before it gets here.
    pub fn ends(&self, now: Timestamp) -> Option<Timestamp> {
        if self.days.is_empty() {
            let (from, to) = (Timestamp::parse(&self.from), Timestamp::parse(&self.to));
            return match (from, to) {
                (Some(from), Some(to)) => (from <= now && now < to).then_some(to),
                _ => Some(Timestamp(i64::MAX)),
            };
        }
        let (Some(from), Some(to)) = (time_of_day(&self.from), time_of_day(&self.to)) else {
            return Some(Timestamp(i64::MAX));
        };
        let length = if to > from {
            to - from
        } else {
            to + 24 * 60 - from
        };
        let week = (now.ms() - FIRST_MONDAY_MS).div_euclid(WEEK_MS);
        // A window of last week's Sunday may reach into this week.
        let ends = self.days.iter().flat_map(|day| {
            [week - 1, week].map(|week| {
                let midnight = FIRST_MONDAY_MS + week * WEEK_MS + *day as i64 * DAY_MS;
                let start = midnight + from * MINUTE_MS;
                (start, start + length * MINUTE_MS)
            })
        });
        ends.filter(|(start, end)| (*start..*end).contains(&now.ms()))
            .map(|(_, end)| Timestamp(end))
            .max()
    }

    pub fn check(&self) -> Result<(), String> {
        if self.name.trim().is_empty() {
            return Err("it needs a name, for people who are held back by it".to_owned());
        }
        let name = &self.name;
        if !self.days.is_empty() {
            for text in [&self.from, &self.to] {
                if time_of_day(text).is_none() {
                    return Err(format!(
                        "{name:?}: with days, from and to are times of the day as \"18:30\", got {text:?}"
                    ));
                }
            }
            return Ok(());
        }
        let moment = |text: &str| {
            Timestamp::parse(text).ok_or_else(|| {
                format!("{name:?}: expected an RFC 3339 time such as \"2026-12-20T00:00:00Z\", got {text:?}")
            })
        };
        if moment(&self.from)? < moment(&self.to)? {
            Ok(())
        } else {
            Err(format!("{name:?}: it ends before it begins"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("valid")
    }

    fn weekly(days: &[Weekday], from: &str, to: &str) -> Freeze {
        Freeze {
            name: "night".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            days: days.to_vec(),
            services: Vec::new(),
            kinds: Vec::new(),
        }
    }

    #[test]
    fn a_weekend_reaches_over_midnight_and_the_week() {
        // 2026-11-27 is a Friday.
        let friday = weekly(&[Weekday::Fri], "16:00", "16:00");
        assert!(!friday.is_on(at("2026-11-27T15:59:59Z")));
        assert_eq!(
            friday.ends(at("2026-11-27T16:00:00Z")),
            Some(at("2026-11-28T16:00:00Z"))
        );
        assert!(friday.is_on(at("2026-11-28T15:59:00Z")));
        assert!(!friday.is_on(at("2026-11-28T16:00:00Z")));
        let sunday = weekly(&[Weekday::Sun], "20:00", "06:00");
        assert_eq!(
            sunday.ends(at("2026-11-30T05:00:00Z")),
            Some(at("2026-11-30T06:00:00Z"))
        );
        assert!(!sunday.is_on(at("2026-11-30T06:00:00Z")));
    }

    #[test]
    fn once_is_from_a_moment_to_a_moment_on_what_it_covers() {
        let freeze = Freeze {
            services: vec!["payment".to_owned()],
            kinds: vec![ActionKind::Rollback],
            ..weekly(&[], "2026-12-20T00:00:00Z", "2027-01-02T00:00:00Z")
        };
        assert_eq!(freeze.check(), Ok(()));
        assert!(freeze.is_on(at("2026-12-31T23:00:00Z")));
        assert!(!freeze.is_on(at("2027-01-02T00:00:00Z")));
        assert!(freeze.covers(ActionKind::Rollback, "payment"));
        assert!(!freeze.covers(ActionKind::Scale, "payment"));
        assert!(!freeze.covers(ActionKind::Rollback, "cart"));
    }

    #[test]
    fn what_cant_be_read_is_refused() {
        let twisted = weekly(&[], "2027-01-02T00:00:00Z", "2026-12-20T00:00:00Z");
        assert!(
            twisted
                .check()
                .is_err_and(|text| text.contains("before it begins"))
        );
        let hours = weekly(&[Weekday::Mon], "8:00", "24:00");
        assert!(hours.check().is_err_and(|text| text.contains("8:00")));
        assert!(weekly(&[Weekday::Mon], "08:00", "24:00").check().is_ok());
        assert!(weekly(&[Weekday::Mon], "08:00", "24:01").check().is_err());
    }
}
