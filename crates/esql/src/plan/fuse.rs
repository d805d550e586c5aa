//! `FUSE`: a row's share of its document's score, by its rank or by its normalized score.

use datafusion::common::Result;
use datafusion::functions::math::expr_fn::sqrt;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Expr as Df, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, SortExpr,
    WindowFunctionDefinition, cast, lit, when,
};

use super::expression::{column, constant_text};
use super::lower::names;
use super::{Fuse, FuseMethod};

const FIRST: &str = "$$fuse1";
const SECOND: &str = "$$fuse2";

/// Ranks are those of the scores within a group; equal scores are ranked by key, so that the same
/// rows always give the same answer.
pub fn fuse(input: LogicalPlan, fuse: &Fuse) -> Result<LogicalPlan> {
    let score = || column(&fuse.score);
    let double = arrow::datatypes::DataType::Float64;
    let (windows, share) = match fuse.method {
        FuseMethod::Rrf { rank_constant } => {
            let descending = SortExpr::new(score(), false, false);
            let keys = fuse.keys.iter();
            let keys = keys.map(|key| SortExpr::new(column(key), true, false));
            let rank = row_number()
                .partition_by(vec![column(&fuse.group)])
                .order_by(std::iter::once(descending).chain(keys).collect())
                .build()?;
            let share = lit(1.0) / (lit(rank_constant) + cast(column(FIRST), double));
            (vec![rank.alias(FIRST)], share)
        }
        FuseMethod::Linear => (Vec::new(), score()),
        FuseMethod::LinearMinMax => {
            let least = over_group(
                WindowFunctionDefinition::AggregateUDF(min_udaf()),
                score(),
                fuse,
            )?;
            let greatest = over_group(
                WindowFunctionDefinition::AggregateUDF(max_udaf()),
                score(),
                fuse,
            )?;
            let width = column(SECOND) - column(FIRST);
            let share = when(width.clone().eq(lit(0.0)), lit(0.0))
                .otherwise((score() - column(FIRST)) / width)?;
            (vec![least.alias(FIRST), greatest.alias(SECOND)], share)
        }
        FuseMethod::LinearL2 => {
            let squares = score() * score();
            let sum = over_group(
                WindowFunctionDefinition::AggregateUDF(sum_udaf()),
                squares,
                fuse,
            )?;
            let share = when(column(FIRST).eq(lit(0.0)), lit(0.0))
                .otherwise(score() / sqrt(column(FIRST)))?;
            (vec![sum.alias(FIRST)], share)
        }
    };
    let kept: Vec<String> = names(&input).collect();
    let mut builder = LogicalPlanBuilder::from(input);
    if !windows.is_empty() {
        builder = builder.window(windows)?;
    }
    let fused = weighted(share, fuse)?;
    let columns = kept.iter().map(|name| match *name == fuse.score {
        true => fused.clone().alias(name),
        false => column(name),
    });
    builder.project(columns.collect::<Vec<_>>())?.build()
}

fn over_group(function: WindowFunctionDefinition, value: Df, fuse: &Fuse) -> Result<Df> {
    Df::from(WindowFunction::new(function, vec![value]))
        .partition_by(vec![column(&fuse.group)])
        .build()
}

/// The share times its group's weight, 1 where none is given; a row of no group has no score.
fn weighted(share: Df, fuse: &Fuse) -> Result<Df> {
    let none = lit(datafusion::common::ScalarValue::Float64(None));
    let mut cases = when(column(&fuse.group).is_null(), none);
    for (name, weight) in &fuse.weights {
        let same = column(&fuse.group).eq(constant_text(name));
        cases = cases.when(same, share.clone() * lit(*weight));
    }
    cases.otherwise(share)
}
