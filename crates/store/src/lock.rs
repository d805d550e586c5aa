//! Who holds a data folder: one process that writes.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use fs4::fs_std::FileExt;

use crate::error::{Error, at};

const LOCK: &str = "datapulse.lock";

/// The folder's lock, held as long as this lives; the system lets go of it when the process dies.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Of a folder that is there; `what` it is, such as `data folder`.
    pub fn take(root: &Path, what: &str) -> Result<Self, Error> {
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
                "{}: the {what} is in use by {who}; stop it, or use another folder",
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
