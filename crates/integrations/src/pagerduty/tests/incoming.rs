//! What PagerDuty calls us with.

use super::super::incoming::{MAX_BODY, SIGNATURE};
use super::*;
use crate::body_signature::sign;
use crate::replayed::{MAX_AGE_MS, MAX_AHEAD_MS};
use serde_json::{Value, json};

const SECRET: &str = "subscription secret";

fn person() -> Value {
    json!({ "id": "PLH1HKV", "summary": "Ada", "type": "user_reference" })
}

fn integration() -> Value {
    json!({ "id": "PXMQRWJ", "summary": "Events API V2", "type": "inbound_integration_reference" })
}

fn event(id: &str, kind: &str, agent: Value, at: Timestamp) -> Value {
    json!({ "event": {
        "id": id,
        "event_type": kind,
        "resource_type": "incident",
        "occurred_at": at,
        "agent": agent,
        "client": null,
        "data": {
            "id": "PGR0VU2",
            "type": "incident",
            "status": "acknowledged",
            "incident_key": "INC-202611-0a1b2c3d4e5f",
            "title": "a title",
            "assignees": [{ "id": "PTUXL6G", "type": "user_reference" }],
        },
    } })
}

fn door() -> Door {
    Door::new(Secret::new(SECRET))
}

fn knock(door: &Door, value: &Value, now: Timestamp) -> Result<Arrived, Unheard> {
    let body = value.to_string();
    let signature = format!("v1={}", sign(SECRET, body.as_bytes()));
    let header = |name: &str| (name == SIGNATURE).then_some(signature.as_str());
    door.read(header, body.as_bytes(), now)
}

fn said(value: &Value) -> Said {
    knock(&door(), value, NOW).expect("is taken").said
}

#[test]
fn what_a_person_did_is_data() {
    for (kind, what) in [
        ("incident.triggered", What::Triggered),
        ("incident.acknowledged", What::Acknowledged),
        ("incident.unacknowledged", What::Unacknowledged),
        ("incident.resolved", What::Resolved),
        ("incident.reopened", What::Reopened),
        ("incident.reassigned", What::Reassigned),
        ("incident.escalated", What::Escalated),
        ("incident.delegated", What::Delegated),
        ("incident.priority_updated", What::PriorityUpdated),
    ] {
        assert_eq!(
            said(&event("E1", kind, person(), NOW)),
            Said::Act(OutsideAct {
                incident: incident(),
                pagerduty: "PGR0VU2".to_owned(),
                what,
                account: "PLH1HKV".to_owned(),
                name: "Ada".to_owned(),
                assignees: vec!["PTUXL6G".to_owned()],
                at: NOW,
            })
        );
    }
}

#[test]
fn a_note_is_data() {
    let mut note = event("E1", "incident.annotated", person(), NOW);
    note["event"]["data"] = json!({
        "id": "P2LA89X", "type": "incident_note", "trimmed": true,
        "content": " I make room.\nNow. ",
        "incident": { "id": "PGR0VU2", "type": "incident_reference" },
    });
    assert_eq!(
        said(&note),
        Said::Note(OutsideNote {
            pagerduty: "PGR0VU2".to_owned(),
            note: "P2LA89X".to_owned(),
            account: "PLH1HKV".to_owned(),
            name: "Ada".to_owned(),
            text: "I make room.\nNow.".to_owned(),
            cut: true,
            at: NOW,
        })
    );
}

#[test]
fn our_own_events_come_back_as_a_link_or_as_nothing() {
    let linked = Said::Linked {
        incident: incident(),
        pagerduty: "PGR0VU2".to_owned(),
    };
    let no_person = Said::Nothing {
        why: "no person's doing",
    };
    for agent in [integration(), Value::Null] {
        let triggered = event("E1", "incident.triggered", agent.clone(), NOW);
        assert_eq!(said(&triggered), linked);
        for kind in ["incident.acknowledged", "incident.resolved"] {
            assert_eq!(said(&event("E2", kind, agent.clone(), NOW)), no_person);
        }
    }
}

#[test]
fn pings_and_what_is_not_for_us_are_taken() {
    let ping = json!({ "event": { "id": "E1", "event_type": "pagey.ping",
        "resource_type": "pagey", "occurred_at": NOW, "agent": null, "client": null,
        "data": { "message": "Hello from your friend Pagey!", "type": "ping" } } });
    assert_eq!(said(&ping), Said::Ping);
    for key in [
        json!("d3640fbd41094207a1c11e58e46b1662"),
        json!("SYS-202611-000000000000"),
        Value::Null,
    ] {
        let mut other = event("E1", "incident.resolved", person(), NOW);
        other["event"]["data"]["incident_key"] = key;
        assert_eq!(
            said(&other),
            Said::Nothing {
                why: "no incident of ours"
            }
        );
    }
    let service = event("E1", "service.updated", person(), NOW);
    assert_eq!(
        said(&service),
        Said::Nothing {
            why: "another kind of event"
        }
    );
}

#[test]
fn while_a_secret_is_changed_one_of_several_signatures_is_enough() {
    let body = event("E1", "incident.resolved", person(), NOW).to_string();
    let read = |signature: &str| {
        let header = |name: &str| (name == SIGNATURE).then_some(signature);
        door().read(header, body.as_bytes(), NOW)
    };
    let right = format!("v1={}", sign(SECRET, body.as_bytes()));
    let other = format!("v1={}", sign("another", body.as_bytes()));
    for good in [
        right.clone(),
        format!("{other},{right}"),
        format!("{right}, {other}"),
    ] {
        assert!(read(&good).is_ok(), "{good}");
    }
    let late = format!("{}{right}", format!("{other},").repeat(8));
    let v2 = right.replace("v1=", "v2=");
    for bad in [&other, &v2, "", "v1=", &right[..60], &late] {
        assert!(matches!(read(bad), Err(Unheard::Unproven(_))), "{bad}");
    }
    let missing = door().read(|_| None, body.as_bytes(), NOW);
    assert!(matches!(missing, Err(Unheard::Unproven(_))));
    let header = |name: &str| (name == SIGNATURE).then_some(right.as_str());
    let changed = body.replace("resolved", "reopened");
    assert!(door().read(header, changed.as_bytes(), NOW).is_err());
}

#[test]
fn the_same_event_is_taken_once_until_it_is_given_back() {
    let door = door();
    let first = event("E1", "incident.resolved", person(), NOW);
    let arrived = knock(&door, &first, NOW).expect("is taken");
    let again = knock(&door, &first, NOW).expect("is taken");
    assert_eq!(
        again.said,
        Said::Nothing {
            why: "it was taken before"
        }
    );
    assert_eq!(again.key, arrived.key);
    door.give_back(&arrived);
    assert_eq!(knock(&door, &first, NOW), Ok(arrived));
}

#[test]
fn what_is_old_or_overtaken_does_nothing() {
    let door = door();
    let later = event("E2", "incident.resolved", person(), NOW.plus_ms(1_000));
    assert!(matches!(
        knock(&door, &later, NOW).expect("is taken").said,
        Said::Act(_)
    ));
    let earlier = event("E1", "incident.acknowledged", person(), NOW);
    assert_eq!(
        knock(&door, &earlier, NOW).expect("is taken").said,
        Said::Nothing {
            why: "a later act came before it"
        }
    );
    let call = event("E3", "incident.resolved", person(), NOW);
    for now in [NOW.plus_ms(MAX_AGE_MS + 1), NOW.plus_ms(-MAX_AHEAD_MS - 1)] {
        assert!(matches!(
            knock(&door, &call, now),
            Err(Unheard::Untimely(_))
        ));
    }
}

#[test]
fn what_cannot_be_read_says_which_field() {
    let without = |pointer: &str, field: &str| {
        let mut call = event("E1", "incident.resolved", person(), NOW);
        let within = call.pointer_mut(pointer).expect("is there");
        within.as_object_mut().expect("an object").remove(field);
        knock(&door(), &call, NOW)
            .expect_err("is refused")
            .to_string()
    };
    let says = |field: &str| format!("{field}: is missing, or isn't what it should be");
    assert_eq!(without("", "event"), says("event"));
    assert_eq!(without("/event", "id"), says("event.id"));
    assert_eq!(without("/event", "occurred_at"), says("event.occurred_at"));
    assert_eq!(without("/event", "data"), says("event.data"));
    assert_eq!(without("/event/data", "id"), says("event.data.id"));
    let large = json!({ "x": "y".repeat(MAX_BODY) });
    assert_eq!(knock(&door(), &large, NOW), Err(Unheard::TooLarge(MAX_BODY)));
}
