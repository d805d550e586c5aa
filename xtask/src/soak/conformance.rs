//! ES|QL against recorded answers: the engine's own runner, apart so that xtask links no engine.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::Ended;
use crate::step::{built, cargo, root};

/// The recorded answers lie beside the repository.
const SHARED: &str = "../shared/esql";
const FILES: [&str; 2] = ["answers-8.19.jsonl", "docs-examples-9.2.csv-spec"];

pub fn run(arguments: &[String]) -> Result<bool> {
    // With the whole workspace's features, so that the engine isn't built a second time.
    let built = cargo()
        .args(["build", "-q", "--workspace", "--example", "conformance"])
        .status()?;
    let runs = || Command::new(runner()).args(arguments).status();
    Ok(built.success() && runs()?.success())
}

fn runner() -> PathBuf {
    built("examples/conformance")
}

/// All recorded answers, by a runner that is built. The engine's own test holds the floor under
/// how many pass.
pub fn full() -> Result<Ended> {
    let folder = root().join(SHARED);
    if !folder.is_dir() {
        bail!("the recorded answers aren't there: {SHARED}");
    }
    let output = Command::new(runner())
        .args(FILES.map(|file| folder.join(file)))
        .arg("--data")
        .arg(folder.join("data"))
        .stderr(Stdio::inherit())
        .output()
        .context("the conformance runner")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    let passed = passed(last).with_context(|| format!("no figures in {last:?}"))?;
    let says = format!("ES|QL against a real Elasticsearch's recorded answers: {last}.");
    Ok(Ended {
        well: output.status.success() && passed > 0,
        says,
    })
}

fn passed(line: &str) -> Option<u64> {
    line.split_once(" passed, ")?.0.trim().parse().ok()
}

/// Whether the recorded answers are there.
pub fn is_there() -> bool {
    root().join(SHARED).is_dir()
}

#[cfg(test)]
mod tests {
    use super::passed;

    #[test]
    fn the_last_line_tells() {
        assert_eq!(passed("926 passed, 66 failed, 6 skipped"), Some(926));
        assert_eq!(passed("error: no such file"), None);
    }
}
