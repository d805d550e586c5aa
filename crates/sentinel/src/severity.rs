//! How bad it is: how critical the service is, and how far the signal lies over its line.

use model::{Severity, Signal};

use crate::detect::Deviation;

/// An error rate from which half of all requests fail.
const MOST_FAIL: f64 = 0.5;
/// An error rate that many users notice.
const MANY_FAIL: f64 = 0.10;

/// Severity and the reason for it.
pub fn severity(deviation: &Deviation, criticality: Option<u8>) -> (Severity, String) {
    let times = if deviation.threshold > 0.0 {
        deviation.observed / deviation.threshold
    } else {
        1.0
    };
    let impact = match deviation.signal {
        Signal::ErrorRate if deviation.observed >= MOST_FAIL => 3,
        Signal::ErrorRate if deviation.observed >= MANY_FAIL => 2,
        Signal::Silence => 2,
        _ if times >= 3.0 => 2,
        _ => 1,
    };
    let weight = match criticality {
        Some(1) => 2,
        Some(2) | None => 1,
        Some(_) => 0,
    };
    let severity = match impact + weight {
        4.. => Severity::Critical,
        3 => Severity::High,
        2 => Severity::Medium,
        _ => Severity::Low,
    };
    let critical = criticality.map_or_else(
        || "criticality not known".to_owned(),
        |criticality| format!("criticality {criticality}"),
    );
    (severity, format!("{critical}, {times:.1} times the line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_story_is_critical() {
        let deviation = Deviation {
            signal: Signal::ErrorRate,
            observed: 0.12,
            threshold: 0.05,
            held_against: "threshold",
            unit: "share",
            requests: Some(1000.0),
        };
        assert_eq!(severity(&deviation, Some(1)).0, Severity::Critical);
        assert_eq!(severity(&deviation, Some(4)).0, Severity::Medium);
    }
}
