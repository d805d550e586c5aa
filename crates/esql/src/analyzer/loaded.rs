//! Which fields of the indices a query asks for: a name that isn't there is compared with these.
//!
//! Elasticsearch asks its indices for no more than it needs: where a query chooses its columns
//! (`KEEP`, `STATS`), the fields that are named somewhere in it; else all of them.

use super::columns::matches_pieces;
use super::walk::each_expression;
use crate::ast::{CommandKind, ExprKind, NamePattern, Query};

pub(super) struct Loaded(Option<Vec<NamePattern>>);

impl Loaded {
    pub fn by(query: &Query) -> Self {
        let chooses = query
            .commands
            .iter()
            .any(|command| matches!(command.kind, CommandKind::Keep(_) | CommandKind::Stats(_)));
        let mut names = Vec::new();
        if chooses {
            of_query(query, &mut names);
        }
        Self(chooses.then_some(names))
    }

    /// Whether a field is among them; a field's parts are where it is.
    pub fn has(&self, field: &str) -> bool {
        let Self(Some(names)) = self else {
            return true;
        };
        names.iter().any(|name| {
            let part = field.strip_prefix(name.text.as_str());
            matches_pieces(&name.pieces, field) || part.is_some_and(|part| part.starts_with('.'))
        })
    }
}

fn of_query(query: &Query, names: &mut Vec<NamePattern>) {
    each_expression(query, &mut |expression| {
        if let ExprKind::Field(name) = &expression.kind {
            names.push(name.clone());
        }
    });
    for command in &query.commands {
        match &command.kind {
            CommandKind::Keep(patterns) | CommandKind::Drop(patterns) => {
                names.extend(patterns.iter().cloned());
            }
            CommandKind::Rename(renames) => {
                names.extend(renames.iter().map(|rename| rename.old.clone()));
            }
            CommandKind::MvExpand(name) => names.push(name.clone()),
            CommandKind::Enrich(enrich) => names.extend(enrich.on.clone()),
            CommandKind::Fuse(fuse) => {
                let named = [&fuse.score, &fuse.group].into_iter().flatten();
                names.extend(named.chain(&fuse.keys).cloned());
            }
            CommandKind::ChangePoint(change) => {
                names.push(change.value.clone());
                names.extend(change.on.clone());
            }
            CommandKind::Fork(branches) => {
                branches.iter().for_each(|branch| of_query(branch, names));
            }
            _ => {}
        }
    }
}
