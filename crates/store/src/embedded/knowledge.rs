//! Services, runbooks, tokens and people in SQLite.

use async_trait::async_trait;
use model::{Runbook, Service, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::de::DeserializeOwned;

use super::Embedded;
use super::database::blocking;
use crate::embedding;
use crate::error::Error;
use crate::indices::SERVICES;
use crate::knowledge::{Knowledge, SavedPerson, SavedToken, service};
use crate::telemetry::{Document, ItemResult, Operation, Telemetry};

#[async_trait]
impl Knowledge for Embedded {
    async fn services(&self) -> Result<Vec<Service>, Error> {
        if self.inner.engine.mapping(SERVICES).is_some() {
            return self.services_of_index().await;
        }
        self.inner
            .database
            .call(|connection| services(connection))
            .await
    }

    async fn put_service(&self, service: &Service) -> Result<(), Error> {
        self.writable()?;
        if self.inner.engine.mapping(SERVICES).is_some() {
            return self.put_into_index(service).await;
        }
        let services = vec![service.clone()];
        self.inner
            .database
            .call(move |connection| put_services(connection, &services).map(drop))
            .await
    }

    async fn runbooks(&self) -> Result<Vec<Runbook>, Error> {
        self.inner
            .database
            .call(|connection| all(connection, "SELECT json FROM runbooks ORDER BY id"))
            .await
    }

    async fn nearest_runbooks(&self, vector: &[f32], limit: usize) -> Result<Vec<String>, Error> {
        let books = self
            .inner
            .database
            .call(|connection| embedded_runbooks(connection));
        let books = books.await?;
        let mut near: Vec<(f32, String)> = books
            .into_iter()
            .filter_map(|(book, known)| Some((cosine(&known, vector)?, book.id)))
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        Ok(near.into_iter().take(limit).map(|(_, id)| id).collect())
    }

    async fn put_runbook(&self, runbook: &Runbook) -> Result<(), Error> {
        self.writable()?;
        let runbook = runbook.clone();
        let database = self.inner.database.clone();
        blocking(move || {
            let vector = embedding::embed(&embedding::runbook_text(&runbook));
            let bytes: Vec<u8> = vector
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            let json = json(&runbook)?;
            database.with(|connection| {
                connection.execute(
                    "INSERT OR REPLACE INTO runbooks(id, json, embedding) VALUES(?1, ?2, ?3)",
                    params![runbook.id, json, bytes],
                )?;
                Ok(())
            })
        })
        .await
    }

    async fn put_token(&self, token: &SavedToken) -> Result<(), Error> {
        self.writable()?;
        let token = token.clone();
        self.inner
            .database
            .call(move |connection| save_token(connection, &token))
            .await
    }

    async fn token(&self, hash: &str) -> Result<Option<SavedToken>, Error> {
        let hash = hash.to_owned();
        self.inner
            .database
            .call(move |connection| token_by(connection, "hash", &hash))
            .await
    }

    async fn tokens(&self) -> Result<Vec<SavedToken>, Error> {
        self.inner
            .database
            .call(|connection| all(connection, "SELECT json FROM tokens ORDER BY id"))
            .await
    }

    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<(), Error> {
        self.writable()?;
        let id = id.to_owned();
        self.inner
            .database
            .call(move |connection| {
                let mut token = token_by(connection, "id", &id)?
                    .ok_or_else(|| Error::NotFound(format!("token {id}")))?;
                // The first revocation stands: when it was taken back is part of the record.
                token.revoked_at.get_or_insert(at);
                save_token(connection, &token)
            })
            .await
    }

    async fn touch_token(&self, hash: &str, at: Timestamp) -> Result<(), Error> {
        self.writable()?;
        let hash = hash.to_owned();
        self.inner
            .database
            .call(move |connection| {
                let Some(mut token) = token_by(connection, "hash", &hash)? else {
                    return Ok(());
                };
                token.last_used_at = token.last_used_at.max(Some(at));
                save_token(connection, &token)
            })
            .await
    }

    async fn put_person(&self, person: &SavedPerson) -> Result<(), Error> {
        self.writable()?;
        let person = person.clone();
        self.inner
            .database
            .call(move |connection| {
                connection.execute(
                    "INSERT OR REPLACE INTO people(subject, json) VALUES(?1, ?2)",
                    params![person.subject, json(&person)?],
                )?;
                Ok(())
            })
            .await
    }

    async fn person(&self, subject: &str) -> Result<Option<SavedPerson>, Error> {
        let subject = subject.to_owned();
        self.inner
            .database
            .call(move |connection| {
                let text: Option<String> = connection
                    .prepare_cached("SELECT json FROM people WHERE subject = ?1")?
                    .query_row([&subject], |row| row.get(0))
                    .optional()?;
                text.map(|text| read(&text)).transpose()
            })
            .await
    }

    async fn people(&self) -> Result<Vec<SavedPerson>, Error> {
        self.inner
            .database
            .call(|connection| all(connection, "SELECT json FROM people ORDER BY subject"))
            .await
    }
}

/// Services of an index that somebody made as `lookup-services`, at most.
const MAX_SERVICES: usize = 10_000;

impl Embedded {
    /// Rows that name no service are nobody's.
    async fn services_of_index(&self) -> Result<Vec<Service>, Error> {
        let request = esql::Request {
            query: format!("FROM {SERVICES} | LIMIT {MAX_SERVICES}"),
            ..esql::Request::default()
        };
        let answer = self.query(&request).await?;
        let rows = esql::answer::rows(&answer);
        let mut services: Vec<Service> = rows
            .into_iter()
            .filter_map(|row| {
                let names = answer.columns.iter().map(|column| column.name.clone());
                service(&names.zip(row).collect()).ok()
            })
            .collect();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(services)
    }

    async fn put_into_index(&self, service: &Service) -> Result<(), Error> {
        let source = serde_json::to_value(service).ok();
        let document = Document {
            index: SERVICES.to_owned(),
            operation: Operation::Index,
            id: Some(service.name.clone()),
            source: source
                .and_then(|value| value.as_object().cloned())
                .unwrap_or_default(),
        };
        match self.ingest(vec![document]).await?.pop() {
            Some(ItemResult::Refused { reason, .. }) => Err(Error::Refused(reason)),
            _ => Ok(()),
        }
    }
}

pub fn services(connection: &Connection) -> Result<Vec<Service>, Error> {
    all(connection, "SELECT json FROM services ORDER BY name")
}

/// Adds or replaces; says for each whether it was there before.
pub fn put_services(connection: &mut Connection, services: &[Service]) -> Result<Vec<bool>, Error> {
    let transaction = connection.transaction()?;
    let mut known = Vec::with_capacity(services.len());
    for service in services {
        let before: Option<i64> = transaction
            .prepare_cached("SELECT 1 FROM services WHERE name = ?1")?
            .query_row([&service.name], |row| row.get(0))
            .optional()?;
        transaction
            .prepare_cached("INSERT OR REPLACE INTO services(name, json) VALUES(?1, ?2)")?
            .execute(params![service.name, json(service)?])?;
        known.push(before.is_some());
    }
    transaction.commit()?;
    Ok(known)
}

/// Every runbook with its embedding.
pub fn embedded_runbooks(connection: &Connection) -> Result<Vec<(Runbook, Vec<f32>)>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT json, embedding FROM runbooks ORDER BY id")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    rows.map(|row| {
        let (text, bytes) = row?;
        let vector = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|chunk| f32::from_le_bytes(*chunk))
            .collect();
        Ok((read(&text)?, vector))
    })
    .collect()
}

/// `None` where one of them has no direction.
fn cosine(one: &[f32], other: &[f32]) -> Option<f32> {
    let length = |vector: &[f32]| vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    let both = length(one) * length(other);
    let dot: f32 = one.iter().zip(other).map(|(x, y)| x * y).sum();
    (both > 0.0).then(|| dot / both)
}

fn save_token(connection: &Connection, token: &SavedToken) -> Result<(), Error> {
    connection.execute(
        "INSERT OR REPLACE INTO tokens(id, hash, json) VALUES(?1, ?2, ?3)",
        params![token.id, token.hash, json(token)?],
    )?;
    Ok(())
}

fn token_by(
    connection: &Connection,
    column: &str,
    value: &str,
) -> Result<Option<SavedToken>, Error> {
    let text: Option<String> = connection
        .prepare_cached(&format!("SELECT json FROM tokens WHERE {column} = ?1"))?
        .query_row([value], |row| row.get(0))
        .optional()?;
    text.map(|text| read(&text)).transpose()
}

fn all<T: DeserializeOwned>(connection: &Connection, query: &str) -> Result<Vec<T>, Error> {
    let mut statement = connection.prepare_cached(query)?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    rows.map(|text| read(&text?)).collect()
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::Refused(format!("can't be stored: {error}")))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::Damaged(format!("a row of the database can't be read: {error}")))
}
