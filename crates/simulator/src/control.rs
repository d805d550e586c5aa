//! The platform's door: an HTTP API with a bearer token that describes targets and carries out
//! actions.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::shop::{Error, Order, Shop};

/// Bytes of an order.
const MAX_BODY: usize = 64 << 10;

/// Tells the time in milliseconds since 1970.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

#[derive(Clone)]
struct Door {
    shop: Shop,
    now: Now,
    /// Of the token: compared by digest, which takes as long wherever they differ.
    token: [u8; 32],
}

/// `GET /targets`, `GET /targets/{name}`, `POST /actions`, `GET /actions/{key}`.
pub fn router(shop: Shop, token: &str, now: Now) -> Router {
    let door = Door {
        shop,
        now,
        token: Sha256::digest(token.as_bytes()).into(),
    };
    Router::new()
        .route("/targets", get(targets))
        .route("/targets/{name}", get(target))
        .route("/actions", post(act))
        .route("/actions/{key}", get(fate))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(door.clone(), guard))
        .with_state(door)
}

fn problem(status: StatusCode, detail: impl Into<String>) -> Response {
    let body = json!({ "title": status.canonical_reason(), "status": status.as_u16(), "detail": detail.into() });
    (
        status,
        [(header::CONTENT_TYPE, "application/problem+json")],
        body.to_string(),
    )
        .into_response()
}

async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = given
        .and_then(|text| text.strip_prefix("Bearer "))
        .unwrap_or_default();
    let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
    match digest == door.token {
        true => next.run(request).await,
        false => problem(
            StatusCode::UNAUTHORIZED,
            "expected the platform's bearer token",
        ),
    }
}

async fn targets(State(door): State<Door>) -> Json<Value> {
    let (world, now) = door.shop.snapshot(&*door.now);
    let all: Vec<Value> = (0..world.naming.services.len())
        .map(|service| world.target(service, now))
        .collect();
    Json(json!({ "targets": all }))
}

async fn target(State(door): State<Door>, Path(name): Path<String>) -> Response {
    let (world, now) = door.shop.snapshot(&*door.now);
    match world.naming.index(&name) {
        Some(service) => Json(world.target(service, now)).into_response(),
        None => problem(
            StatusCode::NOT_FOUND,
            format!("there is no target {name:?}"),
        ),
    }
}

async fn act(
    State(door): State<Door>,
    order: Result<Json<Order>, axum::extract::rejection::JsonRejection>,
) -> Response {
    let Json(order) = match order {
        Ok(order) => order,
        Err(rejection) => return problem(rejection.status(), rejection.body_text()),
    };
    match door.shop.act(&order, &*door.now) {
        Ok(fate) => Json(fate).into_response(),
        Err(Error::Refused(why)) => problem(StatusCode::UNPROCESSABLE_ENTITY, why),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

async fn fate(State(door): State<Door>, Path(key): Path<String>) -> Response {
    match door.shop.fate(&key) {
        Ok(Some(fate)) => Json(fate).into_response(),
        Ok(None) => problem(
            StatusCode::NOT_FOUND,
            format!("no order has the key {key:?}"),
        ),
        Err(error) => problem(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
