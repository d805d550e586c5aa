//! The log: what was acknowledged and is in no segment yet.
//!
//! Files are numbered generations, `00000000000000000007.log`. A record is a magic word, the
//! payload's length, a CRC-32 of length and payload, and the payload: one batch of documents,
//! whole or not at all. A group of batches is written at once and synced once.

use std::fs::{File, OpenOptions};
use std::io::{Cursor, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

use super::folder::{Folder, set_aside, sync_folder, write_whole};
use crate::error::{Error, at};

const MAGIC: [u8; 4] = *b"DPL1";

/// Magic, length, checksum.
const HEAD: usize = 12;

/// A length beyond this is not a record's.
const MAX_RECORD: usize = 1 << 30;

/// The rows of one index in a batch.
#[derive(Debug, Clone)]
pub struct Rows {
    pub index: String,
    /// Ids among the rows that replace a document stored before.
    pub replaces: Vec<String>,
    pub batch: RecordBatch,
}

#[derive(Serialize, Deserialize)]
struct RowsHead {
    index: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    replaces: Vec<String>,
}

/// Appends one record to `out`.
pub fn encode(batch: &[Rows], out: &mut Vec<u8>) -> Result<(), Error> {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    put_length(out, batch.len());
    for rows in batch {
        let head = RowsHead {
            index: rows.index.clone(),
            replaces: rows.replaces.clone(),
        };
        let head = serde_json::to_vec(&head).map_err(|error| unwritable(&error))?;
        put_length(out, head.len());
        out.extend_from_slice(&head);
        let place = out.len();
        put_length(out, 0);
        let written = StreamWriter::try_new(&mut *out, &rows.batch.schema()).and_then(|mut ipc| {
            ipc.write(&rows.batch)?;
            ipc.finish()
        });
        written.map_err(|error| unwritable(&error))?;
        let length = (out.len() - place - 4) as u32;
        out[place..place + 4].copy_from_slice(&length.to_le_bytes());
    }
    let length = out.len() - start - HEAD;
    if length > MAX_RECORD {
        out.truncate(start);
        return Err(Error::Refused(format!(
            "a batch of {length} bytes is over the limit of {MAX_RECORD}; send smaller ones"
        )));
    }
    out[start..start + 4].copy_from_slice(&MAGIC);
    out[start + 4..start + 8].copy_from_slice(&(length as u32).to_le_bytes());
    let sum = checksum(&out[start + 4..start + 8], &out[start + HEAD..]);
    out[start + 8..start + HEAD].copy_from_slice(&sum.to_le_bytes());
    Ok(())
}

fn unwritable(error: &dyn std::fmt::Display) -> Error {
    Error::Unavailable(format!("a batch can't be put into the log: {error}"))
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&(length as u32).to_le_bytes());
}

fn checksum(length: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(length);
    hasher.update(payload);
    hasher.finalize()
}

/// The record at `from`, where it is whole: its payload and where the next one begins.
fn record(bytes: &[u8], from: usize) -> Option<(&[u8], usize)> {
    let head = bytes.get(from..from + HEAD)?;
    if head[..4] != MAGIC {
        return None;
    }
    let length = u32::from_le_bytes(head[4..8].try_into().ok()?) as usize;
    let payload = bytes.get(from + HEAD..from.checked_add(HEAD + length)?)?;
    let sum = u32::from_le_bytes(head[8..HEAD].try_into().ok()?);
    (checksum(&head[4..8], payload) == sum).then_some((payload, from + HEAD + length))
}

fn decode(payload: &[u8]) -> Option<Vec<Rows>> {
    let mut at: usize = 0;
    let mut take = |count: usize| -> Option<&[u8]> {
        let piece = payload.get(at..at.checked_add(count)?)?;
        at += count;
        Some(piece)
    };
    let length = |piece: &[u8]| {
        piece
            .try_into()
            .ok()
            .map(|four| u32::from_le_bytes(four) as usize)
    };
    let count = length(take(4)?)?;
    let mut batch = Vec::new();
    for _ in 0..count {
        let size = length(take(4)?)?;
        let head: RowsHead = serde_json::from_slice(take(size)?).ok()?;
        let size = length(take(4)?)?;
        let mut ipc = StreamReader::try_new(Cursor::new(take(size)?), None).ok()?;
        batch.push(Rows {
            index: head.index,
            replaces: head.replaces,
            batch: ipc.next()?.ok()?,
        });
    }
    Some(batch)
}

/// The file that is written to.
#[derive(Debug)]
pub struct Log {
    folder: PathBuf,
    generation: u64,
    path: PathBuf,
    file: File,
    /// Where the last whole group ends.
    end: u64,
    durable: bool,
    /// Bytes that all files together may have: for tests of a full disk, and a bound on replay.
    quota: u64,
}

impl Log {
    /// Starts a new generation.
    pub fn start(folder: &Path, generation: u64, durable: bool, quota: u64) -> Result<Self, Error> {
        let path = folder.join(file_name(generation));
        let file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(&path)
            .map_err(|error| at(&path, "can't be made", &error))?;
        if durable {
            sync_folder(folder)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            generation,
            path,
            file,
            end: 0,
            durable,
            quota,
        })
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Writes and syncs a group of records. On an error none of them is stored.
    pub fn append(&mut self, group: &[u8]) -> Result<(), Error> {
        if self.end + group.len() as u64 > self.quota {
            return Err(Error::Unavailable(format!(
                "{}: the log is at its limit of {} bytes; free space on the disk so that segments \
                 can be written, then try again",
                self.path.display(),
                self.quota
            )));
        }
        let written = self
            .file
            .seek(SeekFrom::Start(self.end))
            .and_then(|_| self.file.write_all(group))
            .and_then(|()| {
                if self.durable {
                    self.file.sync_data()
                } else {
                    Ok(())
                }
            });
        match written {
            Ok(()) => {
                self.end += group.len() as u64;
                Ok(())
            }
            Err(error) => {
                let refusal = at(&self.path, "can't be written", &error);
                // Half a group must not be read at the next start. After a failed sync nobody
                // knows what the disk has, so the file is left and a new one is begun.
                let cut = self
                    .file
                    .set_len(self.end)
                    .and_then(|()| self.file.sync_data());
                if cut.is_err() || error.kind() != std::io::ErrorKind::StorageFull {
                    self.rotate()?;
                }
                Err(refusal)
            }
        }
    }

    /// Ends this generation; the next one takes what comes.
    pub fn rotate(&mut self) -> Result<(), Error> {
        let next = Self::start(&self.folder, self.generation + 1, self.durable, self.quota)?;
        *self = next;
        Ok(())
    }
}

pub fn file_name(generation: u64) -> String {
    format!("{generation:020}.log")
}

/// The generations in the folder, in order.
pub fn generations(folder: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let entries = std::fs::read_dir(folder).map_err(|error| at(folder, "can't be read", &error))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|error| at(folder, "can't be read", &error))?
            .path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".log")?.parse::<u64>().ok());
        if let Some(number) = number {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Deletes the generations before `from`: segments hold what they held.
pub fn cut(folder: &Path, from: u64) -> Result<(), Error> {
    for (number, path) in generations(folder)? {
        if number < from {
            std::fs::remove_file(&path).map_err(|error| at(&path, "can't be deleted", &error))?;
        }
    }
    Ok(())
}

/// What one file held.
#[derive(Debug, Default)]
pub struct Replay {
    pub batches: Vec<Vec<Rows>>,
    /// Bytes after the last good record of the last file: a write that never ended.
    pub torn_bytes: u64,
    /// Damage before good records: in words.
    pub damage: Option<String>,
    /// Records that are good, as they lie in the file.
    good: Vec<std::ops::Range<usize>>,
}

impl Replay {
    /// Nothing was ever acknowledged in it.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.damage.is_none()
    }
}

/// Whether bytes at the end of the log are a write that never ended, and so was never
/// acknowledged: the beginning of a record, or room that was never filled. A record that is there
/// in its whole length was damaged later, or torn by a power cut: nobody can tell, so it is named.
fn is_torn(rest: &[u8]) -> bool {
    if rest.iter().all(|&byte| byte == 0) {
        return true;
    }
    let Some((head, payload)) = rest.split_at_checked(HEAD) else {
        return MAGIC.starts_with(&rest[..rest.len().min(MAGIC.len())]) || rest.starts_with(&MAGIC);
    };
    let claimed = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    let there = (payload.len() as u32).to_le_bytes();
    let sum = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
    // With a length that was altered, what is there is the record all the same.
    head[..4] == MAGIC && claimed > payload.len() && checksum(&there, payload) != sum
}

/// Reads one file. In the `last` one the beginning of a record at the end is a torn write;
/// anything else that isn't whole is damage.
pub fn read(path: &Path, last: bool) -> Result<Replay, Error> {
    let bytes = std::fs::read(path).map_err(|error| at(path, "can't be read", &error))?;
    let mut replay = Replay::default();
    let mut from = 0;
    while from < bytes.len() {
        let decoded =
            record(&bytes, from).and_then(|(payload, next)| Some((decode(payload)?, next)));
        if let Some((batch, next)) = decoded {
            replay.batches.push(batch);
            replay.good.push(from..next);
            from = next;
            continue;
        }
        let next_good = (from + 1..bytes.len().saturating_sub(HEAD))
            .find(|&place| bytes[place..].starts_with(&MAGIC) && record(&bytes, place).is_some());
        let end = next_good.unwrap_or(bytes.len());
        if next_good.is_none() && last && is_torn(&bytes[from..]) {
            replay.torn_bytes = (end - from) as u64;
        } else {
            let what = format!(
                "{}: bytes {from} to {end} have a wrong checksum",
                path.display()
            );
            replay.damage.get_or_insert(what);
        }
        from = end;
    }
    Ok(replay)
}

/// Brings a file in order that [`read`] found torn or damaged: a torn end is cut, a damaged file
/// is set aside and its good records are kept in its place.
pub fn mend(folder: &Folder, path: &Path, replay: &Replay) -> Result<Option<PathBuf>, Error> {
    if replay.damage.is_some() {
        let bytes = std::fs::read(path).map_err(|error| at(path, "can't be read", &error))?;
        let good: Vec<u8> = replay
            .good
            .iter()
            .flat_map(|range| bytes[range.clone()].iter().copied())
            .collect();
        let aside = set_aside(folder, path)?;
        write_whole(path, &good)?;
        return Ok(Some(aside));
    }
    if replay.torn_bytes > 0 {
        let end = replay.good.last().map_or(0, |range| range.end) as u64;
        let cut = OpenOptions::new().write(true).open(path).and_then(|file| {
            file.set_len(end)?;
            file.sync_all()
        });
        cut.map_err(|error| at(path, "can't be cut", &error))?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::{HEAD, MAGIC, checksum, is_torn};

    fn record(payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_le_bytes();
        let sum = checksum(&length, payload).to_le_bytes();
        [&MAGIC[..], &length, &sum, payload].concat()
    }

    #[test]
    fn only_the_beginning_of_a_record_is_torn() {
        let whole = record(b"documents that were acknowledged");
        for length in 1..whole.len() {
            assert!(is_torn(&whole[..length]), "{length} bytes of a write");
        }
        assert!(is_torn(&[0; 64]), "room that was never filled");
    }

    #[test]
    fn a_bit_that_flips_in_a_whole_record_is_never_taken_for_torn() {
        let whole = record(b"documents that were acknowledged");
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !is_torn(&flipped),
                "bit {bit}, of the head: {}",
                bit < HEAD * 8
            );
        }
    }
}
