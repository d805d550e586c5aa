//! What the engine is given for one query: every index, as it is when the query begins.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use esql::{Catalog, EnrichPolicy, Index, IndexMode};

use super::database::Database;
use super::engine::{Engine, IndexSnapshot};
use super::enrich;
use super::partial;
use super::scan::IndexTable;
use super::tables;
use crate::error::Error;
use crate::indices::{INCIDENTS, JOURNAL_PREFIX, RUNBOOKS, SERVICES};

/// One snapshot: all indices of one query are of one moment.
pub struct Snapshot {
    engine: Arc<Engine>,
    database: Database,
    telemetry: Vec<IndexSnapshot>,
    /// Names of indices that were asked for.
    asked: Mutex<BTreeSet<String>>,
}

impl Snapshot {
    pub fn new(engine: &Arc<Engine>) -> Self {
        Self {
            engine: engine.clone(),
            database: engine.database.clone(),
            telemetry: engine.snapshot(|_| true),
            asked: Mutex::default(),
        }
    }

    /// As [`Snapshot::new`], of the indices that the pattern names alone.
    pub fn only(engine: &Arc<Engine>, pattern: &Pattern) -> Self {
        Self {
            engine: engine.clone(),
            database: engine.database.clone(),
            telemetry: engine.snapshot(|name| pattern.names(name)),
            asked: Mutex::default(),
        }
    }

    /// The indices that the pattern names, sorted by name.
    pub async fn matching(&self, pattern: &str) -> Result<Vec<Index>, Error> {
        let names = self.engine.pattern(pattern);
        let wanted = names.clone();
        // Somebody's own index stands in the place of the table.
        let replaced = self.telemetry.iter().any(|index| index.name == SERVICES);
        let mut found = if names.may_name_tables() {
            self.database
                .call(move |connection| {
                    tables::indices(connection, |name| {
                        wanted.names(name) && !(replaced && name == SERVICES)
                    })
                })
                .await?
        } else {
            Vec::new()
        };
        self.asking()
            .extend(found.iter().map(|index| index.name.clone()));
        for index in &self.telemetry {
            if names.names(&index.name) && !found.iter().any(|other| other.name == index.name) {
                self.asking().insert(index.name.clone());
                found.push(self.index(index));
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The indices that [`Snapshot::matching`] has given.
    pub fn asked(&self) -> BTreeSet<String> {
        self.asking().clone()
    }

    fn asking(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self, index: &IndexSnapshot) -> Index {
        let mut fields: Vec<esql::Field> = index.fields.iter().map(|field| field.esql()).collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        let mode = if index.is_lookup {
            IndexMode::Lookup
        } else {
            IndexMode::Standard
        };
        Index {
            name: index.name.clone(),
            mode,
            fields,
            table: Arc::new(IndexTable::new(self.engine.clone(), index.clone())),
        }
    }
}

#[async_trait]
impl Catalog for Snapshot {
    async fn indices(&self, pattern: &str) -> Result<Vec<Index>, esql::Error> {
        self.matching(pattern).await.map_err(|error| match error {
            Error::Query(error) => error,
            other => esql::Error::Internal(other.to_string()),
        })
    }

    async fn enrich_policy(&self, name: &str) -> Result<Option<EnrichPolicy>, esql::Error> {
        let internal = |error: Error| esql::Error::Internal(error.to_string());
        let load = |connection: &mut rusqlite::Connection| enrich::load(connection);
        let mut policies = self.database.call(load).await.map_err(internal)?;
        let Some(policy) = policies.remove(name).filter(|policy| policy.executed) else {
            return Ok(None);
        };
        Ok(Some(EnrichPolicy {
            name: name.to_owned(),
            indices: self.indices(&policy.indices.join(",")).await?,
            match_field: policy.match_field,
            enrich_fields: policy.enrich_fields,
        }))
    }

    fn rules(&self) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
        vec![Arc::new(partial::Rule)]
    }
}

/// Names and wildcards, separated by commas; `-` before one takes it out again.
#[derive(Debug, Clone)]
pub struct Pattern {
    parts: Vec<(bool, String)>,
}

impl Pattern {
    pub fn new(text: &str) -> Self {
        let parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        Self {
            parts: parts
                .enumerate()
                .map(|(place, part)| match part.strip_prefix('-') {
                    Some(rest) if place > 0 => (false, rest.to_owned()),
                    _ => (true, part.to_owned()),
                })
                .collect(),
        }
    }

    pub fn names(&self, index: &str) -> bool {
        let mut named = false;
        for (take, part) in &self.parts {
            if like(part.as_bytes(), index.as_bytes()) {
                named = *take;
            }
        }
        named
    }

    /// Whether SQLite is worth asking.
    fn may_name_tables(&self) -> bool {
        let ours = [INCIDENTS, RUNBOOKS, SERVICES];
        ours.iter().any(|name| self.names(name))
            || self.parts.iter().any(|(take, part)| {
                let before = part.split('*').next().unwrap_or_default();
                *take
                    && (part.starts_with(JOURNAL_PREFIX)
                        || (before.len() < part.len() && JOURNAL_PREFIX.starts_with(before)))
            })
    }
}

/// `*` stands for any characters.
/// `*` stands for any letters.
pub fn fits(pattern: &[u8], name: &[u8]) -> bool {
    like(pattern, name)
}

fn like(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            p += 1;
            n += 1;
        } else if let Some((place, from)) = star {
            star = Some((place, from + 1));
            p = place + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_indices() {
        let names = |pattern: &str, index: &str| Pattern::new(pattern).names(index);
        assert!(names("metrics-*", "metrics-system"));
        assert!(names("metrics-*,logs-*", "logs-a"));
        assert!(!names("metrics-*", "logs-a"));
        assert!(!names("*,-logs-*", "logs-a"));
        assert!(names("*", "incidents"));
        assert!(names("a*b*c", "a-b-b-c"));
        assert!(!names("a*b*c", "a-b-b"));
        assert!(Pattern::new("agent-*").may_name_tables());
        assert!(Pattern::new("agent-audit-2026.11").may_name_tables());
        assert!(!Pattern::new("metrics-*").may_name_tables());
    }
}
