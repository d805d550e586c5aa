//! Which columns there are: names and patterns against the scope; `KEEP`, `DROP`, `RENAME`.

use indexmap::IndexMap;

use super::similar::{hint, similar};
use super::{Analyzer, Unresolved};
use crate::ast::{NamePattern, Rename};
use crate::datatype::DataType;
use crate::plan::{Attribute, Step};

/// How closely a `KEEP` names a column; a closer naming decides its place.
const BY_NAME: u8 = 2;
const BY_PATTERN: u8 = 3;
const BY_STAR: u8 = 4;

impl Analyzer<'_> {
    /// The column of that name, whatever its type.
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.scope.iter().find(|attribute| attribute.name == name)
    }

    /// The column of that name; near names are suggested where there is none.
    pub(super) fn known(&mut self, name: &NamePattern) -> Result<Attribute, Unresolved> {
        if let Some(found) = self.attribute(&name.text) {
            return Ok(found.clone());
        }
        let text = self.unknown(&name.text);
        self.problem(name.span, text)
    }

    fn unknown(&self, name: &str) -> String {
        let known = self.scope.iter().filter(|attribute| {
            let field = attribute.field.as_deref();
            let loaded = field.is_none_or(|f| f != attribute.name || self.loaded.has(f));
            loaded && !self.fresh.contains(&attribute.name)
        });
        let names = known.map(|attribute| attribute.name.as_str());
        format!("Unknown column [{name}]{}", hint(&similar(name, names)))
    }

    /// All columns that a name or pattern means, in the scope's order.
    fn matching(&mut self, pattern: &NamePattern) -> Result<Vec<String>, Unresolved> {
        if !pattern.is_wildcard() {
            return self.known(pattern).map(|found| vec![found.name]);
        }
        let found: Vec<String> = self
            .scope
            .iter()
            .filter(|attribute| matches_pieces(&pattern.pieces, &attribute.name))
            .map(|attribute| attribute.name.clone())
            .collect();
        if found.is_empty() && pattern.text != "*" {
            let text = format!("No matches found for pattern [{}]", pattern.text);
            return self.problem(pattern.span, text);
        }
        Ok(found)
    }

    pub(super) fn keep(&mut self, patterns: &[NamePattern]) -> Result<(), Unresolved> {
        let mut kept: IndexMap<String, u8> = IndexMap::new();
        for (at, pattern) in patterns.iter().enumerate() {
            // Of several the last one counts, also where it isn't known.
            let again = |later: &NamePattern| later.text == pattern.text;
            if !pattern.is_wildcard() && patterns[at + 1..].iter().any(again) {
                continue;
            }
            let closeness = match pattern {
                star if star.text == "*" && star.is_wildcard() => BY_STAR,
                wild if wild.is_wildcard() => BY_PATTERN,
                _ => BY_NAME,
            };
            let Ok(names) = self.matching(pattern) else {
                continue;
            };
            for name in names {
                if kept.get(&name).is_none_or(|before| *before >= closeness) {
                    kept.shift_remove(&name);
                    kept.insert(name, closeness);
                }
            }
        }
        self.project(kept.into_keys().map(|name| (name.clone(), name)).collect())
    }

    pub(super) fn remove(&mut self, patterns: &[NamePattern]) -> Result<(), Unresolved> {
        let mut gone = Vec::new();
        for pattern in patterns {
            if let Ok(names) = self.matching(pattern) {
                gone.extend(names);
            }
        }
        let kept = self
            .scope
            .iter()
            .filter(|attribute| !gone.contains(&attribute.name))
            .map(|attribute| (attribute.name.clone(), attribute.name.clone()))
            .collect();
        self.project(kept)
    }

    /// Renames happen one after the other; a new name hides an older column of that name.
    pub(super) fn rename(&mut self, renames: &[Rename]) -> Result<(), Unresolved> {
        let mut names: Vec<(String, String)> = self
            .scope
            .iter()
            .map(|attribute| (attribute.name.clone(), attribute.name.clone()))
            .collect();
        for rename in renames {
            let (old, new) = (&rename.old.text, &rename.new.text);
            if old == new {
                continue;
            }
            let Some(at) = names.iter().position(|(_, now)| now == old) else {
                let text = self.unknown(old);
                let _ = self.problem::<()>(rename.old.span, text);
                continue;
            };
            if let Some(attribute) = self.attribute(&names[at].0.clone())
                && attribute.data_type == DataType::Unsupported
            {
                let message = super::conflict::message(attribute);
                let _ = self.problem::<()>(rename.span, message);
                continue;
            }
            names[at].1.clone_from(new);
            let mut position = 0;
            names.retain(|(_, now)| {
                position += 1;
                position - 1 == at || now != new
            });
        }
        self.project(names)
    }

    /// Adds the step and makes the new scope.
    pub(super) fn project(&mut self, columns: Vec<(String, String)>) -> Result<(), Unresolved> {
        let mut scope = Vec::with_capacity(columns.len());
        for (before, after) in &columns {
            if let Some(attribute) = self.attribute(before) {
                let mut attribute = attribute.clone();
                attribute.name.clone_from(after);
                scope.push(attribute);
            }
        }
        let renamed = columns.iter().filter_map(|(before, after)| {
            let constant = self.constants.get(before)?.clone();
            Some((after.clone(), constant))
        });
        self.constants = renamed.collect();
        self.scope = scope;
        self.steps.push(Step::Project(columns));
        Ok(())
    }

    /// Remembers a column that has one value for all rows.
    pub(super) fn remember(&mut self, name: &str, value: &crate::plan::Expr) {
        match value.constant() {
            Some(constant) => self.constants.insert(name.to_owned(), constant.clone()),
            None => self.constants.remove(name),
        };
    }

    /// New columns come last; one of the same name disappears from its place.
    pub(super) fn add(&mut self, attribute: Attribute) {
        self.constants.remove(&attribute.name);
        self.scope.retain(|known| known.name != attribute.name);
        self.scope.push(attribute);
    }
}

/// Whether `name` is `pieces` with anything between them.
pub fn matches_pieces(pieces: &[String], name: &str) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.first().is_some_and(|only| only == name);
    };
    let Some(mut rest) = name.strip_prefix(first.as_str()) else {
        return false;
    };
    for piece in middle {
        match rest.find(piece.as_str()) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}
