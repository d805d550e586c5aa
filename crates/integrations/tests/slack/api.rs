//! The Web API's client against the stand-in: once, in place, in time, and what errors mean.

use std::time::{Duration, Instant};

use integrations::slack::client::{MAX_PAGES, PAGE, TRIGGER_LIVES};
use integrations::slack::{Client, Delivery, Form, IncomingWebhook, Message};
use integrations::{Error, Outbound, Secret};
use serde_json::{Value, json};

use crate::fixtures::{self, CHANNEL, Texts};
use crate::stand_in::{APP_TOKEN, BOT_TOKEN, Instead, StandIn};

const SINCE_S: i64 = 1_764_000_000;

pub fn alert() -> Message {
    fixtures::composer(Form::Buttons).alert(&fixtures::incident(Texts(None)))
}

pub fn delivery<'a>(key: &'a str, thread: Option<&'a str>, message: &'a Message) -> Delivery<'a> {
    Delivery {
        channel: CHANNEL,
        thread,
        key,
        since_s: SINCE_S,
        message,
    }
}

#[tokio::test]
async fn a_notice_is_posted_once_even_when_the_process_dies_behind_it() {
    let slack = StandIn::start().await;
    let alert = alert();
    let first = slack
        .client()
        .post_once(&delivery("INC:1", None, &alert))
        .await;
    let first = first.expect("is posted");
    assert!(!first.was_there);
    // Another process, which knows nothing of the first.
    let second = slack
        .client()
        .post_once(&delivery("INC:1", None, &alert))
        .await;
    let second = second.expect("is found");
    assert!(second.was_there);
    assert_eq!((&first.ts, &first.channel), (&second.ts, &second.channel));
    let thread = Some(first.ts.as_str());
    let client = slack.client();
    for key in ["INC:2", "INC:3", "INC:2"] {
        client
            .post_once(&delivery(key, thread, &alert))
            .await
            .expect("is there");
    }
    assert_eq!(
        slack.messages().len(),
        3,
        "INC:1, and INC:2 and INC:3 in its thread"
    );
    assert_eq!(slack.messages()[2]["thread_ts"], first.ts);
}

#[tokio::test]
async fn a_lost_answer_is_found_again() {
    let slack = StandIn::start().await;
    let alert = alert();
    let client = slack.client();
    for (key, lost) in [
        ("INC:1", Instead::ActsAndBreaksOff),
        ("INC:2", Instead::ActsAndSays(500)),
        ("INC:3", Instead::ActsAndSays(200)),
    ] {
        slack.instead("chat.postMessage", lost);
        let posted = client.post_once(&delivery(key, None, &alert)).await;
        assert!(posted.expect("is found").was_there, "{key}");
    }
    assert_eq!(slack.messages().len(), 3);

    // To look is to change nothing: what can't be told of it is a thing that wasn't done.
    let says = Instead::Says(500, Vec::new(), "oops".to_owned());
    slack.instead("conversations.history", says);
    let unseen = client.post_once(&delivery("INC:4", None, &alert)).await;
    assert!(matches!(unseen, Err(Error::NotDone(_))), "{unseen:?}");

    // Lost before Slack acted: nobody can tell, and the next call posts.
    let says = Instead::Says(500, Vec::new(), "oops".to_owned());
    slack.instead("chat.postMessage", says);
    let lost = client.post_once(&delivery("INC:4", None, &alert)).await;
    assert_eq!(
        lost,
        Err(Error::CannotTell(
            "slack chat.postMessage: status 500 Internal Server Error".to_owned()
        ))
    );
    assert!(
        !client
            .post_once(&delivery("INC:4", None, &alert))
            .await
            .expect("is posted")
            .was_there
    );
    assert_eq!(slack.messages().len(), 4);
}

#[tokio::test]
async fn another_apps_metadata_silences_nobody_and_pages_are_bounded() {
    let slack = StandIn::start().await;
    let alert = alert();
    let forged = json!({ "bot_id": "B0EVIL", "user": "U0EVIL", "metadata":
        { "event_type": "datapulse_notice", "event_payload": { "key": "INC:1" } } });
    slack.somebody_posts(forged);
    let client = slack.client();
    let posted = client.post_once(&delivery("INC:1", None, &alert)).await;
    assert!(!posted.expect("is posted").was_there);
    for _ in 0..PAGE * 2 {
        slack.somebody_posts(json!({ "user": "U0ANNA0000", "text": "chatter" }));
    }
    let found = client.post_once(&delivery("INC:1", None, &alert)).await;
    assert!(found.expect("is found").was_there, "on the third page");
    for _ in 0..PAGE * MAX_PAGES {
        slack.somebody_posts(json!({ "user": "U0ANNA0000", "text": "chatter" }));
    }
    let before = slack.methods().len();
    let twice = client.post_once(&delivery("INC:1", None, &alert)).await;
    assert!(
        !twice.expect("is posted").was_there,
        "told twice rather than not at all"
    );
    assert_eq!(slack.methods().len() - before, MAX_PAGES + 1);
}

#[tokio::test]
async fn without_the_history_scope_nothing_is_looked_for() {
    let slack = StandIn::start().await;
    let alert = alert();
    let client = slack.client().without_looking_back();
    client
        .post_once(&delivery("INC:1", None, &alert))
        .await
        .expect("is posted");
    assert_eq!(slack.methods(), ["chat.postMessage"]);

    let body = json!({ "ok": false, "error": "missing_scope", "needed": "channels:history", "provided": "chat:write" });
    slack.instead(
        "conversations.history",
        Instead::Says(200, Vec::new(), body.to_string()),
    );
    let refused = slack
        .client()
        .post_once(&delivery("INC:2", None, &alert))
        .await;
    assert_eq!(
        refused,
        Err(Error::Refused("slack conversations.history: missing_scope channels:history: give the app the scope and install it again".to_owned()))
    );
    assert_eq!(slack.messages().len(), 1, "nothing was posted unseen");
}

#[tokio::test]
async fn the_alert_is_updated_in_place() {
    let slack = StandIn::start().await;
    let client = slack.client();
    let alert = alert();
    let posted = client
        .post_once(&delivery("INC:1", None, &alert))
        .await
        .expect("is posted");
    let over = fixtures::composer(Form::Buttons).alert(&fixtures::resolved(Texts(None)));
    for _ in 0..2 {
        client
            .update(&posted.channel, &posted.ts, &over)
            .await
            .expect("is updated");
    }
    let messages = slack.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["blocks"], Value::Array(over.blocks.clone()));
    assert_eq!(
        messages[0]["metadata"]["event_payload"]["key"], "INC:1",
        "keeps its key"
    );
    let gone = client.update(CHANNEL, "1.000000", &over).await;
    assert_eq!(
        gone,
        Err(Error::Refused(
            "slack chat.update: message_not_found: somebody deleted the message".to_owned()
        ))
    );
}

#[tokio::test]
async fn what_is_sent_switches_off_what_slack_does_to_texts() {
    let slack = StandIn::start().await;
    let client = slack.client();
    let alert = alert();
    let posted = client
        .post_once(&delivery("INC:1", None, &alert))
        .await
        .expect("is posted");
    client
        .update(&posted.channel, &posted.ts, &alert)
        .await
        .expect("is updated");
    let asked = slack.asked();
    let sent: Vec<_> = asked
        .iter()
        .filter(|one| one.method.starts_with("chat."))
        .collect();
    assert_eq!(sent.len(), 2);
    for one in sent {
        assert_eq!(one.body["parse"], "none");
        let names = one.body.get("link_names").and_then(Value::as_bool);
        assert!(!names.unwrap_or_default(), "off, as it is unless said");
        assert!(one.body.get("token").is_none());
        assert_eq!(one.headers["authorization"], format!("Bearer {BOT_TOKEN}"));
        assert_eq!(
            one.headers["content-type"],
            "application/json; charset=utf-8"
        );
    }
    assert_eq!(asked[2].body["unfurl_links"], false);
    assert_eq!(asked[2].body["unfurl_media"], false);
    assert!(!format!("{client:?}").contains(BOT_TOKEN));
}

#[tokio::test]
async fn errors_say_whether_slack_acted_and_when_to_come_back() {
    let slack = StandIn::start().await;
    let client = slack.client().without_looking_back();
    let alert = alert();
    let post = async || {
        client
            .post_once(&delivery("INC:1", None, &alert))
            .await
            .expect_err("fails")
    };

    let wait = vec![("retry-after", "30".to_owned())];
    let limited = r#"{"ok":false,"error":"ratelimited"}"#.to_owned();
    slack.instead(
        "chat.postMessage",
        Instead::Says(429, wait, limited.clone()),
    );
    let Error::Later { says, after } = post().await else {
        panic!("expected later")
    };
    assert_eq!(after, Duration::from_secs(30));
    assert!(says.ends_with("it asks to come back in 30 s"), "{says}");
    for (status, body) in [(429, "{}".to_owned()), (503, String::new()), (200, limited)] {
        slack.instead("chat.postMessage", Instead::Says(status, Vec::new(), body));
        assert!(
            matches!(post().await, Error::Later { after, .. } if after.as_secs() == 30),
            "{status}"
        );
    }
    for (error, kind) in [
        ("fatal_error", "cannot tell"),
        ("internal_error", "cannot tell"),
        ("service_unavailable", "not done"),
        ("request_timeout", "not done"),
        ("invalid_auth", "refused"),
        ("channel_not_found", "refused"),
        ("invalid_blocks", "refused"),
        ("<!channel>\nnew", "refused"),
    ] {
        slack.fails("chat.postMessage", error);
        let got = post().await;
        let name = match &got {
            Error::CannotTell(_) => "cannot tell",
            Error::NotDone(_) => "not done",
            Error::Refused(_) => "refused",
            other => panic!("{error}: {other:?}"),
        };
        assert_eq!(name, kind, "{error}");
        assert!(!got.to_string().contains('\n'));
    }
    for (status, body) in [
        (200, "<html>"),
        (200, "{}"),
        (200, r#"{"ok":true}"#),
        (502, ""),
    ] {
        slack.instead(
            "chat.postMessage",
            Instead::Says(status, Vec::new(), body.to_owned()),
        );
        assert!(
            matches!(post().await, Error::CannotTell(_)),
            "{status} {body}"
        );
    }
    slack.instead(
        "chat.postMessage",
        Instead::Says(404, Vec::new(), String::new()),
    );
    assert!(matches!(post().await, Error::Refused(_)));
    assert!(slack.messages().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_too_large_or_too_slow_is_none() {
    let slack = StandIn::start().await;
    let client = slack.client();
    let large = format!(r#"{{"ok":true,"x":"{}"}}"#, "x".repeat(2 << 20));
    slack.instead("users.info", Instead::Says(200, Vec::new(), large));
    assert!(matches!(
        client.user("U0ANNA0000").await,
        Err(Error::CannotTell(_))
    ));
    slack.instead("users.info", Instead::Slow(Duration::from_secs(30)));
    let began = Instant::now();
    assert!(matches!(
        client.user("U0ANNA0000").await,
        Err(Error::CannotTell(_))
    ));
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "a click waits behind it"
    );
    assert_eq!(
        client.user("U0ANNA0000").await.expect("a profile").id,
        "U0ANNA0000"
    );
}

#[tokio::test]
async fn a_modal_is_opened_within_the_triggers_life_or_not_at_all() {
    let slack = StandIn::start().await;
    let client = slack.client();
    let view = json!({ "type": "modal" });
    client
        .open_view("1.2.ab", &view, Instant::now())
        .await
        .expect("is opened");
    let asked = slack.asked();
    assert_eq!(
        asked[0].body,
        json!({ "trigger_id": "1.2.ab", "view": view })
    );

    let Some(long_ago) = Instant::now().checked_sub(TRIGGER_LIVES) else {
        return;
    };
    let late = client.open_view("1.2.ab", &view, long_ago).await;
    assert!(matches!(late, Err(Error::Refused(says)) if says.ends_with("nothing was sent")));
    assert_eq!(slack.asked().len(), 1);

    slack.instead("views.open", Instead::Slow(Duration::from_secs(30)));
    let clicked = Instant::now() - Duration::from_secs(1);
    let began = Instant::now();
    assert!(client.open_view("1.2.ab", &view, clicked).await.is_err());
    assert!(
        began.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        began.elapsed()
    );
    slack.fails("views.open", "expired_trigger_id");
    let expired = client.open_view("1.2.ab", &view, Instant::now()).await;
    assert!(matches!(expired, Err(Error::Refused(says)) if says.contains("more than 3 s")));
}

#[tokio::test]
async fn the_token_says_who_we_are_and_the_app_token_opens_a_socket() {
    let slack = StandIn::start().await;
    let client = slack.client();
    let me = client.auth_test().await.expect("an identity");
    assert_eq!(
        (me.team_id.as_str(), me.is_enterprise_install),
        ("T0G9PQBBK", false)
    );
    let _sockets = slack.sockets().await;
    let url = client
        .open_connection(&Secret::new(APP_TOKEN))
        .await
        .expect("an address");
    assert!(url.reveal().starts_with("ws://127.0.0.1"));
    assert_eq!(format!("{url:?}"), "***", "it holds a ticket");
    let asked = slack.asked();
    assert_eq!(
        asked[1].headers["authorization"],
        format!("Bearer {APP_TOKEN}")
    );
}

#[test]
fn only_https_or_this_machine() {
    let at = |base: &str| Client::at(base, Secret::new("x"), &Outbound::default());
    assert!(at("https://slack.com/api").is_ok());
    assert!(at("https://slack-gov.com/api").is_ok());
    assert!(at("http://127.0.0.1:1/api").is_ok());
    assert!(at("http://slack.com/api").is_err());
    assert!(at("https://169.254.169.254/api").is_err());
    assert!(Client::new(Secret::new(""), &Outbound::default()).is_err());
    let webhook = |url: &str| IncomingWebhook::new(Secret::new(url), &Outbound::default());
    assert!(webhook("https://hooks.slack.com/services/T/B/x").is_ok());
    assert!(webhook("http://hooks.slack.com/services/T/B/x").is_err());
}

#[tokio::test]
async fn an_incoming_webhook_posts_links_and_tells_what_went_wrong() {
    let slack = StandIn::start().await;
    let path = "/services/T0/B0/secret";
    let url = Secret::new(slack.url(path));
    let webhook = IncomingWebhook::new(url, &Outbound::default()).expect("a webhook");
    assert!(!format!("{webhook:?}").contains("services/T0"));
    let alert = fixtures::composer(Form::LinkOnly).alert(&fixtures::incident(Texts(None)));
    slack.instead(path, Instead::Says(200, Vec::new(), "ok".to_owned()));
    webhook.post(&alert).await.expect("is posted");
    let sent = &slack.asked()[0];
    assert_eq!(sent.body["unfurl_links"], false);
    assert!(sent.headers.get("authorization").is_none());
    // The words are those of Slack's page on incoming webhooks.
    for (status, word, kind) in [
        (400, "invalid_payload", "refused"),
        (403, "action_prohibited", "refused"),
        (404, "channel_not_found", "refused"),
        (410, "channel_is_archived", "refused"),
        (429, "rate_limited", "later"),
        (500, "rollup_error", "cannot tell"),
    ] {
        slack.instead(path, Instead::Says(status, Vec::new(), word.to_owned()));
        let error = webhook.post(&alert).await.expect_err("fails");
        let name = match &error {
            Error::CannotTell(_) => "cannot tell",
            Error::Later { .. } => "later",
            Error::Refused(_) => "refused",
            other => panic!("{word}: {other:?}"),
        };
        assert_eq!(name, kind, "{word}");
        assert!(error.to_string().contains(word) && !error.to_string().contains("secret"));
    }
}
