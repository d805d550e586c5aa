//! `datapulse audit verify`: also beside a process that writes.

use anyhow::Result;
use integrations::anchors::AnchorPlace;
use model::ChainFault;
use serde_json::{Value, json};
use store::Verification;

use crate::anchoring::{self, Outside, places};
use crate::arguments::{Audit, Output};
use crate::client::encode;
use crate::context::Context as Here;
use crate::keys;
use crate::print;
use crate::progress::during;

mod export;

/// Exit code of a check that says no.
const SAYS_NO: u8 = 3;

pub async fn run(here: &Here, command: Audit) -> Result<u8> {
    let anchors = match command {
        Audit::Verify { anchors } => anchors,
        Audit::System {
            month,
            offset,
            limit,
        } => return system(here, month, offset, limit).await,
        Audit::Export { file } => return during("exporting", export::export(here, &file)).await,
        Audit::Check { file } => return export::check(here, &file),
    };
    let store = here.reading().await?;
    let verification = during("walking the journal", store.verify()).await?;
    let ring = keys::ring(&here.folder)?;
    let forged = during("checking signatures", keys::faults(&store, &ring)).await?;
    let place = places::named(&here.configuration.audit)?;
    let outside = match place.as_deref().filter(|_| anchors) {
        Some(place) => {
            let held = anchoring::verify(&store, &ring, place);
            Some(during("holding the journal against the anchors outside", held).await?)
        }
        None => None,
    };
    if here.output == Output::Json {
        let mut told = as_json(&verification, &forged);
        if let Some(outside) = &outside {
            told["intact"] = (told["intact"] == true && outside.is_intact()).into();
            told["outside"] = outside_json(outside);
        }
        print::json(&told)?;
    } else {
        tell(&verification, &forged, anchors);
        match outside.as_ref().zip(place.as_deref()) {
            Some((outside, place)) => tell_outside(outside, place),
            None if anchors => println!(
                "no place outside is named (audit.anchor_file, anchor_bucket or anchor_receiver): who may write both database and anchor file may alter both"
            ),
            None => {}
        }
        if ring.is_empty() {
            println!("no keys in the folder: signatures were not checked");
        }
    }
    let proven = outside.is_none_or(|outside| outside.is_intact());
    let well = verification.is_intact() && forged.is_empty() && proven;
    Ok(if well { 0 } else { SAYS_NO })
}

async fn system(here: &Here, month: Option<String>, offset: usize, limit: usize) -> Result<u8> {
    let month = month.map_or_else(String::new, |month| format!("&month={}", encode(&month)));
    let path = format!("/audit/system?offset={offset}&limit={limit}{month}");
    let page = here.read(&path).await?;
    if here.output == Output::Json {
        print::json(&page)?;
        return Ok(0);
    }
    let none = Vec::new();
    let rows = page["items"]
        .as_array()
        .unwrap_or(&none)
        .iter()
        .map(|line| {
            let record = &line["record"];
            let mut act = record["event"]["act"].clone();
            let what = print::cell(&act, "kind");
            if let Some(fields) = act.as_object_mut() {
                fields.shift_remove("kind");
                fields.shift_remove("policy");
            }
            vec![
                print::cell(record, "seq"),
                print::cell(record, "at"),
                print::cell(&record["actor"], "name"),
                what,
                act.to_string(),
            ]
        })
        .collect();
    println!("{}", print::table(&["", "at", "by", "what", "how"], rows));
    println!("{} records", page["total"]);
    Ok(0)
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

pub fn as_json(verification: &Verification, forged: &[ChainFault]) -> Value {
    let incidents: Vec<Value> = verification
        .incidents
        .iter()
        .map(|check| {
            json!({
                "incident_id": check.incident,
                "records": check.records,
                "intact": check.is_intact()
                    && forged.iter().all(|fault| fault.incident != check.incident),
                "anchored_seq": check.anchored_seq,
                "covered": check.is_covered(),
            })
        })
        .collect();
    json!({
        "intact": verification.is_intact() && forged.is_empty(),
        "faults": all(verification, forged),
        "anchor_lines": verification.anchor_lines,
        "incidents": incidents,
    })
}

fn outside_json(outside: &Outside) -> Value {
    let faults = outside.faults.iter().map(ToString::to_string);
    let all: Vec<String> = outside.place_fault.iter().cloned().chain(faults).collect();
    json!({
        "anchors": outside.anchors,
        "proven_until": outside.until,
        "records_after": outside.after,
        "faults": all,
    })
}

fn tell_outside(outside: &Outside, place: &dyn AnchorPlace) {
    for fault in outside.place_fault.iter() {
        println!("FAULT {}", print::plain(fault));
    }
    for fault in &outside.faults {
        println!("FAULT {}", print::plain(&fault.to_string()));
    }
    let custody = place.custody();
    let place = print::plain(place.name());
    match outside.until {
        Some(until) if outside.is_intact() => println!(
            "{place}: {} anchors prove the journal up to {until}; {} records came after; it can be rewritten by {custody}",
            outside.anchors, outside.after
        ),
        None if outside.is_intact() => println!("{place}: no anchor yet: nothing is proven"),
        _ => {}
    }
}

/// Faults of chains, anchors and signatures.
fn all(verification: &Verification, forged: &[ChainFault]) -> Vec<String> {
    let forged = forged.iter().map(ToString::to_string);
    faults(verification).into_iter().chain(forged).collect()
}

fn tell(verification: &Verification, forged: &[ChainFault], anchors: bool) {
    let intact = verification.is_intact() && forged.is_empty();
    for fault in all(verification, forged) {
        println!("FAULT {}", print::plain(&fault));
    }
    if !intact {
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
    let incidents = verification
        .incidents
        .iter()
        .filter(|check| !check.incident.is_system())
        .count();
    for check in verification.uncovered() {
        println!(
            "{}: no anchor covers records after {}: a cut tail there would not show",
            check.incident,
            check.anchored_seq.unwrap_or(0)
        );
    }
    if intact {
        println!(
            "intact: {records} records of {incidents} incidents and the system chain, held against {} anchors",
            verification.anchor_lines
        );
    }
}
