//! Files out of the page cache, without any right over the machine.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use walkdir::WalkDir;

/// Writes what is dirty and advises the kernel to let go of each file's pages
/// (`posix_fadvise(DONTNEED)`, by way of dd(1)). No process may have the files mapped.
pub fn forget(folder: &Path) -> Result<()> {
    run(Command::new("sync"), "sync")?;
    for entry in WalkDir::new(folder) {
        let entry = entry?;
        if !entry.file_type().is_file() {
            continue;
        }
        let mut dd = Command::new("dd");
        dd.arg(format!("if={}", entry.path().display()))
            .args(["iflag=nocache", "count=0"]);
        run(dd, "dd")?;
    }
    Ok(())
}

fn run(mut command: Command, name: &str) -> Result<()> {
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("{name} can't be started"))?;
    if !status.success() {
        bail!("{name} ended with {status}");
    }
    Ok(())
}
