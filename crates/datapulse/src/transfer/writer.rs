//! Rows into a file of one of three forms. A file is there under its name only when it is whole.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value};

use super::columns::{Column, text};
use crate::arguments::Form;

type Out = Box<dyn Write + Send>;

enum Kind {
    Lines(BufWriter<Out>),
    Csv(BufWriter<Out>),
    Parquet(Box<ArrowWriter<Out>>),
}

pub struct Writer {
    kind: Kind,
    columns: Vec<Column>,
    /// `None`: standard output.
    names: Option<Names>,
}

/// The name meanwhile and in the end. What doesn't come to its end is taken away.
struct Names {
    meanwhile: PathBuf,
    end: PathBuf,
    is_whole: bool,
}

impl Drop for Names {
    fn drop(&mut self) {
        if !self.is_whole {
            let _ = std::fs::remove_file(&self.meanwhile);
        }
    }
}

impl Writer {
    pub fn open(path: &Path, form: Form, columns: Vec<Column>) -> Result<Self> {
        let (out, names): (Out, _) = if path == Path::new("-") {
            (Box::new(std::io::stdout()), None)
        } else {
            let mut meanwhile = path.as_os_str().to_owned();
            meanwhile.push(".partial");
            let meanwhile = PathBuf::from(meanwhile);
            let file = File::create(&meanwhile);
            let file =
                file.with_context(|| format!("{}: can't be written", meanwhile.display()))?;
            let names = Names {
                meanwhile,
                end: path.to_path_buf(),
                is_whole: false,
            };
            (Box::new(file), Some(names))
        };
        let mut kind = match form {
            Form::Ndjson => Kind::Lines(BufWriter::new(out)),
            Form::Csv => Kind::Csv(BufWriter::new(out)),
            Form::Parquet => {
                let schema = Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>());
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let writer = ArrowWriter::try_new(out, Arc::new(schema), Some(properties))?;
                Kind::Parquet(Box::new(writer))
            }
        };
        if let Kind::Csv(out) = &mut kind {
            let names = columns.iter().map(|column| Some(column.name.clone()));
            csv_line(out, names)?;
        }
        Ok(Self {
            kind,
            columns,
            names,
        })
    }

    pub fn write(&mut self, rows: &[Vec<Value>]) -> Result<()> {
        match &mut self.kind {
            Kind::Lines(out) => {
                for row in rows {
                    let cells = self.columns.iter().zip(row);
                    let object: Map<String, Value> = cells
                        .filter(|(_, value)| !value.is_null())
                        .map(|(column, value)| (column.name.clone(), value.clone()))
                        .collect();
                    serde_json::to_writer(&mut *out, &object)?;
                    out.write_all(b"\n")?;
                }
            }
            Kind::Csv(out) => {
                for row in rows {
                    csv_line(out, row.iter().map(text))?;
                }
            }
            Kind::Parquet(out) => {
                let schema =
                    Schema::new(self.columns.iter().map(Column::field).collect::<Vec<_>>());
                let columns = self.columns.iter().enumerate();
                let arrays =
                    columns.map(|(place, column)| column.array(rows.iter().map(|row| &row[place])));
                let batch = RecordBatch::try_new(Arc::new(schema), arrays.collect())?;
                out.write(&batch)?;
            }
        }
        Ok(())
    }

    /// Whole, on the disk, and under its name.
    pub fn close(self) -> Result<()> {
        match self.kind {
            Kind::Lines(mut out) | Kind::Csv(mut out) => out.flush()?,
            Kind::Parquet(out) => drop(out.into_inner()?),
        }
        if let Some(mut names) = self.names {
            let named = File::open(&names.meanwhile)
                .and_then(|file| file.sync_all())
                .and_then(|()| std::fs::rename(&names.meanwhile, &names.end));
            named.with_context(|| format!("{}: can't be written", names.end.display()))?;
            names.is_whole = true;
        }
        Ok(())
    }
}

/// As RFC 4180 has it; a null is an empty cell.
fn csv_line(out: &mut impl Write, cells: impl Iterator<Item = Option<String>>) -> Result<()> {
    for (place, cell) in cells.enumerate() {
        if place > 0 {
            out.write_all(b",")?;
        }
        let cell = cell.unwrap_or_default();
        if cell.contains([',', '"', '\n', '\r']) {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    Ok(out.write_all(b"\r\n")?)
}
