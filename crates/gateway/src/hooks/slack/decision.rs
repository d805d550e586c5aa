//! A decision in Slack: the click opens a modal that shows the whole of what is sealed; what is
//! submitted is held against the incident again, written and synced, and only then it is a success.

use std::time::Instant;

use integrations::slack::Reply;
use integrations::slack::blocks::{
    ACKNOWLEDGE, APPROVE, Asked, DECISION, NotOurs, REJECT, Wanted, notice,
};
use integrations::slack::incoming::{Click, Submission};
use integrations::slack::reply::{WRITE_WITHIN, Written, submission};
use model::{Event, Incident, IncidentId, Scope};
use serde_json::Value;

use super::who::{identify, team};
use super::{SYSTEM, SlackDoor};
use crate::api::incident_id;
use crate::api::proposals::{DecisionRequest, Remember, cannot, write_decision};
use crate::auth::Principal;
use crate::hooks::people::{denied, may};
use crate::problem::Problem;
use crate::state::Gateway;

/// Modals by `outcome`: `opened`, `failed`.
const MODALS: &str = "slack_modals_total";
/// The title of a modal that says why not.
const NOT_DONE: &str = "Not done";

/// A button. Whatever can't be done is said in a modal: that alone only who clicked sees.
pub(super) async fn clicked(
    gateway: &Gateway,
    door: &SlackDoor,
    click: &Click,
    received: Instant,
) -> Reply {
    let view = match click.action.as_str() {
        ACKNOWLEDGE => acknowledge(gateway, door, click).await,
        APPROVE => modal(gateway, door, click, true).await.map(Some),
        REJECT => modal(gateway, door, click, false).await.map(Some),
        // A link, or a button of a version before or after this one.
        _ => Ok(None),
    };
    let view = view.unwrap_or_else(|why| Some(notice(NOT_DONE, &why)));
    if let Some(view) = view {
        let opened = door.client.open_view(&click.trigger, &view, received).await;
        let outcome = match &opened {
            Ok(()) => "opened",
            Err(_) => "failed",
        };
        metrics::counter!(MODALS, "outcome" => outcome).increment(1);
        if let Err(error) = opened {
            tracing::warn!(%error, "a modal isn't shown in Slack");
        }
    }
    Reply::Taken
}

/// Nothing is shown where it is done: the alert shows it.
async fn acknowledge(
    gateway: &Gateway,
    door: &SlackDoor,
    click: &Click,
) -> Result<Option<Value>, String> {
    let id = incident_id(&click.value).map_err(says)?;
    let principal = identify(gateway, door, &click.sender).await?;
    take_on(gateway, &principal, &id).await?;
    Ok(None)
}

/// The person has it from now on. Somebody else's isn't taken by a click on an alert of before.
pub(super) async fn take_on(
    gateway: &Gateway,
    principal: &Principal,
    id: &IncidentId,
) -> Result<Incident, String> {
    may(principal, Scope::IncidentsWrite).map_err(refused)?;
    let event = |incident: &Incident| {
        let free = incident.owner.is_none() && !incident.status.is_over();
        free.then(|| Event::Acknowledged {
            owner: principal.name.clone(),
            note: None,
        })
    };
    let casework = &gateway.casework;
    let taken = casework.record_when(id, principal.actor(), event).await;
    if let Some(incident) = taken.map_err(Problem::from).map_err(says)? {
        return Ok(incident);
    }
    let incident = casework.incident(id).await.map_err(Problem::from);
    let incident = incident.map_err(says)?;
    match &incident.owner {
        Some(owner) if *owner == principal.name => Ok(incident),
        Some(owner) => Err(format!("{owner} has {id} already")),
        None => Err(format!("{id} is {}", incident.status.name())),
    }
}

/// The modal that asks for a decision, or what stands in its place.
async fn modal(
    gateway: &Gateway,
    door: &SlackDoor,
    click: &Click,
    approve: bool,
) -> Result<Value, String> {
    let wanted = Wanted::parse(&click.value).map_err(not_ours)?;
    let principal = identify(gateway, door, &click.sender).await?;
    may(&principal, Scope::ActionsApprove).map_err(refused)?;
    let incident = gateway.casework.incident(&wanted.incident).await;
    let incident = incident.map_err(Problem::from).map_err(says)?;
    let now = gateway.casework.clock().now();
    let state = wanted
        .check(&incident, approve, now)
        .map_err(|stale| stale.to_string())?;
    if approve {
        cannot(state, &principal)?;
    }
    let asked = Asked {
        wanted: wanted.clone(),
        approve,
        team: team(&click.sender).to_owned(),
        user: click.sender.user.clone(),
        channel: click.channel.clone().unwrap_or_default(),
        message: click.message.clone().unwrap_or_default(),
    };
    let composer = &door.composer;
    Ok(composer
        .modal(&incident, state, &asked)
        .unwrap_or_else(|too_long| composer.no_decision(&incident.id, &too_long.to_string())))
}

/// A modal that was submitted. Success is said after the decision is synced, and never where that
/// isn't known in time; execution and messages follow the record by themselves.
pub(super) async fn submitted(
    gateway: &Gateway,
    submitted: Submission,
    received: Instant,
) -> Reply {
    if submitted.callback != DECISION {
        return Reply::Taken;
    }
    let within = WRITE_WITHIN.saturating_sub(received.elapsed());
    submission(decide(gateway.clone(), submitted), within).await
}

async fn decide(gateway: Gateway, submitted: Submission) -> Result<Written, String> {
    let door = gateway.doors.slack.as_ref();
    let door = door.ok_or_else(|| "Slack is no way in any more".to_owned())?;
    let asked = Asked::parse(&submitted.metadata).map_err(not_ours)?;
    let sender = &submitted.sender;
    let principal = identify(&gateway, door, sender).await?;
    may(&principal, Scope::ActionsApprove).map_err(refused)?;
    let id = &asked.wanted.incident;
    let incident = gateway.casework.incident(id).await;
    let incident = incident.map_err(Problem::from).map_err(says)?;
    let now = gateway.casework.clock().now();
    asked
        .check(&incident, team(sender), &sender.user, now)
        .map_err(|stale| stale.to_string())?;
    let body = DecisionRequest {
        seal: asked.wanted.seal,
        approve: asked.approve,
        reason: submitted.reason,
        break_glass: false,
    };
    let proposal = asked.wanted.proposal.clone();
    // What they may do is known by their own way in, and is held against them again at the verdict.
    write_decision(&gateway, &principal, id, proposal, body, Remember::No)
        .await
        .map_err(says)?;
    metrics::counter!("slack_decisions_total").increment(1);
    Ok(Written::after_sync())
}

/// What is wrong, for who asked.
pub(super) fn says(problem: Problem) -> String {
    problem.detail
}

/// The same of somebody who may not, counted.
pub(super) fn refused(problem: Problem) -> String {
    denied(SYSTEM, "no_scope");
    problem.detail
}

fn not_ours(error: NotOurs) -> String {
    tracing::warn!(%error, "a button or modal of Slack holds what isn't ours");
    "this isn't one of DataPulse's buttons any more: look at the incident".to_owned()
}
