//! Which segments and row groups can't hold a row that a query wants.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, RowSelection, RowSelector};

use super::segment::Segment;
use crate::indices::TIMESTAMP;

/// Only columns, constants and comparisons: such an expression has no effect but its value, so
/// that it may be asked a second time, or not at all.
pub fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) | Expr::Literal(..) => true,
        Expr::BinaryExpr(binary) => {
            let comparison = matches!(
                binary.op,
                Operator::Eq
                    | Operator::NotEq
                    | Operator::Lt
                    | Operator::LtEq
                    | Operator::Gt
                    | Operator::GtEq
                    | Operator::And
                    | Operator::Or
            );
            comparison && is_plain(&binary.left) && is_plain(&binary.right)
        }
        Expr::Not(inner) | Expr::IsNull(inner) | Expr::IsNotNull(inner) => is_plain(inner),
        Expr::Between(between) => {
            is_plain(&between.expr) && is_plain(&between.low) && is_plain(&between.high)
        }
        Expr::InList(list) => is_plain(&list.expr) && list.list.iter().all(is_plain),
        _ => false,
    }
}

/// An expression that is true for every row that this one excludes, unknown ones too; only for
/// comparisons of a column with a constant, and what `AND` makes of them.
pub fn negated(expr: &Expr) -> Option<Expr> {
    let Expr::BinaryExpr(binary) = expr else {
        return None;
    };
    if binary.op == Operator::And {
        return Some(negated(&binary.left)?.or(negated(&binary.right)?));
    }
    let (Expr::Column(_), Expr::Literal(..)) = (binary.left.as_ref(), binary.right.as_ref()) else {
        return None;
    };
    let op = binary.op.negate()?;
    let opposite = Expr::BinaryExpr(BinaryExpr::new(
        binary.left.clone(),
        op,
        binary.right.clone(),
    ));
    Some(opposite.or(binary.left.as_ref().clone().is_null()))
}

/// The first and the last `@timestamp` that an expression can be true for.
pub fn moments(expr: &Expr) -> (i64, i64) {
    let all = (i64::MIN, i64::MAX);
    let Expr::BinaryExpr(binary) = expr else {
        return all;
    };
    if binary.op == Operator::And {
        let (left, right) = (moments(&binary.left), moments(&binary.right));
        return (left.0.max(right.0), left.1.min(right.1));
    }
    let (Expr::Column(column), Expr::Literal(ScalarValue::TimestampMillisecond(Some(at), _), _)) =
        (binary.left.as_ref(), binary.right.as_ref())
    else {
        return all;
    };
    if column.name != TIMESTAMP {
        return all;
    }
    match binary.op {
        Operator::Eq => (*at, *at),
        Operator::Lt => (i64::MIN, at.saturating_sub(1)),
        Operator::LtEq => (i64::MIN, *at),
        Operator::Gt => (at.saturating_add(1), i64::MAX),
        Operator::GtEq => (*at, i64::MAX),
        _ => all,
    }
}

/// Whether a segment may have a row of that time, by what the database says of it.
pub fn may_hold(segment: &Segment, (first, last): (i64, i64)) -> bool {
    let outside = |span: (i64, i64)| span.1 < first || last < span.0;
    !segment.row.span_ms.is_some_and(outside)
}

pub struct Pruner {
    predicate: PruningPredicate,
    schema: SchemaRef,
    /// What the expression asks of one column alone, by the column.
    parts: Vec<(String, PruningPredicate)>,
}

impl Pruner {
    /// `None` where the expression says nothing about ranges of values.
    pub fn new(expr: &Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Option<Self> {
        let build = |expr: &Arc<dyn PhysicalExpr>| {
            let builder = PruningPredicateBuilder::new().with_file_schema(schema.clone());
            let predicate = builder.try_build(expr.clone()).ok()?;
            (!predicate.always_true()).then_some(predicate)
        };
        let part = |expr: &Arc<dyn PhysicalExpr>| {
            let mut columns = collect_columns(expr).into_iter();
            let (Some(column), None) = (columns.next(), columns.next()) else {
                return None;
            };
            Some((column.name().to_owned(), build(expr)?))
        };
        Some(Self {
            predicate: build(expr)?,
            parts: split_conjunction(expr)
                .into_iter()
                .filter_map(part)
                .collect(),
            schema: schema.clone(),
        })
    }

    /// The rows of a row group whose pages may hold a wanted one. `None`: nothing is known.
    pub fn pages(&self, metadata: &ArrowReaderMetadata, group: usize) -> Option<RowSelection> {
        let mut selection: Option<RowSelection> = None;
        for (column, predicate) in &self.parts {
            let pages = Pages::new(metadata, &self.schema, column, group);
            let Some(kept) = pages.and_then(|pages| pages.kept(predicate)) else {
                continue;
            };
            selection = Some(match selection {
                Some(before) => before.intersection(&kept),
                None => kept,
            });
        }
        selection
    }

    /// The row groups that may hold a row, by their statistics.
    pub fn groups(&self, metadata: &ArrowReaderMetadata) -> Vec<usize> {
        let count = metadata.metadata().num_row_groups();
        let groups = Groups {
            metadata,
            schema: &self.schema,
        };
        match self.predicate.prune(&groups) {
            Ok(kept) => (0..count)
                .filter(|&group| kept.get(group).is_none_or(|&keep| keep))
                .collect(),
            Err(_) => (0..count).collect(),
        }
    }
}

/// The row groups of one file.
struct Groups<'a> {
    metadata: &'a ArrowReaderMetadata,
    schema: &'a SchemaRef,
}

impl Groups<'_> {
    /// The file's own type must be the table's: a scalar column whose table has lists since is
    /// not comparable.
    fn converter(&self, column: &Column) -> Option<StatisticsConverter<'_>> {
        converter(self.metadata, self.schema, &column.name)
    }
}

fn converter<'a>(
    metadata: &'a ArrowReaderMetadata,
    schema: &SchemaRef,
    column: &str,
) -> Option<StatisticsConverter<'a>> {
    let wanted = schema.field_with_name(column).ok()?;
    let has = metadata.schema().field_with_name(column).ok()?;
    if wanted.data_type() != has.data_type() || has.data_type().is_nested() {
        return None;
    }
    StatisticsConverter::try_new(column, metadata.schema(), metadata.parquet_schema()).ok()
}

impl PruningStatistics for Groups<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        let groups = self.metadata.metadata().row_groups();
        self.converter(column)?.row_group_mins(groups).ok()
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        let groups = self.metadata.metadata().row_groups();
        self.converter(column)?.row_group_maxes(groups).ok()
    }

    fn num_containers(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let groups = self.metadata.metadata().row_groups();
        let counts = self.converter(column)?.row_group_null_counts(groups).ok()?;
        Some(Arc::new(counts))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let groups = self.metadata.metadata().row_groups();
        let counts: UInt64Array = groups
            .iter()
            .map(|group| Some(group.num_rows().unsigned_abs()))
            .collect();
        Some(Arc::new(counts))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// The pages of one column in one row group.
struct Pages {
    column: String,
    least: ArrayRef,
    greatest: ArrayRef,
    nulls: ArrayRef,
    rows: UInt64Array,
}

impl Pages {
    fn new(
        metadata: &ArrowReaderMetadata,
        schema: &SchemaRef,
        column: &str,
        group: usize,
    ) -> Option<Self> {
        let converter = converter(metadata, schema, column)?;
        let file = metadata.metadata();
        let (values, places) = (file.column_index()?, file.offset_index()?);
        let of = [group];
        let rows = converter.data_page_row_counts(places, file.row_groups(), &of);
        Some(Self {
            column: column.to_owned(),
            least: converter.data_page_mins(values, places, &of).ok()?,
            greatest: converter.data_page_maxes(values, places, &of).ok()?,
            nulls: Arc::new(converter.data_page_null_counts(values, places, &of).ok()?),
            rows: rows.ok()??,
        })
    }

    fn kept(&self, predicate: &PruningPredicate) -> Option<RowSelection> {
        let kept = predicate.prune(self).ok()?;
        let selectors = kept.into_iter().zip(self.rows.values());
        let selectors = selectors.map(|(keep, rows)| match keep {
            true => RowSelector::select(*rows as usize),
            false => RowSelector::skip(*rows as usize),
        });
        Some(selectors.collect::<Vec<_>>().into())
    }

    fn of(&self, column: &Column, values: &ArrayRef) -> Option<ArrayRef> {
        (column.name == self.column).then(|| values.clone())
    }
}

impl PruningStatistics for Pages {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column, &self.least)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column, &self.greatest)
    }

    fn num_containers(&self) -> usize {
        self.rows.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column, &self.nulls)
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.rows.clone()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
