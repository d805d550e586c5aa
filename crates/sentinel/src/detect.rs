//! What deviates: pure functions of one reading, its thresholds and its baseline.

use model::{Signal, Timestamp};

use crate::baseline::ServiceBaseline;
use crate::reading::Reading;
use crate::settings::{Settings, Thresholds};

/// What findings are held against.
pub const THRESHOLD: &str = "threshold";
pub const BASELINE: &str = "baseline";

/// A deviation in one tick; it takes several before it is a finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    pub signal: Signal,
    pub observed: f64,
    pub threshold: f64,
    pub held_against: &'static str,
    pub unit: &'static str,
    pub requests: Option<f64>,
}

/// The rule's id of a signal: stable, part of incident ids.
pub fn rule(signal: Signal) -> &'static str {
    match signal {
        Signal::ErrorRate => "error-rate",
        Signal::Latency => "latency-p99",
        Signal::Silence => "service-silent",
        Signal::Metric => "metric-baseline",
        Signal::Declared => "declared",
    }
}

/// All deviations of one service in one tick.
pub fn deviations(
    reading: &Reading,
    errors: Option<&ServiceBaseline>,
    latency: Option<&ServiceBaseline>,
    settings: &Settings,
) -> Vec<Deviation> {
    let mut found = Vec::new();
    found.extend(error_rate(reading, errors, settings));
    found.extend(p99(reading, latency, settings));
    found
}

fn error_rate(
    reading: &Reading,
    baseline: Option<&ServiceBaseline>,
    settings: &Settings,
) -> Option<Deviation> {
    let observed = reading.error_rate?;
    let requests = reading.requests?;
    if requests < settings.min_requests {
        return None;
    }
    let learned = baseline.and_then(|baseline| baseline.error_rate);
    let learned =
        learned.map(|normal| normal.line(&settings.baseline, settings.baseline.least_error_rate));
    let (threshold, held_against) = line(reading, &settings.error_rate, learned)?;
    if learned.is_none() && requests < settings.min_requests * UNKNOWN_TRAFFIC {
        return None;
    }
    (observed > threshold).then_some(Deviation {
        signal: Signal::ErrorRate,
        observed,
        threshold,
        held_against,
        unit: "share",
        requests: Some(requests),
    })
}

fn p99(
    reading: &Reading,
    baseline: Option<&ServiceBaseline>,
    settings: &Settings,
) -> Option<Deviation> {
    let observed = reading.p99_ms?;
    let requests = reading.p99_requests?;
    if requests < settings.min_requests {
        return None;
    }
    let learned = baseline.and_then(|baseline| baseline.p99_ms);
    let learned =
        learned.map(|normal| normal.line(&settings.baseline, settings.baseline.least_p99_ms));
    let (threshold, held_against) = line(reading, &settings.p99_ms, learned)?;
    (observed > threshold).then_some(Deviation {
        signal: Signal::Latency,
        observed,
        threshold,
        held_against,
        unit: "ms",
        requests: Some(requests),
    })
}

/// A service whose usual error rate isn't known yet needs so many times the traffic to say
/// something: a rarely called one may always have failed.
const UNKNOWN_TRAFFIC: f64 = 5.0;

/// What a signal is held against, and what that is called.
fn line(reading: &Reading, set: &Thresholds, learned: Option<f64>) -> Option<(f64, &'static str)> {
    if let Some(threshold) = set.of(&reading.service, reading.criticality) {
        return Some((threshold, THRESHOLD));
    }
    match (set.global, learned) {
        (Some(global), Some(learned)) if learned > global => Some((learned, BASELINE)),
        (Some(global), _) => Some((global, THRESHOLD)),
        (None, learned) => Some((learned?, BASELINE)),
    }
}

/// Share of a baseline's intervals in which a service must have reported to be missed.
const REGULAR: f64 = 0.8;

/// A service that reported regularly and sent nothing in the whole window, while others did:
/// where nobody sent anything, telemetry has stopped, and that is no service's fault.
pub fn silence(
    baseline: &ServiceBaseline,
    intervals_in_all: usize,
    documents: f64,
    others_report: bool,
    settings: &Settings,
) -> Option<Deviation> {
    let regular = baseline.intervals >= settings.baseline.min_intervals
        && baseline.intervals as f64 >= REGULAR * intervals_in_all as f64;
    (regular && others_report && documents == 0.0).then_some(Deviation {
        signal: Signal::Silence,
        observed: 0.0,
        threshold: 1.0,
        held_against: "silence",
        unit: "documents",
        requests: None,
    })
}

/// The finding in words.
pub fn title(service: &str, deviation: &Deviation, p99_is: &str) -> String {
    let Deviation {
        observed,
        threshold,
        held_against,
        ..
    } = deviation;
    match deviation.signal {
        Signal::ErrorRate => format!(
            "{service}: error rate {:.1} % over the {held_against} of {:.1} %",
            observed * 100.0,
            threshold * 100.0
        ),
        Signal::Latency => format!(
            "{service}: {p99_is} {observed:.0} ms over the {held_against} of {threshold:.0} ms"
        ),
        Signal::Silence => format!("{service}: no telemetry any more, while others report"),
        Signal::Metric | Signal::Declared => format!("{service}: {observed} over {threshold}"),
    }
}

/// The scheduled tick at or before `now`: Sentinels that look at different moments name the same.
pub fn scheduled(now: Timestamp, interval_ms: i64) -> Timestamp {
    Timestamp(now.ms().div_euclid(interval_ms) * interval_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::Normal;

    fn reading(rate: Option<f64>, requests: f64, p99: f64) -> Reading {
        Reading {
            service: "a".into(),
            criticality: Some(1),
            requests: Some(requests),
            error_rate: rate,
            p99_ms: Some(p99),
            p99_requests: Some(requests),
            p99_is: "P99".into(),
            ..Reading::default()
        }
    }

    fn baseline(p99: f64) -> ServiceBaseline {
        ServiceBaseline {
            error_rate: None,
            p99_ms: Some(Normal {
                median: p99,
                spread: 2.0,
                intervals: 24,
            }),
            intervals: 24,
        }
    }

    #[test]
    fn thresholds_by_service_come_before_criticality_and_global() {
        let mut settings = Settings::default();
        let calm = baseline(100.0);
        let check = |settings: &Settings| {
            deviations(
                &reading(Some(0.06), 500.0, 100.0),
                None,
                Some(&calm),
                settings,
            )
            .len()
        };
        assert_eq!(check(&settings), 1);
        settings.error_rate.criticality.insert("1".into(), 0.10);
        assert_eq!(check(&settings), 0);
        settings.error_rate.service.insert("a".into(), 0.01);
        assert_eq!(check(&settings), 1);
    }

    #[test]
    fn what_fails_all_day_is_no_news_but_by_a_line_that_somebody_drew() {
        let mut settings = Settings::default();
        let failing = ServiceBaseline {
            error_rate: Some(Normal {
                median: 0.3,
                spread: 0.01,
                intervals: 24,
            }),
            ..baseline(100.0)
        };
        let found = |rate: f64, settings: &Settings| {
            let seen = reading(Some(rate), 500.0, 100.0);
            let found = deviations(&seen, Some(&failing), None, settings);
            found.first().map(|one| (one.held_against, one.threshold))
        };
        assert_eq!(found(0.31, &settings), None);
        assert_eq!(found(0.6, &settings), Some((BASELINE, 0.54)));
        settings.error_rate.service.insert("a".into(), 0.1);
        assert_eq!(found(0.31, &settings), Some((THRESHOLD, 0.1)));
    }

    #[test]
    fn who_is_not_known_yet_needs_more_traffic_to_say_something() {
        let settings = Settings::default();
        let found = |requests: f64, baseline: Option<&ServiceBaseline>| {
            let seen = reading(Some(0.5), requests, 100.0);
            deviations(&seen, baseline, None, &settings).len()
        };
        let healthy = ServiceBaseline {
            error_rate: Some(Normal {
                median: 0.0,
                spread: 0.0,
                intervals: 24,
            }),
            ..baseline(100.0)
        };
        let least = settings.min_requests;
        assert_eq!(found(least, Some(&healthy)), 1);
        assert_eq!(found(least, None), 0);
        assert_eq!(found(least * UNKNOWN_TRAFFIC, None), 1);
    }

    #[test]
    fn low_traffic_and_a_missing_denominator_say_nothing() {
        let settings = Settings::default();
        let calm = baseline(100.0);
        assert!(
            deviations(
                &reading(Some(1.0), 3.0, 9_999.0),
                None,
                Some(&calm),
                &settings
            )
            .is_empty()
        );
        assert!(deviations(&reading(None, 500.0, 100.0), None, Some(&calm), &settings).is_empty());
    }

    #[test]
    fn latency_is_held_against_what_was_learned() {
        let settings = Settings::default();
        let calm = baseline(100.0);
        let found = deviations(
            &reading(Some(0.0), 500.0, 260.0),
            None,
            Some(&calm),
            &settings,
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].threshold, 180.0);
        assert!(
            deviations(
                &reading(Some(0.0), 500.0, 170.0),
                None,
                Some(&calm),
                &settings
            )
            .is_empty()
        );
        assert!(deviations(&reading(Some(0.0), 500.0, 260.0), None, None, &settings).is_empty());
    }

    #[test]
    fn silence_needs_others_who_report() {
        let settings = Settings::default();
        let calm = baseline(1.0);
        assert!(silence(&calm, 24, 0.0, true, &settings).is_some());
        assert!(silence(&calm, 24, 0.0, false, &settings).is_none());
        assert!(silence(&calm, 24, 2.0, true, &settings).is_none());
        assert!(
            silence(&calm, 40, 0.0, true, &settings).is_none(),
            "it came and went before too"
        );
    }
}
