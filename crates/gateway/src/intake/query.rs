//! `POST /_query`: Elasticsearch's request and response.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use esql::answer::{to_csv, to_json, to_tsv, to_txt};
use esql::{Answer, Error};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Came, inflate};
use crate::api::Asked;
use crate::routes::MAX_BODY;
use crate::state::Gateway;

/// Behind the question mark; others, such as `pretty`, change nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    format: Option<String>,
    drop_null_columns: Option<String>,
}

/// Forms that an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
    Tsv,
    Text,
}

impl Form {
    /// `format` says it, else the header; anything else is JSON.
    fn of(wanted: &Wanted, headers: &HeaderMap) -> Result<Self, Error> {
        if let Some(format) = &wanted.format {
            return Ok(match format.as_str() {
                "json" => Self::Json,
                "csv" => Self::Csv,
                "tsv" => Self::Tsv,
                "txt" => Self::Text,
                other => {
                    let reason =
                        format!("Invalid format [{other}]: expected json, csv, tsv or txt");
                    let kind = "illegal_argument_exception";
                    return Err(Error::Request { kind, reason });
                }
            });
        }
        let accept = headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok());
        Ok(
            match accept
                .unwrap_or_default()
                .split(';')
                .next()
                .unwrap_or_default()
            {
                "text/csv" => Self::Csv,
                "text/tab-separated-values" => Self::Tsv,
                "text/plain" => Self::Text,
                _ => Self::Json,
            },
        )
    }

    fn media(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Tsv => "text/tab-separated-values; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

pub async fn run(
    State(gateway): State<Gateway>,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
    body: Came,
) -> Response {
    let began = Instant::now();
    let body = match inflate(&headers, body, MAX_BODY) {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    match ask(&gateway, &wanted, &headers, &body, began).await {
        Ok(response) => response,
        Err(error) => refused(&error),
    }
}

async fn ask(
    gateway: &Gateway,
    wanted: &Wanted,
    headers: &HeaderMap,
    body: &[u8],
    began: Instant,
) -> Result<Response, Error> {
    let form = Form::of(wanted, headers)?;
    let text = String::from_utf8_lossy(body);
    let body = esql::body::parse(&text, gateway.casework.clock().now().ms())?;
    let asked = gateway.casework.telemetry().query(&body.request).await;
    let answer = asked.map_err(|error| match error {
        store::Error::Query(error) => error,
        store::Error::Unavailable(reason) => Error::Told {
            status: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
            kind: "unavailable_shards_exception".to_owned(),
            reason,
        },
        other => Error::Internal(other.to_string()),
    })?;
    let text = match form {
        Form::Csv => to_csv(&answer),
        Form::Tsv => to_tsv(&answer),
        Form::Text => to_txt(&answer),
        Form::Json => {
            let drop_nulls = wanted.drop_null_columns.as_deref() == Some("true");
            let mut json = to_json(&answer, body.columnar, drop_nulls);
            json["took"] = Value::from(began.elapsed().as_millis() as u64);
            json.to_string()
        }
    };
    let mut response = ([(header::CONTENT_TYPE, form.media())], text).into_response();
    warn(&mut response, &answer);
    Ok(response)
}

/// As Elasticsearch sends them: RFC 7234's header, quoted.
fn warn(response: &mut Response, answer: &Answer) {
    for warning in &answer.warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        let text = format!("299 DataPulse \"{quoted}\"");
        if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}

/// Errors in Elasticsearch's form: clients read nothing else.
fn refused(error: &Error) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let cause = json!({ "type": error.kind(), "reason": error.to_string() });
    let error = json!({ "root_cause": [cause], "type": error.kind(), "reason": error.to_string() });
    let body = json!({ "error": error, "status": status.as_u16() });
    (status, Json(body)).into_response()
}
