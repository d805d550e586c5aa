//! Tokens and login links: made and revoked by people with `tools:manage`; a link is for oneself.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::{Act, Role, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use store::SavedToken;

use super::Body;
use crate::auth::{Principal, issue_token};
use crate::problem::Problem;
use crate::state::Gateway;

/// A token lives this long at most.
pub const MAX_DAYS: u32 = 3_650;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A token as it is shown: never its secret or its hash.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TokenLine {
    pub id: String,
    pub name: String,
    pub role: Role,
    /// Its bearer is a person, whose decisions count.
    pub person: bool,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// To some minutes.
    pub last_used_at: Option<Timestamp>,
}

impl From<SavedToken> for TokenLine {
    fn from(token: SavedToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            role: token.role,
            person: token.person,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
        }
    }
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TokenList {
    pub items: Vec<TokenLine>,
}

pub async fn list(State(gateway): State<Gateway>) -> Result<Json<TokenList>, Problem> {
    let tokens = gateway.casework.knowledge().tokens().await?;
    Ok(Json(TokenList {
        items: tokens.into_iter().map(TokenLine::from).collect(),
    }))
}

#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    #[schema(min_length = 1, pattern = "\\S")]
    pub name: String,
    pub role: Role,
    #[serde(default)]
    pub person: bool,
    #[serde(deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 3650)]
    pub days: u32,
}

/// A whole number as JSON has it: 30.0 is 30.
fn whole<'de, D: Deserializer<'de>>(number: D) -> Result<u32, D::Error> {
    let number = f64::deserialize(number)?;
    if number.fract() != 0.0 || number < 0.0 || number > f64::from(u32::MAX) {
        return Err(D::Error::custom(format!(
            "days: expected a whole number, got {number}"
        )));
    }
    Ok(number as u32)
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NewToken {
    #[serde(flatten)]
    pub token: TokenLine,
    /// Shown this once.
    pub secret: String,
}

pub async fn create(
    State(gateway): State<Gateway>,
    principal: Principal,
    Body(body): Body<TokenRequest>,
) -> Result<(StatusCode, Json<NewToken>), Problem> {
    if body.name.trim().is_empty() {
        return Err(Problem::bad("name: expected who or what the token is for"));
    }
    if body.days == 0 || body.days > MAX_DAYS {
        return Err(Problem::bad(format!(
            "days: expected 1 to {MAX_DAYS}, got {}",
            body.days
        )));
    }
    if body.person && !principal.person {
        return Err(Problem::forbidden(
            "only a person makes a person's token: this is a machine's",
        ));
    }
    if body.person && !may_be_a_persons(body.role) {
        return Err(Problem::bad(format!(
            "person: the role {} is a machine's",
            body.role.name()
        )));
    }
    let life_ms = Some(i64::from(body.days) * DAY_MS);
    // Tokens outlive the demo's fast clock: their time is the wall's.
    let now = casework::Clock::wall().now();
    let knowledge = gateway.casework.knowledge();
    let (token, secret) = issue_token(
        knowledge.as_ref(),
        body.name.trim(),
        body.role,
        body.person,
        life_ms,
        now,
    )
    .await?;
    let act = issued(&token);
    gateway.casework.record_act(principal.actor(), act).await?;
    let token = TokenLine::from(token);
    Ok((StatusCode::CREATED, Json(NewToken { token, secret })))
}

/// What the system chain says of a token that was made.
pub fn issued(token: &SavedToken) -> Act {
    Act::TokenIssued {
        token: token.id.clone(),
        name: token.name.clone(),
        role: token.role,
        person: token.person,
        expires: token.expires_at,
    }
}

/// Roles of outside agents and shippers are never a person's.
pub fn may_be_a_persons(role: Role) -> bool {
    !matches!(role, Role::Agent | Role::Shipper)
}

/// Sessions that were begun with it end, too.
pub async fn revoke(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    principal: Principal,
) -> Result<StatusCode, Problem> {
    let now = casework::Clock::wall().now();
    gateway.casework.knowledge().revoke_token(&id, now).await?;
    gateway.sessions.end_of_token(&id);
    let act = Act::TokenRevoked { token: id };
    gateway.casework.record_act(principal.actor(), act).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LoginLink {
    /// To be put after the server's address.
    pub path: String,
}

/// A browser logs in as the caller, once.
pub async fn login_link(
    State(gateway): State<Gateway>,
    principal: Principal,
) -> Result<Json<LoginLink>, Problem> {
    if !principal.person {
        return Err(Problem::forbidden(
            "only a person logs a browser in: this is a machine's token",
        ));
    }
    let code = gateway.sessions.link(principal)?;
    Ok(Json(LoginLink {
        path: format!("/login?code={code}"),
    }))
}
