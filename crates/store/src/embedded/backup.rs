//! `store backup`: a copy of a folder that a process may be writing to, made from outside.
//!
//! The log is copied first, then the database as it is at one moment, then the segments that this
//! database names. So every batch that was acknowledged before the copy began is in the log's copy
//! or in a segment. Segments never change: what an earlier backup has of them is kept. The manifest
//! is renamed into place last; until then the earlier backup can be restored.

mod files;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use model::Timestamp;
use rusqlite::Connection;

use super::database::{Database, blocking, meta};
use super::engine::load_segments;
use super::flush::log_from;
use super::folder::{Folder, sync_folder, write_whole};
use super::indices::CLUSTER;
use super::manifest::{MANIFEST, Manifest, SavedFile};
use super::segment::SegmentRow;
pub use files::copy;
use files::{Saving, is_as_saved, take};

use crate::care::{Inspection, Watch};
use crate::error::{Error, at};
use crate::lock::Lock;

/// What the `format` file of a backup says.
const FORMAT: &str = "datapulse backup 1";

/// How often it begins anew where segments were merged or deleted while it copied. What it has
/// copied stays, so each time there is less to do.
const MAX_TRIES: usize = 20;

const STATE: &str = "state-";

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    pub manifest: Manifest,
    /// Bytes of segments that an earlier backup had.
    pub kept_bytes: u64,
}

/// Backs a folder up into `destination`, which is new, empty, or an earlier backup of the same
/// store. With `link` segments are hard links: made at once, but on the same disk.
///
/// # Errors
/// [`Error::Refused`] for a destination that is something else.
pub async fn backup(
    folder: &Path,
    destination: &Path,
    link: bool,
    now: Timestamp,
    watch: impl Fn(u64, u64) + Send + Sync + 'static,
) -> Result<BackedUp, Error> {
    let (root, destination) = (folder.to_owned(), destination.to_owned());
    blocking(move || {
        let folder = Folder::look(&root)?;
        let destination = Destination::open(&folder, &destination)?;
        let mut tries = 0;
        loop {
            tries += 1;
            match destination.copy(&folder, link, now, &watch)? {
                Some(done) => return Ok(done),
                None if tries < MAX_TRIES => {}
                None => {
                    return Err(Error::Unavailable(format!(
                        "{}: segments are merged or deleted faster than they can be copied; try again when less comes in",
                        root.display()
                    )));
                }
            }
        }
    })
    .await
}

/// Whether the folder says that it is a backup.
pub fn is_backup(dir: &Path) -> bool {
    std::fs::read_to_string(dir.join("format")).is_ok_and(|text| text.trim_end() == FORMAT)
}

/// Holds every file of a backup against its manifest.
pub fn check(dir: &Path, watch: Watch<'_>) -> Result<Inspection, Error> {
    const ADVICE: &str = "make the backup again, or use another one";
    let mut found = Inspection::default();
    let manifest = match Manifest::read(dir) {
        Ok(Some(manifest)) => manifest,
        Ok(None) => {
            let place = dir.join(MANIFEST).display().to_string();
            found.fault(place, "is missing: the backup was never finished", ADVICE);
            return Ok(found);
        }
        Err(error) => {
            found.fault(
                dir.join(MANIFEST).display().to_string(),
                error.to_string(),
                ADVICE,
            );
            return Ok(found);
        }
    };
    let all = manifest.all().map(|file| file.bytes).sum();
    let mut done = 0;
    watch(0, all);
    for file in manifest.all() {
        let path = dir.join(&file.path);
        if let Err(what) = is_as_saved(&path, file) {
            found.fault(path.display().to_string(), what, ADVICE);
        }
        done += file.bytes;
        watch(done, all);
    }
    found.checked.segments = manifest.segments.len() as u64;
    found.checked.segment_bytes = manifest.segments.iter().map(|file| file.bytes).sum();
    found.checked.documents = manifest.documents;
    found.checked.records = manifest.records;
    found.notes.extend(
        manifest
            .missing
            .iter()
            .map(|what| format!("wasn't in it when it was made: {what}")),
    );
    Ok(found)
}

/// Where the backup goes; held by one process.
struct Destination {
    root: PathBuf,
    earlier: Option<Manifest>,
    _lock: Lock,
}

impl Destination {
    fn open(folder: &Folder, root: &Path) -> Result<Self, Error> {
        let shown = root.display();
        let known = is_backup(root);
        let is_empty = match std::fs::read_dir(root) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(at(root, "can't be read", &error)),
        };
        if !known && !is_empty {
            return Err(Error::Refused(format!(
                "{shown} holds something else than a backup: name a new folder, or an earlier backup of this store"
            )));
        }
        std::fs::create_dir_all(root).map_err(|error| at(root, "can't be made", &error))?;
        let inside = |path: &Path| {
            path.canonicalize()
                .ok()
                .zip(folder.root().canonicalize().ok())
        };
        if inside(root).is_some_and(|(here, store)| here.starts_with(store)) {
            if is_empty {
                // It was made just now.
                let _ = std::fs::remove_dir(root);
            }
            return Err(Error::Refused(format!(
                "{shown} lies in the data folder itself: name a folder outside of it, at best on another disk"
            )));
        }
        let lock = Lock::take(root, "backup")?;
        if !known {
            write_whole(&root.join("format"), format!("{FORMAT}\n").as_bytes())?;
        }
        let segments = root.join("segments");
        std::fs::create_dir_all(&segments)
            .map_err(|error| at(&segments, "can't be made", &error))?;
        Ok(Self {
            earlier: Manifest::read(root)?,
            root: root.to_owned(),
            _lock: lock,
        })
    }

    /// `None`: a segment went while it was wanted.
    fn copy(
        &self,
        folder: &Folder,
        link: bool,
        now: Timestamp,
        watch: Watch<'_>,
    ) -> Result<Option<BackedUp>, Error> {
        let before = self.earlier.as_ref().map(|earlier| earlier.state.as_str());
        self.sweep_states(before)?;
        let state = next_state(before);
        let dir = self.root.join(&state);
        let mut saving = Saving {
            root: &self.root,
            state: &state,
            files: Vec::new(),
        };
        std::fs::create_dir_all(dir.join("log"))
            .map_err(|error| at(&dir, "can't be made", &error))?;
        let live = Database::open_reading(&folder.database())?;
        let from = live.with(|connection| log_from(connection))?;
        saving.log(folder, from)?;
        saving.file(&folder.anchors(), "anchors.log")?;
        live.with(|connection| saving.database(connection, "truth.db"))?;
        drop(live);
        let saved = Database::open_reading(&dir.join("truth.db"))?;
        let (rows, store_id, records, from) = saved.with(|connection| {
            self.check_owner(connection)?;
            let records: i64 =
                connection.query_row("SELECT count(*) FROM records", [], |row| row.get(0))?;
            let (rows, owner) = (load_segments(connection)?, meta(connection, CLUSTER)?);
            Ok((rows, owner, records, log_from(connection)?))
        })?;
        drop(saved);
        saving.begun(from)?;
        let Some(segments) = self.segments(folder, &rows, link, watch)? else {
            return Ok(None);
        };
        let manifest = Manifest {
            store_format: folder.format()?,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            store_id,
            made_at: now,
            state: state.clone(),
            files: saving.files,
            documents: segments.documents,
            segments: segments.saved,
            missing: segments.missing,
            records: records.unsigned_abs(),
        };
        for part in [
            dir.join("log"),
            dir,
            self.root.join("segments"),
            self.root.clone(),
        ] {
            sync_folder(&part)?;
        }
        manifest.write(&self.root)?;
        self.sweep_states(Some(&state))?;
        self.sweep_segments(&manifest)?;
        Ok(Some(BackedUp {
            manifest,
            kept_bytes: segments.kept_bytes,
        }))
    }

    /// Two stores never share a backup.
    fn check_owner(&self, connection: &Connection) -> Result<(), Error> {
        let known = self
            .earlier
            .as_ref()
            .and_then(|earlier| earlier.store_id.clone());
        match (known, meta(connection, CLUSTER)?) {
            (Some(known), Some(this)) if known != this => Err(Error::Refused(format!(
                "{} is the backup of another store ({known}, this one is {this}): name a new folder",
                self.root.display()
            ))),
            _ => Ok(()),
        }
    }

    fn segments(
        &self,
        folder: &Folder,
        rows: &[SegmentRow],
        link: bool,
        watch: Watch<'_>,
    ) -> Result<Option<Segments>, Error> {
        let mut found = Segments::default();
        let all = rows.iter().map(|row| row.bytes).sum();
        let mut done = 0;
        watch(0, all);
        for row in rows {
            let path = format!("segments/{}", saved_name(row));
            let (from, to) = (folder.segments().join(&row.file), self.root.join(&path));
            let saved = SavedFile {
                name: format!("segments/{}", row.file),
                path,
                bytes: row.bytes,
                crc32: row.crc32,
            };
            let kept = is_as_saved(&to, &saved).is_ok();
            if !kept && !from.exists() && !self.names(folder, row)? {
                return Ok(None);
            }
            match if kept {
                Ok(())
            } else {
                take(&from, &to, &saved, link)?
            } {
                Ok(()) => {
                    found.documents += row.rows;
                    found.kept_bytes += if kept { row.bytes } else { 0 };
                    found.saved.push(saved);
                }
                Err(what) => found.missing.push(format!(
                    "{}: segment of {} with {} documents {what}",
                    from.display(),
                    row.index,
                    row.rows
                )),
            }
            done += row.bytes;
            watch(done, all);
        }
        Ok(Some(found))
    }

    /// Whether the folder's database still has the segment: else it was merged or deleted.
    fn names(&self, folder: &Folder, row: &SegmentRow) -> Result<bool, Error> {
        let live = Database::open_reading(&folder.database())?;
        live.with(|connection| Ok(load_segments(connection)?.contains(row)))
    }

    /// Deletes the states of backups that were interrupted or replaced.
    fn sweep_states(&self, kept: Option<&str>) -> Result<(), Error> {
        for (name, path) in listed(&self.root)? {
            if name.starts_with(STATE) && kept != Some(name.as_str()) {
                std::fs::remove_dir_all(&path)
                    .map_err(|error| at(&path, "can't be deleted", &error))?;
            }
        }
        Ok(())
    }

    /// Deletes segments that only an earlier backup had.
    fn sweep_segments(&self, manifest: &Manifest) -> Result<(), Error> {
        let kept: HashSet<&str> = manifest
            .segments
            .iter()
            .map(|file| file.path.as_str())
            .collect();
        for (name, path) in listed(&self.root.join("segments"))? {
            if !kept.contains(format!("segments/{name}").as_str()) {
                std::fs::remove_file(&path)
                    .map_err(|error| at(&path, "can't be deleted", &error))?;
            }
        }
        Ok(())
    }
}

/// What is in a folder: names and paths.
fn listed(dir: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let entries = std::fs::read_dir(dir).map_err(|error| at(dir, "can't be read", &error))?;
    let named = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, entry.path())
    };
    Ok(entries.flatten().map(named).collect())
}

/// A segment's file in a backup: with its checksum, since a store that was restored may give a
/// name again.
fn saved_name(row: &SegmentRow) -> String {
    let stem = row.file.strip_suffix(".parquet").unwrap_or(&row.file);
    format!("{stem}.{:08x}.parquet", row.crc32)
}

fn next_state(before: Option<&str>) -> String {
    let number = before.and_then(|name| name.strip_prefix(STATE)?.parse::<u64>().ok());
    format!("{STATE}{:06}", number.unwrap_or(0) + 1)
}

#[derive(Default)]
struct Segments {
    saved: Vec<SavedFile>,
    missing: Vec<String>,
    documents: u64,
    kept_bytes: u64,
}
