//! Each error says what was wrong and whether Jira may have acted.

use super::*;

async fn created(does: impl Fn() -> Does + Send + Sync + 'static) -> Error {
    let server = StandIn::start(move |asked, _| {
        if asked.method == "GET" {
            Does::Answer(200, json!({ "issues": [] }))
        } else {
            does()
        }
    })
    .await;
    let jira = client(&server, Edition::Cloud);
    let made = jira.open(&ticket(), None, NOW).await;
    made.expect_err("is no issue")
}

#[tokio::test]
async fn fields_that_are_missing_or_unknown_are_named() {
    let error = created(|| {
        Does::Answer(
            400,
            json!({
                "errorMessages": ["The project demands more."],
                "errors": {
                    "customfield_10010": "Team is required.",
                    "labels": "Field 'labels' cannot be set. It is not on the appropriate screen, or unknown.",
                },
            }),
        )
    })
    .await;
    assert_eq!(
        error,
        Error::Refused(
            "jira: POST issue: status 400; field customfield_10010: Team is required.; field labels: Field 'labels' cannot be set. It is not on the appropriate screen, or unknown.; The project demands more."
                .to_owned()
        )
    );
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let told = created(|| Does::AnswerWith(429, &["retry-after: 17"], json!({}))).await;
    match told {
        Error::Later { says, after } => {
            assert_eq!(after, Duration::from_secs(17));
            assert!(says.ends_with("it asks to come back in 17 s"), "{says}");
        }
        other => panic!("{other:?}"),
    }
    let untold = created(|| Does::Answer(429, json!({}))).await;
    match untold {
        Error::Later { after, .. } => assert_eq!(after, super::super::answer::USUAL_WAIT),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_fails_inside_jira_may_have_acted_and_what_is_refused_has_not() {
    for (status, kind) in [
        (500, "may have acted"),
        (502, "may have acted"),
        (504, "may have acted"),
        (503, "not acted"),
        (401, "refused"),
        (403, "refused"),
        (404, "refused"),
        (413, "refused"),
    ] {
        let error = created(move || Does::Answer(status, json!({}))).await;
        let got = match &error {
            Error::CannotTell(_) => "may have acted",
            Error::NotDone(_) => "not acted",
            Error::Refused(_) => "refused",
            other => panic!("{status}: {other:?}"),
        };
        assert_eq!(got, kind, "{status}");
        let hint = match status {
            401 => "doesn't take the token",
            403 => "see its permissions",
            404 => "can't see it",
            _ => "",
        };
        let says = error.to_string();
        assert!(
            says.contains(&status.to_string()) && says.contains(hint),
            "{says}"
        );
    }
}

#[tokio::test]
async fn an_answers_text_is_cut_and_makes_no_lines() {
    let long = "x\n\u{1b}[31m".repeat(10_000);
    let error =
        created(move || Does::Answer(400, json!({ "errorMessages": vec![long.clone(); 50] })))
            .await;
    let says = error.to_string();
    assert!(says.chars().count() < 7_000 && !says.contains(['\n', '\u{1b}']));
}

#[tokio::test]
async fn nobody_there_means_nothing_was_sent() {
    let settings = settings("http://127.0.0.1:9", Edition::Cloud);
    let jira = Jira::new(settings, &Secret::new("t")).expect("right");
    let error = jira.find(&incident()).await.expect_err("nobody");
    assert!(matches!(error, Error::NotDone(_)), "{error:?}");
    assert!(!format!("{jira:?}").contains("datapulse@example.com:"));
}
