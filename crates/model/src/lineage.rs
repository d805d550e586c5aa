//! Merges and splits over several incidents: what one fold alone can't know.
//!
//! All are pure functions of folds. Whoever writes asks them before each of the two records, and
//! the sweep that finishes what was begun asks them again.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::evidence::EvidenceId;
use crate::finding::Finding;
use crate::identity::IncidentId;
use crate::incident::ties::{MAX_TIES, chosen};
use crate::incident::{Incident, Status};
use crate::record::Event;
use crate::time::Timestamp;

/// Incidents that one chain of merges and duplicates is followed through.
pub const MAX_CHAIN: usize = 100;
/// Incidents that are looked through for a circle of claims.
const MAX_LOOKED_THROUGH: usize = MAX_CHAIN * MAX_TIES;

/// Folds by id, as far as they were read.
pub type Folds = BTreeMap<IncidentId, Incident>;

/// What is left to be done of a merge or a split that was begun.
#[derive(Debug, Clone, PartialEq)]
pub enum Rest {
    /// Both sides say it, and say the same.
    Nothing,
    /// This record on the other incident.
    Write(Box<Event>),
    /// The same, but not yet: why.
    Later(String),
    /// Not by itself: why, in words for a person.
    Person(String),
}

/// Where a story goes on at last: through merges and duplicates to an incident that is neither.
/// The error names the incident at which the chain bites its tail, is too long or breaks off.
pub fn end_of(start: &IncidentId, folds: &Folds) -> Result<IncidentId, String> {
    let mut seen = BTreeSet::new();
    let mut here = start;
    while let Some(next) = folds.get(here).and_then(Incident::goes_on_in) {
        if !seen.insert(here) || seen.len() > MAX_CHAIN {
            return Err(format!("from {start} the chain never ends, seen at {here}"));
        }
        here = next;
    }
    Ok(here.clone())
}

/// Why `merged` can't be merged into `into`, as far as both and the incidents around them tell.
pub fn may_merge(merged: &Incident, into: &Incident, folds: &Folds) -> Result<(), String> {
    let (one, other) = (&merged.id, &into.id);
    if one == other {
        return Err(format!("{one} can't be merged into itself"));
    }
    if merged.voided.is_some() {
        return Err(format!("{one} is voided: there is nothing to merge"));
    }
    if let Some(merger) = &merged.merged_into {
        return Err(format!("{one} was merged into {} already", merger.into));
    }
    if let Some(further) = into.goes_on_in() {
        return Err(format!(
            "the story of {other} goes on in {further}: merge into that"
        ));
    }
    if into.status.is_over() {
        let status = into.status.name();
        return Err(format!("{other} is {status}: reopen it first"));
    }
    if merged.is_executing() {
        return Err(format!("an execution is under way on {one}"));
    }
    if is_within(other, merged, folds) {
        return Err(format!(
            "{other} was merged into {one}, or is about to be: the chain would end in itself"
        ));
    }
    Ok(())
}

/// Whether `wanted` is among what `incident` took in, and what that took in, and so on: by claims
/// alone, whether or not the other side has been written.
fn is_within(wanted: &IncidentId, incident: &Incident, folds: &Folds) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = vec![incident];
    while let Some(here) = next.pop() {
        for held in &here.absorbed {
            if held.incident == *wanted {
                return true;
            }
            if seen.len() < MAX_LOOKED_THROUGH && seen.insert(&held.incident) {
                next.extend(folds.get(&held.incident));
            }
        }
    }
    false
}

/// The claim of `into` on `merged`, or on what it has got since the claim; `None`: all is taken in.
/// `notes` are the `seq`s of the merged one's notes.
pub fn absorption(
    into: &Incident,
    merged: &Incident,
    notes: &[u64],
    reason: &str,
) -> Option<Event> {
    let missing = missing(into, merged);
    let held = into.absorbed.iter().find(|held| held.incident == merged.id);
    if held.is_some() && missing.is_empty() {
        return None;
    }
    let named = held.map_or(&[][..], |held| held.notes.as_slice());
    Some(Event::Absorbed {
        incident: merged.id.clone(),
        findings: missing,
        notes: notes
            .iter()
            .copied()
            .filter(|seq| !named.contains(seq))
            .collect(),
        reason: reason.to_owned(),
    })
}

/// Findings of `merged` that `into` doesn't hold and never gave away, each once.
fn missing(into: &Incident, merged: &Incident) -> Vec<Finding> {
    let mut missing: Vec<Finding> = Vec::new();
    for finding in &merged.findings {
        let known = into.holds(finding) || missing.iter().any(|other| other.is_same(finding));
        if !known {
            missing.push(finding.clone());
        }
    }
    missing
}

/// What is left of the merge that `into` claims: the record on `merged`.
pub fn rest_of_merge(into: &Incident, merged: &Incident, folds: &Folds) -> Rest {
    let Some(claim) = into.absorbed.iter().find(|held| held.incident == merged.id) else {
        return Rest::Nothing;
    };
    match &merged.merged_into {
        Some(merger) if merger.into == into.id => return Rest::Nothing,
        Some(merger) => {
            let (id, elsewhere) = (&merged.id, &merger.into);
            return Rest::Person(format!("{id} was merged into {elsewhere} meanwhile"));
        }
        None => {}
    }
    // The one that stays may itself have been merged since: the chain leads on. Else it must be
    // there to go on in.
    let gone =
        into.status.is_over() && into.status != Status::Resolved && into.merged_into.is_none();
    if gone || merged.voided.is_some() {
        let (id, status) = match gone {
            true => (&into.id, into.status.name()),
            false => (&merged.id, merged.status.name()),
        };
        return Rest::Person(format!("{id} is {status} since the merge was begun"));
    }
    if merged.is_executing() {
        return Rest::Later(format!("an execution is under way on {}", merged.id));
    }
    if is_within(&into.id, merged, folds) {
        let (one, other) = (&merged.id, &into.id);
        return Rest::Person(format!(
            "{one} and {other} were merged into each other at the same moment: close one as a \
             duplicate of the other"
        ));
    }
    Rest::Write(Box::new(Event::MergedInto {
        into: into.id.clone(),
        reason: claim.reason.clone(),
    }))
}

/// The name of the incident that these findings of `old` become: the same for the same findings,
/// so that a split that was begun twice is one. Also where they were split off already.
pub fn split_id(old: &Incident, ids: &[EvidenceId]) -> Result<IncidentId, String> {
    let mut first: Option<Timestamp> = None;
    for id in ids {
        let finding = old.finding(id).ok_or(format!("there is no finding {id}"))?;
        first = Some(first.map_or(finding.tick, |first| first.min(finding.tick)));
    }
    let tick = first.ok_or("it names no finding")?;
    let names: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let mut pieces: Vec<&[u8]> = vec![b"split", old.id.as_str().as_bytes()];
    pieces.extend(names.iter().map(|name| name.as_bytes()));
    Ok(IncidentId::of_month(tick, Digest::of_pieces(&pieces)))
}

/// The first record of the incident that these findings of `old` become.
pub fn split_opening(
    old: &Incident,
    ids: &[EvidenceId],
    title: &str,
    reason: &str,
) -> Result<Event, String> {
    let mut taken = chosen(old, ids)?;
    taken.sort_by_key(|(index, _)| *index);
    let mut findings = taken.into_iter().map(|(_, one)| one.finding);
    let first = findings.next().ok_or("it names no finding")?;
    Ok(Event::Opened {
        title: title.to_owned(),
        severity: old.severity,
        severity_reason: format!("split off from {}: {reason}", old.id),
        finding: Box::new(first),
        split_from: Some(old.id.clone()),
        others: findings.collect(),
    })
}

/// What is left of the split that `new` was opened by: the record on `old`. `reason` is that of the
/// split.
pub fn rest_of_split(new: &Incident, old: &Incident, reason: &str) -> Rest {
    let is_theirs = new.split_from.as_ref() == Some(&old.id);
    if !is_theirs || old.split_into.iter().any(|split| split.into == new.id) {
        return Rest::Nothing;
    }
    if old.merged_into.is_some() || old.voided.is_some() {
        let (id, status) = (&old.id, old.status.name());
        return Rest::Person(format!("{id} is {status} since the split was begun"));
    }
    let theirs = old.findings.iter().enumerate().skip(1);
    let theirs = theirs.filter(|(_, finding)| new.holds(finding));
    let findings: Vec<EvidenceId> = theirs.map(|(index, _)| old.finding_id(index)).collect();
    if findings.is_empty() {
        let (one, other) = (&old.id, &new.id);
        return Rest::Person(format!(
            "{one} holds no finding that {other} was opened with"
        ));
    }
    Rest::Write(Box::new(Event::SplitOff {
        findings,
        into: new.id.clone(),
        reason: reason.to_owned(),
    }))
}
