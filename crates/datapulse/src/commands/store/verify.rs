//! `datapulse store verify`: also beside a process that writes.

use anyhow::Result;
use serde_json::json;
use store::embedded::inspect;
use store::{Elastic, Inspection};

use super::SAYS_NO;
use crate::arguments::Output;
use crate::context::Context as Here;
use crate::print;
use crate::progress::{Bytes, during};

pub async fn run(here: &Here, deep: bool) -> Result<u8> {
    let found = match here.configuration.elasticsearch()? {
        Some(address) => {
            let store = Elastic::open_reading(address, &here.folder).await?;
            let days = here.configuration.retention.telemetry_days;
            during("walking the journal", store.inspect(days)).await?
        }
        None => {
            let bytes = Bytes::of("looked at");
            inspect(&here.folder, deep, bytes.watch()).await?
        }
    };
    if here.output == Output::Json {
        print::json(&json!({
            "whole": found.is_whole(),
            "faults": found.faults,
            "notes": found.notes,
            "checked": found.checked,
        }))?;
    } else {
        tell(&found);
    }
    Ok(if found.is_whole() { 0 } else { SAYS_NO })
}

pub fn tell(found: &Inspection) {
    for fault in &found.faults {
        let (place, what) = (print::plain(&fault.place), print::plain(&fault.what));
        println!("FAULT {place}: {what}\n      {}", fault.advice);
    }
    for note in &found.notes {
        println!("note  {}", print::plain(note));
    }
    let checked = &found.checked;
    let mut looked = vec![format!(
        "{} documents in {} segments ({})",
        checked.documents,
        checked.segments,
        print::bytes(checked.segment_bytes)
    )];
    if checked.log_files > 0 {
        looked.push(format!(
            "{} batches in {} files of the log",
            checked.log_batches, checked.log_files
        ));
    }
    looked.push(format!(
        "{} records of {} incidents",
        checked.records, checked.incidents
    ));
    looked.push(format!("{} anchors", checked.anchor_lines));
    let state = match found.faults.len() {
        0 => "whole".to_owned(),
        1 => "1 fault".to_owned(),
        faults => format!("{faults} faults"),
    };
    println!("{state}: looked at {}", looked.join(", "));
}
