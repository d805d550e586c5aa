//! How much there is of what.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use model::{IncidentId, Timestamp};
use rusqlite::Connection;

use super::Embedded;
use super::catalog::Pattern;
use super::compact::Compaction;
use super::engine::{Engine, lock};
use super::indices::alive_in;
use super::log;
use super::memory::Memory;
use crate::care::{Care, IndexStats, StoreStats};
use crate::error::Error;
use crate::indices::{INCIDENTS, RUNBOOKS, SERVICES};

#[async_trait]
impl Care for Embedded {
    async fn stats(&self, pattern: Option<&str>) -> Result<StoreStats, Error> {
        let engine = self.inner.engine.clone();
        let pattern = Pattern::new(pattern.unwrap_or("*"));
        self.inner
            .database
            .call(move |connection| {
                let mut indices = telemetry(&engine, &pattern);
                for (name, documents) in of_tables(connection)? {
                    if pattern.names(&name) {
                        indices.entry(name.clone()).or_insert(IndexStats {
                            index: name,
                            documents,
                            ..IndexStats::default()
                        });
                    }
                }
                let logs = log::generations(&engine.folder.log()).unwrap_or_default();
                Ok(StoreStats {
                    indices: indices.into_values().collect(),
                    log_bytes: Some(logs.iter().map(|(_, path)| size(path)).sum()),
                    database_bytes: Some(
                        size(&engine.folder.database()) + size(&engine.folder.write_ahead()),
                    ),
                    damaged: engine
                        .health()
                        .damaged
                        .iter()
                        .map(ToString::to_string)
                        .collect(),
                })
            })
            .await
    }

    async fn compact(&self, pattern: &str) -> Result<Compaction, Error> {
        Self::compact(self, pattern).await
    }
}

/// A file that is gone has none.
fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

fn telemetry(engine: &Engine, pattern: &Pattern) -> BTreeMap<String, IndexStats> {
    let mut found: BTreeMap<String, IndexStats> = BTreeMap::new();
    {
        let state = engine.state();
        for (name, rows) in &state.indices {
            if !pattern.names(name) {
                continue;
            }
            let memory = [Some(&rows.active), rows.frozen.as_ref()];
            let memory: Vec<&Memory> = memory.into_iter().flatten().collect();
            let in_memory: u64 = memory.iter().map(|rows| rows.alive()).sum();
            let stored: u64 = rows.segments.iter().map(|segment| alive_in(segment)).sum();
            let spans = memory.iter().filter_map(|rows| rows.span_ms()).chain(
                rows.segments
                    .iter()
                    .filter_map(|segment| segment.row.span_ms),
            );
            let span = spans.reduce(|(a, b), (c, d)| (a.min(c), b.max(d)));
            let bytes = rows.segments.iter().map(|segment| segment.row.bytes);
            found.insert(
                name.clone(),
                IndexStats {
                    index: name.clone(),
                    documents: in_memory + stored,
                    documents_in_memory: in_memory,
                    segments: rows.segments.len() as u64,
                    bytes: bytes.clone().sum(),
                    largest_segment_bytes: bytes.max().unwrap_or(0),
                    oldest: span.map(|span| Timestamp(span.0)),
                    newest: span.map(|span| Timestamp(span.1)),
                    fields: None,
                },
            );
        }
    }
    for (name, index) in &mut found {
        let mapping = engine.mapping(name);
        index.fields = mapping.map(|mapping| lock(&mapping).fields().len() as u64);
    }
    found
}

/// The indices that are rows of SQLite, and how many rows each has.
fn of_tables(connection: &Connection) -> Result<Vec<(String, u64)>, Error> {
    let mut found = Vec::new();
    for (index, table) in [
        (INCIDENTS, "summaries"),
        (RUNBOOKS, "runbooks"),
        (SERVICES, "services"),
    ] {
        let count = format!("SELECT count(*) FROM {table}");
        let count: i64 = connection.query_row(&count, [], |row| row.get(0))?;
        found.push((index.to_owned(), count.unsigned_abs()));
    }
    let mut statement =
        connection.prepare("SELECT incident, count(*) FROM records GROUP BY incident")?;
    let mut months: BTreeMap<String, u64> = BTreeMap::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (incident, count): (String, i64) = (row.get(0)?, row.get(1)?);
        if let Some(incident) = IncidentId::parse(&incident) {
            *months.entry(incident.journal_index()).or_default() += count.unsigned_abs();
        }
    }
    found.extend(months);
    Ok(found)
}
