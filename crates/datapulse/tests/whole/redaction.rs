//! Secrets are in no record, no log, no answer of a tool; and no record says that it holds one.

use reqwest::StatusCode;
use serde_json::json;

use crate::command::Place;
use crate::server::{Server, read};
use crate::story;

const SECRET: &str = "Tr0ub4dor-and-3";

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_written_nowhere() {
    let place = Place::new();
    let id = story::write(&place).await;
    let configuration = "[retention]\ntelemetry_days = 0\n[redaction]\nemails = true\npatterns = [\"KD-[0-9]{6}\"]\n";
    place.write("datapulse.toml", configuration);
    let server = Server::start_with(&place, &[], &[("RUST_LOG", "info")]);
    let note = format!("tried password={SECRET} for anna@shop.example, customer KD-123456");
    let told = server
        .post(&format!("/incidents/{id}/notes"), &json!({ "text": note }))
        .await;
    assert_eq!(told.status, StatusCode::OK, "{told}");
    let records = server.get(&format!("/incidents/{id}/records")).await;
    let said = records.body.to_string();
    assert!(said.contains("password=[redacted: password]"), "{said}");
    assert!(
        said.contains("customer [redacted: by configuration]"),
        "{said}"
    );
    // What is sealed is what runs: it is refused rather than changed.
    let asked = json!({ "kind": "config_change", "target": "payment", "why": "the password is wrong",
        "parameters": { "key": "DB_PASSWORD", "value": SECRET } });
    let told = server
        .post(&format!("/incidents/{id}/proposals"), &asked)
        .await;
    assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
    assert!(told.detail().contains("hold a secret"), "{told}");
    // Telemetry is as it came; what agents and people read of it isn't.
    let line = json!({ "@timestamp": "2026-11-27T06:00:00Z", "service.name": "cart", "log.level": "ERROR",
        "error.type": "LoginError", "message": format!("login of bo@shop.example with token={SECRET}17 failed") });
    let bulk = format!("{{\"create\":{{\"_index\":\"logs-application\"}}}}\n{line}\n");
    assert_eq!(server.bulk(&bulk).await.status, StatusCode::OK);
    let window = json!({ "from": "2026-11-27T05:00:00Z", "to": "2026-11-27T07:00:00Z" });
    let answer = server
        .post("/tools/correlate_error_logs/run", &window)
        .await;
    let said = answer.body.to_string();
    assert!(
        said.contains("login of [redacted: e-mail address] with token=[redacted: token] failed"),
        "{said}"
    );
    assert!(!said.contains(SECRET));
    server.kill();
    for file in ["serve.out", "serve.err"] {
        assert!(!read(&place.path().join(file)).contains(SECRET), "{file}");
    }
    let journal = std::fs::read(place.data().join("truth.db")).expect("is there");
    let wal = std::fs::read(place.data().join("truth.db-wal")).unwrap_or_default();
    for bytes in [journal, wal] {
        let found = bytes
            .windows(SECRET.len())
            .any(|window| window == SECRET.as_bytes());
        assert!(!found, "the secret is in the journal's file");
    }
}

#[test]
fn a_pattern_that_cannot_be_used_names_its_line() {
    let place = Place::new();
    place.write(
        "datapulse.toml",
        "[redaction]\nemails = false\npatterns = [\"a\", \"(\"]\n",
    );
    let output = place.datapulse(&["doctor"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("datapulse.toml:3"), "{said}");
    assert!(said.contains("redaction pattern 2"), "{said}");
}
