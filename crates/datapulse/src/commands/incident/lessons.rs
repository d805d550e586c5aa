//! What past incidents teach: those that look alike, post-mortems, and people's word on answers.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::arguments::{Judgement, Output};
use crate::client::encode;
use crate::context::Context as Here;
use crate::print;

pub fn similar(here: &Here, list: &Value) -> Result<u8> {
    if here.output == Output::Json {
        print::json(list)?;
        return Ok(0);
    }
    let none = Vec::new();
    let items = list["items"].as_array().unwrap_or(&none);
    if items.is_empty() {
        println!("no resolved incident looks like it");
        return Ok(0);
    }
    for item in items {
        let likeness = item["likeness"].as_f64().unwrap_or_default() * 100.0;
        let line = |key: &str| print::plain(&print::cell(item, key));
        println!(
            "{}  {likeness:.0} % alike  {}",
            line("incident_id"),
            line("title")
        );
        let judged = match item["cause_is_right"].as_bool() {
            Some(true) => ", confirmed",
            Some(false) => ", put right by a person",
            None => "",
        };
        println!("  cause: {}{judged}", line("cause"));
        println!("  helped: {}", line("helped"));
        let shared = item["shared"].as_array().unwrap_or(&none);
        let shared: Vec<&str> = shared.iter().filter_map(Value::as_str).collect();
        println!("  both: {}", print::plain(&shared.join("; ")));
    }
    Ok(0)
}

pub fn postmortem(here: &Here, answer: &Value, out: Option<&Path>) -> Result<u8> {
    let text = answer["markdown"].as_str().unwrap_or_default();
    if let Some(path) = out {
        let mut file = File::create_new(path)
            .with_context(|| format!("--out {}: can't be made", path.display()))?;
        file.write_all(text.as_bytes())
            .with_context(|| format!("--out {}: can't be written", path.display()))?;
        println!("{}", path.display());
    } else if here.output == Output::Json {
        print::json(answer)?;
    } else {
        for line in text.lines() {
            println!("{}", print::plain(line));
        }
    }
    Ok(0)
}

/// The request's body: a hypothesis that is named by its number is looked up in the report.
pub async fn feedback(
    here: &Here,
    id: &str,
    answer: Judgement,
    cause: Option<String>,
    note: Option<String>,
) -> Result<Value> {
    let cause = match cause {
        None => Value::Null,
        Some(text) => match text.split_once(':') {
            Some((kind, place)) => stated(kind, place.trim()),
            None => hypothesis(here, id, &text).await?,
        },
    };
    Ok(json!({ "right": answer == Judgement::Right, "cause": cause, "note": note }))
}

/// The kinds are those of `NAMED_CAUSES` of the arguments.
fn stated(kind: &str, place: &str) -> Value {
    match kind {
        "outside" => json!({ "kind": kind, "dependency": place }),
        _ => json!({ "kind": kind, "service.name": place }),
    }
}

async fn hypothesis(here: &Here, id: &str, number: &str) -> Result<Value> {
    let report = here
        .read(&format!("/incidents/{}/report", encode(id)))
        .await?;
    let none = Vec::new();
    let all = report["hypotheses"].as_array().unwrap_or(&none);
    let found = all.iter().find(|one| one["id"] == number);
    let found = found.with_context(|| {
        let known: Vec<&str> = all.iter().filter_map(|one| one["id"].as_str()).collect();
        format!(
            "--cause {number}: the report has {}; for another cause say service:NAME, load:NAME or outside:NAME",
            known.join(", ")
        )
    })?;
    Ok(found["cause"].clone())
}
