//! Slack, Jira and PagerDuty as channels of the whole program, each once however often the sender
//! is killed. What plays them are stand-ins of ours on loopback.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{Answer, Server};
use crate::story;

const ENVIRONMENT: [(&str, &str); 3] = [
    ("SLACK_TOKEN", "xoxb-stand-in"),
    ("JIRA_TOKEN", "between us"),
    ("PAGERDUTY_KEY", "0123456789abcdef0123456789abcdef"),
];
/// An issue is made a minute after a process began, with pauses between the looks before that.
const PATIENCE: Duration = Duration::from_secs(240);
const UI: &str = "https://datapulse.example";
const BOT: &str = "B0DATAPULSE";
const ACCOUNT: &str = "5b10ac8d82e05b22cc7d4ef5";

/// What three systems hold, and how they are.
#[derive(Default)]
struct Held {
    /// Slack's messages, oldest first.
    messages: Vec<Value>,
    issues: usize,
    status: String,
    comments: Vec<Value>,
    links: Vec<Value>,
    /// PagerDuty's events.
    events: Vec<Value>,
    /// The next write whose path ends so acts, and is never answered.
    hangs_on: Option<&'static str>,
    hung: usize,
    /// Slack fails.
    slack_is_down: bool,
}

#[derive(Clone, Default)]
struct StandIns {
    held: Arc<Mutex<Held>>,
}

impl StandIns {
    /// Listens on a free port; gives its URL.
    async fn start() -> (Self, String) {
        let stand_ins = Self::default();
        let router = Router::new().fallback(answer).with_state(stand_ins.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (stand_ins, url)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hang_on(&self, path: &'static str) {
        self.held().hangs_on = Some(path);
    }

    async fn until(&self, found: impl Fn(&Held) -> bool) {
        let began = Instant::now();
        while !found(&self.held()) {
            assert!(began.elapsed() < PATIENCE, "waited in vain");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn answer(
    State(stand_ins): State<StandIns>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (answer, hangs) = {
        let mut held = stand_ins.held();
        let answer = act(&mut held, &method, &uri, &body);
        let hangs =
            method == Method::POST && held.hangs_on.is_some_and(|path| uri.path().ends_with(path));
        if hangs {
            held.hangs_on = None;
            held.hung += 1;
        }
        (answer, hangs)
    };
    if hangs {
        std::future::pending::<()>().await;
    }
    answer
}

fn act(held: &mut Held, method: &Method, uri: &Uri, body: &Value) -> Response {
    let path = uri.path();
    if let Some(name) = path.strip_prefix("/slack/") {
        if held.slack_is_down {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        return axum::Json(slack(held, name, uri, body)).into_response();
    }
    if let Some(path) = path.strip_prefix("/jira/rest/api/3") {
        let (status, body) = jira(held, method, path, body);
        return (status, axum::Json(body)).into_response();
    }
    assert_eq!(path, "/pagerduty/enqueue");
    held.events.push(body.clone());
    (
        StatusCode::ACCEPTED,
        axum::Json(json!({ "status": "success" })),
    )
        .into_response()
}

/// The methods that are used, as Slack documents them.
fn slack(held: &mut Held, name: &str, uri: &Uri, body: &Value) -> Value {
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let thread = query.iter().find(|(key, _)| key == "ts");
    match name {
        "auth.test" => json!({ "ok": true, "url": "https://example.slack.com/",
            "team_id": "T0", "user_id": "U0DATAPULSE", "bot_id": BOT }),
        "chat.postMessage" => {
            let ts = format!("{}.000100", 1_764_000_000 + held.messages.len());
            let mut message = body.clone();
            message["ts"] = ts.clone().into();
            message["bot_id"] = BOT.into();
            held.messages.push(message);
            json!({ "ok": true, "channel": body["channel"], "ts": ts })
        }
        "chat.update" => {
            let found = held.messages.iter_mut().find(|one| one["ts"] == body["ts"]);
            let message = found.expect("is there");
            message["blocks"] = body["blocks"].clone();
            json!({ "ok": true, "channel": body["channel"], "ts": body["ts"] })
        }
        "conversations.history" | "conversations.replies" => {
            let of_thread = |one: &&Value| match thread {
                Some((_, ts)) => one["thread_ts"] == ts.as_str() || one["ts"] == ts.as_str(),
                None => one.get("thread_ts").is_none(),
            };
            let messages: Vec<&Value> = held.messages.iter().rev().filter(of_thread).collect();
            json!({ "ok": true, "messages": messages })
        }
        other => panic!("nobody asks for {other}"),
    }
}

fn jira(held: &mut Held, method: &Method, path: &str, body: &Value) -> (StatusCode, Value) {
    let ok = |body| (StatusCode::OK, body);
    match (method.as_str(), path) {
        ("GET", "/myself") => ok(json!({ "accountId": ACCOUNT })),
        ("GET", "/search/jql") => {
            let issues = vec![json!({ "key": "OPS-17" }); held.issues];
            ok(json!({ "issues": issues }))
        }
        ("POST", "/issue") => {
            held.issues += 1;
            held.status = "To Do".to_owned();
            (StatusCode::CREATED, json!({ "key": "OPS-17" }))
        }
        ("GET", "/issue/OPS-17/comment") => {
            let shown: Vec<Value> = held
                .comments
                .iter()
                .rev()
                .map(|body| json!({ "author": { "accountId": ACCOUNT }, "body": body }))
                .collect();
            ok(json!({ "total": shown.len(), "comments": shown }))
        }
        ("POST", "/issue/OPS-17/comment") => {
            held.comments.push(body["body"].clone());
            (StatusCode::CREATED, json!({ "id": "1" }))
        }
        ("POST", "/issue/OPS-17/remotelink") => {
            held.links.push(body.clone());
            (StatusCode::CREATED, json!({ "id": 1 }))
        }
        ("GET", "/issue/OPS-17") => ok(json!({ "fields": { "status": { "name": held.status } } })),
        ("GET", "/issue/OPS-17/transitions") => {
            let way = json!({ "id": "5", "name": "Close", "to": { "name": "Done" } });
            ok(json!({ "transitions": [way] }))
        }
        ("POST", "/issue/OPS-17/transitions") => {
            held.status = "Done".to_owned();
            ok(Value::Null)
        }
        (method, path) => panic!("nobody asks for {method} {path}"),
    }
}

fn configure(place: &Place, url: &str) {
    let text = format!(
        r#"[retention]
telemetry_days = 0

[server]
public_url = "{UI}"

[slack]
token_env = "SLACK_TOKEN"
channel = "C0INCIDENTS"
form = "buttons"
api = "{url}/slack"

[jira]
token_env = "JIRA_TOKEN"
url = "{url}/jira"
edition = "cloud"
user = "datapulse@example.com"
project = "OPS"
issue_type = "Incident"

[jira.states]
closed = {{ status = "Done" }}

[pagerduty]
routing_key_env = "PAGERDUTY_KEY"
url = "{url}/pagerduty"
"#
    );
    place.write("datapulse.toml", &text);
}

fn serve(place: &Place) -> Server {
    Server::start_with(place, &[], &ENVIRONMENT)
}

/// What the journal says was sent through a channel: record and topic, in the records' order.
fn sent(page: &Value, channel: &str) -> Vec<(u64, String)> {
    let items = page["items"].as_array().expect("records").iter();
    let events = items.map(|item| &item["record"]["event"]);
    let mut sent: Vec<(u64, String)> = events
        .filter(|event| event["kind"] == "notice_sent" && event["channel"] == channel)
        .map(|event| {
            let topic = event["topic"].as_str().unwrap_or_default();
            (event["about"].as_u64().unwrap_or(0), topic.to_owned())
        })
        .collect();
    sent.sort();
    sent
}

fn topics(page: &Value, channel: &str) -> Vec<String> {
    let sent = sent(page, channel);
    sent.into_iter().map(|(_, topic)| topic).collect()
}

const TOLD: [&str; 6] = [
    "incident",
    "report",
    "approval_wanted",
    "approval_wanted",
    "acknowledged",
    "outcome",
];
const PAGED: [&str; 3] = ["incident", "acknowledged", "outcome"];

#[tokio::test(flavor = "multi_thread")]
async fn thread_ticket_and_page_once_each_however_often_the_sender_is_killed() {
    let (stand_ins, url) = StandIns::start().await;
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    configure(&place, &url);
    // Killed with a write behind it that acted and that nothing of ours knows of: the alert, the
    // page, a message of the thread, the issue (which a process makes a minute after its start, when
    // Jira's search must know of what another one made), a comment.
    let writes = [
        "/chat.postMessage",
        "/enqueue",
        "/chat.postMessage",
        "/issue",
        "/comment",
    ];
    for (number, path) in writes.into_iter().enumerate() {
        let paged = stand_ins.held().events.len();
        if path == "/enqueue" && paged > 0 {
            // The page went out beside the alert.
            continue;
        }
        stand_ins.hang_on(path);
        let hung = stand_ins.held().hung;
        let server = serve(&place);
        stand_ins.until(|held| held.hung > hung).await;
        server.kill();
        assert!(stand_ins.held().hangs_on.is_none(), "{number}");
    }
    let server = serve(&place);
    let records = format!("/incidents/{id}/records");
    server
        .until(&records, |page| {
            let all = topics(page, "slack") == TOLD[..4] && topics(page, "jira") == TOLD[..4];
            (all && topics(page, "pagerduty") == PAGED[..1]).then_some(())
        })
        .await;
    let path = format!("/incidents/{id}/acknowledge");
    let taken = server.post(&path, &json!({ "note": "on it" })).await;
    assert!(taken.status.is_success(), "{taken}");
    let close = json!({ "as": { "kind": "false_alarm" }, "reason": "a drill" });
    let closed = server.post(&format!("/incidents/{id}/close"), &close).await;
    assert!(closed.status.is_success(), "{closed}");
    server
        .until(&records, |page| {
            let all = topics(page, "slack") == TOLD && topics(page, "jira") == TOLD;
            (all && topics(page, "pagerduty") == PAGED).then_some(())
        })
        .await;
    stand_ins
        .until(|held| held.status == "Done" && !held.links.is_empty())
        .await;
    check_slack(&stand_ins.held(), &id);
    check_jira(&stand_ins.held(), &id);
    check_pagerduty(&stand_ins.held(), &id);
}

fn check_slack(held: &Held, id: &str) {
    let messages = &held.messages;
    let keys: Vec<&str> = messages
        .iter()
        .map(|one| {
            let key = &one["metadata"]["event_payload"]["key"];
            key.as_str().expect("a key")
        })
        .collect();
    let once: BTreeSet<&&str> = keys.iter().collect();
    assert_eq!(keys.len(), TOLD.len(), "{keys:?}");
    assert_eq!(once.len(), keys.len(), "{keys:?}");
    let alert = &messages[0];
    assert_eq!(alert["metadata"]["event_payload"]["key"], format!("{id}:1"));
    assert!(
        alert["text"]
            .as_str()
            .expect("text")
            .starts_with("[HIGH] checkout")
    );
    assert!(
        messages[1..]
            .iter()
            .all(|one| one["thread_ts"] == alert["ts"])
    );
    let blocks = alert["blocks"].to_string();
    assert!(blocks.contains("closed, a false alarm"), "{blocks}");
    assert!(
        !blocks.contains("datapulse_approve"),
        "it is over: {blocks}"
    );
}

fn check_jira(held: &Held, id: &str) {
    assert_eq!(held.issues, 1);
    assert_eq!(held.comments.len(), TOLD.len() - 1, "{:?}", held.comments);
    let texts: BTreeSet<String> = held.comments.iter().map(Value::to_string).collect();
    assert_eq!(texts.len(), held.comments.len(), "each once");
    let link = &held.links[0]["object"]["url"];
    assert_eq!(*link, format!("{UI}/incidents/{id}"));
}

fn check_pagerduty(held: &Held, id: &str) {
    assert!(held.events.iter().all(|event| event["dedup_key"] == id));
    let mut actions: Vec<&str> = held
        .events
        .iter()
        .map(|event| event["event_action"].as_str().expect("an action"))
        .collect();
    // The same event again is the same alert.
    actions.dedup();
    assert_eq!(actions, ["trigger", "acknowledge", "resolve"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_told_waits_is_shown_and_is_told_after() {
    let (stand_ins, url) = StandIns::start().await;
    stand_ins.held().slack_is_down = true;
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    configure(&place, &url);
    let server = serve(&place);
    let waiting = |health: &Value, count: u64| {
        let slack = &health["channels"]["slack"];
        let failing = count > 0;
        let is_so = slack["undelivered"] == count && slack["failing_since"].is_string() == failing;
        is_so.then_some(())
    };
    server.until("/health", |health| waiting(health, 4)).await;
    // Another channel isn't held up.
    let records = format!("/incidents/{id}/records");
    server
        .until(&records, |page| {
            (topics(page, "pagerduty") == PAGED[..1]).then_some(())
        })
        .await;
    let metrics = Answer::of(server.bare(Method::GET, "/metrics")).await;
    let text = metrics.body.as_str().expect("text");
    assert!(
        text.contains("notifier_undelivered{channel=\"slack\"} 4"),
        "{text}"
    );
    assert!(text.contains("notifier_oldest_undelivered_seconds{channel=\"slack\"}"));
    let doctor = place.datapulse(&["doctor"]).envs(ENVIRONMENT).output();
    let doctor = doctor.expect("starts");
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("BAD   told through: slack: "), "{said}");
    assert!(said.contains("4 notices wait"), "{said}");
    // Nobody but who may read is told of it.
    let ready = Answer::of(server.bare(Method::GET, "/readyz")).await;
    assert!(ready.body["health"]["channels"].is_null(), "{ready}");

    stand_ins.held().slack_is_down = false;
    server.until("/health", |health| waiting(health, 0)).await;
    server
        .until(&records, |page| {
            (topics(page, "slack") == TOLD[..4]).then_some(())
        })
        .await;
}
