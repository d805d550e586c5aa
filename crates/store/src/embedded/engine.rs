//! Telemetry's state: what is in memory, which segments there are, and what is wrong.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arrow::record_batch::RecordBatch;
use rusqlite::{Connection, params};
use serde_json::Value;

use super::aliases::Aliases;
use super::damage::Damage;
use super::database::Database;
use super::definition::Definition;
use super::folder::Folder;
use super::mapping::{Family, Mapped, Mapping};
use super::memory::{IdKeys, Memory};
use super::segment::{Segment, SegmentRow, column_of_ids};
use super::template::{self, Template};
use super::{Options, indices};
use crate::error::Error;
use crate::indices::LOOKUP_PREFIX;

/// Indices of a store at most.
pub const MAX_INDICES: usize = 1_000;

/// One index's rows.
#[derive(Debug, Default)]
pub struct IndexRows {
    /// Takes what comes.
    pub active: Memory,
    /// Is being written to a segment; still read.
    pub frozen: Option<Memory>,
    pub segments: Vec<Arc<Segment>>,
}

#[derive(Debug, Default)]
pub struct State {
    pub indices: BTreeMap<String, IndexRows>,
    /// The generation of the log that holds what came after the frozen rows: a segment of them
    /// covers all before it.
    pub frozen_before: Option<u64>,
    /// Replaced rows in segments that the database doesn't know of yet: by the log it will.
    pub replaced: Vec<(i64, String)>,
    /// The same, of the time before the freeze.
    pub frozen_replaced: Vec<(i64, String)>,
}

impl State {
    pub fn active_rows(&self) -> u64 {
        self.indices.values().map(|index| index.active.rows()).sum()
    }

    pub fn active_bytes(&self) -> usize {
        self.indices
            .values()
            .map(|index| index.active.bytes())
            .sum()
    }
}

/// What of the stored data can't be trusted, and what can't be done now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// What was set aside, and why.
    pub damaged: Vec<Damage>,
    /// The last attempt to write segments failed: why.
    pub flush_error: Option<String>,
    /// Documents in memory and log only.
    pub rows_in_memory: u64,
    pub segments: usize,
    pub rows_in_segments: u64,
}

pub struct Engine {
    pub folder: Folder,
    pub database: Database,
    pub options: Options,
    pub reading: bool,
    pub ids: IdKeys,
    mappings: RwLock<BTreeMap<String, Arc<Mutex<Mapping>>>>,
    templates: RwLock<Vec<Template>>,
    aliases: RwLock<Aliases>,
    state: RwLock<State>,
    health: Mutex<Health>,
    /// Held while rows are frozen, written and published.
    pub flushing: Mutex<()>,
    id_prefix: String,
    id_count: AtomicU64,
}

impl Engine {
    pub fn new(folder: Folder, database: Database, options: Options, reading: bool) -> Self {
        let ids = IdKeys::default();
        Self {
            id_prefix: format!("{:016x}", ids.key("datapulse") as u64),
            id_count: AtomicU64::new(0),
            folder,
            database,
            options,
            reading,
            ids,
            mappings: RwLock::default(),
            templates: RwLock::default(),
            aliases: RwLock::default(),
            state: RwLock::default(),
            health: Mutex::default(),
            flushing: Mutex::new(()),
        }
    }

    pub fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn notes(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn health(&self) -> Health {
        let mut health = self.notes().clone();
        let state = self.state();
        for index in state.indices.values() {
            health.rows_in_memory += index.active.alive();
            health.rows_in_memory += index.frozen.as_ref().map_or(0, Memory::alive);
            health.segments += index.segments.len();
            health.rows_in_segments += index.segments.iter().map(|s| s.row.rows).sum::<u64>();
        }
        health
    }

    /// An id that no document has: unique by the process's secret and a count, and close to the
    /// one before, so that a segment stores it in few bytes.
    pub fn new_id(&self) -> String {
        let count = self.id_count.fetch_add(1, Ordering::Relaxed);
        format!("{}-{count:08x}", self.id_prefix)
    }

    /// The mapping of an index, made where it is new. `None`: there are too many indices.
    pub fn mapping_or_new(&self, index: &str) -> Option<Arc<Mutex<Mapping>>> {
        if let Some(mapping) = self.mapping(index) {
            return Some(mapping);
        }
        let mut mappings = self
            .mappings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if mappings.len() >= MAX_INDICES && !mappings.contains_key(index) {
            return None;
        }
        let mapping = mappings
            .entry(index.to_owned())
            .or_insert_with(|| Arc::new(Mutex::new(self.first_mapping(index))));
        Some(mapping.clone())
    }

    /// By the best template, else by the name's family.
    fn first_mapping(&self, index: &str) -> Mapping {
        let templates = self.templates();
        let made = template::best(&templates, index).and_then(|template| {
            // It was read when it was put: it can't be wrong now.
            let definition = template.define(self.new_id(), indices::wall_ms()).ok()?;
            let fields = definition.fields().ok()?;
            Some(Mapping::defined(definition, fields, false))
        });
        made.unwrap_or_else(|| Mapping::new(index, Vec::new()))
    }

    pub fn templates(&self) -> RwLockReadGuard<'_, Vec<Template>> {
        self.templates
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub fn templates_mut(&self) -> RwLockWriteGuard<'_, Vec<Template>> {
        self.templates
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub fn aliases(&self) -> RwLockReadGuard<'_, Aliases> {
        self.aliases.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn aliases_mut(&self) -> RwLockWriteGuard<'_, Aliases> {
        self.aliases.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an index as it is defined; the database has it first.
    pub fn create(&self, index: &str, definition: Definition) -> Result<(), Error> {
        let mut mappings = self
            .mappings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if self.state().indices.contains_key(index) {
            return Err(indices::exists(index));
        }
        if mappings.len() >= MAX_INDICES && !mappings.contains_key(index) {
            return Err(Error::Refused(format!(
                "the store has {MAX_INDICES} indices already, [{index}] can't be added"
            )));
        }
        let mut mapping = Mapping::defined(definition.clone(), definition.fields()?, false);
        self.database.with(|connection| {
            let transaction = connection.transaction()?;
            indices::save(&transaction, index, &definition)?;
            for field in mapping.unsaved() {
                save_field(&transaction, index, field)?;
            }
            Ok(transaction.commit()?)
        })?;
        mapping.all_saved();
        mappings.insert(index.to_owned(), Arc::new(Mutex::new(mapping)));
        self.state_mut()
            .indices
            .entry(index.to_owned())
            .or_default();
        Ok(())
    }

    /// Takes an index out of memory; whether there was one. Its segments go with their last
    /// readers.
    pub fn remove(&self, index: &str) -> bool {
        let mut mappings = self
            .mappings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        mappings.remove(index);
        self.aliases_mut().forget(index);
        let removed = self.state_mut().indices.remove(index);
        let segments = removed.as_ref().map_or(&[][..], |rows| &rows.segments);
        segments.iter().for_each(|segment| segment.retire());
        removed.is_some()
    }

    pub fn mapping(&self, index: &str) -> Option<Arc<Mutex<Mapping>>> {
        let mappings = self.mappings.read().unwrap_or_else(PoisonError::into_inner);
        mappings.get(index).cloned()
    }

    pub fn put_mapping(&self, index: &str, fields: Vec<Mapped>) {
        let mut mappings = self
            .mappings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mapping = Arc::new(Mutex::new(Mapping::new(index, fields)));
        mappings.insert(index.to_owned(), mapping);
    }

    /// An index that the database has with its definition.
    pub fn put_defined(&self, index: &str, definition: Definition, fields: Vec<Mapped>) {
        let mut mappings = self
            .mappings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let by_family = definition.by_family;
        let mut mapping = Mapping::defined(definition, fields, true);
        if by_family {
            mapping.family = Family::of(index);
        }
        mappings.insert(index.to_owned(), Arc::new(Mutex::new(mapping)));
    }

    /// Writes what the mappings of these indices have learned.
    pub fn save_mappings<'a>(
        &self,
        indices: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Error> {
        for index in indices {
            let Some(mapping) = self.mapping(index) else {
                continue;
            };
            let mut mapping = lock(&mapping);
            if mapping.unsaved().next().is_none() && mapping.unsaved_definition().is_none() {
                continue;
            }
            self.database.with(|connection| {
                let transaction = connection.transaction()?;
                if let Some(definition) = mapping.unsaved_definition() {
                    indices::save(&transaction, index, definition)?;
                }
                for field in mapping.unsaved() {
                    save_field(&transaction, index, field)?;
                }
                Ok(transaction.commit()?)
            })?;
            mapping.all_saved();
        }
        Ok(())
    }

    /// Adds rows that the log holds, and lets those die that they replace. `hits`: the segments
    /// in which a replaced id was found.
    pub fn publish(&self, rows: &[(super::log::Rows, Vec<(i64, String)>)]) {
        let now = std::time::Instant::now();
        let mut state = self.state_mut();
        let State {
            indices, replaced, ..
        } = &mut *state;
        for (rows, hits) in rows {
            let index = indices.entry(rows.index.clone()).or_default();
            for id in &rows.replaces {
                kill(index, replaced, self.ids.key(id), id, hits);
            }
            let keys: Vec<u128> = column_of_ids(&rows.batch)
                .into_iter()
                .flatten()
                .flatten()
                .map(|id| self.ids.key(id))
                .collect();
            index.active.push(rows.batch.clone(), keys, now);
        }
    }

    /// The segments of an index that hold one of the ids.
    pub fn find_in_segments(
        &self,
        segments: &[Arc<Segment>],
        ids: &HashSet<&str>,
    ) -> Result<Vec<(i64, String)>, Error> {
        let mut hits = Vec::new();
        for segment in segments {
            // A damaged one can't say; it is named when a query meets it.
            if segment.check().is_err() {
                continue;
            }
            for id in segment.find(ids)? {
                hits.push((segment.row.id, id.to_owned()));
            }
        }
        Ok(hits)
    }
}

fn kill(
    index: &mut IndexRows,
    replaced: &mut Vec<(i64, String)>,
    key: u128,
    id: &str,
    hits: &[(i64, String)],
) {
    let in_memory = index.active.kill(key, id)
        | index
            .frozen
            .as_mut()
            .is_some_and(|frozen| frozen.kill(key, id));
    let known: HashSet<i64> = hits
        .iter()
        .filter(|(_, hit)| hit == id)
        .map(|(segment, _)| *segment)
        .collect();
    for segment in &index.segments {
        // Found in frozen rows that have become a segment since: which one isn't known, and to
        // name it in one that hasn't the id does no harm.
        let lost = known.is_empty() && !in_memory;
        if lost || known.contains(&segment.row.id) {
            segment.replace([id.to_owned()]);
            replaced.push((segment.row.id, id.to_owned()));
        }
    }
}

pub fn lock(mapping: &Mutex<Mapping>) -> MutexGuard<'_, Mapping> {
    mapping.lock().unwrap_or_else(PoisonError::into_inner)
}

fn save_field(connection: &Connection, index: &str, field: &Mapped) -> Result<(), Error> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO fields(index_name, name, mapping, parent, several, parameters) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            index,
            field.name,
            field.mapping,
            field.parent,
            field.several,
            Value::Object(field.parameters.clone()).to_string()
        ])?;
    Ok(())
}

pub fn has_column(connection: &Connection, table: &str, column: &str) -> rusqlite::Result<bool> {
    let count: i64 = connection.query_row(
        "SELECT COUNT(*) FROM pragma_table_info(?1) WHERE name = ?2",
        [table, column],
        |row| row.get(0),
    )?;
    Ok(count > 0)
}

/// Every index's fields as they are stored.
pub fn load_fields(connection: &Connection) -> Result<BTreeMap<String, Vec<Mapped>>, Error> {
    // An older folder that is only read lacks the column.
    let parameters = match has_column(connection, "fields", "parameters")? {
        true => "parameters",
        false => "NULL",
    };
    let mut statement = connection.prepare(&format!(
        "SELECT index_name, name, mapping, parent, several, {parameters} FROM fields"
    ))?;
    let rows = statement.query_map([], |row| {
        let (name, mapping): (String, String) = (row.get(1)?, row.get(2)?);
        let parent: Option<String> = row.get(3)?;
        let given: Option<String> = row.get(5)?;
        let given = given.and_then(|json| serde_json::from_str(&json).ok());
        let mut field = match (&parent, &given) {
            (Some(parent), None) => Mapped::keyword_of(parent),
            _ => Mapped::new(&name, &mapping, parent.as_deref()),
        };
        if let Some(given) = given {
            field.parameters = given;
        }
        field.several = row.get(4)?;
        Ok((row.get::<_, String>(0)?, field))
    })?;
    let mut fields: BTreeMap<String, Vec<Mapped>> = BTreeMap::new();
    for row in rows {
        let (index, field) = row?;
        fields.entry(index).or_default().push(field);
    }
    Ok(fields)
}

pub fn load_segments(connection: &Connection) -> Result<Vec<SegmentRow>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT id, index_name, file, row_count, bytes, crc32, min_ms, max_ms FROM segments ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        let (min, max): (Option<i64>, Option<i64>) = (row.get(6)?, row.get(7)?);
        Ok(SegmentRow {
            id: row.get(0)?,
            index: row.get(1)?,
            file: row.get(2)?,
            rows: row.get::<_, i64>(3)?.unsigned_abs(),
            bytes: row.get::<_, i64>(4)?.unsigned_abs(),
            crc32: row.get::<_, i64>(5)? as u32,
            span_ms: min.zip(max),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One index as a query sees it: nothing that comes later changes it.
#[derive(Debug, Clone)]
pub struct IndexSnapshot {
    pub name: String,
    /// `LOOKUP JOIN` may name it.
    pub is_lookup: bool,
    pub fields: Vec<Mapped>,
    pub batches: Vec<RecordBatch>,
    pub segments: Vec<Arc<Segment>>,
}

impl Engine {
    /// All indices that `wanted` names, as they are now.
    pub fn snapshot(&self, wanted: impl Fn(&str) -> bool) -> Vec<IndexSnapshot> {
        let rows: Vec<_> = {
            let state = self.state();
            state
                .indices
                .iter()
                .filter(|(name, _)| wanted(name))
                .map(|(name, index)| {
                    let frozen = index.frozen.iter().flat_map(Memory::batches);
                    let batches: Vec<_> = frozen.chain(index.active.batches()).collect();
                    (name.clone(), batches, index.segments.clone())
                })
                .collect()
        };
        // The mapping is read after the rows: it has every field that they have.
        rows.into_iter()
            .map(|(name, batches, segments)| {
                let mapping = self.mapping(&name);
                let mapping = mapping.as_ref().map(|mapping| lock(mapping));
                let defined = mapping
                    .as_ref()
                    .and_then(|mapping| mapping.definition().map(|known| known.is_lookup()));
                IndexSnapshot {
                    is_lookup: defined.unwrap_or(name.starts_with(LOOKUP_PREFIX)),
                    fields: mapping.map_or_else(Vec::new, |mapping| mapping.fields().to_vec()),
                    name,
                    batches,
                    segments,
                }
            })
            .collect()
    }
}
