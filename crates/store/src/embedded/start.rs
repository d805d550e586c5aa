//! What happens when a folder is opened: segments are listed, the log is replayed, leftovers go.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::damage::{self, Damage};
use super::database::set_meta;
use super::engine::{Engine, load_fields, load_segments, lock};
use super::flush::{LOG_FROM, log_from};
use super::folder::set_aside;
use super::indices;
use super::log::{self, Log, Rows};
use super::mirror::{self, Altered};
use super::segment::Segment;
use crate::error::{Error, at};

/// What the database says of telemetry, at one moment.
struct Known {
    segments: Vec<super::segment::SegmentRow>,
    replaced: HashMap<i64, HashSet<String>>,
    log_from: u64,
    /// Rows of the catalog that aren't what was written.
    altered: Vec<Altered>,
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
    let whole = list_segments(engine, &known)?;
    let begun = check_begin(engine, &known)?;
    damage::name_altered(engine, &known.altered)?;
    sweep(engine, &known, whole && begun && known.altered.is_empty())?;
    log::cut(&engine.folder.log(), known.log_from)?;
    let (first, last) = replay(engine, &known)?;
    let options = &engine.options;
    let next = last.map_or(known.log_from, |last| last + 1).max(1);
    let log = Log::start(
        &engine.folder.log(),
        next,
        options.durable,
        options.log_bytes,
    )?;
    begin_at(engine, first.unwrap_or(next))?;
    Ok(Some(log))
}

/// The generation that the log begins with is always there, empty or not. Where it isn't, the
/// database is older than the log: it has lost what it had committed.
fn check_begin(engine: &Engine, known: &Known) -> Result<bool, Error> {
    let generations = log::generations(&engine.folder.log())?;
    let is_there = |(number, _): &(u64, PathBuf)| *number == known.log_from;
    let later = generations
        .iter()
        .filter(|(number, _)| *number > known.log_from);
    if known.log_from == 0 || generations.iter().any(is_there) || later.count() == 0 {
        return Ok(true);
    }
    let text = format!(
        "{}: it says that the log begins with file {}, which isn't there, but later ones are: the database has lost \
         what was committed last, and with it names of segments",
        engine.folder.database().display(),
        log::file_name(known.log_from)
    );
    engine.keep_damage("truth.db.txt", Damage { index: None, text })?;
    Ok(false)
}

/// Empty generations before `first` are deleted, once the database knows.
fn begin_at(engine: &Engine, first: u64) -> Result<(), Error> {
    engine.database.with(|connection| {
        if log_from(connection).ok() != Some(first) {
            set_meta(connection, LOG_FROM, &first.to_string())?;
        }
        Ok(())
    })?;
    log::cut(&engine.folder.log(), first)
}

/// Where the log begins. Where the row and its mirror differ, the earlier: what segments hold
/// already is cut from the log, so nothing is read twice.
fn begin(connection: &Connection, altered: &[Altered]) -> Result<u64, Error> {
    let Some(doubt) = altered
        .iter()
        .find(|one| one.table == "meta" && one.key == LOG_FROM)
    else {
        return log_from(connection);
    };
    let said = doubt.said.as_ref();
    let said = said.and_then(|said| said.split('\'').nth(3)?.parse().ok());
    let mut known: Vec<u64> = said.into_iter().collect();
    if doubt.is_there {
        known.extend(log_from(connection));
    }
    known.into_iter().min().ok_or_else(|| {
        Error::Damaged(format!(
            "the database: {}; restore from a backup",
            doubt.what()
        ))
    })
}

/// Reads a folder that another process may be writing to. Where rows went from log to segments
/// meanwhile, nothing of what was read counts: the caller tries again.
fn beside(engine: &Arc<Engine>, known: &Known) -> Result<(), Error> {
    let outcome = list_segments(engine, known).and_then(|_| replay(engine, known).map(drop));
    let now = engine
        .database
        .with(|connection| Ok((log_from(connection)?, load_segments(connection)?)))?;
    if now.0 != known.log_from || now.1 != known.segments {
        return Err(Error::Unavailable(format!(
            "{}: the data folder changes faster than it can be read; ask the process that serves it",
            engine.folder.root().display()
        )));
    }
    damage::name_altered(engine, &known.altered)?;
    outcome
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
        if !engine.reading {
            damage::forget_known(&transaction, &engine.folder)?;
        }
        engine.notes().damaged = damage::notes(&transaction, &engine.folder)?;
        let altered = mirror::altered(&transaction)?;
        let mut replaced: HashMap<i64, HashSet<String>> = HashMap::new();
        {
            let mut statement = transaction.prepare("SELECT segment, document FROM replaced")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            for row in rows {
                let (segment, document): (i64, String) = row?;
                replaced.entry(segment).or_default().insert(document);
            }
        }
        let log_from = begin(&transaction, &altered)?;
        let known = Known {
            segments: load_segments(&transaction)?,
            dropped: indices::load_dropped(&transaction)?.into_iter().collect(),
            replaced,
            log_from,
            altered,
        };
        transaction.commit()?;
        Ok(known)
    })
}

/// A file that is missing or of another length is damage at once; checksums are taken when a
/// query first reads a segment. False where something is wrong with one.
fn list_segments(engine: &Arc<Engine>, known: &Known) -> Result<bool, Error> {
    let folder = engine.folder.segments();
    let (mut damaged, mut doubtful) = (Vec::new(), Vec::new());
    {
        let mut state = engine.state_mut();
        for row in &known.segments {
            let replaced = known.replaced.get(&row.id).cloned().unwrap_or_default();
            let segment = Arc::new(Segment::new(&folder, row.clone(), replaced));
            let index = state.indices.entry(row.index.clone()).or_default();
            let id = row.id.to_string();
            let is_this = |one: &&Altered| one.table == "segments" && one.key == id;
            if let Some(altered) = known.altered.iter().find(is_this) {
                let why = format!("isn't what the catalog had: {}", altered.what());
                doubtful.push((segment.clone(), why));
                index.segments.push(segment);
                continue;
            }
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
    let whole = damaged.is_empty() && doubtful.is_empty();
    for (segment, why) in doubtful {
        damage::set_doubtful_aside(engine, &segment, &why);
    }
    for (segment, why) in damaged {
        damage::set_segment_aside(engine, &segment, &why);
    }
    Ok(whole)
}

/// Deletes files in `segments/` that no row names: a crash came before their transaction, and the
/// log has their rows. Where the catalog can't be trusted, they are set aside.
fn sweep(engine: &Engine, known: &Known, trusted: bool) -> Result<(), Error> {
    let folder = &engine.folder.segments();
    let named: HashSet<&str> = known.segments.iter().map(|row| row.file.as_str()).collect();
    let entries = std::fs::read_dir(folder).map_err(|error| at(folder, "can't be read", &error))?;
    for entry in entries {
        let path = entry
            .map_err(|error| at(folder, "can't be read", &error))?
            .path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if named.contains(name.as_ref()) {
            continue;
        }
        if !trusted && path.extension().is_some_and(|kind| kind == "parquet") {
            let text = format!(
                "{}: no row of the damaged catalog names this segment",
                path.display()
            );
            let aside = set_aside(&engine.folder, &path)?;
            let name = aside.file_name().unwrap_or_default().to_string_lossy();
            let damage = Damage { index: None, text };
            engine.name_damage(damage.clone());
            engine
                .database
                .with(|connection| damage::note(connection, &name, &damage))?;
        } else {
            std::fs::remove_file(&path).map_err(|error| at(&path, "can't be deleted", &error))?;
        }
    }
    Ok(())
}

/// Reads every generation of the log into memory; gives the numbers of the first that holds
/// something, and of the last.
fn replay(engine: &Arc<Engine>, known: &Known) -> Result<(Option<u64>, Option<u64>), Error> {
    let from = known.log_from;
    let mut generations = log::generations(&engine.folder.log())?;
    generations.retain(|(number, _)| *number >= from);
    let newest = generations.last().map(|(number, _)| *number);
    let mut first = None;
    for (number, path) in &generations {
        let replay = log::read(path, Some(*number) == newest)?;
        if !engine.reading {
            mend(engine, path, &replay)?;
        } else if let Some(damage) = &replay.damage {
            engine.name_damage(Damage {
                index: None,
                text: damage.clone(),
            });
        }
        if !replay.is_empty() {
            first.get_or_insert(*number);
        }
        for mut batch in replay.batches {
            batch.retain(|rows| {
                let dropped = known.dropped.get(&rows.index);
                dropped.is_none_or(|generation| number >= generation)
            });
            again(engine, batch)?;
        }
    }
    Ok((first, newest))
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
        let name = aside
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let damage = Damage { index: None, text };
        engine
            .database
            .with(|connection| damage::note(connection, &name, &damage))?;
        engine.name_damage(damage);
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
