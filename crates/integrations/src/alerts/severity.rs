//! How bad it is, by the words that people write into labels.

use model::Severity;

/// What a word means, whatever its case; `None`: not known. Bare numbers aren't read: to some, 1
/// is the worst, to others the least.
pub fn of(word: &str) -> Option<Severity> {
    let severity = match word.trim().to_lowercase().as_str() {
        "critical" | "crit" | "page" | "fatal" | "emergency" | "emerg" | "disaster" | "p0"
        | "p1" | "s0" | "s1" | "sev0" | "sev1" | "sev-0" | "sev-1" => Severity::Critical,
        "high" | "error" | "err" | "major" | "urgent" | "alert" | "p2" | "s2" | "sev2"
        | "sev-2" => Severity::High,
        "medium" | "moderate" | "average" | "warning" | "warn" | "minor" | "ticket" | "p3"
        | "s3" | "sev3" | "sev-3" => Severity::Medium,
        "low" | "info" | "information" | "informational" | "notice" | "debug" | "none" | "ok"
        | "p4" | "p5" | "s4" | "s5" | "sev4" | "sev5" | "sev-4" | "sev-5" => Severity::Low,
        _ => return None,
    };
    Some(severity)
}
