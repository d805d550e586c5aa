//! The data folder: who holds it, which version it has, and where things lie in it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{Error, at};
use crate::lock::Lock;

/// What the `format` file says; another number is another layout.
pub const FORMAT: &str = "datapulse 2";

/// Older layouts that are brought to the present one when they are opened for writing
/// ([`super::migrate`]), and that can be read as they are.
pub const OLDER: [&str; 1] = ["datapulse 1"];

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

    /// What SQLite has committed and not yet put into the database's own file.
    pub fn write_ahead(&self) -> PathBuf {
        self.root.join("truth.db-wal")
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
        let lock = Lock::take(root, "data folder")?;
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

    /// What the folder's `format` says.
    pub fn format(&self) -> Result<String, Error> {
        let path = self.root.join("format");
        let text =
            std::fs::read_to_string(&path).map_err(|error| at(&path, "can't be read", &error))?;
        Ok(text.trim_end().to_owned())
    }

    fn check_format(&self, write: bool) -> Result<(), Error> {
        let path = self.root.join("format");
        match std::fs::read_to_string(&path) {
            Ok(text) => check_known(text.trim_end(), &self.root),
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

/// Whether a folder of this format can be read.
pub fn check_known(format: &str, root: &Path) -> Result<(), Error> {
    if format == FORMAT || OLDER.contains(&format) {
        return Ok(());
    }
    Err(Error::Refused(format!(
        "{}: the data folder has format {:?}, this datapulse reads {FORMAT:?} and older; use the \
         version that wrote it, or a newer one, or another folder",
        root.display(),
        format.chars().take(40).collect::<String>()
    )))
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
