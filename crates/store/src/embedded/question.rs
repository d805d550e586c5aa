//! What an aggregation asks of a row group, and whether the row group's summary can tell.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampMillisecondArray, new_null_array};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Column, Literal};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use esql::aggregates::udaf::Kind;

use super::summary::Head;
use crate::indices::TIMESTAMP;

/// An aggregate.
#[derive(Debug, Clone)]
pub struct Call {
    pub reduction: Reduction,
    pub argument: Arc<dyn PhysicalExpr>,
    pub filter: Option<Arc<dyn PhysicalExpr>>,
}

#[derive(Debug, Clone, Copy)]
pub enum Reduction {
    Own(Kind),
    Least,
    Greatest,
}

impl Reduction {
    fn is_known(self) -> bool {
        match self {
            Self::Least | Self::Greatest => true,
            Self::Own(kind) => matches!(
                kind,
                Kind::CountRows
                    | Kind::CountValues
                    | Kind::Present(_)
                    | Kind::Sum { .. }
                    | Kind::Distribution(_)
            ),
        }
    }
}

/// A number that is a column's times a constant over zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaled {
    pub column: usize,
    pub factor: f64,
    /// Made a double on the way.
    pub double: bool,
}

/// All that is asked, over the columns of a scan.
#[derive(Debug, Clone)]
pub struct Question {
    pub schema: SchemaRef,
    pub groups: Vec<Arc<dyn PhysicalExpr>>,
    pub filters: Vec<Arc<dyn PhysicalExpr>>,
    pub calls: Vec<(Call, Option<Scaled>)>,
    /// Columns that must be the same in all rows of a group.
    shared: BTreeSet<usize>,
    /// Conditions and intervals of time: the same at both ends of a row group's time, they are
    /// the same for all rows between.
    probes: Vec<Arc<dyn PhysicalExpr>>,
}

impl Question {
    /// `None`: no summary can tell.
    pub fn new(
        schema: SchemaRef,
        groups: Vec<Arc<dyn PhysicalExpr>>,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        calls: Vec<Call>,
    ) -> Option<Self> {
        let mut question = Self {
            calls: Vec::new(),
            shared: BTreeSet::new(),
            probes: Vec::new(),
            schema,
            groups,
            filters,
        };
        let conditions = calls.iter().filter_map(|call| call.filter.as_ref());
        let all: Vec<_> = question
            .groups
            .iter()
            .chain(&question.filters)
            .chain(conditions)
            .cloned()
            .collect();
        for expr in all {
            question.demand(&expr)?;
        }
        for call in calls {
            let nested = call.argument.data_type(&question.schema).ok()?.is_nested();
            if !call.reduction.is_known() || nested {
                return None;
            }
            let scaled = scaled(&call.argument, &question.schema);
            if scaled.is_none() {
                question.demand(&call.argument)?;
            }
            question.calls.push((call, scaled));
        }
        Some(question)
    }

    /// The expression must have one value for all rows of a group.
    fn demand(&mut self, expr: &Arc<dyn PhysicalExpr>) -> Option<()> {
        let mut known = true;
        let walked = expr.apply(|node| {
            if is_monotone_in_time(node) {
                self.probes.push(node.clone());
                return Ok(TreeNodeRecursion::Jump);
            }
            if let Some(column) = node.downcast_ref::<Column>() {
                known &= column.name() != TIMESTAMP;
                self.shared.insert(column.index());
            }
            Ok(TreeNodeRecursion::Continue)
        });
        (walked.is_ok() && known).then_some(())
    }

    /// Whether a summary of this kind tells all that is asked.
    pub fn is_told_by(&self, head: &Head) -> bool {
        let knows = |column: &usize| self.is_shared(*column, head);
        self.shared.iter().all(knows)
            && self.calls.iter().all(|(_, scaled)| match scaled {
                None => true,
                Some(scaled) => self.is_measured(scaled.column, head) || knows(&scaled.column),
            })
            && self.is_constant_in(head.moments).unwrap_or(false)
    }

    /// The column has one value in each group; a column that the segment lacks is null.
    pub fn is_shared(&self, column: usize, head: &Head) -> bool {
        let name = self.schema.field(column).name();
        head.shared.contains(name)
            || !(name == TIMESTAMP || head.measures.contains(name) || head.unknown.contains(name))
    }

    fn is_measured(&self, column: usize, head: &Head) -> bool {
        let field = self.schema.field(column);
        !field.data_type().is_nested()
            && (field.name() == TIMESTAMP || head.measures.contains(field.name()))
    }

    fn is_constant_in(&self, (first, last): (i64, i64)) -> Result<bool> {
        if self.probes.is_empty() {
            return Ok(true);
        }
        let moments = Arc::new(TimestampMillisecondArray::from(vec![first, last]));
        let ends = self.rows(2, |name| {
            (name == TIMESTAMP).then(|| moments.clone() as ArrayRef)
        })?;
        for probe in &self.probes {
            let values = probe.evaluate(&ends)?.into_array(2)?;
            let at = |row| ScalarValue::try_from_array(&values, row);
            if at(0)? != at(1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Rows under the scan's schema: columns by name, null where there is none.
    pub fn rows(
        &self,
        count: usize,
        mut column: impl FnMut(&str) -> Option<ArrayRef>,
    ) -> Result<RecordBatch> {
        let columns = self.schema.fields().iter().map(|field| {
            column(field.name()).unwrap_or_else(|| new_null_array(field.data_type(), count))
        });
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(count));
        let columns = columns.collect();
        Ok(RecordBatch::try_new_with_options(
            self.schema.clone(),
            columns,
            &options,
        )?)
    }
}

fn is_moment(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let column = expr.downcast_ref::<Column>();
    column.is_some_and(|column| column.name() == TIMESTAMP)
}

/// The moment compared with a constant, or cut to an interval: between two moments at which it
/// is the same it doesn't change.
fn is_monotone_in_time(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let constant = |expr: &Arc<dyn PhysicalExpr>| expr.downcast_ref::<Literal>().is_some();
    if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        let ordered = matches!(
            binary.op(),
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
        );
        let (left, right) = (binary.left(), binary.right());
        return ordered
            && (is_moment(left) && constant(right) || constant(left) && is_moment(right));
    }
    if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
        let cuts = matches!(call.fun().name(), "bucket" | "date_trunc");
        let mut fits = call
            .args()
            .iter()
            .map(|arg| is_moment(arg) || constant(arg));
        return cuts && fits.all(|fits| fits) && call.args().iter().any(is_moment);
    }
    false
}

/// The expression as a column times a constant.
fn scaled(expr: &Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Option<Scaled> {
    if let Some(column) = expr.downcast_ref::<Column>() {
        let data_type = schema.field(column.index()).data_type();
        let fits = matches!(
            data_type,
            DataType::Float64
                | DataType::Int64
                | DataType::Int32
                | DataType::Timestamp(TimeUnit::Millisecond, _)
        );
        return fits.then(|| Scaled {
            column: column.index(),
            factor: 1.0,
            double: *data_type == DataType::Float64,
        });
    }
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        return (*cast.cast_type() == DataType::Float64)
            .then(|| doubled(cast.expr(), schema))
            .flatten();
    }
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    let double = *call.return_type() == DataType::Float64;
    match (call.fun().name(), call.args()) {
        ("to_double", [value]) => doubled(value, schema),
        ("*", [value, by]) | ("*", [by, value]) if double && number(by).is_some() => {
            times(doubled(value, schema)?, number(by)?)
        }
        ("/", [value, by]) if double => times(doubled(value, schema)?, 1.0 / number(by)?),
        _ => None,
    }
}

fn doubled(expr: &Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Option<Scaled> {
    let inner = scaled(expr, schema)?;
    let is_time = schema.field(inner.column).name() == TIMESTAMP;
    (!is_time).then_some(Scaled {
        double: true,
        ..inner
    })
}

fn times(value: Scaled, by: f64) -> Option<Scaled> {
    let factor = value.factor * by;
    (factor.is_finite() && factor > 0.0).then_some(Scaled { factor, ..value })
}

fn number(expr: &Arc<dyn PhysicalExpr>) -> Option<f64> {
    match expr.downcast_ref::<Literal>()?.value() {
        ScalarValue::Float64(value) => *value,
        ScalarValue::Int64(value) => value.map(|value| value as f64),
        ScalarValue::Int32(value) => value.map(f64::from),
        _ => None,
    }
}

/// All columns that the question is about, by index.
pub fn columns(question: &Question) -> BTreeSet<usize> {
    let exprs = question.groups.iter().chain(&question.filters);
    let calls = question.calls.iter();
    let of_calls = calls.flat_map(|(call, _)| std::iter::once(&call.argument).chain(&call.filter));
    let all = exprs.chain(of_calls).flat_map(collect_columns);
    all.map(|column| column.index()).collect()
}
