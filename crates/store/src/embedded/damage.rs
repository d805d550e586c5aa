//! What can't be trusted is named and set aside; the rest goes on.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::engine::Engine;
use super::flush::forget;
use super::folder::set_aside;
use super::segment::Segment;
use crate::error::Error;

/// Takes a damaged segment out of every list. Beside a process that writes, it is only named.
pub fn set_segment_aside(engine: &Arc<Engine>, segment: &Arc<Segment>, why: &str) {
    let row = &segment.row;
    let name = format!(
        "{}: segment of {} with {} documents {why}",
        segment.path().display(),
        row.index,
        row.rows
    );
    {
        let mut notes = engine.notes();
        if notes.damaged.contains(&name) {
            return;
        }
        notes.damaged.push(name.clone());
    }
    tracing::error!(damage = %name, "a segment is damaged; queries answer without it");
    if engine.reading {
        return;
    }
    {
        let mut state = engine.state_mut();
        if let Some(index) = state.indices.get_mut(&row.index) {
            index.segments.retain(|other| other.row.id != row.id);
        }
    }
    let moved = set_aside(&engine.folder, segment.path()).or_else(|error| {
        // A file that is gone needs no setting aside.
        if segment.path().exists() {
            Err(error)
        } else {
            Ok(segment.path().to_owned())
        }
    });
    let kept = moved.and_then(|_| {
        engine.database.with(|connection| {
            let transaction = connection.transaction()?;
            forget(&transaction, row.id)?;
            note(&transaction, &row.file, &name)?;
            Ok(transaction.commit()?)
        })
    });
    if let Err(error) = kept {
        tracing::error!(%error, "the damaged segment stays in its place");
    }
}

/// Keeps what was damaged for `health`, over restarts too.
pub fn note(connection: &Connection, file: &str, reason: &str) -> Result<(), Error> {
    connection.execute(
        "INSERT OR REPLACE INTO damaged(file, reason) VALUES(?1, ?2)",
        params![file, reason],
    )?;
    Ok(())
}

pub fn notes(connection: &Connection) -> Result<Vec<String>, Error> {
    let mut statement = connection.prepare_cached("SELECT reason FROM damaged ORDER BY file")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
