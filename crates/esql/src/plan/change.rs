//! `CHANGE_POINT` as a window function over the sorted series.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, StringArray, StructArray, new_null_array,
};
use arrow::datatypes::{DataType as Arrow, Field, FieldRef, Fields, Float64Type};
use datafusion::common::Result;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    Expr as Df, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, PartitionEvaluator, Signature,
    SortExpr, Volatility, WindowUDF, WindowUDFImpl,
};

use super::ChangePoint;
use super::expression::column;
use super::lists::{member, sort_key};
use super::lower::{Context, names};
use crate::aggregates::udaf::Blame;
use crate::analyzer::MAX_SERIES;
use crate::change_point::{Change, detect};

const WHOLE: &str = "$$change";
const KIND: &str = "kind";
const P_VALUE: &str = "p_value";

pub fn change_point(
    input: LogicalPlan,
    change: &ChangePoint,
    context: &Context,
) -> Result<LogicalPlan> {
    let blame = Blame {
        text: change.text.as_str().into(),
        span: change.span,
        warnings: context.shared.warnings.clone(),
    };
    let key = input.schema().field_with_unqualified_name(&change.key)?;
    let key = match key.data_type() {
        Arrow::List(element) => sort_key(column(&change.key), element.data_type(), false),
        _ => column(&change.key),
    };
    let whole = WindowUDF::new_from_impl(Detector::new(blame))
        .call(vec![column(&change.value)])
        .order_by(vec![SortExpr::new(key, true, false)])
        .build()?
        .alias(WHOLE);
    let kept: Vec<Df> = names(&input)
        .filter(|name| *name != change.kind && *name != change.p_value)
        .map(|name| column(&name))
        .collect();
    let windowed = LogicalPlanBuilder::from(input)
        .window(vec![whole])?
        .build()?;
    let kind = member(column(WHOLE), KIND, &Arrow::Utf8).alias(&change.kind);
    let p_value = member(column(WHOLE), P_VALUE, &Arrow::Float64).alias(&change.p_value);
    LogicalPlanBuilder::from(windowed)
        .project(kept.into_iter().chain([kind, p_value]))?
        .build()
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new(KIND, Arrow::Utf8, true),
        Field::new(P_VALUE, Arrow::Float64, true),
    ])
}

#[derive(Debug, Clone)]
struct Detector {
    name: String,
    blame: Blame,
    signature: Signature,
}

impl Detector {
    fn new(blame: Blame) -> Self {
        Self {
            name: format!("change_point@{}", blame.span.start),
            blame,
            signature: Signature::any(1, Volatility::Immutable),
        }
    }
}

impl PartialEq for Detector {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Detector {}

impl std::hash::Hash for Detector {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl WindowUDFImpl for Detector {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Series(self.blame.clone())))
    }

    fn field(&self, arguments: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        let whole = Arrow::Struct(fields());
        Ok(Arc::new(Field::new(arguments.name(), whole, true)))
    }
}

#[derive(Debug)]
struct Series(Blame);

impl PartitionEvaluator for Series {
    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let (series, places) = self.series(&values[0], rows)?;
        let found = match detect(&series) {
            Ok(found) => found,
            Err(reason) => {
                self.complain(&reason);
                None
            }
        };
        if rows > MAX_SERIES {
            self.complain(&format!(
                "too many values; keeping only first {MAX_SERIES} values"
            ));
        }
        let at = |row: usize| -> Option<&Change> {
            found.as_ref().filter(|change| places[change.at] == row)
        };
        let kinds: StringArray = (0..rows).map(|row| Some(at(row)?.kind.name())).collect();
        let p_values: Float64Array = (0..rows).map(|row| Some(at(row)?.p_value)).collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(kinds), Arc::new(p_values)];
        Ok(Arc::new(StructArray::try_new(fields(), columns, None)?))
    }
}

impl Series {
    fn complain(&self, reason: &str) {
        self.0
            .failed(&format!("java.lang.IllegalArgumentException: {reason}"));
    }

    /// The values that can be used, and the row of each.
    fn series(&self, column: &ArrayRef, rows: usize) -> Result<(Vec<f64>, Vec<usize>)> {
        let (flat, list) = match column.data_type() {
            Arrow::List(_) => {
                let list = column.as_list::<i32>();
                (list.values().clone(), Some(list))
            }
            Arrow::Null => (new_null_array(&Arrow::Float64, rows), None),
            _ => (column.clone(), None),
        };
        let flat = arrow::compute::cast(&flat, &Arrow::Float64)?;
        let flat = flat.as_primitive::<Float64Type>();
        let (mut series, mut places) = (Vec::new(), Vec::new());
        let (mut empty, mut several) = (false, false);
        for row in 0..rows.min(MAX_SERIES) {
            let (at, count) = match list {
                None => (row, usize::from(flat.is_valid(row))),
                Some(list) if list.is_valid(row) => (
                    list.value_offsets()[row] as usize,
                    list.value_length(row) as usize,
                ),
                Some(_) => (0, 0),
            };
            empty |= count == 0;
            several |= count > 1;
            if count == 1 {
                series.push(flat.value(at));
                places.push(row);
            }
        }
        if empty {
            self.complain("values contain nulls; skipping them");
        }
        if several {
            self.complain(
                "values contains multivalued entries; skipping them (please consider reducing them with e.g. MV_AVG or MV_SUM)",
            );
        }
        Ok((series, places))
    }
}
