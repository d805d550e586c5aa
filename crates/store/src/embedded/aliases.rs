//! Aliases: names that stand for indices, for readers and, where one index is meant, for writers.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde_json::Value;

use super::Embedded;
use super::catalog::{Pattern, fits};
use super::database::blocking;
use super::definition::wrong;
use super::engine::Engine;
use super::indices::has_table;
use crate::error::Error;
use crate::indices::{Refusal, check_name, is_ours};

/// Pairs of an alias and an index at most.
pub const MAX_ALIASES: usize = 1_000;

/// Indices of an alias; each may be said to be the one that is written to, or not to be.
type Members = BTreeMap<String, Option<bool>>;

/// One pair, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    pub name: String,
    pub index: String,
    pub is_write_index: Option<bool>,
}

/// A change; several are made together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Add(Alias),
    Remove { name: String, index: String },
}

#[derive(Debug, Clone, Default)]
pub struct Aliases {
    by_name: BTreeMap<String, Members>,
}

impl Aliases {
    /// The pattern with the indices of those aliases that it names.
    pub fn resolve(&self, pattern: &str) -> String {
        if self.by_name.is_empty() {
            return pattern.to_owned();
        }
        let mut parts: Vec<String> = Vec::new();
        for (place, part) in pattern.split(',').map(str::trim).enumerate() {
            let (minus, bare) = match part.strip_prefix('-') {
                Some(bare) if place > 0 => ("-", bare),
                _ => ("", part),
            };
            // A name that is an alias is no index.
            if !self.by_name.contains_key(bare) {
                parts.push(part.to_owned());
            }
            let named = self.by_name.iter();
            let named = named.filter(|(name, _)| fits(bare.as_bytes(), name.as_bytes()));
            let indices = named.flat_map(|(_, members)| members.keys());
            parts.extend(indices.map(|index| format!("{minus}{index}")));
        }
        parts.join(",")
    }

    /// The index that documents for `name` go to.
    pub fn written<'n>(&'n self, name: &'n str) -> Result<&'n str, Refusal> {
        let Some(members) = self.by_name.get(name) else {
            return Ok(name);
        };
        let named = members.iter().find(|(_, write)| **write == Some(true));
        let only = members
            .iter()
            .next()
            .filter(|(_, write)| members.len() == 1 && **write != Some(false));
        match named.or(only) {
            Some((index, _)) => Ok(index),
            None => Err(Refusal {
                kind: "illegal_argument_exception",
                reason: format!(
                    "no write index is defined for alias [{name}]. The write index may be explicitly disabled using is_write_index=false or the alias points to multiple indices without one being designated as a write index"
                ),
            }),
        }
    }

    pub fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub fn all(&self) -> Vec<Alias> {
        let pairs = self.by_name.iter().flat_map(|(name, members)| {
            members.iter().map(|(index, write)| Alias {
                name: name.clone(),
                index: index.clone(),
                is_write_index: *write,
            })
        });
        pairs.collect()
    }

    fn add(&mut self, alias: Alias) -> Result<(), Error> {
        let members = self.by_name.entry(alias.name.clone()).or_default();
        members.insert(alias.index, alias.is_write_index);
        let writers: Vec<&str> = members
            .iter()
            .filter(|(_, write)| **write == Some(true))
            .map(|(index, _)| index.as_str())
            .collect();
        if writers.len() > 1 {
            let reason = format!(
                "alias [{}] has more than one write index [{}]",
                alias.name,
                writers.join(",")
            );
            return Err(wrong("illegal_state_exception", reason));
        }
        if self.by_name.values().map(BTreeMap::len).sum::<usize>() > MAX_ALIASES {
            let reason = format!("the store has {MAX_ALIASES} aliases already");
            return Err(wrong("illegal_argument_exception", reason));
        }
        Ok(())
    }

    fn remove(&mut self, name: &str, index: &str) -> bool {
        let Some(members) = self.by_name.get_mut(name) else {
            return false;
        };
        let removed = members.remove(index).is_some();
        if members.is_empty() {
            self.by_name.remove(name);
        }
        removed
    }

    /// The index is gone, and with it what stood for it.
    pub fn forget(&mut self, index: &str) {
        self.by_name.retain(|_, members| {
            members.remove(index);
            !members.is_empty()
        });
    }
}

/// What `aliases` of `PUT /{index}` says.
pub fn of_body(body: &Value, index: &str) -> Result<Vec<Alias>, Error> {
    let given = body.get("aliases").and_then(Value::as_object);
    let each = given.into_iter().flatten().map(|(name, said)| {
        check_said(name, said)?;
        Ok(Alias {
            name: name.clone(),
            index: index.to_owned(),
            is_write_index: said.get("is_write_index").and_then(Value::as_bool),
        })
    });
    each.collect()
}

/// Views that hide documents aren't kept: who asks for one must not see more than meant.
pub fn check_said(name: &str, said: &Value) -> Result<(), Error> {
    let keys = said.as_object().into_iter().flatten();
    let mut keys = keys.map(|(key, _)| key.as_str());
    match keys.find(|key| !["index", "alias", "is_write_index", "is_hidden"].contains(key)) {
        None => Ok(()),
        Some(key) => Err(wrong(
            "illegal_argument_exception",
            format!("alias [{name}]: the embedded store's aliases have no [{key}]"),
        )),
    }
}

impl Engine {
    /// An index pattern, with aliases behind it.
    pub fn pattern(&self, text: &str) -> Pattern {
        Pattern::new(&self.aliases().resolve(text))
    }

    /// All of the changes, or none.
    pub fn change_aliases(&self, changes: Vec<Change>) -> Result<(), Error> {
        let mut aliases = self.aliases_mut();
        let mut next = aliases.clone();
        for change in changes {
            match change {
                Change::Add(alias) => {
                    self.check_alias(&alias)?;
                    next.add(alias)?;
                }
                Change::Remove { name, index } => {
                    if !next.remove(&name, &index) {
                        let reason = format!("aliases [{name}] missing");
                        return Err(wrong("aliases_not_found_exception", reason));
                    }
                }
            }
        }
        self.database.with(|connection| save(connection, &next))?;
        *aliases = next;
        Ok(())
    }

    fn check_alias(&self, alias: &Alias) -> Result<(), Error> {
        let name = &alias.name;
        let invalid = |what: &str| {
            let reason = format!("Invalid alias name [{name}]: {what}");
            Err(wrong("invalid_alias_name_exception", reason))
        };
        if let Err(refusal) = check_name(name) {
            let what = refusal
                .reason
                .split_once("], ")
                .map_or("", |(_, what)| what);
            return invalid(what);
        }
        if self.state().indices.contains_key(name.as_str()) || is_ours(name) {
            return invalid("an index or data stream exists with the same name as the alias");
        }
        if !self.state().indices.contains_key(&alias.index) {
            let reason = format!("no such index [{}]", alias.index);
            return Err(wrong("index_not_found_exception", reason));
        }
        Ok(())
    }
}

impl Embedded {
    /// Makes all of the changes, or none.
    ///
    /// # Errors
    /// Elasticsearch's: a name that can't be, an index or an alias that isn't there.
    pub async fn change_aliases(&self, changes: Vec<Change>) -> Result<(), Error> {
        self.writable()?;
        let engine = self.inner.engine.clone();
        blocking(move || engine.change_aliases(changes)).await
    }

    /// By name, then index.
    pub fn aliases(&self) -> Vec<Alias> {
        self.inner.engine.aliases().all()
    }

    /// The index that documents for this name go to; the name itself where it is no alias.
    ///
    /// # Errors
    /// Elasticsearch's, for an alias of several indices of which none is written to.
    pub fn written(&self, name: &str) -> Result<String, Refusal> {
        let aliases = self.inner.engine.aliases();
        aliases.written(name).map(str::to_owned)
    }
}

fn save(connection: &mut Connection, aliases: &Aliases) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM aliases", [])?;
    for alias in aliases.all() {
        transaction.execute(
            "INSERT INTO aliases(name, index_name, is_write_index) VALUES(?1, ?2, ?3)",
            params![alias.name, alias.index, alias.is_write_index],
        )?;
    }
    Ok(transaction.commit()?)
}

pub fn load(connection: &Connection) -> Result<Aliases, Error> {
    let mut aliases = Aliases::default();
    if !has_table(connection, "aliases")? {
        return Ok(aliases);
    }
    let mut statement =
        connection.prepare("SELECT name, index_name, is_write_index FROM aliases")?;
    let rows = statement.query_map([], |row| {
        Ok(Alias {
            name: row.get(0)?,
            index: row.get(1)?,
            is_write_index: row.get(2)?,
        })
    })?;
    for row in rows {
        aliases.add(row?)?;
    }
    Ok(aliases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(pairs: &[(&str, &str, Option<bool>)]) -> Aliases {
        let mut aliases = Aliases::default();
        for (name, index, is_write_index) in pairs {
            let alias = Alias {
                name: (*name).to_owned(),
                index: (*index).to_owned(),
                is_write_index: *is_write_index,
            };
            aliases.add(alias).expect("fits");
        }
        aliases
    }

    #[test]
    fn patterns_name_what_aliases_stand_for() {
        let aliases = aliases(&[("both", "a", None), ("both", "b", None), ("one", "a", None)]);
        assert_eq!(aliases.resolve("both"), "a,b");
        assert_eq!(aliases.resolve("c,-one"), "c,-a");
        assert_eq!(aliases.resolve("o*"), "o*,a");
        assert_eq!(aliases.resolve("d"), "d");
    }

    #[test]
    fn writers_need_one_index() {
        let aliases = aliases(&[
            ("both", "a", None),
            ("both", "b", None),
            ("one", "a", None),
            ("closed", "a", Some(false)),
            ("chosen", "a", None),
            ("chosen", "b", Some(true)),
        ]);
        let written = |name: &str| aliases.written(name).map_err(|_| ()).map(str::to_owned);
        assert_eq!(written("both"), Err(()));
        assert_eq!(written("closed"), Err(()));
        assert_eq!(written("one"), Ok("a".to_owned()));
        assert_eq!(written("chosen"), Ok("b".to_owned()));
        assert_eq!(written("other"), Ok("other".to_owned()));
    }
}
