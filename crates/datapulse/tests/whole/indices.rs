//! Elasticsearch's index API, documents and search on the real server.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::command::Place;
use crate::server::{Answer, Server};
use crate::shows;

async fn call(server: &Server, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = server.bare(method, path).bearer_auth(&server.token);
    Answer::of(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

async fn fine(server: &Server, method: Method, path: &str, body: Value) -> Value {
    let answer = call(server, method, path, Some(body)).await;
    assert!(answer.status.is_success(), "{path}: {answer}");
    answer.body
}

async fn get(server: &Server, path: &str) -> Value {
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
         {{\"index\":{{\"_index\":\"logs-web\",\"_id\":\"c\"}}}}\n{{\"@timestamp\":\"{at}\"}}\n"
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

/// Seven orders over three days.
async fn orders(server: &Server) {
    let mapping = json!({ "mappings": { "properties": {
        "at": { "type": "date" }, "shop": { "type": "keyword" }, "sum": { "type": "double" }, "note": { "type": "text" }, "paid": { "type": "boolean" },
    } } });
    fine(server, Method::PUT, "/orders", mapping).await;
    let lines: String = [
        (
            "a",
            "2026-01-10T08:00:00Z",
            "north",
            10.0,
            "blue shoes",
            true,
        ),
        (
            "b",
            "2026-01-10T09:00:00Z",
            "north",
            20.0,
            "red shoes",
            true,
        ),
        ("c", "2026-01-10T10:00:00Z", "south", 30.0, "red hat", false),
        (
            "d",
            "2026-01-12T08:00:00Z",
            "south",
            40.0,
            "red red red",
            true,
        ),
        ("e", "2026-01-12T09:00:00Z", "north", 50.0, "nothing", false),
        (
            "f",
            "2026-01-12T10:00:00Z",
            "west",
            60.0,
            "green hat and shoes",
            true,
        ),
    ]
    .iter()
    .map(|(id, at, shop, sum, note, paid)| {
        let document = json!({ "at": at, "shop": shop, "sum": sum, "note": note, "paid": paid });
        format!("{{\"index\":{{\"_id\":\"{id}\"}}}}\n{document}\n")
    })
    .chain(["{\"index\":{\"_id\":\"g\"}}\n{\"note\":\"no shop\"}\n".to_owned()])
    .collect();
    let request = server
        .bare(Method::PUT, "/orders/_bulk")
        .bearer_auth(&server.token);
    let stored = Answer::of(request.body(lines)).await;
    assert_eq!(stored.body["errors"], false, "{stored}");
}

async fn ids(server: &Server, body: Value) -> Vec<String> {
    let found = fine(server, Method::POST, "/orders/_search", body).await;
    let hits = found["hits"]["hits"].as_array().expect("hits").iter();
    hits.map(|hit| hit["_id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_searched() {
    let place = Place::new();
    let server = Server::start(&place);
    orders(&server).await;
    for (query, sort, expected) in [
        (
            json!({ "match_all": {} }),
            json!([{ "sum": "desc" }]),
            vec!["f", "e", "d", "c", "b", "a", "g"],
        ),
        (
            json!({ "term": { "shop": "north" } }),
            json!(["at"]),
            vec!["a", "b", "e"],
        ),
        (
            json!({ "terms": { "shop": ["south", "west"] } }),
            json!(["at"]),
            vec!["c", "d", "f"],
        ),
        (
            json!({ "range": { "at": { "gte": "2026-01-10T09:00:00Z", "lt": "2026-01-12" } } }),
            json!(["at"]),
            vec!["b", "c"],
        ),
        (
            json!({ "exists": { "field": "shop" } }),
            json!([{ "shop": { "order": "desc" } }, "sum"]),
            vec!["f", "c", "d", "a", "b", "e"],
        ),
        (
            json!({ "bool": { "must": [{ "match": { "note": "shoes" } }], "must_not": [{ "term": { "shop": "west" } }] } }),
            json!(["sum"]),
            vec!["a", "b"],
        ),
        (
            json!({ "ids": { "values": ["b", "g"] } }),
            json!([{ "sum": { "order": "asc", "missing": "_first" } }]),
            vec!["g", "b"],
        ),
        (
            json!({ "query_string": { "query": "note:hat AND shop:south" } }),
            json!(["sum"]),
            vec!["c"],
        ),
        (
            json!({ "bool": { "filter": [{ "term": { "paid": true } }, { "prefix": { "shop": "no" } }] } }),
            json!(["sum"]),
            vec!["a", "b"],
        ),
    ] {
        let body = json!({ "query": query, "sort": sort });
        assert_eq!(ids(&server, body.clone()).await, expected, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_comes_first() {
    let place = Place::new();
    let server = Server::start(&place);
    orders(&server).await;
    // The best first, by its score.
    let best = fine(
        &server,
        Method::POST,
        "/orders/_search",
        json!({ "query": { "match": { "note": "red" } }, "size": 1, "_source": ["note", "sum"] }),
    )
    .await;
    assert_eq!(best["hits"]["hits"][0]["_id"], "d", "{best}");
    assert_eq!(
        best["hits"]["hits"][0]["_source"],
        json!({ "note": "red red red", "sum": 40.0 })
    );
    assert_eq!(
        best["hits"]["total"],
        json!({ "value": 3, "relation": "eq" })
    );
    assert!(
        best["hits"]["max_score"]
            .as_f64()
            .is_some_and(|score| score > 0.0),
        "{best}"
    );
    // What filters doesn't count, what only may match does.
    let both = json!({ "query": { "bool": { "filter": [{ "term": { "shop": "north" } }], "should": [{ "match": { "note": "red" } }] } } });
    let scored = fine(
        &server,
        Method::POST,
        "/orders/_search?filter_path=hits.hits._id,hits.hits._score",
        both,
    )
    .await;
    let scored = scored["hits"]["hits"].as_array().expect("hits").clone();
    assert_eq!(
        (scored.len(), &scored[0]["_id"]),
        (3, &json!("b")),
        "{scored:?}"
    );
    assert_eq!(scored[1]["_score"], 0.0, "{scored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other() {
    let place = Place::new();
    let server = Server::start(&place);
    orders(&server).await;
    // Pages, each behind the one before.
    let mut seen = Vec::new();
    let mut body = json!({ "size": 2, "sort": [{ "shop": "asc" }, { "at": "desc" }], "_source": false, "track_total_hits": false });
    loop {
        let page = fine(&server, Method::POST, "/orders/_search", body.clone()).await;
        assert!(page["hits"].get("total").is_none(), "{page}");
        let hits = page["hits"]["hits"].as_array().expect("hits").clone();
        let Some(last) = hits.last() else { break };
        body["search_after"] = last["sort"].clone();
        seen.extend(
            hits.iter()
                .map(|hit| hit["_id"].as_str().unwrap_or_default().to_owned()),
        );
        assert!(seen.len() <= 7, "{seen:?}");
    }
    assert_eq!(seen, ["e", "b", "a", "d", "c", "f", "g"]);
    let counted = fine(
        &server,
        Method::POST,
        "/orders/_count",
        json!({ "query": { "term": { "shop": "north" } } }),
    )
    .await;
    assert_eq!(counted["count"], 3);
    let by_path = get(
        &server,
        "/orders/_search?q=shop:west&size=1&sort=at:desc&filter_path=hits.hits._id",
    )
    .await;
    assert_eq!(by_path, json!({ "hits": { "hits": [{ "_id": "f" }] } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_that_cant_be() {
    let place = Place::new();
    let server = Server::start(&place);
    orders(&server).await;
    let mut said = String::new();
    for body in [
        json!({ "query": { "geo_shape": {} } }),
        json!({ "size": 10_001 }),
        json!({ "sort": ["nothing"] }),
        json!({ "sort": ["note"] }),
        json!({ "highlight": {} }),
        json!({ "sort": ["sum"], "search_after": [1, 2] }),
        json!({ "query": { "range": { "sum": { "gte": "much" } } } }),
        json!({ "aggs": { "a": { "percentiles": { "field": "sum" } } } }),
        json!({ "aggs": { "a": { "terms": { "field": "note" } } } }),
        json!({ "aggs": { "a": { "date_histogram": { "field": "at", "fixed_interval": "1x" } } } }),
    ] {
        let answer = call(&server, Method::POST, "/orders/_search", Some(body.clone())).await;
        said.push_str(&format!(
            "{body}: {} {} {}\n",
            answer.status.as_u16(),
            answer.body["error"]["type"],
            answer.reason()
        ));
    }
    shows!("searches refused", said);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_put_into_buckets() {
    let place = Place::new();
    let server = Server::start(&place);
    orders(&server).await;
    let body = json!({
        "size": 0, "query": { "exists": { "field": "at" } },
        "aggs": {
            "days": {
                "date_histogram": { "field": "at", "calendar_interval": "day" },
                "aggs": { "shops": { "terms": { "field": "shop" }, "aggs": { "most": { "max": { "field": "sum" } } } }, "sum": { "sum": { "field": "sum" } } },
            },
            "shops": { "terms": { "field": "shop", "size": 1, "order": { "mean": "desc" } }, "aggs": { "mean": { "avg": { "field": "sum" } } } },
            "paid": { "terms": { "field": "paid" } },
            "kinds": { "cardinality": { "field": "shop" } },
            "last": { "max": { "field": "at" } },
            "figures": { "stats": { "field": "sum" } },
            "none": { "min": { "field": "no_such_field" } },
            "no_buckets": { "terms": { "field": "no_such_field" } },
        },
    });
    let found = fine(&server, Method::POST, "/orders/_search", body).await;
    shows!(
        "aggregations",
        serde_json::to_string_pretty(&found["aggregations"]).unwrap_or_default()
    );
}
