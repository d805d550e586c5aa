//! Templates that are filled, refused and attacked, and what receivers answer.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::template::{FIELDS, MAX_PLACES, MAX_TEMPLATE, Template, fields};
use super::*;
use crate::signature::verify;
use crate::stand_in::{Does, StandIn};
use crate::story::{self, OPENED, RESOLVED};

const BODY: &str = r#"{
    "summary": "{{severity}}: {{title}}",
    "observed": "{{observed}}",
    "owner": "{{owner}}",
    "link": "{{link}}",
    "tags": ["datapulse", "{{service}}", 7, true, null],
    "deep": { "text": "{{ text | markdown }}" }
}"#;

fn settings(url: &str) -> TemplatedSettings {
    TemplatedSettings {
        name: "desk".to_owned(),
        url: Secret::new(url),
        method: Method::Post,
        headers: BTreeMap::new(),
        body: BODY.to_owned(),
        proof: Proof::None,
        accepted: Vec::new(),
    }
}

fn made(settings: TemplatedSettings) -> Result<TemplatedWebhook, Error> {
    let outbound = Outbound::default().listed_url(settings.url.reveal())?;
    let ui = Ui::parse("https://datapulse.example").expect("an address");
    TemplatedWebhook::through(settings, Some(ui), outbound)
}

async fn tell(webhook: &TemplatedWebhook, seq: usize) -> Result<Delivered, Error> {
    let records = story::records(seq);
    let record = &records[seq - 1];
    webhook
        .deliver(&Telling {
            notice: &story::notice(record),
            incident: &story::incident(seq),
            record,
            places: &[],
        })
        .await
}

fn filled(template: &str, fields: Value) -> Value {
    let Value::Object(fields) = fields else {
        panic!("fields are an object")
    };
    let template = Template::parse(template).expect("a template");
    serde_json::from_slice(&template.fill(&fields)).expect("JSON")
}

fn story_fields() -> Map<String, Value> {
    let records = story::records(OPENED);
    let telling = Telling {
        notice: &story::notice(&records[0]),
        incident: &story::incident(OPENED),
        record: &records[0],
        places: &[],
    };
    fields(&telling, Some("https://datapulse.example/incidents/INC-1"))
}

#[tokio::test]
async fn the_body_is_the_operators_and_the_key_is_known() {
    let server = StandIn::start(|_, _| Does::Answer(200, Value::Null)).await;
    let webhook = made(settings(&server.url())).expect("right");
    assert_eq!(tell(&webhook, OPENED).await, Ok(Delivered::default()));
    let asked = server.asked();
    let id = story::incident(1).id;
    assert_eq!(
        asked[0].body,
        json!({
            "summary": "critical: payment: a fifth of the requests fails",
            "observed": 0.2,
            "owner": null,
            "link": format!("https://datapulse.example/incidents/{id}"),
            "tags": ["datapulse", "payment", 7, true, null],
            "deep": { "text": format!("\\[CRITICAL\\] {id}: record 1") },
        })
    );
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
    let key = format!("{id}:1");
    assert_eq!(asked[0].header(KEY_HEADER), Some(key.as_str()));
    assert_eq!(asked[0].header(SIGNATURE_HEADER), None);
    assert_eq!(asked[0].header("authorization"), None);
}

#[tokio::test]
async fn it_is_signed_or_bears_a_token_or_has_a_secret_header() {
    let server = StandIn::start(|_, _| Does::Answer(200, Value::Null)).await;
    let secret = || Secret::new("between us");
    let mut signed = settings(&server.url());
    signed.proof = Proof::Signature(secret());
    // The stand-in keeps JSON, not bytes; these are the same bytes written again.
    signed.body = r#"{"a":"{{service}}"}"#.to_owned();
    tell(&made(signed).expect("right"), OPENED)
        .await
        .expect("taken");
    let asked = &server.asked()[0];
    let seconds = asked.header(TIMESTAMP_HEADER).expect("a time");
    let seconds = seconds.parse().expect("seconds");
    let signature = asked.header(SIGNATURE_HEADER).expect("a signature");
    let body = asked.body.to_string();
    assert!(verify(
        &secret(),
        seconds,
        body.as_bytes(),
        signature,
        seconds
    ));
    assert!(!verify(&secret(), seconds, b"{}", signature, seconds));

    let mut bearing = settings(&server.url());
    bearing.proof = Proof::Bearer(secret());
    bearing.method = Method::Put;
    bearing.headers = [
        ("X-Api-Key".to_owned(), secret()),
        (
            "Content-Type".to_owned(),
            Secret::new("application/vnd.desk+json"),
        ),
    ]
    .into();
    let webhook = made(bearing).expect("right");
    assert!(!format!("{webhook:?}").contains("between us"));
    tell(&webhook, OPENED).await.expect("taken");
    let asked = &server.asked()[1];
    assert_eq!(asked.method, "PUT");
    assert_eq!(asked.header("authorization"), Some("Bearer between us"));
    assert_eq!(asked.header("x-api-key"), Some("between us"));
    assert_eq!(
        asked.header("content-type"),
        Some("application/vnd.desk+json")
    );
}

#[tokio::test]
async fn answers_say_whether_it_is_there() {
    for (status, accepted, expected) in [
        (204, vec![], "taken"),
        (409, vec![], "taken"),
        (201, vec![201], "taken"),
        (200, vec![201], "can't tell"),
        (409, vec![201], "refused"),
        (302, vec![], "can't tell"),
        (400, vec![], "refused"),
        (429, vec![], "later"),
        (503, vec![], "later"),
        (500, vec![], "can't tell"),
    ] {
        let server = StandIn::start(move |_, _| Does::Answer(status, Value::Null)).await;
        let mut settings = settings(&server.url());
        settings.accepted = accepted.clone();
        let got = match tell(&made(settings).expect("right"), RESOLVED).await {
            Ok(_) => "taken",
            Err(Error::Refused(_)) => "refused",
            Err(Error::Later { .. }) => "later",
            Err(Error::CannotTell(_)) => "can't tell",
            Err(_) => "other",
        };
        assert_eq!(got, expected, "{status} of {accepted:?}");
    }
    let server = StandIn::start(|_, _| Does::Half).await;
    let lost = tell(&made(settings(&server.url())).expect("right"), OPENED).await;
    assert!(matches!(lost, Err(Error::CannotTell(_))), "{lost:?}");
}

#[test]
fn what_is_wrong_is_said_at_start() {
    let wrong = |body: &str| Template::parse(body).expect_err("is refused");
    assert!(
        wrong("{").starts_with("expected JSON whose strings have places such as \"{{title}}\"")
    );
    assert!(wrong(r#"{"a": {{title}}}"#).starts_with("expected JSON"));
    assert_eq!(
        wrong(r#"{"a": ["x", {"b": "{{titel}}"}]}"#),
        "a[1].b: there is no field \"titel\": expected one of ".to_owned()
            + &FIELDS.map(|(name, _)| name).join(", ")
    );
    assert_eq!(
        wrong(r#"{"a": "{{title|bold}}"}"#),
        "a: there is no markup \"bold\": expected one of adaptive_card, html, jira_wiki, markdown, mrkdwn"
    );
    assert_eq!(
        wrong(r#"{"a": "x {{title"}"#),
        "a: \"{{title\" has no }} behind it"
    );
    assert_eq!(
        wrong(r#"{"{{title}}": 1}"#),
        "{{title}}: a field's name has no places, its value may"
    );
    let many = json!(vec!["{{title}}"; MAX_PLACES + 1]).to_string();
    assert_eq!(wrong(&many), "expected 100 places at most, got 101");
    let long = format!("{:?}", "x".repeat(MAX_TEMPLATE));
    assert!(wrong(&long).starts_with("expected 65536 bytes at most"));
    // As deep as JSON is read, which is not for ever.
    assert!(wrong(&"[".repeat(100_000)).starts_with("expected"));

    let fails = |change: fn(&mut TemplatedSettings)| {
        let mut settings = settings("https://desk.example/in");
        change(&mut settings);
        made(settings).expect_err("is refused").to_string()
    };
    for (change, says) in [
        (
            (|s| s.proof = Proof::Bearer(Secret::new(""))) as fn(&mut TemplatedSettings),
            "webhook_template desk: the secret is empty",
        ),
        (
            |s| s.accepted = vec![500],
            "webhook_template desk: accepted: expected statuses from 200 to 499, got 500",
        ),
        (
            |s| s.headers = [("Host".to_owned(), Secret::new("x"))].into(),
            "webhook_template desk: headers: host is written by DataPulse: leave it out",
        ),
        (
            |s| s.headers = [("a b".to_owned(), Secret::new("x"))].into(),
            "webhook_template desk: headers: \"a b\" is no name of a header",
        ),
        (
            |s| {
                s.headers = [
                    ("a".to_owned(), Secret::new("x")),
                    ("A".to_owned(), Secret::new("y")),
                ]
                .into()
            },
            "webhook_template desk: headers: a is there twice",
        ),
        (
            |s| s.headers = [("a".to_owned(), Secret::new("x\r\nb: y"))].into(),
            "webhook_template desk: headers: the value of a can't be sent",
        ),
        (
            |s| s.body = "{{title}}".to_owned(),
            "webhook_template desk: body: expected JSON",
        ),
    ] {
        let got = fails(change);
        assert!(got.starts_with(says), "{got}");
    }
}

#[test]
fn every_field_there_is_can_be_had() {
    let fields = story_fields();
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    assert_eq!(names, FIELDS.map(|(name, _)| name));
    assert_eq!(fields["topic"], "outcome");
    assert_eq!(fields["measured"], "error rate 0.2 share");
    assert_eq!(fields["threshold"], 0.05);
    assert_eq!(fields["cause"], Value::Null);
}

#[test]
fn text_is_rendered_for_its_place_and_what_is_ours_is_not() {
    let hostile = "<b>*x*</b> @ada https://evil.example";
    let fields = json!({ "title": hostile, "link": "https://datapulse.example/incidents/INC-1" });
    let shown = |place: &str| filled(&format!("\"{place}\""), fields.clone());
    assert_eq!(
        shown("{{title}}"),
        "<b>*x*</b> ＠ada https[:]//evil.example"
    );
    assert_eq!(
        shown("{{title|html}}"),
        "&lt;b&gt;*x*&lt;/b&gt; @ada https://evil.example"
    );
    assert_eq!(
        shown("{{title|mrkdwn}}"),
        "&lt;b&gt;＊x＊&lt;/b&gt; ＠ada https[:]//evil.example"
    );
    assert_eq!(
        shown("see {{ link }}"),
        "see https://datapulse.example/incidents/INC-1"
    );
    assert_eq!(shown("{{owner}}"), Value::Null);
    assert_eq!(shown("by {{owner}}"), "by ");
}

/// The same JSON without the content of its strings.
fn shape(value: &Value) -> Value {
    match value {
        Value::String(_) => "".into(),
        Value::Array(values) => values.iter().map(shape).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_others_write_is_the_content_of_a_string(
        text in "(\"|\\\\|\\{\\{link\\}\\}|\\}\\}|\\{\\{|\n|\\}, *\"a\": *1|\u{0}|\\PC){0,40}"
    ) {
        let template = r#"{"a": "x {{title}} y", "b": ["{{title|markdown}}", "{{service}}"], "c": 1}"#;
        let fill = |text: &str| filled(template, json!({ "title": text, "service": text }));
        prop_assert_eq!(shape(&fill(&text)), shape(&fill("plain")));
        // Nor is it a template itself.
        let shown = fill("{{link}}{{key}}");
        prop_assert_eq!(&shown["a"], "x {{link}}{{key}} y");
    }
}
