//! `FORK` as a union of its branches, each over the same input.

use std::sync::Arc;

use arrow::datatypes::DataType as Arrow;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, Union, cast, lit};

use super::expression::{column, constant_text};
use super::lists::{element_of, list_of, to_list};
use super::lower::{Context, next};
use super::{Attribute, Fork};
use crate::analyzer::FORK_COLUMN;

pub fn fork(input: &LogicalPlan, fork: &Fork, context: &Context) -> Result<LogicalPlan> {
    let mut plans = Vec::with_capacity(fork.branches.len());
    for steps in &fork.branches {
        let mut plan = input.clone();
        for step in steps {
            plan = next(step, plan, context)?;
        }
        plans.push(plan);
    }
    let layouts: Vec<Arrow> = fork
        .output
        .iter()
        .map(|attribute| layout(attribute, &plans))
        .collect();
    let mut aligned = Vec::with_capacity(plans.len());
    for (number, plan) in plans.into_iter().enumerate() {
        let branch = format!("fork{}", number + 1);
        aligned.push(Arc::new(align(plan, &branch, &fork.output, &layouts)?));
    }
    Ok(LogicalPlan::Union(Union::try_new_with_loose_types(
        aligned,
    )?))
}

/// A list where one branch has a list.
fn layout(attribute: &Attribute, plans: &[LogicalPlan]) -> Arrow {
    let found = plans.iter().filter_map(|plan| {
        let field = plan.schema().field_with_unqualified_name(&attribute.name);
        field.ok().map(|field| field.data_type().clone())
    });
    found
        .filter(|data_type| *data_type != Arrow::Null)
        .reduce(|known, other| match other {
            Arrow::List(_) => other,
            _ => known,
        })
        .unwrap_or_else(|| attribute.data_type.arrow())
}

fn align(
    plan: LogicalPlan,
    branch: &str,
    output: &[Attribute],
    layouts: &[Arrow],
) -> Result<LogicalPlan> {
    let mut columns = Vec::with_capacity(output.len());
    for (attribute, layout) in output.iter().zip(layouts) {
        let name = &attribute.name;
        let found = plan.schema().field_with_unqualified_name(name).ok();
        let value = match found.map(|field| field.data_type()) {
            _ if name == FORK_COLUMN => constant_text(branch),
            None => lit(ScalarValue::try_new_null(layout)?),
            Some(same) if same == layout => column(name),
            Some(Arrow::Null) => lit(ScalarValue::try_new_null(layout)?),
            Some(scalar) if *layout == list_of(scalar) => to_list(column(name), element_of(layout)),
            Some(_) => cast(column(name), layout.clone()),
        };
        columns.push(value.alias(name));
    }
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
