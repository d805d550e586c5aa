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

/// The windows that are judged: they begin after the act and its settling time.
pub fn windows(finished: Timestamp, settings: &Settings) -> Vec<Window> {
    let first = finished.plus_ms(settings.settle_ms);
    (0..settings.of as i64)
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
/// `windows[w][f]` is what window `w` showed of finding `f`. A window is well when all findings
/// are; ill or worse when one is; else it says nothing. Recovered takes `needed` well windows;
/// nothing well, ill or enough is `unknown`, never recovered.
pub fn judge(windows: &[Vec<Health>], settings: &Settings) -> Option<Recovery> {
    let count = |what: Health| windows.iter().filter(|seen| sum(seen) == what).count();
    let (well, ill, worse) = (
        count(Health::Well),
        count(Health::Ill),
        count(Health::Worse),
    );
    if well >= settings.needed {
        return Some(Recovery::Recovered);
    }
    if worse >= settings.needed.min(2) {
        return Some(Recovery::Worse);
    }
    if windows.len() < settings.of {
        return None;
    }
    Some(if ill + worse > 0 {
        Recovery::NoEffect
    } else {
        Recovery::Unknown
    })
}

fn sum(seen: &[Health]) -> Health {
    let any = |what| seen.contains(&what);
    if seen.is_empty() {
        Health::Silent
    } else if any(Health::Worse) {
        Health::Worse
    } else if any(Health::Ill) {
        Health::Ill
    } else if any(Health::Silent) {
        Health::Silent
    } else {
        Health::Well
    }
}

/// Services that began to deviate only after the act: the target or its callers, which Sentinel
/// attached to the incident since.
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
            finding.since.is_some_and(|since| since > settled) && !known.contains(&subject)
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
        check(
            &[Silent, Silent, Silent, Well, Well],
            Some(Recovery::Unknown),
        );
    }

    #[test]
    fn one_ill_finding_spoils_the_window() {
        let settings = Settings::default();
        let windows = vec![vec![Well, Ill]; 5];
        assert_eq!(judge(&windows, &settings), Some(Recovery::NoEffect));
    }
}
