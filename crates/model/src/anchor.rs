//! Anchors: the heads of incidents, in an append-only chained file outside the database.
//!
//! A line names incident, last seq and digest, and holds the digest of the line before, so that
//! the file can't be edited unseen either, and a journal whose tail was cut disagrees with it.

pub mod outside;

use serde::{Deserialize, Serialize};

use crate::chain::StoredRecord;
use crate::digest::Digest;
use crate::identity::IncidentId;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorLine {
    pub incident: IncidentId,
    pub seq: u64,
    pub digest: Digest,
    pub at: Timestamp,
    /// The digest of the line before, as text without its newline; zeros before the first.
    pub previous: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnchorFault {
    #[error("anchor line {line}: {reason}")]
    File { line: usize, reason: String },
    #[error("{incident}:{seq}: anchored, but {reason}")]
    Journal {
        incident: IncidentId,
        seq: u64,
        reason: String,
    },
}

/// Reads the whole file. A last line without newline is a torn write and is left out.
pub fn read(text: &str) -> Result<Vec<AnchorLine>, AnchorFault> {
    let whole = match text.rfind('\n') {
        Some(end) => &text[..end],
        None => return Ok(Vec::new()),
    };
    let mut previous = Digest::ZERO;
    let mut lines = Vec::new();
    for (index, line) in whole.split('\n').enumerate() {
        let number = index + 1;
        let anchor: AnchorLine = serde_json::from_str(line).map_err(|error| AnchorFault::File {
            line: number,
            reason: format!("can't be read: {error}"),
        })?;
        if anchor.previous != previous {
            return Err(AnchorFault::File {
                line: number,
                reason: "it doesn't follow the line before it".to_owned(),
            });
        }
        previous = Digest::of(line.as_bytes());
        lines.push(anchor);
    }
    Ok(lines)
}

/// The digest that the next line's `previous` must hold.
pub fn head(text: &str) -> Digest {
    text.trim_end_matches('\n')
        .rsplit('\n')
        .next()
        .filter(|line| !line.is_empty())
        .map_or(Digest::ZERO, |line| Digest::of(line.as_bytes()))
}

/// Holds one incident's stored records against one anchor line.
pub fn check(anchor: &AnchorLine, stored: &[StoredRecord]) -> Result<(), AnchorFault> {
    let fault = |reason: &str| AnchorFault::Journal {
        incident: anchor.incident.clone(),
        seq: anchor.seq,
        reason: reason.to_owned(),
    };
    match stored.iter().find(|line| line.seq == anchor.seq) {
        None => Err(fault("the journal has no such record: its tail was cut")),
        Some(line) if line.digest != anchor.digest => Err(fault("the journal's record is another")),
        Some(_) => Ok(()),
    }
}
