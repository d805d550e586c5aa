//! A reading: what one tick saw of one service.

use std::collections::BTreeMap;

use casework::Asked;
use model::Timestamp;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    pub service: String,
    pub criticality: Option<u8>,
    /// `None` where the telemetry doesn't say.
    pub requests: Option<f64>,
    /// `None` without a denominator: never taken for 0.
    pub error_rate: Option<f64>,
    pub p99_ms: Option<f64>,
    /// Requests that the percentile was taken over.
    pub p99_requests: Option<f64>,
    /// `P99`, or `P99 of interval values`.
    pub p99_is: String,
    pub documents: f64,
    pub newest: Option<Timestamp>,
    /// Position of the profile that each signal was read through.
    pub error_profile: usize,
    pub latency_profile: usize,
    pub notes: Vec<String>,
}

/// A true percentile rather than one of interval values.
const TRUE_P99: &str = "P99";

/// Puts the answers of `service_health`, one a signal profile, together: the error rate from the
/// first profile that has one, the percentile from the first that has a true one.
pub fn readings(answers: &[Asked], min_requests: f64) -> BTreeMap<String, Reading> {
    let mut readings: BTreeMap<String, Reading> = BTreeMap::new();
    for (profile, asked) in answers.iter().enumerate() {
        let p99_is = asked.p99_is.clone().unwrap_or_default();
        for row in &asked.rows {
            let Some(service) = asked.text(row, "service.name") else {
                continue;
            };
            let reading = readings
                .entry(service.to_owned())
                .or_insert_with(|| Reading {
                    service: service.to_owned(),
                    notes: asked.notes.clone(),
                    ..Reading::default()
                });
            reading.documents += asked.number(row, "documents").unwrap_or(0.0);
            reading.newest = reading.newest.max(asked.time(row, "newest"));
            reading.criticality = reading.criticality.or_else(|| {
                asked
                    .number(row, "criticality")
                    .map(|criticality| criticality as u8)
            });
            let requests = asked.number(row, "requests");
            if reading.error_rate.is_none()
                && let Some(rate) = asked.number(row, "error_rate")
            {
                reading.error_rate = Some(rate);
                reading.requests = requests;
                reading.error_profile = profile;
            }
            reading.requests = reading.requests.or(requests);
            let enough = requests.is_some_and(|requests| requests >= min_requests);
            let better = reading.p99_ms.is_none()
                || (p99_is == TRUE_P99 && reading.p99_is != TRUE_P99 && enough);
            if better && let Some(p99) = asked.number(row, "p99_ms") {
                reading.p99_ms = Some(p99);
                reading.p99_requests = requests;
                reading.p99_is = p99_is.clone();
                reading.latency_profile = profile;
            }
        }
    }
    readings
}
