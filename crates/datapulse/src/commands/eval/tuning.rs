//! The file that `--tuning` names.

use std::path::Path;

use anyhow::Result;
use model::tuning::{MAX_FILE, Tuning};

use crate::refusal::wrong_use;

pub fn read(file: &Path) -> Result<Tuning> {
    let shown = file.display();
    let size = std::fs::metadata(file)
        .map_err(|error| wrong_use(format!("--tuning {shown}: {error}")))?
        .len();
    if size > MAX_FILE {
        let text =
            format!("--tuning {shown}: {size} bytes are over {MAX_FILE}: no file of numbers");
        return Err(wrong_use(text));
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| wrong_use(format!("--tuning {shown}: {error}")))?;
    Tuning::parse(&text).map_err(|error| wrong_use(format!("--tuning {shown}: {error}")))
}
