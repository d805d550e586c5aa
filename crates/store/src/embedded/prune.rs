//! Which segments and row groups can't hold a row that a query wants.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, TimestampMillisecondArray, UInt64Array};
use arrow::datatypes::SchemaRef;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;

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

pub struct Pruner {
    predicate: PruningPredicate,
    schema: SchemaRef,
}

impl Pruner {
    /// `None` where the expression says nothing about ranges of values.
    pub fn new(expr: &Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Option<Self> {
        let predicate = PruningPredicateBuilder::new()
            .with_file_schema(schema.clone())
            .try_build(expr.clone())
            .ok()?;
        (!predicate.always_true()).then(|| Self {
            predicate,
            schema: schema.clone(),
        })
    }

    /// By the segment's span of time, without opening it.
    pub fn may_hold(&self, segment: &Segment) -> bool {
        let Some(span) = segment.row.span_ms else {
            return true;
        };
        let kept = self.predicate.prune(&Span(span, segment.row.rows));
        kept.map_or(true, |kept| kept.contains(&true))
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

/// One segment as the database knows it.
struct Span((i64, i64), u64);

impl Span {
    fn of(&self, column: &Column, value: i64) -> Option<ArrayRef> {
        (column.name == TIMESTAMP)
            .then(|| Arc::new(TimestampMillisecondArray::from(vec![value])) as ArrayRef)
    }
}

impl PruningStatistics for Span {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column, self.0.0)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.of(column, self.0.1)
    }

    fn num_containers(&self) -> usize {
        1
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(UInt64Array::from(vec![self.1])))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
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
        let wanted = self.schema.field_with_name(&column.name).ok()?;
        let has = self.metadata.schema().field_with_name(&column.name).ok()?;
        if wanted.data_type() != has.data_type() || has.data_type().is_nested() {
            return None;
        }
        StatisticsConverter::try_new(
            &column.name,
            self.metadata.schema(),
            self.metadata.parquet_schema(),
        )
        .ok()
    }
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
