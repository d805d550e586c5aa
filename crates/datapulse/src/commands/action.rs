//! `datapulse action`: a person's word on what is done, through the gateway, which knows who it is.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::arguments::{Action, Output};
use crate::client::{encode, parameters};
use crate::context::Context as Here;
use crate::print;

pub async fn run(here: &Here, command: Action) -> Result<u8> {
    match command {
        Action::List { id } => list(here, &id).await,
        Action::Approve {
            id,
            proposal,
            seal,
            reason,
            break_glass,
        } => {
            let mut body = json!({ "approve": true, "reason": reason });
            if break_glass {
                body["break_glass"] = true.into();
            }
            decide(here, &id, &proposal, seal, body).await
        }
        Action::Reject {
            id,
            proposal,
            seal,
            reason,
        } => {
            let body = json!({ "approve": false, "reason": reason });
            decide(here, &id, &proposal, seal, body).await
        }
        Action::Request {
            id,
            kind,
            target,
            parameters: given,
            why,
            edits,
        } => {
            let body = json!({
                "kind": kind, "target": target, "parameters": parameters(&given)?,
                "why": why, "edits": edits,
            });
            let path = format!("/incidents/{}/proposals", encode(&id));
            let says =
                format!("{id}: asked for; `datapulse action list {id}` shows what comes of it");
            post(here, &path, &body, &says).await
        }
        Action::Withdraw {
            id,
            proposal,
            reason,
        } => {
            let path = of(&id, &proposal, "withdraw");
            let says = format!("{id} {proposal} is withdrawn");
            post(here, &path, &json!({ "reason": reason }), &says).await
        }
        Action::Review {
            id,
            proposal,
            unjustified,
            note,
        } => {
            let path = of(&id, &proposal, "review");
            let body = json!({ "justified": !unjustified, "note": note });
            post(here, &path, &body, &format!("{id} {proposal} is reviewed")).await
        }
        Action::StopAll { reason } => {
            let says = "every execution is stopped; lift it with `datapulse action resume`";
            post(here, "/automation/stop", &json!({ "reason": reason }), says).await
        }
        Action::Resume { reason } => {
            let says = "executions run again";
            post(
                here,
                "/automation/resume",
                &json!({ "reason": reason }),
                says,
            )
            .await
        }
        Action::Status => status(here).await,
    }
}

fn of(id: &str, proposal: &str, what: &str) -> String {
    format!(
        "/incidents/{}/proposals/{}/{what}",
        encode(id),
        encode(proposal)
    )
}

async fn post(here: &Here, path: &str, body: &Value, says: &str) -> Result<u8> {
    let answer = here.server()?.post(path, body).await?;
    if here.output == Output::Json {
        print::json(&answer)?;
    } else {
        println!("{says}");
    }
    Ok(0)
}

async fn list(here: &Here, id: &str) -> Result<u8> {
    let page = here
        .read(&format!("/incidents/{}/proposals", encode(id)))
        .await?;
    if here.output == Output::Json {
        print::json(&page["items"])?;
        return Ok(0);
    }
    let none = Vec::new();
    let items = page["items"].as_array().unwrap_or(&none);
    for item in items {
        tell(item);
    }
    for request in page["requests"].as_array().unwrap_or(&none) {
        if let Some(reason) = request["refused"].as_str() {
            println!(
                "asked for by {}: {} {}: refused: {}",
                print::plain(request["by"]["name"].as_str().unwrap_or_default()),
                print::cell(&request["action"], "kind"),
                print::plain(&print::cell(&request["action"], "target")),
                print::plain(reason)
            );
        }
    }
    if items.is_empty() {
        println!("no proposals");
    }
    Ok(0)
}

/// One proposal: what is sealed, and what it waits for.
fn tell(item: &Value) {
    let standing = &item["standing"];
    println!(
        "{}  {}",
        print::cell(&item["proposal"], "id"),
        print::cell(item, "stage")
    );
    for line in item["summary"].as_str().unwrap_or_default().lines() {
        println!("    {}", print::plain(line));
    }
    let none = Vec::new();
    let yes: Vec<&str> = standing["yes"]
        .as_array()
        .unwrap_or(&none)
        .iter()
        .filter_map(Value::as_str)
        .collect();
    if !yes.is_empty() {
        println!("    said yes: {}", print::plain(&yes.join(", ")));
    }
    if item["stage"] == "pending" {
        for word in ["missing", "frozen"] {
            if let Some(text) = standing[word].as_str().filter(|text| !text.is_empty()) {
                println!("    waits: {}", print::plain(text));
            }
        }
    }
    if let Some(note) = item["note"].as_str() {
        println!("    {}", print::plain(note));
    }
}

async fn decide(
    here: &Here,
    id: &str,
    proposal: &str,
    seal: Option<String>,
    mut body: Value,
) -> Result<u8> {
    let server = here.server()?;
    let seal = match seal {
        Some(seal) => seal,
        None => {
            let path = format!("/incidents/{}/proposals", encode(id));
            current_seal(&server.get(&path).await?, proposal)?
        }
    };
    body["seal"] = Value::String(seal.clone());
    let answer = server.post(&of(id, proposal, "decisions"), &body).await?;
    if here.output == Output::Json {
        print::json(&answer)?;
    } else {
        println!(
            "{id} {proposal}: your {} is recorded on {seal}",
            if body["approve"] == true { "yes" } else { "no" }
        );
    }
    Ok(0)
}

/// Shows what is about to be sealed, so that nobody approves what they haven't seen.
fn current_seal(page: &Value, proposal: &str) -> Result<String> {
    let none = Vec::new();
    let item = page["items"]
        .as_array()
        .unwrap_or(&none)
        .iter()
        .find(|item| item["proposal"]["id"] == proposal)
        .with_context(|| format!("there is no proposal {proposal}"))?;
    for line in item["summary"].as_str().unwrap_or_default().lines() {
        eprintln!("{}", print::plain(line));
    }
    Ok(item["seal"].as_str().unwrap_or_default().to_owned())
}

async fn status(here: &Here) -> Result<u8> {
    let system = here.read("/automation").await?;
    if here.output == Output::Json {
        print::json(&system)?;
        return Ok(0);
    }
    match system["stopped"].as_object() {
        None => println!("executions run"),
        Some(stopped) => println!(
            "stopped at {} by {}: {}",
            stopped["at"].as_str().unwrap_or_default(),
            print::plain(stopped["by"]["name"].as_str().unwrap_or_default()),
            print::plain(stopped["reason"].as_str().unwrap_or_default())
        ),
    }
    Ok(0)
}
