//! The demo's two responders, and its policy.

use anyhow::Result;
use casework::people::local_subject;
use casework::{Casework, Clock};
use model::incident::ProposalStage;
use model::{Actor, Event, Incident, IncidentId, Role};
use store::SavedPerson;

/// Who decides: two, for some actions ask for two.
pub const RESPONDERS: [&str; 2] = ["Ada (demo)", "Sam (demo)"];

const POLICY: &str = include_str!("policy.toml");

/// The text of the policy that ships with the demo.
pub fn policy_text() -> &'static str {
    POLICY
}

/// As many responders as it takes say yes, straight into the journal: for runs without a gateway.
pub async fn agree(casework: &Casework, id: &IncidentId, proposal: &str) -> Result<Incident> {
    let mut incident = casework.incident(id).await?;
    let quorum = incident
        .proposal(proposal)
        .map_or(0, |state| state.proposal.quorum) as usize;
    for name in RESPONDERS.iter().take(quorum.max(1)) {
        let subject = local_subject(name);
        let person = SavedPerson {
            subject: subject.clone(),
            name: (*name).to_owned(),
            role: Role::Responder,
            scopes: Role::Responder.scopes().to_vec(),
            source: "local".to_owned(),
            seen_at: Clock::wall().now(),
            disabled_at: None,
        };
        casework.knowledge().put_person(&person).await?;
        let Some(state) = incident
            .proposal(proposal)
            .filter(|state| state.stage == ProposalStage::Pending)
        else {
            break;
        };
        let decided = Event::Decided {
            proposal: proposal.to_owned(),
            seal: state.seal,
            approve: true,
            reason: "try it".to_owned(),
            break_glass: false,
        };
        let actor = Actor::Person {
            subject,
            name: (*name).to_owned(),
            via: "local".to_owned(),
        };
        incident = casework.record(id, actor, decided).await?;
    }
    Ok(incident)
}
