//! Routes held against examples, and silences made, listed and ended.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{API, Answer, Server};
use crate::story;

fn examples() -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/routing/examples.toml"
    );
    std::fs::read_to_string(path).expect("is there")
}

#[test]
fn routes_are_held_against_examples_and_played() {
    let place = Place::new();
    place.write("right.toml", &examples());
    let run = place
        .datapulse(&["route", "test", "right.toml"])
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert_eq!(run.status.code(), Some(0), "{said}");
    assert!(said.contains("5 of 5 examples as expected"), "{said}");
    place.write(
        "wrong.toml",
        &examples().replace("pager-managers +15m", "pager-managers +16m"),
    );
    let wrong = ["route", "test", "wrong.toml", "-o", "json"];
    let run = place.datapulse(&wrong).output().expect("runs");
    assert_eq!(run.status.code(), Some(3));
    let said: Value = serde_json::from_slice(&run.stdout).expect("JSON");
    assert_eq!(said["wrong"], 1);
    for (text, reason) in [
        ("[notifier]\nroutes = 2\n", "routes"),
        (
            "[notifier.route]\nmatch = ['service = a']\n[[example]]\n",
            "takes everything",
        ),
        ("[[example]]\nname = \"x\"\n", "example 1"),
        ("", "no [[example]]"),
    ] {
        place.write("bad.toml", text);
        let run = place
            .datapulse(&["route", "test", "bad.toml"])
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(1), "{text}: {said}");
        assert!(said.contains(reason), "{text}: {said}");
    }
}

#[test]
fn one_incident_is_played_through_the_configured_routes() {
    let place = Place::new();
    let text = examples();
    let (settings, _) = text.split_once("[[example]]").expect("has examples");
    place.write("datapulse.toml", settings);
    let asked = [
        "route",
        "test",
        "--service",
        "checkout-service",
        "--team",
        "payments",
        "--severity",
        "critical",
        "--at",
        "2026-11-27T02:00:00Z",
        "-o",
        "json",
    ];
    let said = place.json(&asked);
    let heard = json!([
        "chat +60m",
        "chat-payments +30s",
        "pager-managers +15m",
        "pager-payments +30s"
    ]);
    assert_eq!(said["heard"], heard);
    let run = place
        .datapulse(&["route", "test", "--service", "a", "--topic", "news"])
        .output();
    let run = run.expect("runs");
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("approval_wanted"));
}

async fn ask(server: &Server, secret: &str, method: Method, path: &str, body: &Value) -> Answer {
    let request = server
        .bare(method, &format!("{API}{path}"))
        .bearer_auth(secret);
    Answer::of(request.json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn silences_are_made_by_people_listed_and_ended() {
    let place = Place::new();
    let id = story::write(&place).await;
    let server = Server::start(&place);
    let ada = server.token("ada", "responder", true).await;
    let robot = server.token("robot", "responder", false).await;
    let vic = server.token("vic", "viewer", true).await;
    let cart =
        json!({ "matchers": ["service = \"cart\""], "for_s": 3600, "reason": "maintenance" });
    let post = |secret: &str, path: &str, body: &Value| {
        let (secret, path, body) = (secret.to_owned(), path.to_owned(), body.clone());
        let server = &server;
        async move { ask(server, &secret, Method::POST, &path, &body).await }
    };
    for nobody in [&robot, &vic] {
        let refused = post(nobody, "/silences", &cart).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused}");
    }
    let made = post(&ada, "/silences", &cart).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made}");
    assert_eq!(made.body["phase"], "active");
    assert_eq!(made.body["owner"]["name"], "ada");
    let silence = made.body["id"].as_str().expect("an id").to_owned();
    for (body, reason) in [
        (
            json!({ "matchers": ["rule =~ \".*\""], "for_s": 60, "reason": "all" }),
            "hide everything",
        ),
        (
            json!({ "matchers": ["region = eu"], "for_s": 60, "reason": "x" }),
            "no field",
        ),
        (
            json!({ "matchers": ["service = a"], "for_s": 900_000, "reason": "x" }),
            "a week at most",
        ),
        (
            json!({ "matchers": ["service = a"], "reason": "x" }),
            "either until or for_s",
        ),
        (
            json!({ "matchers": ["service = a"], "for_s": 60, "reason": " " }),
            "reason",
        ),
    ] {
        let refused = post(&ada, "/silences", &body).await;
        assert!(
            refused.status.is_client_error() && refused.detail().contains(reason),
            "{refused}"
        );
    }
    let weekly =
        json!({ "days": ["sun"], "from": "01:00", "to": "02:00", "zone": "Europe/Berlin" });
    let window = json!({ "matchers": ["team = \"shop\""], "for_s": 7_776_000, "weekly": weekly, "reason": "backups" });
    let window = post(&ada, "/silences", &window).await;
    assert_eq!(window.status, StatusCode::CREATED, "{window}");
    let list = server.get("/silences?sort=made_at&limit=1&offset=1").await;
    assert_eq!(list.body["total"], 2);
    assert_eq!(list.body["items"][0]["id"], window.body["id"]);
    assert_eq!(server.get("/silences?text=CART").await.body["total"], 1);
    let path = format!("/silences/{silence}");
    let hidden = server.get(&format!("{path}/hidden")).await;
    assert_eq!(hidden.body, json!({ "items": [], "complete": true }));
    let ended = post(&ada, &format!("{path}/end"), &json!({ "reason": "done" })).await;
    assert_eq!(ended.body["phase"], "over", "{ended}");
    let again = post(&ada, &format!("{path}/end"), &json!({ "reason": "done" })).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{again}");
    assert_eq!(
        server.get("/silences?phase=over").await.body["items"][0]["id"],
        silence
    );
    assert_eq!(
        server.get("/silences/S202611-999999").await.status,
        StatusCode::NOT_FOUND
    );

    let snooze = |for_s: u64| json!({ "for_s": for_s, "reason": "after lunch" });
    let path = format!("/incidents/{id}/snooze");
    let refused = post(&robot, &path, &snooze(60)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused}");
    assert!(
        post(&ada, &path, &snooze(700_000))
            .await
            .status
            .is_client_error()
    );
    let snoozed = post(&ada, &path, &snooze(3_600)).await;
    assert_eq!(
        snoozed.body["snoozed"]["reason"], "after lunch",
        "{snoozed}"
    );
}
