//! Incident ids are derived, so that two Sentinels that see one failure open one incident.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::time::Timestamp;

/// Ticks within one bucket give the same incident id for the same rule and subject.
pub const BUCKET_MS: i64 = 60 * 60 * 1000;

/// What the system chain's name begins with, as long as an incident's `INC-`.
const SYSTEM: &str = "SYS-";

/// Hexadecimal digits of the derived part.
const DERIVED_DIGITS: usize = 12;

/// `INC-202611-0a1b2c3d4e5f`: the UTC month of the tick in plain text, then what is derived
/// from rule, subject and the tick's bucket.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = String, examples("INC-202611-0a1b2c3d4e5f"))]
pub struct IncidentId(String);

impl IncidentId {
    /// From the scheduled tick that first showed it, never from an estimated onset: the onset
    /// moves when late data arrives, the tick doesn't.
    pub fn derive(rule: &str, subject: &str, tick: Timestamp) -> Self {
        let bucket = tick.ms().div_euclid(BUCKET_MS);
        let digest =
            Digest::of_pieces(&[rule.as_bytes(), subject.as_bytes(), &bucket.to_be_bytes()]);
        Self::of_month(Timestamp(bucket * BUCKET_MS), digest)
    }

    /// An incident's id from the month of a moment and a digest.
    pub(crate) fn of_month(at: Timestamp, digest: Digest) -> Self {
        let derived = digest.short(DERIVED_DIGITS);
        Self(format!("INC-{}-{derived}", at.month()))
    }

    /// The chain of what was done outside of incidents in the month of `at`.
    pub fn system(at: Timestamp) -> Self {
        let zeros = "0".repeat(DERIVED_DIGITS);
        Self(format!("{SYSTEM}{}-{zeros}", at.month()))
    }

    /// The same of a month as six digits.
    pub fn system_of(month: &str) -> Option<Self> {
        let zeros = "0".repeat(DERIVED_DIGITS);
        Self::parse(&format!("{SYSTEM}{month}-{zeros}"))
    }

    /// Whether it is no incident but the system chain of a month.
    pub fn is_system(&self) -> bool {
        self.0.starts_with(SYSTEM)
    }

    /// `None` where the text has not the form of an incident id, or of the system chain's.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, system) = match text.strip_prefix(SYSTEM) {
            Some(rest) => (rest, true),
            None => (text.strip_prefix("INC-")?, false),
        };
        let (month, derived) = rest.split_once('-')?;
        if system && derived.bytes().any(|digit| digit != b'0') {
            return None;
        }
        let month_ok = month.len() == 6 && month.bytes().all(|b| b.is_ascii_digit());
        let derived_ok = derived.len() == DERIVED_DIGITS
            && derived
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (month_ok && derived_ok).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The journal's index: `agent-audit-2026.11`. From the id, so a record's place never moves.
    pub fn journal_index(&self) -> String {
        let month = self.0.get(4..10).unwrap_or("197001");
        format!("agent-audit-{}.{}", &month[..4], &month[4..])
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bucket_one_id_and_the_month_in_plain_text() {
        let tick = Timestamp::parse("2026-11-24T13:01:00Z").expect("valid");
        let id = IncidentId::derive("error-rate", "payment", tick);
        assert_eq!(
            id,
            IncidentId::derive("error-rate", "payment", tick.plus_ms(58 * 60_000))
        );
        assert_ne!(
            id,
            IncidentId::derive("error-rate", "payment", tick.plus_ms(59 * 60_000))
        );
        assert_ne!(id, IncidentId::derive("error-rate", "cart", tick));
        assert!(id.as_str().starts_with("INC-202611-"));
        assert_eq!(id.journal_index(), "agent-audit-2026.11");
        assert_eq!(IncidentId::parse(id.as_str()), Some(id));
        assert_eq!(IncidentId::parse("INC-2026-1"), None);
        let system = IncidentId::system(tick);
        assert_eq!(system.as_str(), "SYS-202611-000000000000");
        assert_eq!(system.journal_index(), "agent-audit-2026.11");
        assert_eq!(IncidentId::parse(system.as_str()), Some(system));
        assert_eq!(IncidentId::parse("SYS-202611-0a1b2c3d4e5f"), None);
    }
}
