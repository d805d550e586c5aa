//! `FORK`: each branch is analysed on the columns before it; `CHANGE_POINT`.

use super::{Analyzer, Unresolved};
use crate::ast::{self, NamePattern, Query, Span};
use crate::datatype::DataType;
use crate::plan::{Attribute, ChangePoint, Expr, Fork, SortKey, Step};

/// The column that names a row's branch.
pub const FORK_COLUMN: &str = "_fork";

/// Where `CHANGE_POINT` has no `ON`.
const DEFAULT_KEY: &str = "@timestamp";

/// Rows of a series that are looked at (Elasticsearch: 1,000), and one more to tell that there are
/// more.
pub const MAX_SERIES: usize = 1_000;

impl Analyzer<'_> {
    pub(super) fn fork(&mut self, queries: &[Query], span: Span) -> Result<(), Unresolved> {
        if std::mem::replace(&mut self.forked, true) {
            let message = "Only a single FORK command is supported, but found multiple";
            return self.problem(span, message);
        }
        let before = std::mem::take(&mut self.steps);
        let (scope, constants) = (self.scope.clone(), self.constants.clone());
        let (barrier, late_barrier) = (self.barrier, self.late_barrier);
        let mut branches = Vec::with_capacity(queries.len());
        let mut output: Vec<Attribute> = Vec::new();
        for query in queries {
            self.scope.clone_from(&scope);
            self.constants.clone_from(&constants);
            (self.barrier, self.late_barrier) = (barrier, late_barrier);
            self.open_sort = super::OpenSort::default();
            for (number, command) in query.commands.iter().enumerate() {
                self.limit_ahead = super::search::limit_ahead(&query.commands[number + 1..]);
                self.command(command)?;
                if !self.problems.is_empty() {
                    return Err(Unresolved::Reported);
                }
            }
            self.steps.push(Step::Limit(self.rows_of(query)));
            self.add(Attribute::computed(FORK_COLUMN, DataType::Keyword));
            self.gather(&mut output, span)?;
            branches.push(std::mem::take(&mut self.steps));
        }
        self.open_sort = super::OpenSort::default();
        self.steps = before;
        self.constants.clear();
        self.scope.clone_from(&output);
        self.steps.push(Step::Fork(Fork { branches, output }));
        Ok(())
    }

    /// The branch's columns that no branch before has; the others must have the same type.
    fn gather(&mut self, output: &mut Vec<Attribute>, span: Span) -> Result<(), Unresolved> {
        for column in self.scope.clone() {
            match output.iter_mut().find(|known| known.name == column.name) {
                None => output.push(Attribute {
                    field: None,
                    lookup: None,
                    ..column
                }),
                Some(known) if known.data_type == column.data_type => {}
                Some(known) if known.data_type == DataType::Null => {
                    known.data_type = column.data_type;
                }
                Some(_) if column.data_type == DataType::Null => {}
                Some(known) => {
                    let name = |data_type: DataType| data_type.name().to_uppercase();
                    let message = format!(
                        "Column [{}] has conflicting data types in FORK branches: [{}] and [{}]",
                        column.name,
                        name(column.data_type),
                        name(known.data_type)
                    );
                    return self.problem(span, message);
                }
            }
        }
        Ok(())
    }

    pub(super) fn change_point(
        &mut self,
        change: &ast::ChangePoint,
        span: Span,
    ) -> Result<(), Unresolved> {
        let value = self.known(&change.value)?;
        let key = match &change.on {
            Some(key) => self.known(key)?,
            None => self.known(&NamePattern {
                text: DEFAULT_KEY.to_owned(),
                pieces: vec![DEFAULT_KEY.to_owned()],
                span,
            })?,
        };
        if !value.data_type.is_numeric() {
            let message = format!("change point value [{}] must be numeric", value.name);
            return self.problem(change.value.span, message);
        }
        if key.data_type == DataType::Unsupported || key.data_type == DataType::DenseVector {
            let message = format!("change point key [{}] must be sortable", key.name);
            return self.problem(span, message);
        }
        let name = |given: &Option<ast::Identifier>, default: &str| {
            given
                .as_ref()
                .map_or_else(|| default.to_owned(), |given| given.text.clone())
        };
        let (kind, p_value) = (
            name(&change.as_type, "type"),
            name(&change.as_pvalue, "pvalue"),
        );
        self.steps.push(Step::Sort(vec![SortKey {
            value: Expr::column(&key.name, key.data_type),
            descending: false,
            nulls_first: false,
        }]));
        self.steps.push(Step::Limit(MAX_SERIES + 1));
        self.steps.push(Step::ChangePoint(ChangePoint {
            value: value.name,
            key: key.name,
            kind: kind.clone(),
            p_value: p_value.clone(),
            text: self.text(span).trim().to_owned(),
            span,
        }));
        self.add(Attribute::computed(&kind, DataType::Keyword));
        self.add(Attribute::computed(&p_value, DataType::Double));
        Ok(())
    }
}
