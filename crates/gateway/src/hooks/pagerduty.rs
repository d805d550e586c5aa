//! `POST /webhook/integrations/pagerduty`: what people do with an incident's page: acknowledge,
//! resolve, reassign, reopen, write a note. Never an approval.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use casework::Clock;
use integrations::pagerduty::incoming::{Door, MAX_BODY, OutsideAct, OutsideNote, Said, What};
use model::render::one_line;
use model::{Actor, Assignee, Event, Incident, IncidentId, Record};
use serde_json::{Value, json};

use super::doors::{shut, taken as count};
use super::links::Links;
use super::outside::{Act, Became, reopened, resolved, taken};
use crate::auth::Principal;
use crate::intake::{Came, whole};
use crate::problem::Problem;
use crate::state::Gateway;
use crate::wrongs::Peer;

/// The system's name in routes, metrics and records.
pub const SYSTEM: &str = "pagerduty";
/// Characters of a name in a sentence.
const MAX_NAME: usize = 100;

/// One webhook subscription.
pub struct PagerDutyDoor {
    door: Door,
    /// Subjects of ours by PagerDuty's id of a user.
    people: BTreeMap<String, String>,
    links: Links,
}

impl PagerDutyDoor {
    pub fn new(door: Door, people: BTreeMap<String, String>) -> Self {
        Self {
            door,
            people,
            links: Links::default(),
        }
    }

    fn subject(&self, account: &str) -> Option<&str> {
        self.people.get(account).map(String::as_str)
    }
}

/// 202 whatever it said: PagerDuty stops sending for a day after a few refusals.
pub async fn post(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    peer: Peer,
    body: Came,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let pagerduty = gateway.doors.pagerduty.as_ref();
    let pagerduty = pagerduty.ok_or_else(|| shut(SYSTEM))?;
    let body = whole(body, MAX_BODY)?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // PagerDuty's time is the wall's.
    let arrived = pagerduty
        .door
        .read(header, &body, Clock::wall().now())
        .map_err(|unheard| gateway.doors.unheard(SYSTEM, &unheard, peer))?;
    let became = match &arrived.said {
        Said::Nothing { why } => Ok(*why),
        Said::Ping => Ok("ping"),
        Said::Linked {
            incident,
            pagerduty: place,
        } => linked(&gateway, pagerduty, incident, place).await,
        Said::Act(act) => acted(&gateway, pagerduty, act).await,
        Said::Note(note) => noted(&gateway, pagerduty, note).await,
    };
    // What couldn't be kept is taken as new when PagerDuty tries again.
    let became = became.inspect_err(|_| pagerduty.door.give_back(&arrived))?;
    count(SYSTEM, became);
    Ok((StatusCode::ACCEPTED, Json(json!({ "became": became }))))
}

/// What ties PagerDuty's incident to ours: written by nobody else, since no token's subject is this.
fn tie(place: &str) -> String {
    format!("PagerDuty {place}: opened for this")
}

fn ties(record: &Record, place: &str) -> bool {
    let ours = matches!(&record.actor, Actor::System { subject, .. } if subject == SYSTEM);
    ours && matches!(&record.event, Event::NoteAdded { text } if *text == tie(place))
}

/// Kept in the journal, so that a note finds its incident after a restart too.
async fn linked(
    gateway: &Gateway,
    pagerduty: &PagerDutyDoor,
    incident: &IncidentId,
    place: &str,
) -> Result<&'static str, Problem> {
    let Some(head) = gateway.casework.head(incident).await? else {
        return Ok(NOT_OURS);
    };
    let id = &head.incident.id;
    let stored = gateway.casework.journal().records(id).await?;
    let mut records = stored.iter().filter_map(|stored| stored.record().ok());
    if !records.any(|record| ties(&record, place)) {
        let actor = Actor::System {
            subject: SYSTEM.to_owned(),
            name: "PagerDuty".to_owned(),
        };
        let event = Event::NoteAdded { text: tie(place) };
        gateway.casework.record(id, actor, event).await?;
    }
    pagerduty.links.remember(place, id);
    Ok("linked")
}

const NOT_OURS: &str = "no incident of ours";

async fn acted(
    gateway: &Gateway,
    pagerduty: &PagerDutyDoor,
    act: &OutsideAct,
) -> Result<&'static str, Problem> {
    let id = &act.incident;
    if gateway.casework.head(id).await?.is_none() {
        return Ok(NOT_OURS);
    }
    let says = format!(
        "{} {} {} in PagerDuty",
        one_line(&act.name, MAX_NAME),
        verb(act.what),
        act.pagerduty
    );
    let to = assignee(gateway, pagerduty, act).await?;
    let told = Act {
        system: SYSTEM,
        account: &act.account,
        subject: pagerduty.subject(&act.account),
        mark: format!(
            "PagerDuty {}, {} at {}",
            act.pagerduty,
            verb(act.what),
            act.at
        ),
        says: says.clone(),
    };
    let means = |who: &Principal, incident: &Incident| meaning(act.what, who, incident, &to, &says);
    let became = told.record(gateway, id, means).await?;
    Ok(became.name())
}

/// What a person asks for who does this.
fn meaning(
    what: What,
    who: &Principal,
    incident: &Incident,
    to: &Option<Assignee>,
    says: &str,
) -> Option<Event> {
    match what {
        What::Acknowledged => taken(who, incident, says),
        What::Resolved => resolved(incident, says),
        What::Reopened => reopened(incident, says),
        What::Reassigned | What::Escalated | What::Delegated => {
            let to = to.clone().filter(|_| !incident.status.is_over())?;
            Some(Event::Assigned {
                to,
                reason: says.to_owned(),
            })
        }
        What::Triggered | What::Unacknowledged | What::PriorityUpdated => None,
    }
}

fn verb(what: What) -> &'static str {
    match what {
        What::Triggered => "triggered",
        What::Acknowledged => "acknowledged",
        What::Unacknowledged => "gave back",
        What::Resolved => "resolved",
        What::Reopened => "reopened",
        What::Reassigned => "reassigned",
        What::Escalated => "escalated",
        What::Delegated => "delegated",
        What::PriorityUpdated => "changed the priority of",
    }
}

/// The first of those who have it now who is a person here.
async fn assignee(
    gateway: &Gateway,
    pagerduty: &PagerDutyDoor,
    act: &OutsideAct,
) -> Result<Option<Assignee>, Problem> {
    let mut mapped = act
        .assignees
        .iter()
        .filter_map(|account| pagerduty.subject(account));
    let Some(subject) = mapped.next() else {
        return Ok(None);
    };
    let standing = gateway.casework.standing(subject).await?;
    Ok(standing.map(|standing| Assignee::Person {
        subject: Some(subject.to_owned()),
        name: standing.name,
    }))
}

async fn noted(
    gateway: &Gateway,
    pagerduty: &PagerDutyDoor,
    note: &OutsideNote,
) -> Result<&'static str, Problem> {
    let place = note.pagerduty.as_str();
    let found = pagerduty
        .links
        .find(&gateway.casework, place, |record| ties(record, place));
    let Some(id) = found.await? else {
        return Ok(NOT_OURS);
    };
    let act = Act {
        system: SYSTEM,
        account: &note.account,
        subject: pagerduty.subject(&note.account),
        mark: format!("PagerDuty {place}, note {}", note.note),
        says: match note.cut {
            true => format!("{} … (PagerDuty cut it)", note.text),
            false => note.text.clone(),
        },
    };
    let became = act.record(gateway, &id, |_, _| None).await;
    became.map(Became::name)
}
