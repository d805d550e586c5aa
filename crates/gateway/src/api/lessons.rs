//! What past incidents teach: those that look alike, a draft of a post-mortem, and how often the
//! answers were right.

use axum::Json;
use axum::extract::{Path, State};
use casework::feedback::AnswerScore;
use casework::similar::Similar;
use serde::Serialize;

use super::incident_id;
use crate::problem::Problem;
use crate::state::Gateway;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SimilarList {
    /// The most alike first.
    pub items: Vec<Similar>,
}

pub async fn similar(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
) -> Result<Json<SimilarList>, Problem> {
    let items = gateway.casework.similar(&incident_id(&id)?).await?;
    Ok(Json(SimilarList { items }))
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Postmortem {
    pub markdown: String,
}

pub async fn postmortem(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
) -> Result<Json<Postmortem>, Problem> {
    let markdown = gateway.casework.postmortem(&incident_id(&id)?).await?;
    Ok(Json(Postmortem { markdown }))
}

pub async fn score(State(gateway): State<Gateway>) -> Result<Json<AnswerScore>, Problem> {
    Ok(Json(gateway.casework.answer_score().await?))
}
