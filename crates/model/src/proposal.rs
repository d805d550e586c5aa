//! Proposals and the seal that an approval is given to.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::{Action, TargetState, sorted};
use crate::digest::Digest;
use crate::evidence::EvidenceId;
use crate::identity::IncidentId;
use crate::policy::{RiskTier, Terms};
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
    /// The people who asked for it or edited it; none: Resolver's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requesters: Vec<Requester>,
    /// Whether a requester's yes counts for nothing, by the policy's tier.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_the_requester: bool,
    /// Where the policy asks that one of those who agree is on call: who is, for the target, by
    /// `lookup-services` as it was then. Empty: nobody is known, so nobody can agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_call: Option<Vec<String>>,
    /// The `seq` of the request that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// The proposal that it takes the place of, and what is different now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Replaced>,
    /// Rules of the policy that may let it run without a person: what was on for it when it was
    /// offered. None: people decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub automation: Vec<String>,
}

/// A person who asked for a proposal, or edited it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Requester {
    pub subject: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Replaced {
    #[schema(value_type = String)]
    pub proposal: ProposalId,
    /// What differs from it, in words.
    pub changed: String,
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
    /// The same under what the policy asks for now.
    pub fn on(mut self, terms: Terms) -> Self {
        self.risk = terms.risk;
        self.quorum = terms.quorum;
        self.policy_version = terms.policy_version;
        self.expires = terms.expires;
        self.not_the_requester = terms.not_the_requester;
        self.on_call = terms.on_call;
        self.automation = terms.automation;
        self
    }

    /// Whether a person asked for it, or edited it.
    pub fn is_asked_for(&self) -> bool {
        self.request.is_some() || !self.requesters.is_empty()
    }

    /// The digest of incident, proposal, action, parameters, target, observed state, evidence,
    /// policy version, quorum, expiry, of who asked for it and must be among those who agree, and of
    /// the rules that may let it run without a person.
    /// Any difference in one of them is another seal.
    pub fn seal(&self, incident: &IncidentId) -> Seal {
        let mut sealed = serde_json::json!({
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
        // Left out where they say nothing, so that older journals keep their seals.
        if !self.requesters.is_empty() {
            sealed["requesters"] = serde_json::json!(self.requesters);
        }
        if self.not_the_requester {
            sealed["not_the_requester"] = true.into();
        }
        if let Some(people) = &self.on_call {
            sealed["on_call"] = serde_json::json!(people);
        }
        if !self.automation.is_empty() {
            sealed["automation"] = serde_json::json!(self.automation);
        }
        Digest::of(sorted(&sealed).to_string().as_bytes())
    }
}
