//! `STATS … BY` and `INLINE STATS`.

use super::function::described;
use super::search::TextPlace;
use super::{Analyzer, Unresolved};
use crate::aggregates;
use crate::ast::{self, ExprKind as Syntax, Span};
use crate::error::Error;
use crate::plan::{self, AggregateCall, Attribute, Expr, ExprKind, Named, Step};

/// Functions that make groups: only after `BY`.
const GROUPING: [&str; 4] = ["bucket", "bin", "categorize", "tbucket"];

/// What is known while the expressions of one `STATS` are resolved.
#[derive(Default)]
pub(super) struct StatsScope {
    calls: Vec<AggregateCall>,
    /// Name and text of every group.
    groups: Vec<(String, String)>,
    place: Place,
    /// The text of the aggregate that encloses the present place, or of the filtered column.
    enclosing: String,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    #[default]
    Groups,
    /// Outside of any aggregate function.
    Open,
    Argument,
    Filter,
}

impl Analyzer<'_> {
    pub(super) fn stats(&mut self, stats: &ast::Stats, inline: bool) -> Result<(), Unresolved> {
        self.shadowed(stats);
        self.stats = Some(StatsScope::default());
        let outcome = self.stats_parts(stats, inline);
        self.stats = None;
        outcome
    }

    fn stats_parts(&mut self, stats: &ast::Stats, inline: bool) -> Result<(), Unresolved> {
        let before = self.scope.clone();
        let groups = self.text_in(TextPlace::Grouping, |it| it.groups(&stats.by))?;
        let mut columns: Vec<Named> = Vec::new();
        self.place(Place::Open, String::new());
        for aggregate in &stats.aggregates {
            let column = self.text_in(TextPlace::Condition, |it| it.aggregate_column(aggregate))?;
            if let Some(column) = column {
                columns.push(column);
            }
        }
        let calls = self
            .stats
            .as_mut()
            .map(|scope| std::mem::take(&mut scope.calls));
        let aggregate = plan::Aggregate {
            groups: groups
                .iter()
                .map(|group| Named {
                    name: group.name.clone(),
                    value: Expr::column(&group.name, group.value.data_type),
                })
                .collect(),
            aggregates: calls.unwrap_or_default(),
        };
        if inline {
            return self.finish_inline(before, aggregate, columns);
        }
        self.finish_stats(aggregate, columns, &groups)
    }

    /// Groups become columns before anything is aggregated.
    fn groups(&mut self, by: &[ast::Alias]) -> Result<Vec<Named>, Unresolved> {
        let mut groups: Vec<Named> = Vec::new();
        for (place, alias) in by.iter().enumerate() {
            let group = match self.categorized(alias, place)? {
                Some(categorized) => Some(categorized),
                None => self.named(alias)?,
            };
            let Some(group) = group else {
                continue;
            };
            let text = self.text(alias.value.span).trim().to_owned();
            if let Some(scope) = &mut self.stats {
                scope.groups.push((group.name.clone(), text));
            }
            groups.retain(|known| known.name != group.name);
            groups.push(group);
        }
        let computed: Vec<Named> = groups
            .iter()
            .filter(|group| !is_column(&group.value, &group.name))
            .cloned()
            .collect();
        for group in &computed {
            self.add(Attribute::computed(&group.name, group.value.data_type));
        }
        if !computed.is_empty() {
            self.steps.push(Step::Eval(computed));
        }
        Ok(groups)
    }

    fn place(&mut self, place: Place, enclosing: String) -> (Place, String) {
        match &mut self.stats {
            Some(scope) => (
                std::mem::replace(&mut scope.place, place),
                std::mem::replace(&mut scope.enclosing, enclosing),
            ),
            None => (Place::default(), String::new()),
        }
    }

    fn aggregate_column(
        &mut self,
        aggregate: &ast::Aggregate,
    ) -> Result<Option<Named>, Unresolved> {
        let already = self.call_count();
        let column = self.named(&aggregate.alias)?;
        let filter = match &aggregate.filter {
            Some(filter) => {
                let clause = Span {
                    end: filter.span.end,
                    ..aggregate.alias.span
                };
                let clause = self.text(clause).to_owned();
                self.place(Place::Filter, clause);
                let filter = self.condition(filter);
                self.place(Place::Open, String::new());
                match filter {
                    Ok(filter) => Some(filter),
                    Err(Unresolved::Reported) => return Ok(None),
                    Err(failed) => return Err(failed),
                }
            }
            None => None,
        };
        let Some(column) = column else {
            return Ok(None);
        };
        self.check_aggregated(aggregate, &column);
        Ok(Some(self.share_calls(column, already, filter)))
    }

    fn call_count(&self) -> usize {
        self.stats.as_ref().map_or(0, |scope| scope.calls.len())
    }

    /// Equal calls are computed once, under the first one's name.
    fn share_calls(&mut self, mut column: Named, from: usize, filter: Option<Expr>) -> Named {
        let Some(scope) = &mut self.stats else {
            return column;
        };
        for mut call in scope.calls.split_off(from) {
            call.filter.clone_from(&filter);
            let same = |known: &&AggregateCall| {
                let text =
                    |call: &AggregateCall| call.filter.as_ref().map(|filter| filter.text.clone());
                known.text == call.text && text(known) == text(&call)
            };
            match scope.calls.iter().find(same) {
                Some(known) => rename_column(&mut column.value, &call.name, &known.name),
                None => scope.calls.push(call),
            }
        }
        column
    }

    fn check_aggregated(&mut self, aggregate: &ast::Aggregate, column: &Named) {
        let (mut aggregated, mut other_columns) = (false, false);
        column.value.visit(&mut |part| {
            if let ExprKind::Column(name) = &part.kind {
                let known = name.starts_with("$$") || self.is_group(name);
                aggregated |= known;
                other_columns |= !known;
            }
        });
        let span = aggregate.alias.value.span;
        let bare = matches!(&aggregate.alias.value.kind, Syntax::Field(_));
        // Columns that are no groups have been complained about already.
        if other_columns || (aggregated && !bare) {
            return;
        }
        let text = self.text(span).trim();
        if let Syntax::Field(name) = &aggregate.alias.value.kind
            && self.is_group(&name.text)
        {
            let message = format!("grouping key [{text}] already specified in the STATS BY clause");
            return self.misused(span, message);
        }
        let message = if calls_grouping(&aggregate.alias.value) {
            format!("can only use grouping function [{text}] as part of the BY clause")
        } else {
            format!("expected an aggregate function but found [{text}]")
        };
        self.misused(span, message);
    }

    fn is_group(&self, name: &str) -> bool {
        let groups = self.stats.as_ref().map(|scope| &scope.groups);
        groups.is_some_and(|groups| groups.iter().any(|(group, _)| group == name))
    }

    /// Between aggregates, only groups are columns. Returns the group that an expression repeats.
    pub(super) fn repeated_group(&mut self, syntax: &ast::Expr) -> Option<Expr> {
        let scope = self.stats.as_ref()?;
        if scope.place != Place::Open {
            return None;
        }
        let text = self.text(syntax.span).trim();
        let name = scope
            .groups
            .iter()
            .find(|(name, group)| group == text && name != text)
            .map(|(name, _)| name.clone());
        if let Some(name) = name {
            let data_type = self.attribute(&name)?.data_type;
            return Some(self.typed(syntax.span, data_type, ExprKind::Column(name)));
        }
        if let Syntax::Field(field) = &syntax.kind
            && !self.is_group(&field.text)
            && self.attribute(&field.text).is_some()
        {
            let message = format!(
                "column [{}] must appear in the STATS BY clause or be used in an aggregate function",
                field.text
            );
            self.misused(syntax.span, message);
        }
        None
    }

    /// An aggregate function where the present place has one; `None`: not within `STATS`.
    pub(super) fn aggregate_in_stats(
        &mut self,
        name: &str,
        arguments: &[ast::Expr],
        span: Span,
    ) -> Option<Result<Expr, Unresolved>> {
        let place = self.stats.as_ref()?.place;
        let function = aggregates::find(name)?;
        let text = self.text(span).to_owned();
        let enclosing = self.stats.as_ref()?.enclosing.clone();
        match place {
            Place::Open => {}
            Place::Groups => {
                let message = format!("cannot use an aggregate [{text}] for grouping");
                self.misused(span, message);
            }
            Place::Argument => {
                let message = format!(
                    "nested aggregations [{text}] not allowed inside other aggregations [{enclosing}]"
                );
                self.misused(span, message);
            }
            Place::Filter => {
                let message = format!(
                    "cannot use aggregate function [{text}] in aggregate WHERE clause [{enclosing}]"
                );
                self.misused(span, message);
            }
        }
        let (place, enclosing) = self.place(Place::Argument, text);
        let call = self.aggregate_call(function, arguments, span);
        self.place(place, enclosing);
        Some(call.map(|mut call| {
            let kind = ExprKind::Column(match &mut self.stats {
                Some(scope) => {
                    call.name = format!("$$aggregate{}", span.start);
                    let name = call.name.clone();
                    scope.calls.push(call.clone());
                    name
                }
                None => call.name.clone(),
            });
            self.typed(span, call.data_type, kind)
        }))
    }

    /// Types of one call of an aggregate function.
    pub(super) fn aggregate_call(
        &mut self,
        function: aggregates::Aggregate,
        arguments: &[ast::Expr],
        span: Span,
    ) -> Result<AggregateCall, Unresolved> {
        let text = self.text(span);
        let lower = function.name.to_lowercase();
        if !(function.arguments.least..=function.arguments.most).contains(&arguments.len()) {
            let words = function.arguments.words;
            let message = format!("error building [{lower}]: expects {words}");
            return Err(Error::Parsing { span, message }.into());
        }
        let views: Vec<&ast::Expr> = arguments
            .iter()
            .filter(|argument| argument.kind != Syntax::Star)
            .collect();
        if views.len() < arguments.len() && lower != "count" {
            return self.problem(span, "Cannot determine columns for [*]".to_owned());
        }
        let resolved = self.all(&views)?;
        let data_type = match (function.resolve)(text, &described(&resolved)) {
            Ok(data_type) => data_type,
            Err(message) => return self.problem(span, message),
        };
        let constant = |argument: &Expr| argument.constant().is_some();
        let (function, resolved) = match (function.name, resolved.as_slice()) {
            // Where value or weight is the same for all rows there is nothing to weigh.
            ("WEIGHTED_AVG", [value, weight]) if constant(value) || constant(weight) => {
                ("AVG", vec![value.clone()])
            }
            (name, _) => (name, resolved),
        };
        Ok(AggregateCall {
            name: text.to_owned(),
            function,
            arguments: resolved,
            filter: None,
            data_type,
            text: text.to_owned(),
            span,
        })
    }

    /// Grouping functions outside of `BY` are misuse.
    ///
    /// Returns where the call stands, for [`Analyzer::leave_grouping`].
    pub(super) fn check_grouping(&mut self, name: &str, span: Span) -> Option<Place> {
        if !GROUPING.contains(&name) {
            return None;
        }
        let text = self.text(span);
        let message = match self.stats.as_ref().map(|scope| scope.place) {
            Some(Place::Groups) => return None,
            Some(Place::Open) => {
                format!("can only use grouping function [{text}] as part of the BY clause")
            }
            Some(Place::Argument | Place::Filter) => {
                format!("cannot use grouping function [{text}] within an aggregate")
            }
            None => format!("cannot use grouping function [{text}] outside of a STATS command"),
        };
        self.misused(span, message);
        // One complaint is enough: its arguments may be any columns.
        let scope = self.stats.as_mut()?;
        Some(std::mem::replace(&mut scope.place, Place::Groups))
    }

    pub(super) fn leave_grouping(&mut self, before: Option<Place>) {
        if let (Some(scope), Some(place)) = (&mut self.stats, before) {
            scope.place = place;
        }
    }

    fn finish_stats(
        &mut self,
        aggregate: plan::Aggregate,
        columns: Vec<Named>,
        groups: &[Named],
    ) -> Result<(), Unresolved> {
        let old = std::mem::take(&mut self.scope);
        self.constants.clear();
        self.steps.push(Step::Aggregate(aggregate));
        let mut projected: Vec<(String, String)> = Vec::new();
        let mut computed = Vec::new();
        let mut scope: Vec<Attribute> = Vec::new();
        for (index, column) in columns.into_iter().enumerate() {
            let data_type = column.value.data_type;
            let from = match &column.value.kind {
                ExprKind::Column(name) => name.clone(),
                _ => {
                    let name = format!("$$computed{index}");
                    computed.push(Named {
                        name: name.clone(),
                        value: column.value,
                    });
                    name
                }
            };
            replace(&mut projected, from, column.name.clone());
            scope.retain(|known| known.name != column.name);
            scope.push(Attribute::computed(&column.name, data_type));
        }
        for group in groups {
            replace(&mut projected, group.name.clone(), group.name.clone());
            scope.retain(|known| known.name != group.name);
            let mut attribute = old
                .iter()
                .find(|known| known.name == group.name)
                .cloned()
                .unwrap_or_else(|| Attribute::computed(&group.name, group.value.data_type));
            attribute.field = None;
            scope.push(attribute);
        }
        if !computed.is_empty() {
            self.steps.push(Step::Eval(computed));
        }
        self.steps.push(Step::Project(projected));
        self.scope = scope;
        Ok(())
    }

    fn finish_inline(
        &mut self,
        before: Vec<Attribute>,
        aggregate: plan::Aggregate,
        columns: Vec<Named>,
    ) -> Result<(), Unresolved> {
        let mut projected: Vec<(String, String)> = before
            .iter()
            .chain(self.scope.iter().filter(|known| !before.contains(known)))
            .map(|attribute| (attribute.name.clone(), attribute.name.clone()))
            .collect();
        self.steps.push(Step::InlineAggregate(aggregate));
        let mut computed = Vec::new();
        for (index, column) in columns.into_iter().enumerate() {
            let attribute = Attribute::computed(&column.name, column.value.data_type);
            let name = format!("$$computed{index}");
            replace(&mut projected, name.clone(), column.name);
            computed.push(Named {
                name,
                value: column.value,
            });
            self.add(attribute);
        }
        let order = |name: &str| projected.iter().position(|(_, after)| after == name);
        self.scope.sort_by_key(|attribute| order(&attribute.name));
        self.steps.push(Step::Eval(computed));
        self.steps.push(Step::Project(projected));
        Ok(())
    }

    /// Two columns of one `STATS` with one name: the first is lost, with a warning.
    fn shadowed(&mut self, stats: &ast::Stats) {
        let aliases: Vec<&ast::Alias> = stats
            .aggregates
            .iter()
            .map(|aggregate| &aggregate.alias)
            .chain(&stats.by)
            .collect();
        for (index, alias) in aliases.iter().enumerate() {
            let name = self.alias_name(alias);
            let later = aliases[index + 1..]
                .iter()
                .find(|later| self.alias_name(later) == name);
            if let Some(later) = later {
                let (at, by) = (alias.span, later.span);
                self.outer.warnings.note(&format!(
                    "Line {}:{}: Field '{name}' shadowed by field at line {}:{}",
                    at.line, at.column, by.line, by.column
                ));
            }
        }
    }
}

fn is_column(value: &Expr, name: &str) -> bool {
    matches!(&value.kind, ExprKind::Column(column) if column == name)
}

fn rename_column(value: &mut Expr, from: &str, to: &str) {
    match &mut value.kind {
        ExprKind::Column(name) if name == from => to.clone_into(name),
        ExprKind::Call { arguments, .. } => {
            for argument in arguments {
                rename_column(argument, from, to);
            }
        }
        _ => {}
    }
}

/// A later column of the same name takes its place at the end.
fn replace(projected: &mut Vec<(String, String)>, from: String, to: String) {
    projected.retain(|(_, after)| *after != to);
    projected.push((from, to));
}

fn calls_grouping(syntax: &ast::Expr) -> bool {
    match &syntax.kind {
        Syntax::Call { name, .. } => GROUPING.contains(&name.text.to_lowercase().as_str()),
        _ => false,
    }
}
