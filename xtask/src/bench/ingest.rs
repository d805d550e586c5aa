//! `_bulk` of the day's mixed telemetry, beside Elasticsearch's: until documents are durable and
//! seen by a query.

use anyhow::Result;

use super::Plan;
use super::documents::BATCH;
use super::figure::{Figure, Peer, Promise};
use super::loaded::CONNECTIONS;

const TIMES: f64 = 5.0;
const MIB: f64 = 1_048_576.0;

pub fn run(plan: &Plan) -> Result<Vec<Figure>> {
    let day = plan.day()?;
    let documents = day.telemetry.documents;
    let figure = |name: &str, unit, amount: f64, work: String| Figure {
        name: name.to_owned(),
        ours: Some(amount / day.ours_s),
        unit,
        promised: Promise::Times(TIMES),
        more_is_better: true,
        peer: Ok(Peer {
            name: format!("{}, one node, _bulk", day.theirs_name),
            value: amount / day.theirs_s,
        }),
        work,
    };
    let work = format!(
        "{documents} metrics, logs and spans mixed, {} bytes each on average, action lines included, ready-made, {BATCH} a request, {CONNECTIONS} connections; synced before each answer, and at the end refreshed and counted by a query; the client runs on the same cores",
        day.bytes / documents as u64
    );
    Ok(vec![
        figure("ingest", "documents/s", documents as f64, work),
        figure(
            "ingest_bytes",
            "MiB/s",
            day.bytes as f64 / MIB,
            "the same, by the size of the requests' bodies".to_owned(),
        ),
    ])
}
