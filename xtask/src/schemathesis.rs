//! Schemathesis over `/openapi.json`: the server is asked all that its description allows, and much
//! that it doesn't. No answer may be a failure of the server's, none outside the description.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::clients::Server;
use crate::step::{datapulse, has, perform, root, target};

/// Made-up cases of an operation by phase, where nothing else is asked for: about two minutes.
const EXAMPLES: u32 = 8;
const SEED: u64 = 1;
/// The demo says it when an incident is there, with offers that nobody has decided on.
const OFFERED: &str = "proposed";

pub fn run(arguments: &[String]) -> Result<bool> {
    let mut plan = (SEED, EXAMPLES);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let value = rest
            .next()
            .with_context(|| format!("{argument} of what?"))?;
        match argument.as_str() {
            "--seed" => plan.0 = value.parse().context("--seed")?,
            "--examples" => plan.1 = value.parse().context("--examples")?,
            other => bail!("expected --seed or --examples, got {other:?}"),
        }
    }
    if let Some(what) = missing()? {
        bail!("schemathesis needs {what}");
    }
    asked(plan.0, plan.1).map(|()| true)
}

/// The tier of the tests.
pub fn tier() -> Result<()> {
    asked(SEED, EXAMPLES)
}

/// What this can't be done without; `None`: it can be run.
pub fn missing() -> Result<Option<String>> {
    if !has("python3") {
        return Ok(Some("Python 3".to_owned()));
    }
    let quiet = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let environment = target().join("schemathesis/python");
    if !quiet(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment),
    ) {
        return Ok(Some("Python's venv module".to_owned()));
    }
    let mut pip = Command::new(python());
    pip.args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(root().join("xtask/schemathesis/requirements.txt"));
    Ok((!quiet(&mut pip)).then(|| "Schemathesis, which pip can't install here".to_owned()))
}

fn python() -> PathBuf {
    target().join("schemathesis/python/bin/python")
}

fn asked(seed: u64, examples: u32) -> Result<()> {
    let data = target().join("schemathesis/data");
    let _ = fs::remove_dir_all(&data);
    fs::create_dir_all(&data).with_context(|| data.display().to_string())?;
    shop(&data)?;
    let server = Server::start_on(&data, &target().join("schemathesis/serve.log"))?;
    let mut asks = Command::new(python());
    asks.arg(root().join("xtask/schemathesis/run.py"))
        .args(["--seed", &seed.to_string()])
        .args(["--examples", &examples.to_string()])
        .env("URL", &server.url)
        .env("TOKEN", &server.token);
    let done = perform("schemathesis", &mut asks);
    done.with_context(|| format!("the server's own words are in {}", server.log.display()))
}

/// The demo's shop with an incident, up to its offers: those expire in its fast time, so it ends there.
fn shop(data: &std::path::Path) -> Result<()> {
    let mut demo = Command::new(datapulse());
    demo.args(["demo", "--headless", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut demo = demo.spawn().context("datapulse demo")?;
    let offered = offered(&mut demo);
    let _ = demo.kill();
    demo.wait()?;
    if offered? {
        return Ok(());
    }
    bail!("the demo ended before it had proposed anything")
}

fn offered(demo: &mut Child) -> Result<bool> {
    let told = demo.stdout.take().context("the demo's output")?;
    for line in BufReader::new(told).lines() {
        if line?.contains(OFFERED) {
            return Ok(true);
        }
    }
    Ok(false)
}
