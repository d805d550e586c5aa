//! What happens when a folder is opened: segments are listed, the log is replayed, leftovers go.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::damage;
use super::database::meta;
use super::engine::{Engine, load_fields, load_segments, lock};
use super::flush::LOG_FROM;
use super::indices;
use super::log::{self, Log, Rows};
use super::segment::Segment;
use crate::error::{Error, at};

/// What the database says of telemetry, at one moment.
struct Known {
    segments: Vec<super::segment::SegmentRow>,
    replaced: HashMap<i64, HashSet<String>>,
    log_from: u64,
    /// Deleted indices: what older generations of the log hold of them counts no more.
    dropped: HashMap<String, u64>,
}

/// Fills the engine from its folder. Where it is not for reading only, mends what a crash left
/// and gives the log to go on with.
pub fn load(engine: &Arc<Engine>) -> Result<Option<Log>, Error> {
    let known = known(engine)?;
    if engine.reading {
        return beside(engine, &known).map(|()| None);
    }
    list_segments(engine, &known)?;
    sweep(&engine.folder.segments(), &known)?;
    log::cut(&engine.folder.log(), known.log_from)?;
    let last = replay(engine, &known)?;
    let options = &engine.options;
    let next = last.map_or(known.log_from, |last| last + 1).max(1);
    Log::start(
        &engine.folder.log(),
        next,
        options.durable,
        options.log_bytes,
    )
    .map(Some)
}

/// Reads a folder that another process may be writing to. Where rows went from log to segments
/// meanwhile, nothing of what was read counts: the caller tries again.
fn beside(engine: &Arc<Engine>, known: &Known) -> Result<(), Error> {
    let outcome = list_segments(engine, known).and_then(|()| replay(engine, known));
    let now = engine.database.with(|connection| {
        let log_from = meta(connection, LOG_FROM)?;
        Ok((log_from, load_segments(connection)?))
    })?;
    let log_from = now.0.and_then(|text| text.parse().ok()).unwrap_or(0);
    if log_from != known.log_from || now.1 != known.segments {
        return Err(Error::Unavailable(format!(
            "{}: the data folder changes faster than it can be read; ask the process that serves it",
            engine.folder.root().display()
        )));
    }
    outcome.map(drop)
}

fn known(engine: &Engine) -> Result<Known, Error> {
    engine.database.with(|connection| {
        let transaction = connection.transaction()?;
        let mut fields = load_fields(&transaction)?;
        for (index, definition) in indices::load(&transaction)? {
            let fields = fields.remove(&index).unwrap_or_default();
            engine.put_defined(&index, definition, fields);
            engine.state_mut().indices.entry(index).or_default();
        }
        *engine.aliases_mut() = super::aliases::load(&transaction)?;
        *engine.templates_mut() = indices::load_templates(&transaction)?;
        for (index, fields) in fields {
            engine.put_mapping(&index, fields);
            // An index stays known where retention has deleted all that it held.
            engine.state_mut().indices.entry(index).or_default();
        }
        engine.notes().damaged = damage::notes(&transaction)?;
        let mut replaced: HashMap<i64, HashSet<String>> = HashMap::new();
        {
            let mut statement = transaction.prepare("SELECT segment, document FROM replaced")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            for row in rows {
                let (segment, document): (i64, String) = row?;
                replaced.entry(segment).or_default().insert(document);
            }
        }
        let log_from = meta(&transaction, LOG_FROM)?
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        Ok(Known {
            segments: load_segments(&transaction)?,
            dropped: indices::load_dropped(&transaction)?.into_iter().collect(),
            replaced,
            log_from,
        })
    })
}

/// A file that is missing or of another length is damage at once; checksums are taken when a
/// query first reads a segment.
fn list_segments(engine: &Arc<Engine>, known: &Known) -> Result<(), Error> {
    let folder = engine.folder.segments();
    let mut damaged = Vec::new();
    {
        let mut state = engine.state_mut();
        for row in &known.segments {
            let replaced = known.replaced.get(&row.id).cloned().unwrap_or_default();
            let segment = Arc::new(Segment::new(&folder, row.clone(), replaced));
            let index = state.indices.entry(row.index.clone()).or_default();
            match std::fs::metadata(segment.path()) {
                Ok(file) if file.len() == row.bytes => {}
                Ok(file) => damaged.push((
                    segment.clone(),
                    format!("has {} bytes, {} were written", file.len(), row.bytes),
                )),
                Err(error) => damaged.push((segment.clone(), format!("can't be read: {error}"))),
            }
            index.segments.push(segment);
        }
    }
    for (segment, why) in damaged {
        damage::set_segment_aside(engine, &segment, &why);
    }
    Ok(())
}

/// Deletes files in `segments/` that no row names: a crash came before their transaction.
fn sweep(folder: &Path, known: &Known) -> Result<(), Error> {
    let named: HashSet<&str> = known.segments.iter().map(|row| row.file.as_str()).collect();
    let entries = std::fs::read_dir(folder).map_err(|error| at(folder, "can't be read", &error))?;
    for entry in entries {
        let path = entry
            .map_err(|error| at(folder, "can't be read", &error))?
            .path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !named.contains(name.as_ref()) {
            std::fs::remove_file(&path).map_err(|error| at(&path, "can't be deleted", &error))?;
        }
    }
    Ok(())
}

/// Reads every generation from `from` on into memory; gives the last one's number.
fn replay(engine: &Arc<Engine>, known: &Known) -> Result<Option<u64>, Error> {
    let from = known.log_from;
    let mut generations = log::generations(&engine.folder.log())?;
    generations.retain(|(number, _)| *number >= from);
    let newest = generations.last().map(|(number, _)| *number);
    for (number, path) in &generations {
        let replay = log::read(path, Some(*number) == newest)?;
        if !engine.reading {
            mend(engine, path, &replay)?;
        } else if let Some(damage) = &replay.damage {
            engine.notes().damaged.push(damage.clone());
        }
        if replay.is_empty() && !engine.reading {
            std::fs::remove_file(path).map_err(|error| at(path, "can't be deleted", &error))?;
        }
        for mut batch in replay.batches {
            batch.retain(|rows| {
                let dropped = known.dropped.get(&rows.index);
                dropped.is_none_or(|generation| number >= generation)
            });
            again(engine, batch)?;
        }
    }
    Ok(newest)
}

fn mend(engine: &Engine, path: &Path, replay: &log::Replay) -> Result<(), Error> {
    if replay.torn_bytes > 0 {
        tracing::info!(path = %path.display(), bytes = replay.torn_bytes, "the log's torn end was cut");
    }
    let aside = log::mend(&engine.folder, path, replay)?;
    if let (Some(aside), Some(damage)) = (aside, &replay.damage) {
        let text = format!(
            "{damage}; the file was set aside as {}, its other records were kept",
            aside.display()
        );
        tracing::error!(damage = %text, "the log is damaged");
        let name = aside
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        engine
            .database
            .with(|connection| damage::note(connection, &name, &text))?;
        engine.notes().damaged.push(text);
    }
    Ok(())
}

/// One batch as it was acknowledged.
fn again(engine: &Arc<Engine>, batch: Vec<Rows>) -> Result<(), Error> {
    let mut rows = Vec::with_capacity(batch.len());
    for one in batch {
        let hits = if one.replaces.is_empty() {
            Vec::new()
        } else {
            let segments = {
                let state = engine.state();
                state
                    .indices
                    .get(&one.index)
                    .map_or_else(Vec::new, |index| index.segments.clone())
            };
            let ids: HashSet<&str> = one.replaces.iter().map(String::as_str).collect();
            engine.find_in_segments(&segments, &ids)?
        };
        if let Some(mapping) = engine.mapping_or_new(&one.index) {
            let mut mapping = lock(&mapping);
            for field in one.batch.schema_ref().fields() {
                let place = mapping.place(field.name());
                if let (Some(place), arrow::datatypes::DataType::List(_)) =
                    (place, field.data_type())
                    && mapping.field(place).data_type != esql::DataType::DenseVector
                {
                    mapping.mark_several(place);
                }
            }
        }
        rows.push((one, hits));
    }
    engine.publish(&rows);
    Ok(())
}
