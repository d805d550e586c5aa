//! Evidence, asked again.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::Value;

use super::incident_id;
use crate::problem::Problem;
use crate::state::Gateway;

/// Rows that the answer shows.
const MAX_SHOWN: usize = 100;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EvidenceRun {
    /// The same answer as before, to the digest.
    pub holds: bool,
    pub says: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    pub row_count: u64,
    pub elapsed_ms: u64,
}

pub async fn run(
    State(gateway): State<Gateway>,
    Path((id, evidence)): Path<(String, String)>,
) -> Result<Json<EvidenceRun>, Problem> {
    let incident = gateway.casework.incident(&incident_id(&id)?).await?;
    let none = || Problem::not_found(format!("{id} has no evidence {evidence}"));
    let found = incident.evidence(&evidence).ok_or_else(none)?;
    let again = gateway.casework.ask_again(found).await?;
    Ok(Json(EvidenceRun {
        holds: again.holds,
        says: again.says,
        row_count: again.now.rows.len() as u64,
        elapsed_ms: again.now.elapsed_ms,
        columns: again.now.columns,
        rows: again.now.rows.into_iter().take(MAX_SHOWN).collect(),
    }))
}
