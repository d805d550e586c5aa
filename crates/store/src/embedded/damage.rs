//! What can't be trusted is named and set aside; the rest goes on.
//!
//! Each damage has a file in `damaged/`: the one that was set aside, or a note. It is told by every
//! answer that it concerns, and by doctor, until somebody deletes that file.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::engine::{Engine, has_column};
use super::flush::forget;
use super::folder::{Folder, set_aside, write_whole};
use super::mirror::{self, Altered};
use super::segment::Segment;
use crate::error::{Error, at};
use crate::indices::{RUNBOOKS, SERVICES};

/// What concerns no answer; no index has this name.
const NO_INDEX: &str = "";

/// Damages that one answer names at most.
const MAX_TOLD: usize = 5;

/// One thing that can't be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Whose documents are missing; `None`: it can't be told.
    pub index: Option<String>,
    /// What, where, why.
    pub text: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Engine {
    /// Names a damage once; false where it is known.
    pub fn name_damage(&self, damage: Damage) -> bool {
        let mut notes = self.notes();
        if notes.damaged.contains(&damage) {
            return false;
        }
        tracing::error!(damage = %damage, "damaged; all else is served");
        notes.damaged.push(damage);
        true
    }

    /// Names a damage for which there is no file, now and after restarts.
    pub fn keep_damage(&self, name: &str, damage: Damage) -> Result<(), Error> {
        if self.name_damage(damage.clone()) && !self.reading {
            explain(&self.folder, name, &damage.text)?;
            self.database
                .with(|connection| note(connection, name, &damage))?;
        }
        Ok(())
    }

    /// What answers about these indices lack, in words.
    pub fn lacking(&self, asked: &BTreeSet<String>) -> Vec<String> {
        let notes = self.notes();
        let concerns = |damage: &&Damage| match &damage.index {
            Some(index) => asked.contains(index),
            None => !asked.is_empty(),
        };
        let met: Vec<&Damage> = notes.damaged.iter().filter(concerns).collect();
        let more = met.len().saturating_sub(MAX_TOLD);
        let mut told: Vec<String> = met
            .into_iter()
            .take(MAX_TOLD)
            .map(|damage| format!("the answer lacks documents: {damage}"))
            .collect();
        if more > 0 {
            told.push(format!(
                "the answer lacks documents of {more} more damages: `datapulse doctor` lists them"
            ));
        }
        told
    }
}

/// Takes a damaged segment out of every list. Beside a process that writes, it is only named.
pub fn set_segment_aside(engine: &Arc<Engine>, segment: &Arc<Segment>, why: &str) {
    let index = Some(segment.row.index.clone());
    set_aside_of(engine, segment, why, index);
}

/// The same for a segment of whose row in the catalog nothing can be believed, its index neither.
pub fn set_doubtful_aside(engine: &Arc<Engine>, segment: &Arc<Segment>, why: &str) {
    set_aside_of(engine, segment, why, None);
}

fn set_aside_of(engine: &Arc<Engine>, segment: &Arc<Segment>, why: &str, index: Option<String>) {
    let row = &segment.row;
    let damage = Damage {
        index,
        text: format!(
            "{}: segment of {} with {} documents {why}",
            segment.path().display(),
            row.index,
            row.rows
        ),
    };
    if !engine.name_damage(damage.clone()) || engine.reading {
        return;
    }
    {
        let mut state = engine.state_mut();
        if let Some(index) = state.indices.get_mut(&row.index) {
            index.segments.retain(|other| other.row.id != row.id);
        }
    }
    let kept = aside(&engine.folder, segment.path(), &damage.text).and_then(|name| {
        engine.database.with(|connection| {
            let transaction = connection.transaction()?;
            forget(&transaction, row.id)?;
            note(&transaction, &name, &damage)?;
            Ok(transaction.commit()?)
        })
    });
    if let Err(error) = kept {
        tracing::error!(%error, "the damaged segment stays in its place");
    }
}

/// Moves a file to `damaged/`; where it is gone, a note says so there. Gives the name there.
fn aside(folder: &Folder, path: &Path, text: &str) -> Result<String, Error> {
    let name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    match set_aside(folder, path) {
        Ok(moved) => Ok(name(&moved)),
        Err(_) if !path.exists() => {
            let name = format!("{}.txt", name(path));
            explain(folder, &name, text)?;
            Ok(name)
        }
        Err(error) => Err(error),
    }
}

/// A note in `damaged/`.
fn explain(folder: &Folder, name: &str, text: &str) -> Result<(), Error> {
    let damaged = folder.damaged();
    std::fs::create_dir_all(&damaged).map_err(|error| at(&damaged, "can't be made", &error))?;
    write_whole(&damaged.join(name), format!("{text}\n").as_bytes())
}

/// Names the catalog's rows that aren't what was written. From then on they count as they are;
/// segments among them were set aside with their rows.
pub fn name_altered(engine: &Engine, altered: &[Altered]) -> Result<(), Error> {
    for one in altered {
        if one.table == "segments" && one.is_there {
            // It was set aside by its own name.
            if !engine.reading {
                engine
                    .database
                    .with(|connection| mirror::accept(connection, one))?;
            }
            continue;
        }
        let index = concerned(one);
        let text = format!(
            "{}: {}{}",
            engine.folder.database().display(),
            one.what(),
            one.said
                .as_ref()
                .map_or_else(String::new, |said| format!("; written was {said}"))
        );
        let safe: String = one
            .key
            .chars()
            .take(40)
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let sum = crc32fast::hash(one.key.as_bytes());
        let name = format!("{}-{safe}-{sum:08x}.txt", one.table);
        engine.keep_damage(&name, Damage { index, text })?;
        if !engine.reading {
            engine
                .database
                .with(|connection| mirror::accept(connection, one))?;
        }
    }
    Ok(())
}

/// The index whose answers a row concerns; `None`: any may be.
fn concerned(altered: &Altered) -> Option<String> {
    let key = &altered.key;
    match altered.table {
        "fields" => key.split_once('/').map(|(index, _)| index.to_owned()),
        "indices" | "dropped" => Some(key.clone()),
        "segments" => {
            let said = altered.said.as_ref()?;
            said.split('\'').nth(1).map(str::to_owned)
        }
        "services" => Some(SERVICES.to_owned()),
        "runbooks" => Some(RUNBOOKS.to_owned()),
        "templates" => Some(NO_INDEX.to_owned()),
        _ => None,
    }
}

/// Keeps what was damaged for `health`, over restarts too. `file` is its name in `damaged/`.
pub fn note(connection: &Connection, file: &str, damage: &Damage) -> Result<(), Error> {
    connection.execute(
        "INSERT OR REPLACE INTO damaged(file, reason, index_name) VALUES(?1, ?2, ?3)",
        params![file, damage.text, damage.index],
    )?;
    Ok(())
}

/// All that is noted, but for that whose file in `damaged/` somebody has deleted.
pub fn notes(connection: &Connection, folder: &Folder) -> Result<Vec<Damage>, Error> {
    let index = match has_column(connection, "damaged", "index_name")? {
        true => "index_name",
        false => "NULL",
    };
    let mut statement = connection.prepare(&format!(
        "SELECT file, reason, {index} FROM damaged ORDER BY file"
    ))?;
    let rows = statement.query_map([], |row| {
        let damage = Damage {
            text: row.get(1)?,
            index: row.get(2)?,
        };
        Ok((row.get::<_, String>(0)?, damage))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let (file, damage) = row?;
        if folder.damaged().join(file).exists() {
            found.push(damage);
        }
    }
    Ok(found)
}

/// Forgets what is noted of files that somebody has deleted: then it is known.
pub fn forget_known(connection: &Connection, folder: &Folder) -> Result<(), Error> {
    let mut statement = connection.prepare("SELECT file FROM damaged")?;
    let files: Vec<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for file in files {
        if !folder.damaged().join(&file).exists() {
            connection.execute("DELETE FROM damaged WHERE file = ?1", [file])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Altered, concerned};

    #[test]
    fn a_row_concerns_its_index() {
        let of = |table, key: &str, said: Option<&str>| {
            concerned(&Altered {
                table,
                key: key.to_owned(),
                said: said.map(str::to_owned),
                is_there: false,
            })
        };
        assert_eq!(
            of("fields", "logs-a/service.name", None).as_deref(),
            Some("logs-a")
        );
        assert_eq!(
            of("segments", "7", Some("7,'logs-a','f',1")).as_deref(),
            Some("logs-a")
        );
        assert_eq!(of("segments", "7", None), None, "any may lack documents");
        assert_eq!(
            of("services", "cart", None).as_deref(),
            Some("lookup-services")
        );
        assert_eq!(of("meta", "log_from", None), None);
    }
}
