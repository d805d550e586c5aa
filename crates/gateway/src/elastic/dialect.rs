//! What all routes of Elasticsearch's have around them.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::filter_path::FilterPath;
use super::refusal::Refusal;
use crate::page;
use crate::problem::Problem;

/// Clients ask for it in every answer, and refuse to talk to what doesn't say it.
const PRODUCT: HeaderName = HeaderName::from_static("x-elastic-product");
const ELASTICSEARCH: HeaderValue = HeaderValue::from_static("Elasticsearch");

const FOR: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Bytes of an answer of which parts can be wanted.
const MAX_FILTERED: usize = 256 << 20;
/// Bytes of a problem that becomes Elasticsearch's.
const MAX_PROBLEM: usize = 1 << 16;

/// The answer as Elasticsearch gives it: its header, its media type, its errors, and of its body
/// what the request wants.
pub async fn dialect(request: Request, next: Next) -> Response {
    let wanted = Wanted::of(request.uri());
    let media = vendor_media(request.headers());
    let mut response = translated(next.run(request).await).await;
    if wanted.changes() && is_json(response.headers()) {
        response = wanted.apply(response).await;
    }
    let headers = response.headers_mut();
    headers.insert(PRODUCT, ELASTICSEARCH);
    if let Some(media) = media
        && is_json(headers)
    {
        headers.insert(header::CONTENT_TYPE, media);
    }
    response
}

/// Browsers that look for a page get the UI: its own paths and index names share a place.
pub async fn or_page(request: Request, next: Next) -> Response {
    if request.method().is_safe() && is_for_page(&request) {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        return varying(page::ui(method, uri).await);
    }
    varying(next.run(request).await)
}

fn is_for_page(request: &Request) -> bool {
    let says = |name: &HeaderName| request.headers().get(name)?.to_str().ok();
    let wants_page = says(&header::ACCEPT).is_some_and(|accept| accept.contains("text/html"));
    // A browser says what it fetches for: an image or a style, but nothing for a script's call.
    let for_page = says(&FOR).is_some_and(|what| what != "empty");
    let path = request.uri().path().trim_start_matches('/');
    wants_page || for_page || page::is_file(path)
}

/// What lies between may keep an answer only for those who accept the same.
fn varying(mut response: Response) -> Response {
    let accept = HeaderValue::from(header::ACCEPT);
    response.headers_mut().append(header::VARY, accept);
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

/// The media type by which a client says for which version it was written.
fn vendor_media(headers: &HeaderMap) -> Option<HeaderValue> {
    let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
    if !accept.starts_with("application/vnd.elasticsearch+json") {
        return None;
    }
    let version = accept.split("compatible-with=").nth(1)?;
    let version: String = version.chars().take_while(char::is_ascii_digit).collect();
    let media = format!("application/vnd.elasticsearch+json;compatible-with={version}");
    HeaderValue::from_str(&media).ok()
}

/// A problem of ours in Elasticsearch's form.
async fn translated(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_problem = kind.is_some_and(|kind| kind.as_bytes() == b"application/problem+json");
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || is_json(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_PROBLEM).await.unwrap_or_default();
    let problem = if is_problem {
        serde_json::from_slice(&bytes).ok()
    } else {
        None
    };
    let problem = problem.unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&bytes);
        Problem::new(status, text.trim())
    });
    let (new, body) = Refusal::from(problem).into_response().into_parts();
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    parts.headers.extend(new.headers);
    Response::from_parts(parts, body)
}

/// How the body is wanted.
struct Wanted {
    filter_path: Option<FilterPath>,
    pretty: bool,
}

impl Wanted {
    fn of(uri: &Uri) -> Self {
        let mut wanted = Self {
            filter_path: None,
            pretty: false,
        };
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        for (name, value) in pairs {
            match name.as_ref() {
                "filter_path" => wanted.filter_path = Some(FilterPath::parse(&value)),
                "pretty" => wanted.pretty = value != "false",
                _ => {}
            }
        }
        wanted
    }

    fn changes(&self) -> bool {
        self.filter_path.is_some() || self.pretty
    }

    async fn apply(&self, response: Response) -> Response {
        let (mut parts, body) = response.into_parts();
        let Ok(bytes) = to_bytes(body, MAX_FILTERED).await else {
            let reason = format!("an answer over {MAX_FILTERED} bytes can't be filtered");
            return Refusal::illegal(reason).into_response();
        };
        parts.headers.remove(header::CONTENT_LENGTH);
        let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else {
            return Response::from_parts(parts, Body::from(bytes));
        };
        if let Some(filter) = &self.filter_path {
            value = filter.of(value);
        }
        let text = if self.pretty {
            serde_json::to_string_pretty(&value).map(|text| text + "\n")
        } else {
            serde_json::to_string(&value)
        };
        match text {
            Ok(text) => Response::from_parts(parts, Body::from(text)),
            Err(_) => Response::from_parts(parts, Body::from(bytes)),
        }
    }
}
