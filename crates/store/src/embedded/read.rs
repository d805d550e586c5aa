//! The rows of one unit of a scan, as batches.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowFilter,
    RowSelection, RowSelector,
};

use super::align::align;
use super::scan::{Groups, Unit, Wanted, external};
use super::segment::{ID, column_of_ids};
use crate::error::Error;

/// Rows of a batch that a segment is read in.
const BATCH_ROWS: usize = 8_192;

/// The batches of one unit, under the scan's schema.
pub struct Reading {
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
    pub fn new(unit: Unit, schema: &SchemaRef, wanted: Option<&Wanted>) -> Self {
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
    .with_row_selection(joined(groups.selections))
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

/// One selection over several row groups.
fn joined(selections: Vec<RowSelection>) -> RowSelection {
    let each = selections.into_iter().flat_map(Vec::<RowSelector>::from);
    each.collect::<Vec<_>>().into()
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
