//! Alerts of other systems: they become findings, join what the service has, and end what only they
//! raised.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::command::Place;
use crate::intake::ask;
use crate::server::Server;

const PATH: &str = "/webhook/integrations/alertmanager";

fn call(alerts: Value) -> Value {
    json!({ "version": "4", "groupKey": "{}", "status": "firing", "receiver": "datapulse", "groupLabels": {},
        "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alerts.example", "alerts": alerts,
        "truncatedAlerts": 0 })
}

fn alert(name: &str, service: Option<&str>, over: bool) -> Value {
    let mut labels = json!({ "alertname": name, "severity": "critical" });
    if let Some(service) = service {
        labels["service"] = json!(service);
    }
    json!({ "status": if over { "resolved" } else { "firing" }, "labels": labels,
        "annotations": { "summary": format!("{name} of the shop: password=hunter2") },
        "startsAt": "2026-11-27T06:00:00Z",
        "endsAt": if over { "2026-11-27T06:20:00Z" } else { "0001-01-01T00:00:00Z" },
        "generatorURL": "http://rules.example/graph", "fingerprint": format!("{:016x}", name.len()) })
}

async fn status(server: &Server, id: &Value) -> Value {
    let path = format!("/incidents/{}", id.as_str().expect("an id"));
    server.get(&path).await.body
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_becomes_a_finding_and_its_end_an_outcome() {
    let place = Place::new();
    let server = Server::start(&place);
    let firing = call(json!([alert("HighErrorRate", Some("cart"), false)]));
    let told = server.post(PATH, &firing).await;
    assert_eq!(told.status, StatusCode::OK, "{told}");
    let id = told.body["opened"][0].clone();
    // Told again, nothing changes.
    let again = server.post(PATH, &firing).await;
    assert_eq!(again.body["opened"], json!([]), "{again}");
    let incident = status(&server, &id).await;
    assert_eq!(incident["findings"].as_array().map(Vec::len), Some(1));
    assert_eq!(incident["severity"], "critical");
    let finding = &incident["findings"][0];
    assert_eq!(finding["rule"], "alertmanager:HighErrorRate");
    assert_eq!(finding["evidence"]["tool"], "outside_alert");
    assert_eq!(finding["evidence"]["row_count"], 1);
    // A secret of the annotation isn't written.
    assert!(!incident.to_string().contains("hunter2"), "{incident}");
    assert!(incident.to_string().contains("[redacted: password]"));
    // Another alert of the service joins; one without a service is kept, and opens nothing.
    let more = json!([
        alert("Slow", Some("cart"), false),
        alert("Alone", None, false)
    ]);
    let told = server.post(PATH, &call(more)).await;
    assert_eq!(told.body["joined"], json!([id]), "{told}");
    assert_eq!(told.body["without_service"], 1);
    // One over: a note. Both over: resolved, by the query that reads them.
    let over = |name: &str| call(json!([alert(name, Some("cart"), true)]));
    let told = server.post(PATH, &over("Slow")).await;
    assert_eq!(told.body["resolved"], json!([]), "{told}");
    server.post(PATH, &over("Slow")).await;
    let path = format!("/incidents/{}/records", id.as_str().expect("an id"));
    let records = server.get(&path).await.body.to_string();
    assert_eq!(
        records.matches("note_added").count(),
        1,
        "told again, no second note"
    );
    let told = server.post(PATH, &over("HighErrorRate")).await;
    assert_eq!(told.body["resolved"], json!([id]), "{told}");
    let incident = status(&server, &id).await;
    assert_eq!(incident["status"], "resolved", "{incident}");
    assert_eq!(incident["resolved_evidence"]["tool"], "outside_alert");
    let kept = "FROM alerts-default | STATS n = COUNT(*) BY alert.state | SORT alert.state";
    assert_eq!(
        ask(&server, kept).await,
        json!([[3, "firing"], [2, "resolved"]])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_alert_is_refused_with_its_place() {
    let place = Place::new();
    let server = Server::start(&place);
    let mut broken = alert("A", Some("cart"), false);
    broken["startsAt"] = json!("yesterday");
    let told = server.post(PATH, &call(json!([broken]))).await;
    assert_eq!(told.status, StatusCode::BAD_REQUEST, "{told}");
    assert!(told.detail().contains("alerts[0].startsAt"), "{told}");
    let machine = server.token("shipper", "shipper", false).await;
    let request = server
        .bare(reqwest::Method::POST, &format!("/api/datapulse/v1{PATH}"))
        .bearer_auth(machine)
        .body(call(json!([])).to_string());
    let told = crate::server::Answer::of(request).await;
    assert_eq!(told.status, StatusCode::FORBIDDEN, "{told}");
    let trial = json!({ "receiver": "x", "status": "firing", "alerts": [{ "status": "firing",
        "labels": { "alertname": "TestAlert", "instance": "Grafana", "service": "cart" }, "annotations": {},
        "startsAt": "2026-11-27T06:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "1", "values": null }] });
    let told = server.post("/webhook/integrations/grafana", &trial).await;
    assert_eq!(told.status, StatusCode::OK, "{told}");
    assert_eq!(told.body["trials"], 1, "{told}");
    assert_eq!(server.get("/incidents").await.body["total"], 0);
}
