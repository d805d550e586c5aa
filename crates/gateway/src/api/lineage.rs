//! Whose an incident is, what it is called, and what becomes of it: edited, assigned, handed over,
//! merged, split, voided. Each is a person's, and a record; nothing is deleted.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::incident::{MAX_NAME_CHARS, MAX_TITLE_CHARS};
use model::{Assignee, Event, Incident, IncidentId};
use serde::{Deserialize, Serialize};

use super::incidents::{MAX_TEXT, text};
use super::marks::record;
use super::{Body, incident_id};
use crate::auth::Principal;
use crate::problem::Problem;
use crate::state::Gateway;

/// Findings that one request splits off.
const MAX_SPLIT: usize = 100;

type Answer = Result<Json<Incident>, Problem>;

/// What isn't given stays as it is. The subject never changes.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditRequest {
    #[serde(default)]
    #[schema(min_length = 1, max_length = 300, pattern = "\\S")]
    pub title: Option<String>,
    /// Whom it hurts and how, in words; empty takes it away.
    #[serde(default)]
    #[schema(max_length = 4000)]
    pub impact: Option<String>,
}

pub async fn edit(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<EditRequest>,
) -> Answer {
    if let Some(title) = &body.title {
        short("title", title, MAX_TITLE_CHARS)?;
    }
    if body
        .impact
        .as_ref()
        .is_some_and(|impact| impact.chars().count() > MAX_TEXT)
    {
        return Err(Problem::bad(format!(
            "impact: expected at most {MAX_TEXT} characters"
        )));
    }
    let event = Event::Edited {
        title: body.title,
        impact: body.impact,
    };
    record(&gateway, &id, &principal, event).await
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    pub to: Assignee,
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub reason: String,
}

pub async fn assign(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<Assignment>,
) -> Answer {
    assignee(&body.to)?;
    text("reason", &body.reason)?;
    let event = Event::Assigned {
        to: body.to,
        reason: body.reason,
    };
    record(&gateway, &id, &principal, event).await
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// The owner as you saw it; without a name, whoever has it now.
    #[serde(default)]
    pub from: Option<String>,
    pub to: Assignee,
    /// Where things stand.
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub note: String,
}

pub async fn hand_over(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<Handover>,
) -> Answer {
    assignee(&body.to)?;
    text("note", &body.note)?;
    let from = match body.from {
        Some(from) => from,
        // Nobody has it: the state machine says so.
        None => {
            let incident = gateway.casework.incident(&incident_id(&id)?).await?;
            incident.owner.unwrap_or_default()
        }
    };
    let event = Event::HandedOver {
        from,
        to: body.to,
        note: body.note,
    };
    record(&gateway, &id, &principal, event).await
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeRequest {
    /// The incident that stays.
    #[schema(value_type = String, pattern = "^INC-[0-9]{6}-[0-9a-f]{12}$")]
    pub into: IncidentId,
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub reason: String,
}

/// Gives the incident that stays. Asked for twice, it is done once.
pub async fn merge(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<MergeRequest>,
) -> Answer {
    text("reason", &body.reason)?;
    let id = incident_id(&id)?;
    let into = IncidentId::parse(body.into.as_str()).filter(|into| !into.is_system());
    let into = into.ok_or_else(|| Problem::bad(format!("into: {} is no incident", body.into)))?;
    let stays = gateway
        .casework
        .merge(principal.actor(), &id, &into, &body.reason)
        .await?;
    Ok(Json(stays))
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitRequest {
    /// Their names on the incident, such as `F2`; the first finding stays.
    #[schema(min_items = 1, max_items = 100)]
    pub findings: Vec<String>,
    /// What the new incident is called.
    #[schema(min_length = 1, max_length = 300, pattern = "\\S")]
    pub title: String,
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub reason: String,
}

/// 201 with the new incident. Asked for twice, it is made once.
pub async fn split(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<SplitRequest>,
) -> Result<(StatusCode, Json<Incident>), Problem> {
    if body.findings.is_empty() || body.findings.len() > MAX_SPLIT {
        return Err(Problem::bad(format!(
            "findings: expected 1 to {MAX_SPLIT} names"
        )));
    }
    short("title", &body.title, MAX_TITLE_CHARS)?;
    text("reason", &body.reason)?;
    let id = incident_id(&id)?;
    let new = gateway
        .casework
        .split(
            principal.actor(),
            &id,
            &body.findings,
            &body.title,
            &body.reason,
        )
        .await?;
    Ok((StatusCode::CREATED, Json(new)))
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoidRequest {
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub reason: String,
}

pub async fn void(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<VoidRequest>,
) -> Answer {
    text("reason", &body.reason)?;
    let event = Event::Voided {
        reason: body.reason,
    };
    record(&gateway, &id, &principal, event).await
}

fn assignee(to: &Assignee) -> Result<(), Problem> {
    short("to.name", to.name(), MAX_NAME_CHARS)?;
    match to {
        Assignee::Person {
            subject: Some(subject),
            ..
        } => short("to.subject", subject, MAX_NAME_CHARS),
        Assignee::Person { .. } | Assignee::Team { .. } => Ok(()),
    }
}

fn short(name: &str, text: &str, most: usize) -> Result<(), Problem> {
    if text.trim().is_empty() || text.chars().count() > most {
        return Err(Problem::bad(format!(
            "{name}: expected 1 to {most} characters"
        )));
    }
    Ok(())
}
