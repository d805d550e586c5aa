//! What isn't about one incident: the stop of all executions, people, and the system chain.

use axum::Json;
use axum::extract::State;
use casework::Clock;
use model::{Act, IncidentId, Role, Scope, System, Timestamp};
use serde::{Deserialize, Serialize};
use store::SavedPerson;

use super::incidents::{RecordPage, page, text};
use super::{Asked, Body};
use crate::auth::Principal;
use crate::problem::Problem;
use crate::state::Gateway;

pub async fn show(State(gateway): State<Gateway>) -> Result<Json<System>, Problem> {
    Ok(Json(gateway.casework.system().await?))
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub reason: String,
}

/// 409 where everything is stopped already.
pub async fn stop(
    State(gateway): State<Gateway>,
    principal: Principal,
    Body(body): Body<Reason>,
) -> Result<Json<System>, Problem> {
    text("reason", &body.reason)?;
    let act = Act::AutomationStopped {
        reason: body.reason,
    };
    let system = gateway.casework.record_act(principal.actor(), act).await?;
    metrics::counter!("automation_stops_total").increment(1);
    Ok(Json(system))
}

/// 409 where nothing is stopped.
pub async fn resume(
    State(gateway): State<Gateway>,
    principal: Principal,
    Body(body): Body<Reason>,
) -> Result<Json<System>, Problem> {
    text("reason", &body.reason)?;
    let act = Act::AutomationResumed {
        reason: body.reason,
    };
    Ok(Json(
        gateway.casework.record_act(principal.actor(), act).await?,
    ))
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
pub struct SystemQuery {
    /// `202611`; without it, the present month.
    #[param(pattern = "^[0-9]{6}$")]
    month: Option<String>,
    offset: u32,
    limit: Option<u32>,
}

pub async fn records(
    State(gateway): State<Gateway>,
    Asked(query): Asked<SystemQuery>,
) -> Result<Json<RecordPage>, Problem> {
    let chain = match &query.month {
        None => IncidentId::system(gateway.casework.clock().now()),
        Some(month) => IncidentId::system_of(month).ok_or_else(|| {
            Problem::bad(format!(
                "month: expected six digits as 202611, got {month:?}"
            ))
        })?,
    };
    let stored = gateway.casework.journal().records(&chain).await?;
    Ok(Json(page(&stored, query.offset, query.limit)?))
}

/// A person, as they came in last.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PersonLine {
    pub subject: String,
    pub name: String,
    pub role: Role,
    pub scopes: Vec<Scope>,
    pub source: String,
    pub seen_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
}

impl From<SavedPerson> for PersonLine {
    fn from(person: SavedPerson) -> Self {
        Self {
            subject: person.subject,
            name: person.name,
            role: person.role,
            scopes: person.scopes,
            source: person.source,
            seen_at: person.seen_at,
            disabled_at: person.disabled_at,
        }
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PeopleList {
    pub items: Vec<PersonLine>,
}

pub async fn people(State(gateway): State<Gateway>) -> Result<Json<PeopleList>, Problem> {
    let people = gateway.casework.knowledge().people().await?;
    Ok(Json(PeopleList {
        items: people.into_iter().map(PersonLine::from).collect(),
    }))
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChange {
    /// As `GET people` shows it.
    pub subject: String,
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub reason: String,
}

/// Their sessions end, their decisions count no more. 404 for somebody who never was here.
pub async fn disable(
    State(gateway): State<Gateway>,
    principal: Principal,
    Body(body): Body<PersonChange>,
) -> Result<Json<PersonLine>, Problem> {
    if body.subject == principal.subject {
        return Err(Problem::forbidden("nobody disables themselves"));
    }
    change(&gateway, &principal, body, true).await
}

pub async fn enable(
    State(gateway): State<Gateway>,
    principal: Principal,
    Body(body): Body<PersonChange>,
) -> Result<Json<PersonLine>, Problem> {
    change(&gateway, &principal, body, false).await
}

async fn change(
    gateway: &Gateway,
    principal: &Principal,
    body: PersonChange,
    disabled: bool,
) -> Result<Json<PersonLine>, Problem> {
    text("reason", &body.reason)?;
    let knowledge = gateway.casework.knowledge();
    let Some(mut person) = knowledge.person(&body.subject).await? else {
        return Err(Problem::not_found(format!(
            "nobody of the subject {:?} was here",
            body.subject
        )));
    };
    let (subject, reason) = (body.subject, body.reason);
    person.disabled_at = disabled.then(|| Clock::wall().now());
    let act = match disabled {
        true => Act::PersonDisabled {
            subject: subject.clone(),
            reason,
        },
        false => Act::PersonEnabled {
            subject: subject.clone(),
            reason,
        },
    };
    // The record first: what is done is never without one.
    gateway.casework.record_act(principal.actor(), act).await?;
    knowledge.put_person(&person).await?;
    if disabled {
        gateway.sessions.end_of_person(&subject);
    }
    Ok(Json(person.into()))
}
