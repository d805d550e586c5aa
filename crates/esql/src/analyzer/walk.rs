//! Every expression of a query, from the outside in.

use crate::ast::{CommandKind, Expr, ExprKind, Query, Stats};

type Visit<'a> = dyn FnMut(&Expr) + 'a;

/// Those of its branches too.
pub(super) fn each_expression(query: &Query, visit: &mut Visit<'_>) {
    for command in &query.commands {
        match &command.kind {
            CommandKind::Row(aliases) | CommandKind::Eval(aliases) => {
                aliases.iter().for_each(|alias| within(&alias.value, visit));
            }
            CommandKind::Where(condition) => within(condition, visit),
            CommandKind::Stats(stats) | CommandKind::InlineStats(stats) => of_stats(stats, visit),
            CommandKind::Sort(keys) => keys.iter().for_each(|key| within(&key.value, visit)),
            CommandKind::Dissect(dissect) => within(&dissect.input, visit),
            CommandKind::Grok(grok) => within(&grok.input, visit),
            CommandKind::LookupJoin(join) => join.on.iter().for_each(|key| within(key, visit)),
            CommandKind::Fork(branches) => {
                branches
                    .iter()
                    .for_each(|branch| each_expression(branch, visit));
            }
            _ => {}
        }
    }
}

fn of_stats(stats: &Stats, visit: &mut Visit<'_>) {
    for aggregate in &stats.aggregates {
        within(&aggregate.alias.value, visit);
        if let Some(filter) = &aggregate.filter {
            within(filter, visit);
        }
    }
    stats.by.iter().for_each(|key| within(&key.value, visit));
}

fn within(expression: &Expr, visit: &mut Visit<'_>) {
    visit(expression);
    match &expression.kind {
        ExprKind::Field(_) | ExprKind::Literal(_) | ExprKind::Param(_) | ExprKind::Star => {}
        ExprKind::Negate(value)
        | ExprKind::Not(value)
        | ExprKind::IsNull { value, .. }
        | ExprKind::Cast { value, .. } => within(value, visit),
        ExprKind::Binary { left, right, .. }
        | ExprKind::MatchOperator {
            field: left,
            query: right,
        } => {
            within(left, visit);
            within(right, visit);
        }
        ExprKind::In { value, list, .. }
        | ExprKind::Like {
            value,
            patterns: list,
            ..
        } => {
            within(value, visit);
            list.iter().for_each(|item| within(item, visit));
        }
        ExprKind::Call { arguments, .. } => {
            arguments
                .iter()
                .for_each(|argument| within(argument, visit));
        }
    }
}
