//! What tests of this crate open an incident with.

use model::evidence::answer_digest;
use model::{Evidence, Finding, Signal, Subject, Timestamp, Window};

/// A fifth of a service's requests failed in the minute before.
pub(crate) fn finding(service: &str, at: Timestamp) -> Finding {
    let window = Window::new(at.plus_ms(-60_000), at);
    Finding {
        rule: "error-rate".to_owned(),
        subject: Subject::service(service),
        tick: at,
        window,
        signal: Signal::ErrorRate,
        observed: 0.2,
        threshold: 0.05,
        unit: "share".to_owned(),
        held_against: "threshold".to_owned(),
        requests: None,
        since: None,
        notes: Vec::new(),
        evidence: Evidence {
            id: "F1".to_owned(),
            tool: "by hand".to_owned(),
            query: "ROW a = 1".to_owned(),
            parameters: Default::default(),
            window,
            asked_at: at,
            says: "a fifth fails".to_owned(),
            columns: Vec::new(),
            rows: Vec::new(),
            row_count: 0,
            answer_digest: answer_digest(&[], &[]),
        },
    }
}
