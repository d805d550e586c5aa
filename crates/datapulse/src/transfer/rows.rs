//! Documents of a file, batch by batch: NDJSON, gzipped or not, and Parquet. A thread reads ahead
//! of who stores them, by two batches.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use flate2::read::MultiGzDecoder;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::cells;

/// Bytes of one line.
pub const MAX_LINE: u64 = 16 << 20;
/// Documents, and bytes of their lines, of one batch.
const BATCH: usize = 5_000;
const BATCH_BYTES: usize = 8 << 20;
/// Batches that wait for the store.
const AHEAD: usize = 2;
/// Rows that are read of a Parquet file at once.
const PARQUET_ROWS: usize = 1_024;

/// One document, and where it lay.
#[derive(Debug)]
pub struct Row {
    /// From 1.
    pub number: u64,
    /// Made of file, place and content, unless the document says its own: what is read again is
    /// the same document.
    pub id: String,
    /// Or why it can't be read.
    pub source: Result<Map<String, Value>, String>,
}

/// A batch, or why the file can't be read on.
pub type Batch = Result<Vec<Row>>;

/// Reads a file on a thread of its own.
pub fn read(path: PathBuf) -> mpsc::Receiver<Batch> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut batches = Batches::new(&path, &sender);
        let read = match path.extension().is_some_and(|end| end == "parquet") {
            true => parquet(&path, &mut batches),
            false => lines(&path, &mut batches),
        };
        let told = read.and_then(|()| batches.send());
        if let Err(error) = told {
            // Nobody listens any more where the other side has failed.
            let _ = sender.blocking_send(Err(error));
        }
    });
    receiver
}

struct Batches<'s> {
    sender: &'s mpsc::Sender<Batch>,
    file: String,
    rows: Vec<Row>,
    bytes: usize,
}

impl<'s> Batches<'s> {
    fn new(path: &Path, sender: &'s mpsc::Sender<Batch>) -> Self {
        let file = path.file_name().unwrap_or_default();
        Self {
            sender,
            file: file.to_string_lossy().into_owned(),
            rows: Vec::new(),
            bytes: 0,
        }
    }

    fn add(
        &mut self,
        number: u64,
        text: &str,
        read: Result<Map<String, Value>, String>,
    ) -> Result<()> {
        let mut id = None;
        let source = read.and_then(|mut source| {
            id = match source.remove("_id") {
                None | Some(Value::Null) => None,
                Some(Value::String(id)) => Some(id),
                Some(other) => return Err(format!("_id is {other}, expected a string")),
            };
            Ok(source)
        });
        let id = id.unwrap_or_else(|| self.made(number, text));
        self.rows.push(Row { number, id, source });
        self.bytes += text.len();
        if self.rows.len() >= BATCH || self.bytes >= BATCH_BYTES {
            self.send()?;
        }
        Ok(())
    }

    fn made(&self, number: u64, text: &str) -> String {
        let mut hash = Sha256::new();
        hash.update((self.file.len() as u64).to_le_bytes());
        hash.update(&self.file);
        hash.update(number.to_le_bytes());
        hash.update(text);
        hex::encode(&hash.finalize()[..16])
    }

    fn send(&mut self) -> Result<()> {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let sent = self.sender.blocking_send(Ok(rows));
        sent.map_err(|_| anyhow::anyhow!("nobody takes the documents any more"))
    }
}

fn lines(path: &Path, batches: &mut Batches<'_>) -> Result<()> {
    let shown = path.display().to_string();
    let raw: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(path).with_context(|| format!("{shown}: can't be read"))?)
    };
    let raw: Box<dyn Read> = match path.extension().is_some_and(|end| end == "gz") {
        true => Box::new(MultiGzDecoder::new(raw)),
        false => raw,
    };
    let mut reader = BufReader::new(raw);
    let mut line = String::new();
    let mut number = 0;
    loop {
        line.clear();
        number += 1;
        let read = (&mut reader).take(MAX_LINE).read_line(&mut line);
        if read.with_context(|| format!("{shown}:{number}: can't be read"))? == 0 {
            return Ok(());
        }
        if line.len() as u64 == MAX_LINE && !line.ends_with('\n') {
            bail!("{shown}:{number}: the line has over {MAX_LINE} bytes");
        }
        let text = line.trim();
        if !text.is_empty() {
            let read = serde_json::from_str(text);
            let read = read.map_err(|error| format!("not a JSON object: {error}"));
            batches.add(number, text, read)?;
        }
    }
}

fn parquet(path: &Path, batches: &mut Batches<'_>) -> Result<()> {
    let shown = path.display().to_string();
    let broken = || format!("{shown}: can't be read as Parquet");
    let file = File::open(path).with_context(|| format!("{shown}: can't be read"))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).with_context(broken)?;
    let reader = reader.with_batch_size(PARQUET_ROWS).build();
    let mut number = 0;
    for batch in reader.with_context(broken)? {
        let batch = batch.with_context(broken)?;
        for row in 0..batch.num_rows() {
            number += 1;
            let read = cells::document(&batch, row);
            let text = read.as_ref().map_or(String::new(), |source| {
                serde_json::to_string(source).unwrap_or_default()
            });
            batches.add(number, &text, read)?;
        }
    }
    Ok(())
}
