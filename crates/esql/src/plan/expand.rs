//! A row for every value of a list, a bounded piece at a time.
//!
//! DataFusion's own operator makes room for all lists of a batch times all rows that it gives,
//! and so a few rows with long lists would ask for more memory than there is, which ends the
//! process. This one copies only the lists of the rows at hand, and as many rows at once as are
//! of a bounded size. It lets others run between pieces, so that a query can be ended.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties,
};
use futures::{Stream, StreamExt};

/// Rows of a piece at most, and bytes that they should have together.
const PIECE_ROWS: usize = 8_192;
const PIECE_BYTES: usize = 8 << 20;
/// Pieces after which others have their turn.
const TURN_PIECES: u32 = 8;

/// Puts [`Expand`] in the place of DataFusion's operator.
#[derive(Debug)]
pub struct Rule;

impl PhysicalOptimizerRule for Rule {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let changed = plan.transform_up(|node| {
            let Some(unnest) = node.downcast_ref::<UnnestExec>() else {
                return Ok(Transformed::no(node));
            };
            let ([list], []) = (unnest.list_column_indices(), unnest.struct_column_indices())
            else {
                return Ok(Transformed::no(node));
            };
            let expand: Arc<dyn ExecutionPlan> = Arc::new(Expand {
                input: unnest.input().clone(),
                column: list.index_in_input_schema,
                properties: unnest.properties().clone(),
                schema: unnest.schema(),
            });
            Ok(Transformed::yes(expand))
        })?;
        Ok(changed.data)
    }

    fn name(&self) -> &str {
        "expand"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The operator. A row whose list is null stays one row.
#[derive(Debug)]
struct Expand {
    input: Arc<dyn ExecutionPlan>,
    column: usize,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for Expand {
    fn fmt_as(&self, _: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Expand: {}", self.schema.field(self.column).name())
    }
}

impl ExecutionPlan for Expand {
    fn name(&self) -> &str {
        "Expand"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else {
            return Ok(self);
        };
        // It runs once for each part of its input, however many those are now.
        let parts = input.output_partitioning().partition_count();
        let properties = PlanProperties::clone(&self.properties);
        let partitioning = Partitioning::UnknownPartitioning(parts);
        Ok(Arc::new(Self {
            input,
            column: self.column,
            schema: self.schema.clone(),
            properties: Arc::new(properties.with_partitioning(partitioning)),
        }))
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let pieces = Pieces {
            input: self.input.execute(partition, context)?,
            schema: self.schema.clone(),
            column: self.column,
            pending: None,
            given: 0,
        };
        Ok(Box::pin(cooperative(pieces)))
    }
}

struct Pieces {
    input: SendableRecordBatchStream,
    schema: SchemaRef,
    column: usize,
    pending: Option<Pending>,
    /// Pieces since others had their turn.
    given: u32,
}

/// A batch of which some rows were given.
struct Pending {
    batch: RecordBatch,
    /// The row whose values come next, and how many of them were given.
    row: usize,
    given: usize,
    piece_rows: usize,
}

impl Pending {
    fn new(batch: RecordBatch, column: usize) -> Self {
        // Other lists are repeated with each value: a row's size is what lies beside the column.
        let others = batch.columns().iter().enumerate();
        let bytes: usize = others
            .filter(|(place, _)| *place != column)
            .map(|(_, values)| values.to_data().get_slice_memory_size().unwrap_or(0))
            .sum();
        let each = bytes / batch.num_rows().max(1);
        Self {
            piece_rows: (PIECE_BYTES / each.max(1)).clamp(1, PIECE_ROWS),
            batch,
            row: 0,
            given: 0,
        }
    }

    /// The next rows; `None` at the batch's end.
    fn next(&mut self, column: usize, schema: &SchemaRef) -> Option<Result<RecordBatch>> {
        let first = self.row;
        let list = self.batch.column(column).as_list::<i32>().clone();
        let mut rows = Vec::new();
        let mut values: Vec<Option<u32>> = Vec::new();
        while rows.len() < self.piece_rows && self.row < list.len() {
            let start = list.value_offsets()[self.row];
            let length = if list.is_valid(self.row) {
                list.value_length(self.row) as usize
            } else {
                0
            };
            let row = (self.row - first) as u32;
            if length == 0 {
                rows.push(row);
                values.push(None);
                self.row += 1;
                continue;
            }
            let count = (length - self.given).min(self.piece_rows - rows.len());
            let from = start as u32 + self.given as u32;
            rows.extend(std::iter::repeat_n(row, count));
            values.extend((from..from + count as u32).map(Some));
            self.given += count;
            if self.given == length {
                self.row += 1;
                self.given = 0;
            }
        }
        if rows.is_empty() {
            return None;
        }
        let last = *rows.last().unwrap_or(&0) as usize;
        let chunk = self.batch.slice(first, last + 1);
        let piece = assemble(&chunk, column, &list, rows, values, schema);
        Some(piece.map_err(DataFusionError::from))
    }
}

/// The chunk's `rows`, with `values` of the list's in the column's place.
fn assemble(
    chunk: &RecordBatch,
    column: usize,
    list: &ListArray,
    rows: Vec<u32>,
    values: Vec<Option<u32>>,
    schema: &SchemaRef,
) -> std::result::Result<RecordBatch, ArrowError> {
    let (rows, values) = (UInt32Array::from(rows), UInt32Array::from(values));
    let columns = chunk.columns().iter().enumerate();
    let columns = columns.map(|(place, other)| {
        if place == column {
            take(list.values(), &values, None)
        } else {
            take(&compact(other), &rows, None)
        }
    });
    RecordBatch::try_new(schema.clone(), columns.collect::<Result<_, _>>()?)
}

/// A list column with the values of its own rows only.
fn compact(column: &ArrayRef) -> ArrayRef {
    let Some(list) = column.as_list_opt::<i32>() else {
        return column.clone();
    };
    let arrow::datatypes::DataType::List(item) = list.data_type() else {
        return column.clone();
    };
    let offsets = list.value_offsets();
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return column.clone();
    };
    let values = list
        .values()
        .slice(*first as usize, (*last - *first) as usize);
    let offsets =
        OffsetBuffer::from_lengths(offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize));
    match ListArray::try_new(item.clone(), offsets, values, list.nulls().cloned()) {
        Ok(list) => Arc::new(list),
        Err(_) => column.clone(),
    }
}

impl Stream for Pieces {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let pieces = self.as_mut().get_mut();
        loop {
            if let Some(pending) = &mut pieces.pending {
                if pieces.given == TURN_PIECES {
                    pieces.given = 0;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                if let Some(piece) = pending.next(pieces.column, &pieces.schema) {
                    pieces.given += 1;
                    return Poll::Ready(Some(piece));
                }
                pieces.pending = None;
            }
            match ready!(pieces.input.poll_next_unpin(context)) {
                Some(Ok(batch)) => pieces.pending = Some(Pending::new(batch, pieces.column)),
                other => return Poll::Ready(other),
            }
        }
    }
}

impl RecordBatchStream for Pieces {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
