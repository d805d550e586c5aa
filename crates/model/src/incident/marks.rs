//! What people say of an incident without ending it: what it is called, whom it hurts, whose it is.

use serde::{Deserialize, Serialize};

use super::Incident;
use super::apply::{Ruling, illegal};
use super::ties::{MAX_TITLE_CHARS, MAX_WORDS_CHARS, worded};
use crate::actor::{Actor, Assignee};
use crate::record::{Event, Record};
use crate::time::Timestamp;

/// Characters of a person's or a team's name.
pub const MAX_NAME_CHARS: usize = 200;
/// The longest snooze: a week. What can wait longer is no incident.
pub const MAX_SNOOZE_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Who wants no reminder, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Snooze {
    pub by: Actor,
    pub at: Timestamp,
    pub until: Timestamp,
    pub reason: String,
}

pub(super) fn apply(incident: &mut Incident, record: &Record) -> Ruling {
    let event = &record.event;
    match event {
        Event::Edited { title, impact } => {
            edit(incident, event, title.as_deref(), impact.as_deref())
        }
        Event::Assigned { to, reason } => {
            worded(event, "a reason", reason)?;
            give(incident, event, to)
        }
        Event::HandedOver { from, to, note } => {
            worded(event, "a note on where things stand", note)?;
            holds(incident, record, from)?;
            give(incident, event, to)
        }
        Event::Snoozed { until, reason } => {
            worded(event, "a reason", reason)?;
            let length = until.ms() - record.at.ms();
            if !(1..=MAX_SNOOZE_MS).contains(&length) {
                let text = "it ends in the past, or lasts over a week";
                return Err(illegal(event, text));
            }
            incident.snoozed = Some(Snooze {
                by: record.actor.clone(),
                at: record.at,
                until: *until,
                reason: reason.clone(),
            });
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What was there before stays in the records before.
fn edit(
    incident: &mut Incident,
    event: &Event,
    title: Option<&str>,
    impact: Option<&str>,
) -> Ruling {
    if title.is_some_and(|title| title.trim().is_empty()) {
        return Err(illegal(event, "an incident has a title"));
    }
    if title.is_some_and(|title| title.chars().count() > MAX_TITLE_CHARS) {
        let text = format!("a title has at most {MAX_TITLE_CHARS} characters");
        return Err(illegal(event, text));
    }
    if impact.is_some_and(|impact| impact.chars().count() > MAX_WORDS_CHARS) {
        let text = format!("an impact of over {MAX_WORDS_CHARS} characters");
        return Err(illegal(event, text));
    }
    // Empty takes it away.
    let impact = impact.map(|impact| Some(impact).filter(|impact| !impact.trim().is_empty()));
    let other_title = title.is_some_and(|title| title != incident.title);
    let other_impact = impact.is_some_and(|impact| impact != incident.impact.as_deref());
    if !other_title && !other_impact {
        return Err(illegal(event, "it changes nothing"));
    }
    if let Some(title) = title {
        incident.title = title.to_owned();
    }
    if let Some(impact) = impact {
        incident.impact = impact.map(str::to_owned);
    }
    Ok(())
}

/// A person has it now; or a team, of which nobody has it yet.
fn give(incident: &mut Incident, event: &Event, to: &Assignee) -> Ruling {
    let name = to.name();
    if name.trim().is_empty() || name.chars().count() > MAX_NAME_CHARS {
        let text = format!("a name has 1 to {MAX_NAME_CHARS} characters");
        return Err(illegal(event, text));
    }
    let (owner, subject, team) = match to {
        Assignee::Person { subject, name } => {
            let team = incident.team.clone();
            (Some(name.clone()), subject.clone(), team)
        }
        Assignee::Team { name } => (None, None, Some(name.clone())),
    };
    if owner == incident.owner && subject == incident.owner_subject && team == incident.team {
        return Err(illegal(event, format!("{name} has it already")));
    }
    incident.owner = owner;
    incident.owner_subject = subject;
    incident.team = team;
    Ok(())
}

/// Whoever has it hands it over; anybody else assigns it.
fn holds(incident: &Incident, record: &Record, from: &str) -> Ruling {
    let event = &record.event;
    let Some(owner) = incident.owner.as_deref() else {
        return Err(illegal(event, "nobody has it: assign it"));
    };
    if owner != from {
        return Err(illegal(event, format!("{owner} has it, not {from}")));
    }
    let is_theirs = match (&record.actor, incident.owner_subject.as_deref()) {
        (Actor::Person { subject, .. }, Some(holder)) => subject == holder,
        (actor, _) => actor.label() == owner,
    };
    if is_theirs {
        return Ok(());
    }
    let text = format!("{owner} has it and hands it over; assign it instead");
    Err(illegal(event, text))
}
