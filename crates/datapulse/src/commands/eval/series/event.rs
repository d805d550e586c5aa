//! F1 over events: alarms closer than a gap are one event; an event that overlaps a labelled
//! window finds it.

use std::ops::AddAssign;

use super::score::Scored;

/// Events and windows, and how many of them meet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub events: usize,
    pub right: usize,
    pub windows: usize,
    pub found: usize,
    /// Rows from the first to the last alarm of each event.
    pub covered: usize,
    pub rows: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.right += other.right;
        self.windows += other.windows;
        self.found += other.found;
        self.covered += other.covered;
        self.rows += other.rows;
    }
}

impl Counts {
    pub fn f1(&self) -> f64 {
        let share = |part: usize, all: usize| part as f64 / all.max(1) as f64;
        let precision = share(self.right, self.events);
        let recall = share(self.found, self.windows);
        match precision + recall > 0.0 {
            true => 2.0 * precision * recall / (precision + recall),
            false => 0.0,
        }
    }

    /// Share of the rows that lie in an event.
    pub fn share_covered(&self) -> f64 {
        self.covered as f64 / self.rows.max(1) as f64
    }
}

/// Of one file. With `k`, only an alarm in the first `k` rows behind a window's first one, or on
/// it, finds it.
pub fn count(series: &Scored, threshold: f64, gap: usize, k: Option<usize>) -> Counts {
    let mut events: Vec<(usize, usize)> = Vec::new();
    for alarm in series.alarms(threshold) {
        match events.last_mut() {
            Some((_, last)) if alarm - *last < gap => *last = alarm,
            _ => events.push((alarm, alarm)),
        }
    }
    let meet = |(first, last): &(usize, usize), window: &std::ops::RangeInclusive<usize>| {
        let end = match k {
            Some(k) => (*window.start() + k).min(*window.end()),
            None => *window.end(),
        };
        *first <= end && *last >= *window.start()
    };
    let windows = series.scored_windows();
    let right = events
        .iter()
        .filter(|event| windows.iter().any(|window| meet(event, window)));
    let found = windows
        .iter()
        .filter(|window| events.iter().any(|event| meet(event, window)));
    Counts {
        right: right.count(),
        found: found.count(),
        events: events.len(),
        windows: windows.len(),
        covered: events.iter().map(|(first, last)| last - first + 1).sum(),
        rows: series.scores.len() - series.from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(alarms: &[usize], k: Option<usize>) -> Counts {
        let at_s: Vec<i64> = (0..200).collect();
        let mut scores = vec![0.0; 200];
        for alarm in alarms {
            scores[*alarm] = 0.7;
        }
        let labelled = [(10, 20), (100, 110), (150, 150)];
        count(&Scored::new(&at_s, scores, &labelled, Some(50)), 0.5, 5, k)
    }

    #[test]
    fn near_alarms_are_one_event_and_history_does_not_count() {
        let counted = counts(&[15, 60, 98, 102, 109, 180], None);
        let expected = Counts {
            // 60, 98 with 102, 109, 180.
            events: 4,
            right: 2,
            windows: 2,
            found: 1,
            covered: 1 + 5 + 1 + 1,
            rows: 150,
        };
        assert_eq!(counted, expected);
        assert!((counted.f1() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_is_late_finds_nothing_when_time_counts() {
        assert_eq!(counts(&[109], None).found, 1);
        assert_eq!(counts(&[109], Some(7)).found, 0);
        assert_eq!(counts(&[107, 150], Some(7)).found, 2);
        assert_eq!(counts(&[], None).f1(), 0.0);
    }
}
