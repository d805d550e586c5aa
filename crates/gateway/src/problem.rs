//! Problems as RFC 9457 has them, each with a correlation id that the log has too.

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// Where the correlation id stands in answers.
pub const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");

/// A problem document.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// `about:blank`: the status says it all.
    pub r#type: String,
    pub title: String,
    pub status: u16,
    /// What is wrong, and what to do.
    pub detail: String,
    pub correlation_id: String,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            r#type: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("problem").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            correlation_id: correlation_id(),
        }
    }

    pub fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }
}

tokio::task_local! {
    /// The id of the request that this task answers.
    static REQUEST: String;
}

/// Answers a request whose problems, and whose lines in the log, have this id.
pub async fn with_correlation<T>(id: String, answer: impl Future<Output = T>) -> T {
    REQUEST.scope(id, answer).await
}

/// The id of the request that is answered; outside of one, a new id.
pub fn correlation_id() -> String {
    REQUEST
        .try_with(Clone::clone)
        .unwrap_or_else(|_| random_id())
}

/// Sixteen random hexadecimal digits.
pub fn random_id() -> String {
    let mut bytes = [0u8; 8];
    // Without random numbers the id is zeros: it only helps to find a line in the log.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::error!(
                correlation_id = self.correlation_id,
                detail = self.detail,
                "failed"
            );
        }
        let headers = [
            (header::CONTENT_TYPE, "application/problem+json".to_owned()),
            (CORRELATION, self.correlation_id.clone()),
        ];
        (status, headers, Json(self)).into_response()
    }
}

impl From<casework::Error> for Problem {
    fn from(error: casework::Error) -> Self {
        use casework::Error;
        let status = match &error {
            Error::Illegal(_) => StatusCode::CONFLICT,
            Error::NoIncident(_) | Error::NoTool(_) => StatusCode::NOT_FOUND,
            Error::Parameter(_) => StatusCode::BAD_REQUEST,
            Error::Secret(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Store(_) => return store(error),
            Error::Damaged(_) | Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

fn store(error: casework::Error) -> Problem {
    match error {
        casework::Error::Store(error) => error.into(),
        other => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, other.to_string()),
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        use store::Error;
        let status = match &error {
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Refused(_) => StatusCode::BAD_REQUEST,
            Error::Damaged(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Error::Query(query) => {
                StatusCode::from_u16(query.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        };
        Self::new(status, error.to_string())
    }
}
