//! `datapulse incident`: lists, reads and marks.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::arguments::{Incident, Output};
use crate::client::encode;
use crate::commands::silence::seconds;
use crate::context::Context as Here;
use crate::print;

mod lessons;
mod lineage;

pub async fn run(here: &Here, command: Incident) -> Result<u8> {
    match command {
        Incident::List {
            status,
            severity,
            service,
            text,
            sort,
            offset,
            limit,
        } => {
            let mut query = format!("/incidents?offset={offset}&limit={limit}");
            for (key, value) in [
                ("status", status),
                ("severity", severity),
                ("service", service),
                ("text", text),
                ("sort", sort),
            ] {
                if let Some(value) = value {
                    query.push_str(&format!("&{key}={}", encode(&value)));
                }
            }
            list(here, &here.read(&query).await?)
        }
        Incident::Show { id } => show(
            here,
            &here.read(&format!("/incidents/{}", encode(&id))).await?,
        ),
        Incident::Records { id } => {
            let path = format!("/incidents/{}/records?limit=10000", encode(&id));
            records(here, &here.read(&path).await?)
        }
        Incident::Evidence { id, evidence } => {
            let path = format!(
                "/incidents/{}/evidence/{}/run",
                encode(&id),
                encode(&evidence)
            );
            let answer = here.ask(&path, &json!({})).await?;
            if here.output == Output::Json {
                print::json(&answer)?;
            } else {
                println!(
                    "{evidence}: {}",
                    print::plain(&print::cell(&answer, "says"))
                );
            }
            Ok(if answer["holds"] == true { 0 } else { 3 })
        }
        Incident::Similar { id } => {
            let path = format!("/incidents/{}/similar", encode(&id));
            lessons::similar(here, &here.read(&path).await?)
        }
        Incident::Postmortem { id, out } => {
            let path = format!("/incidents/{}/postmortem", encode(&id));
            lessons::postmortem(here, &here.read(&path).await?, out.as_deref())
        }
        Incident::Feedback {
            id,
            answer,
            cause,
            note,
        } => {
            let body = lessons::feedback(here, &id, answer, cause, note).await?;
            mark(here, &id, "feedback", "feedback recorded", &body).await
        }
        other => change(here, other).await,
    }
}

/// What becomes a record.
async fn change(here: &Here, command: Incident) -> Result<u8> {
    match command {
        Incident::Declare {
            service,
            title,
            severity,
            reason,
        } => {
            let body = json!({ "service.name": service, "title": title, "severity": severity, "reason": reason });
            let incident = here.server()?.post("/incidents", &body).await?;
            tell(here, &incident, "declared")
        }
        Incident::Acknowledge { id, owner, note } => {
            mark(
                here,
                &id,
                "acknowledge",
                "acknowledged",
                &json!({ "owner": owner, "note": note }),
            )
            .await
        }
        Incident::Snooze {
            id,
            length,
            until,
            reason,
        } => {
            let for_s = length.as_deref().map(seconds).transpose()?;
            let body = json!({ "until": until, "for_s": for_s, "reason": reason });
            mark(here, &id, "snooze", "snoozed", &body).await
        }
        Incident::Note { id, text } => {
            mark(here, &id, "notes", "note added", &json!({ "text": text })).await
        }
        Incident::Severity {
            id,
            severity,
            reason,
        } => {
            let body = json!({ "severity": severity, "reason": reason });
            mark(here, &id, "severity", "severity changed", &body).await
        }
        Incident::Close {
            id,
            duplicate_of,
            reason,
        } => {
            let kind = match &duplicate_of {
                Some(of) => json!({ "kind": "duplicate", "of": of }),
                None => json!({ "kind": "false_alarm" }),
            };
            mark(
                here,
                &id,
                "close",
                "closed",
                &json!({ "as": kind, "reason": reason }),
            )
            .await
        }
        Incident::Reopen { id, reason } => {
            mark(
                here,
                &id,
                "reopen",
                "opened again",
                &json!({ "reason": reason }),
            )
            .await
        }
        other => lineage::change(here, other).await,
    }
}

/// `done` is what it is called afterwards.
async fn mark(here: &Here, id: &str, path: &str, done: &str, body: &Value) -> Result<u8> {
    let path = format!("/incidents/{}/{path}", encode(id));
    let incident = here.server()?.post(&path, body).await?;
    tell(here, &incident, done)
}

fn tell(here: &Here, incident: &Value, what: &str) -> Result<u8> {
    if here.output == Output::Json {
        print::json(incident)?;
    } else {
        println!(
            "{}: {what}; now {}",
            print::cell(incident, "incident_id"),
            print::cell(incident, "status")
        );
    }
    Ok(0)
}

fn list(here: &Here, page: &Value) -> Result<u8> {
    if here.output == Output::Json {
        print::json(page)?;
        return Ok(0);
    }
    let none = Vec::new();
    let items = page["items"].as_array().unwrap_or(&none);
    if items.is_empty() {
        println!("no incidents");
        return Ok(0);
    }
    let keys = [
        "incident_id",
        "severity",
        "status",
        "service.name",
        "opened_at",
        "title",
    ];
    let rows = items
        .iter()
        .map(|item| keys.iter().map(|key| print::cell(item, key)).collect())
        .collect();
    println!(
        "{}",
        print::table(
            &[
                "incident", "severity", "status", "service", "opened", "title"
            ],
            rows
        )
    );
    println!("{} of {}", items.len(), page["total"]);
    Ok(0)
}

fn show(here: &Here, incident: &Value) -> Result<u8> {
    if here.output == Output::Json {
        print::json(incident)?;
        return Ok(0);
    }
    let line = |key: &str| print::plain(&print::cell(incident, key));
    println!("{}  {}", line("incident_id"), line("title"));
    println!(
        "{} · {} · service {} · opened {}",
        line("severity"),
        line("status"),
        line("service.name"),
        line("opened_at")
    );
    lineage::show(incident);
    if let Some(reason) = incident["person_needed"].as_str() {
        println!("a person is asked: {}", print::plain(reason));
    }
    causes(&line("incident_id"), &incident["report"]);
    proposals(&incident["proposals"]);
    Ok(0)
}

fn causes(id: &str, report: &Value) {
    if report.is_null() {
        println!("\nno report yet");
        return;
    }
    println!("\n{}", print::plain(&print::cell(report, "conclusion")));
    let none = Vec::new();
    let rows = report["hypotheses"]
        .as_array()
        .unwrap_or(&none)
        .iter()
        .map(|hypothesis| {
            let list = |key: &str| {
                let ids = hypothesis[key].as_array().unwrap_or(&none);
                ids.iter()
                    .filter_map(Value::as_str)
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            vec![
                print::cell(hypothesis, "id"),
                format!(
                    "{:.0} %",
                    hypothesis["confidence"].as_f64().unwrap_or(0.0) * 100.0
                ),
                print::cell(hypothesis, "says"),
                list("supports"),
                list("contradicts"),
            ]
        })
        .collect();
    println!(
        "{}",
        print::table(&["", "confidence", "cause", "for", "against"], rows)
    );
    if let Some(first) = report["evidence"][0]["id"].as_str() {
        println!("run a piece of evidence again: datapulse incident evidence {id} {first}");
    }
}

pub fn proposals(list: &Value) {
    let none = Vec::new();
    let items = list.as_array().unwrap_or(&none);
    if items.is_empty() {
        println!("\nno proposals");
        return;
    }
    let rows = items
        .iter()
        .map(|state| {
            let proposal = &state["proposal"];
            let action = &proposal["action"];
            vec![
                print::cell(proposal, "id"),
                format!(
                    "{} {} {}",
                    print::cell(action, "kind"),
                    print::cell(action, "target"),
                    action["parameters"]
                ),
                print::cell(proposal, "risk"),
                print::cell(state, "stage"),
                print::cell(state, "recovery"),
                state["seal"]
                    .as_str()
                    .unwrap_or("")
                    .chars()
                    .take(19)
                    .collect(),
            ]
        })
        .collect();
    println!(
        "{}",
        print::table(&["", "action", "risk", "stage", "recovery", "seal"], rows)
    );
}

fn records(here: &Here, page: &Value) -> Result<u8> {
    if here.output == Output::Json {
        print::json(page)?;
        return Ok(0);
    }
    let items = page["items"]
        .as_array()
        .context("the server gave no records")?;
    let rows = items
        .iter()
        .map(|item| {
            let record = &item["record"];
            let actor = &record["actor"];
            let who = actor["agent"]
                .as_str()
                .or(actor["name"].as_str())
                .unwrap_or("–");
            vec![
                record["seq"].to_string(),
                print::cell(record, "at"),
                who.to_owned(),
                print::cell(&record["event"], "kind"),
                item["digest"]
                    .as_str()
                    .unwrap_or("")
                    .chars()
                    .take(19)
                    .collect(),
            ]
        })
        .collect();
    println!(
        "{}",
        print::table(&["seq", "at", "who", "what", "digest"], rows)
    );
    Ok(0)
}
