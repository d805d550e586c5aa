//! Cards that fit and in which nothing acts, and what a workflow's answers mean.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::card::{self, MAX_MESSAGE, theirs};
use super::*;
use crate::bulletin::{MAX_LINES, Section};
use crate::stand_in::{Does, StandIn};
use crate::story::{self, OPENED, RESOLVED};

const LINK: &str = "https://datapulse.example/incidents/INC-1";

fn bulletin(text: &str) -> Bulletin {
    let section = |heading| Section {
        heading,
        lines: vec![text.to_owned(); MAX_LINES],
        hidden: 2,
    };
    Bulletin {
        severity: model::Severity::Critical,
        title: text.to_owned(),
        says: text.to_owned(),
        facts: vec![("Service", text.to_owned()); 10],
        sections: vec![
            section("Hypotheses"),
            section("Evidence"),
            section("Please look at"),
        ],
    }
}

fn read(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

fn channel(server: &StandIn) -> TeamsChannel {
    let ui = Ui::parse("https://datapulse.example").expect("an address");
    let url = Secret::new(format!("{}/workflows/1?sig=between-us", server.url()));
    TeamsChannel::new("teams-ops", url, ui, &Outbound::default()).expect("right")
}

async fn tell(channel: &TeamsChannel, seq: usize) -> Result<Delivered, Error> {
    let records = story::records(seq);
    let record = &records[seq - 1];
    channel
        .deliver(&Telling {
            notice: &story::notice(record),
            incident: &story::incident(seq),
            record,
            places: &[],
        })
        .await
}

/// Texts of a card, ours and others'.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text)
                        if ["text", "value", "fallbackText"].contains(&name.as_str()) =>
                    {
                        found.push(text.clone());
                    }
                    other => texts(other, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn a_notice_is_one_message_with_one_card_and_one_link() {
    let server = StandIn::start(|_, _| Does::Answer(202, Value::Null)).await;
    let told = tell(&channel(&server), OPENED).await;
    assert_eq!(told, Ok(Delivered::default()));
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
    assert_eq!(asked[0].body["type"], "message");
    let attachments = asked[0].body["attachments"].as_array().expect("an array");
    assert_eq!(attachments.len(), 1);
    assert_eq!(
        attachments[0]["contentType"],
        "application/vnd.microsoft.card.adaptive"
    );
    let card = &attachments[0]["content"];
    assert_eq!(card["msteams"], json!({ "width": "Full" }), "no mentions");
    let id = story::incident(1).id;
    assert_eq!(
        card["actions"],
        json!([{
            "type": "Action.OpenUrl",
            "title": "Open in DataPulse",
            "url": format!("https://datapulse.example/incidents/{id}"),
        }])
    );
    let mut shown = Vec::new();
    texts(card, &mut shown);
    for expected in [
        "[CRITICAL] payment: a fifth of the requests fails",
        "payment",
        "critical",
        "error-rate",
        "error rate 0.2 share",
        "a fifth of the requests failed",
    ] {
        assert!(
            shown.iter().any(|text| text == expected),
            "{expected}: {shown:?}"
        );
    }
}

#[tokio::test]
async fn answers_say_what_may_be_done() {
    for (status, headers, expected) in [
        (429, &["retry-after: 7"][..], "later 7"),
        (429, &[][..], "later 60"),
        (503, &["retry-after: 30"][..], "later 30"),
        (400, &[][..], "refused"),
        (404, &[][..], "refused"),
        (413, &[][..], "refused"),
        (502, &[][..], "can't tell"),
    ] {
        let answer = json!({ "error": { "code": "WorkflowTriggerIsNotEnabled" } });
        let server =
            StandIn::start(move |_, _| Does::AnswerWith(status, headers, answer.clone())).await;
        let error = tell(&channel(&server), RESOLVED).await.expect_err("fails");
        let got = match &error {
            Error::Later { after, .. } => format!("later {}", after.as_secs()),
            Error::Refused(_) => "refused".to_owned(),
            Error::CannotTell(_) => "can't tell".to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(got, expected, "{status}");
        let says = error.to_string();
        assert!(says.contains("WorkflowTriggerIsNotEnabled"), "{says}");
        assert!(!says.contains("between-us"), "{says}");
    }
}

#[tokio::test]
async fn a_lost_answer_may_have_been_posted_and_no_connection_was_not() {
    for does in [Does::Half, Does::HangUp] {
        let half = matches!(does, Does::Half);
        let server = StandIn::start(move |_, _| match half {
            true => Does::Half,
            false => Does::HangUp,
        })
        .await;
        let error = tell(&channel(&server), OPENED).await.expect_err("fails");
        assert!(matches!(error, Error::CannotTell(_)), "{error:?}");
        assert!(!error.to_string().contains("between-us"));
    }
    let ui = Ui::parse("https://datapulse.example").expect("an address");
    let url = Secret::new("http://127.0.0.1:1/x?sig=between-us");
    let nobody = TeamsChannel::new("teams", url, ui, &Outbound::default()).expect("right");
    let error = tell(&nobody, OPENED).await.expect_err("fails");
    assert!(matches!(error, Error::NotDone(_)), "{error:?}");
}

#[tokio::test]
async fn silence_ends() {
    let server = StandIn::start(|_, _| Does::Nothing).await;
    let mut channel = channel(&server);
    channel.within = Duration::from_millis(300);
    let error = tell(&channel, OPENED).await.expect_err("fails");
    assert!(matches!(error, Error::CannotTell(_)), "{error:?}");
}

#[test]
fn the_url_is_https_and_stays_secret() {
    let ui = || Ui::parse("https://datapulse.example").expect("an address");
    for url in ["http://flows.example/x?sig=between-us", "between-us"] {
        let made = TeamsChannel::new("teams", Secret::new(url), ui(), &Outbound::default());
        let error = made.expect_err("refused").to_string();
        assert!(error.starts_with("teams teams: the URL: "), "{error}");
        assert!(!error.contains("between-us"), "{error}");
    }
}

#[test]
fn too_much_is_cut_line_by_line_with_a_word_on_it() {
    for text in ["本".repeat(2_000), "\\\"".repeat(2_000), "x".repeat(2_000)] {
        let body = card::message(bulletin(&text), LINK);
        assert!(body.len() <= MAX_MESSAGE, "{}", body.len());
        let mut shown = Vec::new();
        texts(&read(&body), &mut shown);
        assert!(shown.iter().any(|text| text.ends_with("more in DataPulse")));
    }
    // What fits is whole.
    let body = card::message(bulletin("fits"), LINK);
    let mut shown = Vec::new();
    texts(&read(&body), &mut shown);
    let lines = shown.iter().filter(|text| *text == "fits").count();
    assert_eq!(lines, 3 * MAX_LINES + 10 + 1);
}

#[test]
fn texts_of_others_are_never_empty_and_have_an_end() {
    assert_eq!(theirs(" \u{200b}\n", 10), "—");
    assert_eq!(theirs("**a** [b](c)", 80), "＊＊a＊＊ ［b］(c)");
    assert_eq!(theirs("aaaa", 3), "aa…");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_in_a_card_acts(text in "[ -~]{0,80}|\\PC{0,80}|(\\{\\{DATE\\(|<at>|\\]\\(https://|@|\\$\\{|\n- |\\*\\*){0,12}") {
        let mut shown = Vec::new();
        texts(&read(&card::message(bulletin(&text), LINK)), &mut shown);
        for text in shown {
            let acts = ["{{", "${", "](", "://", "<", ">", "@", "*", "`", "\\", "\n"];
            prop_assert!(!acts.iter().any(|mark| text.contains(mark)), "{}", text);
            prop_assert!(!text.starts_with(['-', '+', '#', '=']), "{}", text);
        }
    }
}
