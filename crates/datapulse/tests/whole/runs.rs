//! An approved action through a user's own runner: begun once, and never again, though the process
//! is killed while the runner is at it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{Answer, Server, wait};
use crate::story;

const SECRET_ENV: &str = "RUNNER_SECRET";

/// A runner that acts at once, and answers the first order never.
#[derive(Clone, Default)]
struct Runner {
    /// Keys of the orders that it got.
    orders: Arc<Mutex<Vec<String>>>,
}

impl Runner {
    async fn start() -> (Self, String) {
        let runner = Self::default();
        let router = Router::new()
            .route("/run", post(act))
            .with_state(runner.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}/run", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (runner, url)
    }

    fn orders(&self) -> MutexGuard<'_, Vec<String>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn act(
    State(runner): State<Runner>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let request: Value = serde_json::from_slice(&body).expect("JSON");
    let done = json!({ "status": "succeeded", "message": "2.0.0 runs" });
    match request["operation"].as_str() {
        Some("observe") => {
            let acted = !runner.orders().is_empty();
            (
                StatusCode::OK,
                Json(json!({ "version": if acted { "2.0.0" } else { "2.0.1" } })),
            )
        }
        Some("known") => {
            let key = request["idempotency_key"].as_str().unwrap_or_default();
            let known = runner.orders().iter().any(|order| order == key);
            let status = if known {
                StatusCode::OK
            } else {
                StatusCode::NOT_FOUND
            };
            (status, Json(done))
        }
        _ => {
            let key = headers["idempotency-key"]
                .to_str()
                .expect("text")
                .to_owned();
            runner.orders().push(key);
            std::future::pending().await
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_on_its_way_when_the_process_is_killed() {
    let (runner, url) = Runner::start().await;
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    let text = format!(
        "[retention]\ntelemetry_days = 0\n\n[runner]\nkind = \"signed-webhook\"\nurl = \"{url}\"\nsecret_env = \"{SECRET_ENV}\"\n"
    );
    place.write("datapulse.toml", &text);
    let serve = || Server::start_with(&place, &[], &[(SECRET_ENV, "between us")]);
    let server = serve();
    place.done(&["action", "approve", &id, "P1", "--reason", "as before"]);
    tokio::task::block_in_place(|| wait(|| (!runner.orders().is_empty()).then_some(())));
    let metrics = Answer::of(server.bare(Method::GET, "/metrics")).await;
    let text = metrics.body.as_str().expect("text");
    assert!(
        text.contains("action_approval_time_seconds_count 1"),
        "{text}"
    );
    server.kill();
    let server = serve();
    let path = format!("/incidents/{id}");
    let state = server
        .until(&path, |incident| {
            let proposals = incident["proposals"].as_array().expect("proposals");
            let first = proposals
                .iter()
                .find(|state| state["proposal"]["id"] == "P1")
                .expect("P1");
            first["result"].is_string().then(|| first.clone())
        })
        .await;
    assert_eq!(
        (&state["result"], &state["note"]),
        (&json!("succeeded"), &json!("2.0.0 runs")),
        "{state:#}"
    );
    assert_eq!(*runner.orders(), [format!("{id}:P1")], "sent once");
    let metrics = Answer::of(server.bare(Method::GET, "/metrics")).await;
    let failed = "integration_call_failures_total{adapter=\"signed-webhook\"} 1";
    assert!(
        metrics
            .body
            .as_str()
            .is_some_and(|text| text.contains(failed)),
        "{metrics}"
    );
    let records = server.get(&format!("{path}/records")).await.body;
    let kinds: Vec<&str> = records["items"]
        .as_array()
        .expect("records")
        .iter()
        .filter(|item| item["record"]["event"]["proposal"] == "P1")
        .map(|item| item["record"]["event"]["kind"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        kinds,
        [
            "decided",
            "verdict_reached",
            "execution_started",
            "execution_finished"
        ]
    );
}
