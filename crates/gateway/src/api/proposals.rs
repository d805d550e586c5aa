//! Proposals, and the decisions of people on their seals.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::incident::ProposalState;
use model::{Event, Incident, Seal};
use serde::{Deserialize, Serialize};

use super::{Body, incident_id};
use crate::auth::Principal;
use crate::problem::Problem;
use crate::state::Gateway;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProposalList {
    pub items: Vec<ProposalState>,
}

pub async fn list(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
) -> Result<Json<ProposalList>, Problem> {
    let incident = gateway.casework.incident(&incident_id(&id)?).await?;
    Ok(Json(ProposalList {
        items: incident.proposals,
    }))
}

/// A yes or no to what was read: the seal says what that was.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    pub seal: Seal,
    pub approve: bool,
    #[serde(default)]
    pub reason: String,
}

/// 404 for an unknown proposal, 409 with the reason for a seal that differs, has expired or was
/// decided upon.
pub async fn decide(
    State(gateway): State<Gateway>,
    Path((id, proposal)): Path<(String, String)>,
    principal: Principal,
    Body(body): Body<DecisionRequest>,
) -> Result<(StatusCode, Json<Incident>), Problem> {
    let id = incident_id(&id)?;
    let incident = gateway.casework.incident(&id).await?;
    if incident.proposal(&proposal).is_none() {
        return Err(Problem::not_found(format!(
            "{id} has no proposal {proposal}"
        )));
    }
    let event = Event::Decided {
        proposal,
        seal: body.seal,
        approve: body.approve,
        reason: body.reason,
    };
    let incident = gateway
        .casework
        .record(&id, principal.actor(), event)
        .await?;
    Ok((StatusCode::CREATED, Json(incident)))
}
