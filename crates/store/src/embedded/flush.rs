//! From memory to segments, in the order that no crash can break: the file is written, synced
//! and renamed, its folder synced; one transaction names it and the log position that it covers;
//! only then the log is cut.

use std::collections::HashSet;
use std::sync::mpsc;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow::record_batch::RecordBatch;
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::compact;
use super::database::{meta, set_meta};
use super::engine::{Engine, State};
use super::folder::sync_folder;
use super::log;
use super::segment::{Segment, SegmentRow};
use super::write::write;
use super::writer::{Command, ended};
use crate::error::Error;

/// `meta`: the first generation of the log that no segment covers.
pub const LOG_FROM: &str = "log_from";

/// What [`LOG_FROM`] says.
pub fn log_from(connection: &Connection) -> Result<u64, Error> {
    let Some(text) = meta(connection, LOG_FROM)? else {
        return Ok(0);
    };
    text.parse().map_err(|_| {
        Error::Damaged(format!(
            "the database: table meta, row {LOG_FROM}: {text:?} is no number"
        ))
    })
}

/// How often the background thread looks whether there is something to write.
const TICK: Duration = Duration::from_millis(200);

/// After a failed attempt it waits this long.
const RETRY: Duration = Duration::from_secs(5);

type Sender = tokio::sync::mpsc::Sender<Command>;

/// Segments that were written, and what they stand for from now on.
pub struct Written {
    pub index: String,
    pub rows: Vec<SegmentRow>,
    pub source: Source,
}

/// Where the rows of new segments were before.
pub enum Source {
    /// Among the index's frozen rows.
    Frozen,
    /// In these segments; `replaced`: what of them was replaced when they were read.
    Merged {
        segments: Vec<Arc<Segment>>,
        replaced: HashSet<String>,
    },
}

impl Source {
    fn merged(&self) -> &[Arc<Segment>] {
        match self {
            Self::Frozen => &[],
            Self::Merged { segments, .. } => segments,
        }
    }
}

/// Writes all that is in memory to segments. Does nothing where memory is empty.
pub fn flush(engine: &Engine, sender: &Sender) -> Result<(), Error> {
    let _only_one = engine
        .flushing
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let outcome = freeze(engine, sender).and_then(|before| match before {
        Some(before) => store(engine, before),
        None => Ok(()),
    });
    engine.notes().flush_error = outcome.as_ref().err().map(ToString::to_string);
    outcome
}

/// The generation before which all is frozen. Rows that an earlier attempt froze come first.
fn freeze(engine: &Engine, sender: &Sender) -> Result<Option<u64>, Error> {
    {
        let state = engine.state();
        if state.frozen_before.is_some() {
            return Ok(state.frozen_before);
        }
        if state.active_rows() == 0 && state.replaced.is_empty() {
            return Ok(None);
        }
    }
    let (answer, frozen) = oneshot::channel();
    sender
        .blocking_send(Command::Freeze { answer })
        .map_err(|_| ended())?;
    frozen.blocking_recv().map_err(|_| ended())?.map(Some)
}

fn store(engine: &Engine, before: u64) -> Result<(), Error> {
    let folder = engine.folder.segments();
    let durable = engine.options.durable;
    let (frozen, replaced): (Vec<(String, Vec<RecordBatch>)>, _) = {
        let state = engine.state();
        let frozen = state.indices.iter().filter_map(|(name, index)| {
            let batches = index.frozen.as_ref()?.batches();
            (!batches.is_empty()).then(|| (name.clone(), batches))
        });
        (frozen.collect(), state.frozen_replaced.clone())
    };
    let mut written = Vec::new();
    for (number, (index, batches)) in frozen.into_iter().enumerate() {
        let file = format!("{before:012}-{number:04}.parquet");
        let row = write(&folder, &file, &index, &batches, durable)?;
        written.push(Written {
            index,
            rows: vec![row],
            source: Source::Frozen,
        });
    }
    written.extend(compact::small(engine)?);
    if durable && !written.is_empty() {
        sync_folder(&folder)?;
    }
    engine.database.with(|connection| {
        let transaction = connection.transaction()?;
        for (segment, document) in &replaced {
            save_replaced(&transaction, *segment, document)?;
        }
        exchange(&transaction, &mut written)?;
        set_meta(&transaction, LOG_FROM, &before.to_string())?;
        Ok(transaction.commit()?)
    })?;
    {
        let mut state = engine.state_mut();
        publish(engine, &mut state, written);
        state.frozen_before = None;
        state.frozen_replaced.clear();
        for index in state.indices.values_mut() {
            index.frozen = None;
        }
    }
    log::cut(&engine.folder.log(), before)
}

/// Names the new segments in the database and forgets those that they stand for. Once this is
/// committed the new ones are what holds their rows.
pub fn exchange(connection: &Connection, written: &mut [Written]) -> Result<(), Error> {
    for new in written {
        for row in &mut new.rows {
            connection
                .prepare_cached(
                    "INSERT INTO segments(index_name, file, row_count, bytes, crc32, min_ms, max_ms) \
                     VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    row.index,
                    row.file,
                    row.rows as i64,
                    row.bytes as i64,
                    i64::from(row.crc32),
                    row.span_ms.map(|span| span.0),
                    row.span_ms.map(|span| span.1),
                ])?;
            row.id = connection.last_insert_rowid();
        }
        for old in new.source.merged() {
            forget(connection, old.row.id)?;
        }
    }
    Ok(())
}

fn save_replaced(connection: &Connection, segment: i64, document: &str) -> Result<(), Error> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO replaced(segment, document) VALUES(?1, ?2)")?
        .execute(params![segment, document])?;
    Ok(())
}

/// Takes a segment out of the list.
pub fn forget(connection: &Connection, segment: i64) -> Result<(), Error> {
    connection.execute("DELETE FROM segments WHERE id = ?1", [segment])?;
    connection.execute("DELETE FROM replaced WHERE segment = ?1", [segment])?;
    Ok(())
}

/// Lets queries see the segments in the place of what they were made from.
pub fn publish(engine: &Engine, state: &mut State, written: Vec<Written>) {
    let folder = engine.folder.segments();
    for new in written {
        let mut later: Vec<String> = Vec::new();
        let index = state.indices.entry(new.index).or_default();
        match &new.source {
            Source::Frozen => {
                // What died since the freeze is in the log after it: a replay finds it again.
                let dead = index.frozen.as_ref().map(|frozen| frozen.dead_ids());
                later.extend(dead.into_iter().flatten().cloned());
            }
            Source::Merged { segments, replaced } => {
                for old in segments {
                    later.extend(old.replaced().difference(replaced).cloned());
                    old.retire();
                }
            }
        }
        let merged: HashSet<i64> = new.source.merged().iter().map(|old| old.row.id).collect();
        index.segments.retain(|old| !merged.contains(&old.row.id));
        state.replaced.retain(|(old, _)| !merged.contains(old));
        for row in new.rows {
            let id = row.id;
            let segment = Segment::new(&folder, row, later.iter().cloned().collect());
            index.segments.push(Arc::new(segment));
            // To name an id in a segment that hasn't got it does no harm.
            let named = later.iter().map(|document| (id, document.clone()));
            state.replaced.extend(named);
        }
    }
}

/// The thread that writes segments when there is enough, or when nothing has come for a while.
pub struct Flusher {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    pub fn start(engine: Arc<Engine>, sender: Sender) -> Result<Self, Error> {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store-flush".to_owned())
            .spawn(move || run(&engine, &sender, &stopped))
            .map_err(|error| Error::Unavailable(format!("no thread for segments: {error}")))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub fn stop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported already.
            let _ = thread.join();
        }
    }
}

fn run(engine: &Engine, sender: &Sender, stopped: &mpsc::Receiver<()>) {
    let mut seen = (0, Instant::now());
    let mut wait = TICK;
    while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
        wait = TICK;
        if due(engine, &mut seen)
            && let Err(error) = flush(engine, sender)
        {
            tracing::error!(%error, "segments can't be written; the log holds what was acknowledged");
            wait = RETRY;
        }
    }
}

/// `seen`: how many rows there were, and since when there are so many.
fn due(engine: &Engine, seen: &mut (u64, Instant)) -> bool {
    let options = &engine.options;
    let state = engine.state();
    let rows = state.active_rows();
    if seen.0 != rows {
        *seen = (rows, Instant::now());
    }
    if state.frozen_before.is_some() {
        return true;
    }
    let oldest = state
        .indices
        .values()
        .filter_map(|index| index.active.since())
        .min();
    let idle = rows > 0 && seen.1.elapsed() >= options.flush_idle;
    if rows == 0 {
        let segments: Vec<_> = state
            .indices
            .values()
            .flat_map(|index| index.segments.clone())
            .collect();
        drop(state);
        segments.iter().for_each(|segment| segment.forget_blooms());
        return false;
    }
    rows >= options.flush_rows
        || state.active_bytes() >= options.flush_bytes
        || idle
        || oldest.is_some_and(|since| since.elapsed() >= options.flush_age)
}
