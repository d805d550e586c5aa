//! Pages of other origins: none may call, unless it is listed. A listed one brings a token; the
//! session's cookie is never for it.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::CORRELATION;
use crate::state::Gateway;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE");
const HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, content-encoding, x-correlation-id");
/// Seconds that a browser may remember the answer to a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Answers preflights of listed origins and marks answers as theirs.
pub async fn cors(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let Some(origin) = listed(&gateway, request.headers()) else {
        return next.run(request).await;
    };
    let asks = request
        .headers()
        .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if request.method() == Method::OPTIONS && asks {
        let allowed = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ];
        (StatusCode::NO_CONTENT, allowed).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from(CORRELATION),
    );
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    response
}

/// The request's origin where the configuration lists it.
fn listed(gateway: &Gateway, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    let listed = gateway
        .options
        .cors_origins
        .iter()
        .any(|known| known == text);
    listed.then(|| origin.clone())
}

/// Whether a page elsewhere sent it: a browser says where a page comes from, nobody else does.
pub fn is_foreign(gateway: &Gateway, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN).map(HeaderValue::as_bytes) else {
        return false;
    };
    let host = headers
        .get(header::HOST)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let own = [b"http://".as_slice(), b"https://".as_slice()]
        .iter()
        .any(|scheme| origin.strip_prefix(*scheme) == Some(host));
    !own && listed(gateway, headers).is_none()
}
