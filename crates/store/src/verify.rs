//! What `audit verify` finds: every chain, and every anchor against it.

use model::anchor::AnchorFault;
use model::{ChainFault, IncidentId};

/// What verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// By id; incidents that only an anchor names too.
    pub incidents: Vec<IncidentCheck>,
    /// The anchor file itself can't be trusted: its first fault. No anchor is held against the
    /// journal then.
    pub anchor_file: Option<AnchorFault>,
    pub anchor_lines: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentCheck {
    pub incident: IncidentId,
    pub records: u64,
    /// The chain's first fault.
    pub fault: Option<ChainFault>,
    /// Anchors that the journal contradicts, such as one beyond a tail that was cut.
    pub anchor_faults: Vec<AnchorFault>,
    /// The last record that an anchor names; records after it, or all of them where there is
    /// none, could be cut unseen.
    pub anchored_seq: Option<u64>,
}

impl IncidentCheck {
    pub fn is_intact(&self) -> bool {
        self.fault.is_none() && self.anchor_faults.is_empty()
    }

    /// Whether the anchors cover its head.
    pub fn is_covered(&self) -> bool {
        self.anchored_seq.is_some_and(|seq| seq >= self.records)
    }
}

impl Verification {
    /// No fault anywhere. Incidents that no anchor covers are no fault, and must be said.
    pub fn is_intact(&self) -> bool {
        self.anchor_file.is_none() && self.incidents.iter().all(IncidentCheck::is_intact)
    }

    pub fn uncovered(&self) -> impl Iterator<Item = &IncidentCheck> {
        self.incidents.iter().filter(|check| !check.is_covered())
    }
}
