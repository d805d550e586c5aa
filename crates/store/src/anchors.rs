//! The anchor file: a line for every head, written after its record is durable, and held against
//! the journal by verification. It stays on this machine, whatever the journal lies in.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use model::anchor::{self, AnchorFault, AnchorLine};
use model::{Digest, IncidentId, StoredRecord, Timestamp, chain};

use crate::error::{Error, at};
use crate::verify::{IncidentCheck, Verification};

/// Bytes read from the file's end to find its last line: a line is far shorter.
const TAIL_BYTES: u64 = 64 * 1024;

/// What a line says of an incident's last record.
#[derive(Debug, Clone)]
pub struct Head {
    pub incident: IncidentId,
    pub seq: u64,
    pub digest: Digest,
    pub at: Timestamp,
}

/// The open file.
#[derive(Debug)]
pub struct AnchorFile {
    path: PathBuf,
    file: File,
    /// Where the next line begins.
    end: u64,
    previous: Digest,
    durable: bool,
}

impl AnchorFile {
    /// Opens or makes the file and cuts a torn last line; gives the last whole one.
    pub fn open(path: &Path, durable: bool) -> Result<(Self, Option<String>), Error> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(|error| at(path, "can't be opened", &error))?;
        let last = cut_torn(&mut file).map_err(|error| at(path, "can't be read", &error))?;
        let end = file
            .seek(SeekFrom::End(0))
            .map_err(|error| at(path, "can't be read", &error))?;
        let previous = match &last {
            Some(line) => Digest::of(line.as_bytes()),
            None => Digest::ZERO,
        };
        let opened = Self {
            path: path.to_owned(),
            file,
            end,
            previous,
            durable,
        };
        Ok((opened, last))
    }

    /// Appends a line for each head, and syncs the file. On an error none of them is there: the
    /// same heads may be tried again.
    pub fn append(&mut self, heads: &[Head]) -> Result<(), Error> {
        let mut previous = self.previous;
        let mut text = String::new();
        for head in heads {
            let line = line_of(head, previous)?;
            previous = Digest::of(line.as_bytes());
            text.push_str(&line);
            text.push('\n');
        }
        let written = self
            .file
            .seek(SeekFrom::Start(self.end))
            .and_then(|_| self.file.write_all(text.as_bytes()))
            .and_then(|()| {
                if self.durable {
                    self.file.sync_data()
                } else {
                    Ok(())
                }
            });
        if let Err(error) = written {
            // What was written of it is cut, so that the next try starts on a whole line.
            let _ = self.file.set_len(self.end);
            return Err(at(&self.path, "can't be written", &error));
        }
        self.end += text.len() as u64;
        self.previous = previous;
        Ok(())
    }
}

fn line_of(head: &Head, previous: Digest) -> Result<String, Error> {
    let line = AnchorLine {
        incident: head.incident.clone(),
        seq: head.seq,
        digest: head.digest,
        at: head.at,
        previous,
    };
    serde_json::to_string(&line)
        .map_err(|error| Error::Damaged(format!("{}:{}: {error}", head.incident, head.seq)))
}

/// Cuts what stands after the last newline; gives the last whole line.
fn cut_torn(file: &mut File) -> std::io::Result<Option<String>> {
    let length = file.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let Some(end) = tail.iter().rposition(|&byte| byte == b'\n') else {
        if from == 0 && length > 0 {
            file.set_len(0)?;
        }
        return Ok(None);
    };
    let whole = from + end as u64 + 1;
    if whole < length {
        file.set_len(whole)?;
    }
    let line = tail[..end]
        .rsplit(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    Ok(Some(String::from_utf8_lossy(line).into_owned()))
}

/// The whole file, read for verification.
#[derive(Debug)]
pub struct Anchors {
    lines: BTreeMap<IncidentId, Vec<AnchorLine>>,
    count: usize,
    fault: Option<AnchorFault>,
}

impl Anchors {
    /// A file that isn't there holds no line; one that can't be trusted holds none, and its fault.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                "not a text\n".to_owned()
            }
            Err(error) => return Err(at(path, "can't be read", &error)),
        };
        let (all, fault) = match anchor::read(&text) {
            Ok(lines) => (lines, None),
            Err(fault) => (Vec::new(), Some(fault)),
        };
        let count = all.len();
        let mut lines: BTreeMap<IncidentId, Vec<AnchorLine>> = BTreeMap::new();
        for line in all {
            lines.entry(line.incident.clone()).or_default().push(line);
        }
        Ok(Self {
            lines,
            count,
            fault,
        })
    }

    /// The journal's incidents and those that only an anchor names, by id.
    pub fn with(&self, mut journal: Vec<IncidentId>) -> Vec<IncidentId> {
        journal.extend(self.lines.keys().cloned());
        journal.sort();
        journal.dedup();
        journal
    }

    /// One incident's chain, and its anchors against it.
    pub fn check(&self, incident: IncidentId, stored: &[StoredRecord]) -> IncidentCheck {
        let lines = self.lines.get(&incident).map_or(&[][..], Vec::as_slice);
        let faults = lines
            .iter()
            .filter_map(|line| anchor::check(line, stored).err());
        let fault = if stored.is_empty() {
            None
        } else {
            chain::check(&incident, stored).err()
        };
        IncidentCheck {
            records: stored.len() as u64,
            fault,
            anchor_faults: faults.collect(),
            anchored_seq: lines.iter().map(|line| line.seq).max(),
            incident,
        }
    }

    pub fn verification(self, incidents: Vec<IncidentCheck>) -> Verification {
        Verification {
            incidents,
            anchor_file: self.fault,
            anchor_lines: self.count,
        }
    }
}
