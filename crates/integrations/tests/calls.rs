//! Calls to real servers on loopback: what an answer, or none, says of whether the other side acted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use integrations::run::{ControlApi, SignedWebhook};
use integrations::{Error, Known, Notice, Order, Runner, Secret, Webhook, signature};
use model::{Action, ActionKind, ExecutionResult, IncidentId, Timestamp, Topic};
use serde_json::{Value, json};

const SECRET: &str = "between us";

/// What the server got, and what it answers next.
#[derive(Clone, Default)]
struct Other {
    got: Arc<Mutex<Vec<Got>>>,
    next: Arc<Mutex<Option<(u16, String)>>>,
}

struct Got {
    what: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Other {
    async fn start() -> (Self, String) {
        let other = Self::default();
        let router = Router::new().fallback(answer).with_state(other.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (other, url)
    }

    fn answers(&self, status: u16, body: impl ToString) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((status, body.to_string()));
    }

    fn last(&self) -> Got {
        let mut got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
        got.pop().expect("was asked")
    }

    fn asked(&self) -> usize {
        self.got
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

async fn answer(
    State(other): State<Other>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let what = format!("{method} {uri}");
    let got = Got {
        what,
        headers,
        body,
    };
    other
        .got
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(got);
    let next = other
        .next
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let (status, body) = next.unwrap_or((200, "{}".to_owned()));
    if status == 307 {
        return Redirect::temporary("/elsewhere").into_response();
    }
    (StatusCode::from_u16(status).expect("a status"), body).into_response()
}

fn order() -> Order {
    Order {
        key: "INC-200101-0123456789ab:P1".to_owned(),
        action: Action {
            kind: ActionKind::Rollback,
            target: "check out/2".to_owned(),
            parameters: [("to_version".to_owned(), Value::from("2.0.0"))].into(),
        },
    }
}

fn is_signed(got: &Got) -> bool {
    let header = |name: &str| got.headers[name].to_str().expect("text").to_owned();
    let sent = header(signature::TIMESTAMP_HEADER)
        .parse()
        .expect("seconds");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs() as i64;
    let signed = header(signature::SIGNATURE_HEADER);
    signature::verify(&Secret::new(SECRET), sent, &got.body, &signed, now)
}

#[tokio::test]
async fn an_orders_answer_says_whether_the_other_side_acted() {
    let (other, url) = Other::start().await;
    let secret = || Secret::new(SECRET);
    let runners: [Box<dyn Runner>; 2] = [
        Box::new(ControlApi::new(&url, secret()).expect("a runner")),
        Box::new(SignedWebhook::new(&format!("{url}/run"), secret()).expect("a runner")),
    ];
    for runner in runners {
        other.answers(
            200,
            json!({ "status": "succeeded", "message": "2.0.0 runs" }),
        );
        let receipt = runner.execute(&order()).await.expect("a receipt");
        assert_eq!(
            (receipt.result, receipt.says.as_str()),
            (ExecutionResult::Succeeded, "2.0.0 runs")
        );
        other.answers(
            200,
            json!({ "status": "failed", "message": "no such version" }),
        );
        let receipt = runner.execute(&order()).await.expect("a receipt");
        assert_eq!(receipt.result, ExecutionResult::Failed);
        for (status, body, expected) in [
            (200, json!({ "status": "running" }), "cannot tell"),
            (200, json!("what?"), "cannot tell"),
            (500, json!({ "detail": "oops" }), "cannot tell"),
            (502, json!(null), "cannot tell"),
            (307, json!(null), "cannot tell"),
            (429, json!({ "detail": "later" }), "not done"),
            (503, json!(null), "not done"),
            (404, json!({ "detail": "no target" }), "refused"),
            (422, json!({ "title": "no such action" }), "refused"),
        ] {
            other.answers(status, &body);
            let before = other.asked();
            let refused = runner.execute(&order()).await.expect_err("no receipt");
            assert_eq!(class(&refused), expected, "{status} {body}: {refused}");
            assert_eq!(
                other.asked(),
                before + 1,
                "an order is sent once, and follows no redirect"
            );
        }
    }
}

fn class(error: &Error) -> &'static str {
    match error {
        Error::NotDone(_) => "not done",
        Error::Later { .. } => "later",
        Error::CannotTell(_) => "cannot tell",
        Error::Refused(_) => "refused",
        Error::Configuration(_) => "configuration",
    }
}

#[tokio::test]
async fn a_key_is_known_or_surely_not_or_it_cant_be_told() {
    let (other, url) = Other::start().await;
    let runner = ControlApi::new(&url, Secret::new(SECRET)).expect("a runner");
    other.answers(200, json!({ "status": "succeeded", "message": "done" }));
    assert!(matches!(
        runner.known(&order().key).await,
        Ok(Known::Done(_))
    ));
    let got = other.last();
    assert_eq!(got.what, "GET /actions/INC-200101-0123456789ab%3AP1");
    assert_eq!(got.headers["authorization"], format!("Bearer {SECRET}"));
    other.answers(404, "");
    assert_eq!(runner.known("k").await, Ok(Known::NotBegun));
    other.answers(200, json!({ "status": "running" }));
    assert!(matches!(runner.known("k").await, Ok(Known::CannotTell(_))));
    other.answers(500, "");
    assert!(
        matches!(runner.known("k").await, Err(Error::NotDone(_))),
        "asking acts on nothing"
    );
}

#[tokio::test]
async fn targets_are_named_as_data() {
    let (other, url) = Other::start().await;
    let runner = ControlApi::new(&url, Secret::new(SECRET)).expect("a runner");
    other.answers(200, json!({ "version": "2.0.1" }));
    let state = runner.observe("../a b?c#d").await.expect("a state");
    assert_eq!(state, json!({ "version": "2.0.1" }));
    assert_eq!(other.last().what, "GET /targets/..%2Fa%20b%3Fc%23d");
    other.answers(404, "");
    assert!(matches!(runner.observe("x").await, Err(Error::Refused(_))));
    other.answers(200, "x".repeat((1 << 20) + 1));
    assert!(
        matches!(runner.observe("x").await, Err(Error::CannotTell(_))),
        "an answer has a limit"
    );
}

#[tokio::test]
async fn the_users_own_runner_gets_signed_requests() {
    let (other, url) = Other::start().await;
    let runner = SignedWebhook::new(&url, Secret::new(SECRET)).expect("a runner");
    other.answers(200, json!({ "status": "succeeded" }));
    runner.execute(&order()).await.expect("a receipt");
    let got = other.last();
    assert!(is_signed(&got));
    assert_eq!(got.headers[signature::KEY_HEADER], order().key);
    let body: Value = serde_json::from_slice(&got.body).expect("JSON");
    assert_eq!(
        body,
        json!({ "operation": "execute", "order": { "idempotency_key": order().key, "kind": "rollback",
            "target": "check out/2", "parameters": { "to_version": "2.0.0" } } })
    );
    runner.observe("cart").await.expect("a state");
    let got = other.last();
    assert!(is_signed(&got) && got.body.starts_with(b"{\"operation\":\"observe\""));
}

#[tokio::test]
async fn nobody_there_has_surely_not_acted() {
    // Bound and let go of: nobody listens there now.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let runner = ControlApi::new(&url, Secret::new(SECRET)).expect("a runner");
    let refused = runner.execute(&order()).await.expect_err("no receipt");
    assert!(matches!(refused, Error::NotDone(_)), "{refused}");
    assert!(refused.to_string().contains("refused"), "{refused}");
}

#[tokio::test]
async fn a_notice_is_taken_once_or_was_taken_before() {
    let (other, url) = Other::start().await;
    let chat = Webhook::new("chat", &url, Secret::new(SECRET)).expect("a webhook");
    let notice = Notice {
        key: "INC-200101-0123456789ab:3".to_owned(),
        topic: Topic::Report,
        incident_id: IncidentId::derive("r", "s", Timestamp(0)),
        text: "[HIGH] …".to_owned(),
        at: "2001-01-10T13:00:00Z".to_owned(),
        details: json!({}),
    };
    for (status, expected) in [
        (200, "taken"),
        (204, "taken"),
        (409, "taken"),
        (400, "refused"),
        (410, "refused"),
        (429, "cannot tell"),
        (500, "cannot tell"),
        (307, "cannot tell"),
    ] {
        other.answers(status, "");
        let sent = chat.send(&notice).await;
        assert_eq!(
            sent.as_ref().err().map_or("taken", class),
            expected,
            "{status}"
        );
        let got = other.last();
        assert!(is_signed(&got) && got.headers[signature::KEY_HEADER] == notice.key.as_str());
    }
    for wrong in ["chat.example", "ftp://chat.example"] {
        let refused = Webhook::new("chat", wrong, Secret::new(SECRET)).expect_err("is refused");
        assert_eq!(class(&refused), "configuration");
    }
}
