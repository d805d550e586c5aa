//! Peers out of Python's registry, in an environment of their own under `target/bench`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::step::target;

/// Pinned, so that figures of different days can be compared.
const DUCKDB: &str = "duckdb==2.0.1";
const MILLION: &str = include_str!("peer/million.py");
const SCANS: &str = include_str!("peer/scans.py");

/// The tools' questions, asked of DuckDB and SQLite over the same documents.
pub fn million(
    folder: &Path,
    window: &(String, String),
    words: &str,
    times: usize,
) -> Result<Value> {
    let mut command = Command::new(python()?);
    command.args(["-c", MILLION]).arg(folder).args([
        &window.0,
        &window.1,
        words,
        &times.to_string(),
    ]);
    told(command)
}

/// SQL over the segments of a data folder that nobody serves.
pub fn scans(
    folder: &Path,
    questions: &Path,
    threads: usize,
    warm: usize,
    times: usize,
) -> Result<Value> {
    let mut command = Command::new(python()?);
    command
        .args(["-c", SCANS])
        .arg(folder)
        .arg(questions)
        .args([threads, warm, times].map(|number| number.to_string()));
    told(command)
}

fn told(mut command: Command) -> Result<Value> {
    let output = command.output().context("python")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("DuckDB: {}", said.lines().last().unwrap_or_default());
    }
    serde_json::from_slice(&output.stdout).context("the peer's answer")
}

/// The environment's Python, made once.
fn python() -> Result<PathBuf> {
    let folder = target().join("bench/python");
    let python = folder.join("bin/python");
    let ready = Command::new(&python).args(["-c", "import duckdb"]).output();
    if ready.is_ok_and(|output| output.status.success()) {
        return Ok(python);
    }
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&folder)
        .output();
    if !made.context("python3 can't be started")?.status.success() {
        bail!("python3 -m venv failed");
    }
    let installed = Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            DUCKDB,
        ])
        .output()?;
    if !installed.status.success() {
        bail!("{DUCKDB} can't be installed");
    }
    Ok(python)
}
