//! Aggregation and extraction, lowered.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType as Arrow, Field, Fields};
use datafusion::common::{Column as Named, JoinType, NullEquality, Result, plan_err};
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{AggregateUDF, Expr as Df, LogicalPlan, LogicalPlanBuilder, lit};

use super::calls::fitted;
use super::expression::{self, Lowered, column};
use super::lists;
use super::lower::{Context, HIDDEN, expand, names};
use super::{Aggregate, AggregateCall, Extract, Extracted, Extractor};
use crate::aggregates::distribution::Question;
use crate::aggregates::ordered::Pick;
use crate::aggregates::udaf::{Blame, EsqlAggregate, Kind};
use crate::analyzer::constant::{number, string};

fn group_column(number: usize) -> String {
    format!("$$group{number}")
}

/// `STATS`: a row with several values of a group counts in each of them.
pub fn aggregate(
    input: LogicalPlan,
    aggregate: &Aggregate,
    context: &Context,
) -> Result<LogicalPlan> {
    let mut columns: Vec<Df> = names(&input).map(|name| column(&name)).collect();
    let mut lists_in_groups = Vec::new();
    let mut doubles = Vec::new();
    for (number, group) in aggregate.groups.iter().enumerate() {
        let lowered = expression::lower(&group.value, input.schema(), &context.shared)?;
        let value = match &lowered.arrow {
            Arrow::List(element) => {
                lists_in_groups.push(group_column(number));
                lists::deduplicated(lowered.expr, element.data_type())
            }
            _ => lowered.expr,
        };
        if *lists::element_of(&lowered.arrow) == Arrow::Float64 {
            doubles.push(number);
        }
        columns.push(value.alias(group_column(number)));
    }
    let mut plan = LogicalPlanBuilder::from(input).project(columns)?.build()?;
    for name in lists_in_groups {
        plan = expand(plan, &name)?;
    }
    let mut calls = Vec::with_capacity(aggregate.aggregates.len());
    for call in &aggregate.aggregates {
        calls.push(lower_call(call, &plan, context)?.alias(&call.name));
    }
    let groups: Vec<Df> = (0..aggregate.groups.len())
        .map(|number| {
            let group = column(&group_column(number));
            if doubles.contains(&number) {
                return lists::bits_of_double(group).alias(group_column(number));
            }
            group
        })
        .collect();
    if groups.is_empty() && calls.is_empty() {
        calls.push(counted_rows(context).alias("$$rows"));
    }
    let aggregated = LogicalPlanBuilder::from(plan)
        .aggregate(groups, calls)?
        .build()?;
    let named = aggregate.groups.iter().enumerate().map(|(number, group)| {
        let value = column(&group_column(number));
        let value = if doubles.contains(&number) {
            lists::double_of_bits(value)
        } else {
            value
        };
        value.alias(&group.name)
    });
    let calls = aggregate.aggregates.iter().map(|call| column(&call.name));
    let columns: Vec<Df> = calls.chain(named).collect();
    LogicalPlanBuilder::from(aggregated)
        .project(columns)?
        .build()
}

fn counted_rows(context: &Context) -> Df {
    let blame = Blame {
        text: "COUNT(*)".into(),
        span: crate::ast::Span::default(),
        warnings: context.shared.warnings.clone(),
    };
    let function = EsqlAggregate::new(Kind::CountRows, crate::DataType::Long, blame);
    let function = Arc::new(AggregateUDF::new_from_impl(function));
    Df::AggregateFunction(AggregateFunction::new_udf(
        function,
        vec![lit(1_i64)],
        false,
        None,
        Vec::new(),
        None,
    ))
}

/// `INLINE STATS`: the aggregates of its group beside every row.
pub fn inline(input: LogicalPlan, aggregate: &Aggregate, context: &Context) -> Result<LogicalPlan> {
    let results = self::aggregate(input.clone(), aggregate, context)?;
    let keys = aggregate.groups.iter().enumerate();
    let mut columns: Vec<Df> = keys
        .map(|(number, group)| column(&group.name).alias(group_column(number)))
        .collect();
    columns.extend(aggregate.aggregates.iter().map(|call| column(&call.name)));
    let results = LogicalPlanBuilder::from(results)
        .project(columns)?
        .build()?;
    let left: Vec<Named> = (0..aggregate.groups.len())
        .map(|number| Named::new_unqualified(group_column(number)))
        .collect();
    let right: Vec<Named> = aggregate
        .groups
        .iter()
        .map(|group| Named::new_unqualified(&group.name))
        .collect();
    let kept: Vec<Df> = names(&input)
        .chain(aggregate.aggregates.iter().map(|call| call.name.clone()))
        .map(|name| column(&name))
        .collect();
    let joined = if left.is_empty() {
        LogicalPlanBuilder::from(results).cross_join(input)?
    } else {
        LogicalPlanBuilder::from(results).join_detailed(
            input,
            JoinType::Right,
            (left, right),
            None,
            NullEquality::NullEqualsNull,
        )?
    };
    joined.project(kept)?.build()
}

/// One aggregate with its filter.
fn lower_call(call: &AggregateCall, input: &LogicalPlan, context: &Context) -> Result<Df> {
    let arguments = call
        .arguments
        .iter()
        .map(|argument| expression::lower(argument, input.schema(), &context.shared))
        .collect::<Result<Vec<_>>>()?;
    let filter = match &call.filter {
        Some(filter) => {
            let lowered = expression::lower(filter, input.schema(), &context.shared)?;
            Some(Box::new(match lowered.arrow {
                Arrow::Boolean => lowered.expr,
                _ => lit(false),
            }))
        }
        None => None,
    };
    let kind = kind(call)?;
    let takes = match kind {
        Kind::CountRows => 0,
        Kind::WeightedMean | Kind::Picked(Pick::At { .. }) => 2,
        _ => 1,
    };
    let mut inputs: Vec<Df> = arguments
        .iter()
        .take(takes)
        .map(|argument| argument.expr.clone())
        .collect();
    if inputs.is_empty() {
        inputs.push(lit(1_i64));
    }
    let function = match native(kind, arguments.first()) {
        Some(function) => function,
        None => {
            let blame = Blame {
                text: call.text.as_str().into(),
                span: call.span,
                warnings: context.shared.warnings.clone(),
            };
            let function = EsqlAggregate::new(kind, call.data_type, blame);
            Arc::new(AggregateUDF::new_from_impl(function))
        }
    };
    Ok(Df::AggregateFunction(AggregateFunction::new_udf(
        function,
        inputs,
        false,
        filter,
        Vec::new(),
        None,
    )))
}

/// DataFusion's own where it does the same, faster.
fn native(kind: Kind, argument: Option<&Lowered>) -> Option<Arc<AggregateUDF>> {
    let simple = matches!(
        argument?.arrow,
        Arrow::Int32 | Arrow::Int64 | Arrow::Float64 | Arrow::Timestamp(..)
    );
    match kind {
        Kind::Picked(Pick::Least) if simple => Some(min_udaf()),
        Kind::Picked(Pick::Greatest) if simple => Some(max_udaf()),
        _ => None,
    }
}

fn kind(call: &AggregateCall) -> Result<Kind> {
    let constant = |index: usize| call.arguments.get(index).and_then(|value| value.constant());
    let count = |index: usize| {
        constant(index)
            .and_then(number)
            .map_or(0, |value| value as usize)
    };
    Ok(match call.function {
        "COUNT" if call.arguments.is_empty() => Kind::CountRows,
        "COUNT" => Kind::CountValues,
        "PRESENT" => Kind::Present(true),
        "ABSENT" => Kind::Present(false),
        "SUM" => Kind::Sum { mean: false },
        "AVG" => Kind::Sum { mean: true },
        // Weights that are all equal weigh nothing.
        "WEIGHTED_AVG" if constant(1).is_some() => Kind::Sum { mean: true },
        "WEIGHTED_AVG" => Kind::WeightedMean,
        "MEDIAN" => Kind::Distribution(Question::Percentile(50.0)),
        "PERCENTILE" => match constant(1).and_then(number) {
            Some(share) => Kind::Distribution(Question::Percentile(share)),
            None => return plan_err!("{} has no constant percentile", call.text),
        },
        "MEDIAN_ABSOLUTE_DEVIATION" => Kind::Distribution(Question::MedianAbsoluteDeviation),
        "STD_DEV" | "STDDEV" => Kind::Moments { deviation: true },
        "VARIANCE" | "VAR" => Kind::Moments { deviation: false },
        "MIN" => Kind::Picked(Pick::Least),
        "MAX" => Kind::Picked(Pick::Greatest),
        "VALUES" => Kind::Picked(Pick::Different),
        "COUNT_DISTINCT" => Kind::Distinct,
        "SAMPLE" => Kind::Picked(Pick::Sample { limit: count(1) }),
        "TOP" => {
            let order = constant(2).and_then(string).unwrap_or("asc");
            Kind::Picked(Pick::Top {
                limit: count(1),
                descending: order.eq_ignore_ascii_case("desc"),
            })
        }
        "FIRST" => Kind::Picked(Pick::At { greatest: false }),
        "LAST" => Kind::Picked(Pick::At { greatest: true }),
        other => return plan_err!("no aggregate {other}"),
    })
}

/// Whether a column is only ours.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with(HIDDEN)
}

/// `DISSECT` and `GROK` can give several values of a name; strings mostly one.
pub fn extracted_fields(extract: &Extract, several: bool) -> Fields {
    extract
        .outputs
        .iter()
        .map(|(name, data_type)| {
            let layout = if several {
                data_type.arrow_list()
            } else {
                data_type.arrow()
            };
            Field::new(name, layout, true)
        })
        .collect()
}

/// The extractor's values for every row, as a struct of lists.
pub fn extracted(
    extractor: &dyn Extractor,
    input: &ArrayRef,
    fields: &Fields,
    rows: usize,
) -> Result<ArrayRef> {
    let mut columns: Vec<Vec<Extracted>> = vec![Vec::new(); fields.len()];
    let mut lengths: Vec<Vec<usize>> = vec![Vec::with_capacity(rows); fields.len()];
    for row in 0..rows {
        for length in &mut lengths {
            length.push(0);
        }
        for text in texts(input, row)? {
            let Some(values) = extractor.extract(&text) else {
                continue;
            };
            for (index, part) in values.into_iter().enumerate().take(fields.len()) {
                lengths[index][row] += part.len();
                columns[index].extend(part);
            }
        }
    }
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(fields.len());
    for ((field, values), lengths) in fields.iter().zip(columns).zip(lengths) {
        let element = lists::element_of(field.data_type());
        let nulls = lengths.iter().map(|length| *length > 0).collect();
        let values = of_type(values, element)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        let item = Arc::new(Field::new_list_field(element.clone(), false));
        let list: ArrayRef = Arc::new(arrow::array::ListArray::try_new(
            item,
            offsets,
            values,
            Some(nulls),
        )?);
        arrays.push(fitted(&list, field.data_type(), rows)?);
    }
    let parts = StructArray::try_new_with_length(fields.clone(), arrays, None, rows)?;
    Ok(Arc::new(parts))
}

fn texts(input: &ArrayRef, row: usize) -> Result<Vec<String>> {
    if input.is_null(row) || *input.data_type() == Arrow::Null {
        return Ok(Vec::new());
    }
    let strings = |array: &StringArray| array.iter().flatten().map(str::to_owned).collect();
    match input.data_type() {
        Arrow::List(_) => Ok(strings(
            input.as_list::<i32>().value(row).as_string::<i32>(),
        )),
        _ => Ok(vec![input.as_string::<i32>().value(row).to_owned()]),
    }
}

fn of_type(values: Vec<Extracted>, wanted: &Arrow) -> Result<ArrayRef> {
    use arrow::array::{BooleanArray, Float64Array, Int32Array, Int64Array};
    let array: ArrayRef =
        match values.first() {
            None => return Ok(arrow::array::new_empty_array(wanted)),
            Some(Extracted::Text(_)) => Arc::new(StringArray::from_iter(values.iter().map(
                |value| match value {
                    Extracted::Text(text) => Some(text.as_str()),
                    _ => None,
                },
            ))),
            Some(Extracted::Integer(_)) => Arc::new(Int32Array::from_iter(values.iter().map(
                |value| match value {
                    Extracted::Integer(number) => Some(*number),
                    _ => None,
                },
            ))),
            Some(Extracted::Long(_)) => Arc::new(Int64Array::from_iter(values.iter().map(
                |value| match value {
                    Extracted::Long(number) => Some(*number),
                    _ => None,
                },
            ))),
            Some(Extracted::Double(_)) => Arc::new(Float64Array::from_iter(values.iter().map(
                |value| match value {
                    Extracted::Double(number) => Some(*number),
                    _ => None,
                },
            ))),
            Some(Extracted::Boolean(_)) => Arc::new(BooleanArray::from_iter(values.iter().map(
                |value| match value {
                    Extracted::Boolean(flag) => Some(*flag),
                    _ => None,
                },
            ))),
        };
    Ok(arrow::compute::cast(&array, wanted)?)
}
