//! The words of each record that people are told of. Pure.

use integrations::Notice;
use model::routing::News;
use model::{Event, ExecutionResult, Incident, Record, Recovery, Severity, Topic};
use serde_json::{Value, json};

/// The records that people are told of, in their order.
pub fn news(incident: &Incident, records: &[Record]) -> Vec<News> {
    let of = |record: &Record| {
        let (topic, _, _) = told(incident, record)?;
        let is_state = matches!(
            record.event,
            Event::Opened { .. }
                | Event::Reopened { .. }
                | Event::Resolved { .. }
                | Event::Closed { .. }
        );
        Some(News {
            seq: record.seq,
            at: record.at,
            topic,
            is_state,
        })
    };
    records.iter().filter_map(of).collect()
}

/// Where a channel put what it told of an incident, the first first.
pub fn places(records: &[Record], channel: &str) -> Vec<String> {
    let of_channel = |record: &Record| match &record.event {
        Event::NoticeSent {
            channel: to,
            place: Some(place),
            ..
        } if to == channel => Some(place.clone()),
        _ => None,
    };
    records.iter().filter_map(of_channel).collect()
}

/// The notice that a record calls for, if any.
pub fn notice(incident: &Incident, record: &Record) -> Option<Notice> {
    let (topic, says, details) = told(incident, record)?;
    Some(Notice {
        key: record.id(),
        topic,
        incident_id: incident.id.clone(),
        text: text(incident, &says),
        at: record.at.to_string(),
        details,
    })
}

/// Begins with the severity.
pub fn text(incident: &Incident, says: &str) -> String {
    format!("[{}] {}: {says}", shout(incident.severity), incident.id)
}

fn shout(severity: Severity) -> String {
    severity.name().to_uppercase()
}

fn told(incident: &Incident, record: &Record) -> Option<(Topic, String, Value)> {
    let service = &incident.service;
    Some(match &record.event {
        Event::Opened { title, finding, .. } => {
            let details = json!({ "service.name": service, "rule": finding.rule,
                "observed": finding.observed, "threshold": finding.threshold, "unit": finding.unit });
            (Topic::Incident, title.clone(), details)
        }
        Event::Reopened { reason, .. } => {
            let says = format!("{service} is open again: {reason}");
            (Topic::Incident, says, json!({ "service.name": service }))
        }
        Event::ReportRecorded { report, .. } => {
            let confidence = report.first().map(|first| first.confidence);
            let details =
                json!({ "known": report.known, "confidence": confidence, "ask": report.ask });
            (Topic::Report, report.conclusion.clone(), details)
        }
        Event::ExecutionFinished {
            proposal,
            result,
            says,
            ..
        } if *result != ExecutionResult::Succeeded => {
            let details = json!({ "proposal": proposal, "result": result });
            (Topic::Outcome, format!("{proposal}: {says}"), details)
        }
        Event::RecoveryChecked {
            proposal,
            recovery,
            says,
            ..
        } => {
            let details = json!({ "proposal": proposal, "recovery": recovery });
            let word = match recovery {
                Recovery::Recovered => "recovered",
                Recovery::NoEffect => "no effect",
                Recovery::Worse => "worse",
                Recovery::Unknown => "can't be told",
            };
            (
                Topic::Outcome,
                format!("{proposal}: {word}: {says}"),
                details,
            )
        }
        Event::Resolved { says, .. } => {
            let says = format!("{service} resolved: {says}");
            (Topic::Outcome, says, json!({ "service.name": service }))
        }
        Event::Closed { reason, .. } => {
            let says = format!("{service} closed: {reason}");
            (Topic::Outcome, says, json!({ "service.name": service }))
        }
        Event::PersonNeeded { reason } | Event::InvestigationFailed { reason, .. } => (
            Topic::PersonNeeded,
            reason.clone(),
            json!({ "service.name": service }),
        ),
        _ => return of_approval(incident, record),
    })
}

/// What is offered, asked for, taken back, and decided alone.
fn of_approval(incident: &Incident, record: &Record) -> Option<(Topic, String, Value)> {
    let service = &incident.service;
    Some(match &record.event {
        Event::Proposed { proposal, seal } => {
            let action = &proposal.action;
            let says = format!(
                "approval wanted: {} {} ({} risk)",
                action.kind.name(),
                action.target,
                proposal.risk.name()
            );
            let details = json!({ "proposal": proposal.id, "seal": seal, "action": action,
                "expires": proposal.expires, "why": proposal.why });
            (Topic::ApprovalWanted, says, details)
        }
        Event::Decided {
            proposal,
            reason,
            break_glass: true,
            ..
        } => {
            let who = record.actor.label();
            let says = format!(
                "{who} broke the glass for {proposal}: {reason}; somebody else must review it"
            );
            (
                Topic::BreakGlass,
                says,
                json!({ "proposal": proposal, "by": who }),
            )
        }
        Event::AutomationDecided {
            proposal,
            rule,
            shadow: false,
            reasons,
            ..
        } => {
            let says = format!(
                "{proposal} runs without a person, by the rule {rule:?}; a no or a stop before it begins holds it: {}",
                reasons.join("; ")
            );
            let details = json!({ "proposal": proposal, "rule": rule });
            (Topic::Outcome, says, details)
        }
        Event::RequestRefused { reason, .. } => {
            let says = format!("what was asked for can't be offered: {reason}");
            (Topic::Outcome, says, json!({ "service.name": service }))
        }
        Event::Withdrawn { proposal, reason } => {
            let who = record.actor.label();
            let says = format!("{proposal} was withdrawn by {who}: {reason}");
            (Topic::Outcome, says, json!({ "proposal": proposal }))
        }
        _ => return of_people(incident, record),
    })
}

/// Whose it is, and where its story goes on. An absorbed one is told by the other, and the part
/// that was split off by its own opening.
fn of_people(incident: &Incident, record: &Record) -> Option<(Topic, String, Value)> {
    let service = &incident.service;
    let who = record.actor.label();
    Some(match &record.event {
        Event::Assigned { to, reason } => {
            let says = format!("{service} is {}'s, says {who}: {reason}", to.name());
            (Topic::Assigned, says, json!({ "to": to, "by": who }))
        }
        Event::HandedOver { to, note, .. } => {
            let says = format!("{who} handed {service} over to {}: {note}", to.name());
            (Topic::Assigned, says, json!({ "to": to, "by": who }))
        }
        Event::MergedInto { into, reason } => {
            let says = format!("{service} goes on in {into}: {reason}");
            (
                Topic::Outcome,
                says,
                json!({ "service.name": service, "into": into }),
            )
        }
        Event::Snoozed { until, reason } => {
            let says = format!("{who} snoozed {service} until {until}: {reason}");
            (Topic::Assigned, says, json!({ "until": until, "by": who }))
        }
        Event::Voided { reason } => {
            let says = format!("{service} was declared by mistake, says {who}: {reason}");
            (Topic::Outcome, says, json!({ "service.name": service }))
        }
        _ => return None,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::reminders;
    use model::evidence::answer_digest;
    use model::routing::{Facts, History, Question, decide};
    use model::{
        Actor, Agent, Digest, Evidence, Finding, IncidentId, Routing, Signal, Silences, Subject,
        Timestamp, Window,
    };

    fn finding() -> Finding {
        let window = Window::new(Timestamp(0), Timestamp(60_000));
        Finding {
            rule: "error-rate".to_owned(),
            subject: Subject::service("cart"),
            tick: window.to,
            window,
            signal: Signal::ErrorRate,
            observed: 0.2,
            threshold: 0.05,
            unit: "share".to_owned(),
            held_against: "threshold".to_owned(),
            requests: None,
            since: None,
            notes: Vec::new(),
            evidence: Evidence {
                id: "F1".to_owned(),
                tool: "by hand".to_owned(),
                query: "ROW a = 1".to_owned(),
                parameters: Default::default(),
                window,
                asked_at: window.to,
                says: "a fifth fails".to_owned(),
                columns: Vec::new(),
                rows: Vec::new(),
                row_count: 0,
                answer_digest: answer_digest(&[], &[]),
            },
        }
    }

    /// Opened, a note that nobody is told of, a person asked.
    pub(crate) fn history() -> Vec<Record> {
        let opened = Event::Opened {
            title: "cart fails".to_owned(),
            severity: Severity::Critical,
            severity_reason: "by hand".to_owned(),
            finding: Box::new(finding()),
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
                Event::NoteAdded { .. } => person,
                Event::Opened { .. } => Actor::agent(Agent::Sentinel),
                Event::PersonNeeded { .. } => Actor::agent(Agent::Analyst),
                _ => Actor::agent(Agent::Notifier),
            },
            previous: Digest::ZERO,
            event,
        });
    }

    /// Without any routes.
    fn keys(records: &[Record], channel: &str) -> Vec<String> {
        let incident = Incident::fold(records).expect("legal");
        let decision = decide(&Question {
            routing: &Routing::default(),
            channels: &["chat".to_owned(), "pager".to_owned()],
            facts: &Facts::of(&incident, None),
            news: &news(&incident, records),
            history: &History::of(records),
            silences: &Silences::default(),
            callee: None,
            now: Timestamp(100),
        });
        let due = decision.due.iter().filter(|due| due.channel == channel);
        due.map(|due| {
            let (_, notice) = reminders::notice(&incident, records, due).expect("a notice");
            assert_eq!(notice.key, due.key);
            notice.key
        })
        .collect()
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
        let notice = notice(&incident, &records[0]).expect("is told");
        assert_eq!(
            notice.text,
            format!("[CRITICAL] {}: cart fails", incident.id)
        );
    }
}
