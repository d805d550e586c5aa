//! What a button and a modal are about, and whether that still holds when they come back.
//!
//! What Slack sends back is compared with the incident as it is then: the seal says exactly what
//! was shown, so a modal of yesterday, or one whose text somebody changed, decides on nothing.

use model::incident::{ProposalStage, ProposalState};
use model::render::{mrkdwn, one_line};
use model::{Action, Incident, IncidentId, Seal, Timestamp, approval};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::limits::{MAX_BUTTON_VALUE, MAX_PRIVATE_METADATA};

/// What the buttons of an offer say they are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub incident: IncidentId,
    pub proposal: String,
    pub seal: Seal,
}

/// What a modal keeps: which decision it asks for, of whom, and where it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    pub wanted: Wanted,
    pub approve: bool,
    /// Whom it was opened for.
    pub team: String,
    pub user: String,
    /// The message with the button, to be updated.
    pub channel: String,
    pub message: String,
}

/// Why a click or a submission decides on nothing any more. Told to who clicked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    #[error("this is about another incident")]
    OtherIncident,
    #[error("{0} isn't offered in this incident")]
    NoProposal(String),
    #[error("{proposal} is {stage}: there is nothing to decide on")]
    Decided {
        proposal: String,
        stage: &'static str,
    },
    #[error("{0} has changed since this was shown: look at it again")]
    OtherSeal(String),
    #[error("{0} has expired")]
    Expired(String),
    #[error("this was opened by somebody else")]
    OtherPerson,
    #[error("the incident is over")]
    Over,
}

/// What a button or a modal held isn't ours, or is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct NotOurs {
    pub what: &'static str,
    pub why: String,
}

impl Wanted {
    /// This proposal under its seal.
    pub fn of(incident: &Incident, state: &ProposalState) -> Self {
        Self {
            incident: incident.id.clone(),
            proposal: state.proposal.id.clone(),
            seal: state.seal,
        }
    }

    /// As the value of a button.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From the value of a button.
    pub fn parse(text: &str) -> Result<Self, NotOurs> {
        parse("the button's value", text, MAX_BUTTON_VALUE)
    }

    /// The proposal, if it can still be decided on as it was shown. A no also stops what is to run
    /// without a person.
    pub fn check<'i>(
        &self,
        incident: &'i Incident,
        approve: bool,
        now: Timestamp,
    ) -> Result<&'i ProposalState, Stale> {
        if incident.id != self.incident {
            return Err(Stale::OtherIncident);
        }
        let id = || self.proposal.clone();
        let state = incident
            .proposal(&self.proposal)
            .ok_or_else(|| Stale::NoProposal(id()))?;
        if state.seal != self.seal {
            return Err(Stale::OtherSeal(id()));
        }
        let stops = !approve && state.can_be_stopped();
        if state.stage != ProposalStage::Pending && !stops {
            let (proposal, stage) = (id(), state.stage.name());
            return Err(Stale::Decided { proposal, stage });
        }
        if incident.status.is_over() {
            return Err(Stale::Over);
        }
        if now >= state.proposal.expires && !stops {
            return Err(Stale::Expired(id()));
        }
        Ok(state)
    }
}

impl Asked {
    /// As the `private_metadata` of a modal.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From the `private_metadata` of a submission.
    pub fn parse(text: &str) -> Result<Self, NotOurs> {
        parse("the modal's metadata", text, MAX_PRIVATE_METADATA)
    }

    /// [`Wanted::check`], and that it is submitted by who opened it.
    pub fn check<'i>(
        &self,
        incident: &'i Incident,
        team: &str,
        user: &str,
        now: Timestamp,
    ) -> Result<&'i ProposalState, Stale> {
        if self.team != team || self.user != user {
            return Err(Stale::OtherPerson);
        }
        self.wanted.check(incident, self.approve, now)
    }
}

fn parse<T: serde::de::DeserializeOwned>(
    what: &'static str,
    text: &str,
    most: usize,
) -> Result<T, NotOurs> {
    let wrong = |why: String| NotOurs { what, why };
    // Bytes, of which no text has fewer than units.
    if text.len() > most * char::MAX.len_utf8() {
        return Err(wrong(format!("over {most} characters")));
    }
    serde_json::from_str(text).map_err(|error| wrong(error.to_string()))
}

/// What is said yes to, line by line, rendered. Nothing is left out: a text of others may be long,
/// but it can't forge a line, since its own line ends are spaces.
pub(super) fn summary_lines(state: &ProposalState) -> Vec<String> {
    let mut flat = state.clone();
    let proposal = &mut flat.proposal;
    flatten(&mut proposal.action.target);
    flatten_parameters(&mut proposal.action);
    if let Some(undo) = &mut proposal.undo {
        flatten_parameters(undo);
    }
    if let Some(replaced) = &mut proposal.replaces {
        flatten(&mut replaced.proposal);
        flatten(&mut replaced.changed);
    }
    let summary = approval::summary(&flat);
    summary.lines().map(mrkdwn).collect()
}

fn flatten(text: &mut String) {
    *text = one_line(text, usize::MAX);
}

fn flatten_parameters(action: &mut Action) {
    action.parameters = action
        .parameters
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Value::String(text) => Value::String(one_line(text, usize::MAX)),
                other => other.clone(),
            };
            (one_line(name, usize::MAX), value)
        })
        .collect();
}
