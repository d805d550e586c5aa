//! Elasticsearch's `_search` on the real server.

use reqwest::Method;
use serde_json::{Value, json};

use crate::command::Place;
use crate::indices::{call, fine, get};
use crate::server::{Answer, Server};
use crate::shows;

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
