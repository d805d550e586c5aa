//! `_bulk`: documents a second that are acknowledged, and so on the disk.

use std::borrow::Cow;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::documents::{BATCH, Bodies, Documents};
use super::figure::{Figure, Peer, Promise};
use super::http::Connection;
use super::server::Server;
use super::{Plan, fresh};

const DOCUMENTS: usize = 1_000_000;
const CONNECTIONS: usize = 4;
const PER_SECOND: f64 = 50_000.0;
/// 2026-11-24T00:00:00Z and an hour after it.
const FROM_MS: i64 = 1_795_478_400_000;
const HOUR_MS: i64 = 3_600_000;

pub fn run(plan: &Plan) -> Result<Vec<Figure>> {
    let count = plan.size(DOCUMENTS, 20_000);
    let documents = Documents {
        seed: 7,
        services: 100,
        from_ms: FROM_MS,
        to_ms: FROM_MS + HOUR_MS,
        failing: true,
    };
    let bodies = documents.logs(count);
    let bytes: usize = bodies.iter().map(Vec::len).sum();
    let data = fresh("log-ingest")?;
    let server = Server::start(plan, &data, "")?;
    let began = Instant::now();
    send(&server, &bodies, CONNECTIONS)?;
    let took = began.elapsed().as_secs_f64();
    let answer = server.connect()?.post(
        "/_query",
        &serde_json::json!({ "query": "FROM logs-application | STATS n = COUNT(*)" }),
    )?;
    if answer["values"][0][0] != count {
        bail!(
            "{count} documents were acknowledged, and {} are there",
            answer["values"]
        );
    }
    server.stop()?;
    let peer = sqlite(plan, &bodies).map_err(|error| format!("{error:#}"));
    Ok(vec![Figure {
        name: "log_ingest".to_owned(),
        ours: Some(count as f64 / took),
        unit: "documents/s",
        promised: Promise::Over(PER_SECOND),
        more_is_better: true,
        peer,
        work: format!(
            "{count} log documents of {} bytes each on average, action lines included, into _bulk, {BATCH} a request, {CONNECTIONS} connections, synced before each answer; the client runs on the same cores",
            bytes / count
        ),
    }])
}

/// Sends all bodies; every document has to be taken.
pub fn send(server: &Server, bodies: &Bodies, connections: usize) -> Result<()> {
    let bodies = bodies.iter().map(|body| Ok(Cow::Borrowed(body.as_slice())));
    send_each(server.address, bodies, connections)
}

/// The same for bodies that are made, or read, when their turn comes.
pub fn send_each<'a>(
    address: SocketAddr,
    bodies: impl Iterator<Item = Result<Cow<'a, [u8]>>> + Send,
    connections: usize,
) -> Result<()> {
    let next = Mutex::new(bodies);
    let work = || -> Result<()> {
        let mut connection = Connection::open(address)?;
        loop {
            let body = match next.lock() {
                Ok(mut bodies) => bodies.next(),
                Err(_) => return Ok(()),
            };
            let Some(body) = body else { return Ok(()) };
            let answer = connection.send("POST", "/_bulk", "application/x-ndjson", &body?)?;
            let taken = answer.status == 200 && says_no_errors(&answer.body);
            if !taken {
                let start = &answer.body[..answer.body.len().min(400)];
                bail!(
                    "_bulk: status {}: {}",
                    answer.status,
                    String::from_utf8_lossy(start)
                );
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| bail!("a connection's thread panicked"))
        })
    })
}

/// `"errors":false` stands before or after thousands of items: looked for, not parsed, for the
/// client's time is in the figure.
fn says_no_errors(body: &[u8]) -> bool {
    let mark = b"\"errors\":false";
    body.windows(mark.len())
        .take(200)
        .any(|window| window == mark)
        || body
            .windows(mark.len())
            .rev()
            .take(200)
            .any(|window| window == mark)
}

/// The same bodies into SQLite with the same promise: parsed, inserted, a transaction a request.
fn sqlite(plan: &Plan, bodies: &Bodies) -> Result<Peer> {
    let folder = fresh("sqlite")?;
    let file = folder.join("bodies.ndjson");
    fs::write(&file, bodies.concat())?;
    let output = Command::new(plan.example("sqlite_ingest"))
        .arg(&file)
        .arg(folder.join("documents.db"))
        .arg(BATCH.to_string())
        .output()
        .context("sqlite_ingest")?;
    if !output.status.success() {
        bail!("sqlite_ingest: {}", String::from_utf8_lossy(&output.stderr));
    }
    let told: Value = serde_json::from_slice(&output.stdout).context("sqlite_ingest")?;
    let (documents, seconds) = (told["documents"].as_f64(), told["seconds"].as_f64());
    let (Some(documents), Some(seconds)) = (documents, seconds) else {
        bail!("sqlite_ingest told {told}");
    };
    Ok(Peer {
        name: format!(
            "SQLite {}, WAL, synchronous=FULL, in process",
            told["version"].as_str().unwrap_or_default()
        ),
        value: documents / seconds,
    })
}
