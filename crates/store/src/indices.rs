//! The names of DataPulse's own indices, and which names others may write to.

/// The projection of incidents.
pub const INCIDENTS: &str = "incidents";
/// The journal: an index a month.
pub const JOURNAL_PREFIX: &str = "agent-audit-";
pub const RUNBOOKS: &str = "runbooks-knowledge";
pub const SERVICES: &str = "lookup-services";
/// Hashed tokens, where they lie in an index: nobody's to read by queries.
pub const TOKENS: &str = "datapulse-tokens";
/// People who were here, and what they may do.
pub const PEOPLE: &str = "datapulse-people";

/// Lookup indices: what `LOOKUP JOIN` may name.
pub const LOOKUP_PREFIX: &str = "lookup-";

pub const TIMESTAMP: &str = "@timestamp";

/// Microseconds since 1970, made by the store where a log's or span's `@timestamp` is finer
/// than a millisecond: `date` holds no more, and the order within one matters.
pub const TIMESTAMP_US: &str = "timestamp.us";

/// The longest name of an index, in bytes, as in Elasticsearch.
const MAX_NAME_BYTES: usize = 255;

/// Elasticsearch's type and reason for an item that is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub kind: &'static str,
    pub reason: String,
}

/// What no document may be put into: the journal and its projection are written by cases only,
/// runbooks and tokens by their own door. Nor into what is no name of an index: a pattern or a
/// date expression may mean one of ours.
pub fn check_writable(index: &str) -> Result<(), Refusal> {
    if is_ours(index) {
        return Err(Refusal {
            kind: "security_exception",
            reason: format!("index [{index}] is written by DataPulse itself"),
        });
    }
    check_name(index)
}

/// The journal, its projection, runbooks and tokens.
pub fn is_ours(index: &str) -> bool {
    matches!(index, INCIDENTS | RUNBOOKS | TOKENS | PEOPLE) || index.starts_with(JOURNAL_PREFIX)
}

/// Elasticsearch's rules for an index name.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    let wrong = |what: &str| {
        Err(Refusal {
            kind: "invalid_index_name_exception",
            reason: format!("Invalid index name [{name}], {what}"),
        })
    };
    if name.is_empty() {
        return wrong("must not be empty");
    }
    if name.len() > MAX_NAME_BYTES {
        return wrong("index name is too long");
    }
    if name.starts_with(['_', '-', '+']) || name == "." || name == ".." {
        return wrong("must not start with '_', '-' or '+'");
    }
    if name
        .chars()
        .any(|c| c.is_control() || " \"*\\<|,>/?#:".contains(c))
    {
        return wrong(
            "must not contain the following characters [' ','\"','*','\\','<','|',',','>','/','?','#',':']",
        );
    }
    if name.chars().any(char::is_uppercase) {
        return wrong("must be lowercase");
    }
    Ok(())
}
