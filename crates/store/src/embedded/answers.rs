//! States of aggregates from summaries: a batch a row group, as a partial aggregation would give.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch,
    TimestampMillisecondArray,
};
use arrow::compute::{and, cast, filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, exec_err, internal_datafusion_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use esql::aggregates::known::{self, Known, Sums};
use esql::run::DOCUMENTS;

use super::align::fit;
use super::question::{self, Call, Question, Reduction, Scaled};
use super::scan::external;
use super::segment::Segment;
use super::sketch;
use super::summary::{FIRST, Head, LAST, ROWS, column};
use crate::indices::TIMESTAMP;

/// Row groups that are worth a task of their own.
const TASK_GROUPS: usize = 8;
const MAX_TASKS: usize = 2;

/// A row group whose summary tells all.
#[derive(Debug, Clone)]
pub struct Told {
    pub segment: Arc<Segment>,
    pub group: usize,
}

impl Told {
    fn head(&self) -> Result<Head> {
        let heads = self.segment.summaries();
        let head = heads.get(self.group).cloned().flatten();
        head.ok_or_else(|| internal_datafusion_err!("a row group has lost its summary"))
    }
}

#[derive(Debug)]
pub struct Answers {
    question: Arc<Question>,
    tasks: Vec<Vec<Told>>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl Answers {
    pub fn new(question: Question, told: Vec<Told>, schema: SchemaRef) -> Self {
        let count = (told.len() / TASK_GROUPS).clamp(1, MAX_TASKS);
        let tasks: Vec<Vec<Told>> = told
            .chunks(told.len().div_ceil(count).max(1))
            .map(<[Told]>::to_vec)
            .collect();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(tasks.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            question: Arc::new(question),
            tasks,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for Answers {
    fn fmt_as(&self, _: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: usize = self.tasks.iter().map(Vec::len).sum();
        write!(out, "Answers: row_groups={groups}")
    }
}

impl ExecutionPlan for Answers {
    fn name(&self) -> &str {
        "Answers"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let told = self.tasks.get(partition).cloned().unwrap_or_default();
        let (question, schema) = (self.question.clone(), self.schema.clone());
        let read = BaselineMetrics::new(&self.metrics, partition);
        let documents = MetricBuilder::new(&self.metrics).counter(DOCUMENTS, partition);
        let batches = told.into_iter().map(move |told| {
            let (batch, rows) = answer(&question, &told, &schema)?;
            read.record_output(batch.num_rows());
            documents.add(rows);
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema.clone(),
            futures::stream::iter(batches),
        )))
    }
}

/// A summary's groups that the filters let through.
struct Groups {
    /// Columns that their rows share, under the scan's schema.
    shared: RecordBatch,
    summary: RecordBatch,
    rows: Vec<i64>,
}

/// The states of one row group, and how many rows they stand for.
fn answer(question: &Question, told: &Told, schema: &SchemaRef) -> Result<(RecordBatch, usize)> {
    let head = told.head()?;
    let groups = groups(question, told, &head)?;
    let count = groups.rows.len();
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for group in &question.groups {
        columns.push(group.evaluate(&groups.shared)?.into_array(count)?);
    }
    for (call, scaled) in &question.calls {
        columns.extend(state(question, &head, &groups, call, *scaled)?);
    }
    if columns.len() != schema.fields().len() {
        return exec_err!(
            "summaries give {} columns of {}",
            columns.len(),
            schema.fields().len()
        );
    }
    let fitted = columns.iter().zip(schema.fields()).map(|(column, field)| {
        match column.data_type() == field.data_type() {
            true => Ok(column.clone()),
            false => cast(column, field.data_type()),
        }
    });
    let fitted = fitted.collect::<std::result::Result<_, _>>()?;
    let rows: i64 = groups.rows.iter().sum();
    Ok((RecordBatch::try_new(schema.clone(), fitted)?, rows as usize))
}

fn groups(question: &Question, told: &Told, head: &Head) -> Result<Groups> {
    let wanted = wanted(question, head);
    let read = told.segment.read_summary(head, &wanted);
    let summary = read.map_err(external)?;
    let moment = Arc::new(TimestampMillisecondArray::from(vec![
        head.moments.0;
        summary.num_rows()
    ]));
    let fields = question.schema.clone();
    let mut misfit = None;
    let shared = question.rows(summary.num_rows(), |name| {
        if name == TIMESTAMP {
            return Some(moment.clone());
        }
        if !head.shared.iter().any(|shared| shared == name) {
            return None;
        }
        let found = summary.column_by_name(name)?;
        let wanted = fields.field_with_name(name).ok()?.data_type();
        match fit(found, wanted) {
            Ok(column) => Some(column),
            Err(_) => {
                misfit.get_or_insert(name.to_owned());
                None
            }
        }
    })?;
    if let Some(name) = misfit {
        return exec_err!("the summary of {name} has another type");
    }
    let mut mask: Option<BooleanArray> = None;
    for filter in &question.filters {
        let passed = filter.evaluate(&shared)?.into_array(shared.num_rows())?;
        let passed = certain(passed.as_boolean());
        mask = Some(match mask {
            Some(before) => and(&before, &passed)?,
            None => passed,
        });
    }
    let (shared, summary) = match &mask {
        Some(mask) => (
            filter_record_batch(&shared, mask)?,
            filter_record_batch(&summary, mask)?,
        ),
        None => (shared, summary),
    };
    let rows = longs(&summary, ROWS)?.values().to_vec();
    Ok(Groups {
        shared,
        summary,
        rows,
    })
}

/// True where it is true; what isn't known isn't.
fn certain(values: &BooleanArray) -> BooleanArray {
    match values.null_count() {
        0 => values.clone(),
        _ => prep_null_mask_filter(values),
    }
}

/// Columns of the summary that the question needs.
fn wanted(question: &Question, head: &Head) -> Vec<String> {
    let names: BTreeSet<&str> = question::columns(question)
        .into_iter()
        .map(|column| question.schema.field(column).name().as_str())
        .collect();
    let mut wanted: Vec<String> = [ROWS, FIRST, LAST].map(str::to_owned).into();
    wanted.extend(names.iter().map(|name| (*name).to_owned()));
    for (number, measure) in head.measures.iter().enumerate() {
        if names.contains(measure.as_str()) {
            let parts = ["count", "sum", "lost", "least", "greatest", "sketch"];
            wanted.extend(parts.iter().map(|part| column(number, part)));
        }
    }
    wanted
}

fn longs<'a>(summary: &'a RecordBatch, name: &str) -> Result<&'a Int64Array> {
    let column = summary.column_by_name(name);
    let column = column.and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.ok_or_else(|| internal_datafusion_err!("a summary lacks {name}"))
}

/// The state of one aggregate, an array a field.
fn state(
    question: &Question,
    head: &Head,
    groups: &Groups,
    call: &Call,
    scaled: Option<Scaled>,
) -> Result<Vec<ArrayRef>> {
    let count = groups.rows.len();
    let passed = match &call.filter {
        Some(filter) => {
            let passed = filter.evaluate(&groups.shared)?.into_array(count)?;
            Some(certain(passed.as_boolean()))
        }
        None => None,
    };
    let counts = |group: usize| passed.as_ref().is_none_or(|passed| passed.value(group));
    let rows: Vec<i64> = groups
        .rows
        .iter()
        .enumerate()
        .map(|(group, rows)| if counts(group) { *rows } else { 0 })
        .collect();
    let data_type = call.argument.data_type(&question.schema)?;
    let known = match scaled.filter(|scaled| !question.is_shared(scaled.column, head)) {
        Some(scaled) => measured(question, head, groups, scaled)?,
        None => constant(&call.argument, &data_type, groups)?,
    };
    let known = only(known, &counts, &data_type)?;
    match call.reduction {
        Reduction::Least => Ok(vec![known.least]),
        Reduction::Greatest => Ok(vec![known.greatest]),
        Reduction::Own(kind) => match known::states(kind, &rows, &known) {
            Some(states) => states,
            None => exec_err!("a summary can't tell {kind:?}"),
        },
    }
}

/// What is known of a measure.
fn measured(question: &Question, head: &Head, groups: &Groups, scaled: Scaled) -> Result<Known> {
    let name = question.schema.field(scaled.column).name();
    let summary = &groups.summary;
    if name == TIMESTAMP {
        return Ok(Known {
            counts: groups.rows.clone(),
            sums: Sums::None,
            least: Arc::new(longs(summary, FIRST)?.clone()),
            greatest: Arc::new(longs(summary, LAST)?.clone()),
            weighted: None,
        });
    }
    let Some(number) = head.measures.iter().position(|measure| measure == name) else {
        return exec_err!("a summary lacks {name}");
    };
    let part = |what: &str| {
        let found = summary.column_by_name(&column(number, what));
        found.ok_or_else(|| internal_datafusion_err!("a summary lacks the {what} of {name}"))
    };
    let counts = longs(summary, &column(number, "count"))?.values().to_vec();
    let sums = match part("sum")?.as_primitive_opt::<Int64Type>() {
        Some(sums) if !scaled.double => Sums::Whole(sums.values().to_vec()),
        Some(sums) => {
            let doubled = sums.values().iter().map(|sum| *sum as f64 * scaled.factor);
            Sums::Double(doubled.map(|sum| (sum, 0.0)).collect())
        }
        None => {
            let (sums, lost) = (part("sum")?, part("lost")?);
            let pairs = sums.as_primitive::<Float64Type>().values().iter();
            let pairs = pairs.zip(lost.as_primitive::<Float64Type>().values());
            let times = |(sum, lost): (&f64, &f64)| (sum * scaled.factor, lost * scaled.factor);
            Sums::Double(pairs.map(times).collect())
        }
    };
    let (least, greatest) = (part("least")?, part("greatest")?);
    let weighted = sketches(part("sketch")?, (least, greatest), scaled.factor)?;
    Ok(Known {
        counts,
        sums,
        least: extreme(least, scaled)?,
        greatest: extreme(greatest, scaled)?,
        weighted: Some(weighted),
    })
}

fn extreme(values: &ArrayRef, scaled: Scaled) -> Result<ArrayRef> {
    if !scaled.double {
        return Ok(values.clone());
    }
    let values = cast(values, &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>();
    let scaled: Float64Array = values.unary(|value| value * scaled.factor);
    Ok(Arc::new(scaled))
}

/// The sketches' values, none beyond what is known of the group's least and greatest.
fn sketches(
    sketches: &ArrayRef,
    (least, greatest): (&ArrayRef, &ArrayRef),
    factor: f64,
) -> Result<Vec<Vec<(f64, f64)>>> {
    let (least, greatest) = (
        cast(least, &DataType::Float64)?,
        cast(greatest, &DataType::Float64)?,
    );
    let least = least.as_primitive::<Float64Type>();
    let greatest = greatest.as_primitive::<Float64Type>();
    let each = sketches.as_binary::<i32>().iter().enumerate();
    let decoded = each.map(|(group, bytes)| {
        let values = bytes.map_or_else(|| Some(Vec::new()), sketch::decode);
        let values = values.ok_or_else(|| internal_datafusion_err!("a sketch can't be read"))?;
        let within = |(value, many): (f64, f64)| {
            let value = value.max(least.value(group)).min(greatest.value(group));
            (value * factor, many)
        };
        Ok(values.into_iter().map(within).collect())
    });
    decoded.collect()
}

/// What is known of an argument that is the same in all rows of a group.
fn constant(
    argument: &Arc<dyn PhysicalExpr>,
    data_type: &DataType,
    groups: &Groups,
) -> Result<Known> {
    let count = groups.rows.len();
    let values = argument.evaluate(&groups.shared)?.into_array(count)?;
    let valid = values.logical_nulls();
    let is_valid = |group: usize| valid.as_ref().is_none_or(|valid| valid.is_valid(group));
    let counts: Vec<i64> = groups
        .rows
        .iter()
        .enumerate()
        .map(|(group, rows)| if is_valid(group) { *rows } else { 0 })
        .collect();
    let doubles = match data_type {
        DataType::Float64 | DataType::Int64 | DataType::Int32 => {
            Some(cast(&values, &DataType::Float64)?)
        }
        _ => None,
    };
    let doubles = doubles
        .as_ref()
        .map(|values| values.as_primitive::<Float64Type>());
    let pairs = doubles.map(|values| {
        let pair = |group: usize| (values.value(group), counts[group] as f64);
        let each = (0..count).map(|group| match counts[group] {
            0 => Vec::new(),
            _ => vec![pair(group)],
        });
        each.collect::<Vec<_>>()
    });
    let sums = match data_type {
        DataType::Float64 => {
            let of = |pairs: &Vec<(f64, f64)>| pairs.iter().map(|(v, n)| v * n).sum::<f64>();
            Sums::Double(
                pairs
                    .iter()
                    .flatten()
                    .map(|pairs| (of(pairs), 0.0))
                    .collect(),
            )
        }
        DataType::Int64 | DataType::Int32 => {
            let whole = cast(&values, &DataType::Int64)?;
            let whole = whole.as_primitive::<Int64Type>();
            let of = |group: usize| match counts[group] {
                0 => Some(0),
                rows => whole.value(group).checked_mul(rows),
            };
            let sums: Option<Vec<i64>> = (0..count).map(of).collect();
            match sums {
                Some(sums) => Sums::Whole(sums),
                None => return exec_err!("long overflow in a sum"),
            }
        }
        _ => Sums::None,
    };
    Ok(Known {
        counts,
        sums,
        least: values.clone(),
        greatest: values,
        weighted: pairs,
    })
}

/// Nothing of the groups that don't count.
fn only(known: Known, counts: &dyn Fn(usize) -> bool, data_type: &DataType) -> Result<Known> {
    let groups = known.counts.len();
    if (0..groups).all(counts) {
        return Ok(known);
    }
    let nothing = known::nothing(groups, data_type);
    let mask: BooleanArray = (0..groups).map(|group| Some(counts(group))).collect();
    let pick = |some: &ArrayRef| arrow::compute::nullif(some, &arrow::compute::not(&mask)?);
    fn zip<T: Clone>(some: Vec<T>, none: Vec<T>, counts: &dyn Fn(usize) -> bool) -> Vec<T> {
        let pairs = some.into_iter().zip(none).enumerate();
        pairs
            .map(|(group, (some, none))| if counts(group) { some } else { none })
            .collect()
    }
    Ok(Known {
        counts: zip(known.counts, nothing.counts, counts),
        sums: match (known.sums, nothing.sums) {
            (Sums::Whole(some), Sums::Whole(none)) => Sums::Whole(zip(some, none, counts)),
            (Sums::Double(some), Sums::Double(none)) => Sums::Double(zip(some, none, counts)),
            (sums, _) => sums,
        },
        least: pick(&known.least)?,
        greatest: pick(&known.greatest)?,
        weighted: match (known.weighted, nothing.weighted) {
            (Some(some), Some(none)) => Some(zip(some, none, counts)),
            (weighted, _) => weighted,
        },
    })
}
