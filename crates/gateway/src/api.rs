//! The API's resources, one file each.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use model::IncidentId;
use serde::de::DeserializeOwned;

use crate::auth::Principal;
use crate::problem::Problem;
use crate::routes::MAX_BODY;
use crate::state::Gateway;

pub mod automation;
pub mod care;
pub mod evidence;
pub mod incidents;
pub mod lessons;
pub mod lineage;
pub mod marks;
pub mod observe;
pub mod proposals;
pub mod stream;
pub mod tokens;

/// A JSON body; what is wrong with it is a problem document.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Gateway> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Gateway) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let text = format!("the body is over {MAX_BODY} bytes");
                Err(Problem::new(rejection.status(), text))
            }
            Err(rejection) => Err(Problem::new(
                rejection.status(),
                said(&rejection.body_text()),
            )),
        }
    }
}

/// Parameters behind the question mark.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Gateway> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Gateway) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(asked)) => Ok(Self(asked)),
            Err(rejection) => Err(Problem::bad(said(&rejection.body_text()))),
        }
    }
}

/// What is wrong, without the framework's own words before it.
fn said(text: &str) -> String {
    let own = [
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to parse the request body as JSON: ",
        "Failed to deserialize query string: ",
    ];
    let rest = own.iter().find_map(|own| text.strip_prefix(own));
    rest.unwrap_or(text).to_owned()
}

impl FromRequestParts<Gateway> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Gateway) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().cloned();
        found.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "nobody is asking"))
    }
}

/// An incident's id from a path.
pub fn incident_id(text: &str) -> Result<IncidentId, Problem> {
    let incident = IncidentId::parse(text).filter(|id| !id.is_system());
    incident.ok_or_else(|| {
        Problem::not_found(format!(
            "incident {text} not found: ids look like INC-202611-0a1b2c3d4e5f"
        ))
    })
}
