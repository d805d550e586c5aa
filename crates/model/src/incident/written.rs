//! What is written is read as it was: older journals byte for byte, and every new event.

use proptest::prelude::*;

use super::fixtures::{finding, person};
use super::*;
use crate::actor::Assignee;
use crate::chain::{self, StoredRecord};
use crate::digest::Digest;
use crate::projection::Projection;

fn id(name: &str) -> IncidentId {
    IncidentId::derive("declared", name, Timestamp(0))
}

/// Written before any of these events existed: each line, its digest, the fold, and what lists hold
/// are what they were, byte for byte.
#[test]
fn older_journals_are_what_they_were() {
    let lines = include_str!("kept/records.ndjson");
    let stored: Vec<StoredRecord> = lines
        .lines()
        .map(|line| {
            let record: Record = serde_json::from_str(line).expect("readable");
            let stored = StoredRecord::new(&record).expect("writable");
            assert_eq!(String::from_utf8_lossy(&stored.bytes), line);
            stored
        })
        .collect();
    assert!(stored.len() > 30, "all kinds");
    let incident = stored[0].incident.clone();
    let fold = chain::verify(&incident, &stored).expect("intact and legal");
    let json = serde_json::to_string(&fold).expect("writable");
    assert_eq!(json, include_str!("kept/fold.json").trim_end());
    let shown = serde_json::to_string(&Projection::from(&fold)).expect("writable");
    assert_eq!(shown, include_str!("kept/projection.json").trim_end());
    let read: Incident = serde_json::from_str(&json).expect("readable");
    assert_eq!(read, fold);
}

/// Some text, empty ones and such with quotes, newlines and other scripts among them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "\\PC{0,12}",
        "[\"\\\\\n{}:,a-zé]{0,12}"
    ]
}

fn assignee() -> impl Strategy<Value = Assignee> {
    prop_oneof![
        (prop::option::of(text()), text())
            .prop_map(|(subject, name)| Assignee::Person { subject, name }),
        text().prop_map(|name| Assignee::Team { name }),
    ]
}

fn findings() -> impl Strategy<Value = Vec<Finding>> {
    let one = (text(), 0..4_000_000_000_000i64);
    let one = one.prop_map(|(service, tick)| finding(&service, Timestamp(tick)));
    prop::collection::vec(one, 0..3)
}

fn events() -> impl Strategy<Value = Event> {
    let other = || "[a-z]{1,4}".prop_map(|name| id(&name));
    prop_oneof![
        (prop::option::of(text()), prop::option::of(text()))
            .prop_map(|(title, impact)| Event::Edited { title, impact }),
        (assignee(), text()).prop_map(|(to, reason)| Event::Assigned { to, reason }),
        (text(), assignee(), text()).prop_map(|(from, to, note)| Event::HandedOver {
            from,
            to,
            note
        }),
        (other(), text()).prop_map(|(into, reason)| Event::MergedInto { into, reason }),
        (
            other(),
            findings(),
            prop::collection::vec(any::<u64>(), 0..3),
            text()
        )
            .prop_map(|(incident, findings, notes, reason)| Event::Absorbed {
                incident,
                findings,
                notes,
                reason
            }),
        (prop::collection::vec(text(), 0..3), other(), text()).prop_map(
            |(findings, into, reason)| Event::SplitOff {
                findings,
                into,
                reason
            }
        ),
        text().prop_map(|reason| Event::Voided { reason }),
        (prop::option::of(other()), findings()).prop_map(|(split_from, others)| Event::Opened {
            title: "t".to_owned(),
            severity: Severity::Low,
            severity_reason: String::new(),
            finding: Box::new(finding("cart", Timestamp(0))),
            split_from,
            others,
        }),
    ]
}

proptest! {
    #[test]
    fn every_new_event_is_read_as_it_was_written(event in events()) {
        let record = Record {
            incident: id("a"),
            seq: 7,
            at: Timestamp(5),
            actor: person("ada"),
            previous: Digest::ZERO,
            event,
        };
        let stored = StoredRecord::new(&record).expect("writable");
        let read = stored.record().expect("readable");
        prop_assert_eq!(&read, &record);
        prop_assert_eq!(StoredRecord::new(&read).expect("writable"), stored);
    }
}
