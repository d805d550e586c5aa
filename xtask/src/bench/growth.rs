//! One tool call about a service in a window, with little and with much telemetry around it; and
//! the memory that one aggregation over all of the much takes.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::asked::{ask, median};
use super::day::{DAY_MS, DOCUMENTS, FROM_MS, HOUR_MS, Telemetry};
use super::documents::rfc3339;
use super::figure::{Figure, Peer, Promise};
use super::loaded::{CONNECTIONS, told};
use super::log_ingest::send_each;
use super::server::Server;
use super::{Plan, fresh};

/// Much of it, unless the command says otherwise.
pub const MUCH: usize = 50_000_000;
const LITTLE: usize = 1_000_000;
/// The call with much takes at most 1.5 times as long.
const TIMES: f64 = 0.667;
const ASKED: usize = 31;
const WARM: usize = 8;
const TOOL: &str = "service_check";
/// A query's own limit of memory and what the process holds beside it, in MiB.
const MIB: f64 = 2_048.0;
/// One group for each trace: as many as there are spans over four.
const HEAVY: &str = "FROM traces-application | STATS spans = COUNT(*), longest = MAX(span.duration.us) BY trace.id | STATS traces = COUNT(*), longest = MAX(longest)";
const LIGHT: &str = "FROM metrics-system,logs-application,traces-application | STATS n = COUNT(*), p99 = PERCENTILE(span.duration.us, 99), errors = SUM(error_count) BY service.name | SORT service.name";

/// A data folder with much telemetry, at the day's rate: so many documents are so many days.
pub struct Grown {
    pub folder: PathBuf,
    pub documents: usize,
}

impl Grown {
    pub fn load(plan: &Plan) -> Result<Self> {
        let documents = plan.much();
        let folder = fill(plan, "grown", documents)?;
        Ok(Self { folder, documents })
    }
}

/// The last of the documents always lie in the same hour.
fn telemetry(documents: usize) -> Telemetry {
    let span = DAY_MS as f64 * documents as f64 / DOCUMENTS as f64;
    Telemetry {
        seed: 19,
        documents,
        from_ms: FROM_MS + DAY_MS - span as i64,
        to_ms: FROM_MS + DAY_MS,
    }
}

fn fill(plan: &Plan, name: &str, documents: usize) -> Result<PathBuf> {
    let folder = fresh(name)?;
    // Its hours may be older than what is kept by default.
    let server = Server::start(plan, &folder, "[retention]\ntelemetry_days = 0\n")?;
    eprintln!("   {documents} documents go in");
    let telemetry = telemetry(documents);
    let rest = telemetry.rest();
    send_each(server.address, [Ok(Cow::Owned(rest))].into_iter(), 1)?;
    let count = telemetry.bodies();
    let bodies = (0..count).map(|number| Ok(Cow::Owned(telemetry.body(number))));
    let bodies = told(bodies, count);
    send_each(server.address, bodies, CONNECTIONS)?;
    server.stop()?;
    Ok(folder)
}

pub fn growth(plan: &Plan) -> Result<Vec<Figure>> {
    let few = plan.size(LITTLE, 20_000);
    let little = fill(plan, "growth", few)?;
    let ours_few = call(plan, &little, few)?;
    let grown = plan.grown()?;
    let ours_many = call(plan, &grown.folder, grown.documents)?;
    Ok(vec![Figure {
        name: "growth".to_owned(),
        ours: Some(ours_many),
        unit: "ms",
        promised: Promise::Times(TIMES),
        more_is_better: false,
        peer: Ok(Peer {
            name: format!("the same with {few} documents"),
            value: ours_few,
        }),
        work: format!(
            "tool {TOOL} about one service in windows of 15 minutes, with {} documents in the store, as many in each window; median of {} over HTTP, warm",
            grown.documents,
            plan.size(ASKED, 3)
        ),
    }])
}

/// The median of the tool's calls, milliseconds. Windows lie in the last hours, which both
/// amounts of telemetry have.
fn call(plan: &Plan, folder: &std::path::Path, documents: usize) -> Result<f64> {
    let server = Server::start(plan, folder, "[retention]\ntelemetry_days = 0\n")?;
    let mut connection = server.connect()?;
    let path = format!("/api/datapulse/v1/tools/{TOOL}/run");
    let asked = plan.size(ASKED, 3);
    let hours = (telemetry(documents).to_ms - telemetry(documents).from_ms).min(2 * HOUR_MS);
    let mut ms = Vec::new();
    for turn in 0..WARM + asked {
        let room = hours - HOUR_MS / 4;
        let to_ms = FROM_MS + DAY_MS - (turn as i64 * 60_000) % room.max(1);
        let body = json!({
            "from": rfc3339(to_ms - hours.min(HOUR_MS / 4)), "to": rfc3339(to_ms),
            "parameters": { "service": format!("service-{:04}", turn % 100) },
        });
        let began = Instant::now();
        let answer = connection.post(&path, &body)?;
        if turn >= WARM {
            ms.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        if answer["row_count"] != 1 {
            bail!(
                "{TOOL} answers {} rows: nothing was measured",
                answer["row_count"]
            );
        }
    }
    server.stop()?;
    Ok(median(&ms).unwrap_or_default())
}

pub fn memory(plan: &Plan) -> Result<Vec<Figure>> {
    let grown = plan.grown()?;
    let mut figures = Vec::new();
    for (name, query) in [("memory", LIGHT), ("memory_many_groups", HEAVY)] {
        let server = Server::start(plan, &grown.folder, "[retention]\ntelemetry_days = 0\n")?;
        let body = json!({ "query": query });
        let began = Instant::now();
        let outcome = match ask(&mut server.connect()?, &[body], 0) {
            Ok(asked) => format!("{} rows", asked.answer.rows()),
            // The clear error that is promised instead: shown as it was told.
            Err(error) => format!("refused: {error:#}"),
        };
        let seconds = began.elapsed().as_secs_f64();
        let alive: Value = server
            .connect()?
            .get("/healthz")
            .map(|answer| json!(answer.status))?;
        let peak = server.peak_memory_mib()?;
        server.stop()?;
        figures.push(Figure {
            name: name.to_owned(),
            ours: Some(peak),
            unit: "MiB",
            promised: Promise::Under(MIB),
            more_is_better: false,
            peer: Err("the promise is a limit".to_owned()),
            work: format!(
                "most resident memory of serve while it answers `{}` over {} documents: {outcome} after {seconds:.1} s; health is {alive} after it",
                query.replace('|', "\\|"),
                grown.documents
            ),
        });
    }
    Ok(figures)
}
