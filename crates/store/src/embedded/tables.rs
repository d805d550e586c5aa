//! The indices whose rows are SQLite's: incidents, the journal, runbooks, services.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Builder, Float64Array, Int32Array, Int64Array, ListBuilder,
    RecordBatch, StringArray, StringBuilder, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType as Arrow, Field as ArrowField, Schema};
use datafusion::datasource::MemTable;
use esql::{DataType, Field, Index, IndexMode};
use model::{IncidentId, Measured, Projection, Service, Summary};
use rusqlite::{Connection, params_from_iter};

use super::journal::read_projection;
use super::knowledge::{embedded_runbooks, services};
use super::segment::ID;
use crate::error::Error;
use crate::indices::{INCIDENTS, JOURNAL_PREFIX, RUNBOOKS, SERVICES};

/// Those of these indices that `wanted` names.
pub fn indices(
    connection: &Connection,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Index>, Error> {
    let mut found = Vec::new();
    if wanted(INCIDENTS) {
        found.push(incidents(connection)?);
    }
    for month in journal_months(connection)? {
        if wanted(&month) {
            found.push(journal(connection, &month)?);
        }
    }
    if wanted(RUNBOOKS) {
        found.push(runbooks(connection)?);
    }
    if wanted(SERVICES) {
        found.push(lookup_services(&services(connection)?)?);
    }
    Ok(found)
}

/// Columns while they are collected.
#[derive(Default)]
struct Table {
    fields: Vec<Field>,
    columns: Vec<(String, ArrayRef)>,
}

impl Table {
    fn put(&mut self, name: &str, mapping: &str, column: ArrayRef) {
        if name != ID {
            self.fields.push(Field {
                name: name.to_owned(),
                data_type: DataType::from_mapping(mapping).unwrap_or(DataType::Unsupported),
                mapping_type: mapping.to_owned(),
                parent: None,
            });
        }
        self.columns.push((name.to_owned(), column));
    }

    fn strings<'a>(
        &mut self,
        name: &str,
        mapping: &str,
        values: impl Iterator<Item = Option<&'a str>>,
    ) {
        self.put(name, mapping, Arc::new(values.collect::<StringArray>()));
    }

    fn dates(&mut self, name: &str, values: impl Iterator<Item = Option<i64>>) {
        self.put(
            name,
            "date",
            Arc::new(values.collect::<TimestampMillisecondArray>()),
        );
    }

    fn longs(&mut self, name: &str, values: impl Iterator<Item = i64>) {
        self.put(name, "long", Arc::new(Int64Array::from_iter_values(values)));
    }

    /// Several keywords a row, as doc values keep them: sorted, once each.
    fn lists<'a>(&mut self, name: &str, rows: impl Iterator<Item = Vec<&'a str>>) {
        let item = ArrowField::new_list_field(Arrow::Utf8, false);
        let mut builder = ListBuilder::new(StringBuilder::new()).with_field(item);
        for mut values in rows {
            values.sort_unstable();
            values.dedup();
            let any = !values.is_empty();
            values
                .into_iter()
                .for_each(|value| builder.values().append_value(value));
            builder.append(any);
        }
        self.put(name, "keyword", Arc::new(builder.finish()));
    }

    /// Several texts a row, in the order of the source.
    fn texts<'a>(&mut self, name: &str, rows: impl Iterator<Item = &'a Vec<String>>) {
        let item = ArrowField::new_list_field(Arrow::Utf8, false);
        let mut builder = ListBuilder::new(StringBuilder::new()).with_field(item);
        for values in rows {
            values
                .iter()
                .for_each(|value| builder.values().append_value(value));
            builder.append(!values.is_empty());
        }
        self.put(name, "text", Arc::new(builder.finish()));
    }

    fn index(mut self, name: &str, mode: IndexMode) -> Result<Index, Error> {
        let broken = |error: &dyn std::fmt::Display| Error::Damaged(format!("{name}: {error}"));
        let fields: Vec<ArrowField> = self
            .columns
            .iter()
            .map(|(name, column)| ArrowField::new(name, column.data_type().clone(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let columns = self.columns.into_iter().map(|(_, column)| column).collect();
        let batch =
            RecordBatch::try_new(schema.clone(), columns).map_err(|error| broken(&error))?;
        let table = MemTable::try_new(schema, vec![vec![batch]]).map_err(|error| broken(&error))?;
        self.fields.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Index {
            name: name.to_owned(),
            mode,
            fields: self.fields,
            table: Arc::new(table),
        })
    }
}

fn incidents(connection: &Connection) -> Result<Index, Error> {
    let mut statement =
        connection.prepare_cached("SELECT json FROM summaries ORDER BY incident")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let shown: Vec<Projection> = rows
        .map(|json| read_projection(&json?))
        .collect::<Result<_, Error>>()?;
    let all: Vec<_> = shown.iter().map(|one| &one.summary).collect();
    let mut table = Table::default();
    table.strings(
        ID,
        "keyword",
        all.iter().map(|row| Some(row.incident_id.as_str())),
    );
    table.dates("@timestamp", all.iter().map(|row| Some(row.opened_at.ms())));
    table.strings(
        "incident_id",
        "keyword",
        all.iter().map(|row| Some(row.incident_id.as_str())),
    );
    table.strings(
        "title",
        "text",
        all.iter().map(|row| Some(row.title.as_str())),
    );
    table.strings(
        "status",
        "keyword",
        all.iter().map(|row| Some(row.status.name())),
    );
    table.strings(
        "severity",
        "keyword",
        all.iter().map(|row| Some(row.severity.name())),
    );
    table.strings(
        "service.name",
        "keyword",
        all.iter().map(|row| Some(row.service.as_str())),
    );
    table.strings(
        "rule",
        "keyword",
        all.iter().map(|row| Some(row.rule.as_str())),
    );
    table.strings(
        "owner",
        "keyword",
        all.iter().map(|row| row.owner.as_deref()),
    );
    by_people(&mut table, &all);
    table.dates("opened_at", all.iter().map(|row| Some(row.opened_at.ms())));
    table.dates(
        "updated_at",
        all.iter().map(|row| Some(row.updated_at.ms())),
    );
    table.dates(
        "resolved_at",
        all.iter().map(|row| row.resolved_at.map(|at| at.ms())),
    );
    table.longs("findings", all.iter().map(|row| row.findings as i64));
    table.strings("cause", "text", all.iter().map(|row| row.cause.as_deref()));
    let confidence: Float64Array = all.iter().map(|row| row.confidence).collect();
    table.put("confidence", "double", Arc::new(confidence));
    table.longs(
        "proposals_pending",
        all.iter().map(|row| row.proposals_pending as i64),
    );
    table.strings(
        "person_needed",
        "text",
        all.iter().map(|row| row.person_needed.as_deref()),
    );
    judged(&mut table, &all);
    table.longs("last_seq", all.iter().map(|row| row.last_seq as i64));
    told(&mut table, &shown);
    table.index(INCIDENTS, IndexMode::Standard)
}

/// Whose it is, whom it hurts, and where it goes on.
fn by_people(table: &mut Table, all: &[&Summary]) {
    let team = all.iter().map(|row| row.team.as_deref());
    table.strings("team", "keyword", team);
    let impact = all.iter().map(|row| row.impact.as_deref());
    table.strings("impact", "text", impact);
    let merged = all.iter().map(|row| row.merged_into.as_ref());
    let merged = merged.map(|into| into.map(IncidentId::as_str));
    table.strings("merged_into", "keyword", merged);
}

/// What it is likened by, what helped, and what people said of the answer.
fn judged(table: &mut Table, all: &[&Summary]) {
    table.lists(
        "signature",
        all.iter()
            .map(|row| row.signature.iter().map(String::as_str).collect()),
    );
    table.strings(
        "helped",
        "text",
        all.iter().map(|row| row.helped.as_deref()),
    );
    let right: BooleanArray = all.iter().map(|row| row.feedback_right).collect();
    table.put("feedback.right", "boolean", Arc::new(right));
    let confidence: Float64Array = all.iter().map(|row| row.feedback_confidence).collect();
    table.put("feedback.confidence", "double", Arc::new(confidence));
    table.strings(
        "feedback.cause",
        "text",
        all.iter().map(|row| row.feedback_cause.as_deref()),
    );
}

/// What was measured, told and proposed.
fn told(table: &mut Table, shown: &[Projection]) {
    let metrics = || shown.iter().map(|one| one.metrics.as_ref());
    table.strings(
        "metrics.signal",
        "keyword",
        metrics().map(|one| Some(one?.signal.as_str())),
    );
    table.strings(
        "metrics.unit",
        "keyword",
        metrics().map(|one| Some(one?.unit.as_str())),
    );
    let mut number = |name: &str, of: fn(&Measured) -> Option<f64>| {
        let column: Float64Array = metrics().map(|one| of(one?)).collect();
        table.put(name, "double", Arc::new(column));
    };
    number("metrics.observed", |one| Some(one.observed));
    number("metrics.threshold", |one| Some(one.threshold));
    number("metrics.requests", |one| one.requests);
    table.texts("timeline", shown.iter().map(|one| &one.timeline));
    table.strings(
        "report",
        "text",
        shown.iter().map(|one| one.report.as_deref()),
    );
    table.texts("proposals", shown.iter().map(|one| &one.proposals));
}

/// The journal's indices: one for each month that an incident's id names.
fn journal_months(connection: &Connection) -> Result<Vec<String>, Error> {
    let mut statement = connection
        .prepare_cached("SELECT DISTINCT substr(incident, 1, 11) FROM records ORDER BY 1")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let months: Result<Vec<String>, Error> = rows
        .map(|prefix| {
            let prefix = prefix?;
            IncidentId::parse(&format!("{prefix}000000000000"))
                .map(|id| id.journal_index())
                .ok_or_else(|| Error::Damaged(format!("journal: {prefix:?} begins no incident id")))
        })
        .collect();
    // The system chain lies in the month's index too.
    let mut months = months?;
    months.sort();
    months.dedup();
    Ok(months)
}

struct Line {
    incident: String,
    seq: i64,
    at_ms: i64,
    agent: String,
    action: String,
    decision: Option<String>,
    approved_by: Option<String>,
    digest: String,
    previous: String,
    bytes: Vec<u8>,
}

fn journal(connection: &Connection, index: &str) -> Result<Index, Error> {
    let month = index.trim_start_matches(JOURNAL_PREFIX).replace('.', "");
    let mut statement = connection.prepare_cached(
        "SELECT incident, seq, at_ms, agent, action, decision, approved_by, digest, previous, \
         bytes FROM records WHERE (incident >= ?1 AND incident < ?2) \
         OR (incident >= ?3 AND incident < ?4) ORDER BY position",
    )?;
    let bounds =
        ["INC", "SYS"].map(|kind| [format!("{kind}-{month}-"), format!("{kind}-{month}.")]);
    let rows = statement.query_map(params_from_iter(bounds.as_flattened()), |row| {
        Ok(Line {
            incident: row.get(0)?,
            seq: row.get(1)?,
            at_ms: row.get(2)?,
            agent: row.get(3)?,
            action: row.get(4)?,
            decision: row.get(5)?,
            approved_by: row.get(6)?,
            digest: row.get(7)?,
            previous: row.get(8)?,
            bytes: row.get(9)?,
        })
    })?;
    let all: Vec<Line> = rows.collect::<rusqlite::Result<_>>()?;
    let ids: Vec<String> = all
        .iter()
        .map(|line| format!("{}:{}", line.incident, line.seq))
        .collect();
    let mut table = Table::default();
    table.strings(ID, "keyword", ids.iter().map(|id| Some(id.as_str())));
    table.dates("@timestamp", all.iter().map(|line| Some(line.at_ms)));
    table.strings(
        "agent",
        "keyword",
        all.iter().map(|line| Some(line.agent.as_str())),
    );
    table.strings(
        "incident_id",
        "keyword",
        all.iter().map(|line| Some(line.incident.as_str())),
    );
    table.strings(
        "action",
        "keyword",
        all.iter().map(|line| Some(line.action.as_str())),
    );
    table.strings(
        "decision",
        "keyword",
        all.iter().map(|line| line.decision.as_deref()),
    );
    table.strings(
        "approved_by",
        "keyword",
        all.iter().map(|line| line.approved_by.as_deref()),
    );
    table.longs("seq", all.iter().map(|line| line.seq));
    table.strings(
        "digest",
        "keyword",
        all.iter().map(|line| Some(line.digest.as_str())),
    );
    table.strings(
        "previous",
        "keyword",
        all.iter().map(|line| Some(line.previous.as_str())),
    );
    // The very bytes that the digest is of; records are JSON, so they are a text.
    table.strings(
        "record",
        "keyword",
        all.iter().map(|line| std::str::from_utf8(&line.bytes).ok()),
    );
    table.index(index, IndexMode::Standard)
}

fn runbooks(connection: &Connection) -> Result<Index, Error> {
    let all = embedded_runbooks(connection)?;
    let books = || all.iter().map(|(book, _)| book);
    let mut table = Table::default();
    table.strings(ID, "keyword", books().map(|book| Some(book.id.as_str())));
    table.strings("id", "keyword", books().map(|book| Some(book.id.as_str())));
    table.strings(
        "title",
        "text",
        books().map(|book| Some(book.title.as_str())),
    );
    table.strings(
        "summary",
        "text",
        books().map(|book| Some(book.summary.as_str())),
    );
    table.strings(
        "content",
        "text",
        books().map(|book| Some(book.content.as_str())),
    );
    table.lists(
        "symptoms",
        books().map(|book| book.symptoms.iter().map(String::as_str).collect()),
    );
    let signals: Vec<Vec<String>> = books()
        .map(|book| book.signals.iter().map(word).collect())
        .collect();
    table.lists(
        "signals",
        signals
            .iter()
            .map(|names| names.iter().map(String::as_str).collect()),
    );
    let actions: Vec<Vec<String>> = books()
        .map(|book| {
            book.actions
                .iter()
                .map(|action| word(&action.kind))
                .collect()
        })
        .collect();
    table.lists(
        "actions",
        actions
            .iter()
            .map(|names| names.iter().map(String::as_str).collect()),
    );
    let item = ArrowField::new_list_field(Arrow::Float32, false);
    let mut vectors = ListBuilder::new(Float32Builder::new()).with_field(item);
    for (_, vector) in &all {
        vectors.values().append_slice(vector);
        vectors.append(!vector.is_empty());
    }
    table.put(
        "content_embedding",
        "dense_vector",
        Arc::new(vectors.finish()),
    );
    table.index(RUNBOOKS, IndexMode::Standard)
}

/// The word that a value without fields is stored as.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}

fn lookup_services(all: &[Service]) -> Result<Index, Error> {
    let mut table = Table::default();
    table.strings(ID, "keyword", all.iter().map(|row| Some(row.name.as_str())));
    table.strings(
        "service.name",
        "keyword",
        all.iter().map(|row| Some(row.name.as_str())),
    );
    table.strings("team", "keyword", all.iter().map(|row| row.team.as_deref()));
    let criticality: Int32Array = all
        .iter()
        .map(|row| row.criticality.map(i32::from))
        .collect();
    table.put("criticality", "integer", Arc::new(criticality));
    table.strings(
        "on_call",
        "keyword",
        all.iter().map(|row| row.on_call.as_deref()),
    );
    table.lists(
        "depends_on",
        all.iter()
            .map(|row| row.depends_on.iter().map(String::as_str).collect()),
    );
    table.index(SERVICES, IndexMode::Lookup)
}
