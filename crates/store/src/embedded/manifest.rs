//! What a backup says of itself: every file with its length and checksum.

use std::path::Path;

use model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use super::folder::write_whole;
use crate::error::{Error, at};

/// The manifest's file: it is written last, so a folder without it is no backup yet.
pub const MANIFEST: &str = "manifest.json";

/// A backup, as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What the data folder's `format` said.
    pub store_format: String,
    /// Of the program that made it.
    pub version: String,
    /// What tells the store from others, where it had been asked for.
    pub store_id: Option<String>,
    pub made_at: Timestamp,
    /// Files that are this backup's alone lie below it: database, log, anchors.
    pub state: String,
    pub files: Vec<SavedFile>,
    pub segments: Vec<SavedFile>,
    /// Segments that couldn't be read: what the backup lacks, and why.
    pub missing: Vec<String>,
    /// In segments; the log holds more.
    pub documents: u64,
    pub records: u64,
}

/// A file of the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// Its place in the data folder, such as `log/00000000000000000007.log`.
    pub name: String,
    /// Its place in the backup.
    pub path: String,
    pub bytes: u64,
    pub crc32: u32,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    /// Of `backup`, as JSON without blanks.
    digest: Digest,
    backup: Manifest,
}

impl Manifest {
    pub fn write(&self, backup: &Path) -> Result<(), Error> {
        let path = backup.join(MANIFEST);
        let unwritable =
            |error: serde_json::Error| Error::Refused(format!("{}: {error}", path.display()));
        let sealed = Sealed {
            digest: Digest::of(&serde_json::to_vec(self).map_err(unwritable)?),
            backup: self.clone(),
        };
        let text = serde_json::to_vec_pretty(&sealed).map_err(unwritable)?;
        write_whole(&path, &text)
    }

    /// `None` where there is none yet.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it isn't what was written.
    pub fn read(backup: &Path) -> Result<Option<Self>, Error> {
        let path = backup.join(MANIFEST);
        let damaged = |what: &dyn std::fmt::Display| {
            Error::Damaged(format!("{}: {what}; use another backup", path.display()))
        };
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(&path, "can't be read", &error)),
        };
        let sealed: Sealed = serde_json::from_slice(&text).map_err(|error| damaged(&error))?;
        let body = serde_json::to_vec(&sealed.backup).map_err(|error| damaged(&error))?;
        if Digest::of(&body) != sealed.digest {
            return Err(damaged(&"its digest is another: it was altered"));
        }
        Ok(Some(sealed.backup))
    }

    /// All files, those of the state first.
    pub fn all(&self) -> impl Iterator<Item = &SavedFile> {
        self.files.iter().chain(&self.segments)
    }
}
