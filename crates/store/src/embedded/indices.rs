//! Indices as their users describe them: made, shown and deleted; and templates.

use std::sync::{Arc, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;
use tokio::sync::oneshot;

use super::Embedded;
use super::aliases::{self, Change};
use super::catalog::Pattern;
use super::database::{blocking, meta, set_meta};
use super::definition::{Definition, Kind, wrong};
use super::engine::{Engine, lock};
use super::mapping::{Family, Mapped};
use super::memory::Memory;
use super::segment::Segment;
use super::template::{MAX_TEMPLATES, Template};
use super::writer::{Command, ended};
use crate::error::Error;
use crate::indices::{SERVICES, check_name, is_ours};

/// `meta`: what tells this store from others.
pub const CLUSTER: &str = "cluster_uuid";

/// One index as it is now.
#[derive(Debug, Clone)]
pub struct Description {
    pub name: String,
    pub is_data_stream: bool,
    /// Of an index that was defined, or made from a template.
    pub definition: Option<Definition>,
    pub fields: Vec<Mapped>,
    pub documents: u64,
    /// Bytes in memory and on the disk.
    pub bytes: u64,
}

impl Embedded {
    /// Makes a plain index from the body of `PUT /{index}`.
    ///
    /// # Errors
    /// Elasticsearch's: a name that can't be, an index that is there, a mapping that can't be kept.
    pub async fn create_index(&self, name: &str, body: Value) -> Result<(), Error> {
        self.writable()?;
        let engine = self.inner.engine.clone();
        let name = name.to_owned();
        blocking(move || create(&engine, &name, &body)).await
    }

    /// Deletes an index with all that it holds; false where there is none.
    ///
    /// # Errors
    /// [`Error::Refused`] for indices that DataPulse itself writes.
    pub async fn delete_index(&self, name: &str) -> Result<bool, Error> {
        self.writable()?;
        if name == SERVICES && self.inner.engine.mapping(SERVICES).is_none() {
            // DataPulse's own table: an index of this name may be made in its place.
            let emptied = |connection: &mut Connection| {
                Ok(connection
                    .execute("DELETE FROM services", [])
                    .map(|_| true)?)
            };
            return self.inner.database.call(emptied).await;
        }
        if is_ours(name) {
            return Err(Error::Refused(format!(
                "index [{name}] is kept by DataPulse itself and can't be deleted"
            )));
        }
        // What lies in memory goes to segments first, so that little waits meanwhile.
        self.flush().await?;
        let (engine, sender, name) = (self.inner.engine.clone(), self.sender()?, name.to_owned());
        blocking(move || {
            // No segment is written of rows that are deleted.
            let _no_flush = engine
                .flushing
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let (answer, dropped) = oneshot::channel();
            sender
                .blocking_send(Command::Drop {
                    index: name,
                    answer,
                })
                .map_err(|_| ended())?;
            dropped.blocking_recv().map_err(|_| ended())?
        })
        .await
    }

    /// The indices of telemetry and those that were made, by name. Those that are rows of SQLite
    /// have no description.
    pub fn describe(&self, pattern: &str) -> Vec<Description> {
        let engine = &self.inner.engine;
        let pattern = engine.pattern(pattern);
        let counted: Vec<(String, u64, u64)> = {
            let state = engine.state();
            let matching = state.indices.iter().filter(|(name, _)| pattern.names(name));
            matching
                .map(|(name, rows)| {
                    let memory = [Some(&rows.active), rows.frozen.as_ref()];
                    let memory: Vec<&Memory> = memory.into_iter().flatten().collect();
                    let alive: u64 = memory.iter().map(|rows| rows.alive()).sum();
                    let bytes: usize = memory.iter().map(|rows| rows.bytes()).sum();
                    let stored: u64 = rows.segments.iter().map(|segment| alive_in(segment)).sum();
                    let on_disk: u64 = rows.segments.iter().map(|segment| segment.row.bytes).sum();
                    (name.clone(), alive + stored, bytes as u64 + on_disk)
                })
                .collect()
        };
        let described = counted.into_iter().map(|(name, documents, bytes)| {
            let mapping = engine.mapping(&name);
            let mapping = mapping.as_ref().map(|mapping| lock(mapping));
            Description {
                is_data_stream: mapping.as_ref().map_or_else(
                    || Family::is_data_stream(&name),
                    |mapping| mapping.is_data_stream(),
                ),
                definition: mapping
                    .as_ref()
                    .and_then(|mapping| mapping.definition().map(|known| known.as_ref().clone())),
                fields: mapping.map_or_else(Vec::new, |mapping| mapping.fields().to_vec()),
                name,
                documents,
                bytes,
            }
        });
        described.collect()
    }

    /// Adds or replaces a template. Indices that are there stay as they are.
    ///
    /// # Errors
    /// Elasticsearch's, and what the store can't keep.
    pub async fn put_template(&self, name: &str, body: Value) -> Result<(), Error> {
        self.writable()?;
        let template = Template::read(name, body)?;
        let engine = self.inner.engine.clone();
        blocking(move || {
            let mut templates = engine.templates_mut();
            let others = templates.iter().filter(|known| known.name != template.name);
            if others.count() >= MAX_TEMPLATES {
                let reason = format!("the store has {MAX_TEMPLATES} index templates already");
                return Err(wrong("illegal_argument_exception", reason));
            }
            engine.database.with(|connection| {
                connection.execute(
                    "INSERT OR REPLACE INTO templates(name, json) VALUES(?1, ?2)",
                    params![template.name, template.given.to_string()],
                )?;
                Ok(())
            })?;
            templates.retain(|known| known.name != template.name);
            templates.push(template);
            templates.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(())
        })
        .await
    }

    /// Templates whose name fits the pattern, as they were given.
    pub fn templates(&self, pattern: &str) -> Vec<(String, Value)> {
        let pattern = Pattern::new(pattern);
        let templates = self.inner.engine.templates();
        let matching = templates.iter().filter(|known| pattern.names(&known.name));
        matching
            .map(|known| (known.name.clone(), known.given.clone()))
            .collect()
    }

    /// Deletes a template; false where there is none.
    pub async fn delete_template(&self, name: &str) -> Result<bool, Error> {
        self.writable()?;
        let engine = self.inner.engine.clone();
        let name = name.to_owned();
        blocking(move || {
            let mut templates = engine.templates_mut();
            let gone = engine.database.with(|connection| {
                Ok(connection.execute("DELETE FROM templates WHERE name = ?1", [&name])?)
            })?;
            templates.retain(|known| known.name != name);
            Ok(gone > 0)
        })
        .await
    }

    /// What tells this store from others, made once.
    pub async fn cluster_uuid(&self) -> Result<String, Error> {
        let (fresh, reading) = (self.inner.engine.new_id(), self.inner.engine.reading);
        let uuid = move |connection: &mut Connection| match meta(connection, CLUSTER)? {
            Some(known) => Ok(known),
            None if reading => Ok(fresh),
            None => {
                set_meta(connection, CLUSTER, &fresh)?;
                Ok(fresh)
            }
        };
        self.inner.database.call(uuid).await
    }
}

/// Rows that count.
pub fn alive_in(segment: &Segment) -> u64 {
    let replaced = segment.replaced().len() as u64;
    segment.row.rows.saturating_sub(replaced)
}

/// When an index was made, for those who look at it: nothing is decided by it.
pub fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

fn create(engine: &Arc<Engine>, name: &str, body: &Value) -> Result<(), Error> {
    check_name(name).map_err(|refusal| wrong(refusal.kind, refusal.reason))?;
    if is_ours(name) || (name == SERVICES && has_services(engine)?) {
        return Err(exists(name));
    }
    if engine.aliases().contains(name) {
        let reason = format!("Invalid index name [{name}], already exists as alias");
        return Err(wrong("invalid_index_name_exception", reason));
    }
    let aliases = aliases::of_body(body, name)?;
    let definition = Definition::read(body, Kind::Plain, engine.new_id(), wall_ms())?;
    engine.create(name, definition)?;
    engine.change_aliases(aliases.into_iter().map(Change::Add).collect())
}

/// DataPulse's own table of services is an index that is there while it has rows.
fn has_services(engine: &Engine) -> Result<bool, Error> {
    engine.database.with(|connection| {
        let one = connection.query_row("SELECT 1 FROM services LIMIT 1", [], |_| Ok(()));
        Ok(one.optional()?.is_some())
    })
}

pub fn exists(name: &str) -> Error {
    let reason = format!("index [{name}] already exists");
    wrong("resource_already_exists_exception", reason)
}

/// Writes the definition of an index.
pub fn save(connection: &Connection, index: &str, definition: &Definition) -> Result<(), Error> {
    let json = serde_json::to_string(definition)
        .map_err(|error| Error::Refused(format!("{index}: {error}")))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO indices(name, json) VALUES(?1, ?2)")?
        .execute(params![index, json])?;
    Ok(())
}

/// Takes an index out of the database. What the log holds of it before `generation` counts no
/// more.
pub fn forget(connection: &mut Connection, index: &str, generation: u64) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    transaction.execute(
        "DELETE FROM replaced WHERE segment IN (SELECT id FROM segments WHERE index_name = ?1)",
        [index],
    )?;
    for table in ["segments", "fields", "aliases"] {
        transaction.execute(
            &format!("DELETE FROM {table} WHERE index_name = ?1"),
            [index],
        )?;
    }
    transaction.execute("DELETE FROM indices WHERE name = ?1", [index])?;
    transaction.execute(
        "INSERT OR REPLACE INTO dropped(index_name, generation) VALUES(?1, ?2)",
        params![index, generation as i64],
    )?;
    Ok(transaction.commit()?)
}

/// An older folder that is only read may lack a table.
pub fn has_table(connection: &Connection, name: &str) -> Result<bool, Error> {
    let found = connection
        .query_row(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1",
            [name],
            |_| Ok(()),
        )
        .optional()?;
    Ok(found.is_some())
}

/// Every definition that is kept, by index.
pub fn load(connection: &Connection) -> Result<Vec<(String, Definition)>, Error> {
    if !has_table(connection, "indices")? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT name, json FROM indices")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    rows.map(|row| {
        let (name, json) = row?;
        let definition = serde_json::from_str(&json)
            .map_err(|error| Error::Damaged(format!("the definition of index {name}: {error}")))?;
        Ok((name, definition))
    })
    .collect()
}

pub fn load_templates(connection: &Connection) -> Result<Vec<Template>, Error> {
    if !has_table(connection, "templates")? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT name, json FROM templates ORDER BY name")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    rows.map(|row| {
        let (name, json) = row?;
        let given = serde_json::from_str(&json)
            .map_err(|error| Error::Damaged(format!("index template {name}: {error}")))?;
        Template::read(&name, given)
    })
    .collect()
}

/// Deleted indices, each with the generation of the log before which its rows count no more.
pub fn load_dropped(connection: &Connection) -> Result<Vec<(String, u64)>, Error> {
    if !has_table(connection, "dropped")? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT index_name, generation FROM dropped")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
