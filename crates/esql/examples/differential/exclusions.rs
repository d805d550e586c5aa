//! Differences that stay, each with its reason: `docs/esql.md` names them.

use super::harness::cases::{Case, Reply};

struct Exclusion {
    reason: &'static str,
    holds: fn(&Case, &Reply) -> bool,
}

const EXCLUSIONS: [Exclusion; 8] = [
    Exclusion {
        reason: "9.2 compares with null what 8.19 refuses",
        holds: |case, ours| {
            let text = refused(case);
            let of_null = text.contains("] but was [null]") || text.contains("must also be [null]");
            ours.status == 200 && of_null
        },
    },
    Exclusion {
        reason: "9.2 takes lists of patterns after RLIKE",
        holds: |case, _| {
            case.query.contains("RLIKE (") && case.expected["error"]["type"] == "parsing_exception"
        },
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
    Exclusion {
        reason: "8.19 fails (status 500) where 9.2 answers",
        holds: |case, _| case.expected["status"] == 500,
    },
    Exclusion {
        reason: "8.19 can't read a list of strings as another type and says so in Java's words",
        holds: |case, _| refused(case).contains("Cannot invoke \"org.elasticsearch"),
    },
    Exclusion {
        reason: "8.19 loses the row of ROW where every column of it is dropped",
        holds: |case, _| {
            let none = case.expected["values"]
                .as_array()
                .is_some_and(Vec::is_empty);
            none && case.query.starts_with("ROW") && case.query.contains("DROP")
        },
    },
    Exclusion {
        reason: "9.2 has more functions to suggest for one that is misspelt",
        holds: |case, ours| {
            let both = [refused(case), ours.error("reason")];
            both.iter().all(|text| text.contains("Unknown function ["))
        },
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
