//! Which fields of the indices a query asks for: a name that isn't there is compared with these.
//!
//! Elasticsearch asks its indices for no more than it needs: where a query chooses its columns
//! (`KEEP`, `STATS`), the fields that are named somewhere in it; else all of them.

use super::columns::matches_pieces;
use crate::ast::{Alias, CommandKind, Expr, ExprKind, NamePattern, Query, Stats};

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
    for command in &query.commands {
        match &command.kind {
            CommandKind::Row(aliases) | CommandKind::Eval(aliases) => of_aliases(aliases, names),
            CommandKind::Where(condition) => of_expression(condition, names),
            CommandKind::Stats(stats) | CommandKind::InlineStats(stats) => of_stats(stats, names),
            CommandKind::Sort(keys) => {
                keys.iter().for_each(|key| of_expression(&key.value, names));
            }
            CommandKind::Keep(patterns) | CommandKind::Drop(patterns) => {
                names.extend(patterns.iter().cloned());
            }
            CommandKind::Rename(renames) => {
                names.extend(renames.iter().map(|rename| rename.old.clone()));
            }
            CommandKind::MvExpand(name) => names.push(name.clone()),
            CommandKind::Dissect(dissect) => of_expression(&dissect.input, names),
            CommandKind::Grok(grok) => of_expression(&grok.input, names),
            CommandKind::LookupJoin(join) => {
                join.on.iter().for_each(|key| of_expression(key, names));
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

fn of_aliases(aliases: &[Alias], names: &mut Vec<NamePattern>) {
    aliases
        .iter()
        .for_each(|alias| of_expression(&alias.value, names));
}

fn of_stats(stats: &Stats, names: &mut Vec<NamePattern>) {
    for aggregate in &stats.aggregates {
        of_expression(&aggregate.alias.value, names);
        if let Some(filter) = &aggregate.filter {
            of_expression(filter, names);
        }
    }
    of_aliases(&stats.by, names);
}

fn of_expression(expression: &Expr, names: &mut Vec<NamePattern>) {
    match &expression.kind {
        ExprKind::Field(name) => names.push(name.clone()),
        ExprKind::Literal(_) | ExprKind::Param(_) | ExprKind::Star => {}
        ExprKind::Negate(value)
        | ExprKind::Not(value)
        | ExprKind::IsNull { value, .. }
        | ExprKind::Cast { value, .. } => of_expression(value, names),
        ExprKind::Binary { left, right, .. }
        | ExprKind::MatchOperator {
            field: left,
            query: right,
        } => {
            of_expression(left, names);
            of_expression(right, names);
        }
        ExprKind::In { value, list, .. }
        | ExprKind::Like {
            value,
            patterns: list,
            ..
        } => {
            of_expression(value, names);
            list.iter().for_each(|item| of_expression(item, names));
        }
        ExprKind::Call { arguments, .. } => {
            arguments
                .iter()
                .for_each(|argument| of_expression(argument, names));
        }
    }
}
