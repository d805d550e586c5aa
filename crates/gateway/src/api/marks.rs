//! What people mark on an incident: each a record with actor and reason.

use axum::Json;
use axum::extract::{Path, State};
use model::{Cause, ClosedAs, Event, Incident, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use super::incidents::text;
use super::silences::until;
use super::{Body, incident_id};
use crate::auth::Principal;
use crate::problem::Problem;
use crate::state::Gateway;

type Answer = Result<Json<Incident>, Problem>;

/// Records what a caller says, as the state machine allows it.
pub(super) async fn record(
    gateway: &Gateway,
    id: &str,
    principal: &Principal,
    event: Event,
) -> Answer {
    let id = incident_id(id)?;
    Ok(Json(
        gateway
            .casework
            .record(&id, principal.actor(), event)
            .await?,
    ))
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// Who has it now; without a name, whoever asks.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub owner: Option<String>,
    #[serde(default)]
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub note: Option<String>,
}

pub async fn acknowledge(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<Acknowledgement>,
) -> Answer {
    if let Some(note) = &body.note {
        text("note", note)?;
    }
    if let Some(owner) = &body.owner {
        text("owner", owner)?;
    }
    let owner = body.owner.unwrap_or_else(|| principal.name.clone());
    let event = Event::Acknowledged {
        owner,
        note: body.note,
    };
    record(&gateway, &id, &principal, event).await
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub text: String,
}

pub async fn note(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<Note>,
) -> Answer {
    text("text", &body.text)?;
    record(
        &gateway,
        &id,
        &principal,
        Event::NoteAdded { text: body.text },
    )
    .await
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeverityChange {
    pub severity: Severity,
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub reason: String,
}

pub async fn severity(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<SeverityChange>,
) -> Answer {
    text("reason", &body.reason)?;
    let event = Event::SeverityChanged {
        severity: body.severity,
        reason: body.reason,
    };
    record(&gateway, &id, &principal, event).await
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    pub r#as: ClosedAs,
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub reason: String,
}

pub async fn close(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<Closing>,
) -> Answer {
    text("reason", &body.reason)?;
    if let ClosedAs::Duplicate { of } = &body.r#as {
        if of.as_str() == id {
            return Err(Problem::bad(format!(
                "as.of: {id} can't be a duplicate of itself"
            )));
        }
        gateway.casework.incident(of).await?;
    }
    let event = Event::Closed {
        r#as: body.r#as,
        reason: body.reason,
    };
    record(&gateway, &id, &principal, event).await
}

/// A person's word on what the report says first.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackRequest {
    pub right: bool,
    /// The true cause, where the answer is wrong and you know it.
    #[serde(default)]
    pub cause: Option<Cause>,
    #[serde(default)]
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub note: Option<String>,
}

pub async fn feedback(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<FeedbackRequest>,
) -> Answer {
    if let Some(note) = &body.note {
        text("note", note)?;
    }
    if let Some(cause) = &body.cause {
        text("cause", cause.place())?;
    }
    let event = Event::FeedbackGiven {
        right: body.right,
        cause: body.cause,
        note: body.note,
    };
    record(&gateway, &id, &principal, event).await
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reopening {
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub reason: String,
}

pub async fn reopen(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<Reopening>,
) -> Answer {
    text("reason", &body.reason)?;
    let event = Event::Reopened {
        reason: body.reason,
        finding: None,
    };
    record(&gateway, &id, &principal, event).await
}

/// Until when: a moment, or a length; a week at most.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnoozeRequest {
    /// This, or `for_s`.
    #[serde(default)]
    pub until: Option<Timestamp>,
    #[serde(default)]
    #[schema(minimum = 1, maximum = 604800)]
    pub for_s: Option<u64>,
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub reason: String,
}

/// No reminder and no escalation until then.
pub async fn snooze(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<SnoozeRequest>,
) -> Answer {
    text("reason", &body.reason)?;
    let now = gateway.casework.clock().now();
    let event = Event::Snoozed {
        until: until(now, body.until, body.for_s)?,
        reason: body.reason,
    };
    record(&gateway, &id, &principal, event).await
}
