//! Who may still decide, and what the policy asks for an action now.

use std::collections::{BTreeMap, BTreeSet};

use model::approval::subject;
use model::incident::ProposalState;
use model::policy::Terms;
use model::{Action, Role, Scope};
use store::SavedPerson;

use crate::case::Casework;
use crate::clock::Clock;
use crate::error::Error;

/// What subjects of people begin with who come by chat alone, and the source that is kept of them.
pub const CHAT: &str = "chat";

/// What a person may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonStanding {
    pub name: String,
    pub role: Role,
    pub scopes: Vec<Scope>,
}

/// The name in `chat:NAME`; `None`: it isn't the subject of a person who comes by chat alone.
pub fn chat_subject(subject: &str) -> Option<&str> {
    let name = subject.strip_prefix(CHAT)?.strip_prefix(':')?;
    (!name.trim().is_empty()).then_some(name)
}

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
        let standing = self.standing(person).await?;
        Ok(standing.is_some_and(|standing| standing.scopes.contains(&Scope::ActionsApprove)))
    }

    /// What a person may do as things are now, whatever way they come by; `None`: nothing. A person
    /// of a token has what their tokens that live allow, everybody else what they were last described
    /// with; who was disabled has nothing.
    pub async fn standing(&self, person: &str) -> Result<Option<PersonStanding>, Error> {
        let known = self.knowledge().person(person).await?;
        if known
            .as_ref()
            .is_some_and(|known| known.disabled_at.is_some())
        {
            return Ok(None);
        }
        // Tokens outlive the demo's fast clock: their time is the wall's.
        let now = Clock::wall().now();
        let mut standing =
            known
                .filter(|known| known.source != "token")
                .map(|known| PersonStanding {
                    name: known.name,
                    role: known.role,
                    scopes: known.scopes,
                });
        for token in self.knowledge().tokens().await? {
            let lives = token.revoked_at.is_none() && token.expires_at.is_none_or(|at| now < at);
            if !token.person || !lives || local_subject(&token.name) != person {
                continue;
            }
            let standing = standing.get_or_insert_with(|| PersonStanding {
                name: token.name.clone(),
                role: token.role,
                scopes: Vec::new(),
            });
            for scope in token.scopes {
                if !standing.scopes.contains(&scope) {
                    standing.scopes.push(scope);
                }
            }
        }
        Ok(standing)
    }

    /// What a configuration says of people who come by chat alone. Who isn't among them any more
    /// may do nothing from now on, and what they decided and isn't executed counts no more. Whoever
    /// was disabled stays so.
    pub async fn chat_people(&self, people: &BTreeMap<String, Role>) -> Result<(), Error> {
        let knowledge = self.knowledge();
        let now = Clock::wall().now();
        for (subject, role) in people {
            let known = knowledge.person(subject).await?;
            let person = SavedPerson {
                subject: subject.clone(),
                name: chat_subject(subject).unwrap_or(subject).to_owned(),
                role: *role,
                scopes: role.scopes().to_vec(),
                source: CHAT.to_owned(),
                seen_at: now,
                disabled_at: known.and_then(|known| known.disabled_at),
            };
            knowledge.put_person(&person).await?;
        }
        for known in knowledge.people().await? {
            let gone = known.source == CHAT && !people.contains_key(&known.subject);
            if gone && !known.scopes.is_empty() {
                let person = SavedPerson {
                    scopes: Vec::new(),
                    ..known
                };
                knowledge.put_person(&person).await?;
            }
        }
        Ok(())
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
