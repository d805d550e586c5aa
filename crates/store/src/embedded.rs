//! The embedded store: one folder, one process that writes.
//!
//! Journal and knowledge lie in SQLite (`truth.db`). Telemetry goes through a checksummed,
//! synced log (`log/`) into Arrow batches in memory, and from there into Parquet segments
//! (`segments/`), which the database lists together with the log position that they cover.
//! Heads of incidents also go to `anchors.log`. What can't be trusted is moved to `damaged/`.
//!
//! Read first: [`flush`] (the order of commit), [`writer`] (how a batch becomes durable),
//! [`start`] (what a crash leaves), then [`scan`] (how it is read).

mod aliases;
mod align;
mod anchors;
mod answers;
mod backup;
mod catalog;
mod columns;
mod compact;
mod damage;
mod database;
mod definition;
mod document;
mod engine;
mod enrich;
mod flush;
mod folder;
mod indices;
mod inspect;
mod intake;
mod journal;
mod knowledge;
mod log;
mod manifest;
mod mapping;
mod memory;
mod migrate;
mod mirror;
mod order;
mod partial;
mod prune;
mod question;
mod read;
mod restore;
mod retain;
mod scan;
mod segment;
mod sketch;
mod start;
mod stats;
mod summary;
mod tables;
mod telemetry;
mod template;
mod verify;
mod write;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use aliases::{Alias, Change, MAX_ALIASES};
pub use backup::{BackedUp, backup};
pub use catalog::Snapshot;
pub use compact::Compaction;
pub use damage::Damage;
pub use definition::{Definition, Kind};
pub use engine::{Health, MAX_INDICES};
pub use enrich::Policy;
pub use folder::FORMAT;
pub use indices::Description;
pub use inspect::inspect;
pub use manifest::Manifest;
pub use mapping::{MAX_FIELDS, Mapped};
pub use restore::{Restored, restore};
pub use retain::Dropped;

use anchors::Anchors;
use database::{Database, blocking};
use engine::Engine;
use flush::Flusher;
use folder::Folder;
use writer::Writer;

use crate::error::Error;
use crate::lock::Lock;

/// How the store weighs memory, disk and time. The default is what `serve` wants.
#[derive(Debug, Clone)]
pub struct Options {
    /// False: nothing is synced; only for a store that is thrown away.
    pub durable: bool,
    /// Rows in memory that make a segment.
    pub flush_rows: u64,
    /// Bytes in memory that make one.
    pub flush_bytes: usize,
    /// Rows go to a segment when nothing has come for so long.
    pub flush_idle: Duration,
    /// No row stays in memory longer than this.
    pub flush_age: Duration,
    /// Bytes in memory beyond which ingest waits for segments.
    pub max_memory_bytes: usize,
    /// Bytes that one file of the log may have.
    pub log_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durable: true,
            flush_rows: 250_000,
            flush_bytes: 32 << 20,
            flush_idle: Duration::from_secs(20),
            flush_age: Duration::from_secs(300),
            max_memory_bytes: 96 << 20,
            log_bytes: 1 << 30,
        }
    }
}

impl Options {
    /// For a store that is thrown away after use, such as a recorded case's: nothing is synced
    /// and nothing moves to segments but for want of memory.
    pub fn throwaway() -> Self {
        Self {
            durable: false,
            flush_idle: Duration::from_secs(3_600),
            flush_age: Duration::from_secs(3_600),
            ..Self::default()
        }
    }
}

/// A store in a folder. Cheap to clone; the folder is let go with the last clone.
#[derive(Clone)]
pub struct Embedded {
    inner: Arc<Inner>,
}

struct Inner {
    // Fields are dropped in this order: threads end first, the lock goes last.
    threads: Mutex<Option<(Flusher, Writer)>>,
    engine: Arc<Engine>,
    database: Database,
    anchors: Mutex<Option<Anchors>>,
    _lock: Option<Lock>,
}

impl Inner {
    fn anchors<T>(&self, work: impl FnOnce(&mut Anchors) -> Result<T, Error>) -> Result<T, Error> {
        let mut anchors = self.anchors.lock().unwrap_or_else(PoisonError::into_inner);
        match anchors.as_mut() {
            Some(anchors) => work(anchors),
            None => Err(reading_only()),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let threads = self
            .threads
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((flusher, writer)) = threads {
            flusher.stop();
            writer.stop();
        }
    }
}

fn reading_only() -> Error {
    Error::Refused(
        "the data folder was opened for reading only; ask the process that serves it".to_owned(),
    )
}

impl Embedded {
    /// Opens the folder for reading and writing; makes it where it isn't there.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where another process holds it, [`Error::Refused`] where it has
    /// another version, [`Error::Damaged`] where the database can't be read.
    pub async fn open(dir: &Path, options: Options) -> Result<Self, Error> {
        let dir = dir.to_owned();
        blocking(move || Self::open_blocking(&dir, options)).await
    }

    fn open_blocking(dir: &Path, options: Options) -> Result<Self, Error> {
        let (folder, lock) = Folder::take(dir)?;
        let database = Database::open(&folder.database(), options.durable)?;
        migrate::migrate(&folder, &database)?;
        let durable = options.durable;
        let anchors_path = folder.anchors();
        let (anchors, doubt) =
            database.with(|connection| Anchors::open(&anchors_path, connection, durable))?;
        let engine = Arc::new(Engine::new(folder, database.clone(), options, false));
        let log = start::load(&engine)?.ok_or_else(reading_only)?;
        if let Some(doubt) = doubt {
            let text = format!("{}: {doubt}", anchors_path.display());
            engine.keep_damage("anchors.log.txt", Damage { index: None, text })?;
        }
        let writer = Writer::start(engine.clone(), log)?;
        let sender = writer.sender().ok_or_else(writer::ended)?;
        let flusher = Flusher::start(engine.clone(), sender)?;
        Ok(Self {
            inner: Arc::new(Inner {
                threads: Mutex::new(Some((flusher, writer))),
                engine,
                database,
                anchors: Mutex::new(Some(anchors)),
                _lock: Some(lock),
            }),
        })
    }

    /// Opens a folder that another process may hold: it is read as it is now, nothing in it is
    /// changed, and what comes later isn't seen in telemetry.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no data folder.
    pub async fn open_reading(dir: &Path) -> Result<Self, Error> {
        let dir = dir.to_owned();
        blocking(move || {
            let mut tries = 0;
            loop {
                match Self::look(&dir) {
                    // The process that writes has moved rows from its log meanwhile.
                    Err(Error::Unavailable(_)) if tries < READING_TRIES => tries += 1,
                    other => return other,
                }
            }
        })
        .await
    }

    fn look(dir: &Path) -> Result<Self, Error> {
        let folder = Folder::look(dir)?;
        let database = Database::open_reading(&folder.database())?;
        let engine = Arc::new(Engine::new(
            folder,
            database.clone(),
            Options::default(),
            true,
        ));
        start::load(&engine)?;
        Ok(Self {
            inner: Arc::new(Inner {
                threads: Mutex::new(None),
                engine,
                database,
                anchors: Mutex::new(None),
                _lock: None,
            }),
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.inner.engine.folder.root()
    }

    /// What is stored, and what of it can't be trusted.
    pub fn health(&self) -> Health {
        self.inner.engine.health()
    }

    fn writable(&self) -> Result<(), Error> {
        if self.inner.engine.reading {
            return Err(reading_only());
        }
        Ok(())
    }

    /// Writes all that is in memory to segments and cuts the log.
    pub async fn flush(&self) -> Result<(), Error> {
        self.writable()?;
        let engine = self.inner.engine.clone();
        let sender = self.sender()?;
        blocking(move || flush::flush(&engine, &sender)).await
    }

    fn sender(&self) -> Result<tokio::sync::mpsc::Sender<writer::Command>, Error> {
        let threads = self
            .inner
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match threads.as_ref() {
            Some((_, writer)) => writer.sender().ok_or_else(writer::ended),
            None => Err(reading_only()),
        }
    }
}

/// How often a folder in use is looked at again when it changed while it was read.
const READING_TRIES: usize = 5;
