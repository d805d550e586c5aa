//! How many documents came in by which way, and why others didn't.

use store::ItemResult;

/// Documents that were taken, by intake.
pub const ACCEPTED: &str = "intake_accepted_total";
/// Documents or samples that were refused, by intake and reason.
pub const REJECTED: &str = "intake_rejected_total";

/// Counts what became of a batch.
pub fn tally(intake: &'static str, results: &[ItemResult]) {
    let mut accepted = 0;
    for result in results {
        match result {
            ItemResult::Refused { kind, .. } => reject(intake, kind.to_string(), 1),
            ItemResult::Conflict { .. } => {
                reject(intake, "version_conflict_engine_exception".to_owned(), 1);
            }
            _ => accepted += 1,
        }
    }
    metrics::counter!(ACCEPTED, "intake" => intake).increment(accepted);
}

/// Counts what was refused before it was a document.
pub fn reject(intake: &'static str, reason: impl Into<String>, count: u64) {
    metrics::counter!(REJECTED, "intake" => intake, "reason" => reason.into()).increment(count);
}
