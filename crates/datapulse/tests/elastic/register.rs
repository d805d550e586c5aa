//! `datapulse tools register` on the fields of a real cluster, against a double of Kibana.

use serde_json::{Value, json};

use crate::kibana_double::{Kibana, Mood, SPACE};
use crate::place::{Place, ask, put};

/// A cluster with plain metrics.
async fn place() -> Place {
    let place = Place::new().await;
    let metric = json!({"@timestamp": "2026-11-24T10:00:00Z", "service": {"name": "cart"}, "request_count": 10, "error_count": 1, "latency": 20.5});
    put("metrics-system", &[metric]).await;
    place
}

fn changes(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let steps = answer["steps"].as_array().expect("steps");
    steps
        .iter()
        .map(|step| (text(&step["id"]), text(&step["change"])))
        .collect()
}

fn all_are(answer: &Value, word: &str) -> bool {
    let changes = changes(answer);
    !changes.is_empty() && changes.iter().all(|(_, change)| change == word)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn tools_and_agent_are_made_once_and_follow_changes() {
    let place = place().await;
    let kibana = Kibana::start("9.3.1", Mood::Willing).await;
    let register = ["tools", "register", "--kibana", &kibana.url];
    let with = |more: &[&'static str]| -> Vec<String> {
        register
            .iter()
            .copied()
            .chain(more.iter().copied())
            .map(str::to_owned)
            .collect()
    };
    let run = |more: &[&'static str]| {
        let arguments = with(more);
        place.json(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };

    let planned = run(&["--dry-run"]);
    assert!(all_are(&planned, "would make"), "{planned}");
    assert_eq!(kibana.changes(), 0, "a dry run changes nothing");

    let made = run(&[]);
    assert!(all_are(&made, "made"), "{made}");
    let tool = kibana.tool("datapulse.detect_anomalies");
    let query = tool["configuration"]["query"].as_str().expect("a text");
    assert!(
        query.starts_with("FROM metrics-*\n| WHERE @timestamp >= ?from"),
        "the cluster's profile: {query}"
    );
    assert_eq!(
        tool["configuration"]["params"]["p99_ms"]["defaultValue"],
        2000.0
    );
    let agent = kibana.agent("datapulse");
    let ids = agent["configuration"]["tools"][0]["tool_ids"].as_array();
    assert_eq!(ids.map(Vec::len), Some(kibana.tools().len()), "{agent}");
    let skipped = made["skipped"].to_string();
    assert!(
        skipped.contains("service_metrics") && skipped.contains("lists"),
        "{skipped}"
    );

    let before = kibana.changes();
    assert!(all_are(&run(&[]), "unchanged"));
    assert_eq!(kibana.changes(), before, "again, nothing changes");

    let mut altered = tool.clone();
    altered["configuration"]["query"] = json!("FROM metrics-*");
    kibana.set_tool(altered);
    let said = place.done(&["tools", "register", "--kibana", &kibana.url, "--dry-run"]);
    assert!(
        said.contains("would replace tool datapulse.detect_anomalies"),
        "{said}"
    );
    assert!(
        said.contains("+ configuration.query: | EVAL requests"),
        "{said}"
    );
    run(&[]);
    assert_eq!(kibana.tool("datapulse.detect_anomalies"), tool);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn what_is_no_more_goes_only_when_asked_and_only_if_it_is_ours() {
    let place = place().await;
    let kibana = Kibana::start("9.3.1", Mood::Willing).await;
    let register = ["tools", "register", "--kibana", &kibana.url];
    place.done(&register);
    let old = |id: &str, tags: Value| {
        json!({"id": id, "type": "esql", "description": "", "tags": tags,
            "configuration": {"query": "FROM a", "params": {}}, "readonly": false})
    };
    kibana.set_tool(old("datapulse.old", json!(["datapulse"])));
    kibana.set_tool(old("datapulse.used", json!(["datapulse"])));
    kibana.set_tool(old("datapulse.another", json!([])));
    kibana.set_tool(old("another", json!(["datapulse"])));
    kibana.set_agent(json!({"id": "theirs", "labels": [], "configuration": {"tools": [{"tool_ids": ["datapulse.used"]}]}}));
    let said = place.done(&register);
    assert!(
        said.contains("2 tools of ours are no more: --prune"),
        "{said}"
    );
    let pruned = place.json(&["tools", "register", "--kibana", &kibana.url, "--prune"]);
    let changes = changes(&pruned);
    let of = |id: &str| {
        changes
            .iter()
            .find(|one| one.0 == id)
            .map(|one| one.1.as_str())
    };
    assert_eq!(of("datapulse.old"), Some("deleted"));
    assert_eq!(
        of("datapulse.used"),
        Some("kept"),
        "another's agent names it"
    );
    assert_eq!((of("datapulse.another"), of("another")), (None, None));
    let left = kibana.tools();
    assert!(!left.contains(&"datapulse.old".to_owned()) && left.contains(&"another".to_owned()));

    kibana.set_tool(old("datapulse.read_metrics", json!(["mine"])));
    let said = place.run(&register);
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("datapulse.read_metrics is there, but without"),
        "{}",
        said.err
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn each_version_gets_the_types_that_it_knows_in_the_space_that_is_named() {
    let place = place().await;
    let kibana = Kibana::start("9.2.0", Mood::Willing).await;
    let made = place.json(&[
        "tools",
        "register",
        "--kibana",
        &kibana.url,
        "--space",
        SPACE,
    ]);
    assert_eq!(made["space"], SPACE);
    let param = |name: &str| {
        kibana.tool("datapulse.detect_anomalies")["configuration"]["params"][name].clone()
    };
    assert_eq!(param("error_rate")["type"], "double");
    assert!(param("error_rate")["defaultValue"].is_null());
    assert!(made["skipped"].to_string().contains("Kibana 9.3"), "{made}");
    // Kibana was updated: types follow.
    kibana.set_version("9.4.0");
    place.done(&[
        "tools",
        "register",
        "--kibana",
        &kibana.url,
        "--space",
        SPACE,
    ]);
    assert_eq!(param("error_rate")["type"], "float");
    let said = place.run(&[
        "tools",
        "register",
        "--kibana",
        &kibana.url,
        "--space",
        "nowhere",
    ]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("in space nowhere: the space isn't there"),
        "{}",
        said.err
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn what_is_missing_is_said_with_what_to_do() {
    let place = place().await;
    for (version, mood, says) in [
        (
            "9.3.0",
            Mood::Unlicensed,
            "an Enterprise licence or a trial",
        ),
        ("9.3.0", Mood::Forbidden, "Agent Builder: All"),
        ("9.2.1", Mood::Off, "Agent Builder is off in it"),
        (
            "8.19.21",
            Mood::Willing,
            "has no Agent Builder: that came with 9.2",
        ),
    ] {
        let kibana = Kibana::start(version, mood).await;
        let said = place.run(&["tools", "register", "--kibana", &kibana.url]);
        assert_eq!(said.code, 1, "{}", said.err);
        assert!(said.err.contains(says), "{}", said.err);
        assert_eq!(kibana.changes(), 0);
    }
    let elasticsearch = crate::place::url();
    let said = place.run(&["tools", "register", "--kibana", &elasticsearch]);
    assert!(
        said.err
            .contains("answers, but not as Kibana does; check --kibana"),
        "{}",
        said.err
    );
}

/// A value that Kibana would pass for a parameter of this name and type.
fn value(name: &str, param: &Value) -> Value {
    match (name, param["type"].as_str()) {
        _ if !param["defaultValue"].is_null() => param["defaultValue"].clone(),
        ("from", _) => json!("2026-11-24T09:00:00Z"),
        ("to", _) => json!("2026-11-24T11:00:00Z"),
        (_, Some("date")) => json!("2026-11-24T10:00:00Z"),
        ("metric", _) => json!("latency"),
        _ => json!("cart"),
    }
}

/// Kibana passes each declared parameter by its name, as a plain value.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Elasticsearch: cargo xtask test --all"]
async fn every_text_runs_with_parameters_as_kibana_passes_them() {
    let place = place().await;
    let at = "2026-11-24T10:00:00Z";
    for (index, document) in [
        (
            "logs-application",
            json!({"@timestamp": at, "service": {"name": "cart"}, "message": "cart is full", "log": {"level": "ERROR"}, "trace": {"id": "1"}}),
        ),
        (
            "traces-application",
            json!({"@timestamp": at, "service": {"name": "cart"}, "span": {"name": "GET /", "kind": "server", "duration": {"us": 900}}, "trace": {"id": "1"}, "destination": {"service": {"name": "cart"}}}),
        ),
        (
            "deployments-shop",
            json!({"@timestamp": at, "service": {"name": "cart"}, "deployment": {"id": "cart"}}),
        ),
    ] {
        put(index, &[document]).await;
    }
    let edge = json!({"@timestamp": at, "service": {"name": "cart"}, "destination": {"service": {"name": "cart"}}, "request_count": 1, "error_count": 0, "latency": 2.5});
    put("metrics-system", &[edge]).await;
    let kibana = Kibana::start("9.3.1", Mood::Willing).await;
    place.done(&["tools", "register", "--kibana", &kibana.url]);
    let mut answered = 0;
    for id in kibana.tools() {
        let configuration = kibana.tool(&id)["configuration"].clone();
        let params = configuration["params"].as_object().expect("params");
        let params: Vec<Value> = params
            .iter()
            .map(|(name, param)| json!({ name: value(name, param) }))
            .collect();
        let body = json!({ "query": configuration["query"], "params": params });
        let answer = ask("POST", "/_query", Some(body)).await;
        assert!(answer["error"].is_null(), "{id}: {answer}");
        answered += usize::from(
            answer["values"]
                .as_array()
                .is_some_and(|rows| !rows.is_empty()),
        );
    }
    assert!(answered >= 15, "only {answered} have rows");
}
