//! The anchor file: a line for every head, written after its record is durable.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use model::anchor::AnchorLine;
use model::{Digest, IncidentId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};

use super::folder::at;
use crate::error::Error;

/// Bytes read from the file's end to find its last line: a line is far shorter.
const TAIL_BYTES: u64 = 64 * 1024;

/// A head that the file must name: what a line says of it.
struct Head {
    position: i64,
    incident: String,
    seq: u64,
    digest: String,
    at_ms: i64,
}

/// The open file, and where the journal's anchored part ends.
#[derive(Debug)]
pub struct Anchors {
    path: PathBuf,
    file: File,
    /// Where the next line begins.
    end: u64,
    previous: Digest,
    /// The `position` of the last record that the file covers.
    anchored: i64,
    durable: bool,
}

impl Anchors {
    /// Opens or makes the file, cuts a torn last line, and appends lines for what the journal
    /// holds beyond the file's last one.
    pub fn open(path: &Path, connection: &Connection, durable: bool) -> Result<Self, Error> {
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
        let anchored = match &last {
            Some(line) => position_of(connection, line)?,
            None => 0,
        };
        let mut anchors = Self {
            path: path.to_owned(),
            file,
            end,
            previous: last.map_or(Digest::ZERO, |line| Digest::of(line.as_bytes())),
            anchored,
            durable,
        };
        anchors.catch_up(connection)?;
        Ok(anchors)
    }

    /// Appends a line for every record after the last anchored one, and syncs the file.
    ///
    /// On an error nothing is taken for anchored: the next call tries the same lines again.
    pub fn catch_up(&mut self, connection: &Connection) -> Result<(), Error> {
        let heads = heads_after(connection, self.anchored)?;
        let Some(last) = heads.last() else {
            return Ok(());
        };
        let last_position = last.position;
        let mut previous = self.previous;
        let mut text = String::new();
        for head in &heads {
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
        self.anchored = last_position;
        Ok(())
    }
}

fn line_of(head: &Head, previous: Digest) -> Result<String, Error> {
    let broken = |what: &str| Error::Damaged(format!("{}:{}: {what}", head.incident, head.seq));
    let line = AnchorLine {
        incident: IncidentId::parse(&head.incident).ok_or_else(|| broken("not an incident id"))?,
        seq: head.seq,
        digest: Digest::parse(&head.digest).ok_or_else(|| broken("not a digest"))?,
        at: Timestamp(head.at_ms),
        previous,
    };
    serde_json::to_string(&line).map_err(|error| broken(&error.to_string()))
}

fn heads_after(connection: &Connection, position: i64) -> Result<Vec<Head>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT position, incident, seq, digest, at_ms FROM records WHERE position > ?1 ORDER BY position",
    )?;
    let rows = statement.query_map([position], |row| {
        Ok(Head {
            position: row.get(0)?,
            incident: row.get(1)?,
            seq: row.get::<_, i64>(2)?.unsigned_abs(),
            digest: row.get(3)?,
            at_ms: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Where in the journal the file's last line stands. A line that the journal doesn't know
/// (verification will say so) counts as covering all that was there before it.
fn position_of(connection: &Connection, line: &str) -> Result<i64, Error> {
    let known: Option<i64> = match serde_json::from_str::<AnchorLine>(line) {
        Ok(anchor) => connection
            .prepare_cached("SELECT position FROM records WHERE incident = ?1 AND seq = ?2")?
            .query_row(
                rusqlite::params![anchor.incident.as_str(), anchor.seq as i64],
                |row| row.get(0),
            )
            .optional()?,
        Err(_) => None,
    };
    match known {
        Some(position) => Ok(position),
        None => Ok(connection.query_row(
            "SELECT coalesce(max(position), 0) FROM records",
            [],
            |row| row.get(0),
        )?),
    }
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
