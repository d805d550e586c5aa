//! Errors in Elasticsearch's form: its clients read nothing else.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::problem::Problem;

/// Seconds after which a rejected request may be sent again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Kinds that say that something isn't there.
const MISSING: [&str; 2] = ["aliases_not_found_exception", "index_not_found_exception"];

/// `{"error": {"root_cause": […], "type": …, "reason": …}, "status": …}`
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub status: StatusCode,
    pub kind: String,
    pub reason: String,
    /// What else stands beside type and reason, such as the index.
    pub more: Box<Map<String, Value>>,
}

impl Refusal {
    pub fn new(status: StatusCode, kind: &str, reason: impl Into<String>) -> Self {
        Self {
            status,
            kind: kind.to_owned(),
            reason: reason.into(),
            more: Box::default(),
        }
    }

    /// `illegal_argument_exception`
    pub fn illegal(reason: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "illegal_argument_exception",
            reason,
        )
    }

    /// Too much at once: the same request may succeed later.
    pub fn rejected(reason: impl Into<String>) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::new(status, "es_rejected_execution_exception", reason)
    }

    pub fn no_index(index: &str) -> Self {
        let reason = format!("no such index [{index}]");
        Self::new(StatusCode::NOT_FOUND, "index_not_found_exception", reason)
            .with("resource.type", "index_or_alias")
            .with("resource.id", index)
            .with("index_uuid", "_na_")
            .with("index", index)
    }

    /// What was asked for isn't there.
    pub fn is_missing(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.more.insert(key.to_owned(), value.into());
        self
    }

    /// `{"type": …, "reason": …, …}`
    pub fn cause(&self) -> Map<String, Value> {
        let mut cause = Map::new();
        cause.insert("type".to_owned(), self.kind.clone().into());
        cause.insert("reason".to_owned(), self.reason.clone().into());
        cause.extend(self.more.as_ref().clone());
        cause
    }

    /// The same below its `root_cause`, as in the body of an answer.
    pub fn error(&self) -> Map<String, Value> {
        let cause = self.cause();
        let mut error = Map::new();
        error.insert("root_cause".to_owned(), json!([cause.clone()]));
        error.extend(cause);
        error
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error(), "status": self.status.as_u16() });
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

impl From<esql::Error> for Refusal {
    fn from(error: esql::Error) -> Self {
        let mut status =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if MISSING.contains(&error.kind()) {
            status = StatusCode::NOT_FOUND;
        }
        let refusal = Self::new(status, error.kind(), error.to_string());
        if matches!(error, esql::Error::Limit(_)) {
            return refusal.with("durability", "TRANSIENT");
        }
        refusal
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        use store::Error;
        match error {
            Error::Query(error) => error.into(),
            // Shippers keep the batch and send it again.
            Error::Unavailable(reason) => Self::rejected(reason),
            Error::Refused(reason) => Self::illegal(reason),
            Error::NotFound(what) => Self::new(
                StatusCode::NOT_FOUND,
                "resource_not_found_exception",
                format!("{what} not found"),
            ),
            Error::Conflict(what) => Self::new(
                StatusCode::CONFLICT,
                "version_conflict_engine_exception",
                format!("{what} exists already"),
            ),
            Error::Damaged(what) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "store_exception",
                format!("damaged: {what}"),
            ),
        }
    }
}

/// What the doors in front of a route say: access, lengths, methods.
impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "security_exception",
            StatusCode::NOT_FOUND => "resource_not_found_exception",
            StatusCode::TOO_MANY_REQUESTS => "es_rejected_execution_exception",
            StatusCode::REQUEST_TIMEOUT => "timeout_exception",
            StatusCode::PAYLOAD_TOO_LARGE => "content_too_long_exception",
            status if status.is_server_error() => "exception",
            _ => "illegal_argument_exception",
        };
        Self::new(status, kind, problem.detail)
    }
}
