//! The chain: stored bytes, their digests, and what verification finds.

use crate::digest::Digest;
use crate::identity::IncidentId;
use crate::incident::{Illegal, Incident};
use crate::record::Record;

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
    let fault = |seq: u64, reason: String| ChainFault {
        incident: incident.clone(),
        seq,
        reason,
    };
    let mut previous = Digest::ZERO;
    let mut fold: Option<Incident> = None;
    for (index, line) in stored.iter().enumerate() {
        let expected = index as u64 + 1;
        if line.seq != expected {
            return Err(fault(
                expected,
                format!("missing: the next record has seq {}", line.seq),
            ));
        }
        if Digest::of(&line.bytes) != line.digest {
            return Err(fault(
                line.seq,
                "its bytes don't give its digest: edited".to_owned(),
            ));
        }
        let record = line
            .record()
            .map_err(|error| fault(line.seq, format!("can't be read: {error}")))?;
        if record.incident != *incident || line.incident != *incident || record.seq != line.seq {
            return Err(fault(
                line.seq,
                "it names another incident or seq".to_owned(),
            ));
        }
        if record.previous != previous {
            return Err(fault(
                line.seq,
                "it doesn't follow the record before it: edited, inserted or reordered".to_owned(),
            ));
        }
        previous = line.digest;
        let step = match fold.as_mut() {
            None => Incident::open(&record).map(|opened| fold = Some(opened)),
            Some(incident) => incident.apply(&record),
        };
        step.map_err(|Illegal { event, reason }| fault(line.seq, format!("{event}: {reason}")))?;
    }
    fold.ok_or_else(|| fault(1, "no record at all".to_owned()))
}
