//! `store restore`: a backup becomes a data folder, whole or not at all.

use std::path::{Path, PathBuf};

use super::backup::{check, copy, is_backup};
use super::database::blocking;
use super::folder::{self, sync_folder, write_whole};
use super::manifest::Manifest;
use crate::care::{Inspection, Watch};
use crate::error::{Error, at};
use crate::lock::Lock;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    Done(Manifest),
    /// The backup isn't what was written: nothing was made.
    Damaged(Inspection),
}

/// Makes the data folder `target`, which must be missing or empty, from a backup. All files are
/// held against the manifest first. It is built beside the target and renamed.
///
/// # Errors
/// [`Error::Refused`] for a target that holds something, or a backup of a newer format.
pub async fn restore(
    backup: &Path,
    target: &Path,
    watch: impl Fn(u64, u64) + Send + Sync + 'static,
) -> Result<Restored, Error> {
    let (backup, target) = (backup.to_owned(), target.to_owned());
    blocking(move || restore_blocking(&backup, &target, &watch)).await
}

fn restore_blocking(backup: &Path, target: &Path, watch: Watch<'_>) -> Result<Restored, Error> {
    if !is_backup(backup) {
        return Err(Error::Refused(format!(
            "{}: not a backup that `datapulse store backup` made",
            backup.display()
        )));
    }
    check_target(target)?;
    // A backup that is renewed meanwhile would change under our hands.
    let _lock = Lock::take(backup, "backup")?;
    // Half of the way is looking, half is copying.
    let found = check(backup, &|done, all| watch(done, all * 2))?;
    let manifest = match (found.is_whole(), Manifest::read(backup)?) {
        (true, Some(manifest)) => manifest,
        _ => return Ok(Restored::Damaged(found)),
    };
    folder::check_known(&manifest.store_format, backup)?;
    let beside = beside(target)?;
    let built = build(backup, &manifest, &beside, watch).and_then(|()| {
        check_target(target)?;
        std::fs::rename(&beside, target)
            .map_err(|error| at(target, "can't be renamed to", &error))?;
        target
            .parent()
            .map_or(Ok(()), |parent| sync_folder(some(parent)))
    });
    if let Err(error) = built {
        // Nothing half-done stays; where even that fails, the next try deletes it.
        let _ = std::fs::remove_dir_all(&beside);
        return Err(error);
    }
    Ok(Restored::Done(manifest))
}

fn check_target(target: &Path) -> Result<(), Error> {
    match std::fs::read_dir(target).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(Error::Refused(format!(
            "{}: the folder isn't empty, and nothing in it is overwritten: name a new one with --data, or move it away",
            target.display()
        ))),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at(target, "can't be read", &error)),
    }
}

/// `data` is in the working directory.
fn some(parent: &Path) -> &Path {
    if parent.as_os_str().is_empty() {
        return Path::new(".");
    }
    parent
}

/// Beside the target, on its file system.
fn beside(target: &Path) -> Result<PathBuf, Error> {
    let name = target
        .file_name()
        .ok_or_else(|| Error::Refused(format!("{}: not the name of a folder", target.display())))?;
    let parent = some(target.parent().unwrap_or(Path::new("")));
    std::fs::create_dir_all(parent).map_err(|error| at(parent, "can't be made", &error))?;
    Ok(parent.join(format!(".{}.restoring", name.to_string_lossy())))
}

fn build(backup: &Path, manifest: &Manifest, beside: &Path, watch: Watch<'_>) -> Result<(), Error> {
    // One that was interrupted left it.
    if beside.exists() {
        std::fs::remove_dir_all(beside).map_err(|error| at(beside, "can't be deleted", &error))?;
    }
    let parts = [
        beside.to_owned(),
        beside.join("segments"),
        beside.join("log"),
    ];
    for part in &parts {
        std::fs::create_dir_all(part).map_err(|error| at(part, "can't be made", &error))?;
    }
    let all: u64 = manifest.all().map(|file| file.bytes).sum();
    let mut done = all;
    for file in manifest.all() {
        let (from, to) = (backup.join(&file.path), beside.join(&file.name));
        if copy(&from, &to)? != (file.bytes, file.crc32) {
            return Err(Error::Damaged(format!(
                "{}: it changed while it was copied",
                from.display()
            )));
        }
        done += file.bytes;
        watch(done, all * 2);
    }
    write_whole(
        &beside.join("format"),
        format!("{}\n", manifest.store_format).as_bytes(),
    )?;
    parts.iter().rev().try_for_each(|part| sync_folder(part))
}
