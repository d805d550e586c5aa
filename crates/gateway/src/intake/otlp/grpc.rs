//! OTLP over gRPC: the same requests as over HTTP, on every socket that speaks HTTP/2.
//!
//! Refusals are gRPC's: whoever may not is `UNAUTHENTICATED` or `PERMISSION_DENIED`; too much at
//! once, and a store that can't take it now, is `UNAVAILABLE`, which senders retry.

use std::future::Future;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use model::Scope;
use prost::Message;
use tonic::codec::CompressionEncoding;
use tonic::server::Grpc;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::{MAX_BODY, Refusal, exports};
use crate::guard::guard;
use crate::problem::Problem;
use crate::routes::Access;
use crate::state::Gateway;

/// Bytes of a refusal's document.
const MAX_PROBLEM: usize = 16 << 10;
const KIND: &str = "application/grpc";

/// The three services. What they ask of a caller is what the HTTP routes ask.
pub fn router(gateway: &Gateway) -> Router<Gateway> {
    let access = Access::Scope(Scope::TelemetryWrite);
    let guarded = |handler: MethodRouter<Gateway>| {
        handler
            .layer(from_fn_with_state((gateway.clone(), access), guard))
            .layer(from_fn(as_status))
    };
    let path = |signal: &str, service: &str| {
        format!("/opentelemetry.proto.collector.{signal}.v1.{service}/Export")
    };
    Router::new()
        .route(&path("logs", "LogsService"), guarded(post(logs)))
        .route(&path("metrics", "MetricsService"), guarded(post(metrics)))
        .route(&path("trace", "TraceService"), guarded(post(traces)))
}

async fn logs(State(gateway): State<Gateway>, request: Request) -> Response {
    unary(request, async |request| {
        exports::logs(&gateway, request).await
    })
    .await
}

async fn metrics(State(gateway): State<Gateway>, request: Request) -> Response {
    unary(request, async |request| {
        exports::metrics(&gateway, request).await
    })
    .await
}

async fn traces(State(gateway): State<Gateway>, request: Request) -> Response {
    unary(request, async |request| {
        exports::traces(&gateway, request).await
    })
    .await
}

/// Reads one message, inflated where it came gzipped, and answers it with one.
async fn unary<Q, A, F>(request: Request, answer: impl Fn(Q) -> F) -> Response
where
    Q: Message + Default + Send + 'static,
    A: Message + Send + Sync + 'static,
    F: Future<Output = Result<A, Refusal>> + Send,
{
    let service = service_fn(|request: tonic::Request<Q>| {
        let answered = answer(request.into_inner());
        async move {
            let answered = answered.await.map_err(Status::from)?;
            Ok::<_, Status>(tonic::Response::new(answered))
        }
    });
    let mut grpc = Grpc::new(ProstCodec::<A, Q>::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_BODY);
    grpc.unary(service, request).await.map(Body::new)
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Self::new(Code::from_i32(refusal.code), refusal.message)
    }
}

/// What the doors in front say, as gRPC says it.
async fn as_status(request: Request, next: Next) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(KIND.as_bytes())) {
        let text = format!(
            "this is gRPC: expected the content type {KIND}; OTLP over HTTP is at /v1/logs, /v1/metrics and /v1/traces"
        );
        return Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response();
    }
    let response = next.run(request).await;
    let status = response.status();
    if status.is_success() {
        return response;
    }
    let body = to_bytes(response.into_body(), MAX_PROBLEM).await;
    let problem: Option<Problem> = serde_json::from_slice(&body.unwrap_or_default()).ok();
    let detail = problem.map_or_else(|| status.to_string(), |problem| problem.detail);
    Status::new(code(status), detail).into_http::<Body>()
}

fn code(status: StatusCode) -> Code {
    match status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        StatusCode::REQUEST_TIMEOUT => Code::DeadlineExceeded,
        StatusCode::PAYLOAD_TOO_LARGE => Code::ResourceExhausted,
        status if status.is_server_error() => Code::Internal,
        _ => Code::InvalidArgument,
    }
}
