//! The anchor file beside SQLite's journal: kept up with its `position`.

use std::path::Path;

use model::anchor::AnchorLine;
use model::{Digest, IncidentId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _};

use crate::anchors::{AnchorFile, Head};
use crate::error::Error;

/// The open file, and where the journal's anchored part ends.
#[derive(Debug)]
pub struct Anchors {
    file: AnchorFile,
    /// The `position` of the last record that the file covers.
    anchored: i64,
}

impl Anchors {
    /// Opens or makes the file, cuts a torn last line, and appends lines for what the journal
    /// holds beyond the file's last one.
    ///
    /// Also says what is wrong where the journal lacks what the last line names.
    pub fn open(
        path: &Path,
        connection: &Connection,
        durable: bool,
    ) -> Result<(Self, Option<String>), Error> {
        let (file, last) = AnchorFile::open(path, durable)?;
        let (anchored, doubt) = match &last {
            Some(line) => position_of(connection, line)?,
            None => (0, None),
        };
        let mut anchors = Self { file, anchored };
        anchors.catch_up(connection)?;
        Ok((anchors, doubt))
    }

    /// Appends a line for every record after the last anchored one, and syncs the file.
    ///
    /// On an error nothing is taken for anchored: the next call tries the same lines again.
    pub fn catch_up(&mut self, connection: &Connection) -> Result<(), Error> {
        let (heads, last) = heads_after(connection, self.anchored)?;
        if !heads.is_empty() {
            self.file.append(&heads)?;
            self.anchored = last;
        }
        Ok(())
    }
}

/// What stands after a position, and the position of the last of it.
fn heads_after(connection: &Connection, position: i64) -> Result<(Vec<Head>, i64), Error> {
    let mut statement = connection.prepare_cached(
        "SELECT position, incident, seq, digest, at_ms FROM records WHERE position > ?1 ORDER BY position",
    )?;
    let mut rows = statement.query([position])?;
    let (mut heads, mut last) = (Vec::new(), position);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        let incident: String = row.get(1)?;
        let seq = row.get::<_, i64>(2)?.unsigned_abs();
        let digest: String = row.get(3)?;
        let broken = |what: &str| Error::Damaged(format!("{incident}:{seq}: {what}"));
        heads.push(Head {
            incident: IncidentId::parse(&incident).ok_or_else(|| broken("not an incident id"))?,
            seq,
            digest: Digest::parse(&digest).ok_or_else(|| broken("not a digest"))?,
            at: Timestamp(row.get(4)?),
        });
    }
    Ok((heads, last))
}

/// Where in the journal the file's last line stands. A line that the journal doesn't know counts
/// as covering all that was there before it; then it is said, too.
fn position_of(connection: &Connection, line: &str) -> Result<(i64, Option<String>), Error> {
    let (known, doubt): (Option<i64>, String) = match serde_json::from_str::<AnchorLine>(line) {
        Ok(anchor) => {
            let position = connection
                .prepare_cached("SELECT position FROM records WHERE incident = ?1 AND seq = ?2")?
                .query_row(
                    rusqlite::params![anchor.incident.as_str(), anchor.seq as i64],
                    |row| row.get(0),
                )
                .optional()?;
            let record = format!("{}:{}", anchor.incident, anchor.seq);
            (
                position,
                format!("{record} is anchored, and the journal lacks it: its tail was cut"),
            )
        }
        Err(error) => (None, format!("the last line can't be read: {error}")),
    };
    if let Some(position) = known {
        return Ok((position, None));
    }
    let last = connection.query_row(
        "SELECT coalesce(max(position), 0) FROM records",
        [],
        |row| row.get(0),
    )?;
    Ok((last, Some(doubt)))
}
