//! What somebody does with an incident in another system, as a record of ours: an act of the person
//! that their account is mapped to, where they may; else a note that says so, by nobody with rights.
//!
//! Nothing here decides on a proposal, whoever asks: see [`FROM_TRACKERS`].

use casework::Error;
use model::{Actor, Event, Incident, IncidentId, Scope};

use super::people::{FROM_TRACKERS, denied, person};
use crate::api::incidents::MAX_TEXT;
use crate::auth::Principal;
use crate::problem::Problem;
use crate::state::Gateway;

/// One thing that was done over there.
#[derive(Debug)]
pub struct Act<'a> {
    pub system: &'static str,
    /// Who did it, by that system's own id.
    pub account: &'a str,
    /// Whom the configuration says that this is.
    pub subject: Option<&'a str>,
    /// The same act has the same, and no other has it: a note begins with it.
    pub mark: String,
    /// What was done, in words.
    pub says: String,
}

/// What became of an act, for metrics and the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Became {
    /// A record of the person's.
    Act,
    /// A note of the person's.
    Note,
    /// A note by nobody with rights.
    OutsideNote,
    /// It was there.
    Known,
}

impl Became {
    pub fn name(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Note => "note",
            Self::OutsideNote => "outside_note",
            Self::Known => "known",
        }
    }
}

impl Act<'_> {
    /// Records it. `means` is what a person who may asks for by it, as the incident stands; `None`:
    /// it is a note.
    pub async fn record(
        &self,
        gateway: &Gateway,
        id: &IncidentId,
        means: impl Fn(&Principal, &Incident) -> Option<Event> + Send + Sync,
    ) -> Result<Became, Problem> {
        if self.is_noted(gateway, id).await? {
            return Ok(Became::Known);
        }
        let Some(principal) = self.whose(gateway).await? else {
            let says = format!(
                "{} (by an account that is no person here: told, not done)",
                self.says
            );
            self.note(gateway, id, self.nobody(), &says).await?;
            return Ok(Became::OutsideNote);
        };
        let done = gateway
            .casework
            .record_when(id, principal.actor(), |incident| {
                means(&principal, incident)
            })
            .await;
        let says = match done {
            Ok(Some(_)) => return Ok(Became::Act),
            Ok(None) => self.says.clone(),
            Err(Error::Illegal(why)) => format!("{} (it stays as it is here: {why})", self.says),
            Err(other) => return Err(other.into()),
        };
        self.note(gateway, id, principal.actor(), &says).await?;
        Ok(Became::Note)
    }

    /// The person, where they may write.
    async fn whose(&self, gateway: &Gateway) -> Result<Option<Principal>, Problem> {
        let Some(subject) = self.subject else {
            denied(self.system, "unmapped");
            return Ok(None);
        };
        let via = format!("{}:{}", self.system, self.account);
        let principal = person(gateway, subject, &FROM_TRACKERS, via).await?;
        let principal = principal.filter(|principal| principal.may(Scope::IncidentsWrite));
        if principal.is_none() {
            denied(self.system, "no_rights");
        }
        Ok(principal)
    }

    fn nobody(&self) -> Actor {
        let subject = format!("{}:{}", self.system, self.account);
        Actor::System {
            name: subject.clone(),
            subject,
        }
    }

    async fn note(
        &self,
        gateway: &Gateway,
        id: &IncidentId,
        actor: Actor,
        says: &str,
    ) -> Result<(), Problem> {
        let text = cut(&format!("{}: {says}", self.mark));
        let event = Event::NoteAdded { text };
        gateway.casework.record(id, actor, event).await?;
        Ok(())
    }

    /// Asked of the journal: what a process remembers ends with it.
    async fn is_noted(&self, gateway: &Gateway, id: &IncidentId) -> Result<bool, Problem> {
        let begins = format!("{}: ", self.mark);
        let stored = gateway.casework.journal().records(id).await?;
        Ok(stored
            .iter()
            .filter_map(|stored| stored.record().ok())
            .any(|record| {
                matches!(&record.event, Event::NoteAdded { text } if text.starts_with(&begins))
            }))
    }
}

/// As long as a note of the API may be.
fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_TEXT {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(MAX_TEXT - 1).collect();
    kept.push('…');
    kept
}

/// Whoever did it takes the incident on, unless it is over or somebody's.
pub fn taken(principal: &Principal, incident: &Incident, note: &str) -> Option<Event> {
    (incident.owner.is_none() && !incident.status.is_over()).then(|| Event::Acknowledged {
        owner: principal.name.clone(),
        note: Some(note.to_owned()),
    })
}

/// A person's word that it is over. What is approved or pending isn't decided on by it.
pub fn resolved(incident: &Incident, says: &str) -> Option<Event> {
    (!incident.status.is_over()).then(|| Event::Resolved {
        says: says.to_owned(),
        evidence: None,
    })
}

/// It goes on.
pub fn reopened(incident: &Incident, reason: &str) -> Option<Event> {
    incident.status.is_over().then(|| Event::Reopened {
        reason: reason.to_owned(),
        finding: None,
    })
}
