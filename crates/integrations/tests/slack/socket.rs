//! Socket Mode against a real WebSocket server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::{SinkExt as _, StreamExt as _};
use integrations::slack::incoming::Gate;
use integrations::slack::reply::{WRITE_WITHIN, submission as answer_submission};
use integrations::slack::socket_mode::{Handler, Pace};
use integrations::slack::{Incoming, Reply, SocketMode, Written};
use integrations::{Error, Secret};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::callbacks::{click, submission};
use crate::fixtures::{self, APP, Texts};
use crate::stand_in::{APP_TOKEN, Instead, StandIn, here};

type Server = WebSocketStream<TcpStream>;

const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps what it was given, and answers as told, by the key of what came.
#[derive(Default)]
struct Keeper {
    got: Mutex<Vec<String>>,
    slow: Mutex<HashMap<String, Duration>>,
}

#[async_trait::async_trait]
impl Handler for Keeper {
    async fn handle(&self, incoming: Incoming, received: Instant) -> Reply {
        assert!(received.elapsed() < Duration::from_secs(2));
        let key = incoming.key().unwrap_or_default();
        self.got.lock().expect("not poisoned").push(key.clone());
        let slow = self.slow.lock().expect("not poisoned").get(&key).copied();
        if let Some(time) = slow {
            tokio::time::sleep(time).await;
        }
        match incoming {
            Incoming::Submission(submission) if submission.reason == "no" => {
                let write = async { Err("P1 has expired".to_owned()) };
                answer_submission(write, WRITE_WITHIN).await
            }
            Incoming::Submission(_) => {
                let write = async { Ok(Written::after_sync()) };
                answer_submission(write, WRITE_WITHIN).await
            }
            _ => Reply::Taken,
        }
    }
}

struct Running {
    slack: StandIn,
    sockets: mpsc::Receiver<Server>,
    keeper: Arc<Keeper>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), Error>>,
}

fn quick() -> Pace {
    Pace {
        acknowledge_within: Duration::from_millis(1_500),
        hello_within: Duration::from_secs(2),
        silent: Duration::from_secs(10),
        ping_every: Duration::from_secs(5),
        first_wait: Duration::from_millis(10),
        longest_wait: Duration::from_millis(50),
        settled: Duration::ZERO,
    }
}

async fn run(pace: Pace) -> Running {
    let slack = StandIn::start().await;
    let sockets = slack.sockets().await;
    let gate = Arc::new(Gate::new(APP, None));
    let socket =
        SocketMode::new(slack.client(), Secret::new(APP_TOKEN), APP, gate, &here()).at_pace(pace);
    let keeper = Arc::new(Keeper::default());
    let (stop, stopped) = watch::channel(false);
    let handler = keeper.clone();
    let task = tokio::spawn(async move { socket.run(handler, stopped).await });
    Running {
        slack,
        sockets,
        keeper,
        stop,
        task,
    }
}

impl Running {
    async fn opened(&mut self) -> Server {
        let opened = tokio::time::timeout(PATIENCE, self.sockets.recv()).await;
        opened.expect("in time").expect("a connection")
    }

    async fn greeted(&mut self) -> Server {
        let mut server = self.opened().await;
        say(&mut server, &hello(APP)).await;
        server
    }

    fn got(&self) -> Vec<String> {
        self.keeper.got.lock().expect("not poisoned").clone()
    }

    async fn ended(self) -> Result<(), Error> {
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended.expect("in time").expect("no panic")
    }
}

fn hello(app: &str) -> Value {
    json!({ "type": "hello", "connection_info": { "app_id": app }, "num_connections": 1,
        "debug_info": { "host": "applink-1", "approximate_connection_time": 18060 } })
}

fn envelope(id: &str, payload: Value) -> Value {
    json!({ "envelope_id": id, "type": "interactive", "accepts_response_payload": true, "payload": payload })
}

async fn say(server: &mut Server, message: &Value) {
    server
        .send(Message::text(message.to_string()))
        .await
        .expect("is sent");
}

/// The next acknowledgement; `None`: none came for a while.
async fn heard(server: &mut Server, within: Duration) -> Option<Value> {
    let next = async {
        loop {
            match server.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).ok(),
                Some(Ok(_)) => {}
                _ => return None,
            }
        }
    };
    tokio::time::timeout(within, next).await.ok().flatten()
}

#[tokio::test]
async fn envelopes_are_acknowledged_and_a_submissions_answer_comes_with_it() {
    let mut running = run(quick()).await;
    let mut server = running.greeted().await;
    say(&mut server, &envelope("e1", click("1.1.a"))).await;
    assert_eq!(
        heard(&mut server, PATIENCE).await,
        Some(json!({ "envelope_id": "e1" }))
    );
    let asked = fixtures::asked(&fixtures::incident(Texts(None)), true);
    say(
        &mut server,
        &envelope("e2", submission("1.2.b", &asked, "yes")),
    )
    .await;
    assert_eq!(
        heard(&mut server, PATIENCE).await,
        Some(json!({ "envelope_id": "e2" }))
    );
    say(
        &mut server,
        &envelope("e3", submission("1.3.c", &asked, "no")),
    )
    .await;
    assert_eq!(
        heard(&mut server, PATIENCE).await,
        Some(
            json!({ "envelope_id": "e3", "payload": { "response_action": "errors",
            "errors": { "datapulse_reason": "P1 has expired" } } })
        )
    );
    let command = json!({ "command": "/datapulse", "text": "", "api_app_id": APP, "team_id": "T0WORKSPACE",
        "user_id": "U0ANNA0000", "trigger_id": "1.4.d", "is_enterprise_install": "false" });
    let mut sent = envelope("e4", command);
    sent["type"] = "slash_commands".into();
    say(&mut server, &sent).await;
    assert_eq!(
        heard(&mut server, PATIENCE).await,
        Some(json!({ "envelope_id": "e4" }))
    );
    assert_eq!(
        running.got(),
        [
            "click 1.1.a",
            "submission 1.2.b",
            "submission 1.3.c",
            "command 1.4.d"
        ]
    );
    running.stop.send(true).expect("somebody listens");
    assert_eq!(running.ended().await, Ok(()));
}

#[tokio::test]
async fn an_envelope_is_handled_once_whatever_connection_it_comes_through() {
    let mut running = run(quick()).await;
    let mut server = running.greeted().await;
    let asked = fixtures::asked(&fixtures::incident(Texts(None)), true);
    let sent = envelope("e1", submission("1.1.a", &asked, "no"));
    say(&mut server, &sent).await;
    let first = heard(&mut server, PATIENCE).await.expect("is acknowledged");
    say(&mut server, &sent).await;
    assert_eq!(
        heard(&mut server, PATIENCE).await.as_ref(),
        Some(&first),
        "the same answer"
    );
    say(
        &mut server,
        &json!({ "type": "disconnect", "reason": "refresh_requested" }),
    )
    .await;
    let mut server = running.greeted().await;
    say(&mut server, &sent).await;
    assert_eq!(heard(&mut server, PATIENCE).await.as_ref(), Some(&first));
    // The same submission in another envelope: not acted on, and no success.
    say(
        &mut server,
        &envelope("e2", submission("1.1.a", &asked, "no")),
    )
    .await;
    assert_eq!(heard(&mut server, Duration::from_millis(300)).await, None);
    assert_eq!(running.got(), ["submission 1.1.a"]);
}

#[tokio::test]
async fn what_is_too_slow_is_not_acknowledged_until_it_comes_again() {
    let mut running = run(quick()).await;
    let slow = Duration::from_millis(2_500);
    running
        .keeper
        .slow
        .lock()
        .expect("not poisoned")
        .insert("click 1.1.a".to_owned(), slow);
    let mut server = running.greeted().await;
    say(&mut server, &envelope("e1", click("1.1.a"))).await;
    // Meanwhile others are answered, out of their order.
    say(&mut server, &envelope("e2", click("1.2.b"))).await;
    assert_eq!(
        heard(&mut server, PATIENCE).await,
        Some(json!({ "envelope_id": "e2" }))
    );
    say(&mut server, &envelope("e1", click("1.1.a"))).await;
    assert_eq!(
        heard(&mut server, slow * 2).await,
        None,
        "under way, then too late"
    );
    say(&mut server, &envelope("e1", click("1.1.a"))).await;
    assert_eq!(
        heard(&mut server, PATIENCE).await,
        Some(json!({ "envelope_id": "e1" }))
    );
    assert_eq!(running.got(), ["click 1.1.a", "click 1.2.b"]);
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_a_connection_is_given_up() {
    let mut running = run(quick()).await;
    let slow = Duration::from_millis(200);
    running
        .keeper
        .slow
        .lock()
        .expect("not poisoned")
        .insert("click 1.1.a".to_owned(), slow);
    let mut server = running.greeted().await;
    say(&mut server, &envelope("e1", click("1.1.a"))).await;
    say(
        &mut server,
        &json!({ "type": "disconnect", "reason": "warning" }),
    )
    .await;
    assert_eq!(
        heard(&mut server, PATIENCE).await,
        Some(json!({ "envelope_id": "e1" }))
    );
    let mut server = running.greeted().await;
    say(&mut server, &envelope("e2", click("1.2.b"))).await;
    assert_eq!(
        heard(&mut server, PATIENCE).await,
        Some(json!({ "envelope_id": "e2" }))
    );
    assert_eq!(
        running.slack.tickets(),
        2,
        "each connection has an address of its own"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_or_says_nothing_is_replaced() {
    let mut pace = quick();
    pace.silent = Duration::from_millis(1_500);
    pace.ping_every = Duration::from_secs(60);
    let mut running = run(pace).await;
    drop(running.greeted().await);
    let mute = running.opened().await;
    let mut odd = running.opened().await;
    say(&mut odd, &json!({ "type": "goodbye" })).await;
    let silent = running.greeted().await;
    let mut large = running.greeted().await;
    let huge = json!({ "type": "events_api", "envelope_id": "e", "payload": "x".repeat(2 << 20) });
    // The other side closes within the message.
    let _ = large.send(Message::text(huge.to_string())).await;
    running.slack.instead(
        "apps.connections.open",
        Instead::Says(500, Vec::new(), String::new()),
    );
    let wait = vec![("retry-after", "1".to_owned())];
    running.slack.instead(
        "apps.connections.open",
        Instead::Says(429, wait, "{}".to_owned()),
    );
    let mut server = running.greeted().await;
    say(&mut server, &json!({ "type": "news" })).await;
    server
        .send(Message::text("no JSON"))
        .await
        .expect("is sent");
    say(&mut server, &envelope("e1", click("1.1.a"))).await;
    assert_eq!(
        heard(&mut server, PATIENCE).await,
        Some(json!({ "envelope_id": "e1" }))
    );
    assert_eq!(running.got(), ["click 1.1.a"]);
    drop((mute, silent));
}

#[tokio::test]
async fn without_a_signature_the_same_checks_hold() {
    let mut running = run(quick()).await;
    let mut server = running.greeted().await;
    let mut other = click("1.1.a");
    other["api_app_id"] = "A0OTHER".into();
    say(&mut server, &envelope("e1", other)).await;
    let mut broken = click("1.2.b");
    broken["user"] = Value::Null;
    say(&mut server, &envelope("e2", broken)).await;
    let event = |envelope_id: &str| {
        json!({ "envelope_id": envelope_id, "type": "events_api", "payload": { "type": "event_callback",
            "api_app_id": APP, "event_id": "Ev1", "event": { "type": "app_mention" } } })
    };
    for id in ["e3", "e4"] {
        say(&mut server, &event(id)).await;
        assert_eq!(
            heard(&mut server, PATIENCE).await,
            Some(json!({ "envelope_id": id }))
        );
    }
    assert_eq!(
        running.got(),
        ["event Ev1"],
        "another app's and a broken one aren't handled"
    );
}

#[tokio::test]
async fn what_trying_again_does_not_mend_ends_it() {
    let mut running = run(quick()).await;
    let mut server = running.greeted().await;
    say(
        &mut server,
        &json!({ "type": "disconnect", "reason": "link_disabled" }),
    )
    .await;
    let ended = running.ended().await.expect_err("is over");
    assert_eq!(
        ended.to_string(),
        "slack socket mode: it is switched off in the app's settings"
    );

    let mut running = run(quick()).await;
    let mut server = running.opened().await;
    say(&mut server, &hello("A0OTHER")).await;
    let ended = running.ended().await.expect_err("is over");
    assert!(
        ended
            .to_string()
            .contains("of the app A0OTHER, not of A0DATAPULSE"),
        "{ended}"
    );

    let mut running = run(quick()).await;
    let mut server = running.greeted().await;
    running.slack.fails("apps.connections.open", "invalid_auth");
    say(
        &mut server,
        &json!({ "type": "disconnect", "reason": "refresh_requested" }),
    )
    .await;
    let ended = running.ended().await.expect_err("is over");
    assert!(ended.to_string().contains("invalid_auth"), "{ended}");
}
