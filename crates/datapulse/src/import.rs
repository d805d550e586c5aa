//! Documents of folders into a store of their own: NDJSON, one file an index, gzipped or not.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use model::Timestamp;
use serde_json::{Map, Value};
use store::embedded::{Embedded, Options};
use store::{Document, ItemResult, Operation, Telemetry};

/// Bytes of one line.
const MAX_LINE: u64 = 16 << 20;
/// Documents of one batch.
const BATCH: usize = 10_000;

/// A store that is gone when this is dropped.
pub struct Imported {
    pub store: Embedded,
    pub documents: u64,
    /// The largest `@timestamp`.
    pub newest: Option<Timestamp>,
    folder: PathBuf,
}

impl Drop for Imported {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Opens an empty store in a folder of its own.
pub async fn empty() -> Result<Imported> {
    let mut random = [0u8; 8];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let folder = std::env::temp_dir().join(format!("datapulse-import-{}", hex::encode(random)));
    let store = Embedded::open(&folder, Options::throwaway()).await?;
    Ok(Imported {
        store,
        documents: 0,
        newest: None,
        folder,
    })
}

/// All documents of the folders; with `before`, only those earlier than it (documents without a
/// time, such as lookups, always).
pub async fn folders(folders: &[PathBuf], before: Option<Timestamp>) -> Result<Imported> {
    let mut imported = empty().await?;
    for folder in folders {
        for (index, path) in files(folder)? {
            imported.file(&index, &path, None, before).await?;
        }
    }
    Ok(imported)
}

/// The files of a folder, by index name: `logs-app.ndjson.gz` holds `logs-app`.
pub fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).with_context(|| format!("{shown} can't be read"))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let index = name
            .strip_suffix(".ndjson.gz")
            .or_else(|| name.strip_suffix(".ndjson"));
        if let Some(index) = index {
            files.push((index.to_owned(), path.clone()));
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("{shown} holds no .ndjson or .ndjson.gz file");
    }
    Ok(files)
}

impl Imported {
    /// Documents of one file with `from <= @timestamp < before`.
    pub async fn file(
        &mut self,
        index: &str,
        path: &Path,
        from: Option<Timestamp>,
        before: Option<Timestamp>,
    ) -> Result<()> {
        let shown = path.display().to_string();
        let file = File::open(path).with_context(|| format!("{shown} can't be read"))?;
        let reader: Box<dyn Read + Send> = if path.extension().is_some_and(|e| e == "gz") {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        let mut reader = BufReader::new(reader);
        let mut batch = Vec::with_capacity(BATCH);
        let mut line = String::new();
        let mut number = 0u64;
        loop {
            line.clear();
            let read = (&mut reader).take(MAX_LINE).read_line(&mut line);
            if read.with_context(|| format!("{shown}:{}", number + 1))? == 0 {
                break;
            }
            number += 1;
            if line.trim().is_empty() {
                continue;
            }
            let mut source: Map<String, Value> = serde_json::from_str(&line)
                .with_context(|| format!("{shown}:{number}: not a JSON object"))?;
            let id = match source.remove("_id") {
                None => None,
                Some(Value::String(id)) => Some(id),
                Some(other) => bail!("{shown}:{number}: _id is {other}, expected a string"),
            };
            let at = source
                .get("@timestamp")
                .and_then(Value::as_str)
                .and_then(Timestamp::parse);
            let outside = at.is_some_and(|at| {
                from.is_some_and(|from| at < from) || before.is_some_and(|before| at >= before)
            });
            if outside {
                continue;
            }
            self.newest = self.newest.max(at);
            batch.push(Document {
                index: index.to_owned(),
                operation: Operation::Create,
                id,
                source,
            });
            if batch.len() == BATCH {
                self.store(std::mem::take(&mut batch), &shown).await?;
            }
        }
        self.store(batch, &shown).await
    }

    async fn store(&mut self, batch: Vec<Document>, shown: &str) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        for result in self.store.ingest(batch).await? {
            match result {
                ItemResult::Refused { reason, .. } => bail!("{shown}: {reason}"),
                _ => self.documents += 1,
            }
        }
        Ok(())
    }
}
