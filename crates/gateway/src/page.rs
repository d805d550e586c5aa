//! Pages: the web UI from the binary, the API's page, login, health, metrics.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use rust_embed::RustEmbed;
use serde::Deserialize;
use serde_json::json;

use crate::api::observe::reading;
use crate::auth::{COOKIE, SESSION_LIFE};
use crate::problem::Problem;
use crate::state::Gateway;
use crate::tls::ByTls;
use crate::wrongs::Peer;

#[derive(RustEmbed)]
#[folder = "../../web/dist/"]
#[allow_missing = true]
struct Bundle;

/// What stands for the nonce in the bundle's page.
const NONCE: &str = "__CSP_NONCE__";
/// As many as the standard asks for.
const NONCE_BYTES: usize = 16;

/// Only what this server sends, and no inline script.
fn policy(styles: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' {styles}; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

/// Swagger UI's page has styles on its elements; it shows nothing but the API's description.
const DOCS_STYLES: &str = "'unsafe-inline'";

/// Fresh for each page, and not to be guessed; empty, and so nobody's, without random numbers.
fn fresh_nonce() -> String {
    let mut bytes = [0u8; NONCE_BYTES];
    getrandom::fill(&mut bytes)
        .map(|()| hex::encode(bytes))
        .unwrap_or_default()
}

fn with_policy(mut response: Response, styles: &str) -> Response {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&policy(styles)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

/// Whether the bundle has a file of this path.
pub fn is_file(path: &str) -> bool {
    Bundle::get(path).is_some()
}

/// A file of the bundle, else its page: the UI has its own routes.
pub async fn ui(method: Method, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    // What isn't a page of the UI is missing, rather than the UI's first page.
    let no_page = ["api/", "v1/", "_", "assets/", ".well-known/"];
    let no_page =
        no_page.iter().any(|prefix| path.starts_with(prefix)) && Bundle::get(path).is_none();
    if !matches!(method, Method::GET | Method::HEAD) || no_page {
        return Problem::not_found(format!("there is no {method} /{path}: see /docs"))
            .into_response();
    }
    if path != "index.html"
        && let Some(file) = Bundle::get(path)
    {
        let kind = mime_guess::from_path(path).first_or_octet_stream();
        // Names of assets hold their content's hash.
        let keep = if path.starts_with("assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        let headers = [
            (header::CONTENT_TYPE, kind.to_string()),
            (header::CACHE_CONTROL, keep.to_owned()),
        ];
        return with_policy((headers, file.data.into_owned()).into_response(), "");
    }
    // The UI makes style elements as it runs; they carry the page's nonce.
    let nonce = fresh_nonce();
    let html = match Bundle::get("index.html") {
        Some(file) => String::from_utf8_lossy(&file.data).replace(NONCE, &nonce),
        None => NOT_BUILT.to_owned(),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    with_policy((headers, html).into_response(), &format!("'nonce-{nonce}'"))
}

const NOT_BUILT: &str = "<!doctype html><html lang=en><title>DataPulse</title><h1>DataPulse</h1>\
<p>This binary was built without the web UI: Node.js wasn't there. The <a href=\"/docs\">API</a> and the command line \
(<code>datapulse --help</code>) do everything that the UI does.</p></html>";

pub async fn docs() -> Response {
    docs_of("")
}

pub async fn docs_file(Path(file): Path<String>) -> Response {
    docs_of(&file)
}

fn docs_of(file: &str) -> Response {
    if file.is_empty() {
        // Relative links of the page must resolve below /docs/.
        return Redirect::permanent("/docs/index.html").into_response();
    }
    let config = std::sync::Arc::new(utoipa_swagger_ui::Config::from("/openapi.json"));
    match utoipa_swagger_ui::serve(file, config) {
        Ok(Some(file)) => {
            let headers = [(header::CONTENT_TYPE, file.content_type)];
            with_policy(
                (headers, file.bytes.into_owned()).into_response(),
                DOCS_STYLES,
            )
        }
        _ => Problem::not_found(format!("there is no /docs/{file}")).into_response(),
    }
}

#[derive(Debug, Deserialize)]
pub struct Code {
    code: String,
}

/// Uses the code up, sets the session's cookie and goes to the UI.
pub async fn log_in(
    State(gateway): State<Gateway>,
    peer: Peer,
    ByTls(by_tls): ByTls,
    code: Result<Query<Code>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Ok(Query(Code { code })) = code else {
        return Problem::bad(
            "expected /login?code=…: make a link with `datapulse token login-link`",
        )
        .into_response();
    };
    match gateway.sessions.log_in(&code, peer) {
        Ok((secret, principal)) => {
            let act = model::Act::LoggedIn {
                subject: principal.subject.clone(),
                via: "login-link".to_owned(),
            };
            let noted = gateway.casework.record_act(principal.actor(), act).await;
            if let Err(error) = noted {
                return Problem::from(error).into_response();
            }
            let life = SESSION_LIFE.as_secs();
            let secure = if by_tls { "; Secure" } else { "" };
            let cookie = format!(
                "{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{secure}"
            );
            ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

pub async fn log_out(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    gateway.sessions.log_out(&headers);
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
}

pub async fn healthz() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// 503 with what isn't ready: silence never looks like health.
pub async fn readyz(State(gateway): State<Gateway>) -> Response {
    let health = reading(&gateway);
    let mut waits = Vec::new();
    if health.watching && health.sentinel_late {
        waits.push("sentinel is late");
    }
    if health.watching && health.last_tick.is_some() && health.telemetry_stopped {
        waits.push("telemetry has stopped");
    }
    if health.failure.is_some() {
        waits.push("the last look failed");
    }
    let status = if waits.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(json!({ "ready": waits.is_empty(), "waits_for": waits, "health": health })),
    )
        .into_response()
}

pub async fn metrics(State(gateway): State<Gateway>) -> Response {
    let headers = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (headers, (gateway.options.metrics)()).into_response()
}
