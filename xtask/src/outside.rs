//! `cargo xtask test --all`: adapters against real servers that others made, built or fetched by the
//! scripts in `xtask/servers`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::step::{perform, root};

/// The control plane, pods as kwok plays them, and a token that holds the documented role.
pub fn kubernetes(tests: Command) -> Result<()> {
    let folder = root().join("xtask/servers/kubernetes");
    let up = Command::new(folder.join("up.sh"))
        .stderr(Stdio::inherit())
        .output()
        .context("xtask/servers/kubernetes/up.sh")?;
    if !up.status.success() {
        bail!(
            "the control plane didn't start (it needs Go, openssl and curl): {}",
            up.status
        );
    }
    let kubeconfig = String::from_utf8_lossy(&up.stdout).trim().to_owned();
    let done = run(
        tests,
        "kubernetes",
        &[("DATAPULSE_TEST_KUBERNETES", &kubeconfig)],
    );
    let mut down = Command::new(folder.join("down.sh"));
    perform("the control plane ends", &mut down)?;
    done
}

/// A server of S3's interface, for anchors.
pub fn s3(tests: Command) -> Result<()> {
    let server = Started::new("xtask/servers/s3/start.sh", &[], &[])?;
    run(tests, "anchors", &[("DATAPULSE_TEST_S3", &server.said)])
}

/// Alertmanager and Prometheus, from Debian.
pub fn alertmanager(tests: Command) -> Result<()> {
    let found = Command::new(root().join("xtask/servers/alertmanager/start.sh"))
        .arg("--install")
        .stderr(Stdio::inherit())
        .output()
        .context("xtask/servers/alertmanager/start.sh")?;
    if !found.status.success() {
        bail!("Alertmanager can't be had: {}", found.status);
    }
    let said = String::from_utf8_lossy(&found.stdout).into_owned();
    let variables: Vec<(&str, &str)> = said
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    run(tests, "alertmanager", &variables)
}

/// Requests to Jira and PagerDuty, held against their published descriptions.
pub fn contracts(tests: Command) -> Result<()> {
    let folder = root().join("../shared/contracts");
    let shown = folder.display().to_string();
    let known = [("DATAPULSE_TEST_CONTRACTS", shown.as_str())];
    let jira = Started::new("xtask/servers/contracts/start.sh", &["jira"], &known)?;
    let pagerduty = Started::new("xtask/servers/contracts/start.sh", &["pagerduty"], &known)?;
    let mut variables = Vec::new();
    for server in [&jira, &pagerduty] {
        variables.extend(server.said.split_once('='));
    }
    run(tests, "contracts", &variables)
}

/// Whether the published descriptions are there.
pub fn has_contracts() -> bool {
    root().join("../shared/contracts").is_dir()
}

fn run(mut tests: Command, binary: &str, variables: &[(&str, &str)]) -> Result<()> {
    tests
        .args(["test", "--workspace", "--test", binary])
        .args(["--", "--include-ignored", "--test-threads", "2"])
        .envs(variables.iter().copied());
    perform("cargo test", &mut tests)
}

/// A server that runs until its standard input ends, and says in its first line where it is.
struct Started {
    server: Child,
    said: String,
}

impl Started {
    fn new(script: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Self> {
        let mut server = Command::new(root().join(script))
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| script.to_owned())?;
        let out = server.stdout.take().context("no output to read")?;
        let mut said = String::new();
        BufReader::new(out).read_line(&mut said)?;
        if said.trim().is_empty() {
            bail!("{script} didn't say where its server is");
        }
        Ok(Self {
            server,
            said: said.trim().to_owned(),
        })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}
