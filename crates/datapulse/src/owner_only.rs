//! Files with secrets: whole or not at all, and never readable by anybody else.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};

/// Makes a folder that only its owner may enter; one that is there stays as it is.
pub fn folder(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("{} can't be made", path.display()))
}

/// Replaces a file, with mode 0600 from the start.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let unwritten = || format!("{} can't be written", path.display());
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    // One left behind may have another mode.
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .with_context(unwritten)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path).with_context(unwritten)
}
