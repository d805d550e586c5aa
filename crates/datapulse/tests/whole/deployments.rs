//! Deployments told by webhooks and on the command line.

use hmac::{Hmac, Mac};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::command::Place;
use crate::intake::ask;
use crate::server::{API, Answer, Server};
use crate::shows;

const PATH: &str = "/webhook/integrations/deployments";

async fn told(server: &Server, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = server.bare(Method::POST, &format!("{API}{PATH}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.body(body.to_string())).await
}

fn github(body: &Value, secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(body.to_string().as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

fn deployment(state: &str) -> Value {
    json!({
        "deployment": { "id": 42, "sha": "a84d88e7", "ref": "v1.2.3", "payload": {}, "environment": "production",
            "creator": { "login": "octocat" }, "created_at": "2026-01-10T12:00:00Z" },
        "deployment_status": { "state": state, "created_at": "2026-01-10T12:03:00Z", "description": "rolled out" },
        "repository": { "name": "cart" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_taken_signed_or_with_a_token() {
    let place = Place::new();
    let configuration = "[deployments]\nsecret_env = \"HOOK\"\n";
    std::fs::write(place.path().join("datapulse.toml"), configuration).expect("is written");
    let server = Server::start_with(&place, &[], &[("HOOK", "s3cret")]);
    let (begun, done) = (deployment("in_progress"), deployment("success"));
    let event = ("x-github-event", "deployment_status");
    for (body, status) in [(&begun, 201), (&done, 200), (&done, 200)] {
        let signed = github(body, "s3cret");
        let answer = told(&server, &[event, ("x-hub-signature-256", &signed)], body).await;
        assert_eq!(answer.status, status, "{answer}");
    }
    let row = "FROM deployments-* METADATA _id | KEEP _id, @timestamp, service.name, service.version, event.outcome";
    let stored = json!([[
        "github-42",
        "2026-01-10T12:03:00.000Z",
        "cart",
        "v1.2.3",
        "success"
    ]]);
    assert_eq!(ask(&server, row).await, stored);
    let other = github(&done, "other");
    let mut said = String::new();
    let bearer = format!("Bearer {}", server.token);
    let viewer = format!("Bearer {}", server.token("v", "viewer", false).await);
    let own =
        json!({ "service": "cart", "version": "2", "at": "2026-01-10T13:00:00Z", "diff": "+x" });
    for (name, headers, body) in [
        (
            "another secret",
            vec![event, ("x-hub-signature-256", other.as_str())],
            &done,
        ),
        ("no proof", vec![event], &done),
        (
            "another token of GitLab's",
            vec![("x-gitlab-token", "x")],
            &done,
        ),
        (
            "ping",
            vec![("x-github-event", "ping"), ("authorization", &bearer)],
            &done,
        ),
        (
            "GitHub's without what it must have",
            vec![("x-github-event", "deployment"), ("authorization", &bearer)],
            &json!({}),
        ),
        ("who only reads", vec![("authorization", &viewer)], &own),
        ("our own form", vec![("authorization", &bearer)], &own),
        ("the same again", vec![("x-gitlab-token", "s3cret")], &own),
        (
            "no service",
            vec![("authorization", &bearer)],
            &json!({ "version": "2" }),
        ),
        ("no object", vec![("authorization", &bearer)], &json!([])),
    ] {
        let answer = told(&server, &headers, body).await;
        let result = answer.body["result"].as_str().unwrap_or(answer.detail());
        said.push_str(&format!("{name}: {} {result}\n", answer.status.as_u16()));
    }
    shows!("deployments told", said);
    let count = ask(&server, "FROM deployments-* | STATS n = COUNT(*)").await;
    assert_eq!(count, json!([[2]]));
    drop(server);
    // Without a configured secret nobody is let in by a signature.
    std::fs::remove_file(place.path().join("datapulse.toml")).expect("is removed");
    let server = Server::start(&place);
    let signed = github(&done, "s3cret");
    let answer = told(&server, &[event, ("x-hub-signature-256", &signed)], &done).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_records_with_and_without_a_server() {
    let place = Place::new();
    let diff = "--- a/x.go\n+++ b/x.go\n@@ -1 +1 @@\n-limit := 9\n+limit := 1\n";
    std::fs::write(place.path().join("change.diff"), diff).expect("is written");
    let arguments = [
        "deployment",
        "record",
        "--data",
        "data",
        "--service",
        "cart",
        "--version",
        "1.2.3",
        "--commit",
        "4f3ebc87",
        "--diff",
        "change.diff",
        "--author",
        "ann",
        "--at",
        "2026-01-10T13:00:00Z",
    ];
    let alone = place.run(&arguments);
    assert_eq!(alone.code, 0, "{alone}");
    assert!(alone.out.starts_with("created dp-"), "{alone}");
    let server = Server::start(&place);
    let again = place.run(&arguments);
    assert_eq!(
        again.out,
        alone.out.replace("created", "updated"),
        "{again}"
    );
    let row = "FROM deployments-* | KEEP service.name, deployment.kind, commit.id, commit.files, commit.diff, author";
    assert_eq!(
        ask(&server, row).await,
        json!([["cart", "deploy", "4f3ebc87", "x.go", diff, "ann"]])
    );
    let url = server.url.clone();
    let elsewhere = [
        &arguments[..2],
        &["--service", "till", "--url", &url, "--token", &server.token],
    ]
    .concat();
    let elsewhere = place.run(&elsewhere);
    assert_eq!(elsewhere.code, 0, "{elsewhere}");
    let wrong = [&arguments[..], &["--kind", "magic"]].concat();
    let wrong = place.run(&wrong);
    assert_eq!(wrong.code, 2, "{wrong}");
    assert!(
        wrong.err.contains("kind: expected one of deploy"),
        "{wrong}"
    );
}
