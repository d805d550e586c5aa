//! SQLite: the journal, the knowledge, the mappings and the list of segments.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::engine::has_column;
use super::mirror;
use crate::error::Error;

/// How long a statement waits for another process's lock.
const BUSY: Duration = Duration::from_secs(5);

/// Pages that SQLite may keep in memory, in KiB.
const CACHE_KIB: i64 = 4_096;

pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records(
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  incident TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  agent TEXT NOT NULL, action TEXT NOT NULL, decision TEXT, approved_by TEXT,
  digest TEXT NOT NULL, previous TEXT NOT NULL, bytes BLOB NOT NULL,
  UNIQUE(incident, seq));
CREATE TABLE IF NOT EXISTS summaries(
  incident TEXT PRIMARY KEY, status TEXT NOT NULL, status_rank INTEGER NOT NULL,
  severity TEXT NOT NULL, severity_rank INTEGER NOT NULL, service TEXT NOT NULL,
  rule TEXT NOT NULL, words TEXT NOT NULL, opened_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS services(name TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runbooks(
  id TEXT PRIMARY KEY, json TEXT NOT NULL, embedding BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens(
  id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS people(subject TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fields(
  index_name TEXT NOT NULL, name TEXT NOT NULL, mapping TEXT NOT NULL, parent TEXT,
  several INTEGER NOT NULL, parameters TEXT,
  PRIMARY KEY(index_name, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS indices(name TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS templates(name TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aliases(
  name TEXT NOT NULL, index_name TEXT NOT NULL, is_write_index INTEGER,
  PRIMARY KEY(name, index_name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dropped(
  index_name TEXT PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segments(
  id INTEGER PRIMARY KEY AUTOINCREMENT, index_name TEXT NOT NULL, file TEXT NOT NULL UNIQUE,
  row_count INTEGER NOT NULL, bytes INTEGER NOT NULL, crc32 INTEGER NOT NULL,
  min_ms INTEGER, max_ms INTEGER);
CREATE TABLE IF NOT EXISTS replaced(
  segment INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY(segment, document)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS damaged(
  file TEXT PRIMARY KEY, reason TEXT NOT NULL, index_name TEXT) WITHOUT ROWID;
";

/// One connection; statements run on a thread that may block.
#[derive(Clone)]
pub struct Database {
    connection: Arc<Mutex<Connection>>,
}

impl Database {
    /// Opens for writing. `durable`: every commit waits for the disk.
    pub fn open(path: &Path, durable: bool) -> Result<Self, Error> {
        let connection = Connection::open(path).map_err(|error| opening(path, &error))?;
        let prepare = || -> rusqlite::Result<()> {
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            let level = if durable { "FULL" } else { "OFF" };
            connection.pragma_update(None, "synchronous", level)?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            make(&connection)
        };
        prepare().map_err(|error| opening(path, &error))?;
        Ok(Self::of(connection))
    }

    /// Opens for reading only, beside the process that writes.
    pub fn open_reading(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|error| opening(path, &error))?;
        connection
            .busy_timeout(BUSY)
            .and_then(|()| connection.pragma_update(None, "cache_size", -CACHE_KIB))
            .map_err(|error| opening(path, &error))?;
        Ok(Self::of(connection))
    }

    fn of(connection: Connection) -> Self {
        Self {
            connection: Arc::new(Mutex::new(connection)),
        }
    }

    /// Runs on this thread: for threads that may block.
    pub fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&mut connection)
    }

    /// Runs on a blocking thread.
    pub async fn call<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    {
        let database = self.clone();
        blocking(move || database.with(work)).await
    }
}

/// Makes what is missing, all at once.
fn make(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(SCHEMA)?;
    // Folders from before fields had parameters, and damage its index.
    for (table, column) in [("fields", "parameters"), ("damaged", "index_name")] {
        if !has_column(&transaction, table, column)? {
            let add = format!("ALTER TABLE {table} ADD COLUMN {column} TEXT");
            transaction.execute_batch(&add)?;
        }
    }
    mirror::make(&transaction)?;
    transaction.commit()
}

/// Runs work that blocks on a thread for it.
pub async fn blocking<T, F>(work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(Error::Unavailable(format!(
                "the store's work ended: {error}"
            )))
        })
}

fn opening(path: &Path, error: &rusqlite::Error) -> Error {
    match failed(error) {
        Error::Damaged(text) => Error::Damaged(format!(
            "{}: {text}; restore the file from a backup",
            path.display()
        )),
        other => Error::Unavailable(format!("{}: {other}", path.display())),
    }
}

/// What a caller can do about SQLite's error.
pub fn failed(error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::Damaged(format!("the database: {error}"))
        }
        Some(ErrorCode::DiskFull) => Error::Unavailable(format!(
            "the database can't be written: {error}; free space on the disk, then try again"
        )),
        _ => Error::Unavailable(format!("the database: {error}")),
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        failed(&error)
    }
}

/// A value of `meta`.
pub fn meta(connection: &Connection, key: &str) -> Result<Option<String>, Error> {
    use rusqlite::OptionalExtension as _;
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

pub fn set_meta(connection: &Connection, key: &str, value: &str) -> Result<(), Error> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)")?
        .execute([key, value])?;
    Ok(())
}
