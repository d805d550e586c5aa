//! A stand-in for Slack's Web API and its sockets, and a runner that acts at once. No Slack is behind
//! it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;

pub const TEAM: &str = "T0WORKSPACE";
pub const APP: &str = "A0DATAPULSE";
pub const CHANNEL: &str = "C0INCIDENTS";

#[derive(Default)]
struct Told {
    views: Vec<Value>,
    socket: Option<String>,
}

#[derive(Clone)]
pub struct StandIn {
    pub api: String,
    told: Arc<Mutex<Told>>,
}

impl StandIn {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stand_in = Self {
            api: format!("http://{address}/api"),
            told: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(stand_in.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        stand_in
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The modals that were opened, each with its trigger.
    pub fn views(&self) -> Vec<Value> {
        self.told().views.clone()
    }

    /// The other end of each socket that is opened.
    pub async fn sockets(&self) -> mpsc::Receiver<WebSocketStream<TcpStream>> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        self.told().socket = Some(format!("ws://{address}/link/?ticket=1&app_id={APP}"));
        let (opened, sockets) = mpsc::channel(8);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let socket = tokio_tungstenite::accept_async(stream).await;
                if opened.send(socket.expect("an upgrade")).await.is_err() {
                    return;
                }
            }
        });
        sockets
    }
}

async fn answer(State(stand_in): State<StandIn>, uri: Uri, body: Bytes) -> Json<Value> {
    let method = uri.path().trim_start_matches("/api/");
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    Json(match method {
        "users.info" => {
            let query = uri.query().unwrap_or_default();
            let id = query.strip_prefix("user=").unwrap_or_default();
            json!({ "ok": true, "user": user(id) })
        }
        "views.open" => {
            stand_in.told().views.push(body);
            json!({ "ok": true })
        }
        "apps.connections.open" => json!({ "ok": true, "url": stand_in.told().socket }),
        "auth.test" => {
            json!({ "ok": true, "team_id": TEAM, "user_id": "U0DATAPULSE", "bot_id": "B0DATAPULSE" })
        }
        "chat.postMessage" => json!({ "ok": true, "channel": CHANNEL, "ts": "1764000000.000100" }),
        "conversations.history" | "conversations.replies" => {
            json!({ "ok": true, "messages": [], "has_more": false })
        }
        _ => json!({ "ok": true }),
    })
}

/// As in Slack's example of `users.info`: a full member, unless the id says otherwise.
fn user(id: &str) -> Value {
    let team = match id {
        "U0ELSEWHERE" => "T0ANOTHER",
        _ => TEAM,
    };
    json!({
        "id": id, "team_id": team, "deleted": id == "U0GONE", "is_bot": id == "U0ROBOT",
        "is_restricted": id == "U0GUEST", "is_ultra_restricted": false, "is_email_confirmed": true,
        "profile": { "email": format!("{}@corp.example", id.to_lowercase()) },
    })
}

/// A runner that acts at once.
#[derive(Clone, Default)]
pub struct Runner {
    orders: Arc<Mutex<Vec<Value>>>,
}

impl Runner {
    pub async fn start() -> (Self, String) {
        let runner = Self::default();
        let router = Router::new()
            .route("/run", post(act))
            .with_state(runner.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/run", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (runner, url)
    }

    pub fn orders(&self) -> usize {
        self.locked().len()
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Value>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn act(State(runner): State<Runner>, body: Bytes) -> Json<Value> {
    let request: Value = serde_json::from_slice(&body).expect("JSON");
    if request["operation"] == "observe" {
        let version = match runner.orders() {
            0 => "2.0.1",
            _ => "2.0.0",
        };
        return Json(json!({ "version": version }));
    }
    if request["operation"] != "known" {
        runner.locked().push(request);
    }
    Json(json!({ "status": "succeeded", "message": "2.0.0 runs" }))
}
