//! OTLP mapped to ECS: over HTTP as protobuf and JSON, and over gRPC.

use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::Document;
use tokio::sync::Mutex;

use self::temporality::Deltas;
use super::tally::reject;
use super::{Came, inflate};
use crate::problem::Problem;
use crate::state::Gateway;

mod ecs;
mod exponential;
mod exports;
pub mod grpc;
mod points;
mod requests;
pub mod temporality;

/// Bytes of a body, inflated.
pub const MAX_BODY: usize = 32 << 20;

/// `google.rpc.Status`, which OTLP's errors are.
#[derive(Clone, PartialEq, Message, Serialize)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// Why a whole request isn't taken.
struct Refusal {
    status: StatusCode,
    code: i32,
    message: String,
}

impl Refusal {
    fn invalid(status: StatusCode, message: String) -> Self {
        Self {
            status,
            code: INVALID_ARGUMENT,
            message,
        }
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Refused(reason) => Self::invalid(StatusCode::BAD_REQUEST, reason),
            // Senders keep the batch and send it again.
            error => Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                code: UNAVAILABLE,
                message: error.to_string(),
            },
        }
    }
}

/// gRPC's codes.
const INVALID_ARGUMENT: i32 = 3;
const UNAVAILABLE: i32 = 14;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// What the sender says; answers to senders that say something else are protobuf.
    fn of(headers: &HeaderMap) -> Self {
        if media(headers).eq_ignore_ascii_case("application/json") {
            Self::Json
        } else {
            Self::Protobuf
        }
    }

    fn decode<T: Message + Default + DeserializeOwned>(self, body: &[u8]) -> Result<T, String> {
        match self {
            Self::Protobuf => {
                T::decode(body).map_err(|error| format!("the body isn't OTLP protobuf: {error}"))
            }
            Self::Json => serde_json::from_slice(body)
                .map_err(|error| format!("the body isn't OTLP JSON: {error}")),
        }
    }

    fn answer<T: Message + Serialize>(self, status: StatusCode, message: &T) -> Response {
        match self {
            Self::Protobuf => (
                status,
                [(header::CONTENT_TYPE, "application/x-protobuf")],
                message.encode_to_vec(),
            )
                .into_response(),
            Self::Json => (status, axum::Json(message)).into_response(),
        }
    }

    fn refuse(self, refusal: Refusal) -> Response {
        let Refusal {
            status,
            code,
            message,
        } = refusal;
        self.answer(status, &RpcStatus { code, message })
    }
}

/// The content type without its parameters.
fn media(headers: &HeaderMap) -> &str {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    given
        .and_then(|text| text.split(';').next())
        .unwrap_or_default()
        .trim()
}

/// OTLP's two content types; a body without one is taken for protobuf.
fn is_otlp(headers: &HeaderMap) -> bool {
    ["", "application/x-protobuf", "application/json"]
        .iter()
        .any(|known| media(headers).eq_ignore_ascii_case(known))
}

/// The request that came.
fn read<T>(headers: &HeaderMap, body: Came) -> Result<T, Refusal>
where
    T: Message + Default + DeserializeOwned,
{
    if !is_otlp(headers) {
        let text = format!(
            "expected the content type application/x-protobuf or application/json, got {:?}",
            media(headers)
        );
        return Err(Refusal::invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let body = inflate(headers, body, MAX_BODY).map_err(|Problem { status, detail, .. }| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Refusal::invalid(status, detail)
    })?;
    let request = Encoding::of(headers).decode(&body);
    request.map_err(|message| Refusal::invalid(StatusCode::BAD_REQUEST, message))
}

/// Stores a batch of metrics. Cumulative points are held against those that are stored, so the
/// batch has the deltas for itself until it is stored or refused: two batches at once would both
/// count from the same point, and a refused one comes again.
async fn through<T, E>(
    deltas: &Mutex<Deltas>,
    request: &ExportMetricsServiceRequest,
    ingest: impl AsyncFnOnce(Vec<Document>) -> Result<T, E>,
) -> Result<T, E> {
    let now = Instant::now();
    if !requests::need_deltas(request) {
        let mut none = Deltas::default();
        return ingest(points::documents(request, &mut none.batch(now))).await;
    }
    let mut deltas = deltas.lock().await;
    let mut batch = deltas.batch(now);
    let documents = points::documents(request, &mut batch);
    let changes = batch.changes();
    let stored = ingest(documents).await?;
    deltas.commit(changes);
    Ok(stored)
}

/// One request over HTTP.
async fn export<Q, A>(
    headers: &HeaderMap,
    body: Came,
    intake: &'static str,
    export: impl AsyncFnOnce(Q) -> Result<A, Refusal>,
) -> Response
where
    Q: Message + Default + DeserializeOwned,
    A: Message + Serialize,
{
    let encoding = Encoding::of(headers);
    let request = match read(headers, body) {
        Ok(request) => request,
        Err(refusal) => {
            reject(intake, refusal.status.as_u16().to_string(), 1);
            return encoding.refuse(refusal);
        }
    };
    match export(request).await {
        Ok(answer) => encoding.answer(StatusCode::OK, &answer),
        Err(refusal) => encoding.refuse(refusal),
    }
}

pub async fn logs(State(gateway): State<Gateway>, headers: HeaderMap, body: Came) -> Response {
    let to_store = async |request: ExportLogsServiceRequest| exports::logs(&gateway, request).await;
    export(&headers, body, "otlp_logs", to_store).await
}

pub async fn traces(State(gateway): State<Gateway>, headers: HeaderMap, body: Came) -> Response {
    let to_store =
        async |request: ExportTraceServiceRequest| exports::traces(&gateway, request).await;
    export(&headers, body, "otlp_traces", to_store).await
}

pub async fn metrics(State(gateway): State<Gateway>, headers: HeaderMap, body: Came) -> Response {
    let to_store =
        async |request: ExportMetricsServiceRequest| exports::metrics(&gateway, request).await;
    export(&headers, body, "otlp_metrics", to_store).await
}

#[cfg(test)]
mod tests;
