//! What Slack sends over HTTP: proven, new, read, and still true when it is acted on.

use hmac::{Hmac, Mac};
use integrations::Secret;
use integrations::slack::Incoming;
use integrations::slack::blocks::{APPROVE, Asked, DECISION, Stale, Wanted};
use integrations::slack::incoming::gate::MAX_BODY;
use integrations::slack::incoming::signature::{MAX_AGE_S, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use integrations::slack::incoming::{Command, Gate, NotTaken, Taker, Unproven, Wish};
use model::incident::{AutomationMade, ProposalStage};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::fixtures::{self, APP, CHANNEL, TEAM, Texts, USER};

pub const SECRET: &str = "signing secret";
pub const NOW_S: i64 = 1_764_000_000;

fn sign(secret: &str, time: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(format!("v0:{time}:").as_bytes());
    mac.update(body);
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

fn gate() -> Gate {
    Gate::new(APP, Some(Secret::new(SECRET)))
}

const FORM: &str = "application/x-www-form-urlencoded";

fn send(gate: &Gate, content_type: &str, body: &str, now_s: i64) -> Result<Incoming, NotTaken> {
    let time = now_s.to_string();
    let signature = sign(SECRET, &time, body.as_bytes());
    sent(gate, content_type, &time, &signature, body, now_s)
}

fn sent(
    gate: &Gate,
    content_type: &str,
    time: &str,
    signature: &str,
    body: &str,
    now_s: i64,
) -> Result<Incoming, NotTaken> {
    let header = |name: &str| match name {
        "content-type" => Some(content_type),
        TIMESTAMP_HEADER => Some(time).filter(|time| !time.is_empty()),
        SIGNATURE_HEADER => Some(signature).filter(|text| !text.is_empty()),
        _ => None,
    };
    gate.http(header, body.as_bytes(), now_s)
}

fn form(payload: &Value) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string());
    form.finish()
}

/// As in Slack's example of `block_actions`.
pub fn click(trigger: &str) -> Value {
    let incident = fixtures::incident(Texts(None));
    let wanted = Wanted::of(&incident, &incident.proposals[0]);
    json!({
        "type": "block_actions",
        "team": { "id": TEAM, "domain": "corp" },
        "user": { "id": USER, "username": "anna", "team_id": TEAM },
        "api_app_id": APP,
        "token": "9s8d9as89d8as9d8as989",
        "container": { "type": "message", "message_ts": "1764000000.000100",
            "channel_id": CHANNEL, "is_ephemeral": false },
        "trigger_id": trigger,
        "channel": { "id": CHANNEL, "name": "incidents" },
        "enterprise": null, "is_enterprise_install": false,
        "message": { "bot_id": "B0DATAPULSE", "type": "message", "text": "…" },
        "response_url": "https://hooks.slack.com/actions/T0/1/x",
        "actions": [{ "action_id": APPROVE, "block_id": "=qXel", "type": "button",
            "text": { "type": "plain_text", "text": "Approve P1…" },
            "value": wanted.to_text(), "action_ts": "1764000001.548426" }],
    })
}

/// As in Slack's example of `view_submission`.
pub fn submission(trigger: &str, asked: &Asked, reason: &str) -> Value {
    json!({
        "type": "view_submission",
        "team": { "id": TEAM, "domain": "corp" },
        "user": { "id": USER, "name": "anna", "team_id": TEAM },
        "api_app_id": APP,
        "token": "9s8d9as89d8as9d8as989",
        "trigger_id": trigger,
        "view": { "id": "VNHU13V36", "type": "modal", "callback_id": DECISION,
            "private_metadata": asked.to_text(), "hash": "156663117.cd33ad1f",
            "state": { "values": { "datapulse_reason": { "reason":
                { "type": "plain_text_input", "value": reason } } } } },
        "response_urls": [], "is_enterprise_install": false, "enterprise": null,
    })
}

#[test]
fn slacks_own_example_of_a_signature_holds() {
    // From Slack's page "Verifying requests from Slack".
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    let gate = Gate::new(APP, Some(Secret::new("8f742231b10e8888abcd99yyyzzz85a5")));
    let taken = sent(&gate, FORM, "1531420618", signature, body, 1_531_420_700);
    // It is proven; it has no app's id, which is needed since.
    let Err(NotTaken::Unreadable(unreadable)) = taken else {
        panic!("{taken:?}")
    };
    assert_eq!(unreadable.to_string(), "api_app_id: is missing");
}

#[test]
fn a_wrong_signature_an_old_time_and_a_replay_are_refused() {
    let gate = gate();
    let body = form(&click("1.1.a"));
    let time = NOW_S.to_string();
    let right = sign(SECRET, &time, body.as_bytes());
    let refuse = |time: &str, signature: &str, now_s: i64| {
        let refused = sent(&gate, FORM, time, signature, &body, now_s).expect_err("is refused");
        assert_eq!(refused.status(), 401, "{refused}");
        match refused {
            NotTaken::Unproven(unproven) => unproven,
            other => panic!("{other}"),
        }
    };
    assert_eq!(
        refuse(&time, "", NOW_S),
        Unproven::Missing(SIGNATURE_HEADER)
    );
    assert_eq!(
        refuse("", &right, NOW_S),
        Unproven::Missing(TIMESTAMP_HEADER)
    );
    let other = sign("another", &time, body.as_bytes());
    assert_eq!(refuse(&time, &other, NOW_S), Unproven::WrongSignature);
    let changed = sign(SECRET, &time, b"payload={}");
    assert_eq!(refuse(&time, &changed, NOW_S), Unproven::WrongSignature);
    let later = (NOW_S + 1).to_string();
    assert_eq!(refuse(&later, &right, NOW_S), Unproven::WrongSignature);
    assert_eq!(
        refuse(&time, &right, NOW_S + MAX_AGE_S + 1),
        Unproven::TooOld { seconds: 301 }
    );
    assert_eq!(
        refuse(&time, &right, NOW_S - MAX_AGE_S - 1),
        Unproven::TooNew { seconds: 301 }
    );
    for odd in [
        "noon",
        "-1",
        "+1764000000",
        "1764000000.0",
        "99999999999999999999",
    ] {
        assert_eq!(refuse(odd, &right, NOW_S), Unproven::NotSeconds, "{odd}");
    }
    for odd in ["v0=", "v0=zz", &right[3..], &format!("{right}00"), "v1=00"] {
        assert_eq!(refuse(&time, odd, NOW_S), Unproven::NotHexadecimal, "{odd}");
    }
    assert!(
        sent(&gate, FORM, &time, &right, &body, NOW_S).is_ok(),
        "refusals used nothing up"
    );
    for (signature, at) in [
        (right.clone(), NOW_S),
        (right.to_uppercase().replace("V0", "v0"), NOW_S + MAX_AGE_S),
    ] {
        let replayed = sent(&gate, FORM, &time, &signature, &body, at).expect_err("is a replay");
        assert!(matches!(replayed, NotTaken::Replayed(_)), "{replayed}");
        assert_eq!(replayed.status(), 409);
    }
    // The same click, signed anew.
    let twice = send(&gate, FORM, &body, NOW_S + 1).expect_err("came before");
    assert_eq!((twice.status(), twice.is_known_event()), (409, false));

    let without = Gate::new(APP, None);
    let refused = sent(&without, FORM, &time, &right, &body, NOW_S).expect_err("no secret");
    assert_eq!(refused, NotTaken::Unproven(Unproven::NoSecret));
    let empty = Gate::new(APP, Some(Secret::new("")));
    let forged = sign("", &time, body.as_bytes());
    assert!(sent(&empty, FORM, &time, &forged, &body, NOW_S).is_err());
    assert!(!format!("{gate:?}").contains(SECRET));
}

#[test]
fn clicks_submissions_and_commands_are_read() {
    let gate = gate();
    let Ok(Incoming::Click(clicked)) = send(&gate, FORM, &form(&click("1.1.a")), NOW_S) else {
        panic!("expected a click")
    };
    assert_eq!(
        (
            clicked.action.as_str(),
            clicked.channel.as_deref(),
            clicked.message.as_deref()
        ),
        (APPROVE, Some(CHANNEL), Some("1764000000.000100"))
    );
    let incident = fixtures::incident(Texts(None));
    let wanted = Wanted::parse(&clicked.value).expect("ours");
    assert_eq!(
        wanted.check(&incident, true, fixtures::now()),
        Ok(&incident.proposals[0])
    );

    let asked = fixtures::asked(&incident, true);
    let body = form(&submission("1.2.b", &asked, "looked at E1"));
    let Ok(Incoming::Submission(submitted)) = send(&gate, FORM, &body, NOW_S) else {
        panic!("expected a submission")
    };
    assert_eq!(
        (submitted.callback.as_str(), submitted.reason.as_str()),
        (DECISION, "looked at E1")
    );
    assert_eq!(Asked::parse(&submitted.metadata), Ok(asked));

    let command = format!(
        "token=x&team_id={TEAM}&team_domain=corp&channel_id={CHANNEL}&channel_name=incidents&user_id={USER}&user_name=anna&command=%2Fdatapulse&text=INC-202611-0a1b2c3d4e5f&api_app_id={APP}&is_enterprise_install=false&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F1&trigger_id=1.3.c"
    );
    let Ok(Incoming::Command(command)) = send(&gate, FORM, &command, NOW_S) else {
        panic!("expected a command")
    };
    assert_eq!(
        (command.command.as_str(), command.text.as_str()),
        ("/datapulse", "INC-202611-0a1b2c3d4e5f")
    );
    let id = model::IncidentId::parse("INC-202611-0a1b2c3d4e5f").expect("an id");
    assert_eq!(command.wish(), Wish::Show(id.clone()));
    for (text, wish) in [
        ("", Wish::List),
        (" list ", Wish::List),
        ("ACK INC-202611-0a1b2c3d4e5f", Wish::Acknowledge(id)),
        ("ack", Wish::Help),
        ("help", Wish::Help),
        ("INC-1", Wish::Help),
        ("SYS-202611-000000000000", Wish::Help),
        ("ack INC-202611-0a1b2c3d4e5f now", Wish::Help),
    ] {
        let text = text.to_owned();
        assert_eq!(
            Command {
                text,
                ..command.clone()
            }
            .wish(),
            wish
        );
    }
    assert_eq!(
        (command.sender.user_team, command.sender.enterprise_install),
        (None, false)
    );
}

#[test]
fn events_are_told_once_and_a_challenge_is_answered() {
    let gate = gate();
    const JSON: &str = "application/json";
    let challenge = json!({ "token": "x", "challenge": "3eZbrw1aB10FEMAGAZd4FyFQ", "type": "url_verification" });
    assert_eq!(
        send(&gate, JSON, &challenge.to_string(), NOW_S),
        Ok(Incoming::Challenge("3eZbrw1aB10FEMAGAZd4FyFQ".to_owned()))
    );
    let event = json!({ "token": "x", "team_id": TEAM, "api_app_id": APP, "type": "event_callback",
        "event": { "type": "app_uninstalled" }, "event_id": "Ev1", "event_time": NOW_S });
    assert!(matches!(
        send(&gate, JSON, &event.to_string(), NOW_S),
        Ok(Incoming::Happened(_))
    ));
    let again = send(&gate, JSON, &event.to_string(), NOW_S + 60).expect_err("was told");
    assert_eq!(
        (again.status(), again.is_known_event()),
        (200, true),
        "else Slack tells it again"
    );
    let mut other = event;
    other["api_app_id"] = "A0OTHER".into();
    let refused = send(&gate, JSON, &other.to_string(), NOW_S).expect_err("another app's");
    assert_eq!(refused, NotTaken::OtherApp("A0OTHER".to_owned()));
}

#[test]
fn what_is_broken_or_not_ours_is_said_by_its_place() {
    let gate = gate();
    let says = |content_type: &str, body: &str| {
        let refused = send(&gate, content_type, body, NOW_S).expect_err("isn't taken");
        assert!(matches!(refused.status(), 400 | 401 | 413), "{refused}");
        refused.to_string()
    };
    let changed = |path: &str, value: Value| {
        let mut payload = click("1.9.z");
        *payload.pointer_mut(path).expect("is there") = value;
        says(FORM, &form(&payload))
    };
    assert_eq!(
        changed("/api_app_id", json!("A0OTHER")),
        "it is for the app A0OTHER, which isn't ours"
    );
    assert_eq!(
        changed("/api_app_id", json!("A0<!here>")),
        "api_app_id: is no id"
    );
    assert_eq!(changed("/user/id", json!(7)), "id: expected a text");
    assert_eq!(
        changed("/trigger_id", Value::Null),
        "trigger_id: is missing"
    );
    assert_eq!(
        changed("/trigger_id", json!("x".repeat(2_000))),
        "trigger_id: is too long"
    );
    assert_eq!(changed("/actions", json!([])), "actions: expected one");
    assert_eq!(says(FORM, "payload=%7B"), "payload: isn't JSON");
    assert_eq!(says(FORM, "payload=1&payload=2"), "payload: is there twice");
    assert_eq!(says(FORM, ""), "command: is missing");
    assert_eq!(
        says("text/plain", "x"),
        "content-type: expected JSON or a form"
    );
    assert_eq!(says("application/json", "[]"), "type: is missing");
    let many: String = (0..100).map(|n| format!("f{n}=1&")).collect();
    assert_eq!(says(FORM, &many), "the body: too many fields");
    assert_eq!(
        says(FORM, &"x".repeat(MAX_BODY + 1)),
        format!(
            "the body has {} bytes, at most {MAX_BODY} are taken",
            MAX_BODY + 1
        )
    );
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(says("application/json", &deep), "the body: isn't JSON");
    for kind in ["view_closed", "shortcut", "message_action"] {
        let body = form(&json!({ "type": kind }));
        assert_eq!(
            send(&gate, FORM, &body, NOW_S),
            Ok(Incoming::Ignored(kind.to_owned()))
        );
    }
}

#[test]
fn a_decision_holds_only_for_what_was_shown_to_who_submits_it() {
    let now = fixtures::now();
    let incident = fixtures::incident(Texts(None));
    let asked = fixtures::asked(&incident, true);
    let check = |incident: &model::Incident| {
        asked
            .check(incident, TEAM, USER, now)
            .map(|state| state.seal)
    };
    assert_eq!(check(&incident), Ok(incident.proposals[0].seal));
    let p1 = || "P1".to_owned();

    let mut other = incident.clone();
    other.proposals[0]
        .proposal
        .action
        .parameters
        .insert("force".to_owned(), true.into());
    other.proposals[0].seal = other.proposals[0].proposal.seal(&other.id);
    assert_eq!(
        check(&other),
        Err(Stale::OtherSeal(p1())),
        "what was shown is another thing"
    );
    let mut decided = incident.clone();
    decided.proposals[0].stage = ProposalStage::Rejected;
    assert_eq!(
        check(&decided),
        Err(Stale::Decided {
            proposal: p1(),
            stage: "rejected"
        })
    );
    let mut none = incident.clone();
    none.proposals.clear();
    assert_eq!(check(&none), Err(Stale::NoProposal(p1())));
    let mut over = incident.clone();
    over.status = model::Status::Closed;
    assert_eq!(check(&over), Err(Stale::Over));
    let mut another = incident.clone();
    another.id = model::IncidentId::derive("error-rate", "cart", now);
    assert_eq!(check(&another), Err(Stale::OtherIncident));
    let late = now.plus_ms(1_800_000);
    assert_eq!(
        asked.check(&incident, TEAM, USER, late),
        Err(Stale::Expired(p1()))
    );
    for (team, user) in [("T0ELSEWHERE", USER), (TEAM, "U0BOB")] {
        assert_eq!(
            asked.check(&incident, team, user, now),
            Err(Stale::OtherPerson)
        );
    }
    for forged in [
        "",
        "{}",
        "[]",
        &"x".repeat(50_000),
        r#"{"incident":"../x","proposal":"P1","seal":"sha256:00"}"#,
    ] {
        assert!(
            Asked::parse(forged).is_err() && Wanted::parse(forged).is_err(),
            "{forged}"
        );
    }
    // Submissions out of their order: the approval of P1 comes after it was rejected.
    let rejected = fixtures::asked(&incident, false);
    assert_eq!(
        rejected
            .check(&incident, TEAM, USER, now)
            .map(|state| state.stage),
        Ok(ProposalStage::Pending)
    );
    assert!(check(&decided).is_err());
}

#[test]
fn a_no_stops_what_runs_without_a_person_until_it_begins() {
    let now = fixtures::now();
    let incident = fixtures::incident(Texts(None));
    let yes = fixtures::asked(&incident, true);
    // A yes has nothing to add.
    let mut automatic = incident.clone();
    let state = &mut automatic.proposals[0];
    state.stage = ProposalStage::Approved;
    state.automation = Some(AutomationMade {
        rule: "rollbacks of payment".to_owned(),
        at: now,
        shadow: false,
        reasons: vec!["it helped five times".to_owned()],
        void: None,
    });
    let no = fixtures::asked(&automatic, false);
    assert!(no.check(&automatic, TEAM, USER, now).is_ok());
    assert!(yes.check(&automatic, TEAM, USER, now).is_err());
    automatic.proposals[0].stage = ProposalStage::Executing;
    assert!(no.check(&automatic, TEAM, USER, now).is_err(), "too late");
}

#[test]
fn a_wish_is_understood_as_a_whole_or_does_nothing() {
    let incident = model::IncidentId::parse("INC-202611-0a1b2c3d4e5f").expect("an id");
    let other = model::IncidentId::parse("INC-202611-0a1b2c3d4e50").expect("an id");
    let command = |text: &str| {
        let body = format!(
            "api_app_id={APP}&team_id={TEAM}&user_id={USER}&command=%2Fdatapulse&trigger_id=1.2.w&text={}",
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
        );
        match Incoming::from_http(FORM, body.as_bytes()) {
            Ok(Incoming::Command(command)) => command.wish(),
            other => panic!("{other:?}"),
        }
    };
    let assign = |to| Wish::Assign {
        incident: incident.clone(),
        to,
    };
    let closed = |double_of| Wish::Close {
        incident: incident.clone(),
        double_of,
        reason: "a test of ours".to_owned(),
    };
    let id = incident.as_str();
    for (text, wish) in [
        (
            "stop the rollback went wrong".to_owned(),
            Wish::Stop("the rollback went wrong".to_owned()),
        ),
        (
            format!("NOTE {id}  it was  me "),
            Wish::Note {
                incident: incident.clone(),
                text: "it was  me".to_owned(),
            },
        ),
        (format!("assign {id} me"), assign(Taker::Me)),
        (
            format!("assign {id} <@U0ANNA|anna>"),
            assign(Taker::User("U0ANNA".to_owned())),
        ),
        (
            format!("assign {id} team shop floor"),
            assign(Taker::Team("shop floor".to_owned())),
        ),
        (format!("close {id} a test of ours"), closed(None)),
        (
            format!("close {id} duplicate {other} a test of ours"),
            closed(Some(other.clone())),
        ),
    ] {
        assert_eq!(command(&text), wish, "{text}");
    }
    for text in [
        "stop".to_owned(),
        format!("note {id}"),
        format!("assign {id}"),
        format!("assign {id} anna"),
        format!("assign {id} <@U0<!here>>"),
        format!("assign {id} me too"),
        format!("close {id}"),
        format!("close {id} duplicate of the other one"),
        format!("close {id} duplicate {other}"),
        "close everything".to_owned(),
    ] {
        assert_eq!(command(&text), Wish::Help, "{text}");
    }
}
