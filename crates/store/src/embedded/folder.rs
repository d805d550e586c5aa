//! The data folder: who holds it, which version it has, and where things lie in it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use fs4::fs_std::FileExt;

use crate::error::Error;

/// What the `format` file says; another number is another layout.
pub const FORMAT: &str = "datapulse 1";

const LOCK: &str = "datapulse.lock";

/// Paths inside a data folder.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn database(&self) -> PathBuf {
        self.root.join("truth.db")
    }

    pub fn segments(&self) -> PathBuf {
        self.root.join("segments")
    }

    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    pub fn damaged(&self) -> PathBuf {
        self.root.join("damaged")
    }

    pub fn anchors(&self) -> PathBuf {
        self.root.join("anchors.log")
    }

    /// Makes the folder where it isn't there, takes its lock, and checks its version.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where another process holds it, [`Error::Refused`] where it has
    /// another version or is something else.
    pub fn take(root: &Path) -> Result<(Self, Lock), Error> {
        let folder = Self {
            root: root.to_owned(),
        };
        std::fs::create_dir_all(root).map_err(|error| at(root, "can't be made", &error))?;
        let lock = Lock::take(root)?;
        folder.check_format(true)?;
        for path in [folder.segments(), folder.log()] {
            std::fs::create_dir_all(&path).map_err(|error| at(&path, "can't be made", &error))?;
        }
        Ok((folder, lock))
    }

    /// A folder that somebody else may hold: nothing in it is changed.
    pub fn look(root: &Path) -> Result<Self, Error> {
        let folder = Self {
            root: root.to_owned(),
        };
        if !folder.database().is_file() {
            return Err(Error::NotFound(format!(
                "{}: a data folder (there is no truth.db in it); name the folder that \
                 `datapulse serve` or `demo` was given",
                root.display()
            )));
        }
        folder.check_format(false)?;
        Ok(folder)
    }

    fn check_format(&self, write: bool) -> Result<(), Error> {
        let path = self.root.join("format");
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim_end() == FORMAT => Ok(()),
            Ok(text) => Err(Error::Refused(format!(
                "{}: the data folder has format {:?}, this datapulse reads {FORMAT:?}; use the \
                 version that wrote it, or another folder",
                self.root.display(),
                text.trim_end().chars().take(40).collect::<String>()
            ))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if self.database().exists() || !write {
                    return Err(Error::Refused(format!(
                        "{}: the file `format` is missing beside truth.db; restore it from a \
                         backup, or use another folder",
                        self.root.display()
                    )));
                }
                write_whole(&path, format!("{FORMAT}\n").as_bytes())
            }
            Err(error) => Err(at(&path, "can't be read", &error)),
        }
    }
}

/// The folder's lock, held as long as this lives; the system lets go of it when the process dies.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    fn take(root: &Path) -> Result<Self, Error> {
        let path = root.join(LOCK);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|error| at(&path, "can't be opened", &error))?;
        let free = FileExt::try_lock_exclusive(&file)
            .map_err(|error| at(&path, "can't be locked", &error))?;
        if !free {
            let mut holder = String::new();
            // Only for the message: an unreadable note is no reason to say less clearly why.
            let _ = file.read_to_string(&mut holder);
            let holder = holder.trim();
            let who = if holder.is_empty() {
                "another datapulse process".to_owned()
            } else {
                format!("the datapulse process {holder}")
            };
            return Err(Error::Unavailable(format!(
                "{}: the data folder is in use by {who}; stop it, or use another folder with --data",
                root.display()
            )));
        }
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        if let Err(error) = noted {
            tracing::warn!(%error, "the lock file doesn't say who holds it");
        }
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file lets go too; a failure here changes nothing.
        let _ = FileExt::unlock(&self.file);
    }
}

/// An I/O error with its place, and what the caller can do.
pub fn at(path: &Path, what: &str, error: &std::io::Error) -> Error {
    let hint = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::FileTooLarge => {
            "; free space on the disk, then try again"
        }
        std::io::ErrorKind::PermissionDenied => "; check who owns it",
        _ => "",
    };
    Error::Unavailable(format!("{}: {what}: {error}{hint}", path.display()))
}

/// Makes renames and new files in a folder durable.
pub fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| at(path, "can't be synced", &error))
}

/// A small file as a whole or not at all: written beside, synced, renamed.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let beside = path.with_extension("new");
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| at(&beside, "can't be written", &error))?;
    std::fs::rename(&beside, path).map_err(|error| at(path, "can't be renamed to", &error))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Moves a file that can't be trusted out of the way; gives its new place.
pub fn set_aside(folder: &Folder, path: &Path) -> Result<PathBuf, Error> {
    let damaged = folder.damaged();
    std::fs::create_dir_all(&damaged).map_err(|error| at(&damaged, "can't be made", &error))?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut target = damaged.join(&name);
    let mut number = 1;
    while target.exists() {
        target = damaged.join(format!("{name}.{number}"));
        number += 1;
    }
    std::fs::rename(path, &target).map_err(|error| at(path, "can't be set aside", &error))?;
    sync_folder(&damaged)?;
    Ok(target)
}
