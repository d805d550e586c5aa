//! The binary to its first answer, and what it holds while nothing happens.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;

use super::figure::{Figure, Peer, Promise, at_share};
use super::server::{self, Server};
use super::{Plan, fresh};

const STARTS: usize = 21;
/// Longer than Sentinel's interval, so that its work is in the figure.
const IDLE: Duration = Duration::from_secs(75);
const IDLE_QUICK: Duration = Duration::from_secs(3);
const SECONDS: f64 = 0.3;
const MIB: f64 = 150.0;

pub fn start(plan: &Plan) -> Result<Vec<Figure>> {
    let data = fresh("start")?;
    // The first start makes the folder; what is measured is coming back.
    Server::start(plan, &data, "")?.stop()?;
    let starts = plan.size(STARTS, 3);
    let mut ours = Vec::new();
    for _ in 0..starts {
        let server = Server::start(plan, &data, "")?;
        ours.push(server.took.as_secs_f64());
        server.stop()?;
    }
    Ok(vec![Figure {
        name: "start".to_owned(),
        ours: at_share(&mut ours, 0.5),
        unit: "s",
        promised: Promise::Under(SECONDS),
        more_is_better: false,
        peer: python(starts),
        work: format!(
            "process to first answer of GET {} on a folder with runbooks and tokens, middle of {starts}",
            server::FIRST
        ),
    }])
}

/// Python's own HTTP server, which has nothing to open.
fn python(starts: usize) -> Result<Peer, String> {
    let once = || -> Result<f64> {
        let address: SocketAddr = server::free_address()?;
        let mut command = Command::new("python3");
        command
            .args([
                "-m",
                "http.server",
                &address.port().to_string(),
                "--bind",
                "127.0.0.1",
            ])
            .current_dir(fresh("empty")?)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(server::start(&mut command, address, "/")?
            .took
            .as_secs_f64())
    };
    let times: Result<Vec<f64>> = (0..starts).map(|_| once()).collect();
    let mut times = times.map_err(|error| format!("python3 -m http.server: {error}"))?;
    let value = at_share(&mut times, 0.5).ok_or("no start")?;
    Ok(Peer {
        name: "python3 -m http.server".to_owned(),
        value,
    })
}

pub fn idle_memory(plan: &Plan) -> Result<Vec<Figure>> {
    let data = fresh("idle")?;
    let server = Server::start(plan, &data, "")?;
    let idle = if plan.quick { IDLE_QUICK } else { IDLE };
    std::thread::sleep(idle);
    let ours = server.memory_mib()?;
    server.stop()?;
    Ok(vec![Figure {
        name: "idle_memory".to_owned(),
        ours: Some(ours),
        unit: "MiB",
        promised: Promise::Under(MIB),
        more_is_better: false,
        peer: Err("nothing else does the same".to_owned()),
        work: format!(
            "resident memory of serve with all roles, {} s after its start",
            idle.as_secs()
        ),
    }])
}
