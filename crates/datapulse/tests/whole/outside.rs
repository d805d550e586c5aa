//! What people do in Jira and PagerDuty comes back: as theirs where they are known and may, as a note
//! by nobody with rights elsewhere; and Grafana's alerts, signed.

use axum::{Json, Router};
use chrono::{SecondsFormat, Utc};
use hmac::{Hmac, Mac};
use model::IncidentId;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::command::Place;
use crate::server::{API, Answer, Server};
use crate::story;

const SECRET: &str = "webhook secret";
/// Jira's own account of ours.
const OURS: &str = "5b10a2844c20165700ede21g";

fn sign(secret: &str, pieces: &[&str]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    pieces.iter().for_each(|piece| mac.update(piece.as_bytes()));
    hex::encode(mac.finalize().into_bytes())
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

async fn told(server: &Server, system: &str, headers: &[(&str, String)], body: &Value) -> Answer {
    let path = format!("{API}/webhook/integrations/{system}");
    let mut request = server.bare(Method::POST, &path);
    request = request.header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    Answer::of(request.body(body.to_string())).await
}

async fn pagerduty(server: &Server, secret: &str, body: &Value) -> Answer {
    let signature = format!("v1={}", sign(secret, &[&body.to_string()]));
    told(
        server,
        "pagerduty",
        &[("x-pagerduty-signature", signature)],
        body,
    )
    .await
}

async fn jira(server: &Server, secret: &str, body: &Value) -> Answer {
    let signature = format!("sha256={}", sign(secret, &[&body.to_string()]));
    told(server, "jira", &[("x-hub-signature", signature)], body).await
}

/// The notes and what else isn't the agents', each with its actor's subject.
async fn written(server: &Server, id: &IncidentId) -> Vec<(String, Value)> {
    let records = server.get(&format!("/incidents/{id}/records")).await.body;
    let items = records["items"].as_array().expect("records").iter();
    items
        .filter_map(|item| {
            let record = &item["record"];
            let subject = record["actor"]["subject"].as_str()?;
            Some((subject.to_owned(), record["event"].clone()))
        })
        .collect()
}

async fn metrics(server: &Server) -> String {
    let answer = Answer::of(server.bare(Method::GET, "/metrics")).await;
    answer.body.as_str().expect("text").to_owned()
}

fn event(id: &str, kind: &str, agent: Value, data: Value) -> Value {
    json!({ "event": { "id": id, "event_type": kind, "resource_type": "incident",
        "occurred_at": now(), "agent": agent, "data": data } })
}

fn user(id: &str) -> Value {
    json!({ "id": id, "type": "user_reference", "summary": "Ada <!channel>" })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_with_a_page_comes_back() {
    let place = Place::new();
    let id = story::write(&place).await;
    let text = "[retention]\ntelemetry_days = 0\n[pagerduty]\nrouting_key_env = \"KEY\"\nurl = \"http://127.0.0.1:9/v2\"\n[pagerduty.incoming]\nsecret_env = \"HOOK\"\n[pagerduty.incoming.people]\nPADA = \"person:ada\"\nPVIC = \"person:vic\"\n";
    place.write("datapulse.toml", text);
    let environment = [("HOOK", SECRET), ("KEY", "routing")];
    let server = Server::start_with(&place, &[], &environment);
    server.token("ada", "responder", true).await;
    server.token("vic", "viewer", true).await;
    let page = json!({ "id": "QPAGE", "incident_key": id, "assignees": [user("PADA")] });
    let became = async |body: &Value| {
        let answer = pagerduty(&server, SECRET, body).await;
        assert_eq!(answer.status.as_u16(), 202, "{answer}");
        answer.body["became"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let note = |event_id: &str, number: &str, agent: &str| {
        let data =
            json!({ "id": number, "incident": { "id": "QPAGE" }, "content": "the disk is full" });
        event(event_id, "incident.annotated", user(agent), data)
    };
    assert_eq!(
        became(&note("E0", "N0", "PADA")).await,
        "no incident of ours"
    );
    let integration = json!({ "id": "PINT", "type": "integration_reference" });
    let triggered = event("E1", "incident.triggered", integration, page.clone());
    assert_eq!(became(&triggered).await, "linked");
    assert_eq!(became(&note("E2", "N1", "PADA")).await, "note");
    assert_eq!(became(&note("E3", "N2", "PSTRANGER")).await, "outside_note");
    assert_eq!(
        became(&note("E4", "N3", "PVIC")).await,
        "outside_note",
        "a viewer"
    );
    assert_eq!(
        became(&note("E5", "N1", "PADA")).await,
        "known",
        "the same note"
    );
    let acknowledged = event("E6", "incident.acknowledged", user("PADA"), page.clone());
    assert_eq!(became(&acknowledged).await, "act");
    assert_eq!(became(&acknowledged).await, "it was taken before");
    let path = format!("/incidents/{id}");
    assert_eq!(server.get(&path).await.body["owner"], "ada");
    let wrong = pagerduty(&server, "another", &acknowledged).await;
    assert_eq!(wrong.status.as_u16(), 401, "{wrong}");
    let mut old = event("E7", "incident.resolved", user("PADA"), page.clone());
    old["event"]["occurred_at"] = "2020-01-01T00:00:00Z".into();
    let refused = pagerduty(&server, SECRET, &old).await;
    assert_eq!(refused.status.as_u16(), 401, "{refused}");
    assert!(refused.detail().contains("too old"), "{refused}");
    drop(server);
    // What ties the page to the incident is in the journal.
    let server = Server::start_with(&place, &[], &environment);
    let answer = pagerduty(&server, SECRET, &note("E8", "N4", "PADA")).await;
    assert_eq!(answer.body["became"], "note", "{answer}");
    let resolved = event("E9", "incident.resolved", user("PADA"), page);
    let answer = pagerduty(&server, SECRET, &resolved).await;
    assert_eq!(answer.body["became"], "act", "{answer}");
    assert_eq!(server.get(&path).await.body["status"], "resolved");
    let written = written(&server, &id).await;
    let by = |subject: &str| written.iter().filter(|(by, _)| by == subject).count();
    assert_eq!(
        (
            by("pagerduty"),
            by("pagerduty:PSTRANGER"),
            by("pagerduty:PVIC")
        ),
        (1, 1, 1)
    );
    assert!(written.iter().all(|(_, event)| event["kind"] != "decided"));
}

/// The one method that is asked for by what comes in.
async fn jira_stand_in() -> String {
    let answer = || async { Json(json!({ "accountId": OURS })) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    url
}

fn commented(account: &str, comment: &str, issue: &str) -> Value {
    json!({ "timestamp": Utc::now().timestamp_millis(), "webhookEvent": "comment_created",
        "comment": { "id": comment, "author": { "accountId": account }, "body": "I make room." },
        "issue": { "id": "10000", "key": issue } })
}

fn moved(account: &str, to: &str) -> Value {
    json!({ "timestamp": Utc::now().timestamp_millis(), "webhookEvent": "jira:issue_updated",
        "user": { "accountId": account }, "issue": { "id": "10000", "key": "OPS-17" },
        "changelog": { "items": [{ "field": "status", "fromString": "To Do", "toString": to }] } })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_say_and_move_in_jira_comes_back_and_decides_nothing() {
    let place = Place::new();
    let id = story::write(&place).await;
    story::lies_at(&place, &id, "jira", "OPS-17").await;
    let url = jira_stand_in().await;
    let text = format!(
        "[retention]\ntelemetry_days = 0\n[jira]\ntoken_env = \"TOKEN\"\nurl = \"{url}\"\nedition = \"cloud\"\nuser = \"datapulse@example.com\"\nproject = \"OPS\"\nissue_type = \"Incident\"\n[jira.meanings]\n\"In Progress\" = \"investigating\"\nApproved = \"approved\"\nDone = \"resolved\"\n[jira.incoming]\nsecret_env = \"HOOK\"\n[jira.incoming.people]\nADA = \"person:ada\"\n"
    );
    place.write("datapulse.toml", &text);
    let environment = [("HOOK", SECRET), ("TOKEN", "token")];
    let server = Server::start_with(&place, &[], &environment);
    server.token("ada", "responder", true).await;
    let became = async |body: &Value| {
        let answer = jira(&server, SECRET, body).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer}");
        answer.body["became"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let said = commented("ADA", "1", "OPS-17");
    assert_eq!(became(&said).await, "note");
    assert_eq!(became(&said).await, "it was taken before");
    assert_eq!(
        became(&commented("STRANGER", "2", "OPS-17")).await,
        "outside_note"
    );
    assert_eq!(
        became(&commented("ADA", "3", "OPS-18")).await,
        "no issue of an incident"
    );
    assert_eq!(
        became(&commented(OURS, "4", "OPS-17")).await,
        "our own doing"
    );
    let wrong = jira(&server, "another", &commented("ADA", "5", "OPS-17")).await;
    assert_eq!(wrong.status.as_u16(), 401, "{wrong}");
    assert_eq!(became(&moved("ADA", "In Progress")).await, "act");
    let path = format!("/incidents/{id}");
    assert_eq!(server.get(&path).await.body["owner"], "ada");
    // A status that means an approval approves nothing.
    assert_eq!(became(&moved("ADA", "Approved")).await, "note");
    let proposals = server.get(&format!("{path}/proposals")).await.body;
    assert_eq!(proposals["items"][0]["stage"], "pending", "{proposals:#}");
    assert_eq!(became(&moved("STRANGER", "Done")).await, "outside_note");
    assert_ne!(server.get(&path).await.body["status"], "resolved");
    assert_eq!(became(&moved("ADA", "Done")).await, "act");
    assert_eq!(server.get(&path).await.body["status"], "resolved");
    let text = metrics(&server).await;
    assert!(
        text.contains("outside_people_denied_total{system=\"jira\",reason=\"unmapped\"} 2"),
        "{text}"
    );
    assert!(
        text.contains("callbacks_refused_total{system=\"jira\",reason=\"unproven\"} 1"),
        "{text}"
    );
    let written = written(&server, &id).await;
    let notes = written
        .iter()
        .filter_map(|(_, event)| event["text"].as_str());
    let notes: Vec<&str> = notes.collect();
    assert!(
        notes
            .iter()
            .any(|note| *note == "Jira OPS-17, comment 1: I make room."),
        "{notes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn grafana_signs_its_alerts_with_the_time() {
    let place = Place::new();
    place.write("datapulse.toml", "[grafana]\nsecret_env = \"HOOK\"\n");
    let server = Server::start_with(&place, &[], &[("HOOK", SECRET)]);
    let body = json!({ "status": "firing", "alerts": [{ "status": "firing", "fingerprint": "f1",
        "labels": { "alertname": "TestAlert", "instance": "Grafana" }, "annotations": {},
        "startsAt": now(), "endsAt": "0001-01-01T00:00:00Z" }] });
    let signed = |secret: &str, time: &str| {
        let signature = sign(secret, &[time, ":", &body.to_string()]);
        [
            ("x-grafana-alerting-signature", signature),
            ("x-grafana-alerting-timestamp", time.to_owned()),
        ]
    };
    let time = Utc::now().timestamp();
    let good = signed(SECRET, &time.to_string());
    let answer = told(&server, "grafana", &good, &body).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["trials"]),
        (200, &json!(1)),
        "{answer}"
    );
    for (headers, says) in [
        (
            signed("another", &time.to_string()),
            "isn't that of the configured secret",
        ),
        (signed(SECRET, &(time - 400).to_string()), "at most 300 s"),
    ] {
        let answer = told(&server, "grafana", &headers, &body).await;
        assert_eq!(answer.status.as_u16(), 401, "{answer}");
        assert!(answer.detail().contains(says), "{answer}");
    }
    let undated = [(
        "x-grafana-alerting-signature",
        sign(SECRET, &[&body.to_string()]),
    )];
    let answer = told(&server, "grafana", &undated, &body).await;
    assert_eq!(answer.status.as_u16(), 401, "{answer}");
    let none = told(&server, "grafana", &[], &body).await;
    assert_eq!(none.status.as_u16(), 401, "a token or a signature: {none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_that_isnt_configured_is_shut() {
    let place = Place::new();
    let server = Server::start(&place);
    for system in ["slack", "jira", "pagerduty"] {
        let answer = told(&server, system, &[], &json!({})).await;
        assert_eq!(answer.status.as_u16(), 404, "{answer}");
        assert!(
            answer.detail().contains(&format!("[{system}.incoming]")),
            "{answer}"
        );
    }
}
