//! Merging and splitting: two records in two chains, in an order that survives a crash between
//! them.
//!
//! The first is the claim, on the incident that stays or is new, and names the other; the second,
//! on the other, follows from both. [`Finisher`] writes what was begun and not finished, in the
//! name of the person who began it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use model::incident::{MAX_NAMED_NOTES, MAX_TIES, Status};
use model::lineage::{self, Folds, Rest};
use model::{Actor, Digest, Event, Incident, IncidentId, Record};

use crate::case::Casework;
use crate::driver::Stage;
use crate::error::Error;

/// How often a merge is gone through until nothing comes in between any more.
const MAX_ROUNDS: usize = 8;
/// Incidents that hang together by merges, at most: beyond it a circle might not be seen.
const MAX_AROUND: usize = 500;
/// Merges and splits that a process remembers as finished; then it looks at them anew.
const MAX_REMEMBERED: usize = 10_000;

impl Casework {
    /// Merges `merged` into `into`, and gives the one that stays. Asked for twice, it is done once.
    pub async fn merge(
        &self,
        actor: Actor,
        merged: &IncidentId,
        into: &IncidentId,
        reason: &str,
    ) -> Result<Incident, Error> {
        let (one, other) = (self.incident(merged).await?, self.incident(into).await?);
        let is_done = one
            .merged_into
            .as_ref()
            .is_some_and(|merger| merger.into == *into);
        if !is_done {
            let folds = self.around(&one).await?;
            lineage::may_merge(&one, &other, &folds).map_err(|why| refused("merged_into", why))?;
            self.claim(&actor, into, &one, reason).await?;
        }
        match self.finish_merge(into, merged).await? {
            Rest::Later(why) | Rest::Person(why) => Err(refused("merged_into", why)),
            Rest::Nothing | Rest::Write(_) => self.incident(into).await,
        }
    }

    /// Takes in what `merged` holds and `into` doesn't yet.
    async fn claim(
        &self,
        actor: &Actor,
        into: &IncidentId,
        merged: &Incident,
        reason: &str,
    ) -> Result<(), Error> {
        let notes = self.notes(&merged.id).await?;
        self.record_when(into, actor.clone(), |into| {
            lineage::absorption(into, merged, &notes, reason)
        })
        .await?;
        Ok(())
    }

    /// Writes what is left of a merge that was claimed, with what the merged one got in between.
    /// [`Rest::Nothing`]: both sides say it.
    pub async fn finish_merge(
        &self,
        into: &IncidentId,
        merged: &IncidentId,
    ) -> Result<Rest, Error> {
        for _ in 0..MAX_ROUNDS {
            // All of it is read after the claim was written: of people who close a circle by
            // merging at the same moment, whoever claims last sees it.
            let one = self.incident(merged).await?;
            let folds = self.around(&one).await?;
            let other = self.incident(into).await?;
            let claim = other.absorbed.iter().find(|held| held.incident == *merged);
            let Some(claim) = claim.cloned() else {
                return Ok(Rest::Nothing);
            };
            match lineage::rest_of_merge(&other, &one, &folds) {
                Rest::Write(event) => {
                    // Judged by the state machine as it is then; refused, it is looked at again.
                    let written = self.record(merged, claim.by.clone(), *event).await;
                    match written {
                        Ok(_) | Err(Error::Illegal(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
                Rest::Nothing => {
                    // Nothing is attached to it any more: what came until then is taken in.
                    let open = !other.status.is_over();
                    if open && lineage::absorption(&other, &one, &[], &claim.reason).is_some() {
                        self.claim(&claim.by, into, &one, &claim.reason).await?;
                    }
                    return Ok(Rest::Nothing);
                }
                rest => return Ok(rest),
            }
        }
        Ok(Rest::Later(format!(
            "others write to {merged} all the time"
        )))
    }

    /// Splits these findings of `old` off into an incident of their own, and gives it. Asked for
    /// twice, it is done once.
    pub async fn split(
        &self,
        actor: Actor,
        old: &IncidentId,
        findings: &[String],
        title: &str,
        reason: &str,
    ) -> Result<Incident, Error> {
        let from = self.incident(old).await?;
        let refused = |why: String| refused("split_off", why);
        let id = lineage::split_id(&from, findings).map_err(refused)?;
        if from.split_into.iter().any(|split| split.into == id) {
            return self.incident(&id).await;
        }
        if from.merged_into.is_some() || from.status == Status::Voided {
            let status = from.status.name();
            return Err(refused(format!("{old} is {status}: nothing is split off")));
        }
        if from.split_into.len() >= MAX_TIES {
            let text = format!("at most {MAX_TIES} incidents are split off from one");
            return Err(refused(text));
        }
        let event = lineage::split_opening(&from, findings, title, reason).map_err(refused)?;
        let record = Record {
            incident: id.clone(),
            seq: 1,
            at: self.clock().now().max(from.updated_at),
            actor,
            previous: Digest::ZERO,
            event,
        };
        match self.create(record).await {
            // Begun before: it is finished now.
            Ok(_) | Err(Error::Store(store::Error::Conflict(_))) => {}
            Err(error) => return Err(error),
        }
        match self.finish_split(&id).await? {
            Rest::Later(why) | Rest::Person(why) => Err(refused(why)),
            Rest::Nothing | Rest::Write(_) => self.incident(&id).await,
        }
    }

    /// Writes what is left of the split that this incident was opened by.
    pub async fn finish_split(&self, new: &IncidentId) -> Result<Rest, Error> {
        let fold = self.incident(new).await?;
        let Some(old) = fold.split_from.clone() else {
            return Ok(Rest::Nothing);
        };
        let (actor, opened) = self.opening(new).await?;
        let reason = lineage::reason_of_split(&old, &opened);
        for _ in 0..MAX_ROUNDS {
            let from = self.incident(&old).await?;
            match lineage::rest_of_split(&fold, &from, reason) {
                Rest::Write(event) => match self.record(&old, actor.clone(), *event).await {
                    Ok(_) => return Ok(Rest::Nothing),
                    Err(Error::Illegal(_)) => continue,
                    Err(error) => return Err(error),
                },
                rest => return Ok(rest),
            }
        }
        Ok(Rest::Later(format!("others write to {old} all the time")))
    }

    /// Who opened it, and in which words.
    async fn opening(&self, id: &IncidentId) -> Result<(Actor, String), Error> {
        let records = self.read(id).await?;
        match records.into_iter().next() {
            Some(Record {
                actor,
                event: Event::Opened {
                    severity_reason, ..
                },
                ..
            }) => Ok((actor, severity_reason)),
            _ => Err(Error::NoIncident(id.to_string())),
        }
    }

    /// The `seq`s of its latest notes.
    async fn notes(&self, id: &IncidentId) -> Result<Vec<u64>, Error> {
        let records = self.read(id).await?;
        let notes = records.iter().rev();
        let notes = notes.filter(|record| matches!(record.event, Event::NoteAdded { .. }));
        let mut notes: Vec<u64> = notes
            .map(|record| record.seq)
            .take(MAX_NAMED_NOTES)
            .collect();
        notes.reverse();
        Ok(notes)
    }

    async fn read(&self, id: &IncidentId) -> Result<Vec<Record>, Error> {
        let stored = self.journal().records(id).await?;
        stored
            .iter()
            .map(|line| line.record())
            .collect::<Result<_, _>>()
            .map_err(|error| Error::Damaged(format!("{id}: {error}")))
    }

    /// The incidents that this one took in, and those that they took in, and so on: by these a
    /// circle of merges is seen.
    async fn around(&self, incident: &Incident) -> Result<Folds, Error> {
        let mut folds = Folds::new();
        let mut next: Vec<IncidentId> = absorbed(incident);
        while let Some(id) = next.pop() {
            if folds.contains_key(&id) {
                continue;
            }
            if folds.len() >= MAX_AROUND {
                let text = format!(
                    "over {MAX_AROUND} incidents were merged into {}",
                    incident.id
                );
                return Err(refused("merged_into", text));
            }
            if let Some(head) = self.head(&id).await? {
                next.extend(absorbed(&head.incident));
                folds.insert(id, head.incident);
            }
        }
        Ok(folds)
    }
}

fn absorbed(incident: &Incident) -> Vec<IncidentId> {
    let held = incident.absorbed.iter();
    held.map(|held| held.incident.clone()).collect()
}

fn refused(event: &'static str, reason: String) -> Error {
    Error::Illegal(model::Illegal { event, reason })
}

/// Finishes merges and splits that a process began and didn't end. It decides nothing: what is
/// written is what a person said, in that person's name.
pub struct Finisher {
    casework: Casework,
    memory: Mutex<Memory>,
}

/// The incident that stays or is new, and the other.
type Pair = (IncidentId, IncidentId);

#[derive(Default)]
struct Memory {
    finished: BTreeSet<Pair>,
    /// What waits for a person, of which the log has a line.
    told: BTreeSet<Pair>,
}

impl Finisher {
    pub fn new(casework: Casework) -> Self {
        Self {
            casework,
            memory: Mutex::default(),
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_finished(&self, pair: &Pair) -> bool {
        self.memory().finished.contains(pair)
    }

    fn heed(&self, pair: Pair, rest: Rest) {
        match rest {
            Rest::Nothing | Rest::Write(_) => remember(&mut self.memory().finished, pair),
            Rest::Later(why) => tracing::debug!(incident = %pair.0, why, "not finished yet"),
            Rest::Person(why) => {
                let mut memory = self.memory();
                if !memory.told.contains(&pair) {
                    tracing::warn!(incident = %pair.0, why, "a merge or split waits for a person");
                    remember(&mut memory.told, pair);
                }
            }
        }
    }
}

fn remember(pairs: &mut BTreeSet<Pair>, pair: Pair) {
    if pairs.len() >= MAX_REMEMBERED {
        pairs.clear();
    }
    pairs.insert(pair);
}

#[async_trait]
impl Stage for Finisher {
    fn name(&self) -> &'static str {
        "finisher"
    }

    async fn look(&self, incident: Incident) -> Result<(), Error> {
        for other in absorbed(&incident) {
            let pair = (incident.id.clone(), other);
            if !self.is_finished(&pair) {
                let rest = self.casework.finish_merge(&pair.0, &pair.1).await?;
                self.heed(pair, rest);
            }
        }
        if let Some(old) = &incident.split_from {
            let pair = (incident.id.clone(), old.clone());
            if !self.is_finished(&pair) {
                let rest = self.casework.finish_split(&incident.id).await?;
                self.heed(pair, rest);
            }
        }
        Ok(())
    }

    fn follows_up(&self) -> bool {
        true
    }
}
