//! Did it help? Pure: from what each window after the act showed.

use std::collections::BTreeSet;

use model::{Finding, Incident, Recovery, Signal, Timestamp, Window};

use crate::settings::Settings;

/// What one window showed of one finding's signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub window: Window,
    /// `None`: no row, no denominator, or the query failed.
    pub value: Option<f64>,
    pub requests: Option<f64>,
    pub documents: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Well,
    Ill,
    Worse,
    /// Says nothing.
    Silent,
}

/// Where traffic is so low that not every window says something, so many times the windows are
/// looked at before it is given up.
const PATIENCE: usize = 3;

/// The windows that may be judged: they begin after the act and its settling time.
pub fn windows(finished: Timestamp, settings: &Settings) -> Vec<Window> {
    let first = finished.plus_ms(settings.settle_ms);
    (0..(settings.of * PATIENCE) as i64)
        .map(|index| {
            let from = first.plus_ms(index * settings.window_ms);
            Window::new(from, from.plus_ms(settings.window_ms))
        })
        .collect()
}

/// When a window's documents can be expected to be in.
pub fn ripe(window: &Window, now: Timestamp, settings: &Settings) -> bool {
    now >= window.to.plus_ms(settings.delay_ms)
}

/// The window that ends with the act: how bad it was by then.
pub fn window_before(finished: Timestamp, settings: &Settings) -> Window {
    Window::new(finished.plus_ms(-settings.window_ms), finished)
}

/// One window of one finding. `before` is the signal's value in the window before the act, where
/// there is one: trouble that was still growing when it was found is not made worse by an act
/// that does nothing.
pub fn health(finding: &Finding, seen: &Seen, before: Option<f64>, settings: &Settings) -> Health {
    if finding.signal == Signal::Silence {
        return if seen.documents > 0.0 {
            Health::Well
        } else {
            Health::Ill
        };
    }
    if finding.signal == Signal::Metric {
        // It needs no requests to be measured; which side is worse, nobody said.
        return match seen.value {
            None => Health::Silent,
            Some(value) if finding.is_beyond(value) => Health::Ill,
            Some(_) => Health::Well,
        };
    }
    let (Some(value), Some(requests)) = (seen.value, seen.requests) else {
        return Health::Silent;
    };
    if requests < settings.min_requests {
        return Health::Silent;
    }
    if value <= finding.threshold {
        Health::Well
    } else if value > finding.observed.max(before.unwrap_or(0.0)) * settings.worse_factor {
        Health::Worse
    } else {
        Health::Ill
    }
}

/// The judgement over all windows so far: `None` while it is too early.
///
/// `windows[w][f]` is what window `w` showed of finding `f`. Each finding is judged by itself, on
/// the windows that say something of it: well when `needed` of `of` are, worse when two are worse
/// than before the act. Recovered takes all findings well; one that is worse makes it worse. A
/// finding that said something, but not often enough, is looked at up to three times as long; what
/// stays silent is `unknown`, never recovered.
pub fn judge(windows: &[Vec<Health>], settings: &Settings) -> Option<Recovery> {
    let findings = windows.iter().map(Vec::len).max().unwrap_or(0);
    let each: Vec<Counted> = (0..findings)
        .map(|finding| Counted::of(windows, finding, settings.of))
        .collect();
    if each
        .iter()
        .any(|seen| seen.worse >= settings.needed.min(WORSE_WINDOWS))
    {
        return Some(Recovery::Worse);
    }
    let well = |seen: &Counted| seen.well >= settings.needed;
    if !each.is_empty() && each.iter().all(well) {
        return Some(Recovery::Recovered);
    }
    if windows.len() < settings.of {
        return None;
    }
    let ill = |seen: &Counted| !well(seen) && seen.heard() >= settings.of;
    if each.iter().any(ill) {
        return Some(Recovery::NoEffect);
    }
    let speaks = |seen: &Counted| well(seen) || seen.heard() > 0;
    if each.iter().all(speaks) && !each.is_empty() && windows.len() < settings.of * PATIENCE {
        return None;
    }
    let some_ill = |seen: &Counted| !well(seen) && seen.ill + seen.worse > 0;
    Some(if each.iter().any(some_ill) {
        Recovery::NoEffect
    } else {
        Recovery::Unknown
    })
}

/// So many windows in which a finding is worse than before the act say that the act made it so.
const WORSE_WINDOWS: usize = 2;

/// The first windows that say something of one finding, by what they showed.
struct Counted {
    well: usize,
    ill: usize,
    worse: usize,
}

impl Counted {
    fn of(windows: &[Vec<Health>], finding: usize, most: usize) -> Self {
        let heard: Vec<Health> = windows
            .iter()
            .filter_map(|seen| seen.get(finding).copied())
            .filter(|health| *health != Health::Silent)
            .take(most)
            .collect();
        let count = |what: Health| heard.iter().filter(|health| **health == what).count();
        Self {
            well: count(Health::Well),
            ill: count(Health::Ill),
            worse: count(Health::Worse),
        }
    }

    fn heard(&self) -> usize {
        self.well + self.ill + self.worse
    }
}

/// Services that began to deviate only after the act: the target or its callers, which Sentinel
/// attached to the incident since. What was seen in a window that reaches back before the act may
/// be the old trouble on its way: its own windows after the act tell.
pub fn new_trouble(
    incident: &Incident,
    finished: Timestamp,
    settings: &Settings,
) -> Option<String> {
    let known: BTreeSet<(&str, Signal)> = incident
        .findings
        .iter()
        .filter(|finding| finding.window.to <= finished)
        .map(|finding| (finding.subject.service.as_str(), finding.signal))
        .collect();
    let settled = finished.plus_ms(settings.settle_ms);
    incident
        .findings
        .iter()
        .find(|finding| {
            let subject = (finding.subject.service.as_str(), finding.signal);
            finding.since.is_some_and(|since| since > settled)
                && finding.window.from >= settled
                && !known.contains(&subject)
        })
        .map(|finding| finding.subject.service.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Health::*;

    fn check(windows: &[Health], expected: Option<Recovery>) {
        let settings = Settings::default();
        let windows: Vec<Vec<Health>> = windows.iter().map(|health| vec![*health]).collect();
        assert_eq!(judge(&windows, &settings), expected, "{windows:?}");
    }

    #[test]
    fn three_of_five_windows() {
        check(&[Well, Well], None);
        check(&[Well, Well, Well], Some(Recovery::Recovered));
        check(&[Ill, Well, Ill, Well, Well], Some(Recovery::Recovered));
        check(&[Ill, Well, Ill, Well, Ill], Some(Recovery::NoEffect));
        check(&[Ill, Ill, Ill, Ill], None);
        check(&[Worse, Worse], Some(Recovery::Worse));
    }

    #[test]
    fn a_number_is_well_on_the_side_of_its_line_where_it_used_to_be() {
        let at = Timestamp(0);
        let evidence = model::Evidence {
            id: "F1".into(),
            tool: "metric_check".into(),
            query: String::new(),
            parameters: Default::default(),
            window: Window::new(at, at),
            asked_at: at,
            says: String::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            row_count: 0,
            answer_digest: model::evidence::answer_digest(&[], &[]),
        };
        let mut finding = Finding {
            rule: "metric-baseline".into(),
            subject: model::Subject::service("a"),
            tick: at,
            window: Window::new(at, at),
            signal: Signal::Metric,
            observed: 90.0,
            threshold: 50.0,
            unit: String::new(),
            held_against: "baseline".into(),
            requests: None,
            since: None,
            notes: Vec::new(),
            evidence,
        };
        let seen = |value: Option<f64>| Seen {
            window: Window::new(at, at),
            value,
            requests: None,
            documents: 5.0,
        };
        let settings = Settings::default();
        let judge = |finding: &Finding, value| health(finding, &seen(value), None, &settings);
        assert_eq!(judge(&finding, Some(70.0)), Ill);
        assert_eq!(judge(&finding, Some(40.0)), Well);
        assert_eq!(judge(&finding, None), Silent);
        // It fell: what is low is ill.
        finding.observed = 10.0;
        assert_eq!(judge(&finding, Some(40.0)), Ill);
        assert_eq!(judge(&finding, Some(70.0)), Well);
    }

    #[test]
    fn silence_is_never_recovery() {
        check(&[Silent; 5], Some(Recovery::Unknown));
        check(&[Silent, Silent, Silent, Well, Well], None);
        let mut rare = vec![Silent; 15];
        rare[3] = Well;
        rare[9] = Well;
        check(&rare, Some(Recovery::Unknown));
        rare[14] = Well;
        check(&rare, Some(Recovery::Recovered));
        rare[14] = Ill;
        check(&rare, Some(Recovery::NoEffect));
    }

    #[test]
    fn one_ill_finding_spoils_it() {
        let settings = Settings::default();
        let windows = vec![vec![Well, Ill]; 5];
        assert_eq!(judge(&windows, &settings), Some(Recovery::NoEffect));
        let windows = vec![vec![Well, Silent]; 5];
        assert_eq!(judge(&windows, &settings), Some(Recovery::Unknown));
        let windows = vec![vec![Well, Worse]; 2];
        assert_eq!(judge(&windows, &settings), Some(Recovery::Worse));
    }

    #[test]
    fn findings_need_not_be_well_in_the_same_windows() {
        let settings = Settings::default();
        let windows = vec![
            vec![Ill, Well],
            vec![Well, Ill],
            vec![Well, Well],
            vec![Well, Well],
        ];
        assert_eq!(judge(&windows, &settings), Some(Recovery::Recovered));
    }
}
