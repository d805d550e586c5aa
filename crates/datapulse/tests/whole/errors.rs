//! Every error is a problem document with a correlation id, whoever refuses: a handler, an
//! extractor, or the router.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::command::Place;
use crate::server::{API, Answer, Server};
use crate::{shows, story};

fn is_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{answer}");
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{answer}"
    );
    assert_eq!(answer.body["status"], status, "{answer}");
    assert!(!answer.detail().is_empty(), "{answer}");
    assert_eq!(
        answer.header("x-correlation-id"),
        answer.body["correlation_id"],
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    let server = Server::start(&place);
    let incidents = || server.ask(Method::POST, "/incidents");
    let declaration = |severity: &str| json!({ "service.name": "cart", "title": "t", "severity": severity, "reason": "r" });
    let json = "application/json";
    let cases = [
        ("no such path", 404, server.ask(Method::GET, "/nothing")),
        ("no such incident", 404, server.ask(Method::GET, "/incidents/INC-202601-0123456789ab")),
        ("not an incident id", 404, server.ask(Method::GET, "/incidents/42")),
        ("no such tool", 404, server.ask(Method::POST, "/tools/none/run").json(&json!({}))),
        ("no such evidence", 404, server.ask(Method::POST, &format!("/incidents/{id}/evidence/E9/run"))),
        ("wrong method", 405, server.ask(Method::DELETE, "/incidents")),
        ("no token", 401, server.bare(Method::GET, &format!("{API}/incidents"))),
        ("forged token", 401, server.bare(Method::GET, &format!("{API}/incidents")).bearer_auth("dp_000000000000_0")),
        ("another scheme", 401, server.bare(Method::GET, &format!("{API}/incidents")).basic_auth("a", Some("b"))),
        ("no json", 415, incidents().body("service=cart")),
        ("broken json", 400, incidents().header("content-type", json).body("{")),
        ("unknown field", 422, incidents().json(&json!({ "who": 1 }))),
        ("unknown severity", 422, incidents().json(&declaration("urgent"))),
        ("too large", 413, incidents().header("content-type", json).body(vec![b' '; (1 << 20) + 1])),
        ("parameter in the query", 400, server.ask(Method::GET, "/incidents?limit=many")),
        ("unknown parameter", 400, server.ask(Method::GET, "/incidents?colour=red")),
        ("unknown status", 400, server.ask(Method::GET, "/incidents?status=odd")),
        ("unknown sort", 400, server.ask(Method::GET, "/incidents?sort=mood")),
        ("path that is no text", 400, server.ask(Method::GET, "/incidents/%ff")),
        ("tool parameter of a wrong type", 400, server.ask(Method::POST, "/tools/service_check/run").json(&json!({ "parameters": { "service": 1 } }))),
        ("tool parameter that it hasn't", 400, server.ask(Method::POST, "/tools/service_check/run").json(&json!({ "parameters": { "service": "a", "colour": 1 } }))),
        ("time of a wrong type", 422, server.ask(Method::POST, "/tools/service_check/run").json(&json!({ "from": "yesterday" }))),
        ("duplicate of itself", 400, server.ask(Method::POST, &format!("/incidents/{id}/close")).json(&json!({ "as": { "kind": "duplicate", "of": id }, "reason": "r" }))),
        ("duplicate of nothing", 404, server.ask(Method::POST, &format!("/incidents/{id}/close")).json(&json!({ "as": { "kind": "duplicate", "of": "INC-202601-0123456789ab" }, "reason": "r" }))),
        ("reopening what is open", 409, server.ask(Method::POST, &format!("/incidents/{id}/reopen")).json(&json!({ "reason": "r" }))),
        ("empty note", 400, server.ask(Method::POST, &format!("/incidents/{id}/notes")).json(&json!({ "text": " " }))),
        ("token of a machine's role for a person", 400, server.ask(Method::POST, "/tokens").json(&json!({ "name": "a", "role": "agent", "person": true, "days": 1 }))),
        ("token without days", 400, server.ask(Method::POST, "/tokens").json(&json!({ "name": "a", "role": "viewer", "days": 0 }))),
        ("no such token", 404, server.ask(Method::POST, "/tokens/none/revoke")),
    ];
    let mut said = String::new();
    for (name, status, request) in cases {
        let answer = Answer::of(request).await;
        is_problem(&answer, status);
        said.push_str(&format!("{name}: {status} {}\n", answer.detail()));
    }
    shows!("problems", said);
    let wrong = Answer::of(server.ask(Method::DELETE, "/incidents")).await;
    assert!(
        wrong.header("allow").contains("GET") && wrong.header("allow").contains("POST"),
        "{wrong}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_may_bring_its_own_correlation_id() {
    let place = Place::new();
    let server = Server::start(&place);
    let ask = |id: &str| {
        server
            .ask(Method::GET, "/nothing")
            .header("x-correlation-id", id)
    };
    let answer = Answer::of(ask("shop-7.a_b")).await;
    assert_eq!(answer.body["correlation_id"], "shop-7.a_b");
    is_problem(&answer, 404);
    let odd = Answer::of(ask("a b\"c")).await;
    assert_eq!(
        odd.body["correlation_id"].as_str().map(str::len),
        Some(16),
        "{odd}"
    );
    let fine = Answer::of(server.ask(Method::GET, "/me")).await;
    assert_eq!(fine.status, StatusCode::OK);
    assert_eq!(fine.header("x-correlation-id").len(), 16);
}
