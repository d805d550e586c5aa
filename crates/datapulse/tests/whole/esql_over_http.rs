//! `/_query` as clients of Elasticsearch use it, on the real server.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{Answer, Server};
use crate::shows;

/// A list of `count` numbers as a literal.
fn numbers(count: usize) -> String {
    let numbers: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    numbers.join(",")
}

/// Ten to the twelfth rows: nobody waits for its end.
fn endless() -> Value {
    let list = numbers(1_000);
    json!({ "query": format!(
        "ROW a = [{list}], b = [{list}], c = [{list}], d = [{list}] | MV_EXPAND a | MV_EXPAND b | MV_EXPAND c | MV_EXPAND d | STATS n = COUNT(*)"
    ) })
}

async fn ask(server: &Server, path: &str, body: &Value) -> Answer {
    let request = server.bare(Method::POST, path).bearer_auth(&server.token);
    Answer::of(request.json(body)).await
}

async fn with_documents(server: &Server) {
    let lines: String = (0..5)
        .map(|n| {
            format!("{{\"create\":{{\"_index\":\"logs-a\"}}}}\n{{\"@timestamp\":\"2026-01-10T13:00:0{n}Z\",\"n\":{n},\"word\":\"w{}\"}}\n", n % 2)
        })
        .collect();
    let stored = server.bulk(&lines).await;
    assert_eq!(stored.body["errors"], false, "{stored}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_has_elasticsearchs_parts() {
    let place = Place::new();
    let server = Server::start(&place);
    with_documents(&server).await;
    let body = json!({
        "query": "FROM logs-a | WHERE n >= ?least | EVAL ?? = n * 2, none = null::keyword | SORT n | KEEP word, twice, none",
        "params": [{ "least": 3 }],
        "locale": "de-DE", "profile": true, "include_ccs_metadata": true,
    });
    let refused = ask(&server, "/_query", &body).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused}");
    let body = json!({
        "query": "FROM logs-a | WHERE n >= ?least | EVAL twice = n * 2, none = null::keyword | SORT n | KEEP ??what, twice, none",
        "params": [{ "least": 3 }, { "what": "word" }],
        "locale": "de-DE", "profile": true, "include_ccs_metadata": true,
    });
    let answer = ask(&server, "/_query?drop_null_columns=true", &body).await;
    assert_eq!(answer.header("x-elastic-product"), "Elasticsearch");
    shows!("esql answer", answer.to_string());
    let few = ask(&server, "/_query?filter_path=columns.name,took", &body).await;
    assert_eq!(few.body["columns"][0], json!({ "name": "word" }), "{few}");
    assert!(
        few.body.get("values").is_none() && few.body["took"].is_u64(),
        "{few}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_has_several_forms() {
    let place = Place::new();
    let server = Server::start(&place);
    let body = json!({ "query": "ROW a = \"x;y\", b = [1, 2], c = \"1.2.3\"::version, d = \"10.0.0.1\"::ip, n = null" });
    let mut said = String::new();
    for path in [
        "format=csv",
        "format=csv&delimiter=;&header=absent",
        "format=csv&drop_null_columns=true",
        "format=tsv",
        "format=txt",
        "format=csv&delimiter=xy",
        "format=csv&delimiter=%09",
        "format=yaml",
    ] {
        let body = match path {
            "format=csv&drop_null_columns=true" | "format=csv" => body.clone(),
            _ => json!({ "query": "ROW a = \"x;y\", b = [1, 2]" }),
        };
        let answer = ask(&server, &format!("/_query?{path}"), &body).await;
        let kind = answer.header("content-type").to_owned();
        let shown = match &answer.body {
            Value::String(text) => text.clone(),
            error => error["error"]["reason"].to_string(),
        };
        said.push_str(&format!(
            "{path}: {} {kind}\n{shown}\n",
            answer.status.as_u16()
        ));
    }
    let columnar = json!({ "query": "ROW a = 1", "columnar": true });
    let answer = ask(&server, "/_query?format=csv", &columnar).await;
    said.push_str(&format!("{}\n", answer.body["error"]["reason"]));
    shows!("esql forms", said);
    let request = server
        .bare(Method::POST, "/_query")
        .bearer_auth(&server.token);
    let request = request
        .header("accept", "application/vnd.apache.arrow.stream")
        .json(&body);
    let response = request.send().await.expect("an answer");
    assert_eq!(
        response.headers()["content-type"],
        "application/vnd.apache.arrow.stream"
    );
    let bytes = response.bytes().await.expect("a body");
    // A message of the stream begins with a continuation marker, and the stream ends with one.
    assert!(
        bytes.starts_with(&[0xff; 4]) && bytes.ends_with(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])
    );
    let request = server
        .bare(Method::POST, "/_query")
        .bearer_auth(&server.token);
    let media = "application/vnd.elasticsearch+json; compatible-with=9";
    let answer = Answer::of(request.header("accept", media).json(&body)).await;
    assert_eq!(
        answer.header("content-type"),
        "application/vnd.elasticsearch+json;compatible-with=9"
    );
    assert_eq!(
        answer.body["values"],
        json!([["x;y", [1, 2], "1.2.3", "10.0.0.1", null]])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_are_headers_as_elasticsearch_writes_them() {
    let place = Place::new();
    let server = Server::start(&place);
    let answer = ask(
        &server,
        "/_query",
        &json!({ "query": "ROW a = [1, 0] | MV_EXPAND a | EVAL b = 6 / a, c = \"é\" " }),
    )
    .await;
    let warnings: Vec<&str> = answer
        .headers
        .get_all("warning")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    assert_eq!(
        warnings,
        [
            "299 Elasticsearch-9.2.0-unknown \"Line 1:41: evaluation of [6 / a] failed, treating result as null. Only first 20 failures recorded.\"",
            "299 Elasticsearch-9.2.0-unknown \"Line 1:41: java.lang.ArithmeticException: / by zero\"",
        ]
    );
}

/// A query that needs more than it may have is refused; the process goes on.
#[tokio::test(flavor = "multi_thread")]
async fn memory_has_a_limit() {
    let place = Place::new();
    let server = Server::start(&place);
    let list = numbers(1_000);
    for query in [
        // Groups of a gigabyte; last, an answer that is too long to be sent.
        format!(
            "ROW a = [{list}], b = [{list}] | MV_EXPAND a | MV_EXPAND b | EVAL g = CONCAT(REPEAT(\"x\", 1000), a::string, \"-\", b::string) | STATS n = COUNT(*) BY g | STATS MAX(n)"
        ),
        // A column of a gigabyte.
        format!(
            "ROW a = [{list}] | MV_EXPAND a | EVAL s = CONCAT(REPEAT(\"x\", 1000000), a::string) | STATS MAX(LENGTH(s))"
        ),
        format!(
            "ROW a = [{list}] | MV_EXPAND a | EVAL g = CONCAT(REPEAT(\"x\", 300000), a::string)"
        ),
    ] {
        let answer = ask(&server, "/_query", &json!({ "query": query })).await;
        let start: String = query
            .chars()
            .filter(|c| c.is_alphabetic())
            .take(80)
            .collect();
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{start}");
        let kind = &answer.body["error"]["type"];
        assert_eq!(kind, "circuit_breaking_exception", "{start}");
        let reason = answer.body["error"]["reason"].as_str().unwrap_or_default();
        assert!(reason.starts_with("[esql] Data too large"), "{reason}");
    }
    let answer = ask(&server, "/_query", &json!({ "query": "ROW a = 1" })).await;
    assert_eq!(answer.body["values"], json!([[1]]));
}

/// Queries end with the clients that asked for them: else the eight places would be taken, and the
/// ones that wait behind them would be too.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_its_query() {
    let place = Place::new();
    let server = Server::start(&place);
    let places =
        gateway::intake::query::turns::MAX_AT_ONCE + gateway::intake::query::turns::MAX_WAITING;
    let body = endless();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..=places {
        let request = server
            .bare(Method::POST, "/_query")
            .bearer_auth(&server.token);
        clients.spawn(request.json(&body).send());
    }
    // All have a place but one.
    let rejected = clients.join_next().await.expect("a client");
    let rejected = rejected.expect("ends").expect("an answer");
    assert_eq!(rejected.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(rejected.headers()["retry-after"], "1");
    let body: Value = rejected.json().await.expect("JSON");
    assert_eq!(body["error"]["type"], "es_rejected_execution_exception");
    clients.abort_all();
    let one_more = json!({ "query": "ROW a = 1" });
    let mut answered = false;
    for _ in 0..100 {
        let answer = ask(&server, "/_query", &one_more).await;
        if answer.status == StatusCode::OK {
            answered = true;
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(answered, "the queries run on though nobody waits for them");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asynchronous_query_lives_until_it_is_deleted() {
    let place = Place::new();
    let server = Server::start(&place);
    let quick = json!({ "query": "ROW a = 1", "wait_for_completion_timeout": "30s" });
    let answer = ask(&server, "/_query/async", &quick).await;
    assert_eq!(answer.body["values"], json!([[1]]), "{answer}");
    assert!(
        answer.body.get("id").is_none() && answer.body["is_running"] == false,
        "{answer}"
    );
    let kept = json!({ "query": "ROW a = 1", "wait_for_completion_timeout": "30s", "keep_on_completion": true, "keep_alive": "1m" });
    let answer = ask(&server, "/_query/async", &kept).await;
    let id = answer.body["id"].as_str().expect("an id").to_owned();
    assert_eq!(answer.header("x-elasticsearch-async-id"), id);
    assert_eq!(answer.header("x-elasticsearch-async-is-running"), "?0");
    let of = |method: Method, path: String| {
        let request = server.bare(method, &path).bearer_auth(&server.token);
        Answer::of(request)
    };
    let again = of(Method::GET, format!("/_query/async/{id}?format=csv")).await;
    assert_eq!(again.body, "a\r\n1\r\n");
    let other = server.token("somebody else", "viewer", false).await;
    let theirs = server
        .bare(Method::GET, &format!("/_query/async/{id}"))
        .bearer_auth(other);
    assert_eq!(
        Answer::of(theirs).await.status,
        StatusCode::NOT_FOUND,
        "only who asked sees it"
    );
    let gone = of(Method::DELETE, format!("/_query/async/{id}")).await;
    assert_eq!(gone.body, json!({ "acknowledged": true }));
    let missing = of(Method::GET, format!("/_query/async/{id}")).await;
    assert_eq!(
        (missing.status, &missing.body["error"]["type"]),
        (
            StatusCode::NOT_FOUND,
            &json!("resource_not_found_exception")
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn asynchronous_queries_are_bounded() {
    let place = Place::new();
    let server = Server::start(&place);
    let kept = json!({ "query": "ROW a = 1", "wait_for_completion_timeout": "30s", "keep_on_completion": true, "keep_alive": "1m" });
    let of = |method: Method, path: String| {
        let request = server.bare(method, &path).bearer_auth(&server.token);
        Answer::of(request)
    };
    let mut long = endless();
    long["wait_for_completion_timeout"] = json!("10ms");
    let answer = ask(&server, "/_query/async", &long).await;
    assert_eq!(answer.body["is_running"], true, "{answer}");
    assert_eq!(answer.header("x-elasticsearch-async-is-running"), "?1");
    let id = answer.body["id"].as_str().expect("an id").to_owned();
    let still = of(
        Method::GET,
        format!("/_query/async/{id}?wait_for_completion_timeout=10ms&keep_alive=2m"),
    )
    .await;
    assert_eq!(still.body, json!({ "id": id, "is_running": true }));
    let stopped = of(Method::POST, format!("/_query/async/{id}/stop")).await;
    assert_eq!(
        (&stopped.body["is_running"], &stopped.body["is_partial"]),
        (&json!(false), &json!(true)),
        "{stopped}"
    );
    for (body, kind) in [
        (
            json!({ "query": "ROW a = 1", "keep_alive": "6d" }),
            "illegal_argument_exception",
        ),
        (
            json!({ "query": "ROW a = 1", "keep_alive": "1x" }),
            "illegal_argument_exception",
        ),
        (
            json!({ "query": "ROW a = b", "wait_for_completion_timeout": "30s" }),
            "verification_exception",
        ),
    ] {
        let refused = ask(&server, "/_query/async", &body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused}");
        assert_eq!(refused.body["error"]["type"], kind, "{refused}");
    }
    // Kept ones are bounded: one stopped query is kept already.
    let mut ids = Vec::new();
    let full = loop {
        let answer = ask(&server, "/_query/async", &kept).await;
        match answer.body["id"].as_str() {
            Some(id) => ids.push(id.to_owned()),
            None => break answer,
        }
    };
    assert_eq!(
        ids.len(),
        gateway::intake::query::asynchronous::MAX_JOBS - 1
    );
    assert_eq!(full.status, StatusCode::TOO_MANY_REQUESTS, "{full}");
}
