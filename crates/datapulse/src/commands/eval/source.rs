//! Files of the series and log cases, gzipped or not, and those that answers go to.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;

use crate::refusal::wrong_use;

/// Bytes of a line that are read; the rest of it is left out.
const MAX_LINE: u64 = 1 << 20;

/// `<name>.gz` or `<name>` in a folder.
pub fn find(dir: &Path, name: &str) -> Result<PathBuf> {
    [format!("{name}.gz"), name.to_owned()]
        .iter()
        .map(|name| dir.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            wrong_use(format!(
                "{}: neither {name}.gz nor {name} is there",
                dir.display()
            ))
        })
}

/// Hands over each line without its end; what is no UTF-8 is replaced.
pub fn each_line(path: &Path, mut each: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("{shown} can't be read"))?;
    let plain: Box<dyn Read> = match path.extension().is_some_and(|end| end == "gz") {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    };
    let mut reader = BufReader::new(plain);
    let mut line = Vec::new();
    let mut number = 0_usize;
    loop {
        line.clear();
        number += 1;
        let at = || format!("{shown}:{number}");
        let read = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if read.with_context(at)? == 0 {
            return Ok(());
        }
        if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
            reader.skip_until(b'\n').with_context(at)?;
        }
        let text = String::from_utf8_lossy(&line);
        each(text.trim_end_matches(['\n', '\r'])).with_context(at)?;
    }
}

/// A file for answers; its folder is made where it is missing.
pub fn create(folder: &Path, name: &str) -> Result<BufWriter<File>> {
    let path = folder.join(name);
    let shown = path.display();
    fs::create_dir_all(folder)
        .with_context(|| format!("{}: answers need a folder", folder.display()))?;
    let file = File::create(&path).with_context(|| format!("{shown} can't be written"))?;
    Ok(BufWriter::new(file))
}

/// Whether answers can be written beside the truth.
pub fn refuse_same(dir: &Path, answers: Option<&Path>) -> Result<()> {
    let Some(answers) = answers else {
        return Ok(());
    };
    let same = match (dir.canonicalize(), answers.canonicalize()) {
        (Ok(dir), Ok(answers)) => dir == answers,
        _ => false,
    };
    match same {
        true => Err(wrong_use(format!(
            "--answers: {} is the folder of the cases: answers would overwrite their labels",
            answers.display()
        ))),
        false => Ok(()),
    }
}
