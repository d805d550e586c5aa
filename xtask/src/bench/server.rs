//! `datapulse serve` as a child, and what the system tells of it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Plan;
use super::http::Connection;

/// It has to answer within this.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often it is asked until it answers.
const ASK_EVERY: Duration = Duration::from_millis(1);
/// What the first request asks for: an answer out of the store.
pub const FIRST: &str = "/api/datapulse/v1/incidents";
/// USER_HZ is 100 on every Linux that is built today.
const TICKS: f64 = 100.0;

pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// From starting the process to its first answer.
    pub took: Duration,
}

impl Server {
    /// On a folder; `configuration` is its datapulse.toml.
    pub fn start(plan: &Plan, data: &Path, configuration: &str) -> Result<Self> {
        let file = data.with_extension("toml");
        fs::write(&file, configuration)?;
        let log = fs::File::create(data.with_extension("log"))?;
        let address = free_address()?;
        let mut command = Command::new(plan.binary());
        command
            .args([
                "serve",
                "--no-auth",
                "--listen",
                &address.to_string(),
                "--data",
            ])
            .arg(data)
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        start(&mut command, address, FIRST)
            .with_context(|| format!("see {}", data.with_extension("log").display()))
    }

    pub fn connect(&self) -> Result<Connection> {
        Connection::open(self.address).with_context(|| self.address.to_string())
    }

    /// Resident memory in MiB.
    pub fn memory_mib(&self) -> Result<f64> {
        self.status_mib("VmRSS:")
    }

    /// The most that was resident since the start, in MiB.
    pub fn peak_memory_mib(&self) -> Result<f64> {
        self.status_mib("VmHWM:")
    }

    fn status_mib(&self, line: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = status
            .lines()
            .find_map(|told| told.strip_prefix(line))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kib.with_context(|| format!("no {line} in proc(5)'s status"))? / 1024.0)
    }

    /// Time on the processor, user and kernel, in seconds.
    pub fn cpu_s(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().collect())
            .unwrap_or_default();
        let at = |index: usize| {
            fields
                .get(index)
                .and_then(|field| field.parse::<f64>().ok())
        };
        match (at(11), at(12)) {
            (Some(user), Some(kernel)) => Ok((user + kernel) / TICKS),
            _ => bail!("proc(5)'s stat has another form: {stat}"),
        }
    }

    /// Lets it put away what it holds.
    pub fn stop(mut self) -> Result<()> {
        Command::new("kill")
            .arg(self.child.id().to_string())
            .status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Any server, until `path` answers 200.
pub fn start(command: &mut Command, address: SocketAddr, path: &str) -> Result<Server> {
    let began = Instant::now();
    let child = command
        .spawn()
        .with_context(|| format!("{:?} can't be started", command.get_program()))?;
    let mut server = Server {
        child,
        address,
        took: Duration::ZERO,
    };
    loop {
        let answer = Connection::open(address)
            .ok()
            .and_then(|mut open| open.get(path).ok());
        if answer.is_some_and(|answer| answer.status == 200) {
            server.took = began.elapsed();
            return Ok(server);
        }
        if let Some(status) = server.child.try_wait()? {
            bail!("the server ended before it answered ({status})");
        }
        if began.elapsed() > READY_WITHIN {
            bail!(
                "the server didn't answer within {} s",
                READY_WITHIN.as_secs()
            );
        }
        std::thread::sleep(ASK_EVERY);
    }
}

/// A port that is free now.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
