//! Who is on call.

use std::collections::BTreeMap;

use super::super::on_call::leads;
use super::*;
use serde_json::{Value, json};

fn client(server: &StandIn) -> OnCall {
    OnCall::new(&server.url(), Secret::new("token")).expect("right")
}

fn entry(level: u64, id: &str, email: &str) -> Value {
    json!({
        "escalation_policy": { "id": "PPOLICY" },
        "escalation_level": level,
        "user": { "id": id, "name": format!("{id}, Bob"), "email": email },
    })
}

fn answers(asked: &Asked, pages: &[Value]) -> Does {
    assert_eq!(asked.header("authorization"), Some("Token token=token"));
    let accept = "application/vnd.pagerduty+json;version=2";
    assert_eq!(asked.header("accept"), Some(accept));
    match asked.what().as_str() {
        "GET /services/PSERVICE" => Does::Answer(
            200,
            json!({ "service": { "id": "PSERVICE", "escalation_policy": { "id": "PPOLICY" } } }),
        ),
        "GET /oncalls" => {
            let policy = asked.parameter("escalation_policy_ids[]");
            assert_eq!(policy.as_deref(), Some("PPOLICY"));
            let offset: usize = asked
                .parameter("offset")
                .and_then(|text| text.parse().ok())
                .expect("a number");
            let page = offset / 100;
            let more = page + 1 < pages.len();
            Does::Answer(200, json!({ "oncalls": pages[page], "more": more }))
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn all_pages_are_read_and_the_first_level_leads() {
    let pages = [
        json!([
            entry(2, "PB", "bob@example.com"),
            entry(1, "PA", "ada@example.com")
        ]),
        json!([
            entry(1, "PA", "ada@example.com"),
            entry(1, "PE", "eve@example.com, bob@example.com"),
            { "escalation_policy": { "id": "PELSE" }, "escalation_level": 1,
                "user": { "id": "PX", "email": "x@example.com" } },
            { "escalation_policy": { "id": "PPOLICY" }, "escalation_level": 1, "user": null },
            entry(1, "PG", "grace@example.com"),
        ]),
    ];
    let server = StandIn::start(move |asked, _| answers(asked, &pages)).await;
    let people = client(&server).of_service("PSERVICE").await.expect("read");
    let ids: Vec<&str> = people.iter().map(|person| person.id.as_str()).collect();
    assert_eq!(
        ids,
        ["PA", "PE", "PG", "PB"],
        "each once, the first level first"
    );
    let subjects = BTreeMap::from([("PG".to_owned(), "oidc:grace".to_owned())]);
    assert_eq!(
        leads(&people, &subjects),
        ["ada@example.com", "oidc:grace"],
        "who would be two people is nobody, and names don't count"
    );
}

#[tokio::test]
async fn nobody_is_an_answer_and_a_failure_is_none() {
    let server = StandIn::start(|asked, _| answers(asked, &[json!([])])).await;
    let people = client(&server).of_service("PSERVICE").await;
    assert_eq!(people, Ok(Vec::new()));
    for status in [200, 401, 404, 429, 500] {
        let server = StandIn::start(move |_, _| Does::Answer(status, json!({}))).await;
        let error = client(&server).of_service("PSERVICE").await;
        let error = error.expect_err("is no answer");
        assert!(
            matches!(
                error,
                Error::NotDone(_) | Error::Refused(_) | Error::Later { .. }
            ),
            "{status}: {error:?}"
        );
    }
    let server = StandIn::start(|_, _| Does::Half).await;
    let error = client(&server).of_policy("PPOLICY").await;
    assert!(
        matches!(error, Err(Error::NotDone(_))),
        "reading acts on nothing: {error:?}"
    );
}

#[tokio::test]
async fn an_endless_list_is_no_answer() {
    let server =
        StandIn::start(|_, _| Does::Answer(200, json!({ "oncalls": [], "more": true }))).await;
    let error = client(&server).of_policy("PPOLICY").await;
    assert!(matches!(error, Err(Error::NotDone(_))));
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn a_services_id_stays_in_its_place() {
    let server = StandIn::start(|_, _| Does::Answer(404, json!({}))).await;
    let _ = client(&server).of_service("../users?x=").await;
    assert_eq!(server.asked()[0].path, "/services/..%2Fusers%3Fx%3D");
}
