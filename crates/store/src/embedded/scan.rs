//! One index as a DataFusion table: batches in memory and row groups of segments, pruned by
//! what a query asks for.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
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
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};

use super::answers::Told;
use super::engine::{Engine, IndexSnapshot};
use super::prune::{Pruner, is_plain, may_hold, moments, negated};
use super::question::Question;
use super::read::Reading;
use super::segment::{ID, Segment};
use crate::error::Error;

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
pub struct Wanted {
    pub schema: SchemaRef,
    pub expr: Arc<dyn PhysicalExpr>,
    /// The first and the last `@timestamp` that it can be true for.
    moments: (i64, i64),
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
        let moments = moments(&bare);
        let known = DFSchema::try_from(schema.as_ref().clone())?;
        let excludes = negated(&bare).map(|expr| state.create_physical_expr(expr, &known));
        let expr = state.create_physical_expr(bare, &known)?;
        Ok(Some(Wanted {
            schema,
            expr,
            moments,
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
pub enum Unit {
    Batch(RecordBatch),
    Groups(Groups),
}

#[derive(Debug, Clone)]
pub struct Groups {
    pub segment: Arc<Segment>,
    pub numbers: Vec<usize>,
    /// Of each group: the pages that may hold a wanted row.
    pub selections: Vec<RowSelection>,
    rows: usize,
    /// Some rows may be unwanted; else they needn't be looked at one by one.
    pub filtered: bool,
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
    let moments = wanted.map_or((i64::MIN, i64::MAX), |wanted| wanted.moments);
    for segment in &snapshot.segments {
        if !may_hold(segment, moments) {
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
            let filtered = partial.contains(&group);
            let rows = metadata.metadata().row_group(group).num_rows();
            let all = || RowSelection::from(vec![RowSelector::select(rows as usize)]);
            let pages = pruner.as_ref().filter(|_| filtered);
            let selection = pages.and_then(|pruner| pruner.pages(&metadata, group));
            let selection = selection.unwrap_or_else(all);
            if selection.selects_any() {
                units.push(Unit::Groups(Groups {
                    segment: segment.clone(),
                    numbers: vec![group],
                    rows: selection.row_count(),
                    selections: vec![selection],
                    filtered,
                }));
            }
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
                before.selections.extend(groups.selections);
                before.rows += groups.rows;
            }
            (_, unit) => partition.push(unit),
        }
    }
    partitions.into_iter().map(|(_, units)| units).collect()
}

pub fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The physical plan: each partition reads its units one after the other.
#[derive(Debug)]
pub struct SegmentScan {
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

impl SegmentScan {
    /// The row groups whose summaries answer the question, and a scan of all else. `None`: no
    /// summary does.
    pub fn divide(&self, question: &Question) -> Option<(Vec<Told>, Self)> {
        let mut told = Vec::new();
        let mut rest = Vec::new();
        for unit in self.partitions.iter().flatten() {
            let Unit::Groups(groups) = unit else {
                rest.push(unit.clone());
                continue;
            };
            for group in groups.each() {
                match group.told(question) {
                    Some(one) => told.push(one),
                    None => rest.push(Unit::Groups(group)),
                }
            }
        }
        if told.is_empty() {
            return None;
        }
        let partitions = deal(rest, self.partitions.len());
        Some((
            told,
            Self::new(self.schema.clone(), partitions, self.wanted.clone()),
        ))
    }
}

impl Groups {
    fn each(&self) -> impl Iterator<Item = Self> {
        let numbers = self.numbers.iter().zip(&self.selections);
        numbers.map(|(number, selection)| Self {
            segment: self.segment.clone(),
            numbers: vec![*number],
            selections: vec![selection.clone()],
            rows: selection.row_count(),
            filtered: self.filtered,
        })
    }

    /// The one row group, where its summary answers the question.
    fn told(&self, question: &Question) -> Option<Told> {
        let [number] = self.numbers.as_slice() else {
            return None;
        };
        let heads = self.segment.summaries();
        let head = heads.get(*number)?.as_ref()?;
        let whole = self.segment.replaced().is_empty();
        (whole && question.is_told_by(head)).then(|| Told {
            segment: self.segment.clone(),
            group: *number,
        })
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
