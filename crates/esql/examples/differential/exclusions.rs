//! Differences that stay, each with its reason: `docs/esql.md` names them.

use super::harness::cases::{Case, Reply};

struct Exclusion {
    reason: &'static str,
    holds: fn(&Case, &Reply) -> bool,
}

const EXCLUSIONS: [Exclusion; 3] = [
    Exclusion {
        reason: "9.2 compares with null what 8.19 refuses",
        holds: |case, ours| ours.status == 200 && refused(case).contains("] but was [null]"),
    },
    Exclusion {
        reason: "8.19 takes the greatest value before the conversion, not after it",
        holds: |case, _| {
            let query = case.query.as_str();
            let converts = query.contains("TO_DEGREES") || query.contains("TO_RADIANS");
            converts && query.contains("STATS")
        },
    },
    Exclusion {
        reason: "8.19 counts distinct values by an estimate where the precision is low",
        holds: |case, _| case.query.contains("COUNT_DISTINCT") && case.query.contains(", 100)"),
    },
];

/// Why a difference stays.
pub fn reason(case: &Case, ours: &Reply) -> Option<&'static str> {
    let found = EXCLUSIONS
        .iter()
        .find(|exclusion| (exclusion.holds)(case, ours));
    found.map(|exclusion| exclusion.reason)
}

/// The text of the server's error.
fn refused(case: &Case) -> &str {
    let reason = case.expected["error"]["reason"].as_str();
    reason.unwrap_or_default()
}
