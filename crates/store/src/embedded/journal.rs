//! The journal in SQLite.

use async_trait::async_trait;
use model::{Digest, IncidentId, Projection, StoredRecord, Summary};
use rusqlite::{Connection, ErrorCode, Transaction, params, params_from_iter};

use super::Embedded;
use crate::error::Error;
use crate::journal::{
    Journal, SortKey, SummaryFilter, SummaryPage, decision, read_record, sort_key, words,
};

#[async_trait]
impl Journal for Embedded {
    async fn append(&self, record: &StoredRecord, shown: Option<&Projection>) -> Result<(), Error> {
        self.writable()?;
        let inner = self.inner.clone();
        let (record, shown) = (record.clone(), shown.cloned());
        self.inner
            .database
            .call(move |connection| {
                let transaction = connection.transaction()?;
                insert(&transaction, &record)?;
                if let Some(shown) = &shown {
                    replace(&transaction, shown)?;
                }
                transaction.commit()?;
                // The record is durable whatever becomes of the anchor: the next append or the
                // next start writes the line that is missing.
                let anchored = inner.anchors(|anchors| anchors.catch_up(connection));
                if let Err(error) = anchored {
                    tracing::warn!(%error, "an anchor line is missing until the next append");
                }
                Ok(())
            })
            .await
    }

    async fn records_after(
        &self,
        incident: &IncidentId,
        after: u64,
    ) -> Result<Vec<StoredRecord>, Error> {
        let incident = incident.clone();
        self.inner
            .database
            .call(move |connection| records_after(connection, &incident, after))
            .await
    }

    async fn incidents(&self) -> Result<Vec<IncidentId>, Error> {
        self.inner
            .database
            .call(|connection| incidents(connection))
            .await
    }

    async fn summaries(&self, filter: &SummaryFilter) -> Result<SummaryPage, Error> {
        let filter = filter.clone();
        self.inner
            .database
            .call(move |connection| summaries(connection, &filter))
            .await
    }

    async fn project(&self, shown: &Projection) -> Result<(), Error> {
        self.writable()?;
        let shown = shown.clone();
        self.inner
            .database
            .call(move |connection| {
                let transaction = connection.transaction()?;
                replace(&transaction, &shown)?;
                Ok(transaction.commit()?)
            })
            .await
    }
}

fn insert(transaction: &Transaction<'_>, stored: &StoredRecord) -> Result<(), Error> {
    let record = read_record(stored)?;
    let (decision, approved_by) = decision(&record);
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO records(incident, seq, at_ms, agent, action, decision, approved_by, \
             digest, previous, bytes) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            stored.incident.as_str(),
            stored.seq as i64,
            record.at.ms(),
            record.actor.label(),
            record.event.name(),
            decision,
            approved_by,
            stored.digest.to_string(),
            record.previous.to_string(),
            stored.bytes,
        ]);
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Err(
            Error::Conflict(format!("record {}:{}", stored.incident, stored.seq)),
        ),
        Err(error) => Err(error.into()),
    }
}

fn replace(transaction: &Transaction<'_>, shown: &Projection) -> Result<(), Error> {
    let summary = &shown.summary;
    let json = serde_json::to_string(shown)
        .map_err(|error| Error::Refused(format!("{}: {error}", summary.incident_id)))?;
    let words = words(summary);
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO summaries(incident, status, status_rank, severity, \
             severity_rank, service, rule, words, opened_ms, updated_ms, json) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            summary.incident_id.as_str(),
            summary.status.name(),
            summary.status as i64,
            summary.severity.name(),
            summary.severity as i64,
            summary.service,
            summary.rule,
            words,
            summary.opened_at.ms(),
            summary.updated_at.ms(),
            json,
        ])?;
    Ok(())
}

pub fn incidents(connection: &Connection) -> Result<Vec<IncidentId>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT DISTINCT incident FROM records ORDER BY incident")?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    names
        .map(|name| {
            let name = name?;
            IncidentId::parse(&name)
                .ok_or_else(|| Error::Damaged(format!("journal: {name:?} is not an incident id")))
        })
        .collect()
}

pub fn records(connection: &Connection, incident: &IncidentId) -> Result<Vec<StoredRecord>, Error> {
    records_after(connection, incident, 0)
}

fn records_after(
    connection: &Connection,
    incident: &IncidentId,
    after: u64,
) -> Result<Vec<StoredRecord>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, bytes, digest FROM records WHERE incident = ?1 AND seq > ?2 ORDER BY seq",
    )?;
    let rows = statement.query_map(params![incident.as_str(), after as i64], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, Vec<u8>>(1)?,
            row.get::<_, String>(2)?,
        ))
    })?;
    rows.map(|row| {
        let (seq, bytes, digest) = row?;
        Ok(StoredRecord {
            incident: incident.clone(),
            seq: seq.unsigned_abs(),
            bytes,
            // A digest that can't be read fits no bytes: verification names the record.
            digest: Digest::parse(&digest).unwrap_or(Digest::ZERO),
        })
    })
    .collect()
}

fn summaries(connection: &Connection, filter: &SummaryFilter) -> Result<SummaryPage, Error> {
    let mut terms = vec!["1".to_owned()];
    let mut values: Vec<String> = Vec::new();
    let mut any_of = |column: &str, names: Vec<String>| {
        if !names.is_empty() {
            let marks = vec!["?"; names.len()].join(", ");
            terms.push(format!("{column} IN ({marks})"));
            values.extend(names);
        }
    };
    any_of(
        "status",
        filter
            .statuses
            .iter()
            .map(|s| s.name().to_owned())
            .collect(),
    );
    any_of(
        "severity",
        filter
            .severities
            .iter()
            .map(|s| s.name().to_owned())
            .collect(),
    );
    any_of("service", filter.service.iter().cloned().collect());
    any_of("rule", filter.rule.iter().cloned().collect());
    for word in filter
        .text
        .as_deref()
        .unwrap_or_default()
        .split_whitespace()
    {
        terms.push("instr(words, ?) > 0".to_owned());
        values.push(word.to_lowercase());
    }
    let matching = terms.join(" AND ");
    let total: i64 = connection
        .prepare_cached(&format!("SELECT count(*) FROM summaries WHERE {matching}"))?
        .query_row(params_from_iter(&values), |row| row.get(0))?;
    let limit = filter.page();
    let order = order(filter.sort.as_deref())?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT json FROM summaries WHERE {matching} ORDER BY {order}, incident \
         LIMIT {limit} OFFSET {}",
        filter.offset
    ))?;
    let rows = statement.query_map(params_from_iter(&values), |row| row.get::<_, String>(0))?;
    let items = rows
        .map(|json| read_summary(&json?))
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(SummaryPage {
        total: total.unsigned_abs(),
        items,
    })
}

fn read_summary(json: &str) -> Result<Summary, Error> {
    serde_json::from_str(json).map_err(|error| unreadable(&error))
}

/// As [`read_summary`], with what `FROM incidents` shows beside it.
pub fn read_projection(json: &str) -> Result<Projection, Error> {
    serde_json::from_str(json).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> Error {
    Error::Damaged(format!("a summary can't be read: {error}; rebuild it"))
}

fn order(sort: Option<&str>) -> Result<String, Error> {
    let (key, descending) = sort_key(sort)?;
    let column = match key {
        SortKey::OpenedAt => "opened_ms",
        SortKey::UpdatedAt => "updated_ms",
        SortKey::Severity => "severity_rank",
        SortKey::Status => "status_rank",
        SortKey::Service => "service",
    };
    Ok(format!(
        "{column} {}",
        if descending { "DESC" } else { "ASC" }
    ))
}
