//! Programs that others made against the real server: what their users would see.
//!
//! Elasticsearch's Python client, OpenTelemetry's Python SDK over HTTP and gRPC, Prometheus by
//! remote write, rsyslog's omelasticsearch. Those that aren't installed are named.

mod native;
mod python;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::step::{datapulse, target};

const READY_WITHIN: Duration = Duration::from_secs(60);
/// What a client sends must be there by then.
const SEEN_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What none of this can be done without; `None`: it can be run.
pub fn missing() -> Result<Option<String>> {
    python::missing()
}

/// The check by itself.
pub fn only() -> Result<bool> {
    if let Some(what) = missing()? {
        bail!("the clients need {what}");
    }
    run().map(|()| true)
}

pub fn run() -> Result<()> {
    let server = Server::start()?;
    let done = python::run(&server)
        .and_then(|()| native::prometheus(&server))
        .and_then(|()| native::rsyslog(&server));
    done.with_context(|| format!("the server's own words are in {}", server.log.display()))
}

/// A real `datapulse serve`, which ends with this.
pub struct Server {
    child: Child,
    pub log: PathBuf,
    pub url: String,
    /// Of whoever started it.
    pub token: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start() -> Result<Self> {
        Self::start_on(&folder("data")?, &target().join("clients/serve.log"))
    }

    /// Over a folder that may have something in it.
    pub fn start_on(data: &Path, log: &Path) -> Result<Self> {
        let data = data.to_path_buf();
        let log = log.to_path_buf();
        // A server's that didn't end by itself.
        let _ = fs::remove_file(data.join("server.json"));
        let told = fs::File::create(&log).with_context(|| log.display().to_string())?;
        let child = Command::new(datapulse())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(told.try_clone()?)
            .stderr(told)
            .spawn()
            .context("datapulse serve")?;
        let mut server = Self {
            child,
            log,
            url: String::new(),
            token: String::new(),
        };
        server.wait(&data)?;
        Ok(server)
    }

    /// Until it says where it listens, and the token of whoever started it.
    fn wait(&mut self, data: &Path) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < READY_WITHIN {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended before it answered ({status})");
            }
            let said = fs::read_to_string(&self.log).unwrap_or_default();
            let address = fs::read(data.join("server.json")).ok();
            let address: Option<Value> =
                address.and_then(|json| serde_json::from_slice(&json).ok());
            if let (Some(address), false) = (address, said.is_empty()) {
                let text = |key: &str| address[key].as_str().unwrap_or_default().to_owned();
                (self.url, self.token) = (text("url"), text("token"));
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        bail!(
            "the server didn't answer within {} s",
            READY_WITHIN.as_secs()
        )
    }

    /// The rows of an ES|QL query; none where its index isn't there yet.
    fn rows(&self, query: &str) -> Result<Value> {
        let asked = python::post(
            &format!("{}/_query", self.url),
            &self.token,
            &json!({ "query": query }),
        )?;
        Ok(asked["values"].clone())
    }

    /// Asks until the rows are as they should be.
    fn until(&self, query: &str, fine: impl Fn(&Value) -> bool) -> Result<Value> {
        let began = Instant::now();
        loop {
            let rows = self.rows(query)?;
            if fine(&rows) {
                return Ok(rows);
            }
            if began.elapsed() > SEEN_WITHIN {
                bail!("{query}: {rows} after {} s", SEEN_WITHIN.as_secs());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// An empty folder of this name.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = target().join("clients").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}
