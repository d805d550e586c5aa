//! One index as a DataFusion table: batches in memory and row groups of segments, pruned by
//! what a query asks for.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowFilter,
};

use super::align::align;
use super::engine::{Engine, IndexSnapshot};
use super::prune::{Pruner, is_plain, negated};
use super::segment::{ID, Segment, column_of_ids};
use crate::error::Error;

/// Rows of a batch that a segment is read in.
const BATCH_ROWS: usize = 8_192;

/// One index, one snapshot.
pub struct IndexTable {
    engine: Arc<Engine>,
    snapshot: IndexSnapshot,
    schema: SchemaRef,
}

impl IndexTable {
    pub fn new(engine: Arc<Engine>, snapshot: IndexSnapshot) -> Self {
        let mut fields = vec![Field::new(ID, arrow::datatypes::DataType::Utf8, true)];
        let mapped = snapshot.fields.iter();
        fields.extend(mapped.map(|field| Field::new(&field.name, field.arrow(), true)));
        Self {
            engine,
            schema: Arc::new(Schema::new(fields)),
            snapshot,
        }
    }
}

impl fmt::Debug for IndexTable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "IndexTable({})", self.snapshot.name)
    }
}

#[async_trait]
impl TableProvider for IndexTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |expr: &&Expr| {
            if is_plain(expr) {
                TableProviderFilterPushDown::Inexact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(answer).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => self.schema.clone(),
        };
        let plain: Vec<Expr> = filters
            .iter()
            .filter(|expr| is_plain(expr))
            .cloned()
            .collect();
        let wanted = self.wanted(state, plain)?;
        let (engine, snapshot, asked) =
            (self.engine.clone(), self.snapshot.clone(), wanted.clone());
        // Checksums and footers are read here: that blocks.
        let units = tokio::task::spawn_blocking(move || units(&engine, &snapshot, asked.as_ref()))
            .await
            .map_err(|error| DataFusionError::External(Box::new(error)))??;
        let partitions = deal(units, state.config().target_partitions());
        Ok(Arc::new(SegmentScan::new(schema, partitions, wanted)))
    }
}

/// The rows that a query wants: the expression, over its own columns only.
#[derive(Debug, Clone)]
struct Wanted {
    schema: SchemaRef,
    expr: Arc<dyn PhysicalExpr>,
    /// True for every row that `expr` excludes, where that can be said simply.
    excludes: Option<Arc<dyn PhysicalExpr>>,
}

impl IndexTable {
    /// The filters over their own columns, and what would exclude a row.
    fn wanted(&self, state: &dyn Session, filters: Vec<Expr>) -> Result<Option<Wanted>> {
        let Some(expr) = conjunction(filters) else {
            return Ok(None);
        };
        let mut places: Vec<usize> = expr
            .column_refs()
            .iter()
            .map(|column| self.schema.index_of(&column.name))
            .collect::<std::result::Result<_, _>>()?;
        places.sort_unstable();
        let schema = Arc::new(self.schema.project(&places)?);
        let bare = unqualified(expr)?;
        let known = DFSchema::try_from(schema.as_ref().clone())?;
        let excludes = negated(&bare).map(|expr| state.create_physical_expr(expr, &known));
        let expr = state.create_physical_expr(bare, &known)?;
        Ok(Some(Wanted {
            schema,
            expr,
            excludes: excludes.transpose()?,
        }))
    }
}

fn unqualified(expr: Expr) -> Result<Expr> {
    let plain = expr.transform(|node| {
        Ok(match node {
            Expr::Column(mut column) if column.relation.is_some() => {
                column.relation = None;
                Transformed::yes(Expr::Column(column))
            }
            other => Transformed::no(other),
        })
    })?;
    Ok(plain.data)
}

/// What one read gives: a batch in memory, or some row groups of a segment.
#[derive(Debug, Clone)]
enum Unit {
    Batch(RecordBatch),
    Groups(Groups),
}

#[derive(Debug, Clone)]
struct Groups {
    segment: Arc<Segment>,
    numbers: Vec<usize>,
    rows: usize,
    /// Some rows may be unwanted; else they needn't be looked at one by one.
    filtered: bool,
}

impl Unit {
    fn rows(&self) -> usize {
        match self {
            Self::Batch(batch) => batch.num_rows(),
            Self::Groups(groups) => groups.rows,
        }
    }
}

fn units(
    engine: &Arc<Engine>,
    snapshot: &IndexSnapshot,
    wanted: Option<&Wanted>,
) -> Result<Vec<Unit>> {
    let pruner = match wanted {
        Some(wanted) => Pruner::new(&wanted.expr, &wanted.schema),
        None => None,
    };
    let excluder = wanted.and_then(|wanted| {
        let excludes = wanted.excludes.as_ref()?;
        Pruner::new(excludes, &wanted.schema)
    });
    let mut units: Vec<Unit> = Vec::new();
    for segment in &snapshot.segments {
        if let Some(pruner) = &pruner
            && !pruner.may_hold(segment)
        {
            continue;
        }
        if let Err(why) = segment.check() {
            super::damage::set_segment_aside(engine, segment, &why);
            continue;
        }
        let metadata = segment.metadata().map_err(external)?;
        let groups = match &pruner {
            Some(pruner) => pruner.groups(&metadata),
            None => (0..metadata.metadata().num_row_groups()).collect(),
        };
        let partial = match &excluder {
            Some(excluder) => excluder.groups(&metadata),
            None => groups.clone(),
        };
        for group in groups {
            let rows = metadata.metadata().row_group(group).num_rows();
            units.push(Unit::Groups(Groups {
                segment: segment.clone(),
                numbers: vec![group],
                rows: rows.unsigned_abs() as usize,
                filtered: partial.contains(&group),
            }));
        }
    }
    units.extend(snapshot.batches.iter().cloned().map(Unit::Batch));
    Ok(units)
}

/// Deals units out to partitions of about equal rows; row groups of one segment that come to
/// one partition are read as one.
fn deal(units: Vec<Unit>, count: usize) -> Vec<Vec<Unit>> {
    let count = count.clamp(1, units.len().max(1));
    let mut partitions: Vec<(usize, Vec<Unit>)> = vec![(0, Vec::new()); count];
    for unit in units {
        let Some((sum, partition)) = partitions.iter_mut().min_by_key(|(sum, _)| *sum) else {
            break;
        };
        *sum += unit.rows();
        match (partition.last_mut(), unit) {
            (Some(Unit::Groups(before)), Unit::Groups(groups))
                if Arc::ptr_eq(&before.segment, &groups.segment)
                    && before.filtered == groups.filtered =>
            {
                before.numbers.extend(groups.numbers);
                before.rows += groups.rows;
            }
            (_, unit) => partition.push(unit),
        }
    }
    partitions.into_iter().map(|(_, units)| units).collect()
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The physical plan: each partition reads its units one after the other.
#[derive(Debug)]
struct SegmentScan {
    schema: SchemaRef,
    partitions: Vec<Vec<Unit>>,
    wanted: Option<Wanted>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SegmentScan {
    fn new(schema: SchemaRef, partitions: Vec<Vec<Unit>>, wanted: Option<Wanted>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            schema,
            partitions,
            wanted,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for SegmentScan {
    fn fmt_as(&self, _: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units: usize = self.partitions.iter().map(Vec::len).sum();
        write!(out, "SegmentScan: units={units}")?;
        match &self.wanted {
            Some(wanted) => write!(out, ", wanted={}", wanted.expr),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for SegmentScan {
    fn name(&self) -> &str {
        "SegmentScan"
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
        let units = self.partitions.get(partition).cloned().unwrap_or_default();
        let (schema, wanted) = (self.schema.clone(), self.wanted.clone());
        let batches = units
            .into_iter()
            .flat_map(move |unit| Reading::new(unit, &schema, wanted.as_ref()));
        let read = BaselineMetrics::new(&self.metrics, partition);
        let batches = batches.inspect(move |batch| {
            if let Ok(batch) = batch {
                read.record_output(batch.num_rows());
            }
        });
        let stream = futures::stream::iter(batches);
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema.clone(),
            stream,
        )))
    }
}

/// The batches of one unit, under the scan's schema.
struct Reading {
    schema: SchemaRef,
    source: Source,
    replaced: Arc<HashSet<String>>,
}

enum Source {
    Batch(Option<RecordBatch>),
    File(Box<ParquetRecordBatchReader>),
    Failed(Option<DataFusionError>),
}

impl Reading {
    fn new(unit: Unit, schema: &SchemaRef, wanted: Option<&Wanted>) -> Self {
        let (source, replaced) = match unit {
            Unit::Batch(batch) => (Source::Batch(Some(batch)), Arc::default()),
            Unit::Groups(groups) => {
                let replaced = groups.segment.replaced();
                let wanted = wanted.filter(|_| groups.filtered);
                let source = match reader(groups, schema, wanted, !replaced.is_empty()) {
                    Ok(reader) => Source::File(Box::new(reader)),
                    Err(error) => Source::Failed(Some(error)),
                };
                (source, replaced)
            }
        };
        Self {
            schema: schema.clone(),
            source,
            replaced,
        }
    }
}

impl Iterator for Reading {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match &mut self.source {
            Source::Batch(batch) => batch.take()?,
            Source::Failed(error) => return error.take().map(Err),
            Source::File(reader) => match reader.next()? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error.into())),
            },
        };
        let alive = without(&batch, &self.replaced).map_err(external);
        Some(alive.and_then(|batch| Ok(align(&batch, &self.schema)?)))
    }
}

fn reader(
    groups: Groups,
    schema: &SchemaRef,
    wanted: Option<&Wanted>,
    with_id: bool,
) -> Result<ParquetRecordBatchReader> {
    let segment = &groups.segment;
    let metadata = segment.metadata().map_err(external)?;
    let has = metadata.schema().clone();
    let mask = |names: &mut dyn Iterator<Item = &str>| {
        let places: Vec<usize> = names.filter_map(|name| has.index_of(name).ok()).collect();
        ProjectionMask::roots(metadata.parquet_schema(), places)
    };
    let columns = schema.fields().iter().map(|field| field.name().as_str());
    let projection = mask(&mut columns.chain(with_id.then_some(ID)));
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
        segment.open().map_err(external)?,
        metadata.clone(),
    )
    .with_projection(projection)
    .with_row_groups(groups.numbers)
    .with_batch_size(BATCH_ROWS);
    if let Some(wanted) = wanted {
        let names = wanted
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str());
        let filter_mask = mask(&mut names.into_iter());
        let Wanted { schema, expr, .. } = wanted.clone();
        let predicate = ArrowPredicateFn::new(filter_mask, move |batch| {
            let batch = align(&batch, &schema)?;
            let rows = batch.num_rows();
            let matches = expr
                .evaluate(&batch)
                .and_then(|value| value.into_array(rows))
                .map_err(|error| arrow::error::ArrowError::ExternalError(Box::new(error)))?;
            Ok(matches
                .as_boolean_opt()
                .cloned()
                .unwrap_or_else(|| vec![true; rows].into()))
        });
        builder = builder.with_row_filter(RowFilter::new(vec![Box::new(predicate)]));
    }
    Ok(builder.build()?)
}

/// The batch without rows of these ids.
pub fn without(
    batch: &RecordBatch,
    replaced: &HashSet<String>,
) -> std::result::Result<RecordBatch, Error> {
    if replaced.is_empty() {
        return Ok(batch.clone());
    }
    let Some(ids) = column_of_ids(batch) else {
        return Ok(batch.clone());
    };
    let alive: BooleanArray = ids
        .iter()
        .map(|id| Some(id.is_none_or(|id| !replaced.contains(id))))
        .collect();
    filter_record_batch(batch, &alive)
        .map_err(|error| Error::Damaged(format!("replaced rows can't be left out: {error}")))
}
