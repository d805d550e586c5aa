//! The projection of an incident: for lists and search, rebuilt at will, never decided from.

use serde::{Deserialize, Serialize};

use crate::identity::IncidentId;
use crate::incident::{Incident, ProposalStage, Status};
use crate::severity::Severity;
use crate::signature::{helped, signature};
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Summary {
    pub incident_id: IncidentId,
    pub title: String,
    pub status: Status,
    pub severity: Severity,
    #[serde(rename = "service.name")]
    pub service: String,
    pub rule: String,
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Whom it hurts and how, in a person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    /// Where its story goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<IncidentId>,
    pub opened_at: Timestamp,
    pub updated_at: Timestamp,
    pub resolved_at: Option<Timestamp>,
    pub findings: usize,
    /// The first hypothesis in words, where there is a report.
    pub cause: Option<String>,
    pub confidence: Option<f64>,
    pub proposals_pending: usize,
    pub person_needed: Option<String>,
    /// What is peculiar to it, in words: by these it is likened to others.
    #[serde(default)]
    pub signature: Vec<String>,
    /// The action that was followed by recovery, where one was.
    #[serde(default)]
    pub helped: Option<String>,
    /// Whether a person called the first answer right, how sure the answer had been, and what is
    /// true as far as the person knew.
    #[serde(default, rename = "feedback.right")]
    pub feedback_right: Option<bool>,
    #[serde(default, rename = "feedback.confidence")]
    pub feedback_confidence: Option<f64>,
    #[serde(default, rename = "feedback.cause")]
    pub feedback_cause: Option<String>,
    pub last_seq: u64,
}

impl From<&Incident> for Summary {
    fn from(incident: &Incident) -> Self {
        let feedback = incident.feedback.as_ref();
        let first = incident.report.as_ref().and_then(|report| report.first());
        Self {
            incident_id: incident.id.clone(),
            title: incident.title.clone(),
            status: incident.status,
            severity: incident.severity,
            service: incident.service.clone(),
            rule: incident.rule.clone(),
            owner: incident.owner.clone(),
            team: incident.team.clone(),
            impact: incident.impact.clone(),
            merged_into: incident
                .merged_into
                .as_ref()
                .map(|merger| merger.into.clone()),
            opened_at: incident.opened_at,
            updated_at: incident.updated_at,
            resolved_at: incident.resolved_at,
            findings: incident.findings.len(),
            cause: first.map(|hypothesis| hypothesis.says.clone()),
            confidence: first.map(|hypothesis| hypothesis.confidence),
            proposals_pending: incident
                .proposals
                .iter()
                .filter(|state| state.stage == ProposalStage::Pending)
                .count(),
            person_needed: incident.person_needed.clone(),
            signature: signature(incident),
            helped: helped(incident),
            feedback_right: feedback.map(|given| given.right),
            feedback_confidence: feedback.map(|given| given.confidence),
            feedback_cause: feedback
                .and_then(|given| given.truth())
                .map(|cause| cause.to_string()),
            last_seq: incident.last_seq,
        }
    }
}
