//! The papers that a newcomer reads are there, and ARCHITECTURE.md names every crate.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};

use crate::step::root;

const PAPERS: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "NOTICE",
    "docs/benchmarks.md",
];

pub fn check() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for paper in PAPERS {
        if !root().join(paper).is_file() {
            faults.push(format!("{paper} is missing"));
        }
    }
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap_or_default();
    faults.extend(unnamed(&architecture, &crates()?));
    let readme = fs::read_to_string(root().join("README.md")).unwrap_or_default();
    if readme.contains("@@") {
        faults
            .push("README.md holds a place for something that was never filled in (@@)".to_owned());
    }
    for image in images(&readme) {
        if !root().join(&image).is_file() {
            faults.push(format!("README.md shows {image}, which isn't there"));
        }
    }
    Ok(faults)
}

/// The workspace's crates by the names of their folders.
fn crates() -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::from(["xtask".to_owned()]);
    for entry in fs::read_dir(root().join("crates")).context("crates")? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

fn unnamed(architecture: &str, crates: &BTreeSet<String>) -> Vec<String> {
    crates
        .iter()
        .filter(|name| {
            !architecture
                .lines()
                .any(|line| line == format!("### `{name}`"))
        })
        .map(|name| format!("ARCHITECTURE.md has no section \"### `{name}`\""))
        .collect()
}

/// Pictures of this repository that a Markdown text shows: `![…](docs/…)`.
fn images(markdown: &str) -> Vec<String> {
    markdown
        .split("![")
        .skip(1)
        .filter_map(|rest| rest.split_once("](")?.1.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .filter(|target| !target.contains("://"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{images, unnamed};

    #[test]
    fn a_crate_that_is_only_mentioned_has_no_section() {
        let crates = BTreeSet::from(["bus".to_owned(), "model".to_owned()]);
        let text = "### `model`\nThe words. `bus` carries none.\n";
        assert_eq!(
            unnamed(text, &crates),
            ["ARCHITECTURE.md has no section \"### `bus`\""]
        );
    }

    #[test]
    fn pictures_of_the_repository_are_found_others_left() {
        let text = "![a](docs/images/a.png) and ![b](https://example.org/b.svg)";
        assert_eq!(images(text), ["docs/images/a.png"]);
    }
}
