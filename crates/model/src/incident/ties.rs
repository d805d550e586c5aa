//! What ties an incident to others (merged, absorbed, split), and its end as a mistake (voided):
//! each by a record, never by deletion.
//!
//! A merge is two records in two chains: `absorbed` on the one that stays, first, as the claim, then
//! `merged_into` on the other. A split is two as well: the new incident's `opened`, then `split_off`
//! on the old one. What one incident's fold can't know is asked over several in [`crate::lineage`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::apply::{Ruling, attach, busy, illegal};
use super::{Incident, ProposalStage, ProposalState, Status};
use crate::actor::Actor;
use crate::evidence::EvidenceId;
use crate::finding::Finding;
use crate::identity::IncidentId;
use crate::record::{Event, Record};
use crate::time::Timestamp;

/// Incidents that one may take in, and that may be split off from one.
pub const MAX_TIES: usize = 50;
/// Notes of another incident that one record names.
pub const MAX_NAMED_NOTES: usize = 1_000;
/// Characters of a title that somebody edits.
pub const MAX_TITLE_CHARS: usize = 300;
/// Characters of what a person writes on the records of this module and of [`super::marks`]: above
/// what the API takes, since a text without its secrets may be longer.
pub const MAX_WORDS_CHARS: usize = 16_000;

/// The other incident that one was merged into: its story goes on there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Merger {
    pub into: IncidentId,
    pub by: Actor,
    pub at: Timestamp,
    pub reason: String,
}

/// Another incident that this one took in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Absorption {
    pub incident: IncidentId,
    pub by: Actor,
    pub at: Timestamp,
    pub reason: String,
    /// What its findings are called here; those that this one held already have no second name.
    #[schema(value_type = Vec<String>)]
    pub findings: Vec<EvidenceId>,
    /// The `seq`s of those of its records that are notes.
    pub notes: Vec<u64>,
}

/// Another incident that findings of this one became.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Split {
    pub into: IncidentId,
    pub by: Actor,
    pub at: Timestamp,
    pub reason: String,
    pub findings: Vec<SplitFinding>,
}

/// A finding that is the other incident's now, under the name that it had here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SplitFinding {
    #[schema(value_type = String)]
    pub id: EvidenceId,
    pub finding: Finding,
}

/// Who called the incident a mistake, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Voiding {
    pub by: Actor,
    pub at: Timestamp,
    pub reason: String,
}

/// Why a report is doubtful though no action failed: the incident isn't any more what it explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Findings were split off, and nobody has looked since.
    Raised,
    /// It was looked at again and no report came of it: it is a person's turn.
    Remains,
}

impl Incident {
    /// What the finding at `index` is called: `F3`. A number is given once; that of a finding which
    /// was split off isn't given again.
    pub fn finding_id(&self, index: usize) -> EvidenceId {
        let gone = self.gone();
        let mut number = index + 1;
        for taken in &gone {
            if *taken <= number {
                number += 1;
            }
        }
        format!("F{number}")
    }

    /// The finding of this name, also where it was split off.
    pub fn finding(&self, id: &str) -> Option<&Finding> {
        let split = self.split_into.iter().flat_map(|split| &split.findings);
        let mut split = split.filter(|one| one.id == id);
        match split.next() {
            Some(one) => Some(&one.finding),
            None => self.findings.get(self.finding_index(id)?),
        }
    }

    /// Where the finding of this name stands among those that are the incident's now.
    pub fn finding_index(&self, id: &str) -> Option<usize> {
        let number = number(id)?;
        let gone = self.gone();
        let before = gone.iter().filter(|taken| **taken < number).count();
        let index = number - 1 - before;
        (!gone.contains(&number) && index < self.findings.len()).then_some(index)
    }

    /// Whether it holds a finding of the same rule, subject and tick.
    pub fn holds(&self, finding: &Finding) -> bool {
        self.findings.iter().any(|known| known.is_same(finding))
    }

    /// The incident in which this one's story goes on: that which it was merged into, or whose
    /// duplicate it is.
    pub fn goes_on_in(&self) -> Option<&IncidentId> {
        let duplicate = self.closed_as.as_ref().and_then(|closed| closed.of());
        let merged = self.merged_into.as_ref().map(|merger| &merger.into);
        merged.or(duplicate)
    }

    /// Whether it has taken in this other one.
    pub fn has_absorbed(&self, other: &IncidentId) -> bool {
        self.absorbed.iter().any(|held| held.incident == *other)
    }

    /// Numbers of the findings that were split off, ascending.
    fn gone(&self) -> BTreeSet<usize> {
        let split = self.split_into.iter().flat_map(|split| &split.findings);
        split.filter_map(|one| number(&one.id)).collect()
    }
}

/// `F3` is 3, written so and no other way.
fn number(id: &str) -> Option<usize> {
    let number: usize = id.strip_prefix('F')?.parse().ok()?;
    (number > 0 && id == format!("F{number}")).then_some(number)
}

/// What can't follow a void or a merge, and why.
pub(super) fn final_word(incident: &Incident, event: &Event) -> Ruling {
    let told = matches!(
        event,
        Event::NoteAdded { .. }
            | Event::NoticeSent { .. }
            | Event::NoticeHeld { .. }
            | Event::BreakGlassReviewed { .. }
    );
    if incident.voided.is_some() && !told {
        let text = "the incident is voided: it was declared by mistake; declare another";
        return Err(illegal(event, text));
    }
    let judged = matches!(
        event,
        Event::FeedbackGiven { .. } | Event::RecoveryChecked { .. }
    );
    if let Some(merger) = &incident.merged_into
        && !told
        && !judged
    {
        let into = &merger.into;
        let text = format!("the incident was merged into {into}: its story goes on there");
        return Err(illegal(event, text));
    }
    Ok(())
}

pub(super) fn apply(incident: &mut Incident, record: &Record) -> Ruling {
    match &record.event {
        Event::MergedInto { into, reason } => merge(incident, record, into, reason),
        Event::Absorbed { .. } => absorb(incident, record),
        Event::SplitOff { .. } => split(incident, record),
        Event::Voided { reason } => void(incident, record, reason),
        _ => Ok(()),
    }
}

/// Some words, and not too many.
pub(super) fn worded(event: &Event, what: &str, text: &str) -> Ruling {
    if text.trim().is_empty() {
        return Err(illegal(event, format!("it needs {what}")));
    }
    if text.chars().count() > MAX_WORDS_CHARS {
        let text = format!("{what} of over {MAX_WORDS_CHARS} characters");
        return Err(illegal(event, text));
    }
    Ok(())
}

/// Another incident, by its name alone.
fn another(incident: &Incident, event: &Event, id: &IncidentId) -> Ruling {
    if *id == incident.id {
        return Err(illegal(event, format!("{id} is this incident itself")));
    }
    if id.is_system() {
        return Err(illegal(event, format!("{id} is no incident")));
    }
    Ok(())
}

fn merge(incident: &mut Incident, record: &Record, into: &IncidentId, reason: &str) -> Ruling {
    let event = &record.event;
    worded(event, "a reason", reason)?;
    another(incident, event, into)?;
    if incident.has_absorbed(into) {
        let text = format!("{into} was merged into this one: the chain would end in itself");
        return Err(illegal(event, text));
    }
    if busy(incident) {
        return Err(illegal(event, "an execution is under way"));
    }
    end_what_is_open(incident, &format!("the incident was merged into {into}"));
    incident.status = Status::Closed;
    incident.closed_as = None;
    incident.merged_into = Some(Merger {
        into: into.clone(),
        by: record.actor.clone(),
        at: record.at,
        reason: reason.to_owned(),
    });
    Ok(())
}

fn absorb(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    let Event::Absorbed {
        incident: other,
        findings,
        notes,
        reason,
    } = event
    else {
        return Ok(());
    };
    worded(event, "a reason", reason)?;
    another(incident, event, other)?;
    let known = incident.has_absorbed(other);
    if known && findings.is_empty() {
        return Err(illegal(event, format!("{other} was taken in already")));
    }
    if notes.len() > MAX_NAMED_NOTES {
        let text = format!("at most {MAX_NAMED_NOTES} notes are named");
        return Err(illegal(event, text));
    }
    if !known && incident.absorbed.len() >= MAX_TIES {
        let text = format!("an incident takes in at most {MAX_TIES} others");
        return Err(illegal(event, text));
    }
    let first = incident.findings.len();
    for finding in findings {
        if incident.holds(finding) {
            let (rule, tick) = (&finding.rule, finding.tick);
            let text = format!("the finding of {rule} at {tick} is held already");
            return Err(illegal(event, text));
        }
        attach(incident, event, finding)?;
    }
    let named = (first..incident.findings.len()).map(|index| incident.finding_id(index));
    let named: Vec<EvidenceId> = named.collect();
    let held = incident
        .absorbed
        .iter_mut()
        .find(|held| held.incident == *other);
    match held {
        Some(held) => {
            held.findings.extend(named);
            held.notes.extend(notes);
        }
        None => incident.absorbed.push(Absorption {
            incident: other.clone(),
            by: record.actor.clone(),
            at: record.at,
            reason: reason.clone(),
            findings: named,
            notes: notes.clone(),
        }),
    }
    Ok(())
}

fn split(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    let Event::SplitOff {
        findings,
        into,
        reason,
    } = event
    else {
        return Ok(());
    };
    worded(event, "a reason", reason)?;
    another(incident, event, into)?;
    let tied = incident.split_into.iter().any(|split| split.into == *into);
    if tied || incident.has_absorbed(into) {
        return Err(illegal(event, format!("{into} is tied to it already")));
    }
    if incident.split_into.len() >= MAX_TIES {
        let text = format!("at most {MAX_TIES} incidents are split off from one");
        return Err(illegal(event, text));
    }
    let taken = chosen(incident, findings).map_err(|reason| illegal(event, reason))?;
    let indices: BTreeSet<usize> = taken.iter().map(|(index, _)| *index).collect();
    let mut index = 0;
    incident.findings.retain(|_| {
        index += 1;
        !indices.contains(&(index - 1))
    });
    incident.split_into.push(Split {
        into: into.clone(),
        by: record.actor.clone(),
        at: record.at,
        reason: reason.clone(),
        findings: taken.into_iter().map(|(_, split)| split).collect(),
    });
    // Whoever looks into it looks at what is no longer so: it begins anew.
    incident.claim = None;
    if incident.status == Status::Investigating {
        incident.status = Status::Open;
    }
    if incident.report.is_some() {
        incident.doubt = Some(Doubt::Raised);
    }
    Ok(())
}

/// The findings of these names with where they stand, or why they can't be split off. The first
/// one stays: it gave the incident its subject, and so the last one is never split off.
pub(crate) fn chosen(
    incident: &Incident,
    ids: &[EvidenceId],
) -> Result<Vec<(usize, SplitFinding)>, String> {
    if ids.is_empty() {
        return Err("it names no finding".to_owned());
    }
    let mut taken: Vec<(usize, SplitFinding)> = Vec::new();
    for id in ids {
        let index = incident.finding_index(id);
        let found = index.and_then(|index| Some((index, incident.findings.get(index)?)));
        let Some((index, finding)) = found else {
            return Err(format!("there is no finding {id}"));
        };
        if index == 0 {
            return Err(format!(
                "{id} opened the incident and stays: split the others off"
            ));
        }
        if taken.iter().any(|(other, _)| *other == index) {
            return Err(format!("finding {id} twice"));
        }
        let finding = finding.clone();
        let id = id.clone();
        taken.push((index, SplitFinding { id, finding }));
    }
    Ok(taken)
}

fn void(incident: &mut Incident, record: &Record, reason: &str) -> Ruling {
    let event = &record.event;
    worded(event, "a reason", reason)?;
    let acted = |state: &ProposalState| state.started_at.is_some();
    if incident.proposals.iter().any(acted) {
        let text = "something was executed for it: it can't be undone by calling it a mistake; \
                    close it as a false alarm";
        return Err(illegal(event, text));
    }
    if let Some(held) = incident.absorbed.first() {
        let text = format!("{} was merged into it", held.incident);
        return Err(illegal(event, text));
    }
    end_what_is_open(incident, "the incident was voided");
    incident.status = Status::Voided;
    incident.closed_as = None;
    incident.mitigated_at = None;
    incident.resolved_at = None;
    incident.resolved_evidence = None;
    incident.voided = Some(Voiding {
        by: record.actor.clone(),
        at: record.at,
        reason: reason.to_owned(),
    });
    Ok(())
}

/// Nobody waits any more for what nobody will do.
fn end_what_is_open(incident: &mut Incident, why: &str) {
    incident.claim = None;
    incident.person_needed = None;
    for state in &mut incident.proposals {
        if state.stage.is_open() {
            state.stage = ProposalStage::Voided;
            state.note = Some(why.to_owned());
        }
    }
    for request in &mut incident.requests {
        if request.is_open() {
            request.refused = Some(why.to_owned());
        }
    }
}
