//! A segment: rows of one index in one Parquet file that never changes.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::compute::{SortColumn, concat, interleave_record_batch, lexsort_to_indices, max, min};
use arrow::datatypes::{DataType, SchemaRef, TimestampMillisecondType};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::align::{align, unify};
use crate::error::{Error, at};
use crate::indices::TIMESTAMP;

pub const ID: &str = "_id";
const LEVEL: &str = "log.level";
const SERVICE: &str = "service.name";

/// The order of rows. Levels come first: errors are few and asked for most, and so they lie
/// together in pages of their own.
const ORDER: [&str; 3] = [LEVEL, SERVICE, TIMESTAMP];

/// Rows of a row group: what a query reads at least of a column.
const ROW_GROUP_ROWS: usize = 65_536;

/// Rows of a page: what a filtered query skips at once.
const PAGE_ROWS: usize = 8_192;

/// Bytes read at once while a checksum is taken.
const CHUNK_BYTES: usize = 1 << 20;

/// Of ids that aren't there, the share that makes a segment be read for nothing.
const BLOOM_FALSE: f64 = 0.01;

/// What the database says of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRow {
    pub id: i64,
    pub index: String,
    pub file: String,
    pub rows: u64,
    pub bytes: u64,
    pub crc32: u32,
    /// The smallest and largest `@timestamp`, milliseconds.
    pub span_ms: Option<(i64, i64)>,
}

/// A segment that queries read. Its file is deleted when the last of them has let go of a
/// segment that was [`Segment::retire`]d.
#[derive(Debug)]
pub struct Segment {
    pub row: SegmentRow,
    path: PathBuf,
    /// Ids of rows that count no more: a newer document has their id.
    replaced: RwLock<Arc<HashSet<String>>>,
    checked: OnceLock<Result<(), String>>,
    metadata: OnceLock<ArrowReaderMetadata>,
    blooms: Mutex<Option<Arc<Vec<Option<Sbbf>>>>>,
    retired: AtomicBool,
}

impl Segment {
    pub fn new(folder: &Path, row: SegmentRow, replaced: HashSet<String>) -> Self {
        Self {
            path: folder.join(&row.file),
            row,
            replaced: RwLock::new(Arc::new(replaced)),
            checked: OnceLock::new(),
            metadata: OnceLock::new(),
            blooms: Mutex::new(None),
            retired: AtomicBool::new(false),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn replaced(&self) -> Arc<HashSet<String>> {
        self.replaced
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn replace(&self, ids: impl IntoIterator<Item = String>) {
        let mut replaced = self
            .replaced
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut replaced).extend(ids);
    }

    /// Nobody new will read it: the file goes with the last reader.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    /// Whether the file is what was written, by its checksum; asked once a process.
    pub fn check(&self) -> Result<(), String> {
        self.checked
            .get_or_init(|| match checksum_file(&self.path) {
                Err(error) => Err(format!("can't be read: {error}")),
                Ok((bytes, _)) if bytes != self.row.bytes => Err(format!(
                    "has {bytes} bytes, {} were written",
                    self.row.bytes
                )),
                Ok((_, sum)) if sum != self.row.crc32 => Err("has a wrong checksum".to_owned()),
                Ok(_) => Ok(()),
            })
            .clone()
    }

    /// The footer, read once.
    pub fn metadata(&self) -> Result<ArrowReaderMetadata, Error> {
        if let Some(metadata) = self.metadata.get() {
            return Ok(metadata.clone());
        }
        let file = self.open()?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
            .map_err(|error| self.unreadable(&error))?;
        Ok(self.metadata.get_or_init(|| metadata).clone())
    }

    pub fn open(&self) -> Result<File, Error> {
        File::open(&self.path).map_err(|error| at(&self.path, "can't be opened", &error))
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> Error {
        Error::Damaged(format!("{}: {error}", self.path.display()))
    }

    /// Which of the ids are in it, exactly; those of replaced rows are not.
    pub fn find<'a>(&self, ids: &HashSet<&'a str>) -> Result<HashSet<&'a str>, Error> {
        let replaced = self.replaced();
        let blooms = self.blooms()?;
        let maybe = |id: &str| {
            blooms
                .iter()
                .any(|bloom| bloom.as_ref().is_none_or(|bloom| bloom.check(id)))
        };
        let wanted: HashSet<&str> = ids
            .iter()
            .copied()
            .filter(|id| !replaced.contains(*id) && maybe(id))
            .collect();
        let mut found = HashSet::new();
        if wanted.is_empty() {
            return Ok(found);
        }
        for batch in self.read(Some(ID))? {
            for id in column_of_ids(&batch).into_iter().flatten().flatten() {
                if let Some(id) = wanted.get(id) {
                    found.insert(*id);
                }
            }
        }
        Ok(found)
    }

    /// Every batch, all columns or one.
    pub fn read(&self, only: Option<&str>) -> Result<Vec<RecordBatch>, Error> {
        let metadata = self.metadata()?;
        let mask = match only {
            None => ProjectionMask::all(),
            Some(name) => {
                let place = metadata.schema().index_of(name).ok();
                ProjectionMask::roots(metadata.parquet_schema(), place)
            }
        };
        ParquetRecordBatchReaderBuilder::new_with_metadata(self.open()?, metadata)
            .with_projection(mask)
            .with_batch_size(ROW_GROUP_ROWS)
            .build()
            .map_err(|error| self.unreadable(&error))?
            .collect::<Result<_, _>>()
            .map_err(|error| self.unreadable(&error))
    }

    fn blooms(&self) -> Result<Arc<Vec<Option<Sbbf>>>, Error> {
        let mut kept = self.blooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(blooms) = kept.as_ref() {
            return Ok(blooms.clone());
        }
        let metadata = self.metadata()?;
        let place = metadata.schema().index_of(ID).ok();
        let file = self.open()?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
        let blooms = (0..metadata.metadata().num_row_groups())
            .map(|group| match place {
                Some(place) => builder
                    .get_row_group_column_bloom_filter(group, place)
                    .map_err(|error| self.unreadable(&error)),
                None => Ok(None),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let blooms = Arc::new(blooms);
        *kept = Some(blooms.clone());
        Ok(blooms)
    }

    /// Lets go of what [`Segment::find`] keeps.
    pub fn forget_blooms(&self) {
        *self.blooms.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if self.retired.load(Ordering::SeqCst)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::debug!(%error, path = %self.path.display(), "a retired segment stays");
        }
    }
}

/// The `_id` column.
pub fn column_of_ids(batch: &RecordBatch) -> Option<&StringArray> {
    batch.column_by_name(ID)?.as_string_opt::<i32>()
}

/// The smallest and largest `@timestamp`.
pub fn span_ms(batch: &RecordBatch) -> Option<(i64, i64)> {
    let column = batch.column_by_name(TIMESTAMP)?;
    let column = match column.data_type() {
        DataType::List(_) => column.as_list::<i32>().values(),
        _ => column,
    };
    let moments = column.as_primitive_opt::<TimestampMillisecondType>()?;
    Some((min(moments)?, max(moments)?))
}

/// Writes rows to `folder/file`, sorted by [`ORDER`]: written beside, synced, renamed.
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
    let order = order(&aligned).map_err(|error| broken(&error))?;
    let beside = folder.join(format!("{file}.new"));
    let path = folder.join(file);
    let outcome = write_rows(&beside, &schema, &aligned, &order)
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
        rows: order.len() as u64,
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
    order: &[(usize, usize)],
) -> Result<File, ParquetError> {
    let out = BufWriter::with_capacity(CHUNK_BYTES, File::create(path)?);
    let mut writer = ArrowWriter::try_new(out, schema.clone(), Some(properties()?))?;
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    for rows in order.chunks(ROW_GROUP_ROWS) {
        writer.write(&interleave_record_batch(&batches, rows)?)?;
        writer.flush()?;
    }
    let mut out = writer.into_inner()?;
    out.flush()?;
    Ok(out.into_inner().map_err(|error| error.into_error())?)
}

/// The rows by [`ORDER`]: each as its batch and its place there.
fn order(batches: &[RecordBatch]) -> Result<Vec<(usize, usize)>, ArrowError> {
    let places = batches
        .iter()
        .enumerate()
        .flat_map(|(number, batch)| (0..batch.num_rows()).map(move |row| (number, row)));
    let places: Vec<(usize, usize)> = places.collect();
    let mut columns = Vec::new();
    for name in ORDER {
        let parts: Vec<&dyn Array> = batches
            .iter()
            .filter_map(|batch| batch.column_by_name(name))
            .map(|column| column.as_ref())
            .collect();
        if parts
            .first()
            .is_some_and(|part| !part.data_type().is_nested())
        {
            columns.push(SortColumn {
                values: concat(&parts)?,
                options: None,
            });
        }
    }
    if columns.is_empty() {
        return Ok(places);
    }
    let sorted = lexsort_to_indices(&columns, None)?;
    Ok(sorted
        .values()
        .iter()
        .map(|&row| places[row as usize])
        .collect())
}

fn properties() -> Result<WriterProperties, ParquetError> {
    let id = ColumnPath::from(ID);
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_column_dictionary_enabled(id.clone(), false)
        .set_column_bloom_filter_enabled(id.clone(), true)
        .set_column_bloom_filter_fpp(id.clone(), BLOOM_FALSE)
        .set_column_bloom_filter_max_ndv(id, ROW_GROUP_ROWS as u64)
        .build())
}

/// Length and CRC-32 of a file.
fn checksum_file(path: &Path) -> std::io::Result<(u64, u32)> {
    let mut file = BufReader::with_capacity(CHUNK_BYTES, File::open(path)?);
    let mut hasher = crc32fast::Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok((bytes, hasher.finalize()));
        }
        hasher.update(&chunk[..count]);
        bytes += count as u64;
    }
}
