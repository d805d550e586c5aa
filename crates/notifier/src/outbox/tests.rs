use super::*;
use crate::finding::finding;
use model::{Actor, Agent, Digest, IncidentId, Timestamp};

/// Opened, a note that nobody is told of, a person asked.
fn history() -> Vec<Record> {
    let opened = Event::Opened {
        title: "cart fails".to_owned(),
        severity: Severity::Critical,
        severity_reason: "by hand".to_owned(),
        finding: Box::new(finding("cart", Timestamp(60_000))),
        split_from: None,
        others: Vec::new(),
    };
    let note = Event::NoteAdded {
        text: "mine".to_owned(),
    };
    let asked = Event::PersonNeeded {
        reason: "look at cart".to_owned(),
    };
    let mut records = Vec::new();
    for event in [opened, note, asked] {
        push(&mut records, event);
    }
    records
}

fn push(records: &mut Vec<Record>, event: Event) {
    let seq = records.len() as u64 + 1;
    let person = Actor::System {
        subject: "s".to_owned(),
        name: "s".to_owned(),
    };
    records.push(Record {
        incident: IncidentId::derive("error-rate", "cart", Timestamp(0)),
        seq,
        at: Timestamp(seq as i64),
        actor: match event {
            Event::NoteAdded { .. } | Event::Acknowledged { .. } | Event::Closed { .. } => person,
            Event::Opened { .. } => Actor::agent(Agent::Sentinel),
            Event::PersonNeeded { .. } => Actor::agent(Agent::Analyst),
            _ => Actor::agent(Agent::Notifier),
        },
        previous: Digest::ZERO,
        event,
    });
}

fn keys(records: &[Record], channel: &str) -> Vec<String> {
    let incident = Incident::fold(records).expect("legal");
    let due = due(&incident, records, channel);
    due.into_iter().map(|(_, notice)| notice.key).collect()
}

#[test]
fn what_was_told_to_one_channel_is_still_due_to_another() {
    let mut records = history();
    let ids = [records[0].id(), records[2].id()];
    assert_eq!(
        keys(&records, "chat"),
        ids,
        "in their order, each by its record's id"
    );
    push(
        &mut records,
        Event::NoticeSent {
            channel: "chat".to_owned(),
            topic: Topic::Incident,
            about: 1,
            key: ids[0].clone(),
            place: None,
        },
    );
    assert_eq!(keys(&records, "chat"), ids[1..]);
    assert_eq!(keys(&records, "pager"), ids);
    push(
        &mut records,
        Event::NoticeSent {
            channel: "chat".to_owned(),
            topic: Topic::PersonNeeded,
            about: 3,
            key: ids[1].clone(),
            place: None,
        },
    );
    assert!(
        keys(&records, "chat").is_empty(),
        "that a notice was sent is no news itself"
    );
}

#[test]
fn the_text_begins_with_the_severity() {
    let records = history();
    let incident = Incident::fold(&records).expect("legal");
    let (_, notice) = due(&incident, &records, "chat").remove(0);
    assert_eq!(
        notice.text,
        format!("[CRITICAL] {}: cart fails", incident.id)
    );
}

fn sent(records: &mut Vec<Record>, channel: &str, about: u64, place: Option<&str>) {
    let key = records[about as usize - 1].id();
    let event = Event::NoticeSent {
        channel: channel.to_owned(),
        topic: Topic::Incident,
        about,
        key,
        place: place.map(str::to_owned),
    };
    push(records, event);
}

#[test]
fn that_somebody_took_it_is_told() {
    let mut records = history();
    for note in [None, Some("on it".to_owned())] {
        let owner = "Ada".to_owned();
        push(&mut records, Event::Acknowledged { owner, note });
    }
    let incident = Incident::fold(&records).expect("legal");
    let due = due(&incident, &records, "pager");
    let texts: Vec<(Topic, &str)> = due[2..]
        .iter()
        .map(|(_, notice)| (notice.topic, notice.text.as_str()))
        .collect();
    let begins = format!("[CRITICAL] {}: cart was taken by Ada", incident.id);
    assert_eq!(
        texts,
        [
            (Topic::Acknowledged, begins.as_str()),
            (Topic::Acknowledged, format!("{begins}: on it").as_str()),
        ]
    );
}

#[test]
fn what_was_put_where_is_known_with_its_record() {
    let mut records = history();
    sent(&mut records, "chat", 1, Some("C1:1"));
    sent(&mut records, "pager", 1, None);
    sent(&mut records, "chat", 3, Some("C1:2:1"));
    let told_to = |about, place: &str| Told {
        about,
        place: place.to_owned(),
    };
    assert_eq!(
        told(&records, "chat"),
        [told_to(1, "C1:1"), told_to(3, "C1:2:1")]
    );
    assert!(told(&records, "pager").is_empty(), "it has no places");
    assert_eq!(
        (last_sent(&records, "chat"), last_sent(&records, "none")),
        (6, 0)
    );
}

#[test]
fn notices_change_nothing_but_where_another_channel_has_it() {
    let mut records = history();
    assert_eq!(last_change(&records, "chat"), 3);
    sent(&mut records, "chat", 1, Some("C1:1"));
    sent(&mut records, "pager", 1, None);
    assert_eq!(last_change(&records, "chat"), 3);
    sent(&mut records, "tickets", 1, Some("OPS-1"));
    sent(&mut records, "tickets", 3, Some("OPS-1"));
    assert_eq!(last_change(&records, "chat"), 6, "the first of them");
    assert_eq!(last_change(&records, "tickets"), 4, "chat's");
}

#[test]
fn a_new_channel_is_not_told_old_stories_and_an_outage_loses_none() {
    let mut records = history();
    let is_old = |records: &[Record], channel: &str, now: i64| {
        let incident = Incident::fold(records).expect("legal");
        is_an_old_story(&incident, records, channel, Timestamp(now))
    };
    assert!(!is_old(&records, "chat", i64::MAX), "it isn't over");
    push(
        &mut records,
        Event::Closed {
            r#as: model::ClosedAs::FalseAlarm {},
            reason: "a drill".to_owned(),
        },
    );
    assert!(!is_old(&records, "chat", TOLD_WITHIN_MS + 4), "ended then");
    sent(&mut records, "pager", 1, None);
    assert!(is_old(&records, "chat", TOLD_WITHIN_MS + 5));
    assert!(!is_old(&records, "pager", i64::MAX), "told half of it");
}
