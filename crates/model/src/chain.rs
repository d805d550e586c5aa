//! The chain: stored bytes, their digests, and what verification finds.

use crate::digest::Digest;
use crate::identity::IncidentId;
use crate::incident::{Illegal, Incident};
use crate::record::Record;
use crate::system::System;

/// A record as it lies in the journal: the exact bytes, and their digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    pub incident: IncidentId,
    pub seq: u64,
    pub bytes: Vec<u8>,
    pub digest: Digest,
}

impl StoredRecord {
    /// The bytes that are stored, and their digest.
    pub fn new(record: &Record) -> Result<Self, serde_json::Error> {
        let bytes = serde_json::to_vec(record)?;
        Ok(Self {
            incident: record.incident.clone(),
            seq: record.seq,
            digest: Digest::of(&bytes),
            bytes,
        })
    }

    pub fn record(&self) -> Result<Record, serde_json::Error> {
        serde_json::from_slice(&self.bytes)
    }
}

/// What is wrong with a chain, and at which record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{incident}:{seq}: {reason}")]
pub struct ChainFault {
    pub incident: IncidentId,
    pub seq: u64,
    pub reason: String,
}

/// Walks one incident's records in stored order; gives the fold, or the first fault.
///
/// Finds a record that was edited (its bytes don't give its digest, or the next one's `previous`
/// differs), reordered, inserted or deleted, and one that the state machine refuses. A cut tail
/// leaves an intact chain: anchors find that (see [`crate::anchor`]).
pub fn verify(incident: &IncidentId, stored: &[StoredRecord]) -> Result<Incident, ChainFault> {
    let mut fold: Option<Incident> = None;
    walk(incident, stored, |record| match fold.as_mut() {
        None => Incident::open(record).map(|opened| fold = Some(opened)),
        Some(incident) => incident.apply(record),
    })?;
    fold.ok_or_else(|| ChainFault {
        incident: incident.clone(),
        seq: 1,
        reason: "no record at all".to_owned(),
    })
}

/// As [`verify`], of a month's system chain; an empty one is what it is before its first record.
pub fn verify_system(chain: &IncidentId, stored: &[StoredRecord]) -> Result<System, ChainFault> {
    let mut system = System::default();
    walk(chain, stored, |record| system.apply(record))?;
    Ok(system)
}

/// The first fault of a chain, whichever it is.
pub fn check(chain: &IncidentId, stored: &[StoredRecord]) -> Result<(), ChainFault> {
    match chain.is_system() {
        true => verify_system(chain, stored).map(drop),
        false => verify(chain, stored).map(drop),
    }
}

fn walk(
    chain: &IncidentId,
    stored: &[StoredRecord],
    mut apply: impl FnMut(&Record) -> Result<(), Illegal>,
) -> Result<(), ChainFault> {
    let mut previous = Digest::ZERO;
    for (index, line) in stored.iter().enumerate() {
        let record = next(chain, index as u64 + 1, previous, line)?;
        previous = line.digest;
        apply(&record).map_err(|Illegal { event, reason }| ChainFault {
            incident: chain.clone(),
            seq: line.seq,
            reason: format!("{event}: {reason}"),
        })?;
    }
    Ok(())
}

/// The record that a stored line is, where it is the one with this seq and follows `previous`.
pub fn next(
    chain: &IncidentId,
    seq: u64,
    previous: Digest,
    line: &StoredRecord,
) -> Result<Record, ChainFault> {
    let fault = |seq: u64, reason: String| ChainFault {
        incident: chain.clone(),
        seq,
        reason,
    };
    if line.seq != seq {
        let reason = format!("missing: the next record has seq {}", line.seq);
        return Err(fault(seq, reason));
    }
    if Digest::of(&line.bytes) != line.digest {
        let reason = "its bytes don't give its digest: edited".to_owned();
        return Err(fault(seq, reason));
    }
    let record = line
        .record()
        .map_err(|error| fault(seq, format!("can't be read: {error}")))?;
    if record.incident != *chain || line.incident != *chain || record.seq != line.seq {
        let reason = "it names another incident or seq".to_owned();
        return Err(fault(seq, reason));
    }
    if record.previous != previous {
        let reason =
            "it doesn't follow the record before it: edited, inserted or reordered".to_owned();
        return Err(fault(seq, reason));
    }
    Ok(record)
}
