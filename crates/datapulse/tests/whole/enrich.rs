//! Enrich policies over HTTP, and `ENRICH` with them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::command::Place;
use crate::indices::{call, fine, get};
use crate::server::Server;

async fn values(server: &Server, query: &str) -> Value {
    fine(server, Method::POST, "/_query", json!({ "query": query })).await["values"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_looks_up_what_it_was_made_for() {
    let place = Place::new();
    let server = Server::start(&place);
    for (id, owner) in [
        json!({ "service": "cart", "team": "red", "tier": 1 }),
        json!({ "service": "cart", "team": "blue", "tier": 2 }),
        json!({ "service": "payment", "team": "green" }),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/owners/_doc/{id}?refresh=true");
        fine(&server, Method::PUT, &path, owner).await;
    }
    let policy = json!({ "match": {
        "indices": "owners", "match_field": "service.keyword", "enrich_fields": ["team", "tier"],
    } });
    let path = "/_enrich/policy/owners";
    fine(&server, Method::PUT, path, policy.clone()).await;
    let asked = "ROW s = \"cart\" | ENRICH owners ON s | EVAL team = MV_SORT(team), tier = MV_SORT(tier) | KEEP s, team, tier";
    let early = call(
        &server,
        Method::POST,
        "/_query",
        Some(json!({ "query": asked })),
    )
    .await;
    assert_eq!(early.status, 400, "{early}");
    assert!(
        early
            .to_string()
            .contains("cannot find enrich policy [owners]"),
        "{early}"
    );
    let done = fine(&server, Method::PUT, &format!("{path}/_execute"), json!({})).await;
    assert_eq!(done["status"]["phase"], "COMPLETE");
    let expected = json!([["cart", ["blue", "red"], [1, 2]]]);
    assert_eq!(values(&server, asked).await, expected);
    let shown = get(&server, path).await;
    assert_eq!(
        shown["policies"][0]["config"]["match"]["match_field"],
        "service.keyword"
    );
    // It is kept, and what can't be is refused with the reason.
    drop(server);
    let server = Server::start(&place);
    assert_eq!(values(&server, asked).await, expected);
    for (name, body, status, reason) in [
        ("owners", policy, 400, "policy [owners] already exists"),
        ("Owners", json!({}), 400, "Invalid policy name [Owners]"),
        (
            "near",
            json!({ "geo_match": {} }),
            400,
            "unsupported policy type [geo_match]",
        ),
        (
            "half",
            json!({ "match": { "indices": "owners" } }),
            400,
            "Required [match_field]",
        ),
        (
            "lost",
            json!({ "match": { "indices": "nowhere", "match_field": "a", "enrich_fields": ["b"] } }),
            404,
            "no such index [nowhere]",
        ),
    ] {
        let path = format!("/_enrich/policy/{name}");
        let refused = call(&server, Method::PUT, &path, Some(body)).await;
        assert_eq!(refused.status, status, "{refused}");
        assert!(refused.to_string().contains(reason), "{reason}: {refused}");
    }
    assert_eq!(call(&server, Method::DELETE, path, None).await.status, 200);
    assert_eq!(call(&server, Method::DELETE, path, None).await.status, 404);
    let unknown = format!("{path}/_execute");
    assert_eq!(call(&server, Method::PUT, &unknown, None).await.status, 404);
}
