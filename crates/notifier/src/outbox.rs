//! What is still to be told. Pure.

use std::collections::BTreeSet;

use integrations::{Notice, Told};
use model::{Event, ExecutionResult, Incident, Record, Recovery, Severity, Timestamp, Topic};
use serde_json::{Value, json};

/// An incident that ended while a channel couldn't be reached is told all the same, if that was
/// within this time: outages last hours.
pub const TOLD_WITHIN_MS: i64 = 24 * 3_600_000;

/// The notices that a channel hasn't got yet, in the order of the records that they are about.
pub fn due<'r>(
    incident: &Incident,
    records: &'r [Record],
    channel: &str,
) -> Vec<(&'r Record, Notice)> {
    let told: BTreeSet<u64> = records
        .iter()
        .filter_map(|record| match &record.event {
            Event::NoticeSent {
                channel: to, about, ..
            } if to == channel => Some(*about),
            _ => None,
        })
        .collect();
    records
        .iter()
        .filter(|record| !told.contains(&record.seq))
        .filter_map(|record| Some((record, notice(incident, record)?)))
        .collect()
}

/// Where a channel put what it told of an incident, the first first.
pub fn told(records: &[Record], channel: &str) -> Vec<Told> {
    let of_channel = |record: &Record| match &record.event {
        Event::NoticeSent {
            channel: to,
            about,
            place: Some(place),
            ..
        } if to == channel => Some(Told {
            about: *about,
            place: place.clone(),
        }),
        _ => None,
    };
    records.iter().filter_map(of_channel).collect()
}

/// The last record that changes what a channel shows: that notices were sent changes nothing, but
/// for the first word of where another channel has the incident.
pub fn last_change(records: &[Record], channel: &str) -> u64 {
    let mut others = BTreeSet::new();
    let changes = |record: &&Record| match &record.event {
        Event::NoticeSent {
            channel: to, place, ..
        } => to != channel && place.is_some() && others.insert(to.clone()),
        _ => true,
    };
    let changes = records.iter().filter(changes);
    changes.map(|record| record.seq).max().unwrap_or(0)
}

/// The last record that says that something was sent to a channel; 0: nothing was.
pub fn last_sent(records: &[Record], channel: &str) -> u64 {
    let sent = records.iter().filter(
        |record| matches!(&record.event, Event::NoticeSent { channel: to, .. } if to == channel),
    );
    sent.map(|record| record.seq).max().unwrap_or(0)
}

/// Whether an incident was over long before a channel heard its first word of it: a channel that is
/// new isn't told old stories.
pub fn is_an_old_story(
    incident: &Incident,
    records: &[Record],
    channel: &str,
    now: Timestamp,
) -> bool {
    if !incident.status.is_over() || last_sent(records, channel) > 0 {
        return false;
    }
    let last_word = records
        .iter()
        .rfind(|record| !matches!(record.event, Event::NoticeSent { .. }));
    last_word.is_some_and(|record| now.ms().saturating_sub(record.at.ms()) > TOLD_WITHIN_MS)
}

/// The notice that a record calls for, if any.
fn notice(incident: &Incident, record: &Record) -> Option<Notice> {
    let (topic, says, details) = wording(incident, record)?;
    Some(Notice {
        key: record.id(),
        topic,
        incident_id: incident.id.clone(),
        text: format!("[{}] {}: {says}", shout(incident.severity), incident.id),
        at: record.at.to_string(),
        details,
    })
}

fn shout(severity: Severity) -> String {
    severity.name().to_uppercase()
}

fn wording(incident: &Incident, record: &Record) -> Option<(Topic, String, Value)> {
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
        Event::Acknowledged { owner, note } => {
            let note = note.as_deref().unwrap_or_default().trim();
            let says = match note {
                "" => format!("{service} was taken by {owner}"),
                note => format!("{service} was taken by {owner}: {note}"),
            };
            (
                Topic::Acknowledged,
                says,
                json!({ "owner": owner, "by": who }),
            )
        }
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
        Event::Voided { reason } => {
            let says = format!("{service} was declared by mistake, says {who}: {reason}");
            (Topic::Outcome, says, json!({ "service.name": service }))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
