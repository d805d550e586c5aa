//! One command after the other.

use super::search::TextPlace;
use super::{Analyzer, OpenSort, Unresolved};
use crate::ast::{self, Alias, Command, CommandKind, Expr as Syntax, ExprKind};
use crate::datatype::DataType;
use crate::error::{Error, Problem};
use crate::functions;
use crate::plan::{self, Attribute, Expr, Named, SortKey, Step};

/// What `SHOW INFO` says of us.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Analyzer<'_> {
    pub(super) fn command(&mut self, command: &Command) -> Result<(), Unresolved> {
        self.command_span = command.span;
        self.fresh.clear();
        self.watch_sort(command);
        match &command.kind {
            CommandKind::From(from) => self.from(from, command.span),
            CommandKind::Row(fields) => self.row(fields),
            CommandKind::ShowInfo => self.show_info(command.span),
            CommandKind::Where(condition) => {
                let condition = self.text_in(TextPlace::Condition, |it| it.condition(condition))?;
                let condition = self.pushed(condition);
                self.filter(condition);
                Ok(())
            }
            CommandKind::Eval(fields) => self.eval(fields),
            CommandKind::Stats(stats) => self.stats(stats, false),
            CommandKind::InlineStats(stats) => self.stats(stats, true),
            CommandKind::Sort(keys) => self.sort(keys),
            CommandKind::Limit(count) => self.limit(count, command.span),
            CommandKind::Keep(patterns) => self.keep(patterns),
            CommandKind::Drop(patterns) => self.remove(patterns),
            CommandKind::Rename(renames) => self.rename(renames),
            CommandKind::MvExpand(name) => self.mv_expand(name),
            CommandKind::Dissect(dissect) => self.dissect(dissect, command.span),
            CommandKind::Grok(grok) => self.grok(grok, command.span),
            CommandKind::LookupJoin(join) => self.lookup_join(join, command.span),
            CommandKind::Sample(share) => self.sample(share, command.span),
            CommandKind::Enrich(enrich) => self.enrich(enrich, command.span),
            CommandKind::ChangePoint(change) => self.change_point(change, command.span),
            CommandKind::Fork(branches) => self.fork(branches, command.span),
            CommandKind::Fuse(fuse) => self.fuse(fuse, command.span),
            CommandKind::Unsupported { name } => self.cannot(&name.to_uppercase(), command),
        }?;
        self.raise_barrier(command);
        Ok(())
    }

    fn cannot(&mut self, name: &str, command: &Command) -> Result<(), Unresolved> {
        self.problem(
            command.span,
            format!("[{name}] is not supported by this engine"),
        )
    }

    /// Remembers what full-text functions can't come after.
    fn raise_barrier(&mut self, command: &Command) {
        let name = match &command.kind {
            CommandKind::From(_) | CommandKind::Where(_) | CommandKind::Sort(_) => return,
            other => keyword(other),
        };
        self.barrier.get_or_insert(name);
        if matches!(name, "LIMIT" | "STATS" | "INLINE STATS") {
            self.late_barrier.get_or_insert(name);
        }
    }

    /// A sort without a limit can't be followed by a command that multiplies rows and a filter:
    /// no limit can be moved below them.
    fn watch_sort(&mut self, command: &Command) {
        match &command.kind {
            CommandKind::Sort(_) => {
                let text = self.text(command.span).trim();
                let message =
                    format!("Unbounded sort not supported yet [{text}] please add a limit");
                self.open_sort = OpenSort {
                    sort: Some(Problem {
                        span: command.span,
                        message,
                    }),
                    multiplied: false,
                };
            }
            CommandKind::Limit(_) | CommandKind::Stats(_) => {
                self.open_sort = OpenSort::default();
            }
            CommandKind::MvExpand(_) | CommandKind::LookupJoin(_) => {
                // The one row of ROW needs no sorting.
                self.open_sort.multiplied = !matches!(self.steps.first(), Some(Step::Row(_)));
            }
            CommandKind::Where(_) if self.open_sort.multiplied => {
                if let Some(problem) = self.open_sort.sort.take() {
                    self.misused(problem.span, problem.message);
                }
            }
            _ => {}
        }
    }

    /// Filters that follow each other are one.
    fn filter(&mut self, condition: Expr) {
        let Some(Step::Filter(before)) = self.steps.last_mut() else {
            self.steps.push(Step::Filter(condition));
            return;
        };
        if let Some(function) = functions::lookup("and") {
            let like = condition.clone();
            *before = Expr {
                kind: plan::ExprKind::Call {
                    name: "and".to_owned(),
                    function,
                    arguments: vec![before.clone(), condition],
                },
                data_type: DataType::Boolean,
                ..like
            };
        }
    }

    fn row(&mut self, fields: &[Alias]) -> Result<(), Unresolved> {
        let mut named: Vec<Named> = Vec::new();
        for field in fields {
            let Some(column) = self.named(field)? else {
                continue;
            };
            if column.value.data_type.is_span() {
                let text = self.text(field.value.span);
                let message = format!("cannot use [{text}] directly in a row assignment");
                self.misused(field.value.span, message);
            }
            named.retain(|known| known.name != column.name);
            named.push(column);
        }
        for column in &named {
            self.add(Attribute::computed(&column.name, column.value.data_type));
            self.remember(&column.name, &column.value);
        }
        self.steps.push(Step::Row(named));
        Ok(())
    }

    fn show_info(&mut self, span: ast::Span) -> Result<(), Unresolved> {
        let text = |name: &str, value: &str| Named {
            name: name.to_owned(),
            value: Expr {
                kind: crate::plan::ExprKind::Constant(crate::functions::Column {
                    data_type: DataType::Keyword,
                    values: std::sync::Arc::new(arrow::array::StringArray::from(vec![value])),
                }),
                data_type: DataType::Keyword,
                span,
                text: "".into(),
            },
        };
        let named = vec![text("version", VERSION), text("date", ""), text("hash", "")];
        for column in &named {
            self.add(Attribute::computed(&column.name, DataType::Keyword));
        }
        self.steps.push(Step::Row(named));
        Ok(())
    }

    /// A named expression; `None` where it couldn't be resolved and was reported.
    pub(super) fn named(&mut self, alias: &Alias) -> Result<Option<Named>, Unresolved> {
        match self.expression(&alias.value) {
            Ok(value) => Ok(Some(Named {
                name: self.alias_name(alias),
                value,
            })),
            Err(Unresolved::Reported) => Ok(None),
            Err(failed) => Err(failed),
        }
    }

    /// The given name, the field's own, or the expression's text.
    pub(super) fn alias_name(&self, alias: &Alias) -> String {
        match (&alias.name, &alias.value.kind) {
            (Some(name), _) => name.text.clone(),
            (None, ExprKind::Field(field)) => field.text.clone(),
            (None, _) => self.text(alias.span).trim().to_owned(),
        }
    }

    /// Each column sees those before it, so each is a step of its own where it has to be.
    fn eval(&mut self, fields: &[Alias]) -> Result<(), Unresolved> {
        let mut together: Vec<Named> = Vec::new();
        for field in fields {
            let Some(column) = self.named(field)? else {
                continue;
            };
            if column.value.data_type.is_span() {
                let name = column.value.data_type.name();
                let text = self.text(field.value.span);
                let message = format!(
                    "EVAL does not support type [{name}] as the return data type of expression [{text}]"
                );
                self.misused(field.span, message);
            }
            if needs_earlier(&column, &together) {
                self.steps.push(Step::Eval(std::mem::take(&mut together)));
            }
            let attribute = self.eval_attribute(&column);
            self.add(attribute);
            self.fresh.push(column.name.clone());
            self.remember(&column.name, &column.value);
            together.push(column);
        }
        self.steps.push(Step::Eval(together));
        Ok(())
    }

    /// A mere copy of a field remains a field for full-text functions.
    fn eval_attribute(&self, column: &Named) -> Attribute {
        Attribute::computed(&column.name, column.value.data_type)
    }

    fn sort(&mut self, keys: &[ast::SortKey]) -> Result<(), Unresolved> {
        let mut sorted = Vec::with_capacity(keys.len());
        for key in keys {
            match self.expression(&key.value) {
                Ok(value) => sorted.push(SortKey {
                    value,
                    descending: key.descending,
                    nulls_first: key.nulls_first.unwrap_or(key.descending),
                }),
                Err(Unresolved::Reported) => {}
                Err(failed) => return Err(failed),
            }
        }
        self.steps.push(Step::Sort(sorted));
        Ok(())
    }

    fn limit(&mut self, count: &Syntax, span: ast::Span) -> Result<(), Unresolved> {
        let value = match &count.kind {
            ExprKind::Literal(ast::Literal::Integer(value)) => usize::try_from(*value).ok(),
            _ => None,
        };
        match value {
            Some(rows) => {
                self.steps.push(Step::Limit(rows));
                Ok(())
            }
            None => {
                let (command, value) = (self.text(span).trim(), self.text(count.span));
                let data_type = self.expression(count)?.data_type.name();
                let message = format!(
                    "value of [{command}] must be a non negative integer, found value [{value}] type [{data_type}]"
                );
                Err(Error::Parsing { span, message }.into())
            }
        }
    }

    fn sample(&mut self, share: &Syntax, span: ast::Span) -> Result<(), Unresolved> {
        let value = self.expression(share)?;
        let number = value.constant().and_then(super::constant::number);
        match number {
            Some(share) if share > 0.0 && share < 1.0 => {
                self.steps.push(Step::Sample(share));
                Ok(())
            }
            _ => {
                let text = self.text(share.span);
                let message = format!(
                    "invalid value for SAMPLE probability [{text}], expecting a number between 0 and 1, exclusive"
                );
                Err(Error::Parsing { span, message }.into())
            }
        }
    }

    fn mv_expand(&mut self, name: &ast::NamePattern) -> Result<(), Unresolved> {
        let attribute = self.known(name)?;
        if attribute.data_type == DataType::Unsupported {
            return self.problem(name.span, super::conflict::message(&attribute));
        }
        self.constants.remove(&attribute.name);
        for known in &mut self.scope {
            if known.name == attribute.name {
                known.field = None;
            }
        }
        self.steps.push(Step::MvExpand(attribute.name));
        Ok(())
    }
}

/// Whether a column's expression reads, or its name replaces, a column made in the same command.
fn needs_earlier(column: &Named, together: &[Named]) -> bool {
    let mut needs = false;
    column.value.visit(&mut |part| {
        if let crate::plan::ExprKind::Column(name) = &part.kind {
            needs |= together.iter().any(|earlier| earlier.name == *name);
        }
    });
    needs || together.iter().any(|earlier| earlier.name == column.name)
}

/// The command's own word.
fn keyword(kind: &CommandKind) -> &'static str {
    match kind {
        CommandKind::From(_) => "FROM",
        CommandKind::Row(_) => "ROW",
        CommandKind::ShowInfo => "SHOW",
        CommandKind::Where(_) => "WHERE",
        CommandKind::Eval(_) => "EVAL",
        CommandKind::Stats(_) => "STATS",
        CommandKind::InlineStats(_) => "INLINE STATS",
        CommandKind::Sort(_) => "SORT",
        CommandKind::Limit(_) => "LIMIT",
        CommandKind::Keep(_) => "KEEP",
        CommandKind::Drop(_) => "DROP",
        CommandKind::Rename(_) => "RENAME",
        CommandKind::MvExpand(_) => "MV_EXPAND",
        CommandKind::Dissect(_) => "DISSECT",
        CommandKind::Grok(_) => "GROK",
        CommandKind::LookupJoin(_) => "LOOKUP JOIN",
        CommandKind::Enrich(_) => "ENRICH",
        CommandKind::ChangePoint(_) => "CHANGE_POINT",
        CommandKind::Sample(_) => "SAMPLE",
        CommandKind::Fork(_) => "FORK",
        CommandKind::Fuse(_) => "FUSE",
        CommandKind::Unsupported { .. } => "this command",
    }
}
