//! What changes after it was made: documents deleted and updated, mappings, aliases, and names of
//! DataPulse's own made as plain indices.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::command::Place;
use crate::indices::{call, fine, get};
use crate::server::{Answer, Server};
use crate::shows;

async fn esql(server: &Server, query: &str) -> Value {
    let body = json!({ "query": query });
    fine(server, Method::POST, "/_query", body).await["values"].clone()
}

/// What was answered, a line each: status, then what is wrong or what became of it.
fn line(answer: &Answer) -> String {
    let body = &answer.body;
    let said = match body["error"]["type"].as_str() {
        Some(kind) => format!("{kind}: {}", answer.reason()),
        None => body["result"].as_str().unwrap_or("-").to_owned(),
    };
    format!("{} {said}\n", answer.status.as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_deletes_and_updates_in_order() {
    let place = Place::new();
    let server = Server::start(&place);
    fine(&server, Method::PUT, "/plain", json!({})).await;
    let body = [
        r#"{"index":{"_index":"plain","_id":"1"}}"#,
        r#"{"a":1,"o":{"x":1}}"#,
        r#"{"update":{"_index":"plain","_id":"1"}}"#,
        r#"{"doc":{"b":2,"o":{"y":2}}}"#,
        r#"{"update":{"_index":"plain","_id":"1"}}"#,
        r#"{"doc":{"b":2}}"#,
        r#"{"update":{"_index":"plain","_id":"9"}}"#,
        r#"{"doc":{"b":2}}"#,
        r#"{"update":{"_index":"plain","_id":"8"}}"#,
        r#"{"doc":{"b":3},"doc_as_upsert":true}"#,
        r#"{"update":{"_index":"plain","_id":"7"}}"#,
        r#"{"script":{"source":"ctx._source.a=1"}}"#,
        r#"{"index":{"_index":"plain","_id":"6"}}"#,
        r#"{"a":6}"#,
        r#"{"delete":{"_index":"plain","_id":"6"}}"#,
        r#"{"delete":{"_index":"plain","_id":"77"}}"#,
        r#"{"delete":{"_index":"nowhere","_id":"77"}}"#,
        r#"{"create":{"_index":"logs-application","_id":"1"}}"#,
        r#"{"@timestamp":"2026-01-10T13:00:00Z"}"#,
        r#"{"index":{"_index":"logs-application"}}"#,
        r#"{"@timestamp":"2026-01-10T13:00:00Z"}"#,
        r#"{"update":{"_index":"logs-application","_id":"1"}}"#,
        r#"{"doc":{"a":1}}"#,
        r#"{"delete":{"_index":"logs-application","_id":"1"}}"#,
        r#"{"index":{"_index":"logs-app","_id":"1"}}"#,
        r#"{"message":"a plain index, as its name fits no template"}"#,
        "",
    ];
    let answer = server.bulk(&body.join("\n")).await;
    shows!("bulk changes", answer.to_string());
    let source = get(&server, "/plain/_source/1").await;
    assert_eq!(source, json!({ "a": 1, "b": 2, "o": { "x": 1, "y": 2 } }));
    let ids = esql(&server, "FROM plain METADATA _id | KEEP _id | SORT _id").await;
    assert_eq!(ids, json!([["1"], ["8"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn single_documents_are_deleted_and_updated() {
    let place = Place::new();
    let server = Server::start(&place);
    fine(&server, Method::PUT, "/plain/_doc/1", json!({ "a": 1 })).await;
    let at = json!({ "@timestamp": "2026-01-10T13:00:00Z" });
    fine(&server, Method::PUT, "/traces-application/_create/1", at).await;
    let mut said = String::new();
    let doc = |doc: Value| Some(json!({ "doc": doc }));
    for (method, path, body) in [
        (Method::POST, "/plain/_update/1", doc(json!({ "a": 1 }))),
        (Method::POST, "/plain/_update/1", doc(json!({ "a": 5 }))),
        (Method::POST, "/plain/_update/2", doc(json!({ "a": 5 }))),
        (Method::POST, "/plain/_update/1", Some(json!({}))),
        (
            Method::POST,
            "/plain/_update/1",
            Some(json!({ "nonsense": 1 })),
        ),
        (Method::DELETE, "/plain/_doc/1", None),
        (Method::DELETE, "/plain/_doc/1", None),
        (Method::DELETE, "/nowhere/_doc/1", None),
        (Method::DELETE, "/plain/_doc/1?refresh=nope", None),
        (Method::DELETE, "/traces-application/_doc/1", None),
        (
            Method::POST,
            "/traces-application/_update/1",
            doc(json!({})),
        ),
        (Method::DELETE, "/incidents/_doc/1", None),
    ] {
        let answer = call(&server, method.clone(), path, body).await;
        said.push_str(&format!("{method} {path}: {}", line(&answer)));
    }
    shows!("documents changed", said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_grows_and_never_changes() {
    let place = Place::new();
    let server = Server::start(&place);
    let long = json!({ "mappings": { "properties": { "a": { "type": "long" } } } });
    fine(&server, Method::PUT, "/plain", long).await;
    fine(&server, Method::PUT, "/plain/_doc/1", json!({ "a": 1 })).await;
    let mut said = String::new();
    for (path, body) in [
        (
            "/plain/_mapping",
            json!({ "properties": { "z": { "type": "keyword" }, "o": { "properties": { "x": { "type": "ip" } } } } }),
        ),
        (
            "/plain/_mapping",
            json!({ "properties": { "a": { "type": "keyword" } } }),
        ),
        (
            "/plain/_mapping",
            json!({ "properties": { "o": { "type": "keyword" } } }),
        ),
        (
            "/plain/_mapping",
            json!({ "properties": { "t": { "type": "nonsense" } } }),
        ),
        (
            "/plain/_mapping",
            json!({ "properties": { "z": { "type": "keyword", "ignore_above": 3 } } }),
        ),
        ("/plain/_mapping", json!({ "nonsense": 1 })),
        ("/plain/_mapping", json!({ "dynamic": "strict" })),
        ("/nowhere/_mapping", json!({ "properties": {} })),
        ("/incidents/_mapping", json!({ "properties": {} })),
    ] {
        let answer = call(&server, Method::PUT, path, Some(body.clone())).await;
        said.push_str(&format!("{path} {body}: {}", line(&answer)));
    }
    shows!("mapping changed", said);
    drop(server);
    let server = Server::start(&place);
    let mapping = get(&server, "/plain/_mapping").await;
    assert_eq!(
        mapping["plain"]["mappings"],
        json!({ "dynamic": "strict", "properties": {
            "a": { "type": "long" }, "z": { "type": "keyword", "ignore_above": 3 },
            "o": { "properties": { "x": { "type": "ip" } } },
        } })
    );
    let new = call(
        &server,
        Method::PUT,
        "/plain/_doc/2",
        Some(json!({ "new": 1 })),
    )
    .await;
    assert_eq!(
        new.body["error"]["type"], "strict_dynamic_mapping_exception",
        "{new}"
    );
    fine(
        &server,
        Method::PUT,
        "/plain/_doc/2",
        json!({ "z": "long word", "o": { "x": "10.0.0.1" } }),
    )
    .await;
    let rows = esql(&server, "FROM plain | SORT a NULLS LAST | KEEP a, o.x, z").await;
    assert_eq!(rows, json!([[1, null, null], [null, "10.0.0.1", null]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn runtime_fields_are_told_apart() {
    let place = Place::new();
    let server = Server::start(&place);
    let runtime = json!({ "mappings": { "dynamic": "runtime" } });
    fine(&server, Method::PUT, "/notes", runtime).await;
    fine(
        &server,
        Method::PUT,
        "/notes/_doc/1",
        json!({ "n": 1, "s": "x" }),
    )
    .await;
    let mapping = get(&server, "/notes/_mapping").await;
    let fields = json!({ "n": { "type": "long" }, "s": { "type": "keyword" } });
    assert_eq!(
        mapping["notes"]["mappings"],
        json!({ "dynamic": "runtime", "runtime": fields })
    );
    let shards = json!({ "settings": { "index.mode": "lookup", "number_of_shards": 2 } });
    let refused = call(&server, Method::PUT, "/look", Some(shards)).await;
    assert_eq!(
        refused.reason(),
        "index with [lookup] mode must have [index.number_of_shards] set to 1 or unset; provided 2"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_stand_for_indices() {
    let place = Place::new();
    let server = Server::start(&place);
    fine(
        &server,
        Method::PUT,
        "/ia",
        json!({ "aliases": { "al": {} } }),
    )
    .await;
    fine(&server, Method::PUT, "/ib", json!({})).await;
    fine(&server, Method::PUT, "/ia/_doc/1", json!({ "a": 1 })).await;
    fine(&server, Method::PUT, "/ib/_doc/2", json!({ "a": 2 })).await;
    let add = |index: &str, alias: &str| json!({ "add": { "index": index, "alias": alias } });
    let actions = json!({ "actions": [add("ib", "al"), add("ib", "single")] });
    let done = fine(&server, Method::POST, "/_aliases", actions).await;
    assert_eq!(done, json!({ "acknowledged": true, "errors": false }));
    drop(server);
    let server = Server::start(&place);
    assert_eq!(
        get(&server, "/i*,-incidents/_alias").await,
        json!({ "ia": { "aliases": { "al": {} } }, "ib": { "aliases": { "al": {}, "single": {} } } })
    );
    let rows = esql(&server, "FROM al METADATA _index | SORT a | KEEP a, _index").await;
    assert_eq!(rows, json!([[1, "ia"], [2, "ib"]]));
    let hits = get(&server, "/al/_search?filter_path=hits.total.value").await;
    assert_eq!(hits, json!({ "hits": { "total": { "value": 2 } } }));
    let put = fine(&server, Method::PUT, "/single/_doc/5", json!({ "a": 5 })).await;
    assert_eq!(put["_index"], "ib");
    assert_eq!(get(&server, "/single/_doc/5").await["found"], true);
    let mut said = String::new();
    let one = |action: Value| Some(json!({ "actions": [action] }));
    let remove = json!({ "remove": { "index": "ib", "alias": "zz" } });
    let hidden =
        json!({ "add": { "index": "ia", "alias": "f", "filter": { "term": { "a": 1 } } } });
    for (method, path, body) in [
        (Method::PUT, "/al/_doc/5", Some(json!({ "a": 1 }))),
        (Method::DELETE, "/al", None),
        (Method::PUT, "/al", Some(json!({}))),
        (Method::POST, "/_aliases", one(remove)),
        (Method::POST, "/_aliases", one(hidden)),
        (Method::POST, "/_aliases", one(add("nowhere", "zz"))),
        (Method::POST, "/_aliases", one(add("ia", "ib"))),
        (Method::POST, "/_aliases", one(add("ia", "Bad Name"))),
        (Method::POST, "/_aliases", one(json!({ "foo": {} }))),
        (Method::POST, "/_aliases", Some(json!({}))),
        (Method::DELETE, "/ia/_alias/nowhere", None),
        (Method::DELETE, "/ia/_alias/al", None),
    ] {
        let answer = call(&server, method.clone(), path, body).await;
        said.push_str(&format!("{method} {path}: {}", line(&answer)));
    }
    shows!("aliases", said);
    let none = call(&server, Method::GET, "/_alias/nowhere", None).await;
    assert_eq!(
        (none.status, &none.body["error"]),
        (StatusCode::NOT_FOUND, &json!("alias [nowhere] missing"))
    );
    fine(&server, Method::DELETE, "/ib", json!({})).await;
    assert_eq!(get(&server, "/_cat/aliases").await, "");
}

/// On the design's names too: exactly the mapping that was given, with `index`, `create`, `_id`.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_ours_may_be_made_as_plain_indices() {
    let place = Place::new();
    let server = Server::start(&place);
    for name in ["metrics-system", "lookup-services"] {
        let _ = call(&server, Method::DELETE, &format!("/{name}"), None).await;
    }
    let typed = json!({ "mappings": { "properties": { "value": { "type": "integer" } } } });
    fine(&server, Method::PUT, "/metrics-system", typed.clone()).await;
    let mut lookup = typed;
    lookup["settings"] = json!({ "index.mode": "lookup" });
    lookup["mappings"]["properties"]["service.name"] = json!({ "type": "keyword" });
    fine(&server, Method::PUT, "/lookup-services", lookup).await;
    let body = [
        r#"{"index":{"_index":"metrics-system","_id":"a"}}"#,
        r#"{"value":1,"service.name":"cart"}"#,
        r#"{"index":{"_index":"metrics-system","_id":"a"}}"#,
        r#"{"value":2,"service.name":"cart"}"#,
        r#"{"create":{"_index":"lookup-services","_id":"x"}}"#,
        r#"{"value":7,"service.name":"cart","team":"shop"}"#,
        r#"{"index":{"_index":"lookup-services"}}"#,
        r#"{"value":8}"#,
        "",
    ];
    let stored = server.bulk(&body.join("\n")).await;
    assert_eq!(stored.body["errors"], false, "{stored}");
    drop(server);
    let server = Server::start(&place);
    let rows = esql(
        &server,
        "FROM metrics-system METADATA _id | KEEP _id, value",
    )
    .await;
    assert_eq!(rows, json!([["a", 2]]));
    let rows = esql(
        &server,
        "FROM lookup-services METADATA _id | SORT value | LIMIT 1 | KEEP _id, value, team",
    )
    .await;
    assert_eq!(rows, json!([["x", 7, "shop"]]));
    let query = "FROM metrics-system | RENAME value AS v | EVAL service.name = \"cart\" | LOOKUP JOIN lookup-services ON service.name | KEEP v, value";
    assert_eq!(esql(&server, query).await, json!([[2, 7]]));
    let services = server.get("/services").await;
    assert_eq!(services.status, StatusCode::OK, "{services}");
    fine(&server, Method::DELETE, "/lookup-services", json!({})).await;
    let again = server.bulk("{\"index\":{\"_index\":\"lookup-services\"}}\n{\"service.name\":\"cart\",\"team\":\"web\"}\n").await;
    assert_eq!(again.body["errors"], false, "{again}");
    let there = call(&server, Method::PUT, "/lookup-services", Some(json!({}))).await;
    assert_eq!(
        there.body["error"]["type"], "resource_already_exists_exception",
        "{there}"
    );
}
