//! What was before: all that a decision rests on beside the offer, the report and the policy.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::identity::IncidentId;
use crate::incident::{Incident, ProposalStage, ProposalState};
use crate::proposal::{Proposal, ProposalId};
use crate::time::Timestamp;

/// Bands of confidence, each a fifth, as answers are scored.
pub const BANDS: u8 = 5;

/// A fifth of confidence: 0 is `[0, 0.2)`, 4 is `[0.8, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Band(u8);

impl Band {
    /// The band that a confidence lies in.
    pub fn of(confidence: f64) -> Self {
        let place = (confidence * f64::from(BANDS)).floor().max(0.0) as u8;
        Self(place.min(BANDS - 1))
    }

    /// Its place, from 0.
    pub fn number(self) -> usize {
        usize::from(self.0)
    }

    /// Its lower edge.
    pub fn from(self) -> f64 {
        f64::from(self.0) / f64::from(BANDS)
    }

    /// Its upper edge.
    pub fn to(self) -> f64 {
        f64::from(self.0 + 1) / f64::from(BANDS)
    }

    /// Whether `right` of `all` is a share under its lower edge, in whole numbers.
    pub(super) fn is_over(self, right: u64, all: u64) -> bool {
        right * u64::from(BANDS) < u64::from(self.0) * all
    }
}

/// What people said of the answers in one band of confidence, on this installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    pub band: Band,
    pub right: u64,
    pub wrong: u64,
}

/// Something that ran without a person, or that shadow mode would have run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutomaticRun {
    pub service: String,
    /// When it began; until it did, when it was decided.
    pub at: Timestamp,
    pub shadow: bool,
}

/// What the incident's own records say about an offer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Here {
    /// What was decided without a person in this incident, other than on this offer: the proposal,
    /// and whether by shadow mode.
    pub decided: Option<(ProposalId, bool)>,
    /// A person's no to the same action, in words.
    pub refused: Option<String>,
    /// Why the report doesn't carry it, in words.
    pub doubt: Option<String>,
}

/// What was before, as a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Automatic runs of *other* incidents, in any order.
    pub runs: Vec<AutomaticRun>,
    /// All runs from then on are among `runs`; `None`: nobody looked.
    pub runs_since: Option<Timestamp>,
    pub here: Here,
    /// In the band of the report's first answer; `None`: nobody looked.
    pub answers: Option<Answers>,
    /// Who stopped everything, and why.
    pub stopped: Option<String>,
    /// The target's revision as it was read just now; `None`: it was not read.
    pub revision: Option<Digest>,
}

impl History {
    /// What the incident's own records say about this offer; the rest is to be filled in.
    pub fn of(incident: &Incident, proposal: &Proposal) -> Self {
        let others = || {
            let all = incident.proposals.iter();
            all.filter(|state| state.proposal.id != proposal.id)
        };
        let decided = others().filter_map(|state| {
            let made = state.automation.as_ref()?;
            Some((state.proposal.id.clone(), made.shadow))
        });
        // What really was decided weighs more than what would have been.
        let decided = decided.min_by_key(|(_, shadow)| *shadow);
        let doubt = match &incident.report_from {
            Some(who) => Some(format!("the report is {who}'s, not the Analyst's own")),
            None if incident.is_report_doubtful() => {
                Some("an action that didn't help has ended since the report was made".to_owned())
            }
            None => None,
        };
        Self {
            here: Here {
                decided,
                refused: refused(incident, proposal),
                doubt,
            },
            ..Self::default()
        }
    }

    /// Takes in the automatic runs of another incident.
    pub fn add(&mut self, this: &IncidentId, other: &Incident) {
        if other.id != *this {
            self.runs
                .extend(other.proposals.iter().filter_map(AutomaticRun::of));
        }
    }
}

impl AutomaticRun {
    /// What ran of a proposal without a person, or still may; `None`: nothing.
    pub fn of(state: &ProposalState) -> Option<Self> {
        let made = state.automation.as_ref()?;
        let at = match (made.shadow, state.started_at) {
            (false, Some(started)) => started,
            // Given up before it began: nothing ran.
            (false, None) if made.void.is_some() || !state.stage.is_open() => return None,
            _ => made.at,
        };
        Some(Self {
            service: state.proposal.action.target.clone(),
            at,
            shadow: made.shadow,
        })
    }
}

/// A person's no to the same kind of action on the same target in this incident, or their wish to
/// change it, in words.
pub(crate) fn refused(incident: &Incident, proposal: &Proposal) -> Option<String> {
    let same = incident.proposals.iter().filter(|state| {
        let action = &state.proposal.action;
        action.kind == proposal.action.kind && action.target == proposal.action.target
    });
    let mut refusals = same.filter_map(|state| {
        let id = &state.proposal.id;
        let no = state.decisions.iter().find(|made| !made.approve);
        match no {
            Some(no) => Some(format!(
                "{} said no to {id}: {}",
                no.actor.label(),
                no.reason
            )),
            None if state.stage == ProposalStage::Withdrawn => {
                let note = state.note.as_deref().unwrap_or("a person");
                Some(format!("{id} was withdrawn ({note})"))
            }
            None => {
                let mut requests = incident.requests.iter();
                let edit = requests.find(|request| request.edits.as_ref() == Some(id))?;
                Some(format!("{} asked to change {id}", edit.by.label()))
            }
        }
    });
    refusals.next()
}
