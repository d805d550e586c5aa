//! Bytes on disk of the day, beside Elasticsearch's after its merge.

use anyhow::{Context, Result};
use walkdir::WalkDir;

use super::Plan;
use super::elastic::Node;
use super::figure::{Figure, Peer, Promise};
use super::loaded::{Bodies, Day, load_theirs};

const MIB: f64 = 1_048_576.0;
/// A ratio of at least this: ours are at most .3 of the peer's.
const TIMES: f64 = 1.0 / 0.3;

pub fn run(plan: &Plan) -> Result<Vec<Figure>> {
    let day = plan.day()?;
    let ours = folder_bytes(day)?;
    let node = Node::start(plan, &day.theirs)?;
    let standard = node.bytes()?;
    drop(node);
    let bodies = Bodies::make(&day.telemetry)?;
    let told = load_theirs(plan, &bodies, day.telemetry.documents, true)?;
    let logsdb = told["bytes"].as_f64().context("no bytes")?;
    let codec = told["codec"].as_str().unwrap_or_default();
    let figure = |name: &str, kind: String, theirs: f64| Figure {
        name: name.to_owned(),
        ours: Some(ours / MIB),
        unit: "MiB",
        promised: Promise::Times(TIMES),
        more_is_better: false,
        peer: Ok(Peer {
            name: format!("{}, {kind}, merged", day.theirs_name),
            value: theirs / MIB,
        }),
        work: format!(
            "{} metrics, logs and spans: our whole data folder, the peer's shards",
            day.telemetry.documents
        ),
    };
    Ok(vec![
        figure("disk", format!("index.mode logsdb, {codec}"), logsdb),
        figure("disk_standard", "index.mode standard".to_owned(), standard),
    ])
}

fn folder_bytes(day: &Day) -> Result<f64> {
    let mut bytes = 0;
    for entry in WalkDir::new(&day.ours) {
        let entry = entry?;
        if entry.file_type().is_file() {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes as f64)
}
