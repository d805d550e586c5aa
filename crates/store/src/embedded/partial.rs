//! `STATS` over row groups that are known by their summaries: those rows are not read.
//!
//! A rule of the physical plan. Where a partial aggregation reads this store's rows through
//! filters and projections, each row group is asked whether its summary tells all that the
//! aggregation wants ([`Question`]). Those that can tell give states of the aggregates
//! ([`Answers`]); the others are read as ever; the final aggregation merges both.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};
use esql::aggregates::udaf::EsqlAggregate;

use super::answers::Answers;
use super::question::{Call, Question, Reduction};
use super::scan::SegmentScan;

#[derive(Debug)]
pub struct Rule;

impl PhysicalOptimizerRule for Rule {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let changed = plan.transform_up(|node| {
            let found = node.downcast_ref::<AggregateExec>();
            match found.map(divided).transpose()?.flatten() {
                Some(divided) => Ok(Transformed::yes(divided)),
                None => Ok(Transformed::no(node)),
            }
        })?;
        Ok(changed.data)
    }

    fn name(&self) -> &str {
        "summaries"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The aggregation as what is read and what is known. `None`: all must be read.
fn divided(aggregate: &AggregateExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let by = aggregate.group_expr();
    if *aggregate.mode() != AggregateMode::Partial
        || !by.is_single()
        || aggregate.limit_options().is_some()
    {
        return Ok(None);
    }
    let Some(calls) = calls(aggregate) else {
        return Ok(None);
    };
    let asked = Asked {
        groups: by.expr().iter().map(|(expr, _)| expr.clone()).collect(),
        filters: Vec::new(),
        calls,
    };
    let mut known: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
    let Some(rest) = descend(aggregate.input(), asked, aggregate, &mut known)? else {
        return Ok(None);
    };
    let node: Arc<dyn ExecutionPlan> = Arc::new(aggregate.clone());
    let read = replace_children_if_necessary(node, vec![rest])?;
    known.insert(0, read);
    Ok(Some(UnionExec::try_new(known)?))
}

/// The aggregates, where each is one that a summary may know.
fn calls(aggregate: &AggregateExec) -> Option<Vec<Call>> {
    let filters = aggregate.filter_expr().iter();
    let each = aggregate
        .aggr_expr()
        .iter()
        .zip(filters)
        .map(|(call, filter)| {
            if call.is_distinct() || !call.order_bys().is_empty() {
                return None;
            }
            let reduction = match call.fun().inner().downcast_ref::<EsqlAggregate>() {
                Some(own) => Reduction::Own(own.kind),
                None => match call.fun().name() {
                    "min" => Reduction::Least,
                    "max" => Reduction::Greatest,
                    _ => return None,
                },
            };
            let mut arguments = call.expressions().into_iter();
            let (Some(argument), None) = (arguments.next(), arguments.next()) else {
                return None;
            };
            Some(Call {
                reduction,
                argument,
                filter: filter.clone(),
            })
        });
    each.collect()
}

/// What is asked of the rows that a node gives.
#[derive(Clone)]
struct Asked {
    groups: Vec<Arc<dyn PhysicalExpr>>,
    filters: Vec<Arc<dyn PhysicalExpr>>,
    calls: Vec<Call>,
}

impl Asked {
    fn map(
        self,
        change: impl Fn(Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>>,
    ) -> Result<Self> {
        let call = |call: Call| -> Result<Call> {
            Ok(Call {
                reduction: call.reduction,
                argument: change(call.argument)?,
                filter: call.filter.map(&change).transpose()?,
            })
        };
        Ok(Self {
            groups: self
                .groups
                .into_iter()
                .map(&change)
                .collect::<Result<_>>()?,
            filters: self
                .filters
                .into_iter()
                .map(&change)
                .collect::<Result<_>>()?,
            calls: self.calls.into_iter().map(call).collect::<Result<_>>()?,
        })
    }
}

/// The node without the rows that are known; for them answers are added to `known`. `None`: it
/// stays as it is.
fn descend(
    node: &Arc<dyn ExecutionPlan>,
    asked: Asked,
    aggregate: &AggregateExec,
    known: &mut Vec<Arc<dyn ExecutionPlan>>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(scan) = node.downcast_ref::<SegmentScan>() {
        let question = Question::new(scan.schema(), asked.groups, asked.filters, asked.calls);
        let Some((question, (told, rest))) =
            question.and_then(|question| scan.divide(&question).map(|parts| (question, parts)))
        else {
            return Ok(None);
        };
        known.push(Arc::new(Answers::new(question, told, aggregate.schema())));
        return Ok(Some(Arc::new(rest)));
    }
    if let Some(union) = node.downcast_ref::<UnionExec>() {
        let mut any = false;
        let mut inputs = Vec::new();
        for input in union.inputs() {
            let rest = descend(input, asked.clone(), aggregate, known)?;
            any |= rest.is_some();
            inputs.push(rest.unwrap_or_else(|| input.clone()));
        }
        return if any {
            Ok(Some(replace_children_if_necessary(node.clone(), inputs)?))
        } else {
            Ok(None)
        };
    }
    let (input, asked) = if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
        let exprs: Vec<_> = projection
            .expr()
            .iter()
            .map(|each| each.expr.clone())
            .collect();
        let asked = asked.map(|expr| substituted(expr, &exprs))?;
        (projection.input(), asked)
    } else if let Some(filter) = node.downcast_ref::<FilterExec>() {
        if filter.fetch().is_some() {
            return Ok(None);
        }
        let asked = match filter.projection() {
            None => asked,
            Some(columns) => {
                let schema = filter.input().schema();
                let named = |index: &usize| -> Arc<dyn PhysicalExpr> {
                    Arc::new(Column::new(schema.field(*index).name(), *index))
                };
                let exprs: Vec<_> = columns.iter().map(named).collect();
                asked.map(|expr| substituted(expr, &exprs))?
            }
        };
        let mut asked = asked;
        asked.filters.push(filter.predicate().clone());
        (filter.input(), asked)
    } else {
        return Ok(None);
    };
    match descend(input, asked, aggregate, known)? {
        Some(rest) => Ok(Some(replace_children_if_necessary(
            node.clone(),
            vec![rest],
        )?)),
        None => Ok(None),
    }
}

/// The expression with each column as what it is made of.
fn substituted(
    expr: Arc<dyn PhysicalExpr>,
    made_of: &[Arc<dyn PhysicalExpr>],
) -> Result<Arc<dyn PhysicalExpr>> {
    let changed = expr.transform_down(|node| {
        let place = node.downcast_ref::<Column>().map(Column::index);
        match place.and_then(|place| made_of.get(place)) {
            Some(expr) => Ok(Transformed::new(
                expr.clone(),
                true,
                datafusion::common::tree_node::TreeNodeRecursion::Jump,
            )),
            None => Ok(Transformed::no(node)),
        }
    })?;
    Ok(changed.data)
}
