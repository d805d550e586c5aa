//! Notices to a real receiver: signed, and each once by its key, however often the sender is killed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use integrations::{Secret, signature};
use reqwest::Method;
use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{Answer, Server, wait};
use crate::{shows, story};

const SECRET: &str = "between us";
const SECRET_ENV: &str = "CHAT_SECRET";

/// What the receiver does with the next request.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Take,
    /// Reads it and never answers: the sender can't tell.
    Hang,
    Fail,
    /// Says no to reports and takes the rest.
    NoReports,
}

struct Got {
    mood: Mood,
    /// Bodies by key, in the order in which keys came first.
    keys: Vec<String>,
    bodies: BTreeMap<String, Vec<Value>>,
    taken: Vec<String>,
    forged: usize,
}

#[derive(Clone)]
struct Receiver {
    got: Arc<Mutex<Got>>,
}

impl Receiver {
    /// Listens on a free port; gives its URL.
    async fn start() -> (Self, String) {
        let got = Got {
            mood: Mood::Take,
            keys: Vec::new(),
            bodies: BTreeMap::new(),
            taken: Vec::new(),
            forged: 0,
        };
        let receiver = Self {
            got: Arc::new(Mutex::new(got)),
        };
        let router = Router::new()
            .route("/hook", post(receive))
            .with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    fn got(&self) -> MutexGuard<'_, Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mood(&self, mood: Mood) {
        self.got().mood = mood;
    }

    /// Waits off the runtime's threads, which the receiver needs.
    fn until(&self, found: impl Fn(&Got) -> bool) {
        tokio::task::block_in_place(|| wait(|| found(&self.got()).then_some(())));
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64);
    let sent = header(signature::TIMESTAMP_HEADER)
        .parse()
        .unwrap_or_default();
    let signed = header(signature::SIGNATURE_HEADER);
    let genuine = signature::verify(&Secret::new(SECRET), sent, &body, &signed, now);
    let notice: Value = serde_json::from_slice(&body).unwrap_or_default();
    let key = header(signature::KEY_HEADER);
    let mood = {
        let mut got = receiver.got();
        if !genuine || notice["key"] != key.as_str() {
            got.forged += 1;
            return StatusCode::UNAUTHORIZED;
        }
        if !got.keys.contains(&key) {
            got.keys.push(key.clone());
        }
        let topic = notice["topic"].clone();
        got.bodies.entry(key.clone()).or_default().push(notice);
        let takes = got.mood == Mood::Take || (got.mood == Mood::NoReports && topic != "report");
        if takes {
            got.taken.push(key);
        }
        if takes { Mood::Take } else { got.mood }
    };
    match mood {
        Mood::Take => StatusCode::OK,
        Mood::Fail => StatusCode::INTERNAL_SERVER_ERROR,
        Mood::NoReports => StatusCode::BAD_REQUEST,
        Mood::Hang => std::future::pending().await,
    }
}

fn configure(place: &Place, url: &str) {
    place.write(
        "datapulse.toml",
        &format!("[retention]\ntelemetry_days = 0\n\n[[webhook]]\nname = \"chat\"\nurl = \"{url}\"\nsecret_env = \"{SECRET_ENV}\"\n"),
    );
}

fn serve(place: &Place) -> Server {
    Server::start_with(place, &[], &[(SECRET_ENV, SECRET)])
}

#[tokio::test(flavor = "multi_thread")]
async fn each_notice_once_however_often_the_sender_is_killed() {
    let (receiver, url) = Receiver::start().await;
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    configure(&place, &url);
    // Killed with the first, the second and the third notice on its way, each read by the receiver.
    for number in 1..=3 {
        receiver.mood(Mood::Hang);
        let server = serve(&place);
        receiver.until(|got| got.keys.len() >= number);
        server.kill();
        receiver.mood(Mood::Take);
        let server = serve(&place);
        receiver.until(|got| got.taken.len() >= number);
        receiver.mood(Mood::Hang);
        // Until the journal has it: killed before, it would send the same one again.
        let records = format!("/incidents/{id}/records");
        server
            .until(&records, |page| (told(page).len() >= number).then_some(()))
            .await;
        server.kill();
    }
    receiver.mood(Mood::Take);
    let server = serve(&place);
    // Each of the four was recorded as sent, so that the next record's number is known.
    let path = format!("/incidents/{id}/records");
    server
        .until(&path, |page| (told(page).len() == 4).then_some(()))
        .await;
    let close = json!({ "as": { "kind": "false_alarm" }, "reason": "a drill" });
    server.post(&format!("/incidents/{id}/close"), &close).await;
    let expected: Vec<String> = [1, 3, 4, 5, 10]
        .iter()
        .map(|seq| format!("{id}:{seq}"))
        .collect();
    let sent = server
        .until(&path, |page| (told(page).len() == 5).then(|| told(page)))
        .await;
    assert_eq!(
        sent, expected,
        "the journal says of each once that it was sent"
    );
    let got = receiver.got();
    assert_eq!(got.forged, 0);
    assert_eq!(got.keys, expected, "what was told, in its order");
    for (key, bodies) in &got.bodies {
        let same = bodies.iter().all(|body| body == &bodies[0]);
        assert!(same, "{key} came with other words: {bodies:?}");
    }
    let shown: Vec<&Value> = got.keys.iter().map(|key| &got.bodies[key][0]).collect();
    shows!(
        "notices",
        serde_json::to_string_pretty(&shown).expect("is written")
    );
}

/// The keys of the notices that the journal says were sent.
fn told(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("records").iter();
    items
        .map(|item| &item["record"]["event"])
        .filter(|event| event["kind"] == "notice_sent")
        .map(|event| event["key"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_gets_it_later_and_one_refusal_holds_up_nothing() {
    let (receiver, url) = Receiver::start().await;
    receiver.mood(Mood::Fail);
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    configure(&place, &url);
    let server = serve(&place);
    receiver.until(|got| {
        got.bodies
            .get(&format!("{id}:1"))
            .is_some_and(|bodies| bodies.len() >= 2)
    });
    assert_eq!(
        receiver.got().keys,
        [format!("{id}:1")],
        "the others wait for the first"
    );
    receiver.mood(Mood::NoReports);
    receiver.until(|got| got.taken.len() == 3);
    assert_eq!(
        receiver.got().taken,
        [1, 4, 5].map(|seq| format!("{id}:{seq}"))
    );
    receiver.mood(Mood::Take);
    receiver.until(|got| got.taken.len() == 4);
    assert_eq!(receiver.got().taken[3], format!("{id}:3"));
    let metrics = Answer::of(server.bare(Method::GET, "/metrics")).await;
    let text = metrics.body.as_str().expect("text");
    assert!(
        text.contains("integration_call_failures_total{adapter=\"chat\"}"),
        "{text}"
    );
}
