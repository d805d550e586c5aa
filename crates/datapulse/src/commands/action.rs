//! `datapulse action`: a person's yes or no, through the gateway, which knows who it is.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::incident::proposals;
use crate::arguments::{Action, Output};
use crate::client::encode;
use crate::context::Context as Here;
use crate::print;

pub async fn run(here: &Here, command: Action) -> Result<u8> {
    match command {
        Action::List { id } => {
            let incident = here.read(&format!("/incidents/{}", encode(&id))).await?;
            if here.output == Output::Json {
                print::json(&incident["proposals"])?;
            } else {
                proposals(&incident["proposals"]);
            }
            Ok(0)
        }
        Action::Approve {
            id,
            proposal,
            seal,
            reason,
        } => decide(here, &id, &proposal, seal, true, &reason).await,
        Action::Reject {
            id,
            proposal,
            seal,
            reason,
        } => decide(here, &id, &proposal, seal, false, &reason).await,
    }
}

async fn decide(
    here: &Here,
    id: &str,
    proposal: &str,
    seal: Option<String>,
    approve: bool,
    reason: &str,
) -> Result<u8> {
    let server = here.server()?;
    let seal = match seal {
        Some(seal) => seal,
        None => {
            let incident = server.get(&format!("/incidents/{}", encode(id))).await?;
            current_seal(&incident, proposal)?
        }
    };
    let path = format!(
        "/incidents/{}/proposals/{}/decisions",
        encode(id),
        encode(proposal)
    );
    let body = json!({ "seal": seal, "approve": approve, "reason": reason });
    let answer = server.post(&path, &body).await?;
    if here.output == Output::Json {
        print::json(&answer)?;
    } else {
        println!(
            "{id} {proposal}: your {} is recorded on {seal}",
            if approve { "yes" } else { "no" }
        );
    }
    Ok(0)
}

/// Shows what is about to be sealed, so that nobody approves what they haven't seen.
fn current_seal(incident: &Value, proposal: &str) -> Result<String> {
    let none = Vec::new();
    let state = incident["proposals"]
        .as_array()
        .unwrap_or(&none)
        .iter()
        .find(|state| state["proposal"]["id"] == proposal)
        .with_context(|| format!("there is no proposal {proposal}"))?;
    let action = &state["proposal"]["action"];
    let seal = state["seal"].as_str().unwrap_or_default().to_owned();
    eprintln!(
        "{} on {} with {}, as observed {}; seal {seal}",
        print::cell(action, "kind"),
        print::plain(&print::cell(action, "target")),
        print::plain(&action["parameters"].to_string()),
        print::cell(&state["proposal"]["observed"], "observed_at"),
    );
    Ok(seal)
}
