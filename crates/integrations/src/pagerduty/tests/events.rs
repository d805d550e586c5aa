//! Events out.

use super::super::answer::USUAL_WAIT;
use super::super::events::{MAX_EVENT, MAX_SUMMARY};
use super::*;
use serde_json::{Value, json};

/// As alerts: wants to be a link, a mention and markup.
const HOSTILE: &str = "<a href=x>@all https://evil.example *b* [x](http://evil.example) mailto:a@b.example\n\u{202e}www.evil.example\u{200b}";

fn accepted() -> Does {
    Does::Answer(
        202,
        json!({ "status": "success", "message": "Event processed", "dedup_key": "x" }),
    )
}

fn client(server: &StandIn) -> Events {
    Events::new(&server.url(), Secret::new(KEY)).expect("right")
}

async fn failed(does: impl Fn() -> Does + Send + Sync + 'static) -> Error {
    let server = StandIn::start(move |_, _| does()).await;
    let mut events = client(&server);
    events.within = Duration::from_millis(400);
    events.resolve(&incident()).await.expect_err("is not taken")
}

#[tokio::test]
async fn an_alert_reads_like_this() {
    let server = StandIn::start(|_, _| accepted()).await;
    let events = client(&server);
    events.trigger(&alert()).await.expect("is taken");
    events.acknowledge(&incident()).await.expect("is taken");
    events.resolve(&incident()).await.expect("is taken");
    let url = "https://datapulse.example/incidents/INC-202611-0a1b2c3d4e5f";
    let asked = server.asked();
    assert_eq!(
        asked[0].body,
        json!({
            "routing_key": KEY,
            "event_action": "trigger",
            "dedup_key": "INC-202611-0a1b2c3d4e5f",
            "client": "DataPulse",
            "payload": {
                "summary": "payment: a fifth of the requests fails",
                "source": "payment",
                "severity": "error",
                "timestamp": "2026-11-24T13:00:00.000Z",
                "component": "payment",
                "class": "error-rate",
                "custom_details": {
                    "incident": "INC-202611-0a1b2c3d4e5f",
                    "severity reason": "customers can't pay",
                    "finding": "20 % of 1,200 requests failed",
                    "finding 2": "p99 is 4 s",
                },
            },
            "client_url": url,
            "links": [{ "href": url, "text": "INC-202611-0a1b2c3d4e5f" }],
        })
    );
    for (asked, action) in asked[1..].iter().zip(["acknowledge", "resolve"]) {
        assert_eq!(
            asked.body,
            json!({ "routing_key": KEY, "event_action": action,
                "dedup_key": "INC-202611-0a1b2c3d4e5f" })
        );
    }
    assert_eq!(server.order(), ["POST /enqueue"; 3]);
}

#[tokio::test]
async fn a_change_reads_like_this() {
    let server = StandIn::start(|_, _| accepted()).await;
    let change = Change {
        summary: "payment 1.4.2 deployed".to_owned(),
        service: "payment".to_owned(),
        at: NOW,
        details: vec![("deployment", "chg-17".to_owned())],
        url: None,
    };
    client(&server).change(&change).await.expect("is taken");
    assert_eq!(server.order(), ["POST /change/enqueue"]);
    assert_eq!(
        server.asked()[0].body,
        json!({ "routing_key": KEY, "payload": {
            "summary": "payment 1.4.2 deployed",
            "source": "payment",
            "timestamp": "2026-11-24T13:00:00.000Z",
            "custom_details": { "deployment": "chg-17" },
        } })
    );
}

#[tokio::test]
async fn severities_are_pagerdutys_four() {
    let server = StandIn::start(|_, _| accepted()).await;
    for severity in Severity::ALL {
        let alert = Alert {
            severity,
            ..alert()
        };
        client(&server).trigger(&alert).await.expect("is taken");
    }
    let asked = server.asked();
    let sent = asked
        .iter()
        .map(|one| one.body["payload"]["severity"].as_str());
    let expected = ["info", "warning", "error", "critical"].map(Some);
    assert_eq!(sent.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn hostile_and_endless_texts_are_plain_and_fit() {
    let server = StandIn::start(|_, _| accepted()).await;
    for text in [
        HOSTILE.to_owned(),
        format!("{HOSTILE} ").repeat(20_000),
        String::new(),
    ] {
        let alert = Alert {
            title: text.clone(),
            service: text.clone(),
            rule: text.clone(),
            details: vec![("finding", text.clone()); 100],
            ..alert()
        };
        client(&server).trigger(&alert).await.expect("is taken");
    }
    for asked in server.asked() {
        let payload = &asked.body["payload"];
        assert!(payload.to_string().len() < MAX_EVENT);
        let summary = payload["summary"].as_str().expect("text");
        assert!(!summary.is_empty() && summary.chars().count() <= MAX_SUMMARY);
        let all = payload.to_string();
        assert!(
            !all.contains("://") && !all.contains(['@', '\u{202e}', '\u{200b}']),
            "{all}"
        );
        assert!(!all.contains("\\n") && !all.contains("www.evil"), "{all}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_event_is_told() {
    let error = failed(|| {
        Does::Answer(
            400,
            json!({ "status": "invalid event", "message": "Event object is invalid",
                "errors": ["'payload.severity' is invalid"] }),
        )
    })
    .await;
    assert_eq!(
        error,
        Error::Refused(
            "pagerduty: resolve: status 400; Event object is invalid; 'payload.severity' is invalid"
                .to_owned()
        )
    );
}

#[tokio::test]
async fn too_many_say_when_to_come_back() {
    for (headers, seconds) in [(&["retry-after: 7"][..], 7), (&[], USUAL_WAIT.as_secs())] {
        let error = failed(move || Does::AnswerWith(429, headers, Value::Null)).await;
        match error {
            Error::Later { after, .. } => assert_eq!(after.as_secs(), seconds),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_does_not_tell_may_have_acted() {
    for which in 0..5 {
        let error = failed(move || match which {
            0 => Does::Answer(500, json!({})),
            1 => Does::Half,
            2 => Does::HangUp,
            3 => Does::Nothing,
            _ => Does::Answer(200, json!({})),
        })
        .await;
        assert!(matches!(error, Error::CannotTell(_)), "{which}: {error:?}");
    }
    let nobody = Events::new("http://127.0.0.1:9", Secret::new(KEY)).expect("right");
    let error = nobody.resolve(&incident()).await;
    assert!(matches!(error, Err(Error::NotDone(_))), "{error:?}");
    assert!(!format!("{nobody:?}").contains(KEY));
}

#[tokio::test]
async fn after_a_lost_answer_the_same_event_is_the_same_alert() {
    let server = StandIn::start(|_, number| {
        if number == 0 {
            Does::HangUp
        } else {
            accepted()
        }
    })
    .await;
    let events = client(&server);
    assert!(events.trigger(&alert()).await.is_err());
    events.trigger(&alert()).await.expect("is taken");
    let asked = server.asked();
    assert_eq!(asked[0].body, asked[1].body);
}

#[tokio::test]
async fn a_link_of_another_kind_is_not_sent() {
    let server = StandIn::start(|_, _| accepted()).await;
    let alert = Alert {
        url: Some("javascript:alert(1)".to_owned()),
        ..alert()
    };
    let error = client(&server).trigger(&alert).await;
    assert!(matches!(error, Err(Error::Configuration(_))));
    assert!(server.asked().is_empty());
    assert!(Events::new(&server.url(), Secret::new("")).is_err());
}
