//! The rules of the house: who may depend on whom, names, lengths, papers, and no task left in the
//! code without a reason. Each check is a function of text, so that its test can show it fail.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use walkdir::WalkDir;

use crate::step::root;

mod directions;
mod length;
mod papers;
mod sources;

pub fn run(arguments: &[String]) -> Result<bool> {
    let bless = match arguments {
        [] => false,
        [one] if one == "--bless" => true,
        other => bail!("expected nothing or --bless, got {other:?}"),
    };
    let mut faults = directions::check()?;
    faults.extend(papers::check()?);
    faults.extend(sources::check()?);
    if bless {
        length::bless()?;
    }
    faults.extend(length::check()?);
    for fault in &faults {
        eprintln!("house: {fault}");
    }
    if faults.is_empty() {
        eprintln!("house: in order");
    }
    Ok(faults.is_empty())
}

/// Our files with one of the extensions, as paths under the root; nothing that was installed or
/// built.
fn files(folders: &[&str], extensions: &[&str]) -> Vec<PathBuf> {
    let built = ["target", "node_modules", "dist"];
    let mut files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| {
            WalkDir::new(root().join(folder))
                .into_iter()
                .filter_entry(|entry| !built.iter().any(|name| entry.file_name() == *name))
        })
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .filter(|path| extension(path).is_some_and(|found| extensions.contains(&found)))
        .filter_map(|path| Some(path.strip_prefix(root()).ok()?.to_path_buf()))
        .collect();
    files.sort();
    files
}

fn extension(path: &Path) -> Option<&str> {
    path.extension().and_then(|extension| extension.to_str())
}

/// Every Rust file of ours.
fn rust_files() -> Vec<PathBuf> {
    files(&["crates", "xtask"], &["rs"])
}
