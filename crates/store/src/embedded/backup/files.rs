//! Files of a backup: copied, linked, and held against what the manifest says.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use rusqlite::Connection;

use crate::embedded::folder::{Folder, write_whole};
use crate::embedded::log;
use crate::embedded::manifest::SavedFile;
use crate::error::{Error, at};

/// Bytes copied at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Whether a file has the length and checksum that the manifest says.
pub fn is_as_saved(path: &Path, saved: &SavedFile) -> Result<(), String> {
    let sum = File::open(path).and_then(|file| pass(file, &mut std::io::sink()));
    match sum {
        Err(error) => Err(format!("can't be read: {error}")),
        Ok((bytes, _)) if bytes != saved.bytes => {
            Err(format!("has {bytes} bytes, {} were written", saved.bytes))
        }
        Ok((_, crc32)) if crc32 != saved.crc32 => Err("has a wrong checksum".to_owned()),
        Ok(_) => Ok(()),
    }
}

/// Length and CRC-32 of what goes from one to the other.
fn pass(mut from: impl Read, to: &mut impl Write) -> std::io::Result<(u64, u32)> {
    let mut hasher = crc32fast::Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        let count = from.read(&mut chunk)?;
        if count == 0 {
            return Ok((bytes, hasher.finalize()));
        }
        hasher.update(&chunk[..count]);
        to.write_all(&chunk[..count])?;
        bytes += count as u64;
    }
}

/// Copies a file as a whole or not at all; gives its length and checksum.
pub fn copy(from: &Path, to: &Path) -> Result<(u64, u32), Error> {
    let source = File::open(from).map_err(|error| at(from, "can't be opened", &error))?;
    let beside = to.with_extension("new");
    let copied = File::create(&beside).and_then(|mut out| {
        let sum = pass(source, &mut out)?;
        out.sync_all()?;
        std::fs::rename(&beside, to)?;
        Ok(sum)
    });
    copied.map_err(|error| {
        // What was written of it only takes room.
        let _ = std::fs::remove_file(&beside);
        at(to, "can't be written", &error)
    })
}

/// Copies or links a segment; what is wrong with it in words, where it isn't what was written.
pub fn take(
    from: &Path,
    to: &Path,
    saved: &SavedFile,
    link: bool,
) -> Result<Result<(), String>, Error> {
    if link {
        if let Err(what) = is_as_saved(from, saved) {
            return Ok(Err(what));
        }
        // A file of this name that isn't as it was saved is in the way.
        let _ = std::fs::remove_file(to);
        return match std::fs::hard_link(from, to) {
            Ok(()) => Ok(Ok(())),
            Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {
                Err(Error::Refused(format!(
                    "{}: hard links work on the data folder's own file system only: leave --link out",
                    to.display()
                )))
            }
            Err(error) => Err(at(to, "can't be linked", &error)),
        };
    }
    if let Err(error) = File::open(from) {
        return Ok(Err(format!("can't be read: {error}")));
    }
    copy(from, to)?;
    let copied = is_as_saved(to, saved);
    if copied.is_err() {
        let _ = std::fs::remove_file(to);
    }
    Ok(copied)
}

/// The files that are one backup's alone.
pub struct Saving<'a> {
    pub root: &'a Path,
    pub state: &'a str,
    pub files: Vec<SavedFile>,
}

impl Saving<'_> {
    /// Copies one file; one that isn't there is left out.
    pub fn file(&mut self, from: &Path, name: &str) -> Result<(), Error> {
        let path = format!("{}/{name}", self.state);
        match File::open(from) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(at(from, "can't be read", &error)),
        }
        let (bytes, crc32) = copy(from, &self.root.join(&path))?;
        self.files.push(SavedFile {
            name: name.to_owned(),
            path,
            bytes,
            crc32,
        });
        Ok(())
    }

    /// The generations that no segment covers, as far as they are written. One that goes meanwhile
    /// is covered by segments, which the database's copy names.
    pub fn log(&mut self, folder: &Folder, from: u64) -> Result<(), Error> {
        for (number, path) in log::generations(&folder.log())? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if number >= from {
                self.file(&path, &format!("log/{name}"))?;
            }
        }
        Ok(())
    }

    /// A generation that was begun since the log was copied is empty.
    pub fn begun(&mut self, generation: u64) -> Result<(), Error> {
        let name = format!("log/{}", log::file_name(generation));
        if generation == 0 || self.files.iter().any(|file| file.name == name) {
            return Ok(());
        }
        let path = format!("{}/{name}", self.state);
        write_whole(&self.root.join(&path), &[])?;
        self.files.push(SavedFile {
            name,
            path,
            bytes: 0,
            crc32: 0,
        });
        Ok(())
    }

    /// SQLite's own copy, of one moment, while others may write.
    pub fn database(&mut self, connection: &Connection, name: &str) -> Result<(), Error> {
        let path = format!("{}/{name}", self.state);
        let target = self.root.join(&path);
        connection.execute("VACUUM INTO ?1", [target.display().to_string()])?;
        let (bytes, crc32) = File::open(&target)
            .and_then(|file| {
                file.sync_all()?;
                pass(&file, &mut std::io::sink())
            })
            .map_err(|error| at(&target, "can't be read", &error))?;
        self.files.push(SavedFile {
            name: name.to_owned(),
            path,
            bytes,
            crc32,
        });
        Ok(())
    }
}
