//! Slack as people use it: from a click to the journal, who may, and what isn't taken. Against a
//! stand-in of Slack's Web API, over HTTP and over a real WebSocket.

mod stand_in;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::{SinkExt as _, StreamExt as _};
use hmac::{Hmac, Mac};
use model::IncidentId;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use self::stand_in::{APP, CHANNEL, Runner, StandIn, TEAM};
use crate::command::Place;
use crate::server::{API, Answer, Server};
use crate::story;

const SIGNING: &str = "signing secret";
const PATH: &str = "/webhook/integrations/slack";
const PATIENCE: Duration = Duration::from_secs(60);

struct World {
    place: Place,
    id: IncidentId,
    slack: StandIn,
    runner: Runner,
}

impl World {
    /// With these lines in `[slack.incoming]`.
    async fn new(incoming: &str) -> Self {
        let (slack, (runner, url)) = (StandIn::start().await, Runner::start().await);
        let place = Place::new();
        let id = story::write(&place).await;
        let people = "U0ADA = \"person:ada\"\nU0VIC = \"person:vic\"\nU0GUEST = \"person:ada\"\nU0ROBOT = \"person:ada\"\nU0ELSEWHERE = \"person:ada\"\nU0GONE = \"person:ada\"\nU0DIS = \"person:dis\"\nU0BO = \"chat:bo\"\n";
        place.write(
            "datapulse.toml",
            &format!(
                "[retention]\ntelemetry_days = 0\n[server]\npublic_url = \"https://datapulse.example\"\n[runner]\nkind = \"signed-webhook\"\nurl = \"{url}\"\nsecret_env = \"RUN\"\n[outbound]\nallow = [\"127.0.0.1/32\"]\n[slack]\ntoken_env = \"BOT\"\nchannel = \"{CHANNEL}\"\nform = \"buttons\"\napi = \"{}\"\n[slack.incoming]\napp = \"{APP}\"\nroles = {{ \"chat:bo\" = \"responder\" }}\n{incoming}[slack.incoming.workspaces.{TEAM}.people]\n{people}",
                slack.api
            ),
        );
        Self {
            place,
            id,
            slack,
            runner,
        }
    }

    fn serve(&self) -> Server {
        let environment = [
            ("RUN", "between us"),
            ("BOT", "xoxb-stand-in"),
            ("APP", "xapp-stand-in"),
            ("SIGN", SIGNING),
        ];
        Server::start_with(&self.place, &[], &environment)
    }
}

fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

fn sign(secret: &str, time: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(format!("v0:{time}:{body}").as_bytes());
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

async fn sent(server: &Server, body: &str, time: &str, signature: &str) -> Answer {
    let request = server
        .bare(Method::POST, &format!("{API}{PATH}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-slack-request-timestamp", time)
        .header("x-slack-signature", signature);
    Answer::of(request.body(body.to_owned())).await
}

/// As Slack sends it.
async fn send(server: &Server, body: &str) -> Answer {
    let time = now_s().to_string();
    sent(server, body, &time, &sign(SIGNING, &time, body)).await
}

fn form(payload: &Value) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string());
    form.finish()
}

fn click(trigger: &str, user: &str, action: &str, value: &str) -> Value {
    json!({
        "type": "block_actions", "team": { "id": TEAM }, "user": { "id": user, "team_id": TEAM },
        "api_app_id": APP, "trigger_id": trigger, "is_enterprise_install": false,
        "container": { "message_ts": "1764000000.000100", "channel_id": CHANNEL },
        "actions": [{ "action_id": action, "type": "button", "value": value }],
    })
}

fn submission(trigger: &str, user: &str, metadata: &str, reason: &str) -> Value {
    json!({
        "type": "view_submission", "team": { "id": TEAM }, "user": { "id": user, "team_id": TEAM },
        "api_app_id": APP, "trigger_id": trigger, "is_enterprise_install": false,
        "view": { "type": "modal", "callback_id": "datapulse_decision", "private_metadata": metadata,
            "state": { "values": { "datapulse_reason": { "reason": { "type": "plain_text_input", "value": reason } } } } },
    })
}

fn command(trigger: &str, user: &str, text: &str) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("command", "/datapulse")
        .append_pair("text", text)
        .append_pair("api_app_id", APP)
        .append_pair("team_id", TEAM)
        .append_pair("user_id", user)
        .append_pair("trigger_id", trigger);
    form.finish()
}

/// What the buttons of P1 hold.
async fn wanted(server: &Server, id: &IncidentId) -> String {
    let proposals = server.get(&format!("/incidents/{id}/proposals")).await.body;
    let seal = &proposals["items"][0]["seal"];
    json!({ "incident": id, "proposal": "P1", "seal": seal }).to_string()
}

/// The decisions in the journal, each with its maker.
async fn decisions(server: &Server, id: &IncidentId) -> Vec<Value> {
    let records = server.get(&format!("/incidents/{id}/records")).await.body;
    let items = records["items"].as_array().expect("records").iter();
    items
        .map(|item| item["record"].clone())
        .filter(|record| record["event"]["kind"] == "decided")
        .collect()
}

async fn metrics(server: &Server) -> String {
    let answer = Answer::of(server.bare(Method::GET, "/metrics")).await;
    answer.body.as_str().expect("text").to_owned()
}

/// What the modal keeps that ada's click opens: the seal that was on the button.
async fn opened(world: &World, server: &Server, value: &str) -> String {
    let body = form(&click("1.a", "U0ADA", "datapulse_approve", value));
    let clicked = send(server, &body).await;
    assert_eq!(
        (clicked.status.as_u16(), &clicked.body),
        (200, &json!("")),
        "{clicked}"
    );
    let views = world.slack.views();
    assert_eq!(views.len(), 1, "{views:#?}");
    assert_eq!(views[0]["trigger_id"], "1.a");
    let view = &views[0]["view"];
    assert_eq!(view["callback_id"], "datapulse_decision", "{view:#}");
    let metadata = view["private_metadata"].as_str().expect("metadata");
    let asked: Value = serde_json::from_str(metadata).expect("JSON");
    let wanted: Value = serde_json::from_str(value).expect("JSON");
    assert_eq!(asked["wanted"], wanted);
    metadata.to_owned()
}

const OVER_HTTP: &str = "signing_secret_env = \"SIGN\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn from_a_click_to_the_journal_before_slack_hears_of_success_to_the_execution() {
    let world = World::new(OVER_HTTP).await;
    let server = world.serve();
    server.token("ada", "responder", true).await;
    let value = wanted(&server, &world.id).await;
    let metadata = opened(&world, &server, &value).await;

    // Somebody else submits it: nothing is decided.
    server.token("vic", "responder", true).await;
    let stolen = send(
        &server,
        &form(&submission("2.a", "U0VIC", &metadata, "yes")),
    )
    .await;
    let says = stolen.body["errors"]["datapulse_reason"].as_str();
    assert!(
        says.is_some_and(|says| says.contains("somebody else")),
        "{stolen}"
    );
    assert!(decisions(&server, &world.id).await.is_empty());

    let submitted = form(&submission("2.b", "U0ADA", &metadata, "it is the rollout"));
    let done = send(&server, &submitted).await;
    assert_eq!(
        (done.status.as_u16(), &done.body),
        (200, &json!("")),
        "{done}"
    );
    // Slack has heard of success: it is in the journal.
    let made = decisions(&server, &world.id).await;
    assert_eq!(made.len(), 1, "{made:#?}");
    let actor = &made[0]["actor"];
    assert_eq!(
        (&actor["subject"], &actor["via"]),
        (&json!("person:ada"), &json!("slack:T0WORKSPACE:U0ADA"))
    );
    assert_eq!(made[0]["event"]["reason"], "it is the rollout");
    // The same submission again, signed anew: it was taken.
    let again = send(
        &server,
        &form(&submission("2.b", "U0ADA", &metadata, "again")),
    )
    .await;
    assert_eq!(again.status.as_u16(), 409, "{again}");
    let path = format!("/incidents/{}", world.id);
    let result = server
        .until(&path, |incident| {
            incident["proposals"][0]["result"]
                .as_str()
                .map(str::to_owned)
        })
        .await;
    assert_eq!((result.as_str(), world.runner.orders()), ("succeeded", 1));
    // A late second click is told that it is decided.
    send(
        &server,
        &form(&click("3.a", "U0VIC", "datapulse_approve", &value)),
    )
    .await;
    let late = world.slack.views().pop().expect("a modal").to_string();
    assert!(late.contains("there is nothing to decide on"), "{late}");
    server.kill();
    let server = world.serve();
    assert_eq!(
        decisions(&server, &world.id).await.len(),
        1,
        "it was synced"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_person_here_or_may_not_is_told_so_and_decides_on_nothing() {
    let world = World::new(OVER_HTTP).await;
    let server = world.serve();
    server.token("ada", "responder", true).await;
    server.token("vic", "viewer", true).await;
    server.token("dis", "responder", true).await;
    let value = wanted(&server, &world.id).await;
    for (user, says) in [
        ("U0GUEST", "guests can't do this"),
        ("U0ROBOT", "bots can't do this"),
        ("U0ELSEWHERE", "Slack Connect"),
        ("U0GONE", "deactivated"),
        ("U0STRANGER", "isn't known in DataPulse"),
        ("U0VIC", "needs the scope actions:approve"),
    ] {
        let body = form(&click(
            &format!("1.{user}"),
            user,
            "datapulse_approve",
            &value,
        ));
        let answer = send(&server, &body).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer}");
        let shown = world.slack.views().pop().expect("a modal").to_string();
        assert!(
            shown.contains(says) && !shown.contains("private_metadata"),
            "{user}: {shown}"
        );
    }
    let mut foreign = click("2.a", "U0ADA", "datapulse_approve", &value);
    foreign["team"]["id"] = "T0ANOTHER".into();
    send(&server, &form(&foreign)).await;
    let shown = world.slack.views().pop().expect("a modal").to_string();
    assert!(shown.contains("this workspace isn't listed"), "{shown}");

    // Between the modal and its submission a person is disabled: what they submit is refused.
    send(
        &server,
        &form(&click("3.a", "U0BO", "datapulse_approve", &value)),
    )
    .await;
    let view = world.slack.views().pop().expect("a modal");
    let metadata = view["view"]["private_metadata"]
        .as_str()
        .expect("a decision");
    let disabled = json!({ "subject": "chat:bo", "reason": "left" });
    let answer = server.post("/people/disable", &disabled).await;
    assert_eq!(answer.status.as_u16(), 200, "{answer}");
    let refused = send(&server, &form(&submission("3.b", "U0BO", metadata, "yes"))).await;
    let says = refused.body["errors"]["datapulse_reason"].as_str();
    assert!(
        says.is_some_and(|says| says.contains("may do nothing")),
        "{refused}"
    );
    assert!(decisions(&server, &world.id).await.is_empty());
    let text = metrics(&server).await;
    for reason in [
        "guest",
        "bot",
        "slack_connect",
        "inactive",
        "unknown",
        "no_scope",
        "no_rights",
    ] {
        let line = format!("outside_people_denied_total{{system=\"slack\",reason=\"{reason}\"}}");
        assert!(text.contains(&line), "{line} isn't in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_isnt_slacks_or_came_before_is_refused_and_counted() {
    let world = World::new(OVER_HTTP).await;
    let server = world.serve();
    server.token("ada", "responder", true).await;
    let body = command("1.a", "U0ADA", "");
    let time = now_s().to_string();
    let right = sign(SIGNING, &time, &body);
    let other = sign("another", &time, &body);
    let old = (now_s() - 301).to_string();
    let future = (now_s() + 400).to_string();
    for (time, signature, body, status, says) in [
        (
            &time,
            &other,
            &body,
            401,
            "isn't that of the configured signing secret",
        ),
        (
            &old,
            &sign(SIGNING, &old, &body),
            &body,
            401,
            "at most 300 s are allowed",
        ),
        (
            &future,
            &sign(SIGNING, &future, &body),
            &body,
            401,
            "in the future",
        ),
        (&time, &right, &body, 200, ""),
        (&time, &right, &body, 409, "it was sent before"),
    ] {
        let answer = sent(&server, body, time, signature).await;
        assert_eq!(answer.status.as_u16(), status, "{answer}");
        assert!(answer.detail().contains(says), "{answer}");
    }
    let unreadable = send(&server, "payload=%7B").await;
    assert_eq!(unreadable.status.as_u16(), 400, "{unreadable}");
    assert_eq!(unreadable.detail(), "payload: isn't JSON");
    let unsigned = server
        .bare(Method::POST, &format!("{API}{PATH}"))
        .body("x=1");
    let unsigned = Answer::of(unsigned.bearer_auth(&server.token)).await;
    assert_eq!(
        unsigned.status.as_u16(),
        401,
        "no token lets in here: {unsigned}"
    );
    let text = metrics(&server).await;
    for reason in ["unproven", "untimely", "replayed", "unreadable"] {
        let line = format!("callbacks_refused_total{{system=\"slack\",reason=\"{reason}\"}}");
        assert!(text.contains(&line), "{line} isn't in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_and_the_button_handle_an_incident() {
    let world = World::new(OVER_HTTP).await;
    let server = world.serve();
    server.token("ada", "responder", true).await;
    server.token("vic", "viewer", true).await;
    let id = world.id.to_string();
    let mut number = 0;
    let mut ask = async |user: &str, text: &str| {
        number += 1;
        let answer = send(&server, &command(&format!("9.{number}"), user, text)).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer}");
        assert_eq!(answer.body["response_type"], "ephemeral", "{answer}");
        answer.body.to_string()
    };
    assert!(ask("U0VIC", "").await.contains(&id));
    assert!(ask("U0VIC", &id).await.contains("checkout"));
    assert!(
        ask("U0VIC", &format!("ack {id}"))
            .await
            .contains("incidents:write")
    );
    assert!(
        ask("U0STRANGER", "")
            .await
            .contains("isn't known in DataPulse")
    );
    assert!(ask("U0ADA", "help").await.contains("stops every execution"));
    send(
        &server,
        &form(&click("1.a", "U0ADA", "datapulse_acknowledge", &id)),
    )
    .await;
    let path = format!("/incidents/{id}");
    assert_eq!(server.get(&path).await.body["owner"], "ada");
    assert!(ask("U0BO", &format!("ack {id}")).await.contains("ada has"));
    ask("U0BO", &format!("assign {id} <@U0BO|bo>")).await;
    let incident = server.get(&path).await.body;
    assert_eq!(
        (&incident["owner"], &incident["owner_subject"]),
        (&json!("bo"), &json!("chat:bo"))
    );
    ask("U0ADA", &format!("note {id} the queue is <!channel> full")).await;
    assert!(
        ask("U0ADA", "stop it acts strangely")
            .await
            .contains("nothing is executed")
    );
    let automation = server.get("/automation").await.body;
    assert!(
        automation.to_string().contains("it acts strangely"),
        "{automation}"
    );
    ask("U0ADA", &format!("close {id} a test of ours")).await;
    assert_eq!(server.get(&path).await.body["status"], "closed");
}

type Socket = WebSocketStream<TcpStream>;

async fn say(socket: &mut Socket, message: &Value) {
    let sent = socket.send(Message::text(message.to_string())).await;
    sent.expect("is sent");
}

async fn heard(socket: &mut Socket) -> Value {
    let next = async {
        loop {
            if let Some(Ok(Message::Text(text))) = socket.next().await {
                return serde_json::from_str(&text).expect("JSON");
            }
        }
    };
    tokio::time::timeout(PATIENCE, next).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_through_a_socket_and_each_envelope_once() {
    let world = World::new("app_token_env = \"APP\"\n").await;
    let mut sockets = world.slack.sockets().await;
    let server = world.serve();
    server.token("ada", "responder", true).await;
    let opened = tokio::time::timeout(PATIENCE, sockets.recv()).await;
    let mut socket = opened.expect("in time").expect("a socket");
    say(
        &mut socket,
        &json!({ "type": "hello", "connection_info": { "app_id": APP } }),
    )
    .await;
    let envelope = |id: &str, payload: Value| json!({ "envelope_id": id, "type": "interactive", "accepts_response_payload": true, "payload": payload });
    let value = wanted(&server, &world.id).await;
    let clicked = envelope("e1", click("1.a", "U0ADA", "datapulse_reject", &value));
    say(&mut socket, &clicked).await;
    assert_eq!(heard(&mut socket).await, json!({ "envelope_id": "e1" }));
    let view = world.slack.views().pop().expect("a modal");
    let metadata = view["view"]["private_metadata"].as_str().expect("metadata");
    let submitted = envelope(
        "e2",
        submission("2.a", "U0ADA", metadata, "not during the sale"),
    );
    // Twice, as Slack does where an acknowledgement was lost.
    for _ in 0..2 {
        say(&mut socket, &submitted).await;
        assert_eq!(heard(&mut socket).await, json!({ "envelope_id": "e2" }));
    }
    let made = decisions(&server, &world.id).await;
    assert_eq!(made.len(), 1, "{made:#?}");
    assert_eq!(made[0]["event"]["approve"], false);
    // Without a signing secret nothing is taken over HTTP.
    let refused = send(&server, &command("3.a", "U0ADA", "")).await;
    assert_eq!(refused.status.as_u16(), 401, "{refused}");
    assert!(refused.detail().contains("no signing secret"), "{refused}");
}
