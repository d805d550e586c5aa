//! `datapulse eval feedback`: how often the answers of this installation were right.

use anyhow::Result;
use serde_json::Value;

use crate::arguments::Output;
use crate::context::Context as Here;
use crate::print;

pub async fn run(here: &Here) -> Result<u8> {
    let score = here.read("/feedback").await?;
    if here.output == Output::Json {
        print::json(&score)?;
        return Ok(0);
    }
    let (answered, judged, right) = (&score["answered"], &score["judged"], &score["right"]);
    println!(
        "{} with an answer, {judged} judged by a person, {right} right",
        print::count(answered.as_u64().unwrap_or_default(), "incident")
    );
    if judged == 0 {
        println!("judge one: datapulse incident feedback INCIDENT right|wrong");
        return Ok(0);
    }
    println!("{}", bands(&score));
    println!(
        "Brier score {} (a constant at the share of right answers: {})",
        number(&score["brier"]),
        number(&score["brier_of_constant"])
    );
    Ok(0)
}

fn bands(score: &Value) -> String {
    let none = Vec::new();
    let rows = score["bands"].as_array().unwrap_or(&none).iter();
    let rows = rows.map(|band| {
        let interval = match band["interval"].as_array() {
            Some(ends) if ends.len() == 2 => format!("{} to {}", share(&ends[0]), share(&ends[1])),
            _ => "–".to_owned(),
        };
        vec![
            format!("{} to {}", share(&band["from"]), share(&band["to"])),
            print::cell(band, "judged"),
            print::cell(band, "right"),
            share(&band["said"]),
            share(&band["was"]),
            interval,
        ]
    });
    let head = [
        "confidence",
        "judged",
        "right",
        "said",
        "was",
        "95 % interval",
    ];
    print::table(&head, rows.collect())
}

fn share(value: &Value) -> String {
    match value.as_f64() {
        Some(share) => format!("{:.0} %", share * 100.0),
        None => "–".to_owned(),
    }
}

fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(number) => format!("{number:.3}"),
        None => "–".to_owned(),
    }
}
