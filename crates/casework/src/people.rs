//! Who may still decide, and what the policy asks for an action now.

use std::collections::BTreeSet;

use model::approval::subject;
use model::incident::ProposalState;
use model::policy::Terms;
use model::{Action, Scope};

use crate::case::Casework;
use crate::clock::Clock;
use crate::error::Error;

/// The subject of a person whom only a name is known of: two tokens of one person are one person,
/// so where two people's yes is needed they count once.
pub fn local_subject(name: &str) -> String {
    format!("person:{name}")
}

impl Casework {
    /// What the policy asks for an action now; who is on call comes from `lookup-services`.
    pub async fn terms(&self, action: &Action) -> Result<Terms, Error> {
        let services = self.knowledge().services().await?;
        let on_call = services
            .iter()
            .find(|service| service.name == action.target)
            .and_then(|service| service.on_call.as_deref());
        Ok(self.policy().terms(action, on_call, self.clock().now()))
    }

    /// Whether this person may decide as things are now: not disabled, and with a token that lives
    /// or a role that still allows it.
    pub async fn may_decide(&self, person: &str) -> Result<bool, Error> {
        let known = self.knowledge().person(person).await?;
        if known
            .as_ref()
            .is_some_and(|known| known.disabled_at.is_some())
        {
            return Ok(false);
        }
        // Tokens outlive the demo's fast clock: their time is the wall's.
        let now = Clock::wall().now();
        let tokens = self.knowledge().tokens().await?;
        let by_token = tokens.iter().any(|token| {
            token.person
                && local_subject(&token.name) == person
                && token.revoked_at.is_none()
                && token.expires_at.is_none_or(|at| now < at)
                && token.scopes.contains(&Scope::ActionsApprove)
        });
        Ok(by_token
            || known.is_some_and(|known| {
                known.source != "token" && known.scopes.contains(&Scope::ActionsApprove)
            }))
    }

    /// Those who decided on a proposal and may still.
    pub async fn deciders(&self, state: &ProposalState) -> Result<BTreeSet<String>, Error> {
        let mut standing = BTreeSet::new();
        for person in state
            .decisions
            .iter()
            .filter_map(|made| subject(&made.actor))
        {
            if self.may_decide(person).await? {
                standing.insert(person.to_owned());
            }
        }
        Ok(standing)
    }
}
