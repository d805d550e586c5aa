//! An incident for tests of channels: found, taken, a person asked, over, and open again.

use model::evidence::answer_digest;
use model::{
    Actor, Agent, Digest, Event, Evidence, Finding, Incident, IncidentId, Record, Severity, Signal,
    Subject, Timestamp, Topic, Window,
};
use serde_json::Value;

use crate::webhook::Notice;

pub(crate) const OPENED: usize = 1;
pub(crate) const TAKEN: usize = 2;
pub(crate) const ASKED: usize = 3;
pub(crate) const RESOLVED: usize = 4;
pub(crate) const REOPENED: usize = 5;

const NOW: Timestamp = Timestamp(1_795_525_200_000);

fn evidence() -> Evidence {
    Evidence {
        id: "F1".to_owned(),
        tool: "by hand".to_owned(),
        query: "ROW a = 1".to_owned(),
        parameters: Default::default(),
        window: Window::new(NOW.plus_ms(-60_000), NOW),
        asked_at: NOW,
        says: "a fifth of the requests failed".to_owned(),
        columns: Vec::new(),
        rows: Vec::new(),
        row_count: 0,
        answer_digest: answer_digest(&[], &[]),
    }
}

fn finding() -> Finding {
    Finding {
        rule: "error-rate".to_owned(),
        subject: Subject::service("payment"),
        tick: NOW,
        window: Window::new(NOW.plus_ms(-60_000), NOW),
        signal: Signal::ErrorRate,
        observed: 0.2,
        threshold: 0.05,
        unit: "share".to_owned(),
        held_against: "threshold".to_owned(),
        requests: None,
        since: None,
        notes: Vec::new(),
        evidence: evidence(),
    }
}

fn events() -> Vec<(Actor, Event)> {
    let sentinel = || Actor::agent(Agent::Sentinel);
    let anna = Actor::Person {
        subject: "oidc:anna".to_owned(),
        name: "Anna".to_owned(),
        via: "slack".to_owned(),
    };
    let opened = Event::Opened {
        title: "payment: a fifth of the requests fails".to_owned(),
        severity: Severity::Critical,
        severity_reason: "customers can't pay".to_owned(),
        finding: Box::new(finding()),
        split_from: None,
        others: Vec::new(),
    };
    let taken = Event::Acknowledged {
        owner: "Anna".to_owned(),
        note: None,
    };
    let asked = Event::PersonNeeded {
        reason: "no evidence speaks for any cause".to_owned(),
    };
    let resolved = Event::Resolved {
        says: "under its line for 10 minutes".to_owned(),
        evidence: Some(Box::new(evidence())),
    };
    let reopened = Event::Reopened {
        reason: "the same trouble again".to_owned(),
        finding: None,
    };
    vec![
        (sentinel(), opened),
        (anna, taken),
        (Actor::agent(Agent::Analyst), asked),
        (sentinel(), resolved),
        (sentinel(), reopened),
    ]
}

/// Its first records.
pub(crate) fn records(count: usize) -> Vec<Record> {
    let record = |(index, (actor, event)): (usize, (Actor, Event))| Record {
        incident: IncidentId::derive("error-rate", "payment", NOW),
        seq: index as u64 + 1,
        at: NOW.plus_ms(index as i64 * 60_000),
        actor,
        previous: Digest::ZERO,
        event,
    };
    let all = events().into_iter().enumerate().map(record);
    all.take(count).collect()
}

/// As it is after so many records.
pub(crate) fn incident(count: usize) -> Incident {
    Incident::fold(&records(count)).expect("legal")
}

pub(crate) fn notice(record: &Record) -> Notice {
    Notice {
        key: record.id(),
        topic: Topic::Outcome,
        incident_id: record.incident.clone(),
        text: format!("[CRITICAL] {}: record {}", record.incident, record.seq),
        at: record.at.to_string(),
        details: Value::Null,
    }
}
