//! `datapulse investigate`: explains one failure without any server.

use analyst::Matter;
use analyst::observations::Alarm;
use anyhow::{Context as _, Result};
use casework::Clock;
use model::{Report, Timestamp};

use super::tools::moment;
use crate::arguments::{Investigate, Output};
use crate::backend::Backend;
use crate::context::Context as Here;
use crate::progress::during;
use crate::refusal::wrong_use;
use crate::{import, print, wire};

/// Documents that came so long after the alarm are looked at, in milliseconds.
const AFTER_MS: i64 = 5 * 60 * 1000;

pub async fn run(here: &Here, command: Investigate) -> Result<u8> {
    let at = moment("--at", command.at)?;
    let imported = match command.import.is_empty() {
        true => None,
        false => {
            let until = at.map(|at| at.plus_ms(AFTER_MS));
            Some(
                during(
                    "importing documents",
                    import::folders(&command.import, until),
                )
                .await?,
            )
        }
    };
    let store = match &imported {
        Some(imported) => Backend::from(imported.store.clone()),
        None => here.reading().await?,
    };
    let mut newest = imported.as_ref().and_then(|imported| imported.newest);
    if imported.is_none() {
        for pattern in ["metrics-*", "traces-*", "logs-*"] {
            newest = newest.max(store.telemetry().newest(pattern).await?);
        }
    }
    let newest =
        newest.context("there is no document with a @timestamp to explain anything with")?;
    let alarm_at = at.unwrap_or(newest);
    // The newest document itself is looked at, too.
    let until = newest.plus_ms(1).min(alarm_at.plus_ms(AFTER_MS));
    let clock = Clock::manual(until);
    let casework = wire::casework(&store, &here.configuration, clock)?;
    if let Some(service) = &command.service {
        known(&casework, service, until).await?;
    }
    let matter = Matter {
        alarm: Alarm {
            at_us: alarm_at.ms() * 1000,
            service: command.service.clone(),
            summary: command
                .service
                .map_or_else(String::new, |service| format!("{service} fails")),
        },
        until,
        budget: analyst::stage::BUDGET,
    };
    let report = during(
        "investigating",
        analyst::investigate(&casework, &matter, model::tuning::embedded()),
    )
    .await
    .report;
    if here.output == Output::Json {
        print::json(&serde_json::to_value(&report)?)?;
    } else {
        tell(&report);
    }
    Ok(0)
}

/// A name that no document has is a slip of the hand.
async fn known(casework: &casework::Casework, service: &str, until: Timestamp) -> Result<()> {
    /// As far back as an investigation looks.
    const BACK_MS: i64 = 26 * 3_600_000;
    let request = esql::Request {
        query: "FROM metrics-*,logs-*,traces-* | WHERE @timestamp >= ?from AND @timestamp < ?to | STATS documents = COUNT(*) BY service.name | SORT documents DESC | LIMIT 1000".to_owned(),
        params: [("from", until.plus_ms(-BACK_MS)), ("to", until)]
            .map(|(name, at)| esql::Parameter {
                name: Some(name.to_owned()),
                kind: esql::ParameterKind::Value(at.to_string().into()),
            })
            .to_vec(),
        now_ms: until.ms(),
        ..esql::Request::default()
    };
    // Without any of the indices the investigation's own ledger says what is missing.
    let Ok(answer) = casework.telemetry().query(&request).await else {
        return Ok(());
    };
    let rows = esql::answer::rows(&answer);
    let names: Vec<&str> = rows.iter().filter_map(|row| row.get(1)?.as_str()).collect();
    if names.is_empty() || names.contains(&service) {
        return Ok(());
    }
    Err(wrong_use(format!(
        "--service {service:?}: no document is about it; there are: {}",
        names.join(", ")
    )))
}

/// For people: the conclusion first, then what speaks for it.
pub fn tell(report: &Report) {
    println!("{}\n", print::plain(&report.conclusion));
    let rows = report
        .hypotheses
        .iter()
        .map(|hypothesis| {
            vec![
                hypothesis.id.clone(),
                format!("{:.0} %", hypothesis.confidence * 100.0),
                hypothesis.says.clone(),
                hypothesis.supports.join(" "),
                hypothesis.contradicts.join(" "),
            ]
        })
        .collect();
    println!(
        "{}",
        print::table(&["", "confidence", "cause", "for", "against"], rows)
    );
    let rows = report
        .evidence
        .iter()
        .map(|evidence| vec![evidence.id.clone(), evidence.says.clone()])
        .collect();
    println!("\n{}", print::table(&["", "evidence"], rows));
    let rows = report
        .timeline
        .iter()
        .map(|entry| {
            vec![
                entry.at.to_string(),
                entry.service.clone().unwrap_or_default(),
                entry.says.clone(),
            ]
        })
        .collect();
    println!("\n{}", print::table(&["at", "service", "what"], rows));
    if let Some(ask) = &report.ask {
        println!("\nask a person: {}", print::plain(ask));
    }
    let failed = report.ledger.iter().filter(|entry| entry.note.is_some());
    for entry in failed {
        println!(
            "{} ({}): {}",
            entry.tool,
            entry.about,
            entry.note.as_deref().unwrap_or_default()
        );
    }
}
