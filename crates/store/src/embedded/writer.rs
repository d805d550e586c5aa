//! The one thread that writes the log: groups what waits, syncs once, publishes, answers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use tokio::sync::{mpsc, oneshot};

use super::engine::Engine;
use super::indices;
use super::intake::Prepared;
use super::log::{self, Log, Rows};
use crate::error::Error;
use crate::telemetry::{ItemResult, Operation};

/// Batches that wait for the log at most; further callers wait.
const QUEUE: usize = 64;

/// Bytes that are written with one sync at most, before the next group begins.
const GROUP_BYTES: usize = 32 << 20;

/// How long ingest waits for segments to be written while memory is full.
const FULL_WAIT: Duration = Duration::from_secs(20);
const FULL_STEP: Duration = Duration::from_millis(10);

type Answer<T> = oneshot::Sender<Result<T, Error>>;

/// By the documents' place in the caller's batch.
pub type Placed = Vec<(usize, ItemResult)>;

pub enum Command {
    Store {
        batches: Vec<Prepared>,
        answer: Answer<Placed>,
    },
    /// Freezes what is in memory and begins a new generation of the log; gives its number.
    Freeze { answer: Answer<u64> },
    /// Deletes an index; whether there was one.
    Drop { index: String, answer: Answer<bool> },
}

/// The way to the thread; it ends when this is dropped.
pub struct Writer {
    sender: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub fn start(engine: Arc<Engine>, log: Log) -> Result<Self, Error> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("store-log".to_owned())
            .spawn(move || run(&engine, log, receiver))
            .map_err(|error| Error::Unavailable(format!("no thread for the log: {error}")))?;
        Ok(Self {
            sender: Some(sender),
            thread: Some(thread),
        })
    }

    pub fn sender(&self) -> Option<mpsc::Sender<Command>> {
        self.sender.clone()
    }

    pub fn stop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported already; there is nothing left to save.
            let _ = thread.join();
        }
    }
}

pub fn ended() -> Error {
    Error::Unavailable("the store is closing".to_owned())
}

fn run(engine: &Engine, mut log: Log, mut receiver: mpsc::Receiver<Command>) {
    while let Some(command) = receiver.blocking_recv() {
        let mut group = Group::default();
        let mut next = Some(command);
        while let Some(command) = next.take() {
            match command {
                Command::Store { batches, answer } => {
                    if is_full(engine) {
                        std::mem::take(&mut group).commit(engine, &mut log);
                    }
                    match make_room(engine, &mut log) {
                        Ok(()) => group.admit(engine, batches, answer),
                        Err(error) => drop(answer.send(Err(error))),
                    }
                }
                Command::Freeze { answer } => {
                    std::mem::take(&mut group).commit(engine, &mut log);
                    let _ = answer.send(freeze(engine, &mut log));
                }
                Command::Drop { index, answer } => {
                    std::mem::take(&mut group).commit(engine, &mut log);
                    let _ = answer.send(drop_index(engine, &mut log, &index));
                }
            }
            if group.bytes.len() < GROUP_BYTES {
                next = receiver.try_recv().ok();
            }
        }
        group.commit(engine, &mut log);
    }
}

fn freeze(engine: &Engine, log: &mut Log) -> Result<u64, Error> {
    log.rotate()?;
    let mut state = engine.state_mut();
    for index in state.indices.values_mut() {
        index.frozen = Some(index.active.freeze());
    }
    state.frozen_before = Some(log.generation());
    let replaced = std::mem::take(&mut state.replaced);
    state.frozen_replaced.extend(replaced);
    Ok(log.generation())
}

/// What comes of an index of this name from here on is in a new generation of the log: a replay
/// knows it from what is deleted now.
fn drop_index(engine: &Engine, log: &mut Log, index: &str) -> Result<bool, Error> {
    if !engine.state().indices.contains_key(index) {
        return Ok(false);
    }
    log.rotate()?;
    let generation = log.generation();
    engine
        .database
        .with(|connection| indices::forget(connection, index, generation))?;
    Ok(engine.remove(index))
}

/// Batches that are written and synced together.
#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    rows: Vec<(Rows, Hits)>,
    /// Ids that the group adds (true) or takes away, by index: that is not published yet.
    pending: HashMap<String, HashMap<u128, bool>>,
    answers: Vec<(Answer<Placed>, Placed)>,
}

impl Group {
    /// Settles which rows of a batch may be stored, and encodes them. A batch that can't be is
    /// answered at once, and leaves nothing behind.
    fn admit(&mut self, engine: &Engine, batches: Vec<Prepared>, answer: Answer<Placed>) {
        let mut results = Vec::new();
        let mut admitted = Vec::new();
        let mut keys: Vec<(String, HashMap<u128, bool>)> = Vec::new();
        if let Some(gone) = batches.iter().find(|prepared| !prepared.is_current(engine)) {
            let _ = answer.send(Err(Error::Unavailable(format!(
                "index [{}] was deleted or made anew meanwhile; nothing of the batch was stored, send it again",
                gone.index
            ))));
            return;
        }
        for prepared in batches {
            let pending = self.pending.entry(prepared.index.clone()).or_default();
            match settle(engine, pending, &prepared, &mut results) {
                Ok(Some((rows, hits, changed))) => {
                    keys.push((prepared.index, changed));
                    admitted.push((rows, hits));
                }
                Ok(None) => {}
                Err(error) => {
                    let _ = answer.send(Err(error));
                    return;
                }
            }
        }
        if !admitted.is_empty() {
            let only: Vec<Rows> = admitted.iter().map(|(rows, _)| rows.clone()).collect();
            if let Err(error) = log::encode(&only, &mut self.bytes) {
                let _ = answer.send(Err(error));
                return;
            }
        }
        for (index, changed) in keys {
            self.pending.entry(index).or_default().extend(changed);
        }
        self.rows.extend(admitted);
        self.answers.push((answer, results));
    }

    /// Mappings, then the log, then memory, then the answers.
    fn commit(self, engine: &Engine, log: &mut Log) {
        let written = if self.rows.is_empty() {
            Ok(())
        } else {
            engine
                .save_mappings(self.pending.keys().map(String::as_str))
                .and_then(|()| log.append(&self.bytes))
        };
        match written {
            Ok(()) => {
                engine.publish(&self.rows);
                for (answer, results) in self.answers {
                    let _ = answer.send(Ok(results));
                }
            }
            Err(error) => {
                let text = error.to_string();
                for (answer, _) in self.answers {
                    let _ = answer.send(Err(Error::Unavailable(text.clone())));
                }
            }
        }
    }
}

fn is_full(engine: &Engine) -> bool {
    engine.state().active_bytes() > engine.options.max_memory_bytes
}

/// Memory is bounded: what comes waits until segments are written, and is refused where they
/// can't be. Freezes here, since this thread is the one that would be asked to.
fn make_room(engine: &Engine, log: &mut Log) -> Result<(), Error> {
    let begun = Instant::now();
    while is_full(engine) {
        if engine.state().frozen_before.is_none() {
            freeze(engine, log)?;
            continue;
        }
        if begun.elapsed() > FULL_WAIT {
            let why = engine.notes().flush_error.clone();
            return Err(Error::Unavailable(format!(
                "memory is full and segments can't be written: {}; nothing of the batch was stored",
                why.as_deref().unwrap_or("the disk is too slow")
            )));
        }
        std::thread::sleep(FULL_STEP);
    }
    Ok(())
}

/// Ids, each with a segment that holds it.
type Hits = Vec<(i64, String)>;

/// What is stored, and which ids are there from then on, or no more.
type Settled = Option<(Rows, Hits, HashMap<u128, bool>)>;

/// Which of the senders' ids are stored: keys of those in memory, and those in segments.
fn stored_before(engine: &Engine, prepared: &Prepared) -> Result<(HashSet<u128>, Hits), Error> {
    let given: HashSet<&str> = prepared
        .candidates
        .iter()
        .filter(|row| row.given)
        .map(|row| row.id.as_str())
        .collect();
    let (in_memory, segments) = {
        let state = engine.state();
        let Some(index) = state
            .indices
            .get(&prepared.index)
            .filter(|_| !given.is_empty())
        else {
            return Ok((HashSet::new(), Hits::new()));
        };
        let frozen = |key| index.frozen.as_ref().is_some_and(|rows| rows.contains(key));
        let keys = given.iter().map(|id| engine.ids.key(id));
        let known: HashSet<u128> = keys
            .filter(|&key| index.active.contains(key) || frozen(key))
            .collect();
        (known, index.segments.clone())
    };
    Ok((in_memory, engine.find_in_segments(&segments, &given)?))
}

/// Which rows are new, which replace one, which take one away, and which are refused because their
/// id exists.
fn settle(
    engine: &Engine,
    pending: &HashMap<u128, bool>,
    prepared: &Prepared,
    results: &mut Placed,
) -> Result<Settled, Error> {
    let candidates = &prepared.candidates;
    let (in_memory, hits) = stored_before(engine, prepared)?;
    let in_segments: HashSet<&str> = hits.iter().map(|(_, id)| id.as_str()).collect();

    let mut here: HashMap<u128, usize> = HashMap::new();
    let mut gone: HashSet<u128> = HashSet::new();
    let mut keep = vec![true; candidates.len()];
    let mut replaces = Vec::new();
    for (row, candidate) in candidates.iter().enumerate() {
        let id = candidate.id.clone();
        let key = engine.ids.key(&id);
        let before = here.get(&key).copied();
        let elsewhere = || match pending.get(&key) {
            Some(&there) => there,
            None => in_memory.contains(&key) || in_segments.contains(id.as_str()),
        };
        let stored = candidate.given && !gone.contains(&key) && elsewhere();
        let result = match (before.is_some() || stored, candidate.operation) {
            (false, Operation::Delete) => {
                keep[row] = false;
                results.push((candidate.place, ItemResult::NotFound { id }));
                continue;
            }
            (true, Operation::Create) => {
                keep[row] = false;
                results.push((candidate.place, ItemResult::Conflict { id }));
                continue;
            }
            (false, _) => ItemResult::Created { id },
            (true, operation) => {
                match before {
                    Some(earlier) => keep[earlier] = false,
                    None => replaces.push(id.clone()),
                }
                if operation == Operation::Delete {
                    keep[row] = false;
                    here.remove(&key);
                    gone.insert(key);
                    results.push((candidate.place, ItemResult::Deleted { id }));
                    continue;
                }
                ItemResult::Updated { id }
            }
        };
        here.insert(key, row);
        results.push((candidate.place, result));
    }
    if here.is_empty() && replaces.is_empty() {
        return Ok(None);
    }
    let batch = if keep.iter().all(|&kept| kept) {
        prepared.batch.clone()
    } else {
        filter_record_batch(&prepared.batch, &BooleanArray::from(keep))
            .map_err(|error| Error::Unavailable(format!("{}: {error}", prepared.index)))?
    };
    let rows = Rows {
        index: prepared.index.clone(),
        replaces,
        batch,
    };
    let gone = gone.into_iter().map(|key| (key, false));
    let changed = gone.chain(here.into_keys().map(|key| (key, true)));
    Ok(Some((rows, hits, changed.collect())))
}
