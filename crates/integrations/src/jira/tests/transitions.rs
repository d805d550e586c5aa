//! Moves by the workflow's own names.

use super::*;

const TRANSITIONS: &str = "/rest/api/3/issue/OPS-1/transitions";

fn at(status: &str) -> Does {
    Does::Answer(200, json!({ "fields": { "status": { "name": status } } }))
}

fn offered() -> Does {
    let to =
        |id: &str, name: &str, to: &str| json!({ "id": id, "name": name, "to": { "name": to } });
    Does::Answer(
        200,
        json!({ "transitions": [
            to("11", "Start", "In progress"),
            to("31", "Close", "Done"),
            to("41", "resolve", "DONE"),
        ] }),
    )
}

async fn workflow(does: fn() -> Does) -> StandIn {
    StandIn::start(move |asked, _| match asked.what().as_str() {
        "GET /rest/api/3/issue/OPS-1" => at("To Do"),
        "GET /rest/api/3/issue/OPS-1/transitions" => does(),
        _ => Does::Answer(204, Value::Null),
    })
    .await
}

#[tokio::test]
async fn the_named_transition_to_the_named_status_is_taken() {
    for (status, id) in [(Status::Investigating, "11"), (Status::Resolved, "41")] {
        let server = workflow(offered).await;
        let jira = client(&server, Edition::Cloud);
        let moved = jira.move_to(&key("OPS-1"), status).await;
        assert_eq!(moved, Ok(Moved::Moved));
        let asked = server.asked();
        assert_eq!(asked[2].what(), format!("POST {TRANSITIONS}"));
        assert_eq!(asked[2].body, json!({ "transition": { "id": id } }));
    }
}

#[tokio::test]
async fn an_issue_that_is_there_is_left_alone() {
    let server = StandIn::start(|_, _| at("done ")).await;
    let jira = client(&server, Edition::Cloud);
    let moved = jira.move_to(&key("OPS-1"), Status::Resolved).await;
    assert_eq!(moved, Ok(Moved::WasThere));
    let moved = jira.move_to(&key("OPS-1"), Status::Mitigated).await;
    assert_eq!(moved, Ok(Moved::NotMapped));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn no_way_there_is_told_in_words_and_nothing_is_sent() {
    let server = workflow(|| {
        Does::Answer(
            200,
            json!({ "transitions": [{ "id": "51", "name": "Ask\nQA", "to": { "name": "Review" } }] }),
        )
    })
    .await;
    let jira = client(&server, Edition::Cloud);
    let moved = jira.move_to(&key("OPS-1"), Status::Resolved).await;
    let says = "the incident is resolved, but OPS-1 stays in To Do: its workflow offers Ask QA (to Review), and no way to Done by Resolve. Add one to the workflow, or change jira.states.resolved";
    assert_eq!(moved, Ok(Moved::NoWay(says.to_owned())));
    assert_eq!(server.asked().len(), 2, "nothing was written");
    let told = remark(9).and(says).document().adf().to_string();
    assert!(told.contains("OPS-1 stays in To Do"), "{told}");
}

#[tokio::test]
async fn a_workflow_without_any_transition_is_told_too() {
    let server = workflow(|| Does::Answer(200, json!({ "transitions": [] }))).await;
    let jira = client(&server, Edition::Cloud);
    match jira.move_to(&key("OPS-1"), Status::Investigating).await {
        Ok(Moved::NoWay(says)) => assert!(says.contains("offers no transition"), "{says}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_lost_answer_is_seen_by_where_the_issue_is() {
    let server = StandIn::start(|asked, number| match asked.what().as_str() {
        "GET /rest/api/3/issue/OPS-1" if number == 0 => at("To Do"),
        "GET /rest/api/3/issue/OPS-1" => at("Done"),
        "GET /rest/api/3/issue/OPS-1/transitions" => offered(),
        _ => Does::HangUp,
    })
    .await;
    let jira = client(&server, Edition::Cloud);
    let lost = jira.move_to(&key("OPS-1"), Status::Resolved).await;
    assert!(matches!(lost, Err(Error::CannotTell(_))), "{lost:?}");
    let again = jira.move_to(&key("OPS-1"), Status::Resolved).await;
    assert_eq!(again, Ok(Moved::WasThere));
}

#[tokio::test]
async fn a_field_that_the_screen_demands_is_named() {
    let server = StandIn::start(|asked, _| match asked.what().as_str() {
        "GET /rest/api/3/issue/OPS-1" => at("To Do"),
        "GET /rest/api/3/issue/OPS-1/transitions" => offered(),
        _ => Does::Answer(
            400,
            json!({ "errors": { "resolution": "Resolution is required." } }),
        ),
    })
    .await;
    let jira = client(&server, Edition::Cloud);
    let error = jira.move_to(&key("OPS-1"), Status::Resolved).await;
    let says = "jira: POST transitions: status 400; field resolution: Resolution is required.";
    assert_eq!(error, Err(Error::Refused(says.to_owned())));
}
