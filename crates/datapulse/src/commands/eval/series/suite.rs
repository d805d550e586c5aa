//! Suites of series: what is opened before answering, and the windows, opened after.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::seconds;
use crate::refusal::wrong_use;

/// Labelled anomalies by file, in seconds since 1970, both ends inclusive.
pub type Windows = BTreeMap<String, Vec<(i64, i64)>>;

/// How a suite is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    Nab,
    Event,
}

pub struct Suite {
    pub name: String,
    pub folder: PathBuf,
    pub measure: Measure,
    /// Alarms closer than so many rows are one event.
    pub event_gap: usize,
    /// Rows of delay that the strictest figure allows.
    pub k: usize,
    /// By file, in seconds: what is earlier is history.
    pub score_from: BTreeMap<String, i64>,
    /// Files, as `<name>.csv`.
    pub series: Vec<String>,
}

/// `suite.json`; keys that we don't know are left alone.
#[derive(Deserialize)]
struct Written {
    suite: String,
    measure: Measure,
    event_gap: usize,
    k: usize,
    #[serde(default)]
    score_from: BTreeMap<String, String>,
}

/// The suite of a folder, or those of its folders, by name.
pub fn find(dir: &Path) -> Result<Vec<Suite>> {
    let shown = dir.display();
    if dir.join("suite.json").is_file() {
        return Ok(vec![read(dir)?]);
    }
    let entries = fs::read_dir(dir).map_err(|error| {
        wrong_use(format!(
            "{shown} can't be read ({error}): name the folder that holds the suites of series"
        ))
    })?;
    let mut folders = Vec::new();
    for entry in entries {
        let folder = entry.with_context(|| shown.to_string())?.path();
        if folder.join("suite.json").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();
    if folders.is_empty() {
        return Err(wrong_use(format!(
            "{shown} holds no series: expected suite.json and <name>.csv.gz, or a folder with them for each suite"
        )));
    }
    folders.iter().map(|folder| read(folder)).collect()
}

fn read(folder: &Path) -> Result<Suite> {
    let path = folder.join("suite.json");
    let shown = path.display();
    let text = fs::read_to_string(&path).with_context(|| format!("{shown} can't be read"))?;
    let kind: serde_json::Value = serde_json::from_str(&text).with_context(|| shown.to_string())?;
    if kind["kind"] != "series" {
        return Err(wrong_use(format!(
            "{shown}: expected a suite of kind \"series\", got {}",
            kind["kind"]
        )));
    }
    let written: Written = serde_json::from_str(&text)
        .with_context(|| format!("{shown}: expected kind, suite, measure, event_gap and k"))?;
    let from = |(name, time): (String, String)| Ok((name, seconds(&time)?));
    let score_from: Result<_> = written.score_from.into_iter().map(from).collect();
    Ok(Suite {
        name: written.suite,
        folder: folder.to_owned(),
        measure: written.measure,
        event_gap: written.event_gap,
        k: written.k,
        score_from: score_from.with_context(|| format!("{shown}: score_from"))?,
        series: series(folder)?,
    })
}

/// `<name>.csv` of every file that holds a series.
fn series(folder: &Path) -> Result<Vec<String>> {
    let shown = folder.display();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| shown.to_string())? {
        let name = entry.with_context(|| shown.to_string())?.file_name();
        let name = name.to_string_lossy();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        if name.ends_with(".csv") {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

impl Suite {
    /// The labels; none where the suite has none.
    pub fn windows(&self) -> Result<Option<Windows>> {
        let path = self.folder.join("windows.json");
        if !path.is_file() {
            return Ok(None);
        }
        let shown = path.display();
        let text = fs::read_to_string(&path).with_context(|| format!("{shown} can't be read"))?;
        let written: BTreeMap<String, Vec<(String, String)>> = serde_json::from_str(&text)
            .with_context(|| format!("{shown}: expected {{ \"<name>.csv\": [[from, to], …] }}"))?;
        let mut windows = Windows::new();
        for (name, spans) in written {
            let span = |(from, to): &(String, String)| Ok((seconds(from)?, seconds(to)?));
            let spans: Result<_> = spans.iter().map(span).collect();
            windows.insert(name, spans.with_context(|| shown.to_string())?);
        }
        Ok(Some(windows))
    }
}
