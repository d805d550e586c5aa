//! `store verify`: every file of a folder is looked at, and nothing in it is changed. Also beside
//! a process that writes: what it moves meanwhile is no fault.

use std::collections::HashSet;
use std::path::Path;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rusqlite::Connection;

use super::backup;
use super::database::{Database, blocking};
use super::engine::load_segments;
use super::flush::log_from;
use super::folder::Folder;
use super::segment::{Segment, SegmentRow, column_of_ids, span_ms};
use super::verify::walk;
use super::{damage, log, mirror};
use crate::care::{Inspection, Watch};
use crate::error::Error;

const FROM_BACKUP: &str = "restore from a backup: datapulse store restore";
const SEGMENT: &str = "put its copy from a backup back under this name; else a start of `datapulse serve` sets it \
                       aside in damaged/ and serves all else";
const LOG: &str = "a start of `datapulse serve` sets the file aside in damaged/ and keeps its other batches; what is \
                   missing is in a backup, or must be sent again";
const JOURNAL: &str = "altered or damaged outside of DataPulse: keep the folder as it is, and compare it with a backup; \
                       what lies before the named record holds";
const CATALOG: &str = "the row can't be used: restore from a backup: datapulse store restore";
const ASIDE: &str = "what it held is missing from answers: restore from a backup, or send the documents again; it is told until its file in damaged/ is deleted";

/// Tables of JSON: by what each row is named, and what it is.
const JSON_TABLES: [(&str, &str); 7] = [
    ("summaries", "incident"),
    ("services", "name"),
    ("runbooks", "id"),
    ("tokens", "id"),
    ("people", "subject"),
    ("indices", "name"),
    ("templates", "name"),
];

/// Looks at a data folder, or at a backup of one. `deep`: every page of every segment is decoded
/// and the whole database is gone through; else checksums, footers and the database's structure.
///
/// # Errors
/// Only where there is no such folder, or it has another format; what is wrong is in the answer.
pub async fn inspect(
    dir: &Path,
    deep: bool,
    watch: impl Fn(u64, u64) + Send + Sync + 'static,
) -> Result<Inspection, Error> {
    let dir = dir.to_owned();
    blocking(move || {
        if backup::is_backup(&dir) {
            return backup::check(&dir, &watch);
        }
        inspect_folder(&dir, deep, &watch)
    })
    .await
}

fn inspect_folder(dir: &Path, deep: bool, watch: Watch<'_>) -> Result<Inspection, Error> {
    let folder = Folder::look(dir)?;
    let mut found = Inspection::default();
    let path = folder.database().display().to_string();
    match Database::open_reading(&folder.database()) {
        Err(error) => found.fault(path, error.to_string(), FROM_BACKUP),
        Ok(database) => {
            let looked = database.with(|connection| {
                structure(connection, deep, &path, &mut found)?;
                rows_of_json(connection, &path, &mut found)?;
                twice(connection, &path, &mut found)?;
                aside(&folder, connection, &mut found)?;
                segments(&folder, connection, deep, watch, &mut found)?;
                logs(&folder, connection, &mut found)?;
                journal(&folder, connection, &mut found)
            });
            if let Err(error) = looked {
                found.fault(path, error.to_string(), FROM_BACKUP);
            }
        }
    }
    Ok(found)
}

/// What SQLite itself says of the file.
fn structure(
    connection: &Connection,
    deep: bool,
    path: &str,
    found: &mut Inspection,
) -> Result<(), Error> {
    let check = if deep {
        "integrity_check"
    } else {
        "quick_check"
    };
    let mut statement = connection.prepare(&format!("PRAGMA {check}"))?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    for line in lines {
        let line = line?;
        if line != "ok" {
            found.fault(path, format!("SQLite's {check}: {line}"), FROM_BACKUP);
        }
    }
    Ok(())
}

/// SQLite has no checksum over what a row says: where it must be JSON, that is seen at least.
fn rows_of_json(connection: &Connection, path: &str, found: &mut Inspection) -> Result<(), Error> {
    for (table, key) in JSON_TABLES {
        if !super::indices::has_table(connection, table)? {
            continue;
        }
        let mut statement = connection.prepare(&format!("SELECT {key}, json FROM {table}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, json): (String, String) = (row.get(0)?, row.get(1)?);
            if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&json) {
                let what = format!("table {table}, row {name}: not JSON: {error}");
                found.fault(path, what, CATALOG);
            }
        }
    }
    Ok(())
}

/// Rows of the catalog against their mirror.
fn twice(connection: &mut Connection, path: &str, found: &mut Inspection) -> Result<(), Error> {
    // Of one moment, also while others write.
    let transaction = connection.transaction()?;
    for altered in mirror::altered(&transaction)? {
        found.fault(path, altered.what(), CATALOG);
    }
    Ok(())
}

/// What was set aside before.
fn aside(folder: &Folder, connection: &Connection, found: &mut Inspection) -> Result<(), Error> {
    for damage in damage::notes(connection, folder)? {
        found.fault("damaged/", damage.text, ASIDE);
    }
    Ok(())
}

fn segments(
    folder: &Folder,
    connection: &Connection,
    deep: bool,
    watch: Watch<'_>,
    found: &mut Inspection,
) -> Result<(), Error> {
    let rows = load_segments(connection)?;
    let all = rows.iter().map(|row| row.bytes).sum();
    let mut wrong: Vec<(SegmentRow, String)> = Vec::new();
    watch(0, all);
    for row in &rows {
        let segment = Segment::new(&folder.segments(), row.clone(), HashSet::new());
        if let Err(what) = whole(&segment, deep) {
            wrong.push((row.clone(), what));
        }
        found.checked.segments += 1;
        found.checked.segment_bytes += row.bytes;
        found.checked.documents += row.rows;
        watch(found.checked.segment_bytes, all);
    }
    // What a process that writes has merged or deleted meanwhile isn't missing.
    let now = load_segments(connection)?;
    for (row, what) in wrong {
        if now.contains(&row) {
            let place = folder.segments().join(&row.file).display().to_string();
            let what = format!(
                "segment of {} with {} documents {what}",
                row.index, row.rows
            );
            found.fault(place, what, SEGMENT);
        }
    }
    orphans(folder, &now, found)
}

/// Its checksum, its footer, and with `deep` every row.
fn whole(segment: &Segment, deep: bool) -> Result<(), String> {
    segment.check()?;
    let unreadable = |error: &dyn std::fmt::Display| format!("can't be read: {error}");
    let metadata = segment.metadata().map_err(|error| unreadable(&error))?;
    let row = &segment.row;
    let footer = metadata.metadata().file_metadata().num_rows();
    if footer.unsigned_abs() != row.rows {
        return Err(format!("has {footer} rows by its footer"));
    }
    if !deep {
        return Ok(());
    }
    let file = segment.open().map_err(|error| unreadable(&error))?;
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .build()
        .map_err(|error| unreadable(&error))?;
    let (mut rows, mut span) = (0, None);
    for batch in reader {
        let batch = batch.map_err(|error| unreadable(&error))?;
        rows += batch.num_rows() as u64;
        if column_of_ids(&batch).is_none_or(|ids| ids.iter().any(|id| id.is_none())) {
            return Err("has rows without an _id".to_owned());
        }
        span = match (span, span_ms(&batch)) {
            (Some((a, b)), Some((c, d))) => Some((i64::min(a, c), i64::max(b, d))),
            (a, b) => a.or(b),
        };
    }
    if rows != row.rows {
        return Err(format!("has {rows} rows when it is read"));
    }
    if span != row.span_ms {
        return Err(format!(
            "spans {span:?}, the catalog says {:?} (milliseconds)",
            row.span_ms
        ));
    }
    Ok(())
}

/// Files that nothing names.
fn orphans(folder: &Folder, known: &[SegmentRow], found: &mut Inspection) -> Result<(), Error> {
    let named: HashSet<&str> = known.iter().map(|row| row.file.as_str()).collect();
    let Ok(entries) = std::fs::read_dir(folder.segments()) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !named.contains(name.as_str()) {
            found.notes.push(format!(
                "{}: no index has this segment: it is being written, or a crash left it and the next start deletes it",
                entry.path().display()
            ));
        }
    }
    Ok(())
}

fn logs(folder: &Folder, connection: &Connection, found: &mut Inspection) -> Result<(), Error> {
    let from = log_from(connection)?;
    let mut generations = match log::generations(&folder.log()) {
        Ok(generations) => generations,
        Err(error) => {
            found.fault(folder.log().display().to_string(), error.to_string(), LOG);
            return Ok(());
        }
    };
    generations.retain(|(number, _)| *number >= from);
    let newest = generations.last().map(|(number, _)| *number);
    for (number, path) in generations {
        let place = path.display().to_string();
        let replay = match log::read(&path, Some(number) == newest) {
            Ok(replay) => replay,
            // Segments have its rows by now.
            Err(_) if !path.exists() && number < log_from(connection)? => continue,
            Err(error) => {
                found.fault(place, error.to_string(), LOG);
                continue;
            }
        };
        found.checked.log_files += 1;
        found.checked.log_batches += replay.batches.len() as u64;
        if let Some(what) = replay.damage {
            found.fault(place, what, LOG);
        } else if replay.torn_bytes > 0 {
            found.notes.push(format!(
                "{place}: {} bytes after the last whole batch: it is being written, or a crash came before it was \
                 acknowledged and the next start cuts it",
                replay.torn_bytes
            ));
        }
    }
    Ok(())
}

fn journal(
    folder: &Folder,
    connection: &mut Connection,
    found: &mut Inspection,
) -> Result<(), Error> {
    let path = folder.anchors();
    let verification = walk(connection, &path)?;
    found.checked.anchor_lines = verification.anchor_lines as u64;
    if let Some(fault) = &verification.anchor_file {
        found.fault(path.display().to_string(), fault.to_string(), JOURNAL);
    }
    for check in &verification.incidents {
        found.checked.incidents += 1;
        found.checked.records += check.records;
        let place = || format!("journal, incident {}", check.incident);
        if let Some(fault) = &check.fault {
            found.fault(place(), fault.to_string(), JOURNAL);
        }
        for fault in &check.anchor_faults {
            found.fault(place(), fault.to_string(), JOURNAL);
        }
    }
    Ok(())
}
