//! ES|QL over what DataPulse itself keeps, with the columns that the design names.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{Answer, Server};
use crate::{shows, story};

/// An index, and the columns that it has at least.
const KEPT: [(&str, &[&str]); 4] = [
    (
        "incidents",
        &[
            "incident_id",
            "status",
            "severity",
            "service.name",
            "title",
            "cause",
            "confidence",
            "opened_at",
            "resolved_at",
            "metrics.observed",
            "timeline",
            "report",
            "proposals",
        ],
    ),
    (
        "agent-audit-*",
        &[
            "@timestamp",
            "agent",
            "incident_id",
            "action",
            "decision",
            "approved_by",
            "seq",
            "digest",
            "previous",
        ],
    ),
    (
        "lookup-services",
        &[
            "service.name",
            "team",
            "criticality",
            "on_call",
            "depends_on",
        ],
    ),
    (
        "runbooks-knowledge",
        &["title", "content", "content_embedding", "actions"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_can_be_asked() {
    let place = Place::new();
    let id = story::write(&place).await.to_string();
    let server = Server::start(&place);
    let decided = place.run(&["action", "reject", &id, "P1", "--reason", "not now"]);
    assert_eq!(decided.code, 0, "{decided}");
    let over_http = columns(&server).await;
    drop(server);
    for ((index, wanted), names) in KEPT.iter().zip(over_http) {
        let answer = place.json(&["query", &format!("FROM {index} | LIMIT 0"), "-o", "json"]);
        assert_eq!(
            names_of(&answer),
            names,
            "{index}: the folder and the server differ"
        );
        for column in *wanted {
            assert!(
                names.iter().any(|name| name == column),
                "{index} has no {column}: {names:?}"
            );
        }
    }
    let mut said = String::new();
    for query in [
        "FROM incidents | KEEP incident_id, severity, service.name, status, cause, confidence, proposals_pending, metrics.observed, timeline, report, proposals",
        "FROM agent-audit-* METADATA _id, _index | WHERE seq > 1 AND STARTS_WITH(incident_id, \"INC-\") | SORT seq | KEEP _index, _id, agent, action, decision, approved_by",
        "FROM agent-audit-* | WHERE STARTS_WITH(incident_id, \"INC-\") | STATS records = COUNT(*) BY agent | SORT agent",
        "FROM lookup-services | KEEP service.name, team, criticality, on_call, depends_on",
        "FROM metrics-system | STATS errors = SUM(error_count) BY service.name | LOOKUP JOIN lookup-services ON service.name | KEEP service.name, errors, team, on_call",
        "FROM runbooks-knowledge | WHERE MATCH(content, \"deploy\") | STATS books = COUNT(*) | EVAL some = books > 0 | KEEP some",
        "FROM runbooks-knowledge METADATA _score | WHERE title : \"feature flag\" | SORT _score DESC | LIMIT 1 | KEEP title, actions",
    ] {
        let shown = place.done(&["query", query]).out;
        said.push_str(&format!("{query}\n{shown}\n"));
    }
    shows!("asked of what is kept", said);
}

fn names_of(answer: &Value) -> Vec<String> {
    let columns = answer["columns"].as_array().expect("columns").iter();
    columns
        .map(|column| column["name"].as_str().unwrap_or_default().to_owned())
        .collect()
}

async fn columns(server: &Server) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for (index, _) in KEPT {
        let request = server
            .bare(Method::POST, "/_query")
            .bearer_auth(&server.token);
        let answer =
            Answer::of(request.json(&json!({ "query": format!("FROM {index} | LIMIT 0") }))).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer}");
        all.push(names_of(&answer.body));
    }
    all
}

/// Elasticsearch's request: parameters, a filter, columns, forms of the answer, warnings.
#[tokio::test(flavor = "multi_thread")]
async fn the_request_is_elasticsearchs() {
    let place = Place::new();
    story::write(&place).await;
    let server = Server::start(&place);
    let ask = |body: Value, accept: &str| {
        let request = server
            .bare(Method::POST, "/_query")
            .bearer_auth(&server.token);
        Answer::of(request.header("accept", accept).json(&body))
    };
    let filtered = json!({
        "query": "FROM metrics-system | STATS n = COUNT(*) BY service.name | WHERE service.name == ?name",
        "params": [{ "name": "checkout" }],
        "filter": { "range": { "@timestamp": { "gte": "2001-01-10T12:58:00Z" } } },
        "columnar": true,
    });
    assert_eq!(
        ask(filtered, "application/json").await.body["values"],
        json!([[2], ["checkout"]])
    );
    let row = |query: &str| json!({ "query": query });
    assert_eq!(
        ask(row("ROW a = 1, b = \"x,y\""), "text/csv").await.body,
        "a,b\r\n1,\"x,y\"\r\n"
    );
    assert_eq!(
        ask(row("ROW a = 1, b = \"x\""), "text/tab-separated-values")
            .await
            .body,
        "a\tb\n1\tx\n"
    );
    let warned = ask(row("ROW a = 1 / 0"), "application/json").await;
    assert!(
        warned
            .header("warning")
            .contains("java.lang.ArithmeticException: / by zero")
            || warned.header("warning").contains("evaluation of"),
        "{:?}",
        warned.headers
    );
    let mut said = String::new();
    for body in [
        row("FROM"),
        row("FROM metrics-system | WHERE sevice.name == \"a\""),
        row("FROM nothing-at-all"),
        row(""),
        json!({ "query": "ROW a = ?x", "params": 3 }),
    ] {
        let answer = ask(body.clone(), "application/json").await;
        let error = &answer.body["error"];
        said.push_str(&format!(
            "{}: {} {} {}\n",
            body["query"],
            answer.status.as_u16(),
            error["type"],
            error["reason"]
        ));
    }
    shows!("queries refused", said);
}
