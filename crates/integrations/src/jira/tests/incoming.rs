//! What Jira calls us with.

use super::super::incoming::{MAX_BODY, MAX_COMMENT, SIGNATURE};
use super::*;
use crate::body_signature::sign;
use crate::replayed::{MAX_AGE_MS, MAX_AHEAD_MS};

const SECRET: &str = "webhook secret";
const PERSON: &str = "5b10a2844c20165700ede21g";

fn door() -> Door {
    let settings = settings("https://example.atlassian.net", Edition::Cloud);
    let proof = Proof::Signed(Secret::new(SECRET));
    Door::new(&settings, ACCOUNT.to_owned(), proof)
}

fn commented(account: &str, at: Timestamp) -> Value {
    json!({
        "timestamp": at.ms(),
        "webhookEvent": "comment_created",
        "comment": {
            "id": "10023",
            "author": { "accountId": account, "displayName": "Ada" },
            "body": "The database is full.\nI make room.",
        },
        "issue": { "id": "10000", "key": "OPS-17" },
    })
}

fn moved(account: &str, to: &str, at: Timestamp) -> Value {
    json!({
        "timestamp": at.ms(),
        "webhookEvent": "jira:issue_updated",
        "issue_event_type_name": "issue_generic",
        "user": { "accountId": account },
        "issue": { "id": "10000", "key": "OPS-17" },
        "changelog": { "id": "1", "items": [
            { "field": "resolution", "fromString": null, "toString": "Done" },
            { "field": "status", "fromString": "To Do", "toString": to },
        ] },
    })
}

fn knock(door: &Door, value: &Value, now: Timestamp) -> Result<Arrived, Unheard> {
    let body = value.to_string();
    let signature = format!("sha256={}", sign(SECRET, body.as_bytes()));
    let header = |name: &str| (name == SIGNATURE).then_some(signature.as_str());
    door.read(header, body.as_bytes(), now)
}

fn why(arrived: Result<Arrived, Unheard>) -> &'static str {
    match arrived.expect("is taken").said {
        Said::Nothing { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_persons_comment_is_data() {
    let arrived = knock(&door(), &commented(PERSON, NOW), NOW).expect("is taken");
    assert_eq!(
        arrived.said,
        Said::Comment(OutsideComment {
            issue: key("OPS-17"),
            account: PERSON.to_owned(),
            comment: "10023".to_owned(),
            text: "The database is full.\nI make room.".to_owned(),
            at: NOW,
        })
    );
    let mut document = commented(PERSON, NOW);
    document["comment"]["body"] = json!({ "type": "doc", "version": 1, "content": [
        { "type": "paragraph", "content": [
            { "type": "mention", "attrs": { "id": "1", "text": "@ada" } },
            { "type": "text", "text": " look" },
        ] },
        { "type": "paragraph", "content": [{ "type": "text", "text": "x".repeat(MAX_COMMENT) }] },
    ] });
    let arrived = knock(&door(), &document, NOW).expect("is taken");
    match arrived.said {
        Said::Comment(comment) => {
            assert!(comment.text.starts_with("@ada look\nxxx"));
            assert_eq!(comment.text.chars().count(), MAX_COMMENT);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_persons_move_is_data_with_what_it_means() {
    let arrived = knock(&door(), &moved(PERSON, "DONE", NOW), NOW).expect("is taken");
    assert_eq!(
        arrived.said,
        Said::Status(OutsideStatus {
            issue: key("OPS-17"),
            account: PERSON.to_owned(),
            from: "To Do".to_owned(),
            to: "DONE".to_owned(),
            means: Some(Status::Resolved),
            at: NOW,
        })
    );
    match knock(&door(), &moved(PERSON, "Parked", NOW), NOW)
        .expect("is taken")
        .said
    {
        Said::Status(status) => assert_eq!(status.means, None),
        other => panic!("{other:?}"),
    }
}

#[test]
fn our_own_doing_comes_back_as_nothing() {
    let door = door();
    for ours in [commented(ACCOUNT, NOW), moved(ACCOUNT, "Done", NOW)] {
        assert_eq!(why(knock(&door, &ours, NOW)), "our own doing");
    }
    let settings = settings("https://jira.example.com", Edition::DataCenter);
    let proof = Proof::Signed(Secret::new(SECRET));
    let door = Door::new(&settings, "JIRAUSER10100".to_owned(), proof);
    let mut ours = moved("", "Done", NOW);
    ours["user"] = json!({ "name": "datapulse", "key": "JIRAUSER10100" });
    assert_eq!(why(knock(&door, &ours, NOW)), "our own doing");
}

#[test]
fn the_same_callback_is_taken_once_until_it_is_given_back() {
    let door = door();
    let call = commented(PERSON, NOW);
    let first = knock(&door, &call, NOW).expect("is taken");
    assert_eq!(
        why(knock(&door, &call, NOW.plus_ms(60_000))),
        "it was taken before"
    );
    door.give_back(&first);
    assert_eq!(knock(&door, &call, NOW), Ok(first));
}

#[test]
fn what_is_old_or_from_the_future_is_refused() {
    let call = commented(PERSON, NOW);
    for (now, says) in [
        (NOW.plus_ms(MAX_AGE_MS + 1), "too old"),
        (NOW.plus_ms(-MAX_AHEAD_MS - 1), "in the future"),
    ] {
        let unheard = knock(&door(), &call, now).expect_err("is refused");
        assert!(
            matches!(&unheard, Unheard::Untimely(why) if why.contains(says)),
            "{unheard:?}"
        );
    }
}

#[test]
fn a_move_that_was_overtaken_says_nothing() {
    let door = door();
    let later = moved(PERSON, "Done", NOW.plus_ms(2_000));
    assert!(matches!(
        knock(&door, &later, NOW.plus_ms(3_000))
            .expect("is taken")
            .said,
        Said::Status(_)
    ));
    let earlier = moved(PERSON, "In Progress", NOW);
    assert_eq!(
        why(knock(&door, &earlier, NOW.plus_ms(3_000))),
        "a later move came before it"
    );
}

#[test]
fn without_the_right_signature_nothing_is_read() {
    let door = door();
    let body = commented(PERSON, NOW).to_string();
    let right = sign(SECRET, body.as_bytes());
    let read = |signature: Option<&str>, body: &str| {
        let header = |name: &str| signature.filter(|_| name == SIGNATURE);
        door.read(header, body.as_bytes(), NOW)
    };
    let changed = body.replace("full", "fine");
    let other = format!("sha256={}", sign("another", body.as_bytes()));
    let right_one = format!("sha256={right}");
    for (signature, body) in [
        (None, &body),
        (Some(right.as_str()), &body),
        (Some("sha256="), &body),
        (Some("sha1=ab"), &body),
        (Some(other.as_str()), &body),
        (Some(right_one.as_str()), &changed),
    ] {
        let unheard = read(signature, body);
        assert!(
            matches!(unheard, Err(Unheard::Unproven(_))),
            "{signature:?}: {unheard:?}"
        );
    }
    assert!(read(Some(&right_one), &body).is_ok());
}

#[test]
fn a_header_with_a_secret_is_a_proof_too() {
    let settings = settings("https://jira.example.com", Edition::DataCenter);
    let proof = |value: &str| Proof::Header {
        name: "x-datapulse-token".to_owned(),
        value: Secret::new(value),
    };
    let body = commented(PERSON, NOW).to_string();
    let read = |secret: &str, given: Option<&str>| {
        let door = Door::new(&settings, ACCOUNT.to_owned(), proof(secret));
        let header = |name: &str| given.filter(|_| name == "x-datapulse-token");
        door.read(header, body.as_bytes(), NOW)
    };
    assert!(read(SECRET, Some(SECRET)).is_ok());
    for (secret, given) in [
        (SECRET, Some("webhook secre")),
        (SECRET, None),
        ("", Some("")),
    ] {
        assert!(matches!(read(secret, given), Err(Unheard::Unproven(_))));
    }
}

#[test]
fn what_is_not_for_us_is_taken_and_left() {
    let door = door();
    let mut elsewhere = commented(PERSON, NOW);
    elsewhere["issue"]["key"] = "HR-1".into();
    assert_eq!(
        why(knock(&door, &elsewhere, NOW)),
        "an issue of another project"
    );
    let mut quiet = commented(PERSON, NOW);
    quiet["comment"]["visibility"] = json!({ "type": "role", "value": "Administrators" });
    assert_eq!(
        why(knock(&door, &quiet, NOW)),
        "a comment that only some may see"
    );
    let mut other = moved(PERSON, "Done", NOW);
    other["changelog"]["items"] = json!([{ "field": "labels", "toString": "x" }]);
    assert_eq!(why(knock(&door, &other, NOW)), "the status is as it was");
    let deleted = json!({ "timestamp": NOW.ms(), "webhookEvent": "jira:issue_deleted" });
    assert_eq!(why(knock(&door, &deleted, NOW)), "another kind of event");
}

#[test]
fn what_cannot_be_read_says_which_field() {
    let without = |pointer: &str, field: &str| {
        let mut call = commented(PERSON, NOW);
        let within = call.pointer_mut(pointer).expect("is there");
        within.as_object_mut().expect("an object").remove(field);
        knock(&door(), &call, NOW)
            .expect_err("is refused")
            .to_string()
    };
    assert_eq!(
        without("", "timestamp"),
        "timestamp: expected milliseconds since 1970"
    );
    assert_eq!(without("", "issue"), "issue.key: is missing");
    assert_eq!(without("/comment", "body"), "comment.body: is missing");
    assert!(without("", "webhookEvent").starts_with("webhookEvent: is missing"));
    let large = json!({ "x": "y".repeat(MAX_BODY) });
    assert_eq!(knock(&door(), &large, NOW), Err(Unheard::TooLarge(MAX_BODY)));
    assert!(matches!(
        knock(&door(), &json!("x"), NOW),
        Err(Unheard::Unreadable(_))
    ));
}
