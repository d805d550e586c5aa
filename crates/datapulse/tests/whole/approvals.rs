//! Who may say what to a proposal, and what is recorded of it.

use model::{Actor, Event, Incident, IncidentId, Projection, Record, Signer, StoredRecord};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{API, Answer, Server};
use crate::story;

/// A person or a machine with a token.
struct Caller<'a> {
    server: &'a Server,
    secret: String,
}

impl<'a> Caller<'a> {
    async fn new(server: &'a Server, name: &str, role: &str, person: bool) -> Self {
        Self {
            server,
            secret: server.token(name, role, person).await,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self
            .server
            .bare(method, &format!("{API}{path}"))
            .bearer_auth(&self.secret);
        Answer::of(request.json(body)).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, &body).await
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, &json!({})).await.body
    }
}

fn is(answer: &Answer, status: StatusCode, reason: &str) {
    assert!(
        answer.status == status && answer.reason().contains(reason),
        "expected {status} with {reason:?}: {answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deciding_alone_is_told_and_reviewed_by_somebody_else() {
    let place = Place::new();
    let id = story::write(&place).await;
    let server = Server::start(&place);
    let ada = Caller::new(&server, "ada", "responder", true).await;
    let cyd = Caller::new(&server, "cyd", "break_glass", true).await;
    let vic = Caller::new(&server, "vic", "viewer", true).await;
    let robot = Caller::new(&server, "robot", "break_glass", false).await;
    let proposals = vic.get(&format!("/incidents/{id}/proposals")).await;
    let first = &proposals["items"][0];
    assert!(
        first["you_cannot"]
            .as_str()
            .is_some_and(|why| why.contains("actions:approve")),
        "{first}"
    );
    let path = format!("/incidents/{id}/proposals/P1");
    let decisions = format!("{path}/decisions");
    let alone = json!({ "seal": first["seal"], "approve": true, "reason": "the shop is down", "break_glass": true });
    let forbidden = StatusCode::FORBIDDEN;
    is(
        &ada.post(&decisions, alone.clone()).await,
        forbidden,
        "role break_glass",
    );
    is(
        &vic.post(&decisions, alone.clone()).await,
        forbidden,
        "actions:approve",
    );
    is(
        &robot.post(&decisions, alone.clone()).await,
        forbidden,
        "machine",
    );
    let silent = json!({ "seal": first["seal"], "approve": true, "break_glass": true });
    is(
        &cyd.post(&decisions, silent).await,
        StatusCode::CONFLICT,
        "with a reason",
    );
    let done = cyd.post(&decisions, alone.clone()).await;
    assert_eq!(done.status, StatusCode::CREATED, "{done}");
    is(
        &cyd.post(&decisions, alone).await,
        StatusCode::CONFLICT,
        "already",
    );
    let review = json!({ "justified": true, "note": "it was down" });
    let conflict = StatusCode::CONFLICT;
    is(
        &cyd.post(&format!("{path}/review"), review.clone()).await,
        conflict,
        "somebody else",
    );
    let done = ada.post(&format!("{path}/review"), review.clone()).await;
    assert_eq!(done.status, StatusCode::OK, "{done}");
    is(
        &ada.post(&format!("{path}/review"), review).await,
        conflict,
        "reviewed already",
    );
    let shown = ada.get(&format!("/incidents/{id}/proposals")).await;
    let glass = &shown["items"][0]["break_glass"];
    assert_eq!(glass["by"]["name"], "cyd");
    assert_eq!(glass["review"]["by"]["name"], "ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_is_answered_and_what_is_offered_can_be_withdrawn() {
    let place = Place::new();
    let id = story::write(&place).await;
    let server = Server::start(&place);
    let ada = Caller::new(&server, "ada", "responder", true).await;
    let robot = Caller::new(&server, "robot", "responder", false).await;
    let path = format!("/incidents/{id}/proposals");
    let wanted = json!({ "kind": "restart", "target": story::SERVICE, "why": "it hangs" });
    is(
        &robot.post(&path, wanted.clone()).await,
        StatusCode::FORBIDDEN,
        "machine",
    );
    let unknown = json!({ "kind": "reboot", "target": story::SERVICE, "why": "it hangs" });
    is(
        &ada.post(&path, unknown).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "reboot",
    );
    let edit = json!({ "kind": "restart", "target": story::SERVICE, "why": "x", "edits": "P9" });
    is(
        &ada.post(&path, edit).await,
        StatusCode::CONFLICT,
        "no proposal P9",
    );
    let taken = ada.post(&path, wanted).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{taken}");
    // Nothing can be executed on this server, and that is what comes of it.
    let refused = server
        .until(&path, |page| {
            page["requests"][0]["refused"].as_str().map(str::to_owned)
        })
        .await;
    assert!(refused.contains("no runner"), "{refused}");
    let withdraw = format!("{path}/P1/withdraw");
    is(
        &ada.post(&withdraw, json!({ "reason": " " })).await,
        StatusCode::BAD_REQUEST,
        "reason",
    );
    let reason = json!({ "reason": "we look at the database first" });
    assert_eq!(
        ada.post(&withdraw, reason.clone()).await.status,
        StatusCode::OK
    );
    is(
        &ada.post(&withdraw, reason).await,
        StatusCode::CONFLICT,
        "is withdrawn",
    );
    let seal = ada.get(&path).await["items"][0]["seal"].clone();
    let late = json!({ "seal": seal, "approve": true });
    is(
        &ada.post(&format!("{path}/P1/decisions"), late).await,
        StatusCode::CONFLICT,
        "withdrawn",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_anybodys_and_its_end_a_persons() {
    let place = Place::new();
    let server = Server::start(&place);
    let ada = Caller::new(&server, "ada", "responder", true).await;
    let vic = Caller::new(&server, "vic", "viewer", true).await;
    let robot = Caller::new(&server, "robot", "responder", false).await;
    let why = || json!({ "reason": "the runner acts strangely" });
    is(
        &vic.post("/automation/stop", why()).await,
        StatusCode::FORBIDDEN,
        "incidents:write",
    );
    is(
        &ada.post("/automation/resume", why()).await,
        StatusCode::CONFLICT,
        "nothing is stopped",
    );
    let stopped = robot.post("/automation/stop", why()).await;
    assert_eq!(stopped.status, StatusCode::OK, "{stopped}");
    is(
        &ada.post("/automation/stop", why()).await,
        StatusCode::CONFLICT,
        "already",
    );
    is(
        &robot.post("/automation/resume", why()).await,
        StatusCode::FORBIDDEN,
        "machine",
    );
    // It outlives the process.
    let secret = ada.secret.clone();
    drop(server);
    let server = Server::start(&place);
    let ada = Caller {
        server: &server,
        secret,
    };
    assert_eq!(
        ada.get("/automation").await["stopped"]["by"]["name"],
        "robot"
    );
    let said = place.done(&["action", "status", "--data", "data"]).out;
    assert!(
        said.contains("stopped at") && said.contains("by robot"),
        "{said}"
    );
    assert_eq!(
        ada.post("/automation/resume", why()).await.status,
        StatusCode::OK
    );
    assert_eq!(ada.get("/automation").await["stopped"], Value::Null);
    let records = ada.get("/audit/system").await;
    let acts: Vec<&str> = records["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|line| line["record"]["event"]["act"]["kind"].as_str())
        .filter(|act| !act.starts_with("token"))
        .collect();
    let wanted = [
        "month_began",
        "key_trusted",
        "key_trusted",
        "policy_in_force",
        "automation_stopped",
        "automation_resumed",
    ];
    assert_eq!(acts, wanted, "{records}");
    let verified = place.done(&["audit", "verify", "--data", "data"]).out;
    assert!(verified.contains("intact"), "{verified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_decides_no_more() {
    let place = Place::new();
    let id = story::write(&place).await;
    let server = Server::start(&place);
    let ada = Caller::new(&server, "ada", "responder", true).await;
    let unknown = json!({ "subject": "person:eve", "reason": "left" });
    let answer = server.post("/people/disable", &unknown).await;
    is(&answer, StatusCode::NOT_FOUND, "person:eve");
    let path = format!("/incidents/{id}/proposals");
    let seals = ada.get(&path).await;
    // By deciding, she becomes known: on the second, which has expired.
    let no = json!({ "seal": seals["items"][1]["seal"], "approve": false, "reason": "too late" });
    is(
        &ada.post(&format!("{path}/P2/decisions"), no).await,
        StatusCode::CONFLICT,
        "expired",
    );
    let gone = json!({ "subject": "person:ada", "reason": "left" });
    assert_eq!(
        server.post("/people/disable", &gone).await.status,
        StatusCode::OK
    );
    let yes = json!({ "seal": seals["items"][0]["seal"], "approve": true });
    let decisions = format!("{path}/P1/decisions");
    is(
        &ada.post(&decisions, yes.clone()).await,
        StatusCode::FORBIDDEN,
        "was disabled",
    );
    assert_eq!(
        server.post("/people/enable", &gone).await.status,
        StatusCode::OK
    );
    assert_eq!(ada.post(&decisions, yes).await.status, StatusCode::CREATED);
}

#[test]
fn a_policy_is_held_against_examples() {
    let place = Place::new();
    place.write(
        "policy.toml",
        "[quorum]\nhigh = 2\n\n[[freeze]]\nname = \"nights\"\ndays = [\"fri\"]\nfrom = \"18:00\"\nto = \"08:00\"\n",
    );
    let example = |by: &str, at: &str, expect: &str| {
        format!(
            "[[example]]\nname = \"{expect} at {at}\"\nkind = \"traffic_shift\"\ntarget = \"cart\"\nat = \"{at}\"\napproved_by = [{by}]\nexpect = \"{expect}\"\n"
        )
    };
    let friday = "2026-11-27T23:00:00Z";
    let monday = "2026-11-30T12:00:00Z";
    let right = [
        "policy = \"policy.toml\"\n".to_owned(),
        example("\"ada\", \"bob\"", monday, "go"),
        example("\"ada\"", monday, "wait"),
        example("\"ada\", \"bob\"", friday, "frozen"),
    ];
    place.write("right.toml", &right.concat());
    let run = place.datapulse(&["policy", "test", "right.toml"]).output();
    let run = run.expect("runs");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert_eq!(run.status.code(), Some(0), "{said}");
    assert!(said.contains("3 of 3 examples as expected"), "{said}");
    let wrong = [
        "policy = \"policy.toml\"\n".to_owned(),
        example("\"ada\"", monday, "go"),
    ];
    place.write("wrong.toml", &wrong.concat());
    let run = place.datapulse(&["policy", "test", "wrong.toml"]).output();
    let run = run.expect("runs");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert_eq!(run.status.code(), Some(3), "{said}");
    assert!(said.contains("needs 2 people's yes"), "{said}");
    for (text, reason) in [
        ("[policy]\nquorums = 2\n", "quorums"),
        (
            "[policy.quorum]\nhigh = 9\n",
            "expected 1 to 5 people, got 9",
        ),
        ("[[example]]\nname = \"x\"\n", "example 1"),
        ("", "no [[example]]"),
    ] {
        place.write("bad.toml", text);
        let run = place.datapulse(&["policy", "test", "bad.toml"]).output();
        let run = run.expect("runs");
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(1), "{text}: {said}");
        assert!(said.contains(reason), "{text}: {said}");
    }
}

/// Writes a record straight into the store, past every process; `None`: unsigned. Gives its id.
pub async fn slipped_in(
    place: &Place,
    id: &IncidentId,
    say: impl FnOnce(&Incident) -> (Actor, Event),
    signer: Option<Signer>,
) -> String {
    use store::Journal as _;
    let store = store::Embedded::open(&place.data(), store::embedded::Options::default())
        .await
        .expect("opens");
    let stored = store.records(id).await.expect("reads");
    let mut incident = model::chain::verify(id, &stored).expect("an incident");
    let (actor, event) = say(&incident);
    let now = casework::Clock::wall().now();
    let record = Record {
        incident: id.clone(),
        seq: incident.last_seq + 1,
        at: incident.updated_at.plus_ms(1).max(now),
        actor,
        previous: stored.last().expect("some").digest,
        event,
    };
    incident.apply(&record).expect("the state machine takes it");
    let line = match signer {
        None => StoredRecord::new(&record),
        Some(signer) => StoredRecord::signed(&record, &signer),
    };
    let shown = Projection::from(&incident);
    let appended = store.append(&line.expect("writable"), Some(&shown)).await;
    appended.expect("the store takes it");
    store.flush().await.expect("is flushed");
    record.id()
}

/// A person's yes, as somebody would write it who has got hold of an agent's credentials: unsigned,
/// or signed with that agent's key.
async fn forged(place: &Place, id: &IncidentId, agent: Option<&str>) -> String {
    let signer = agent.map(|agent| {
        let key = place.data().join(format!("keys/{agent}.key"));
        let key = std::fs::read_to_string(key).expect("is there");
        let seed = hex::decode(key.trim()).expect("hexadecimal");
        Signer::new(&seed.try_into().expect("32 bytes"))
    });
    let yes = |incident: &Incident| {
        let event = Event::Decided {
            proposal: "P1".to_owned(),
            seal: incident.proposal("P1").expect("offered").seal,
            approve: true,
            reason: "trust me".to_owned(),
            break_glass: false,
        };
        (ada(), event)
    };
    slipped_in(place, id, yes, signer).await
}

pub fn ada() -> Actor {
    Actor::Person {
        subject: "person:ada".to_owned(),
        name: "ada".to_owned(),
        via: "session".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_no_gateway_signed_runs_nothing_and_is_found() {
    let agents = model::Writer::AGENTS.map(|agent| Some(agent.name()));
    for agent in std::iter::once(None).chain(agents) {
        let place = Place::new();
        let id = story::write(&place).await;
        // A runner that would be asked, and answers nothing: it must not even be.
        let runner = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = runner.local_addr().expect("an address").port();
        place.write(
            "datapulse.toml",
            &format!("[retention]\ntelemetry_days = 0\n[runner]\nkind = \"control-api\"\nurl = \"http://127.0.0.1:{port}\"\nsecret_env = \"RUNNER_SECRET\"\n"),
        );
        let secret = [("RUNNER_SECRET", "for-tests-only")];
        let server = Server::start_with(&place, &[], &secret);
        // Ada is somebody who may decide.
        let _ = Caller::new(&server, "ada", "responder", true).await;
        drop(server);
        place.done(&["audit", "verify", "--data", "data"]);
        let record = forged(&place, &id, agent).await;
        let server = Server::start_with(&place, &[], &secret);
        let path = format!("/incidents/{id}");
        let told = server
            .until(&path, |incident| {
                incident["person_needed"].as_str().map(str::to_owned)
            })
            .await;
        assert!(told.contains("nothing is executed on P1"), "{told}");
        let incident = server.get(&path).await.body;
        assert_eq!(incident["proposals"][0]["stage"], "pending", "{incident}");
        drop(server);
        let verified = place.run(&["audit", "verify", "--data", "data"]);
        assert_eq!(verified.code, 3, "{verified}");
        assert!(verified.out.contains(&record), "{verified}");
    }
}
