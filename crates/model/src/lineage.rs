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
        severity_reason: format!("{}{reason}", split_prefix(&old.id)),
        finding: Box::new(first),
        split_from: Some(old.id.clone()),
        others: findings.collect(),
    })
}

/// The reason of a split, from what its opening says of the severity.
pub fn reason_of_split<'a>(old: &IncidentId, severity_reason: &'a str) -> &'a str {
    let reason = severity_reason.strip_prefix(&split_prefix(old));
    reason.unwrap_or(severity_reason)
}

fn split_prefix(old: &IncidentId) -> String {
    format!("split off from {old}: ")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::{Actor, Agent};
    use crate::digest::Digest;
    use crate::incident::fixtures::{finding, person};
    use crate::record::{ClosedAs, Record};
    use crate::severity::Severity;

    fn because() -> String {
        "because".to_owned()
    }

    fn id(name: &str) -> IncidentId {
        IncidentId::derive("error-rate", name, Timestamp(0))
    }

    fn open(service: &str) -> Incident {
        let record = Record {
            incident: id(service),
            seq: 1,
            at: Timestamp(0),
            actor: Actor::agent(Agent::Sentinel),
            previous: Digest::ZERO,
            event: Event::Opened {
                title: service.to_owned(),
                severity: Severity::High,
                severity_reason: String::new(),
                finding: Box::new(finding(service, Timestamp(0))),
                split_from: None,
                others: Vec::new(),
            },
        };
        Incident::open(&record).expect("legal")
    }

    fn add(incident: &mut Incident, event: Event) -> Result<(), String> {
        let record = Record {
            incident: incident.id.clone(),
            seq: incident.last_seq + 1,
            at: incident.updated_at.plus_ms(1),
            actor: person("ada"),
            previous: Digest::ZERO,
            event,
        };
        incident.apply(&record).map_err(|illegal| illegal.reason)
    }

    fn folds(all: &[&Incident]) -> Folds {
        let all = all.iter().map(|one| (one.id.clone(), (*one).clone()));
        all.collect()
    }

    fn claim(into: &mut Incident, merged: &Incident) {
        let event = absorption(into, merged, &[], "because").expect("something is missing");
        add(into, event).expect("legal");
    }

    /// Does what is left, and says so.
    fn finish(into: &Incident, merged: &mut Incident, around: &Folds) -> Rest {
        let rest = rest_of_merge(into, merged, around);
        if let Rest::Write(event) = &rest {
            add(merged, event.as_ref().clone()).expect("legal");
        }
        rest
    }

    #[test]
    fn a_merge_is_finished_once_and_takes_in_what_came_between() {
        let (mut into, mut merged) = (open("checkout"), open("cart"));
        assert_eq!(may_merge(&merged, &into, &Folds::new()), Ok(()));
        claim(&mut into, &merged);
        assert_eq!(absorption(&into, &merged, &[], "because"), None);
        let late = Event::FindingAttached {
            finding: Box::new(finding("mail", Timestamp(5))),
            relation: crate::finding::Relation::Same {},
            reason: String::new(),
        };
        add(&mut merged, late).expect("legal");
        let around = folds(&[&into, &merged]);
        assert!(matches!(
            finish(&into, &mut merged, &around),
            Rest::Write(_)
        ));
        claim(&mut into, &merged);
        assert_eq!(into.absorbed[0].findings, ["F2", "F3"]);
        let around = folds(&[&into, &merged]);
        assert_eq!(finish(&into, &mut merged, &around), Rest::Nothing);
        assert_eq!(absorption(&into, &merged, &[], "because"), None);
        assert_eq!(end_of(&merged.id, &around), Ok(into.id.clone()));
        let again = may_merge(&merged, &into, &around).expect_err("refused");
        assert!(again.contains("already"), "{again}");
        let other = open("mail");
        let wrong = may_merge(&other, &merged, &around).expect_err("refused");
        assert!(wrong.contains("goes on in"), "{wrong}");
    }

    #[test]
    fn nothing_is_merged_into_itself_or_into_what_is_over() {
        let (mut into, merged) = (open("checkout"), open("cart"));
        assert!(may_merge(&merged, &merged, &Folds::new()).is_err());
        let closed = Event::Closed {
            r#as: ClosedAs::FalseAlarm {},
            reason: because(),
        };
        claim(&mut into, &merged);
        add(&mut into, closed).expect("legal");
        let why = may_merge(&merged, &into, &Folds::new()).expect_err("refused");
        assert!(why.contains("reopen it first"), "{why}");
        // Begun before it was closed: nothing vanishes in a false alarm by itself.
        let rest = rest_of_merge(&into, &merged, &Folds::new());
        assert!(matches!(rest, Rest::Person(_)), "{rest:?}");
        let (mut voided, into) = (open("mail"), open("ads"));
        add(&mut voided, Event::Voided { reason: because() }).expect("legal");
        assert!(may_merge(&voided, &into, &Folds::new()).is_err());
        assert!(may_merge(&into, &voided, &Folds::new()).is_err());
    }

    /// Three people, each of whom merges one incident into the next, in any order of their reads
    /// and writes: no chain of merges ever ends in itself.
    #[test]
    fn no_circle_comes_of_merges_at_the_same_moment() {
        const RING: usize = 3;
        /// What one person does, in turn.
        const ASKED: u8 = 1;
        const CLAIMED: u8 = 2;
        const READ: u8 = 3;
        const DONE: u8 = 4;
        let nothing: [Option<Event>; RING] = [None, None, None];
        let mut front = vec![(["a", "b", "c"].map(open), [0_u8; RING], nothing)];
        let mut seen = BTreeSet::new();
        let (mut ended, mut merged) = (0, 0);
        while let Some((ring, done, left)) = front.pop() {
            let state = serde_json::to_string(&(&ring, done, &left)).expect("writable");
            if !seen.insert(state) {
                continue;
            }
            let around = folds(&[&ring[0], &ring[1], &ring[2]]);
            for one in &ring {
                end_of(&one.id, &around).expect("every chain ends");
            }
            if done == [DONE; RING] {
                ended += 1;
                let closed = ring.iter().filter(|one| one.merged_into.is_some());
                merged += closed.count();
            }
            for number in (0..RING).filter(|number| done[*number] < DONE) {
                let to = (number + 1) % RING;
                let (mut ring, mut done, mut left) = (ring.clone(), done, left.clone());
                match done[number] {
                    0 if may_merge(&ring[number], &ring[to], &around).is_err() => {
                        done[number] = DONE;
                    }
                    0 => done[number] = ASKED,
                    ASKED => {
                        let event = absorption(&ring[to], &ring[number], &[], "because");
                        let event = event.expect("nothing is taken in yet");
                        let claimed = add(&mut ring[to], event).is_ok();
                        done[number] = if claimed { CLAIMED } else { DONE };
                    }
                    CLAIMED => {
                        left[number] = match rest_of_merge(&ring[to], &ring[number], &around) {
                            Rest::Write(event) => Some(*event),
                            _ => None,
                        };
                        done[number] = READ;
                    }
                    _ => {
                        if let Some(event) = left[number].take() {
                            let _ = add(&mut ring[number], event);
                        }
                        done[number] = DONE;
                    }
                }
                front.push((ring, done, left));
            }
        }
        assert!(ended > 20 && merged > 20, "{ended} ends, {merged} merged");
    }

    #[test]
    fn a_split_has_one_name_and_one_end() {
        let mut old = open("checkout");
        for (service, tick) in [("cart", 5), ("mail", 6)] {
            let attached = Event::FindingAttached {
                finding: Box::new(finding(service, Timestamp(tick))),
                relation: crate::finding::Relation::Same {},
                reason: String::new(),
            };
            add(&mut old, attached).expect("legal");
        }
        let ids = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let name = split_id(&old, &ids(&["F2", "F3"])).expect("there");
        assert_eq!(split_id(&old, &ids(&["F3", "F2"])), Ok(name.clone()));
        assert_ne!(split_id(&old, &ids(&["F2"])), Ok(name.clone()));
        assert!(IncidentId::parse(name.as_str()).is_some());
        assert!(split_opening(&old, &ids(&["F1"]), "t", "why").is_err());
        let event = split_opening(&old, &ids(&["F3", "F2"]), "t", "why").expect("legal");
        if let Event::Opened {
            severity_reason, ..
        } = &event
        {
            assert_eq!(reason_of_split(&old.id, severity_reason), "why");
        }
        let new = Incident::open(&Record {
            incident: name.clone(),
            seq: 1,
            at: Timestamp(9),
            actor: person("ada"),
            previous: Digest::ZERO,
            event,
        })
        .expect("legal");
        assert_eq!(new.service, "cart", "in the old one's order");
        let Rest::Write(event) = rest_of_split(&new, &old, "why") else {
            panic!("something is left");
        };
        add(&mut old, *event).expect("legal");
        assert_eq!(old.findings.len(), 1);
        assert_eq!(rest_of_split(&new, &old, "why"), Rest::Nothing);
        assert_eq!(
            split_id(&old, &ids(&["F2", "F3"])),
            Ok(name),
            "also afterwards"
        );
        assert_eq!(rest_of_split(&open("ads"), &old, "why"), Rest::Nothing);
    }

    #[test]
    fn a_chain_that_bites_its_tail_is_named() {
        let (mut one, mut two) = (open("a"), open("b"));
        let into = |id: &IncidentId| Event::MergedInto {
            into: id.clone(),
            reason: because(),
        };
        add(&mut one, into(&two.id)).expect("one fold knows no better");
        add(&mut two, into(&one.id)).expect("one fold knows no better");
        assert!(end_of(&one.id, &folds(&[&one, &two])).is_err());
        assert_eq!(end_of(&one.id, &folds(&[&one])), Ok(two.id.clone()));
    }
}
