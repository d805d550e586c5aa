//! A segment: rows of one index in one Parquet file that never changes.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use arrow::array::{
    Array, AsArray, BooleanArray, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::compute::{filter_record_batch, max, min};
use arrow::datatypes::{DataType, TimestampMillisecondType};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::PageIndexPolicy;

use super::order::GROUP_ROWS;
use super::summary::{self, Head};
use crate::error::{Error, at};
use crate::indices::TIMESTAMP;

pub const ID: &str = "_id";
/// Linux's ENOMEM, ENFILE and EMFILE: the machine or the process has too much open, for now.
const PASSING: [i32; 3] = [12, 23, 24];

/// Bytes read at once while a checksum is taken.
pub const CHUNK_BYTES: usize = 1 << 20;

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
    summaries: OnceLock<Arc<Vec<Option<Head>>>>,
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
            summaries: OnceLock::new(),
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
        if let Some(known) = self.checked.get() {
            return known.clone();
        }
        let found = match checksum_file(&self.path) {
            // No fault of the file's: whoever reads it next is told that it can't be opened now.
            Err(error)
                if error
                    .raw_os_error()
                    .is_some_and(|code| PASSING.contains(&code)) =>
            {
                return Ok(());
            }
            Err(error) => Err(format!("can't be read: {error}")),
            Ok((bytes, _)) if bytes != self.row.bytes => Err(format!(
                "has {bytes} bytes, {} were written",
                self.row.bytes
            )),
            Ok((_, sum)) if sum != self.row.crc32 => Err("has a wrong checksum".to_owned()),
            Ok(_) => Ok(()),
        };
        self.checked.get_or_init(|| found).clone()
    }

    /// The footer, read once.
    pub fn metadata(&self) -> Result<ArrowReaderMetadata, Error> {
        if let Some(metadata) = self.metadata.get() {
            return Ok(metadata.clone());
        }
        let file = self.open()?;
        let metadata = ArrowReaderMetadata::load(
            &file,
            ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional),
        )
        .map_err(|error| self.unreadable(&error))?;
        Ok(self.metadata.get_or_init(|| metadata).clone())
    }

    /// What the footer says of summaries, by row group.
    pub fn summaries(&self) -> Arc<Vec<Option<Head>>> {
        let read = || {
            let metadata = self.metadata().ok()?;
            let pairs = metadata.metadata().file_metadata().key_value_metadata()?;
            let found = pairs.iter().find(|pair| pair.key == summary::KEY)?;
            serde_json::from_str(found.value.as_ref()?).ok()
        };
        let heads = self
            .summaries
            .get_or_init(|| Arc::new(read().unwrap_or_default()));
        heads.clone()
    }

    /// These columns of a summary; those that it hasn't got are left out.
    pub fn read_summary(&self, head: &Head, columns: &[String]) -> Result<RecordBatch, Error> {
        let read = || -> Result<RecordBatch, Box<dyn std::error::Error>> {
            let mut bytes = vec![0; usize::try_from(head.bytes)?];
            let mut file = self.open()?;
            file.seek(SeekFrom::Start(head.at))?;
            file.read_exact(&mut bytes)?;
            let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes))?;
            let has = builder.schema().clone();
            let places = columns.iter().filter_map(|name| has.index_of(name).ok());
            let mask = ProjectionMask::roots(builder.parquet_schema(), places);
            let mut reader = builder
                .with_projection(mask)
                .with_batch_size(GROUP_ROWS)
                .build()?;
            Ok(reader.next().ok_or("it has no rows")??)
        };
        read().map_err(|error| self.unreadable(&error))
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
            .with_batch_size(GROUP_ROWS)
            .build()
            .map_err(|error| self.unreadable(&error))?
            .collect::<Result<_, _>>()
            .map_err(|error| self.unreadable(&error))
    }

    /// The rows of a span of time, all columns; those without a moment belong to the span that
    /// has no beginning.
    pub fn read_between(&self, span: &Range<i64>) -> Result<Vec<RecordBatch>, Error> {
        let inside = |(first, last): (i64, i64)| span.start <= first && last < span.end;
        if *span == (i64::MIN..i64::MAX) || self.row.span_ms.is_some_and(inside) {
            return self.read(None);
        }
        let outside = |(first, last): (i64, i64)| last < span.start || span.end <= first;
        if span.start > i64::MIN && self.row.span_ms.is_some_and(outside) {
            return Ok(Vec::new());
        }
        let batches = self.read(None)?.into_iter().map(|batch| {
            let Some(moments) = moments(&batch) else {
                return Ok(batch);
            };
            let wanted: BooleanArray = moments
                .iter()
                .map(|at| Some(at.map_or(span.start == i64::MIN, |at| span.contains(&at))))
                .collect();
            filter_record_batch(&batch, &wanted)
        });
        batches
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

fn moments(batch: &RecordBatch) -> Option<&TimestampMillisecondArray> {
    let column = batch.column_by_name(TIMESTAMP)?;
    column.as_primitive_opt::<TimestampMillisecondType>()
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

/// Length and CRC-32 of a file.
pub fn checksum_file(path: &Path) -> std::io::Result<(u64, u32)> {
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
