//! The plan's steps as DataFusion's logical plan.

use std::sync::Arc;

use arrow::datatypes::{DataType as Arrow, Field, Fields};
use datafusion::common::{
    Column as Named, JoinType, NullEquality, Result, ScalarValue, TableReference, UnnestOptions,
    plan_err,
};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{
    Expr as Df, LogicalPlan, LogicalPlanBuilder, SortExpr, Volatility, cast, lit,
};

use super::calls::Shared;
use super::expression::{self, column, constant_text, score_column};
use super::lists::{self, Inner, element_of, list_of};
use super::{
    Attribute, Enrich, Extract, LookupJoin, Plan, SortKey, Source, Step, branches, categories,
    change, fuse, pushed, stats, top,
};
use crate::ast::BinaryOperator;
use crate::datatype::DataType;
use crate::full_text::Prepared;
use crate::request::{Index, IndexMode};

/// Columns that start so are ours; `KEEP` doesn't drop them, answers don't show them.
pub const HIDDEN: &str = "$$text";

/// What lowering needs beside the plan.
pub struct Context {
    pub shared: Shared,
    /// By index and number of query.
    pub text: Vec<(String, usize, Arc<Prepared>)>,
}

/// The whole plan.
///
/// # Errors
///
/// DataFusion's, for plans that the analyzer should not have made.
pub fn lower(plan: &Plan, context: &Context) -> Result<LogicalPlan> {
    let mut lowered: Option<LogicalPlan> = None;
    for step in &top::first(plan.steps.clone()) {
        lowered = Some(match (step, lowered) {
            (Step::Source(found), _) => source(found, context)?,
            (Step::Row(named), _) => {
                let empty = LogicalPlanBuilder::empty(true).build()?;
                with_columns(empty, named, context)?
            }
            (step, Some(input)) => next(step, input, context)?,
            (step, None) => {
                let empty = LogicalPlanBuilder::empty(true).build()?;
                next(step, empty, context)?
            }
        });
    }
    let plan_so_far = match lowered {
        Some(lowered) => lowered,
        None => LogicalPlanBuilder::empty(false).build()?,
    };
    finish(plan_so_far, &plan.output)
}

pub fn next(step: &Step, input: LogicalPlan, context: &Context) -> Result<LogicalPlan> {
    match step {
        Step::Source(found) => source(found, context),
        Step::Row(named) | Step::Eval(named) => with_columns(input, named, context),
        Step::Filter(condition) => filter(input, condition, context),
        Step::Project(columns) => project(input, columns),
        Step::Aggregate(aggregate) => stats::aggregate(input, aggregate, context),
        Step::InlineAggregate(aggregate) => stats::inline(input, aggregate, context),
        Step::Sort(keys) => sort(input, keys, context),
        Step::Limit(rows) => LogicalPlanBuilder::from(input)
            .limit(0, Some(*rows))?
            .build(),
        Step::Sample(share) => sample(input, *share),
        Step::MvExpand(name) => expand(input, name),
        Step::Extract(extract) => self::extract(input, extract, context),
        Step::LookupJoin(join) => lookup(input, join, context),
        Step::Fuse(fuse) => fuse::fuse(input, fuse),
        Step::Fork(fork) => branches::fork(&input, fork, context),
        Step::ChangePoint(change) => change::change_point(input, change, context),
        Step::Enrich(step) => enrich(input, step),
        Step::Categorize(step) => categories::categorize(input, step, context),
    }
}

/// Every index's documents with the same columns, one below the other.
fn source(source: &Source, context: &Context) -> Result<LogicalPlan> {
    let types: Vec<Arrow> = source
        .columns
        .iter()
        .map(|attribute| layout(attribute, &source.indices))
        .collect();
    let mut plans = Vec::new();
    for index in &source.indices {
        plans.push(Arc::new(one_index(index, source, &types, context)?));
    }
    let plan = match <[_; 1]>::try_from(plans) {
        Ok([only]) => Arc::unwrap_or_clone(only),
        Err(plans) => LogicalPlan::Union(
            datafusion::logical_expr::Union::try_new_with_loose_types(plans)?,
        ),
    };
    match &source.filter {
        Some(condition) => filter(plan, condition, context),
        None => Ok(plan),
    }
}

/// The Arrow type of a column over all indices: a list if one of them needs it.
fn layout(attribute: &Attribute, indices: &[Index]) -> Arrow {
    if let Some(conflict) = &attribute.conflict {
        let member = |(word, data_type, names): &(String, DataType, Vec<String>)| {
            let having: Vec<Index> = indices
                .iter()
                .filter(|index| names.contains(&index.name))
                .cloned()
                .collect();
            let part = Attribute {
                conflict: None,
                data_type: *data_type,
                ..attribute.clone()
            };
            Field::new(word, layout(&part, &having), true)
        };
        return Arrow::Struct(conflict.types.iter().map(member).collect());
    }
    let element = attribute.data_type.arrow();
    if element == Arrow::Null {
        return element;
    }
    let several = indices.iter().any(|index| {
        let schema = index.table.schema();
        let field = schema.field_with_name(&attribute.name);
        field.is_ok_and(|field| is_list_of(field.data_type(), &element))
    });
    if several { list_of(&element) } else { element }
}

fn is_list_of(found: &Arrow, element: &Arrow) -> bool {
    match found {
        Arrow::List(inner) => inner.data_type() == element,
        _ => false,
    }
}

fn one_index(
    index: &Index,
    source: &Source,
    types: &[Arrow],
    context: &Context,
) -> Result<LogicalPlan> {
    let table = TableReference::bare(index.name.as_str());
    let scan =
        LogicalPlanBuilder::scan(table.clone(), provider_as_source(index.table.clone()), None)?;
    let schema = index.table.schema();
    let mut columns = Vec::with_capacity(types.len());
    let field = |name: &str| Df::Column(Named::new(Some(table.clone()), name));
    for (attribute, wanted) in source.columns.iter().zip(types) {
        let name = &attribute.name;
        let value = if source.metadata.contains(name) {
            metadata(name, index, source, &field, context)?
        } else {
            match schema.field_with_name(name) {
                Ok(found) => stored(field(name), found, attribute, index, wanted),
                Err(_) => null(wanted)?,
            }
        };
        columns.push(value.alias(name));
    }
    for (of, query, prepared) in &context.text {
        if *of == index.name {
            let value = prepared.expression(&field)?;
            columns.push(value.alias(score_column(*query)));
        }
    }
    scan.project(columns)?.build()
}

fn null(wanted: &Arrow) -> Result<Df> {
    Ok(lit(ScalarValue::try_new_null(wanted)?))
}

/// A stored field in the layout that all indices share.
fn stored(value: Df, found: &Field, attribute: &Attribute, index: &Index, wanted: &Arrow) -> Df {
    let has = found.data_type();
    match wanted {
        Arrow::Struct(fields) => {
            let word = attribute.conflict.as_ref().and_then(|conflict| {
                let holds = |names: &Vec<String>| names.contains(&index.name);
                let of = conflict.types.iter().find(|(_, _, names)| holds(names));
                of.map(|(word, _, _)| word.clone())
            });
            let fields: Fields = fields.clone();
            lists::only_member(value, &word.unwrap_or_default(), fields)
        }
        Arrow::Null => lit(ScalarValue::Null),
        Arrow::List(element) if has == element.data_type() => {
            lists::to_list(value, element.data_type())
        }
        Arrow::List(element) if *has != *wanted => {
            // The same list with another name or nullability of its elements.
            Inner::call(
                format!("as_{wanted}"),
                list_of(element.data_type()),
                vec![value],
                |arrays, _| Ok(arrays[0].clone()),
            )
        }
        wanted if has != wanted => cast(value, wanted.clone()),
        _ => value,
    }
}

/// A column about the documents.
fn metadata(
    name: &str,
    index: &Index,
    source: &Source,
    field: &dyn Fn(&str) -> Df,
    context: &Context,
) -> Result<Df> {
    let stored = index.table.schema().field_with_name(name).is_ok();
    Ok(match name {
        "_index" => constant_text(&index.name),
        "_index_mode" => constant_text(match index.mode {
            IndexMode::Standard => "standard",
            IndexMode::Lookup => "lookup",
        }),
        "_version" => lit(1_i64),
        "_score" => score(index, source, field, context)?,
        _ if stored => field(name),
        _ => lit(ScalarValue::Utf8(None)),
    })
}

/// The sum of the scores of all full-text queries that a document matches.
fn score(
    index: &Index,
    source: &Source,
    field: &dyn Fn(&str) -> Df,
    context: &Context,
) -> Result<Df> {
    let mut sum = lit(0.0_f64);
    for (of, query, prepared) in &context.text {
        let scoring = source
            .text_queries
            .get(*query)
            .is_some_and(|query| query.scoring);
        if *of == index.name && scoring {
            let score = cast(prepared.expression(field)?, Arrow::Float64);
            let one = datafusion::logical_expr::when(score.clone().is_not_null(), score)
                .otherwise(lit(0.0_f64))?;
            sum = sum + one;
        }
    }
    Ok(sum)
}

fn filter(input: LogicalPlan, condition: &super::Expr, context: &Context) -> Result<LogicalPlan> {
    let condition = pushed::condition(condition, input.schema(), &context.shared)?;
    LogicalPlanBuilder::from(input).filter(condition)?.build()
}

/// The input's columns and new ones, which replace those of their names.
pub fn with_columns(
    input: LogicalPlan,
    named: &[super::Named],
    context: &Context,
) -> Result<LogicalPlan> {
    let schema = input.schema().clone();
    let mut columns: Vec<Df> = names(&input)
        .filter(|name| !named.iter().any(|new| new.name == *name))
        .map(|name| column(&name))
        .collect();
    for new in named {
        let lowered = expression::lower(&new.value, &schema, &context.shared)?;
        columns.push(lowered.expr.alias(&new.name));
    }
    LogicalPlanBuilder::from(input).project(columns)?.build()
}

pub fn names(plan: &LogicalPlan) -> impl Iterator<Item = String> + use<> {
    let names: Vec<String> = plan
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    names.into_iter()
}

fn project(input: LogicalPlan, columns: &[(String, String)]) -> Result<LogicalPlan> {
    let hidden = names(&input)
        .filter(|name| name.starts_with(HIDDEN))
        .map(|name| column(&name));
    let shown = columns
        .iter()
        .map(|(before, after)| column(before).alias(after));
    let all: Vec<Df> = shown.chain(hidden).collect();
    LogicalPlanBuilder::from(input).project(all)?.build()
}

fn sort(input: LogicalPlan, keys: &[SortKey], context: &Context) -> Result<LogicalPlan> {
    let mut sorts = Vec::with_capacity(keys.len());
    for key in keys {
        let lowered = expression::lower(&key.value, input.schema(), &context.shared)?;
        if matches!(lowered.expr, Df::Literal(..)) {
            // What all rows share sorts nothing.
            continue;
        }
        let value = match &lowered.arrow {
            Arrow::Null => continue,
            Arrow::List(element) => {
                lists::sort_key(lowered.expr, element.data_type(), key.descending)
            }
            _ => lowered.expr,
        };
        sorts.push(SortExpr::new(value, !key.descending, key.nulls_first));
    }
    if sorts.is_empty() {
        return Ok(input);
    }
    LogicalPlanBuilder::from(input).sort(sorts)?.build()
}

/// Rows by chance, each independently.
fn sample(input: LogicalPlan, share: f64) -> Result<LogicalPlan> {
    let chance = std::sync::atomic::AtomicU64::new(0x9E37_79B9_7F4A_7C15);
    let run = move |_: &[arrow::array::ArrayRef], rows: usize| {
        let mut state = chance.load(std::sync::atomic::Ordering::Relaxed);
        let kept: arrow::array::BooleanArray = (0..rows)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                Some(((state >> 11) as f64 / (1_u64 << 53) as f64) < share)
            })
            .collect();
        chance.store(state, std::sync::atomic::Ordering::Relaxed);
        Ok(Arc::new(kept) as arrow::array::ArrayRef)
    };
    let chosen = Inner::with(
        format!("sample_{share}"),
        Arrow::Boolean,
        Vec::new(),
        Arc::new(run),
        Volatility::Volatile,
    );
    LogicalPlanBuilder::from(input).filter(chosen)?.build()
}

/// A row for every value of a list; null stays one row.
pub fn expand(input: LogicalPlan, name: &str) -> Result<LogicalPlan> {
    let field = input.schema().field_with_unqualified_name(name)?;
    if !matches!(field.data_type(), Arrow::List(_)) {
        return Ok(input);
    }
    let columns = vec![Named::new_unqualified(name)];
    LogicalPlanBuilder::from(input)
        .unnest_columns_with_options(columns, UnnestOptions::default())?
        .build()
}

/// The extractor's struct is a column of its own first, so that it is worked out once.
fn extract(input: LogicalPlan, extract: &Extract, context: &Context) -> Result<LogicalPlan> {
    const WHOLE: &str = "$$extracted";
    let lowered = expression::lower(&extract.input, input.schema(), &context.shared)?;
    let several = matches!(lowered.arrow, Arrow::List(_)) || extract.extractor.repeats();
    let fields = stats::extracted_fields(extract, several);
    let extractor = extract.extractor.clone();
    let made = fields.clone();
    let whole = Inner::call(
        format!("extract_{extractor:?}"),
        Arrow::Struct(fields.clone()),
        vec![lowered.expr],
        move |arrays, rows| super::stats::extracted(&*extractor, &arrays[0], &made, rows),
    );
    let kept: Vec<Df> = names(&input).map(|name| column(&name)).collect();
    let input = LogicalPlanBuilder::from(input)
        .project(kept.into_iter().chain([whole.alias(WHOLE)]))?
        .build()?;
    let new = |name: &str| extract.outputs.iter().any(|(output, _)| output == name);
    let mut columns: Vec<Df> = names(&input)
        .filter(|name| name != WHOLE && !new(name))
        .map(|name| column(&name))
        .collect();
    for field in &fields {
        let part = lists::member(column(WHOLE), field.name(), field.data_type());
        columns.push(part.alias(field.name()));
    }
    LogicalPlanBuilder::from(input).project(columns)?.build()
}

fn right(name: &str) -> String {
    format!("$$right.{name}")
}

/// A left join that keeps the left side's order: the lookup index is built into a hash table, and
/// the left side runs past it.
fn lookup(input: LogicalPlan, join: &LookupJoin, context: &Context) -> Result<LogicalPlan> {
    let attributes: Vec<Attribute> = join.added.clone();
    let source = Source {
        indices: vec![join.index.clone()],
        columns: attributes,
        metadata: Vec::new(),
        text_queries: Vec::new(),
        filter: None,
    };
    let table = one_source(&source, context)?;
    let hidden: Vec<String> = names(&input)
        .filter(|name| name.starts_with(HIDDEN))
        .collect();
    let mut left_columns: Vec<Df> = names(&input).map(|name| column(&name)).collect();
    let mut right_columns: Vec<Df> = names(&table)
        .map(|name| column(&name).alias(right(&name)))
        .collect();
    let (mut left_keys, mut right_keys) = (Vec::new(), Vec::new());
    for (number, (left_name, right_name)) in join.keys.iter().enumerate() {
        let (one, other) = key_pair(&input, left_name, &table, right_name)?;
        let (left_key, right_key) = (
            format!("$$left_key{number}"),
            format!("$$right_key{number}"),
        );
        left_columns.push(one.alias(&left_key));
        right_columns.push(other.alias(&right_key));
        left_keys.push(Named::new_unqualified(left_key));
        right_keys.push(Named::new_unqualified(right_key));
    }
    let mut filter: Option<Df> = None;
    for (number, (left_name, operator, right_name)) in join.comparisons.iter().enumerate() {
        let (one, other) = key_pair(&input, left_name, &table, right_name)?;
        let (left_side, right_side) = (
            format!("$$left_side{number}"),
            format!("$$right_side{number}"),
        );
        left_columns.push(one.alias(&left_side));
        right_columns.push(other.alias(&right_side));
        let holds = compared(column(&left_side), *operator, column(&right_side))?;
        filter = Some(match filter {
            Some(before) => before.and(holds),
            None => holds,
        });
    }
    let left = LogicalPlanBuilder::from(input)
        .project(left_columns)?
        .build()?;
    let joined = LogicalPlanBuilder::from(table)
        .project(right_columns)?
        .join_detailed(
            left.clone(),
            JoinType::Right,
            (right_keys, left_keys),
            filter,
            NullEquality::NullEqualsNothing,
        )?
        .build()?;
    let is_shared = |name: &str| {
        let mut keys = join.keys.iter();
        keys.any(|(left, right)| left == name && right == name)
    };
    let from_right =
        |name: &str| join.added.iter().any(|added| added.name == name) && !is_shared(name);
    let columns: Vec<Df> = join
        .output
        .iter()
        .cloned()
        .chain(hidden)
        .map(|name| {
            if from_right(&name) {
                column(&right(&name)).alias(name)
            } else {
                column(&name)
            }
        })
        .collect();
    LogicalPlanBuilder::from(joined).project(columns)?.build()
}

/// The input's columns and the fields that a policy finds, lists where several documents match.
fn enrich(input: LogicalPlan, step: &Enrich) -> Result<LogicalPlan> {
    let new = |name: &str| step.added.iter().any(|(_, added)| added == name);
    let mut columns: Vec<Df> = names(&input)
        .filter(|name| !new(name))
        .map(|name| column(&name))
        .collect();
    for (place, name) in &step.added {
        let (table, place) = (step.table.clone(), *place);
        let (field, data_type) = &table.fields[place];
        let element = data_type.arrow();
        if element == Arrow::Null {
            columns.push(lit(ScalarValue::Null).alias(name));
            continue;
        }
        let value = Inner::call(
            format!("$$enrich_{}_{field}", table.policy),
            list_of(&element),
            vec![column(&step.key)],
            {
                let table = table.clone();
                move |arrays, _| table.look_up(&arrays[0], place)
            },
        );
        columns.push(value.alias(name));
    }
    LogicalPlanBuilder::from(input).project(columns)?.build()
}

fn compared(left: Df, operator: BinaryOperator, right: Df) -> Result<Df> {
    Ok(match operator {
        BinaryOperator::Equal => left.eq(right),
        BinaryOperator::NotEqual => left.not_eq(right),
        BinaryOperator::Less => left.lt(right),
        BinaryOperator::LessOrEqual => left.lt_eq(right),
        BinaryOperator::Greater => left.gt(right),
        BinaryOperator::GreaterOrEqual => left.gt_eq(right),
        other => return plan_err!("no comparison: {}", other.symbol()),
    })
}

fn one_source(source: &Source, context: &Context) -> Result<LogicalPlan> {
    let none = Context {
        shared: context.shared.clone(),
        text: Vec::new(),
    };
    self::source(source, &none)
}

/// Both sides of an equality in one type, one value a row.
fn key_pair(
    left: &LogicalPlan,
    left_name: &str,
    right: &LogicalPlan,
    right_name: &str,
) -> Result<(Df, Df)> {
    let single = |plan: &LogicalPlan, name: &str| -> Result<(Df, Arrow)> {
        let found = plan
            .schema()
            .field_with_unqualified_name(name)?
            .data_type()
            .clone();
        let element = element_of(&found).clone();
        Ok(match found {
            Arrow::List(_) => (lists::only_value(column(name), &element), element),
            _ => (column(name), element),
        })
    };
    let (one, left_type) = single(left, left_name)?;
    let (other, right_type) = single(right, right_name)?;
    if left_type == right_type {
        return Ok((one, other));
    }
    let to = if left_type == Arrow::Null {
        right_type
    } else if left_type == Arrow::Float64 || right_type == Arrow::Float64 {
        Arrow::Float64
    } else {
        Arrow::Int64
    };
    Ok((cast(one, to.clone()), cast(other, to)))
}

/// Exactly the plan's columns; `unsupported` ones are null.
fn finish(input: LogicalPlan, output: &[Attribute]) -> Result<LogicalPlan> {
    let columns: Vec<Df> = output
        .iter()
        .map(|attribute| {
            if attribute.data_type == DataType::Unsupported {
                lit(ScalarValue::Null).alias(&attribute.name)
            } else {
                column(&attribute.name)
            }
        })
        .collect();
    LogicalPlanBuilder::from(input).project(columns)?.build()
}
