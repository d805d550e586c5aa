//! Elasticsearch's own Python client against the real server: what its users would see.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::step::{datapulse, has, perform, root, target};

/// The client's version: another one is another test.
const CLIENT: &str = "elasticsearch==9.2.0";
const SCRIPT: &str = "crates/datapulse/tests/clients/with_elasticsearch_py.py";
const READY_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What is missing; `None`: the client can be run.
pub fn missing() -> Result<Option<String>> {
    if !has("python3") {
        return Ok(Some("Python 3".to_owned()));
    }
    let python = environment().join("bin/python");
    let knows_client = |python: &Path| {
        let mut command = Command::new(python);
        quiet(command.args(["-c", "import elasticsearch"]))
    };
    if knows_client(&python) {
        return Ok(None);
    }
    let mut venv = Command::new("python3");
    if !quiet(venv.args(["-m", "venv"]).arg(environment())) {
        return Ok(Some("Python's venv module".to_owned()));
    }
    let mut pip = Command::new(&python);
    let installed = quiet(pip.args(["-m", "pip", "install", "--quiet", CLIENT]));
    Ok((!installed).then(|| format!("{CLIENT}, which pip can't install here")))
}

fn environment() -> PathBuf {
    target().join("clients/python")
}

fn quiet(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The check by itself.
pub fn only() -> Result<bool> {
    if let Some(what) = missing()? {
        bail!("Elasticsearch's Python client needs {what}");
    }
    run().map(|()| true)
}

pub fn run() -> Result<()> {
    let folder = target().join("clients/data");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let log = target().join("clients/serve.log");
    let told = fs::File::create(&log).with_context(|| log.display().to_string())?;
    let mut server = Command::new(datapulse())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&folder)
        .stdin(Stdio::null())
        .stdout(told.try_clone()?)
        .stderr(told)
        .spawn()
        .context("datapulse serve")?;
    let done = address(&folder, &log, &mut server).and_then(|(url, token)| {
        let mut script = Command::new(environment().join("bin/python"));
        script
            .arg(SCRIPT)
            .current_dir(root())
            .env("URL", url)
            .env("TOKEN", token);
        perform("Elasticsearch's Python client", &mut script)
    });
    let _ = server.kill();
    let _ = server.wait();
    done.with_context(|| format!("the server's own words are in {}", log.display()))
}

/// Where it listens, once it says so, and the token of whoever started it.
fn address(folder: &Path, log: &Path, server: &mut Child) -> Result<(String, String)> {
    let began = Instant::now();
    while began.elapsed() < READY_WITHIN {
        if let Some(status) = server.try_wait()? {
            bail!("the server ended before it answered ({status})");
        }
        let said = fs::read_to_string(log).unwrap_or_default();
        let address = fs::read(folder.join("server.json")).ok();
        let address: Option<Value> = address.and_then(|json| serde_json::from_slice(&json).ok());
        if let (Some(address), false) = (address, said.is_empty()) {
            let text = |key: &str| address[key].as_str().unwrap_or_default().to_owned();
            return Ok((text("url"), text("token")));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    bail!(
        "the server didn't answer within {} s",
        READY_WITHIN.as_secs()
    )
}
