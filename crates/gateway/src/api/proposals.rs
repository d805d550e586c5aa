//! Proposals: what is offered, what people ask for, and their decisions on seals.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use casework::Clock;
use indexmap::IndexMap;
use model::approval::{self, Standing};
use model::incident::{ProposalStage, ProposalState, RequestState};
use model::{Action, ActionKind, Event, Incident, IncidentId, Policy, Scope, Seal};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::SavedPerson;

use super::incidents::text;
use super::{Body, incident_id};
use crate::auth::Principal;
use crate::problem::Problem;
use crate::state::Gateway;

/// Characters of a target's name.
const MAX_TARGET: usize = 200;
/// Parameters of an action that is asked for.
const MAX_PARAMETERS: usize = 20;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProposalList {
    pub items: Vec<ProposalView>,
    /// What people asked for.
    pub requests: Vec<RequestState>,
}

/// A proposal, with what an approver needs to know of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProposalView {
    #[serde(flatten)]
    pub state: ProposalState,
    /// What the seal covers, in plain lines.
    pub summary: String,
    /// What it waits for.
    pub standing: Standing,
    /// Why whoever asks can't approve it; `null`: they can.
    pub you_cannot: Option<String>,
}

pub async fn list(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
) -> Result<Json<ProposalList>, Problem> {
    let incident = gateway.casework.incident(&incident_id(&id)?).await?;
    let now = gateway.casework.clock().now();
    let policy = gateway.casework.policy();
    let view = |state: ProposalState| ProposalView {
        summary: approval::summary(&state),
        standing: approval::standing(&state, policy, now),
        you_cannot: cannot(&state, &principal).err(),
        state,
    };
    Ok(Json(ProposalList {
        items: incident.proposals.into_iter().map(view).collect(),
        requests: incident.requests,
    }))
}

/// Why this person's yes to it would be refused.
pub fn cannot(state: &ProposalState, principal: &Principal) -> Result<(), String> {
    let id = &state.proposal.id;
    if state.stage != ProposalStage::Pending {
        return Err(format!("{id} is {}", state.stage.name()));
    }
    if !principal.person || !principal.may(Scope::ActionsApprove) {
        return Err("only people with the scope actions:approve decide".to_owned());
    }
    if approval::is_excluded(&state.proposal, &principal.subject) {
        let tier = state.proposal.risk.name();
        return Err(format!(
            "you asked for it: a {tier}-risk action needs somebody else's yes"
        ));
    }
    let decided = |person: &str| person == principal.subject;
    if state
        .decisions
        .iter()
        .any(|made| approval::subject(&made.actor).is_some_and(decided))
    {
        return Err("you have decided already".to_owned());
    }
    one_for_all(state, principal)
}

/// Without authentication everybody is the same person, and two can't be told from one.
fn one_for_all(state: &ProposalState, principal: &Principal) -> Result<(), String> {
    let quorum = state.proposal.quorum;
    if principal.via == "local" && principal.token.is_none() && quorum > 1 {
        return Err(format!(
            "{} needs {quorum} people, and without authentication all callers are one: start the server without --no-auth and give each responder a token (datapulse token create NAME --role responder --person)",
            state.proposal.id
        ));
    }
    Ok(())
}

/// A yes or no to what was read: the seal says what that was.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    pub seal: Seal,
    pub approve: bool,
    #[serde(default)]
    pub reason: String,
    /// Decide alone, past quorum and freeze: for the role `break_glass`, with a reason.
    #[serde(default)]
    pub break_glass: bool,
}

/// 404 for an unknown proposal, 403 where the caller may not decide so, 409 with the reason for a
/// seal that differs, has expired or was decided upon.
pub async fn decide(
    State(gateway): State<Gateway>,
    Path((id, proposal)): Path<(String, String)>,
    principal: Principal,
    Body(body): Body<DecisionRequest>,
) -> Result<(StatusCode, Json<Incident>), Problem> {
    let id = incident_id(&id)?;
    let incident = write_decision(&gateway, &principal, &id, proposal, body, Remember::Yes).await?;
    Ok((StatusCode::CREATED, Json(incident)))
}

/// Whether the way in that a person came by says what they may do from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remember {
    Yes,
    /// It only says who they are: what they may do is known from elsewhere, and stays as it is.
    No,
}

/// A decision, whatever way it came by. When it returns, the record is written and synced.
pub async fn write_decision(
    gateway: &Gateway,
    principal: &Principal,
    id: &IncidentId,
    proposal: String,
    body: DecisionRequest,
    remembers: Remember,
) -> Result<Incident, Problem> {
    let incident = gateway.casework.incident(id).await?;
    let state = offered(&incident, &proposal)?;
    if !body.reason.is_empty() {
        text("reason", &body.reason)?;
    }
    if body.break_glass {
        may_break_glass(gateway.casework.policy(), principal)?;
    } else if body.approve {
        one_for_all(state, principal).map_err(Problem::forbidden)?;
    }
    if remembers == Remember::Yes {
        remember(gateway, principal).await?;
    }
    let event = Event::Decided {
        proposal,
        seal: body.seal,
        approve: body.approve,
        reason: body.reason,
        break_glass: body.break_glass,
    };
    let incident = gateway
        .casework
        .record(id, principal.actor(), event)
        .await?;
    if body.break_glass {
        metrics::counter!("break_glass_total").increment(1);
        tracing::warn!(incident = %id, by = principal.name, "a person broke the glass");
    }
    Ok(incident)
}

fn may_break_glass(policy: &Policy, principal: &Principal) -> Result<(), Problem> {
    if !policy.break_glass {
        return Err(Problem::forbidden(
            "the policy allows no break-glass: policy.break_glass is false",
        ));
    }
    if !principal.may(Scope::ActionsBreakGlass) {
        return Err(Problem::forbidden(format!(
            "deciding alone needs the scope {}, which the role {} has not: ask somebody of the role break_glass",
            Scope::ActionsBreakGlass.name(),
            principal.role.name()
        )));
    }
    Ok(())
}

/// What is known of a person who decides: the verdict holds their decision against it. A person
/// who was disabled is refused.
pub async fn remember(gateway: &Gateway, principal: &Principal) -> Result<(), Problem> {
    let knowledge = gateway.casework.knowledge();
    let known = knowledge.person(&principal.subject).await?;
    if let Some(at) = known.as_ref().and_then(|known| known.disabled_at) {
        return Err(Problem::forbidden(format!(
            "{} was disabled at {at}",
            principal.name
        )));
    }
    let now = Clock::wall().now();
    let person = SavedPerson {
        subject: principal.subject.clone(),
        name: principal.name.clone(),
        role: principal.role,
        scopes: principal.scopes.clone(),
        source: principal.source().to_owned(),
        seen_at: now,
        disabled_at: None,
    };
    let same = known.is_some_and(|known| {
        SavedPerson {
            seen_at: now,
            ..known
        } == person
    });
    if !same {
        knowledge.put_person(&person).await?;
    }
    Ok(())
}

fn offered<'a>(incident: &'a Incident, proposal: &str) -> Result<&'a ProposalState, Problem> {
    incident
        .proposal(proposal)
        .ok_or_else(|| Problem::not_found(format!("{} has no proposal {proposal}", incident.id)))
}

/// An action that somebody asks for.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    pub kind: ActionKind,
    /// A service, by its name.
    #[schema(min_length = 1, max_length = 200)]
    pub target: String,
    /// As the kind takes them; none: what follows from the target's state.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    pub parameters: IndexMap<String, Value>,
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub why: String,
    /// The proposal that this is an edit of: it is voided where this is offered.
    #[serde(default)]
    pub edits: Option<String>,
}

/// 202: Resolver looks at the target, and offers it or says why not.
pub async fn request(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
    Body(body): Body<ActionRequest>,
) -> Result<(StatusCode, Json<Incident>), Problem> {
    text("why", &body.why)?;
    let length = body.target.chars().count();
    if length == 0 || length > MAX_TARGET {
        return Err(Problem::bad(format!(
            "target: expected 1 to {MAX_TARGET} characters, got {length}"
        )));
    }
    if body.parameters.len() > MAX_PARAMETERS {
        return Err(Problem::bad(format!(
            "parameters: at most {MAX_PARAMETERS}, got {}",
            body.parameters.len()
        )));
    }
    let id = incident_id(&id)?;
    let event = Event::ActionRequested {
        action: Action {
            kind: body.kind,
            target: body.target,
            parameters: body.parameters,
        },
        why: body.why,
        edits: body.edits,
    };
    let casework = &gateway.casework;
    let incident = casework.record(&id, principal.actor(), event).await?;
    Ok((StatusCode::ACCEPTED, Json(incident)))
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub reason: String,
}

pub async fn withdraw(
    State(gateway): State<Gateway>,
    Path((id, proposal)): Path<(String, String)>,
    principal: Principal,
    Body(body): Body<Withdrawal>,
) -> Result<Json<Incident>, Problem> {
    text("reason", &body.reason)?;
    let id = incident_id(&id)?;
    offered(&gateway.casework.incident(&id).await?, &proposal)?;
    let event = Event::Withdrawn {
        proposal,
        reason: body.reason,
    };
    let casework = &gateway.casework;
    Ok(Json(casework.record(&id, principal.actor(), event).await?))
}

/// What somebody else says of a break-glass afterwards.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewRequest {
    pub justified: bool,
    #[schema(min_length = 1, max_length = 4000, pattern = "\\S")]
    pub note: String,
}

pub async fn review(
    State(gateway): State<Gateway>,
    Path((id, proposal)): Path<(String, String)>,
    principal: Principal,
    Body(body): Body<ReviewRequest>,
) -> Result<Json<Incident>, Problem> {
    text("note", &body.note)?;
    let id = incident_id(&id)?;
    offered(&gateway.casework.incident(&id).await?, &proposal)?;
    let event = Event::BreakGlassReviewed {
        proposal,
        justified: body.justified,
        note: body.note,
    };
    let casework = &gateway.casework;
    Ok(Json(casework.record(&id, principal.actor(), event).await?))
}

/// The policy with its version, as proposals name it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PolicyInForce {
    pub version: String,
    pub policy: Policy,
    /// Names of the freezes that are on now.
    pub frozen: Vec<String>,
}

pub async fn policy(State(gateway): State<Gateway>) -> Json<PolicyInForce> {
    let policy = gateway.casework.policy();
    let now = gateway.casework.clock().now();
    Json(PolicyInForce {
        version: policy.version(),
        frozen: policy
            .freeze
            .iter()
            .filter(|freeze| freeze.is_on(now))
            .map(|freeze| freeze.name.clone())
            .collect(),
        policy: policy.clone(),
    })
}
