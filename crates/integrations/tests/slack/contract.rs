//! What is sent, held against Slack's OpenAPI file (version 1.7.0 of its Web API), where that is at
//! hand: it is large, and not part of the repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use integrations::Error;
use integrations::slack::Form;
use serde_json::{Value, json};

use crate::api::{alert, delivery};
use crate::fixtures::{self, Texts};
use crate::kit;
use crate::stand_in::{Asked, Instead, StandIn};

const FILE: &str = "shared/contracts/slack-web-v2.openapi.json";
/// What Slack documents since, and the file doesn't know: metadata of messages (2022), and
/// `unfurl_*` and friends are known to it.
const NEWER: &[(&str, &str)] = &[
    ("chat.postMessage", "metadata"),
    ("conversations.history", "include_all_metadata"),
    ("conversations.replies", "include_all_metadata"),
];
/// Declared as a text with JSON in it, for forms; as JSON it is itself.
const JSON_FIELDS: &[&str] = &["blocks", "view"];

fn contract() -> Option<Value> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places: Vec<PathBuf> = here.ancestors().map(|above| above.join(FILE)).collect();
    let Some(file) = places.iter().find(|place| place.is_file()) else {
        println!("skipped: {FILE} isn't beside the repository");
        return None;
    };
    let bytes = fs::read(file).expect("is readable");
    Some(serde_json::from_slice(&bytes).expect("is JSON"))
}

fn operation<'c>(contract: &'c Value, method: &str) -> &'c Value {
    let path = &contract["paths"][format!("/{method}")];
    path.as_object()
        .and_then(|operations| operations.values().next())
        .unwrap_or_else(|| panic!("{method} isn't in the contract"))
}

fn check_request(contract: &Value, asked: &Asked) {
    let method = asked.method.as_str();
    let operation = operation(contract, method);
    let parameters = operation["parameters"].as_array().expect("parameters");
    assert_eq!(asked.http == "GET", asked.body.is_null(), "{method}");
    let mut sent: Vec<(String, Value)> = Vec::new();
    if let Some(fields) = asked.body.as_object() {
        let takes = operation["consumes"].as_array().expect("types");
        assert!(
            takes.contains(&json!("application/json")),
            "{method} takes no JSON"
        );
        sent.extend(fields.clone());
    }
    let texts = asked.query.iter();
    sent.extend(texts.map(|(name, value)| (name.clone(), Value::from(value.as_str()))));
    for (name, value) in &sent {
        if NEWER.contains(&(method, name.as_str())) {
            continue;
        }
        let known = parameters.iter().find(|one| one["name"] == name.as_str());
        let known = known.unwrap_or_else(|| panic!("{method} has no {name}"));
        let fits = match known["type"].as_str().expect("a type") {
            _ if JSON_FIELDS.contains(&name.as_str()) => value.is_array() || value.is_object(),
            "boolean" => value.is_boolean() || value == "true",
            "string" => value.is_string(),
            "number" | "integer" => value
                .as_str()
                .is_some_and(|text| text.parse::<f64>().is_ok()),
            other => panic!("{other}"),
        };
        assert!(fits, "{method}: {name} is {value}");
    }
    let given: BTreeSet<&str> = sent.iter().map(|(name, _)| name.as_str()).collect();
    for parameter in parameters.iter().filter(|one| one["required"] == true) {
        let name = parameter["name"].as_str().expect("a name");
        // The token is in the header, as Slack advises.
        assert!(
            name == "token" || given.contains(name),
            "{method} needs {name}"
        );
    }
    let bearer = asked.headers["authorization"].to_str().expect("a text");
    assert!(bearer.starts_with("Bearer xox"), "{method}");
    if let Some(blocks) = asked.body.get("blocks") {
        // definitions.blocks: a list of objects with a type.
        let blocks = blocks.as_array().expect("a list");
        assert!(blocks.iter().all(|block| block["type"].is_string()));
    }
    for name in ["ts", "thread_ts"] {
        if let Some(ts) = asked.body.get(name).and_then(Value::as_str) {
            // definitions.defs_ts: ^\d{10}\.\d{6}$
            let (seconds, rest) = ts.split_once('.').expect("a point");
            assert_eq!((seconds.len(), rest.len()), (10, 6), "{method}: {ts}");
        }
    }
}

#[tokio::test]
async fn every_request_is_one_that_the_contract_knows() {
    let Some(contract) = contract() else { return };
    let slack = StandIn::start().await;
    let client = slack.client();
    let alert = alert();
    let posted = client
        .post_once(&delivery("INC:1", None, &alert))
        .await
        .expect("is posted");
    let thread = Some(posted.ts.as_str());
    for (count, (_, message)) in fixtures::messages(Form::Buttons, Texts(None))
        .iter()
        .enumerate()
    {
        let key = format!("INC:{}", count + 2);
        client
            .post_once(&delivery(&key, thread, message))
            .await
            .expect("is posted");
    }
    client
        .update(&posted.channel, &posted.ts, &alert)
        .await
        .expect("is updated");
    let incident = fixtures::incident(Texts(None));
    let view = fixtures::composer(Form::Buttons)
        .modal(
            &incident,
            &incident.proposals[0],
            &fixtures::asked(&incident, true),
        )
        .expect("fits");
    client
        .open_view("156772938.1827394", &view, Instant::now())
        .await
        .expect("is opened");
    client.user("U0ANNA0000").await.expect("a profile");

    let asked = slack.asked();
    let methods: BTreeSet<&str> = asked.iter().map(|one| one.method.as_str()).collect();
    assert_eq!(
        methods.into_iter().collect::<Vec<_>>(),
        [
            "auth.test",
            "chat.postMessage",
            "chat.update",
            "conversations.history",
            "conversations.replies",
            "users.info",
            "views.open"
        ]
    );
    for one in &asked {
        check_request(&contract, one);
        if let Some(view) = one.body.get("view") {
            kit::check_view(view);
        }
    }
}

/// The same of what the channel makes of an incident's notices.
#[tokio::test]
async fn every_request_of_the_channel_is_one_that_the_contract_knows() {
    let Some(contract) = contract() else { return };
    let slack = StandIn::start().await;
    crate::channel::whole_story(&slack).await;
    let asked = slack.asked();
    let methods: BTreeSet<&str> = asked.iter().map(|one| one.method.as_str()).collect();
    assert_eq!(methods.len(), 5, "{methods:?}");
    for one in &asked {
        check_request(&contract, one);
    }
}

/// Every `error` of the contract, and that none is taken for success or for a silence.
#[tokio::test]
async fn every_error_of_the_contract_means_something() {
    let Some(contract) = contract() else { return };
    let slack = StandIn::start().await;
    let client = slack.client().without_looking_back();
    let alert = alert();
    let mut seen = 0;
    for method in ["chat.postMessage", "chat.update"] {
        let answers = &operation(&contract, method)["responses"]["default"]["schema"];
        let errors = answers["properties"]["error"]["enum"]
            .as_array()
            .expect("errors");
        for error in errors.iter().filter_map(Value::as_str) {
            seen += 1;
            slack.fails(method, error);
            let got = match method {
                "chat.update" => {
                    client
                        .update("C0INCIDENTS", "1764000000.000100", &alert)
                        .await
                }
                _ => client
                    .post_once(&delivery("INC:1", None, &alert))
                    .await
                    .map(drop),
            };
            let got = got.expect_err("fails");
            let expected = match error {
                "rate_limited" => matches!(got, Error::Later { .. }),
                "request_timeout" => matches!(got, Error::NotDone(_)),
                "fatal_error" => matches!(got, Error::CannotTell(_)),
                _ => matches!(got, Error::Refused(_)),
            };
            assert!(expected, "{error}: {got:?}");
            assert!(got.to_string().contains(error));
        }
    }
    assert!(seen > 30, "{seen}");
}

/// `users.info` answers with users of these fields; those that are decided by are among them.
#[tokio::test]
async fn the_fields_that_decide_who_somebody_is_are_slacks() {
    let Some(contract) = contract() else { return };
    let users = contract["definitions"]["objs_user"]["items"]
        .as_array()
        .expect("kinds");
    let known = &users[0]["properties"];
    for name in [
        "id",
        "team_id",
        "deleted",
        "is_bot",
        "is_restricted",
        "is_ultra_restricted",
        "is_stranger",
        "is_external",
        "is_invited_user",
        "is_forgotten",
        "enterprise_user",
        "profile",
    ] {
        assert!(known.get(name).is_some(), "{name}");
    }
    let required = users[0]["required"].as_array().expect("names");
    let example = crate::stand_in::user("U0ANNA0000");
    for name in required.iter().filter_map(Value::as_str) {
        assert!(
            example.get(name).is_some(),
            "the stand-in's user has {name}"
        );
    }
    let slack = StandIn::start().await;
    let body = json!({ "ok": true, "user": example }).to_string();
    slack.instead("users.info", Instead::Says(200, Vec::new(), body));
    let read = slack.client().user("U0ANNA0000").await.expect("a profile");
    assert_eq!(read.is_ultra_restricted, Some(false));
}
