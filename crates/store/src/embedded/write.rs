//! A segment's file, from rows in memory.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::align::{align, unify};
use super::order::{GROUP_ROWS, LEVEL, Place, SERVICE, row_groups};
use super::segment::{CHUNK_BYTES, ID, SegmentRow, checksum_file, span_ms};
use super::summary::{self, Head};
use crate::error::{Error, at};
use crate::indices::TIMESTAMP;

/// Rows of a page: what a filtered query skips at once.
const PAGE_ROWS: usize = 4_096;

/// Of ids that aren't there, the share that makes a segment be read for nothing.
const BLOOM_FALSE: f64 = 0.01;

/// Rows that are looked at to tell whether a column's values repeat.
const SAMPLE_ROWS: usize = 2_048;

/// Writes rows to `folder/file`, in the order of [`row_groups`]: written beside, synced, renamed.
/// The caller syncs the folder. Gives what the database must know.
pub fn write(
    folder: &Path,
    file: &str,
    index: &str,
    batches: &[RecordBatch],
    durable: bool,
) -> Result<SegmentRow, Error> {
    let broken = |error: &dyn std::fmt::Display| {
        Error::Unavailable(format!("{index}: a segment can't be written: {error}"))
    };
    let schema = unify(batches.iter().map(|batch| batch.schema_ref().as_ref()));
    let aligned = batches
        .iter()
        .map(|batch| align(batch, &schema))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| broken(&error))?;
    let groups = row_groups(&aligned);
    let beside = folder.join(format!("{file}.new"));
    let path = folder.join(file);
    let outcome = write_rows(&beside, &schema, &aligned, &groups)
        .map_err(|error| broken(&error))
        .and_then(|out| {
            if durable {
                out.sync_all()
                    .map_err(|error| at(&beside, "can't be synced", &error))?;
            }
            let sum =
                checksum_file(&beside).map_err(|error| at(&beside, "can't be read", &error))?;
            std::fs::rename(&beside, &path)
                .map_err(|error| at(&path, "can't be renamed to", &error))?;
            Ok(sum)
        });
    let (bytes, crc32) = match outcome {
        Ok(sum) => sum,
        Err(error) => {
            // What was written of it only takes room; the next start deletes it otherwise.
            let _ = std::fs::remove_file(&beside);
            return Err(error);
        }
    };
    let spans = aligned.iter().filter_map(span_ms);
    Ok(SegmentRow {
        id: 0,
        index: index.to_owned(),
        file: file.to_owned(),
        rows: groups.iter().map(|group| group.len() as u64).sum(),
        bytes,
        crc32,
        span_ms: spans.reduce(|(a, b), (c, d)| (a.min(c), b.max(d))),
    })
}

/// A row group at a time, so that no second copy of all rows is in memory.
fn write_rows(
    path: &Path,
    schema: &SchemaRef,
    batches: &[RecordBatch],
    groups: &[Vec<Place>],
) -> Result<File, ParquetError> {
    let out = BufWriter::with_capacity(CHUNK_BYTES, File::create(path)?);
    let properties = properties(schema, batches)?;
    let mut writer = ArrowWriter::try_new(out, schema.clone(), Some(properties))?;
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    let mut heads = Vec::with_capacity(groups.len());
    for rows in groups {
        let batch = interleave_record_batch(&batches, rows)?;
        writer.write(&batch)?;
        writer.flush()?;
        heads.push(match summary::of(&batch) {
            Some((head, known)) => Some(write_summary(&mut writer, head, &known)?),
            None => None,
        });
    }
    let heads =
        serde_json::to_string(&heads).map_err(|error| ParquetError::External(error.into()))?;
    writer.append_key_value_metadata(KeyValue::new(summary::KEY.to_owned(), heads));
    let mut out = writer.into_inner()?;
    out.flush()?;
    Ok(out.into_inner().map_err(|error| error.into_error())?)
}

/// Between the row groups, where other readers of Parquet pass it over.
fn write_summary(
    out: &mut ArrowWriter<BufWriter<File>>,
    mut head: Head,
    known: &RecordBatch,
) -> Result<Head, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, known.schema(), Some(properties))?;
    writer.write(known)?;
    writer.close()?;
    head.at = out.bytes_written() as u64;
    head.bytes = bytes.len() as u64;
    out.write_all(&bytes)?;
    Ok(head)
}

fn properties(
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    // Pages are skipped by what rows are ordered by.
    for name in [LEVEL, SERVICE, TIMESTAMP] {
        builder = builder.set_column_statistics_enabled(path(name), EnabledStatistics::Page);
    }
    for field in schema.fields() {
        builder = encoded(builder, field.name(), field.data_type(), batches);
    }
    Ok(builder
        .set_column_bloom_filter_enabled(path(ID), true)
        .set_column_bloom_filter_fpp(path(ID), BLOOM_FALSE)
        .set_column_bloom_filter_max_ndv(path(ID), GROUP_ROWS as u64)
        .build())
}

fn path(name: &str) -> ColumnPath {
    // One part: a field's dots are its own.
    ColumnPath::from(vec![name.to_owned()])
}

/// A dictionary is for values that repeat; others are smaller and quicker without.
fn encoded(
    builder: WriterPropertiesBuilder,
    name: &str,
    data_type: &DataType,
    batches: &[RecordBatch],
) -> WriterPropertiesBuilder {
    match data_type {
        DataType::Timestamp(TimeUnit::Millisecond, _) if name == TIMESTAMP => builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED),
        DataType::Utf8 if name == ID => builder
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BYTE_ARRAY),
        DataType::Utf8 if mostly_unique(name, batches) => {
            builder.set_column_dictionary_enabled(path(name), false)
        }
        _ => builder,
    }
}

fn mostly_unique(name: &str, batches: &[RecordBatch]) -> bool {
    let columns = batches
        .iter()
        .filter_map(|batch| batch.column_by_name(name)?.as_string_opt::<i32>());
    let mut seen = HashSet::new();
    let mut count = 0;
    for value in columns
        .flat_map(|column| column.iter().flatten())
        .take(SAMPLE_ROWS)
    {
        count += 1;
        seen.insert(value);
    }
    seen.len() * 4 > count * 3
}
