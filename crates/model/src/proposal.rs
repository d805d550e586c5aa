//! Proposals and the seal that an approval is given to.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::{Action, TargetState, sorted};
use crate::digest::Digest;
use crate::evidence::EvidenceId;
use crate::identity::IncidentId;
use crate::policy::RiskTier;
use crate::time::Timestamp;

/// `P1`, `P2`, …: numbered within the incident, never used twice.
pub type ProposalId = String;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Proposal {
    #[schema(value_type = String)]
    pub id: ProposalId,
    pub action: Action,
    pub why: String,
    pub risk: RiskTier,
    /// What may go wrong.
    pub risk_note: String,
    /// How long until it should show, in seconds.
    pub eta_s: u64,
    pub undo: Option<Action>,
    pub check: Check,
    /// The runbook it comes from.
    pub runbook: Option<String>,
    /// The hypothesis of the report that it treats.
    pub hypothesis: Option<String>,
    /// Of the report: what it rests on.
    #[schema(value_type = Vec<String>)]
    pub evidence: Vec<EvidenceId>,
    /// The target as it was when this was proposed.
    pub observed: TargetState,
    pub policy_version: String,
    pub quorum: u32,
    pub expires: Timestamp,
}

/// The query that tells whether it helped: the one that raised the alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Check {
    pub tool: String,
    pub query: String,
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    pub parameters: IndexMap<String, Value>,
    pub says: String,
}

/// The digest of all that an approver says yes to.
pub type Seal = Digest;

impl Proposal {
    /// The digest of incident, proposal, action, parameters, target, observed state, evidence,
    /// policy version, quorum and expiry. Any difference in one of them is another seal.
    pub fn seal(&self, incident: &IncidentId) -> Seal {
        let sealed = serde_json::json!({
            "incident": incident,
            "proposal": self.id,
            "action": self.action,
            "undo": self.undo,
            "check": self.check,
            "observed": self.observed.revision,
            "evidence": self.evidence,
            "policy": self.policy_version,
            "quorum": self.quorum,
            "expires": self.expires,
        });
        Digest::of(sorted(&sealed).to_string().as_bytes())
    }
}
