//! Batches of different documents under one schema.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, RecordBatchOptions, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{filter, is_not_null};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use indexmap::IndexMap;

/// Every column of the schemas once; a list where one of them has a list.
pub fn unify<'a>(schemas: impl IntoIterator<Item = &'a Schema>) -> SchemaRef {
    let mut columns: IndexMap<&str, &DataType> = IndexMap::new();
    for field in schemas.into_iter().flat_map(|schema| schema.fields()) {
        let known = columns.entry(field.name()).or_insert(field.data_type());
        if matches!(field.data_type(), DataType::List(_)) {
            *known = field.data_type();
        }
    }
    let fields: Vec<Field> = columns
        .into_iter()
        .map(|(name, data_type)| Field::new(name, data_type.clone(), true))
        .collect();
    Arc::new(Schema::new(fields))
}

/// The batch with exactly the schema's columns: missing ones are null, scalars become lists
/// where the schema has lists.
pub fn align(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            Some(column) => fit(column, field.data_type()),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
}

/// The column in the wanted layout.
pub fn fit(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    match wanted {
        same if same == column.data_type() => Ok(column.clone()),
        DataType::List(item) if item.data_type() == column.data_type() => {
            let counts = (0..column.len()).map(|row| usize::from(column.is_valid(row)));
            let offsets = OffsetBuffer::from_lengths(counts);
            let values = if column.null_count() == 0 {
                column.clone()
            } else {
                filter(column, &is_not_null(column)?)?
            };
            let nulls = column.nulls().cloned();
            Ok(Arc::new(ListArray::try_new(
                item.clone(),
                offsets,
                values,
                nulls,
            )?))
        }
        other => Err(ArrowError::SchemaError(format!(
            "a column of {} can't be read as {other}",
            column.data_type()
        ))),
    }
}
