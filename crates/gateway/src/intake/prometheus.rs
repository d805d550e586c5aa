//! Prometheus remote write, versions 1 and 2: samples become metric documents.
//!
//! Samples of one moment with the same labels are fields of one document, `metrics.<name>`. Its id
//! is made from them, so that a batch which comes again is stored once.

mod samples;
mod wire;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::Message;
use store::ItemResult;
use store::telemetry::MAX_BATCH;

use self::samples::Samples;
use self::wire::Series;
use super::tally::{reject, tally};
use super::{Came, whole};
use crate::problem::Problem;
use crate::state::Gateway;

/// Bytes of a body, inflated or not.
pub const MAX_BODY: usize = 32 << 20;

const INTAKE: &str = "prometheus";
const VERSION_1: &str = "prometheus.WriteRequest";
const VERSION_2: &str = "io.prometheus.write.v2.Request";
/// What senders of version 2 are told to have been written.
const WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");

/// `POST /api/v1/write`. Senders keep and repeat what is answered with 429 or 5xx, and drop what is
/// answered with another 4xx.
pub async fn write(State(gateway): State<Gateway>, headers: HeaderMap, body: Came) -> Response {
    match stored(&gateway, &headers, body).await {
        Ok(written) => (StatusCode::NO_CONTENT, [(WRITTEN, written.to_string())]).into_response(),
        Err(problem) => {
            reject(INTAKE, problem.status.to_string(), 1);
            problem.into_response()
        }
    }
}

/// How many samples are stored.
async fn stored(gateway: &Gateway, headers: &HeaderMap, body: Came) -> Result<u64, Problem> {
    let version = version(headers)?;
    let body = whole(body, MAX_BODY)?;
    let reading = tokio::task::spawn_blocking(move || read(version, &body));
    let mut samples = reading.await.unwrap_or_else(|error| {
        let text = format!("the body can't be read: {error}");
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, text))
    })?;
    for (reason, count) in &samples.left_out {
        reject(INTAKE, *reason, *count);
    }
    let documents = std::mem::take(&mut samples.documents);
    let results = gateway.casework.telemetry().ingest(documents).await?;
    // What comes again is there already.
    let results: Vec<ItemResult> = results
        .into_iter()
        .map(|result| match result {
            ItemResult::Conflict { id } => ItemResult::Created { id },
            other => other,
        })
        .collect();
    tally(INTAKE, &results);
    let refused = results.iter().find_map(|result| match result {
        ItemResult::Refused { reason, .. } => Some(reason),
        _ => None,
    });
    match refused {
        None => Ok(samples.taken),
        Some(reason) => {
            let count = results
                .iter()
                .filter(|result| matches!(result, ItemResult::Refused { .. }));
            let text = format!(
                "{} of {} documents were refused, the others are stored: {reason}",
                count.count(),
                results.len()
            );
            Err(Problem::bad(text))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

fn version(headers: &HeaderMap) -> Result<Version, Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let unfit = |what: String| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    let encoding = text(header::CONTENT_ENCODING).unwrap_or_default();
    if !encoding.eq_ignore_ascii_case("snappy") {
        return unfit(format!(
            "expected the content encoding snappy, got {encoding:?}"
        ));
    }
    let kind = text(header::CONTENT_TYPE).unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    if parts.next() != Some("application/x-protobuf") {
        return unfit(format!(
            "expected the content type application/x-protobuf, got {kind:?}"
        ));
    }
    match parts.find_map(|part| part.strip_prefix("proto=")) {
        None | Some(VERSION_1) => Ok(Version::One),
        Some(VERSION_2) => Ok(Version::Two),
        Some(other) => unfit(format!(
            "expected proto={VERSION_1} or proto={VERSION_2}, got {other:?}"
        )),
    }
}

fn read(version: Version, body: &[u8]) -> Result<Samples, Problem> {
    let broken = |error: snap::Error| Problem::bad(format!("the body isn't snappy: {error}"));
    let length = snap::raw::decompress_len(body).map_err(broken)?;
    if length > MAX_BODY {
        return Err(super::too_large(MAX_BODY));
    }
    let body = snap::raw::Decoder::new()
        .decompress_vec(body)
        .map_err(broken)?;
    let series = decode(version, &body)
        .map_err(|error| Problem::bad(format!("the body isn't a write request: {error}")))?;
    let samples = samples::documents(series);
    let count = samples.documents.len();
    if count > MAX_BATCH {
        let text =
            format!("{count} moments and sets of labels in one request: at most {MAX_BATCH}");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    Ok(samples)
}

fn decode(version: Version, body: &[u8]) -> Result<Vec<Series>, String> {
    let unreadable = |error: prost::DecodeError| error.to_string();
    match version {
        Version::One => Ok(wire::WriteRequest::decode(body)
            .map_err(unreadable)?
            .series()),
        Version::Two => wire::Request::decode(body).map_err(unreadable)?.series(),
    }
}
