//! The seed's four tools over a million documents.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::documents::{Documents, rfc3339, write_documents};
use super::figure::{Figure, Peer, Promise, at_share};
use super::http::Connection;
use super::log_ingest::send;
use super::server::Server;
use super::{Plan, fresh, peer};

const MILLION: usize = 1_000_000;
const CHANGES: usize = 20_000;
const SERVICES: usize = 100;
const WARM: usize = 5;
const ASKED: usize = 50;
const MS: f64 = 100.0;
/// 2026-11-24T00:00:00Z and an hour after it.
const FROM_MS: i64 = 1_795_478_400_000;
const HOUR_MS: i64 = 3_600_000;
const WORDS: &str = "database connection pool exhausted timeout after deployment";

/// Figures by tool; the second name is the tool's id.
const TOOLS: [(&str, &str); 4] = [
    ("tool_detect_anomalies", "detect_anomalies"),
    ("tool_correlate_error_logs", "correlate_error_logs"),
    ("tool_check_recent_deployments", "check_recent_deployments"),
    ("tool_search_runbooks", "search_runbooks"),
];

pub fn run(plan: &Plan) -> Result<Vec<Figure>> {
    let million = plan.size(MILLION, 20_000);
    let changes = plan.size(CHANGES, 500);
    let asked = plan.size(ASKED, 5);
    let documents = Documents {
        seed: 11,
        services: SERVICES,
        from_ms: FROM_MS,
        to_ms: FROM_MS + HOUR_MS,
        failing: true,
    };
    let data = fresh("million")?;
    let beside = fresh("million-peer")?;
    let server = Server::start(plan, &data, "")?;
    eprintln!("   {million} metric documents, {million} log lines and {changes} changes go in");
    for (name, bodies) in [
        ("metrics", documents.metrics(million)),
        ("logs", documents.logs(million)),
        ("changes", documents.changes(changes)),
        ("services", documents.catalog()),
    ] {
        send(&server, &bodies, 2)?;
        write_documents(&bodies, &beside.join(format!("{name}.ndjson")))?;
    }
    // What is in memory goes to segments, as it does by itself after a while.
    server.stop()?;
    let server = Server::start(plan, &data, "")?;
    let mut connection = server.connect()?;
    let runbooks = connection
        .get("/api/datapulse/v1/runbooks")?
        .json("runbooks")?;
    fs::write(beside.join("runbooks.json"), runbooks["items"].to_string())?;
    let mut ours = Vec::new();
    for (_, tool) in TOOLS {
        ours.push(ask(&mut connection, tool, asked)?);
    }
    server.stop()?;
    let window = (rfc3339(FROM_MS), rfc3339(FROM_MS + HOUR_MS));
    let peers = peer::million(&beside, &window, WORDS, asked).map_err(|error| format!("{error:#}"));
    let mut figures = Vec::new();
    for ((name, tool), (mut times, rows)) in TOOLS.into_iter().zip(ours) {
        let of = match tool {
            "search_runbooks" => format!(
                "{} runbooks beside {million} metric documents",
                runbooks["items"].as_array().map_or(0, Vec::len)
            ),
            "detect_anomalies" => format!("{million} metric documents of {SERVICES} services"),
            "correlate_error_logs" => format!("{million} log lines of {SERVICES} services"),
            _ => format!("{changes} changes beside {million} metric documents"),
        };
        figures.push(Figure {
            name: name.to_owned(),
            ours: at_share(&mut times, 0.95),
            unit: "ms",
            promised: Promise::Under(MS),
            more_is_better: false,
            peer: peers
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|told| theirs(told, tool, rows)),
            work: format!("{of}, the window covers all, {rows} rows, p95 of {asked} over HTTP"),
        });
    }
    Ok(figures)
}

/// Milliseconds of each request, and how many rows it gave.
fn ask(connection: &mut Connection, tool: &str, times: usize) -> Result<(Vec<f64>, u64)> {
    let parameters = if tool == "search_runbooks" {
        json!({ "text": WORDS })
    } else {
        json!({})
    };
    let body = json!({
        "from": rfc3339(FROM_MS), "to": rfc3339(FROM_MS + HOUR_MS), "parameters": parameters,
    });
    let path = format!("/api/datapulse/v1/tools/{tool}/run");
    let mut took = Vec::with_capacity(times);
    let mut rows = 0;
    for turn in 0..WARM + times {
        let began = Instant::now();
        let answer = connection.post(&path, &body)?;
        if turn >= WARM {
            took.push(began.elapsed().as_secs_f64() * 1_000.0);
        }
        rows = answer["row_count"]
            .as_u64()
            .with_context(|| format!("{tool}: no row_count"))?;
    }
    if rows == 0 {
        bail!("{tool} answers no row: nothing was measured");
    }
    Ok((took, rows))
}

/// The peer's figure, where it found as many rows: another answer is another question.
fn theirs(told: &Value, tool: &str, rows: u64) -> Result<Peer, String> {
    let one = &told[tool];
    let found = one["rows"].as_u64().unwrap_or_default();
    // Ranking differs, so that the search's peer may find more of the same texts.
    if found != rows && tool != "search_runbooks" {
        return Err(format!("it gives {found} rows, not {rows}"));
    }
    match (one["p95_ms"].as_f64(), one["name"].as_str()) {
        (Some(value), Some(name)) => Ok(Peer {
            name: name.to_owned(),
            value,
        }),
        _ => Err(format!("it told {one}")),
    }
}
