//! Steps: a command with a name, its time, and a clear end.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The project's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default()
}

/// The cargo that runs us, in the root.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.current_dir(root());
    command
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Whether the release build is what runs.
static RELEASE: OnceLock<()> = OnceLock::new();

/// From here on the release build is what runs.
pub fn use_release() {
    RELEASE.get_or_init(|| ());
}

pub fn is_release() -> bool {
    RELEASE.get().is_some()
}

/// What `cargo build` makes, of the build that runs.
pub fn built(name: &str) -> PathBuf {
    let profile = if is_release() { "release" } else { "debug" };
    target().join(profile).join(name)
}

/// The binary that `cargo build -p datapulse` makes.
pub fn datapulse() -> PathBuf {
    built("datapulse")
}

/// Runs one step; an end other than 0 is an error that names it.
pub fn perform(name: &str, command: &mut Command) -> Result<()> {
    heard(name, command, None).map(drop)
}

/// The same for a command whose lines that start with `mark` are wanted again later: they are
/// shown as they come, and given.
pub fn perform_and_hear(name: &str, command: &mut Command, mark: &str) -> Result<Vec<String>> {
    heard(name, command, Some(mark))
}

fn heard(name: &str, command: &mut Command, mark: Option<&str>) -> Result<Vec<String>> {
    eprintln!("── {name}");
    let began = Instant::now();
    if mark.is_some() {
        command.stdout(Stdio::piped());
    }
    let mut child = command
        .spawn()
        .with_context(|| format!("{name}: {:?} can't be started", command.get_program()))?;
    let mut lines = Vec::new();
    if let (Some(mark), Some(out)) = (mark, child.stdout.take()) {
        for line in BufReader::new(out).lines() {
            let line = line.with_context(|| format!("{name}: its output"))?;
            println!("{line}");
            if line.starts_with(mark) {
                lines.push(line);
            }
        }
    }
    let status = child.wait()?;
    let took = began.elapsed().as_secs_f64();
    if !status.success() {
        bail!("{name} failed ({status}) after {took:.1} s");
    }
    eprintln!("── {name}: done in {took:.1} s");
    Ok(lines)
}

/// Whether a program can be started.
pub fn has(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{perform, perform_and_hear};

    #[test]
    fn a_step_that_fails_is_named() {
        let error = perform("a step", Command::new("sh").args(["-c", "exit 3"]));
        let error = error.map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.starts_with("a step failed (exit status: 3)")));
        assert!(perform("no step", &mut Command::new("/no/such/program")).is_err());
    }

    #[test]
    fn marked_lines_are_heard() {
        let heard = perform_and_hear(
            "a step",
            Command::new("sh").args(["-c", "echo ab; echo b; echo ac"]),
            "a",
        );
        assert_eq!(heard.ok(), Some(vec!["ab".to_owned(), "ac".to_owned()]));
    }
}
