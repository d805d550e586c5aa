//! Clients in Python: Elasticsearch's own, and OpenTelemetry's SDK.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Server;
use crate::step::{has, perform, root, target};

/// The clients' versions: others are another test.
const PACKAGES: [&str; 4] = [
    "elasticsearch==9.2.0",
    "opentelemetry-sdk==1.38.0",
    "opentelemetry-exporter-otlp-proto-http==1.38.0",
    "opentelemetry-exporter-otlp-proto-grpc==1.38.0",
];
const NEEDED: &str = "import elasticsearch, opentelemetry.exporter.otlp.proto.http, opentelemetry.exporter.otlp.proto.grpc";
const SCRIPTS: [(&str, &str); 2] = [
    (
        "Elasticsearch's Python client",
        "crates/datapulse/tests/clients/with_elasticsearch_py.py",
    ),
    (
        "OpenTelemetry's Python SDK",
        "crates/datapulse/tests/clients/with_opentelemetry_sdk.py",
    ),
];

pub fn missing() -> Result<Option<String>> {
    if !has("python3") {
        return Ok(Some("Python 3".to_owned()));
    }
    let python = environment().join("bin/python");
    if quiet(Command::new(&python).args(["-c", NEEDED])) {
        return Ok(None);
    }
    let mut venv = Command::new("python3");
    if !quiet(venv.args(["-m", "venv"]).arg(environment())) {
        return Ok(Some("Python's venv module".to_owned()));
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet"]).args(PACKAGES);
    let installed = quiet(&mut pip);
    let packages = PACKAGES.join(", ");
    Ok((!installed).then(|| format!("{packages}, which pip can't install here")))
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

pub fn run(server: &Server) -> Result<()> {
    for (name, script) in SCRIPTS {
        perform(name, command(Path::new(script), server).current_dir(root()))?;
    }
    Ok(())
}

fn command(script: &Path, server: &Server) -> Command {
    let mut command = Command::new(environment().join("bin/python"));
    command
        .arg(script)
        .env("URL", &server.url)
        .env("TOKEN", &server.token);
    command
}

/// What a server answers: the program has no HTTP client of its own.
pub fn post(url: &str, token: &str, body: &Value) -> Result<Value> {
    const ASK: &str = "import os, sys, urllib.error, urllib.request as r
request = r.Request(sys.argv[1], sys.argv[2].encode(), {'content-type': 'application/json', 'authorization': 'Bearer ' + os.environ['TOKEN']})
try:
    print(r.urlopen(request).read().decode())
except urllib.error.HTTPError as error:
    print(error.read().decode())";
    let asked = Command::new("python3")
        .args(["-c", ASK, url, &body.to_string()])
        .env("TOKEN", token)
        .output()
        .context("python3")?;
    if !asked.status.success() {
        bail!("{url}: {}", String::from_utf8_lossy(&asked.stderr));
    }
    serde_json::from_slice(&asked.stdout).with_context(|| format!("what {url} answered"))
}
