//! `audit verify`: every chain, and every anchor against it. Also beside a process that writes.

use model::anchor::{self, AnchorFault, AnchorLine};
use model::{ChainFault, IncidentId, chain};
use std::collections::BTreeMap;

use super::Embedded;
use super::folder::at;
use super::journal::{incidents, records};
use crate::error::Error;

/// What verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verification {
    /// By id; incidents that only an anchor names too.
    pub incidents: Vec<IncidentCheck>,
    /// The anchor file itself can't be trusted: its first fault. No anchor is held against the
    /// journal then.
    pub anchor_file: Option<AnchorFault>,
    pub anchor_lines: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentCheck {
    pub incident: IncidentId,
    pub records: u64,
    /// The chain's first fault.
    pub fault: Option<ChainFault>,
    /// Anchors that the journal contradicts, such as one beyond a tail that was cut.
    pub anchor_faults: Vec<AnchorFault>,
    /// The last record that an anchor names; records after it, or all of them where there is
    /// none, could be cut unseen.
    pub anchored_seq: Option<u64>,
}

impl IncidentCheck {
    pub fn is_intact(&self) -> bool {
        self.fault.is_none() && self.anchor_faults.is_empty()
    }

    /// Whether the anchors cover its head.
    pub fn is_covered(&self) -> bool {
        self.anchored_seq.is_some_and(|seq| seq >= self.records)
    }
}

impl Verification {
    /// No fault anywhere. Incidents that no anchor covers are no fault, and must be said.
    pub fn is_intact(&self) -> bool {
        self.anchor_file.is_none() && self.incidents.iter().all(IncidentCheck::is_intact)
    }

    pub fn uncovered(&self) -> impl Iterator<Item = &IncidentCheck> {
        self.incidents.iter().filter(|check| !check.is_covered())
    }
}

impl Embedded {
    /// Walks all chains and anchors.
    ///
    /// # Errors
    /// Only where journal or anchors can't be read at all; faults are in the answer.
    pub async fn verify(&self) -> Result<Verification, Error> {
        let path = self.inner.engine.folder.anchors();
        self.inner
            .database
            .call(move |connection| {
                // The anchors first: what comes meanwhile is in the journal before its anchor.
                let text = match std::fs::read_to_string(&path) {
                    Ok(text) => text,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
                    Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                        "not a text\n".to_owned()
                    }
                    Err(error) => return Err(at(&path, "can't be read", &error)),
                };
                let transaction = connection.transaction()?;
                check(&transaction, &text)
            })
            .await
    }
}

fn check(connection: &rusqlite::Connection, text: &str) -> Result<Verification, Error> {
    let (lines, anchor_file) = match anchor::read(text) {
        Ok(lines) => (lines, None),
        Err(fault) => (Vec::new(), Some(fault)),
    };
    let mut anchors: BTreeMap<IncidentId, Vec<&AnchorLine>> = BTreeMap::new();
    for line in &lines {
        anchors.entry(line.incident.clone()).or_default().push(line);
    }
    let mut ids = incidents(connection)?;
    ids.extend(anchors.keys().cloned());
    ids.sort();
    ids.dedup();
    let checks = ids
        .into_iter()
        .map(|incident| {
            let stored = records(connection, &incident)?;
            let lines = anchors.get(&incident).map_or(&[][..], Vec::as_slice);
            let faults = lines
                .iter()
                .filter_map(|line| anchor::check(line, &stored).err());
            let fault = if stored.is_empty() {
                None
            } else {
                chain::verify(&incident, &stored).err()
            };
            Ok(IncidentCheck {
                records: stored.len() as u64,
                fault,
                anchor_faults: faults.collect(),
                anchored_seq: lines.iter().map(|line| line.seq).max(),
                incident,
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(Verification {
        incidents: checks,
        anchor_file,
        anchor_lines: lines.len(),
    })
}
