//! Elasticsearch's index API and documents on the real server.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{Answer, Server};
use crate::shows;

pub async fn call(server: &Server, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = server.bare(method, path).bearer_auth(&server.token);
    Answer::of(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

pub async fn fine(server: &Server, method: Method, path: &str, body: Value) -> Value {
    let answer = call(server, method, path, Some(body)).await;
    assert!(answer.status.is_success(), "{path}: {answer}");
    answer.body
}

pub async fn get(server: &Server, path: &str) -> Value {
    let answer = call(server, Method::GET, path, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {answer}");
    answer.body
}

async fn esql(server: &Server, query: &str) -> Value {
    let body = json!({ "query": query });
    fine(server, Method::POST, "/_query", body).await["values"].clone()
}

/// What isn't the same from run to run.
fn steady(mut body: Value) -> String {
    for index in body
        .as_object_mut()
        .into_iter()
        .flatten()
        .map(|(_, index)| index)
    {
        for key in ["uuid", "creation_date"] {
            if index["settings"]["index"].get(key).is_some() {
                index["settings"]["index"][key] = "[made]".into();
            }
        }
    }
    serde_json::to_string_pretty(&body).unwrap_or_default()
}

fn goods() -> Value {
    json!({
        "settings": { "number_of_shards": 1, "index": { "refresh_interval": "1s" } },
        "mappings": { "dynamic": "strict", "properties": {
            "title": { "type": "text", "fields": { "raw": { "type": "keyword", "ignore_above": 8 } } },
            "price": { "type": "scaled_float", "scaling_factor": 100 },
            "stock": { "type": "integer" },
            "host": { "properties": { "ip": { "type": "ip" }, "version": { "type": "version" } } },
            "seen": { "type": "date_nanos" },
            "big": { "type": "unsigned_long" },
            "vector": { "type": "dense_vector", "dims": 2 },
        } },
    })
}

fn chair() -> Value {
    json!({
        "title": "a red chair", "price": 12.345, "stock": "7", "host": { "ip": "10.0.0.1", "version": "1.10.0" },
        "seen": "2026-01-10T13:00:00.123456789Z", "big": 18_446_744_073_709_551_615_u64, "vector": [0.5, 0.25],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_ask_first_who_answers() {
    let place = Place::new();
    let server = Server::start(&place);
    let root = call(&server, Method::GET, "/", None).await;
    assert_eq!(root.header("x-elastic-product"), "Elasticsearch");
    assert_eq!(root.body["version"]["number"], "9.2.0", "{root}");
    assert_eq!(
        get(&server, "/_cluster/health?filter_path=status").await,
        json!({ "status": "green" })
    );
    assert_eq!(
        get(&server, "/_cat/health").await,
        "datapulse green 1 1 0 0\n"
    );
    drop(server);
    let again = call(&Server::start(&place), Method::GET, "/", None).await;
    assert_eq!(again.body["cluster_uuid"], root.body["cluster_uuid"]);
}

/// An index with two documents, and what it doesn't take.
async fn stock(server: &Server) {
    let made = fine(server, Method::PUT, "/goods", goods()).await;
    assert_eq!(
        made,
        json!({ "acknowledged": true, "shards_acknowledged": true, "index": "goods" })
    );
    let again = call(server, Method::PUT, "/goods", Some(goods())).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        again.body["error"]["type"], "resource_already_exists_exception",
        "{again}"
    );
    let put = call(server, Method::PUT, "/goods/_doc/1", Some(chair())).await;
    assert_eq!(
        (put.status, &put.body["result"]),
        (StatusCode::CREATED, &json!("created")),
        "{put}"
    );
    for (method, path, document, status, kind) in [
        (
            Method::POST,
            "/goods/_doc",
            json!({ "colour": "red" }),
            400,
            "strict_dynamic_mapping_exception",
        ),
        (
            Method::PUT,
            "/goods/_create/1",
            json!({ "stock": 1 }),
            409,
            "version_conflict_engine_exception",
        ),
        (
            Method::PUT,
            "/goods/_doc/2",
            json!({ "stock": 3_000_000_000_u64 }),
            400,
            "document_parsing_exception",
        ),
        (
            Method::PUT,
            "/goods/_doc/2?op_type=update",
            json!({}),
            400,
            "illegal_argument_exception",
        ),
    ] {
        let refused = call(server, method, path, Some(document)).await;
        let found = (refused.status.as_u16(), &refused.body["error"]["type"]);
        assert_eq!(found, (status, &json!(kind)), "{refused}");
    }
    let updated = fine(
        server,
        Method::PUT,
        "/goods/_doc/2?refresh=true",
        json!({ "title": "b" }),
    )
    .await;
    assert_eq!(updated["result"], "created");
    let updated = fine(
        server,
        Method::PUT,
        "/goods/_doc/2",
        json!({ "title": "too long for raw", "stock": 1 }),
    )
    .await;
    assert_eq!(updated["result"], "updated");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_made_as_it_is_defined() {
    let place = Place::new();
    let server = Server::start(&place);
    stock(&server).await;
    drop(server);
    // All of it is kept.
    let server = Server::start(&place);
    shows!("an index", steady(get(&server, "/goods").await));
    let source = &get(&server, "/goods/_doc/1").await["_source"];
    assert_eq!(
        *source,
        json!({
            "big": 18_446_744_073_709_551_615_u64, "host": { "ip": "10.0.0.1", "version": "1.10.0" }, "price": 12.35,
            "seen": "2026-01-10T13:00:00.123456789Z", "stock": 7, "title": "a red chair", "vector": [0.5, 0.25],
        })
    );
    assert_eq!(
        esql(
            &server,
            "FROM goods METADATA _id | SORT _id | KEEP _id, title.raw, host.version, stock"
        )
        .await,
        json!([["1", null, "1.10.0", 7], ["2", null, null, 1]])
    );
    let several = fine(
        &server,
        Method::POST,
        "/goods/_mget",
        json!({ "ids": ["1", "9"], "docs": [{ "_index": "nowhere", "_id": "1" }] }),
    )
    .await;
    let found: Vec<&Value> = several["docs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|doc| &doc["found"])
        .collect();
    assert_eq!(
        found,
        [&json!(true), &json!(false), &Value::Null],
        "{several}"
    );
    assert_eq!(several["docs"][0]["_source"]["stock"], 7);
    assert_eq!(
        several["docs"][2]["error"]["type"],
        "index_not_found_exception"
    );
    let nothing = call(
        &server,
        Method::POST,
        "/_mget",
        Some(json!({ "ids": ["1"] })),
    )
    .await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST, "{nothing}");
    let missing = call(&server, Method::GET, "/goods/_doc/9", None).await;
    assert_eq!(
        (missing.status, &missing.body["found"]),
        (StatusCode::NOT_FOUND, &json!(false))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_index_stays_deleted() {
    let place = Place::new();
    let server = Server::start(&place);
    for n in 0..3 {
        fine(&server, Method::POST, "/notes/_doc", json!({ "n": n })).await;
    }
    let head = call(&server, Method::HEAD, "/notes", None).await;
    assert_eq!(head.status, StatusCode::OK);
    let gone = fine(&server, Method::DELETE, "/notes", json!({})).await;
    assert_eq!(gone, json!({ "acknowledged": true }));
    assert_eq!(
        call(&server, Method::HEAD, "/notes", None).await.status,
        StatusCode::NOT_FOUND
    );
    // Another index of this name, whose field has another type.
    fine(&server, Method::POST, "/notes/_doc", json!({ "n": "four" })).await;
    assert_eq!(
        esql(&server, "FROM notes | KEEP n").await,
        json!([["four"]])
    );
    server.kill();
    let server = Server::start(&place);
    assert_eq!(
        esql(&server, "FROM notes | KEEP n").await,
        json!([["four"]]),
        "after a crash"
    );
    fine(&server, Method::DELETE, "/notes", json!({})).await;
    server.kill();
    let server = Server::start(&place);
    let mut said = String::new();
    for (method, path) in [
        (Method::GET, "/notes"),
        (Method::DELETE, "/notes"),
        (Method::DELETE, "/not*"),
        (Method::DELETE, "/incidents"),
        (Method::GET, "/notes/_mapping"),
        (Method::GET, "/notes/_count"),
        (Method::POST, "/notes/_refresh"),
        (Method::PUT, "/Notes"),
    ] {
        let answer = call(&server, method.clone(), path, Some(json!({}))).await;
        said.push_str(&format!(
            "{method} {path}: {} {} {}\n",
            answer.status.as_u16(),
            answer.body["error"]["type"],
            answer.reason()
        ));
    }
    shows!("indices refused", said);
    assert_eq!(get(&server, "/none-*").await, json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_and_data_streams() {
    let place = Place::new();
    let server = Server::start(&place);
    let body = json!({
        "index_patterns": ["app-*"], "priority": 5, "data_stream": {},
        "template": { "mappings": {
            "dynamic_templates": [{ "words": { "match_mapping_type": "string", "mapping": { "type": "keyword" } } }],
            "properties": { "@timestamp": { "type": "date" }, "code": { "type": "short" } },
        } },
    });
    fine(&server, Method::PUT, "/_index_template/app", body.clone()).await;
    drop(server);
    let server = Server::start(&place);
    let kept = get(&server, "/_index_template/app").await;
    assert_eq!(
        kept,
        json!({ "index_templates": [{ "name": "app", "index_template": body }] })
    );
    let at = "2026-01-10T13:00:00Z";
    let body = format!(
        "{{\"create\":{{\"_index\":\"app-web\",\"_id\":\"a\"}}}}\n{{\"@timestamp\":\"{at}\",\"code\":1,\"word\":\"x\"}}\n\
         {{\"index\":{{\"_index\":\"app-web\",\"_id\":\"b\"}}}}\n{{\"@timestamp\":\"{at}\"}}\n\
         {{\"create\":{{\"_index\":\"app-web\"}}}}\n{{\"code\":3}}\n\
         {{\"index\":{{\"_index\":\"logs-web-eu\",\"_id\":\"c\"}}}}\n{{\"@timestamp\":\"{at}\"}}\n"
    );
    let stored = server.bulk(&body).await;
    shows!("data stream items", stored.to_string());
    shows!("a data stream", steady(get(&server, "/app-web").await));
    fine(&server, Method::DELETE, "/_index_template/app", json!({})).await;
    let mut said = String::new();
    for (method, path, body) in [
        (Method::GET, "/_index_template/app", json!({})),
        (Method::DELETE, "/_index_template/app", json!({})),
        (
            Method::PUT,
            "/_index_template/bad",
            json!({ "index_patterns": [] }),
        ),
        (
            Method::PUT,
            "/bad",
            json!({ "mappings": { "properties": { "p": { "type": "geo_shape" } } } }),
        ),
        (Method::PUT, "/bad", json!({ "mapping": {} })),
    ] {
        let answer = call(&server, method.clone(), path, Some(body)).await;
        said.push_str(&format!(
            "{method} {path}: {} {} {}\n",
            answer.status.as_u16(),
            answer.body["error"]["type"],
            answer.reason()
        ));
    }
    shows!("templates refused", said);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_and_lookup_indices() {
    let place = Place::new();
    let server = Server::start(&place);
    let words = json!({ "mappings": { "properties": { "word": { "type": "keyword" } } } });
    fine(&server, Method::PUT, "/app-web", words).await;
    fine(
        &server,
        Method::POST,
        "/app-web/_doc",
        json!({ "word": "x" }),
    )
    .await;
    // A plain index of the same kind of name takes both.
    fine(
        &server,
        Method::PUT,
        "/logs-plain",
        json!({ "mappings": { "properties": { "n": { "type": "long" } } } }),
    )
    .await;
    let body = "{\"index\":{\"_index\":\"logs-plain\",\"_id\":\"c\"}}\n{\"n\":1}\n\n\
                {\"index\":{\"_index\":\"logs-plain\",\"_id\":\"c\"}}\n{\"n\":2}\n\n\
                {\"create\":{\"_index\":\"logs-plain\",\"_id\":\"d\"}}\n{\"n\":3}\n";
    let stored = server.bulk(body).await;
    assert_eq!(stored.body["errors"], false, "{stored}");
    assert_eq!(
        esql(&server, "FROM logs-plain | STATS SUM(n)").await,
        json!([[5]])
    );
    // An index that LOOKUP JOIN may name, whatever its name.
    let lookup = json!({ "settings": { "index.mode": "lookup" }, "mappings": { "properties": { "word": { "type": "keyword" }, "means": { "type": "keyword" } } } });
    fine(&server, Method::PUT, "/meanings", lookup).await;
    fine(
        &server,
        Method::POST,
        "/meanings/_doc",
        json!({ "word": "x", "means": "a letter" }),
    )
    .await;
    assert_eq!(
        esql(
            &server,
            "FROM app-web | LOOKUP JOIN meanings ON word | KEEP word, means"
        )
        .await,
        json!([["x", "a letter"]])
    );
    let table = call(
        &server,
        Method::GET,
        "/_cat/indices/app-*,logs-*,meanings?v=true&h=health,index,docs.count&s=index",
        None,
    )
    .await;
    shows!(
        "cat indices",
        table.body.as_str().unwrap_or_default().to_owned()
    );
    let listed = get(&server, "/_cat/indices?format=json").await;
    let names: Vec<&str> = listed
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|line| line["index"].as_str())
        .collect();
    for name in [
        "app-web",
        "incidents",
        "lookup-services",
        "meanings",
        "runbooks-knowledge",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
}
