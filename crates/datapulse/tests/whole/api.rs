//! The API's answers, the pages and the figures beside it.

use model::{Digest, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{Answer, Server};
use crate::{shows, story};

/// Resources of an incident that was written by hand: the same to the byte each time.
#[tokio::test(flavor = "multi_thread")]
async fn resources() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    let server = Server::start(&place);
    for (name, path) in [
        (
            "incidents",
            "/incidents?status=awaiting_approval,open&severity=high&limit=5".to_owned(),
        ),
        ("incident", format!("/incidents/{id}")),
        ("records", format!("/incidents/{id}/records?limit=2")),
        ("report", format!("/incidents/{id}/report")),
        ("proposals", format!("/incidents/{id}/proposals")),
        ("me", "/me".to_owned()),
        ("audit", "/audit".to_owned()),
    ] {
        let answer = server.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer}");
        shows!(format!("api {name}"), answer.to_string());
    }
    let run = server
        .post(&format!("/incidents/{id}/evidence/E1/run"), &json!({}))
        .await;
    shows!("api evidence run", run.to_string());
    let body =
        json!({ "from": story::FROM, "to": story::TO, "parameters": { "service": "checkout" } });
    shows!(
        "api tool run",
        server
            .post("/tools/service_check/run", &body)
            .await
            .to_string()
    );
}

/// A person declares, a machine declares the same: one incident, and the Analyst starts.
#[tokio::test(flavor = "multi_thread")]
async fn a_declared_incident_is_investigated() {
    let place = Place::new();
    let server = Server::start(&place);
    let declaration = json!({ "service.name": "cart", "title": "carts are empty", "severity": "high", "reason": "three calls to support" });
    let made = server.post("/incidents", &declaration).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made}");
    let id = made.body["incident_id"].as_str().expect("an id").to_owned();
    let pager = server.token("pager", "responder", false).await;
    let again = server
        .bare(Method::POST, &format!("{}/incidents", crate::server::API))
        .bearer_auth(pager);
    let again = Answer::of(again.json(&declaration)).await;
    assert_eq!(
        (again.status, again.body["incident_id"].as_str()),
        (StatusCode::OK, Some(id.as_str())),
        "{again}"
    );
    let kinds = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("records").iter();
        let kind = |item: &Value| {
            let actor = &item["record"]["actor"];
            let who = actor["agent"]
                .as_str()
                .or(actor["name"].as_str())
                .unwrap_or_default();
            format!(
                "{} by {who}",
                item["record"]["event"]["kind"].as_str().unwrap_or_default()
            )
        };
        items.map(kind).collect()
    };
    let path = format!("/incidents/{id}/records");
    let records = server
        .until(&path, |page| {
            let kinds = kinds(page);
            let ended = kinds.iter().any(|kind| {
                kind == "report_recorded by analyst" || kind == "investigation_failed by analyst"
            });
            ended.then_some(kinds)
        })
        .await;
    assert_eq!(records[0], "opened by local");
    assert!(
        records.contains(&"finding_attached by pager".to_owned()),
        "{records:?}"
    );
    assert!(
        records.contains(&"investigation_started by analyst".to_owned()),
        "{records:?}"
    );
    // Without any telemetry nobody knows, and a person is asked at once.
    let incident = server.get(&format!("/incidents/{id}")).await;
    assert!(incident.body["person_needed"].is_string(), "{incident}");
}

/// An outside agent's report: only from the agent's role, and only what the state machine takes.
#[tokio::test(flavor = "multi_thread")]
async fn an_outside_agents_report() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    let server = Server::start(&place);
    let agent = server.token("outside", "agent", false).await;
    let mut report = server.get(&format!("/incidents/{id}/report")).await.body;
    let send = |report: &Value, token: &str| {
        let request = server
            .bare(
                Method::POST,
                &format!("{}/agent/report", crate::server::API),
            )
            .bearer_auth(token);
        Answer::of(request.json(&json!({ "incident_id": id, "report": report })))
    };
    let by_admin = send(&report, &server.token).await;
    assert_eq!(by_admin.status, StatusCode::FORBIDDEN, "{by_admin}");
    report["conclusion"] = "seen from outside".into();
    let taken = send(&report, &agent).await;
    assert_eq!(
        (taken.status, taken.body["report"]["conclusion"].as_str()),
        (StatusCode::OK, Some("seen from outside")),
        "{taken}"
    );
    let mut said = String::new();
    for (name, change) in [
        ("no evidence", ("/hypotheses/0/supports", json!([]))),
        (
            "evidence that isn't there",
            ("/hypotheses/0/supports", json!(["E7"])),
        ),
        ("no probability", ("/hypotheses/0/confidence", json!(7))),
        ("knows and names none", ("/hypotheses", json!([]))),
        ("no report", ("/hypotheses", json!("none"))),
    ] {
        let mut wrong = report.clone();
        *wrong.pointer_mut(change.0).expect("is there") = change.1;
        let refused = send(&wrong, &agent).await;
        assert_eq!(
            refused.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{refused}"
        );
        said.push_str(&format!("{name}: {}\n", refused.detail()));
    }
    shows!("reports refused", said);
}

/// One person's yes on one seal, once; an agent, an old seal and an expired offer are refused.
#[tokio::test(flavor = "multi_thread")]
async fn decisions() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    let server = Server::start(&place);
    let proposals = server.get(&format!("/incidents/{id}/proposals")).await.body;
    let seal = |number: usize| proposals["items"][number]["seal"].clone();
    let decide = |proposal: &str, seal: Value, approve: bool| {
        let path = format!("/incidents/{id}/proposals/{proposal}/decisions");
        let body = json!({ "seal": seal, "approve": approve, "reason": "" });
        Answer::of(server.ask(Method::POST, &path).json(&body))
    };
    let refused = |answer: Answer| {
        assert_eq!(answer.status, StatusCode::CONFLICT, "{answer}");
        answer.detail().to_owned()
    };
    let other = serde_json::to_value(Digest::of(b"another")).expect("a digest");
    let mut said = format!(
        "another seal: {}\n",
        refused(decide("P1", other, true).await)
    );
    said += &format!("expired: {}\n", refused(decide("P2", seal(1), true).await));
    said += &format!(
        "a no without a reason: {}\n",
        refused(decide("P1", seal(0), false).await)
    );
    let none = decide("P9", seal(0), true).await;
    said += &format!(
        "no such proposal: {} {}\n",
        none.status.as_u16(),
        none.detail()
    );
    let yes = decide("P1", seal(0), true).await;
    assert_eq!(yes.status, StatusCode::CREATED, "{yes}");
    said += &format!("used: {}\n", refused(decide("P1", seal(0), true).await));
    shows!("decisions refused", said);
    // A second token of the same person is the same person.
    let again = server.token("local", "responder", true).await;
    let path = format!(
        "{}/incidents/{id}/proposals/P1/decisions",
        crate::server::API
    );
    let request = server.bare(Method::POST, &path).bearer_auth(again);
    let twice = Answer::of(request.json(&json!({ "seal": seal(0), "approve": true }))).await;
    assert_eq!(twice.status, StatusCode::CONFLICT, "{twice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_stand_under_their_policy() {
    let place = Place::new();
    let server = Server::start(&place);
    let docs = Answer::of(server.bare(Method::GET, "/docs")).await;
    assert!(docs.status.is_redirection(), "{docs}");
    let page = Answer::of(server.bare(Method::GET, docs.header("location"))).await;
    assert_eq!(page.status, StatusCode::OK);
    let policy = page.header("content-security-policy").to_owned();
    let scripts = policy
        .split(';')
        .find(|part| part.trim().starts_with("script-src"));
    assert_eq!(
        scripts.map(str::trim),
        Some("script-src 'self'"),
        "{policy}"
    );
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    let html = page.body.as_str().expect("text");
    for script in html.split("<script").skip(1) {
        let (head, inline) = script.split_once('>').expect("ends");
        let inline = inline.split("</script").next().unwrap_or_default().trim();
        assert!(
            head.contains("src=") && inline.is_empty(),
            "the policy forbids it: {script}"
        );
    }
    for file in html
        .split(['"', '\''])
        .filter(|part| part.ends_with(".js") || part.ends_with(".css"))
    {
        assert!(!file.contains("://"), "{file} comes from elsewhere");
        let got = Answer::of(server.bare(
            Method::GET,
            &format!("/docs/{}", file.trim_start_matches("./")),
        ))
        .await;
        assert_eq!(got.status, StatusCode::OK, "{file}");
        if file.contains("initializer") {
            assert!(
                got.body
                    .as_str()
                    .is_some_and(|text| text.contains("/openapi.json")),
                "{got}"
            );
        }
    }
    // Clients of Elasticsearch ask the same path for its version; browsers look for a page.
    let page = server.bare(Method::GET, "/");
    let ui = Answer::of(page.header("accept", "text/html,*/*")).await;
    assert_eq!(ui.status, StatusCode::OK);
    assert!(
        ui.header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    assert_eq!(ui.header("x-content-type-options"), "nosniff");
    let picture = server.bare(Method::GET, "/some-picture.png");
    let picture = Answer::of(picture.header("sec-fetch-dest", "image")).await;
    assert_eq!(
        picture.status,
        StatusCode::OK,
        "no index is asked for by a page"
    );
    let document = Answer::of(server.bare(Method::GET, "/openapi.json"))
        .await
        .body;
    let paths = document["paths"].as_object().expect("paths");
    let operations: usize = paths
        .values()
        .map(|path| path.as_object().map_or(0, |methods| methods.len()))
        .sum();
    let table = gateway::routes::table();
    let ours: usize = table.iter().map(|route| 1 + route.also.len()).sum();
    assert_eq!(operations, ours);
}

/// Silence never looks like health.
#[tokio::test(flavor = "multi_thread")]
async fn readiness_says_when_telemetry_has_stopped() {
    let place = Place::new();
    place.write("datapulse.toml", "[sentinel]\ninterval_ms = 1000\n");
    let server = Server::start(&place);
    let ready = || Answer::of(server.bare(Method::GET, "/readyz"));
    let healthz = Answer::of(server.bare(Method::GET, "/healthz")).await;
    assert_eq!(
        (healthz.status, &healthz.body["status"]),
        (StatusCode::OK, &json!("ok"))
    );
    server
        .until("/health", |health| {
            health["last_tick"].is_string().then_some(())
        })
        .await;
    let silent = ready().await;
    assert_eq!(silent.status, StatusCode::SERVICE_UNAVAILABLE, "{silent}");
    assert_eq!(
        silent.body["waits_for"],
        json!(["telemetry has stopped"]),
        "{silent}"
    );
    let now = casework::Clock::wall().now();
    assert_eq!(server.bulk(&minute(now)).await.body["errors"], false);
    server
        .until("/health", |health| {
            (health["telemetry_stopped"] == false).then_some(())
        })
        .await;
    let awake = ready().await;
    assert_eq!(
        (awake.status, &awake.body["ready"]),
        (StatusCode::OK, &json!(true)),
        "{awake}"
    );
}

/// The same door in this process, whose clock the test sets: Sentinel looked last ten intervals ago.
#[tokio::test(flavor = "multi_thread")]
async fn readiness_says_when_sentinel_is_late() {
    use tower::ServiceExt;
    let place = Place::new();
    let store = store::embedded::Embedded::open(&place.data(), Default::default())
        .await
        .expect("opens");
    let start = Timestamp::parse("2001-01-10T13:00:00Z").expect("a time");
    let clock = casework::Clock::manual(start);
    let store = std::sync::Arc::new(store);
    let casework = casework::Casework::new(
        store.clone(),
        store.clone(),
        store.clone(),
        bus::Bus::memory(),
        clock.clone(),
        model::Policy::default(),
        casework::Toolbox::embedded().expect("tools"),
    );
    let options = gateway::Options {
        no_auth: false,
        hosts: Vec::new(),
        cors_origins: Vec::new(),
        audit: std::sync::Arc::new(|| Box::pin(async { Ok(Value::Null) })),
        care: store,
        metrics: std::sync::Arc::new(String::new),
    };
    casework.pulse().start(start, 60_000);
    casework.pulse().ticked(start, Some(start), None);
    let router = gateway::router(gateway::Gateway::new(casework.clone(), options));
    let ready = || async {
        let request = axum::http::Request::get("/readyz")
            .body(axum::body::Body::empty())
            .expect("a request");
        let response = router.clone().oneshot(request).await.expect("an answer");
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 16)
            .await
            .expect("a body");
        let body: Value = serde_json::from_slice(&bytes).expect("JSON");
        (status, body["waits_for"].clone())
    };
    assert_eq!(ready().await, (200, json!([])));
    clock.set(start.plus_ms(10 * 60_000));
    assert_eq!(
        ready().await,
        (503, json!(["sentinel is late", "telemetry has stopped"]))
    );
    let now = clock.now();
    casework
        .pulse()
        .ticked(now, Some(now), Some("the disk is full".to_owned()));
    assert_eq!(ready().await, (503, json!(["the last look failed"])));
    casework.pulse().ticked(now, Some(now), None);
    assert_eq!(ready().await, (200, json!([])));
}

/// A minute of a service that fails after a deploy.
fn failing(at: Timestamp, fails: bool) -> String {
    let errors = if fails { 200 } else { 1 };
    let document = json!({ "@timestamp": at, "service.name": "cart", "request_count": 900, "error_count": errors, "latency": 50 });
    format!("{{\"create\":{{\"_index\":\"metrics-system\"}}}}\n{document}\n")
}

fn minute(at: Timestamp) -> String {
    let document = json!({ "@timestamp": at, "service.name": "cart", "request_count": 10, "error_count": 0, "latency": 5 });
    format!("{{\"create\":{{\"_index\":\"metrics-system\"}}}}\n{document}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_have_the_names_that_dashboards_know() {
    let place = Place::new();
    let server = Server::start(&place);
    let now = casework::Clock::wall().now();
    let failing: String = (0..65)
        .map(|ago| failing(now.plus_ms(-ago * 60_000), ago < 5))
        .collect();
    assert_eq!(server.bulk(&failing).await.body["errors"], false);
    let declaration =
        json!({ "service.name": "cart", "title": "t", "severity": "high", "reason": "r" });
    let made = server.post("/incidents", &declaration).await.body;
    let path = format!(
        "/incidents/{}",
        made["incident_id"].as_str().expect("an id")
    );
    server
        .until(&path, |incident| {
            (!incident["report"].is_null()).then_some(())
        })
        .await;
    let answer = Answer::of(server.bare(Method::GET, "/metrics")).await;
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let text = answer.body.as_str().expect("text").to_owned();
    for line in [
        "# TYPE incidents_created_total counter",
        "incidents_created_total{severity=\"high\",service=\"cart\"} 1",
        "# TYPE agent_run_duration_seconds histogram",
        "agent_run_duration_seconds_count{agent=\"analyst\"}",
        "agent_run_duration_seconds_bucket{agent=\"sentinel\",le=\"+Inf\"}",
        "# TYPE rca_confidence_score histogram",
        "rca_confidence_score_bucket{le=\"0.5\"}",
        "# TYPE process_cpu_seconds_total counter",
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_max_fds ",
        "process_start_time_seconds ",
        "sentinel_late 0",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let value = line.rsplit_once(' ').map(|(_, value)| value.parse::<f64>());
        assert!(matches!(value, Some(Ok(_))), "{line}");
    }
}

/// The stream says what to read again; whoever has just come reads everything.
#[tokio::test(flavor = "multi_thread")]
async fn changes_come_over_the_stream() {
    use futures::StreamExt;
    let place = Place::new();
    let server = Server::start(&place);
    let response = server
        .ask(Method::GET, "/stream")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut chunks = response.bytes_stream();
    let declaration =
        json!({ "service.name": "cart", "title": "t", "severity": "high", "reason": "r" });
    let id = server.post("/incidents", &declaration).await.body["incident_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mut text = String::new();
    while !text.contains(&format!("id: {id}:1")) {
        let chunk = chunks.next().await.expect("goes on").expect("is read");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(text.starts_with("event: resync\n"), "{text}");
    assert!(
        text.contains("event: incident\n") && text.contains("\"event\":\"opened\""),
        "{text}"
    );
}
