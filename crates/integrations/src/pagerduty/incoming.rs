//! What PagerDuty tells us (webhooks v3): a person acknowledged, resolved, wrote a note. All of it
//! is data: nothing here acts, and a text is never an instruction.

use model::render::one_line;
use model::{Digest, IncidentId, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::body_signature::is_signed;
use crate::callback::{self, Memory, Reading, Unheard};
use crate::secret::Secret;

/// Where PagerDuty writes its signatures, in lower case: `v1=` and hexadecimal digits, several with
/// commas between while a secret is changed.
pub const SIGNATURE: &str = "x-pagerduty-signature";
/// Signatures that are looked at: there are two while a secret is changed.
pub const MAX_SIGNATURES: usize = 8;
/// Bytes of a callback: PagerDuty sends no more than 256 KB.
pub const MAX_BODY: usize = 256 << 10;
/// Characters of a note that are kept.
pub const MAX_NOTE: usize = 8_000;
/// Characters of an id or a name that are kept.
const MAX_FIELD: usize = 255;
/// People that an incident is assigned to.
const MAX_ASSIGNEES: usize = 50;

/// What was done with a PagerDuty incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Triggered,
    Acknowledged,
    Unacknowledged,
    Resolved,
    Reopened,
    Reassigned,
    Escalated,
    Delegated,
    PriorityUpdated,
}

/// A person did something with the PagerDuty incident of one of our alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutsideAct {
    pub incident: IncidentId,
    /// PagerDuty's id of its incident.
    pub pagerduty: String,
    pub what: What,
    /// PagerDuty's id of the person.
    pub account: String,
    /// As the person calls itself: to be shown, never to be compared.
    pub name: String,
    /// PagerDuty's ids of those who it is assigned to now.
    pub assignees: Vec<String>,
    pub at: Timestamp,
}

/// A person wrote a note. It names no alert: only PagerDuty's incident, which [`Said::Linked`] and
/// [`OutsideAct`] tie to ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutsideNote {
    pub pagerduty: String,
    /// PagerDuty's id of the note: the same one is the same note.
    pub note: String,
    pub account: String,
    pub name: String,
    /// As it was written, cut: render it before it is shown anywhere.
    pub text: String,
    /// PagerDuty had cut it before.
    pub cut: bool,
    pub at: Timestamp,
}

/// What a callback said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Said {
    /// PagerDuty opened an incident for our alert: its id.
    Linked {
        incident: IncidentId,
        pagerduty: String,
    },
    Act(OutsideAct),
    Note(OutsideNote),
    /// Somebody tries the webhook.
    Ping,
    /// Nothing for us: why.
    Nothing {
        why: &'static str,
    },
}

/// A callback that was taken, by the digest of the event's id. Answer it with 202, whatever it said:
/// PagerDuty stops sending for a day after a few refusals.
pub type Arrived = callback::Arrived<Said>;

impl callback::Said for Said {
    fn nothing(why: &'static str) -> Self {
        Self::Nothing { why }
    }

    fn change(&self) -> Option<(&str, &'static str)> {
        match self {
            Self::Act(act) => Some((&act.pagerduty, "a later act came before it")),
            Self::Linked { .. } | Self::Note(_) | Self::Ping | Self::Nothing { .. } => None,
        }
    }
}

/// The door that PagerDuty knocks on. One for each webhook subscription.
#[derive(Debug)]
pub struct Door {
    secret: Secret,
    memory: Memory,
}

impl Door {
    /// `secret` is what PagerDuty showed once, when the subscription was made.
    pub fn new(secret: Secret) -> Self {
        Self {
            secret,
            memory: Memory::default(),
        }
    }

    /// Reads a callback. `header` gives a header's value by its name in lower case.
    ///
    /// # Errors
    /// Why it was not taken, and with which status to answer.
    pub fn read<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Arrived, Unheard> {
        callback::sized(body, MAX_BODY)?;
        self.prove(header(SIGNATURE), body)?;
        let value = callback::json(body)?;
        let event = value.get("event").ok_or_else(|| missing("event"))?;
        let id = text(event, "id").ok_or_else(|| missing("event.id"))?;
        let at = event.get("occurred_at").and_then(Value::as_str);
        let at = at
            .and_then(Timestamp::parse)
            .ok_or_else(|| missing("event.occurred_at"))?;
        let reading = Reading {
            key: Digest::of_pieces(&[b"pagerduty", id.as_bytes()]),
            at,
            field: "event.occurred_at",
            said: said(event, at)?,
        };
        self.memory.take(reading, now)
    }

    /// What a callback said could not be kept: answer 503, and PagerDuty's next try is taken as new.
    pub fn give_back(&self, arrived: &Arrived) {
        self.memory.give_back(&arrived.key);
    }

    fn prove(&self, given: Option<&str>, body: &[u8]) -> Result<(), Unheard> {
        let given =
            given.ok_or_else(|| Unheard::Unproven(format!("the header {SIGNATURE} is missing")))?;
        let one_is_right = given
            .split(',')
            .take(MAX_SIGNATURES)
            .filter_map(|one| one.trim().strip_prefix("v1="))
            .any(|one| is_signed(&self.secret, body, one));
        if one_is_right {
            return Ok(());
        }
        let says = "no v1 signature is that of the configured secret over what was sent";
        Err(Unheard::Unproven(says.to_owned()))
    }
}

fn said(event: &Value, at: Timestamp) -> Result<Said, Unheard> {
    let kind = text(event, "event_type").ok_or_else(|| missing("event.event_type"))?;
    let what = match kind.as_str() {
        "pagey.ping" => return Ok(Said::Ping),
        "incident.annotated" => return noted(event, at),
        "incident.triggered" => What::Triggered,
        "incident.acknowledged" => What::Acknowledged,
        "incident.unacknowledged" => What::Unacknowledged,
        "incident.resolved" => What::Resolved,
        "incident.reopened" => What::Reopened,
        "incident.reassigned" => What::Reassigned,
        "incident.escalated" => What::Escalated,
        "incident.delegated" => What::Delegated,
        "incident.priority_updated" => What::PriorityUpdated,
        _ => return Ok(nothing("another kind of event")),
    };
    acted(event, what, at)
}

fn acted(event: &Value, what: What, at: Timestamp) -> Result<Said, Unheard> {
    let data = event.get("data").ok_or_else(|| missing("event.data"))?;
    let pagerduty = text(data, "id").ok_or_else(|| missing("event.data.id"))?;
    let key = data.get("incident_key").and_then(Value::as_str);
    let incident = key
        .and_then(IncidentId::parse)
        .filter(|incident| !incident.is_system());
    let Some(incident) = incident else {
        return Ok(nothing("no incident of ours"));
    };
    let Some((account, name)) = person(event) else {
        return Ok(match what {
            What::Triggered => Said::Linked {
                incident,
                pagerduty,
            },
            // What we sent comes back as the integration's doing.
            _ => nothing("no person's doing"),
        });
    };
    let assignees = data.get("assignees").and_then(Value::as_array);
    let assignees = assignees
        .into_iter()
        .flatten()
        .filter_map(|one| text(one, "id"))
        .take(MAX_ASSIGNEES);
    Ok(Said::Act(OutsideAct {
        incident,
        pagerduty,
        what,
        account,
        name,
        assignees: assignees.collect(),
        at,
    }))
}

fn noted(event: &Value, at: Timestamp) -> Result<Said, Unheard> {
    let data = event.get("data").ok_or_else(|| missing("event.data"))?;
    let Some((account, name)) = person(event) else {
        return Ok(nothing("no person's doing"));
    };
    let incident = data.get("incident");
    let content = data.get("content").and_then(Value::as_str);
    let content = content.ok_or_else(|| missing("event.data.content"))?;
    Ok(Said::Note(OutsideNote {
        pagerduty: incident
            .and_then(|incident| text(incident, "id"))
            .ok_or_else(|| missing("event.data.incident.id"))?,
        note: text(data, "id").ok_or_else(|| missing("event.data.id"))?,
        account,
        name,
        text: content.trim().chars().take(MAX_NOTE).collect(),
        cut: data.get("trimmed").and_then(Value::as_bool) == Some(true),
        at,
    }))
}

/// Who did it, if it was a person: id and name.
fn person(event: &Value) -> Option<(String, String)> {
    let agent = event.get("agent")?;
    let kind = agent.get("type").and_then(Value::as_str)?;
    matches!(kind, "user_reference" | "user").then_some(())?;
    let id = text(agent, "id")?;
    let name = text(agent, "summary").unwrap_or_else(|| id.clone());
    Some((id, name))
}

fn text(of: &Value, name: &str) -> Option<String> {
    let text = of.get(name).and_then(Value::as_str)?;
    Some(one_line(text, MAX_FIELD)).filter(|text| !text.is_empty())
}

fn nothing(why: &'static str) -> Said {
    Said::Nothing { why }
}

fn missing(field: &str) -> Unheard {
    Unheard::Unreadable(format!("{field}: is missing, or isn't what it should be"))
}
