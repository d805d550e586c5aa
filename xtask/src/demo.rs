//! `cargo xtask demo`: the web bundle, the binary, the demo.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::step::{cargo, datapulse, has, perform, root};

/// Node's first version that Vite takes.
pub const NODE: u32 = 20;

/// Everything after `--` goes to `datapulse demo`.
pub fn run(arguments: &[String]) -> Result<bool> {
    let arguments = match arguments.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => arguments,
    };
    let began = Instant::now();
    build()?;
    eprintln!("── built in {:.0} s", began.elapsed().as_secs_f64());
    let status = Command::new(datapulse())
        .arg("demo")
        .args(arguments)
        .current_dir(root())
        .status()?;
    match status.code() {
        Some(0) => Ok(true),
        Some(code) => std::process::exit(code),
        None => bail!("datapulse demo was ended by a signal"),
    }
}

/// Web bundle first, because the binary embeds it.
pub fn build() -> Result<()> {
    if web_wanted() {
        web_bundle()?;
    }
    perform(
        "build datapulse",
        cargo().args(["build", "-p", "datapulse"]),
    )
}

fn web_wanted() -> bool {
    let version = Command::new("node").arg("--version").output();
    let major = version.ok().and_then(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.trim()
            .trim_start_matches('v')
            .split('.')
            .next()?
            .parse::<u32>()
            .ok()
    });
    match major {
        Some(major) if major >= NODE && has("npm") => true,
        _ => {
            eprintln!(
                "── no Node.js {NODE} with npm here: building without the web UI (API and CLI work)"
            );
            false
        }
    }
}

/// Installs and builds only when something changed since the last bundle.
fn web_bundle() -> Result<()> {
    let web = root().join("web");
    if !web.join("node_modules/.package-lock.json").is_file() {
        perform(
            "web: npm ci",
            Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(&web),
        )?;
    }
    if bundle_is_stale() {
        perform(
            "web: build",
            Command::new("npm").args(["run", "build"]).current_dir(&web),
        )?;
    }
    Ok(())
}

fn bundle_is_stale() -> bool {
    let web = root().join("web");
    let built = std::fs::metadata(web.join("dist/index.html")).and_then(|meta| meta.modified());
    let Ok(built) = built else { return true };
    walkdir::WalkDir::new(&web)
        .into_iter()
        .filter_entry(|entry| !matches!(entry.file_name().to_str(), Some("node_modules" | "dist")))
        .filter_map(std::result::Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| entry.metadata().ok()?.modified().ok())
        .any(|changed| changed > built)
}
