//! `datapulse audit verify`: also beside a process that writes.

use anyhow::Result;
use serde_json::{Value, json};
use store::Verification;

use crate::arguments::{Audit, Output};
use crate::context::Context as Here;
use crate::print;
use crate::progress::during;

/// Exit code of a check that says no.
const SAYS_NO: u8 = 3;

pub async fn run(here: &Here, command: Audit) -> Result<u8> {
    let Audit::Verify { anchors } = command;
    let store = here.reading().await?;
    let verification = during("walking the journal", store.verify()).await?;
    if here.output == Output::Json {
        print::json(&as_json(&verification))?;
    } else {
        tell(&verification, anchors);
    }
    Ok(if verification.is_intact() { 0 } else { SAYS_NO })
}

/// Every fault as a line that names the record.
pub fn faults(verification: &Verification) -> Vec<String> {
    let file = verification.anchor_file.iter().map(ToString::to_string);
    let checks = verification.incidents.iter().flat_map(|check| {
        let chain = check.fault.iter().map(ToString::to_string);
        chain.chain(check.anchor_faults.iter().map(ToString::to_string))
    });
    file.chain(checks).collect()
}

pub fn as_json(verification: &Verification) -> Value {
    let incidents: Vec<Value> = verification
        .incidents
        .iter()
        .map(|check| {
            json!({
                "incident_id": check.incident,
                "records": check.records,
                "intact": check.is_intact(),
                "anchored_seq": check.anchored_seq,
                "covered": check.is_covered(),
            })
        })
        .collect();
    json!({
        "intact": verification.is_intact(),
        "faults": faults(verification),
        "anchor_lines": verification.anchor_lines,
        "incidents": incidents,
    })
}

fn tell(verification: &Verification, anchors: bool) {
    for fault in faults(verification) {
        println!("FAULT {}", print::plain(&fault));
    }
    if !verification.is_intact() {
        println!(
            "altered or damaged outside of DataPulse: keep the folder as it is, and compare it with a backup; what lies before the named record holds"
        );
    }
    if anchors {
        let rows = verification
            .incidents
            .iter()
            .map(|check| {
                vec![
                    check.incident.to_string(),
                    check.records.to_string(),
                    check
                        .anchored_seq
                        .map_or("none".to_owned(), |seq| seq.to_string()),
                ]
            })
            .collect();
        println!(
            "{}",
            print::table(&["incident", "records", "anchored up to"], rows)
        );
    }
    let records: u64 = verification
        .incidents
        .iter()
        .map(|check| check.records)
        .sum();
    let incidents = verification.incidents.len();
    for check in verification.uncovered() {
        println!(
            "{}: no anchor covers records after {}: a cut tail there would not show",
            check.incident,
            check.anchored_seq.unwrap_or(0)
        );
    }
    if verification.is_intact() {
        println!(
            "intact: {records} records of {incidents} incidents, held against {} anchors",
            verification.anchor_lines
        );
    }
}
