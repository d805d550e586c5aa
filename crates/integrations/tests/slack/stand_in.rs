//! A stand-in for Slack: the methods that are used, over real sockets. No Slack is behind it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use integrations::outbound::OutboundSettings;
use integrations::slack::Client;
use integrations::{Outbound, Secret};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;

pub const BOT_TOKEN: &str = "xoxb-stand-in";
pub const APP_TOKEN: &str = "xapp-stand-in";
/// As in Slack's examples of `auth.test`.
pub const BOT: &str = "B0DATAPULSE";
pub const BOT_USER: &str = "U0DATAPULSE";

/// What was asked.
#[derive(Clone)]
pub struct Asked {
    pub http: Method,
    pub method: String,
    pub query: HashMap<String, String>,
    pub headers: HeaderMap,
    pub body: Value,
}

/// What it does instead of its usual answer, once.
#[derive(Clone)]
pub enum Instead {
    /// Does nothing and answers this.
    Says(u16, Vec<(&'static str, String)>, String),
    /// Does nothing, and answers after this long.
    Slow(Duration),
    /// Acts, and its answer breaks off.
    ActsAndBreaksOff,
    /// Acts, and answers this.
    ActsAndSays(u16),
}

#[derive(Default)]
struct Told {
    asked: Vec<Asked>,
    instead: HashMap<String, VecDeque<Instead>>,
    messages: Vec<Value>,
    /// Messages that were ever there.
    posted: usize,
}

/// A workspace with one channel, whose clock is at 1764000000 and ticks with each message.
#[derive(Clone)]
pub struct StandIn {
    port: u16,
    told: Arc<Mutex<Told>>,
    socket: Arc<Mutex<Option<String>>>,
    tickets: Arc<AtomicUsize>,
}

impl StandIn {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let stand_in = Self {
            port: listener.local_addr().expect("an address").port(),
            told: Arc::default(),
            socket: Arc::default(),
            tickets: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(stand_in.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        stand_in
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn client(&self) -> Client {
        let token = Secret::new(BOT_TOKEN);
        Client::at(&self.url("/api"), token, &Outbound::default()).expect("a client")
    }

    /// The next call of a method meets this.
    pub fn instead(&self, method: &str, instead: Instead) {
        let mut told = self.told();
        let queue = told.instead.entry(method.to_owned()).or_default();
        queue.push_back(instead);
    }

    /// The next call of a method is answered with this `error`.
    pub fn fails(&self, method: &str, error: &str) {
        let body = json!({ "ok": false, "error": error }).to_string();
        self.instead(method, Instead::Says(200, Vec::new(), body));
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.told().asked.clone()
    }

    pub fn methods(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.method).collect()
    }

    /// The messages in the channel, oldest first.
    pub fn messages(&self) -> Vec<Value> {
        self.told().messages.clone()
    }

    /// Somebody deletes a message.
    pub fn somebody_deletes(&self, ts: &str) {
        self.told().messages.retain(|message| message["ts"] != ts);
    }

    /// A message of somebody else's.
    pub fn somebody_posts(&self, mut message: Value) {
        let mut told = self.told();
        message["ts"] = told.next_ts().into();
        told.messages.push(message);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Socket Mode's other end: every connection that is opened, upgraded.
    pub async fn sockets(&self) -> mpsc::Receiver<WebSocketStream<TcpStream>> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        *self.socket.lock().expect("not poisoned") = Some(format!("ws://127.0.0.1:{port}/link/"));
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

    /// How often an address for a socket was asked for.
    pub fn tickets(&self) -> usize {
        self.tickets.load(Ordering::SeqCst)
    }

    fn acts(&self, asked: &Asked) -> Value {
        match asked.method.as_str() {
            // From Slack's example of the method.
            "auth.test" => {
                json!({ "ok": true, "url": "https://subarachnoid.slack.com/",
                "team": "Subarachnoid Workspace", "user": "bot", "team_id": "T0G9PQBBK",
                "user_id": BOT_USER, "bot_id": BOT, "is_enterprise_install": false })
            }
            "chat.postMessage" => self.posts(&asked.body),
            "chat.update" => self.updates(&asked.body),
            "conversations.history" | "conversations.replies" => self.lists(&asked.query),
            "users.info" => json!({ "ok": true, "user": user(&asked.query["user"]) }),
            "apps.connections.open" => {
                let ticket = self.tickets.fetch_add(1, Ordering::SeqCst);
                let base = self.socket.lock().expect("not poisoned").clone();
                let base = base.expect("has sockets");
                json!({ "ok": true, "url": format!("{base}?ticket={ticket}&app_id=A0DATAPULSE") })
            }
            _ => json!({ "ok": true }),
        }
    }

    fn posts(&self, body: &Value) -> Value {
        let mut told = self.told();
        let ts = told.next_ts();
        let mut message = body.clone();
        message["ts"] = ts.clone().into();
        message["bot_id"] = BOT.into();
        message["user"] = BOT_USER.into();
        message["type"] = "message".into();
        told.messages.push(message.clone());
        json!({ "ok": true, "channel": body["channel"], "ts": ts, "message": message })
    }

    fn updates(&self, body: &Value) -> Value {
        let mut told = self.told();
        let found = told.messages.iter_mut().find(|one| one["ts"] == body["ts"]);
        let Some(message) = found else {
            return json!({ "ok": false, "error": "message_not_found" });
        };
        message["blocks"] = body["blocks"].clone();
        message["text"] = body["text"].clone();
        json!({ "ok": true, "channel": body["channel"], "ts": body["ts"], "text": body["text"] })
    }

    /// Newest first, in pages; metadata's payload only where it is asked for.
    fn lists(&self, query: &HashMap<String, String>) -> Value {
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<f64>().ok());
        let oldest = number("oldest").unwrap_or(0.0);
        let thread = query.get("ts");
        let told = self.told();
        let has = |ts: &String| told.messages.iter().any(|one| one["ts"] == ts.as_str());
        if thread.is_some_and(|ts| !has(ts)) {
            return json!({ "ok": false, "error": "thread_not_found" });
        }
        let of_thread = |one: &&Value| match thread {
            Some(ts) => one["thread_ts"] == ts.as_str() || one["ts"] == ts.as_str(),
            None => one.get("thread_ts").is_none(),
        };
        let young = |one: &&Value| {
            let at: f64 = one["ts"].as_str().expect("a ts").parse().expect("a time");
            at >= oldest
        };
        let fitting: Vec<Value> = told
            .messages
            .iter()
            .rev()
            .filter(of_thread)
            .filter(young)
            .cloned()
            .collect();
        let limit = number("limit").unwrap_or(100.0) as usize;
        let from = query
            .get("cursor")
            .map_or(0, |text| text.parse().expect("a cursor"));
        let mut page: Vec<Value> = fitting.iter().skip(from).take(limit).cloned().collect();
        if query.get("include_all_metadata").map(String::as_str) != Some("true") {
            for message in &mut page {
                if let Some(metadata) = message.get_mut("metadata") {
                    metadata["event_payload"] = json!({});
                }
            }
        }
        let more = fitting.len() > from + limit;
        let next = if more {
            (from + limit).to_string()
        } else {
            String::new()
        };
        json!({ "ok": true, "messages": page, "has_more": more,
            "response_metadata": { "next_cursor": next } })
    }
}

impl Told {
    fn next_ts(&mut self) -> String {
        self.posted += 1;
        format!("{}.{:06}", 1_764_000_000 + self.posted - 1, 100)
    }
}

/// As in Slack's example of `users.info`, of a full member.
pub fn user(id: &str) -> Value {
    json!({
        "id": id, "team_id": "T0WORKSPACE", "name": "spengler", "deleted": false,
        "color": "9f69e7", "real_name": "Egon Spengler", "tz": "America/Los_Angeles",
        "tz_label": "Pacific Daylight Time", "tz_offset": -25200,
        "profile": { "real_name": "Egon Spengler", "display_name": "spengler",
            "email": "Anna@corp.example", "team": "T0WORKSPACE" },
        "is_admin": true, "is_owner": false, "is_primary_owner": false,
        "is_restricted": false, "is_ultra_restricted": false, "is_bot": false,
        "updated": 1502138686, "is_app_user": false, "is_email_confirmed": true, "has_2fa": false,
    })
}

async fn answer(
    State(stand_in): State<StandIn>,
    http: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let method = uri.path().trim_start_matches("/api/").to_owned();
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    let asked = Asked {
        http,
        method: method.clone(),
        query,
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    let instead = {
        let mut told = stand_in.told();
        told.asked.push(asked.clone());
        told.instead.get_mut(&method).and_then(VecDeque::pop_front)
    };
    let usual = |status: u16, body: Value| {
        let response = Response::builder().status(status);
        let response = response.header("content-type", "application/json");
        response
            .body(Body::from(body.to_string()))
            .expect("a response")
    };
    match instead {
        None => usual(200, stand_in.acts(&asked)),
        Some(Instead::Says(status, headers, body)) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).expect("a response")
        }
        Some(Instead::Slow(time)) => {
            tokio::time::sleep(time).await;
            usual(200, json!({ "ok": true }))
        }
        Some(Instead::ActsAndSays(status)) => {
            stand_in.acts(&asked);
            usual(status, json!({}))
        }
        Some(Instead::ActsAndBreaksOff) => {
            stand_in.acts(&asked);
            let half = vec![
                Ok(Bytes::from_static(b"{\"ok\":true,\"chan")),
                Err(io::Error::other("broken off")),
            ];
            Response::new(Body::from_stream(futures::stream::iter(half)))
        }
    }
}

/// An operator's settings under which a socket on this machine may be opened.
pub fn here() -> OutboundSettings {
    OutboundSettings {
        allow: vec!["127.0.0.1/32".parse().expect("an entry")],
        only_listed: false,
    }
}
