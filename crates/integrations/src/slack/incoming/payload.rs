//! What Slack sends, read: forms with JSON in them, forms, and JSON.

use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::slack::blocks::limits::{MAX_BUTTON_VALUE, MAX_INPUT, MAX_PRIVATE_METADATA};
use crate::slack::blocks::{REASON, REASON_BLOCK};

/// Characters of an id of Slack's: they have about eleven.
pub const MAX_ID: usize = 64;
/// Characters of a trigger, a `ts`, an `action_id` or `callback_id`.
pub const MAX_KEY: usize = 255;
/// Bytes of the challenge of `url_verification`.
pub const MAX_CHALLENGE: usize = 1024;
/// Bytes of what follows a slash command.
pub const MAX_COMMAND: usize = 4096;
/// Fields of a form: a slash command has about fifteen.
pub const MAX_FIELDS: usize = 64;
/// Bytes of one character at most, where a limit is in characters.
const WIDEST: usize = 4;

/// What couldn't be read, and why. Answered as 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct Unreadable {
    /// The field, by its path.
    pub place: String,
    pub why: &'static str,
}

/// Who sent it, as Slack says. That alone makes nobody a person of ours: see [`super::who()`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// `A…`: whom it was sent to.
    pub app: String,
    /// `T…`: the workspace in which it happened. None where the app is installed for a whole
    /// organisation and Slack doesn't say.
    pub team: Option<String>,
    /// `E…`: the organisation of the workspace.
    pub enterprise: Option<String>,
    /// Whether the app is installed for the whole organisation.
    pub enterprise_install: bool,
    /// `U…` or `W…`.
    pub user: String,
    /// The workspace, or organisation, that the user belongs to. Slash commands don't say.
    pub user_team: Option<String>,
}

/// A click on a button of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    pub sender: Sender,
    /// Opens a modal within 3 s.
    pub trigger: String,
    pub action: String,
    pub value: String,
    pub channel: Option<String>,
    pub message: Option<String>,
}

/// A modal that was submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    pub sender: Sender,
    pub trigger: Option<String>,
    pub callback: String,
    /// What the modal kept for us.
    pub metadata: String,
    /// What the person wrote.
    pub reason: String,
}

/// `/datapulse` and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub sender: Sender,
    pub trigger: String,
    pub command: String,
    pub text: String,
    pub channel: Option<String>,
}

/// An event that Slack tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    pub app: String,
    pub id: String,
    pub kind: String,
}

/// One thing that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Slack asks whether the URL is ours: it is answered with this.
    Challenge(String),
    Click(Click),
    Submission(Submission),
    Command(Command),
    Happened(Happened),
    /// Of a kind that nothing is done about: it is acknowledged.
    Ignored(String),
}

impl Incoming {
    /// Who sent it; events and challenges come from nobody.
    pub fn sender(&self) -> Option<&Sender> {
        match self {
            Self::Click(click) => Some(&click.sender),
            Self::Submission(submission) => Some(&submission.sender),
            Self::Command(command) => Some(&command.sender),
            Self::Challenge(_) | Self::Happened(_) | Self::Ignored(_) => None,
        }
    }

    /// For whose app it is, where that is said.
    pub fn app(&self) -> Option<&str> {
        match self {
            Self::Happened(happened) => Some(&happened.app),
            other => other.sender().map(|sender| sender.app.as_str()),
        }
    }

    /// What it is known by when it comes again.
    pub fn key(&self) -> Option<String> {
        match self {
            Self::Click(click) => Some(format!("click {}", click.trigger)),
            Self::Submission(submission) => {
                let trigger = submission.trigger.as_ref()?;
                Some(format!("submission {trigger}"))
            }
            Self::Command(command) => Some(format!("command {}", command.trigger)),
            Self::Happened(happened) => Some(format!("event {}", happened.id)),
            Self::Challenge(_) | Self::Ignored(_) => None,
        }
    }

    /// The body of a request, whose signature was checked already.
    pub fn from_http(content_type: &str, body: &[u8]) -> Result<Self, Unreadable> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/json") {
            return event(&json("the body", body)?);
        }
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(unreadable("content-type", "expected JSON or a form"));
        }
        let mut form = Map::new();
        for (name, value) in form_urlencoded::parse(body) {
            if form.len() >= MAX_FIELDS {
                return Err(unreadable("the body", "too many fields"));
            }
            // Of two fields with one name it can't be told which is meant.
            if form.insert(name.to_string(), value.into()).is_some() {
                return Err(unreadable(&name, "is there twice"));
            }
        }
        match form.get("payload").and_then(Value::as_str) {
            Some(payload) => interaction(&json("payload", payload.as_bytes())?),
            None => command(&Value::Object(form)),
        }
    }

    /// The payload of an envelope of this type.
    pub fn from_socket(kind: &str, payload: &Value) -> Result<Self, Unreadable> {
        match kind {
            "interactive" => interaction(payload),
            "slash_commands" => command(payload),
            "events_api" => event(payload),
            other => Ok(Self::Ignored(short(other))),
        }
    }
}

fn interaction(payload: &Value) -> Result<Incoming, Unreadable> {
    match payload["type"].as_str() {
        Some("block_actions") => click(payload),
        Some("view_submission") => Ok(Incoming::Submission(submission(payload)?)),
        Some(other) => Ok(Incoming::Ignored(short(other))),
        None => Err(unreadable("type", "is missing")),
    }
}

fn click(payload: &Value) -> Result<Incoming, Unreadable> {
    let actions = payload["actions"].as_array();
    let action = match actions.map(Vec::as_slice) {
        Some([action]) => action,
        _ => return Err(unreadable("actions", "expected one")),
    };
    if action["type"].as_str() != Some("button") {
        return Ok(Incoming::Ignored(
            "another element than a button".to_owned(),
        ));
    }
    let container = &payload["container"];
    Ok(Incoming::Click(Click {
        sender: sender(payload)?,
        trigger: text(payload, "trigger_id", MAX_KEY)?,
        action: text(action, "action_id", MAX_KEY)?,
        value: maybe(action, "value", MAX_BUTTON_VALUE)?.unwrap_or_default(),
        channel: maybe_id(container, "channel_id")?,
        message: maybe(container, "message_ts", MAX_KEY)?,
    }))
}

fn submission(payload: &Value) -> Result<Submission, Unreadable> {
    let view = &payload["view"];
    let written = &view["state"]["values"][REASON_BLOCK][REASON];
    Ok(Submission {
        sender: sender(payload)?,
        trigger: maybe(payload, "trigger_id", MAX_KEY)?,
        callback: text(view, "callback_id", MAX_KEY)?,
        metadata: maybe(view, "private_metadata", MAX_PRIVATE_METADATA)?.unwrap_or_default(),
        reason: maybe(written, "value", MAX_INPUT)?.unwrap_or_default(),
    })
}

fn sender(payload: &Value) -> Result<Sender, Unreadable> {
    Ok(Sender {
        app: id(payload, "api_app_id")?,
        team: maybe_id(&payload["team"], "id")?,
        enterprise: maybe_id(&payload["enterprise"], "id")?,
        enterprise_install: is_true(&payload["is_enterprise_install"]),
        user: id(&payload["user"], "id")?,
        user_team: maybe_id(&payload["user"], "team_id")?,
    })
}

fn command(form: &Value) -> Result<Incoming, Unreadable> {
    let command = text(form, "command", MAX_KEY)?;
    Ok(Incoming::Command(Command {
        sender: Sender {
            app: id(form, "api_app_id")?,
            team: maybe_id(form, "team_id")?,
            enterprise: maybe_id(form, "enterprise_id")?,
            enterprise_install: is_true(&form["is_enterprise_install"]),
            user: id(form, "user_id")?,
            user_team: None,
        },
        trigger: text(form, "trigger_id", MAX_KEY)?,
        command,
        text: maybe(form, "text", MAX_COMMAND)?.unwrap_or_default(),
        channel: maybe_id(form, "channel_id")?,
    }))
}

fn event(body: &Value) -> Result<Incoming, Unreadable> {
    match body["type"].as_str() {
        Some("url_verification") => {
            let challenge = text(body, "challenge", MAX_CHALLENGE)?;
            Ok(Incoming::Challenge(challenge))
        }
        Some("event_callback") => Ok(Incoming::Happened(Happened {
            app: id(body, "api_app_id")?,
            id: text(body, "event_id", MAX_KEY)?,
            kind: text(&body["event"], "type", MAX_KEY)?,
        })),
        Some(other) => Ok(Incoming::Ignored(short(other))),
        None => Err(unreadable("type", "is missing")),
    }
}

fn json(place: &str, bytes: &[u8]) -> Result<Value, Unreadable> {
    serde_json::from_slice(bytes).map_err(|_| unreadable(place, "isn't JSON"))
}

fn text(of: &Value, name: &str, most: usize) -> Result<String, Unreadable> {
    let found = maybe(of, name, most)?.filter(|text| !text.is_empty());
    found.ok_or_else(|| unreadable(name, "is missing"))
}

fn maybe(of: &Value, name: &str, most: usize) -> Result<Option<String>, Unreadable> {
    match &of[name] {
        Value::Null => Ok(None),
        Value::String(text) if text.len() > most * WIDEST => Err(unreadable(name, "is too long")),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(unreadable(name, "expected a text")),
    }
}

fn id(of: &Value, name: &str) -> Result<String, Unreadable> {
    maybe_id(of, name)?.ok_or_else(|| unreadable(name, "is missing"))
}

fn maybe_id(of: &Value, name: &str) -> Result<Option<String>, Unreadable> {
    let Some(text) = maybe(of, name, MAX_ID)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.len() > MAX_ID || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(unreadable(name, "is no id"));
    }
    Ok(Some(text))
}

/// Forms write it as a text.
fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or(false) || value.as_str() == Some("true")
}

fn short(text: &str) -> String {
    model::render::one_line(text, MAX_ID)
}

fn unreadable(place: &str, why: &'static str) -> Unreadable {
    let place = short(place);
    Unreadable { place, why }
}
