//! `POST /webhook/integrations/deployments`: what changed, from whoever changes it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use integrations::deployments::{self, Deployment, Sender, Told, signature};
use serde_json::{Value, json};
use store::{Document, ItemResult, Operation};

use crate::intake::tally::{reject, tally};
use crate::intake::{Came, whole};
use crate::problem::Problem;
use crate::state::Gateway;

/// Where deployments lie that others tell of.
pub const INDEX: &str = "deployments-default";
/// Bytes of a payload.
pub const MAX_BODY: usize = 1 << 20;

const INTAKE: &str = "deployments";

/// A document is replaced by its id, so that what is told again, or goes on, stays one.
pub async fn post(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    body: Came,
) -> Result<Response, Problem> {
    let told = told(&gateway, &headers, body).inspect_err(|problem| {
        reject(INTAKE, problem.status.to_string(), 1);
    })?;
    let deployment = match told {
        Told::Deployment(deployment) => *deployment,
        Told::Nothing(why) => {
            reject(INTAKE, "nothing", 1);
            let body = json!({ "result": "ignored", "reason": why });
            return Ok((StatusCode::ACCEPTED, Json(body)).into_response());
        }
    };
    let document = document(deployment);
    let id = document.id.clone();
    let results = gateway.casework.telemetry().ingest(vec![document]).await?;
    tally(INTAKE, &results);
    let (status, result) = match results.into_iter().next() {
        Some(ItemResult::Updated { .. }) => (StatusCode::OK, "updated"),
        Some(ItemResult::Refused { reason, .. }) => return Err(Problem::bad(reason)),
        _ => (StatusCode::CREATED, "created"),
    };
    let body = json!({ "result": result, "index": INDEX, "id": id });
    Ok((status, Json(body)).into_response())
}

/// As it is stored.
pub fn document(deployment: Deployment) -> Document {
    Document {
        index: INDEX.to_owned(),
        operation: Operation::Index,
        id: Some(deployment.id.clone()),
        source: deployment.source(),
    }
}

fn told(gateway: &Gateway, headers: &HeaderMap, body: Came) -> Result<Told, Problem> {
    let body = whole(body, MAX_BODY)?;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let now = gateway.casework.clock().now();
    if is_signed(headers) {
        let seconds = now.ms() / 1_000;
        let known = gateway.deployments_secret.as_ref();
        let Some(secret) = known else {
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "signed, but no secret is configured: set secret_env under [deployments], or send a token with the scope telemetry:write",
            ));
        };
        if !signature::verify(secret, text, &body, seconds) {
            let text = "the signature isn't that of the configured secret";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, text));
        }
    }
    let sender = match (text("x-github-event"), text("x-gitlab-event")) {
        (Some(event), _) => Sender::GitHub(event),
        (_, Some(event)) => Sender::GitLab(event),
        _ => Sender::Other,
    };
    let body: Value = serde_json::from_slice(&body)
        .map_err(|error| Problem::bad(format!("the body isn't JSON: {error}")))?;
    deployments::read(sender, &body, now).map_err(Problem::bad)
}

/// Whether a request brings a proof of its own instead of a token.
pub fn is_signed(headers: &HeaderMap) -> bool {
    signature::HEADERS
        .iter()
        .any(|name| headers.contains_key(*name))
}
