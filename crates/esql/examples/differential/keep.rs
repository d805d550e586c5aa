//! Differences as tests: the same form as recorded answers, the data beside them.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::harness::cases::Case;
use super::harness::data::IndexData;

const ANSWERS: &str = "answers.jsonl";

/// A JSON line a case, as the server answered.
pub fn lines(differing: &[(Case, String)]) -> String {
    let lines = differing.iter().enumerate().map(|(at, (case, _))| {
        let mut line = case.expected.clone();
        line["name"] = json!(format!("differential-{at:02}"));
        format!("{line}\n")
    });
    lines.collect()
}

/// Writes cases and data into a folder, where none were kept before.
pub fn write(
    folder: &Path,
    data: &[IndexData],
    differing: &[(Case, String)],
) -> Result<(), Box<dyn Error>> {
    if differing.is_empty() {
        return Ok(());
    }
    if folder.join(ANSWERS).exists() {
        let shown = folder.display();
        return Err(format!("{shown} has kept cases: take another seed, or move them").into());
    }
    let beside = folder.join("data");
    fs::create_dir_all(&beside)?;
    for index in data {
        let mapping = beside.join(format!("{}.mapping.json", index.name));
        fs::write(mapping, format!("{}\n", index.body))?;
        let mut text = String::new();
        for (id, document) in index.ids.iter().zip(&index.documents) {
            let mut document = document.clone();
            document["_id"] = json!(id);
            text.push_str(&format!("{document}\n"));
        }
        fs::write(beside.join(format!("{}.ndjson", index.name)), text)?;
    }
    fs::write(folder.join(ANSWERS), lines(differing))?;
    Ok(())
}
