//! Every answer has a correlation id; every error that leaves is a document that says what is wrong.

use std::panic::AssertUnwindSafe;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use crate::problem::{CORRELATION, Problem, random_id, with_correlation};

/// Characters of a correlation id that a caller may bring.
const MAX_ID: usize = 64;
/// Bytes of a plain refusal that become a problem's detail.
const MAX_DETAIL: usize = 4_096;

/// The outermost layer: what the framework refuses by itself, and what panics, is told as the rest.
pub async fn answers(request: Request, next: Next) -> Response {
    let id = brought(request.headers()).unwrap_or_else(random_id);
    let told = format!("{} {}", request.method(), request.uri().path());
    let answered = with_correlation(id.clone(), async {
        match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => as_problem(response).await,
            Err(_) => {
                let text = format!("{told} ended badly: the server's log has the reason");
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
            }
        }
    });
    let mut response = answered.await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(CORRELATION, value);
    }
    response
}

/// A caller's own id, so that its log and ours name a request alike.
fn brought(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CORRELATION)?.to_str().ok()?;
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (!text.is_empty() && text.len() <= MAX_ID && text.chars().all(fine)).then(|| text.to_owned())
}

/// An error without a document of its own (JSON of ours or of Elasticsearch's, OTLP's protobuf)
/// becomes a problem; headers such as `Allow` stay.
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if kind.is_some_and(|kind| kind.contains("json") || kind.contains("protobuf")) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let text = to_bytes(body, MAX_DETAIL).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    let detail = if text.is_empty() {
        "the request can't be answered: see /docs".to_owned()
    } else {
        text
    };
    let problem = Problem::new(status, detail).into_response();
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    let (new, body) = problem.into_parts();
    parts.headers.extend(new.headers);
    Response::from_parts(parts, Body::new(body))
}

/// The path is one of ours, the method isn't; `Allow` lists those that are.
pub async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let text = format!(
        "{} takes no {method}: the Allow header lists what it takes",
        uri.path()
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, text)
}
