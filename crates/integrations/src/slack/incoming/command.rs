//! What somebody asks for with the slash command.

use model::IncidentId;

use super::payload::{Command, MAX_ID};

/// Whom an incident is to be given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taker {
    Me,
    /// A user of Slack, by the id that Slack put in place of the name.
    User(String),
    Team(String),
}

/// What follows `/datapulse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Nothing: what is open.
    List,
    Show(IncidentId),
    Acknowledge(IncidentId),
    Note {
        incident: IncidentId,
        text: String,
    },
    Assign {
        incident: IncidentId,
        to: Taker,
    },
    /// As a false alarm, or as another's double.
    Close {
        incident: IncidentId,
        double_of: Option<IncidentId>,
        reason: String,
    },
    /// Every execution, with a reason.
    Stop(String),
    /// `help`, and all that isn't understood.
    Help,
}

impl Command {
    /// What is asked for. Words in any case, ids as they are written. What isn't understood as a
    /// whole does nothing.
    pub fn wish(&self) -> Wish {
        let (word, rest) = first(&self.text);
        let wish = match word.to_ascii_lowercase().as_str() {
            "" | "list" if rest.is_empty() => Some(Wish::List),
            "ack" => incident(rest).map(Wish::Acknowledge),
            "stop" => reason(rest).map(Wish::Stop),
            "note" => about(rest).and_then(|(incident, text)| {
                let text = reason(text)?;
                Some(Wish::Note { incident, text })
            }),
            "assign" => about(rest).and_then(|(incident, to)| {
                let to = taker(to)?;
                Some(Wish::Assign { incident, to })
            }),
            "close" => about(rest).and_then(|(incident, why)| close(incident, why)),
            _ if rest.is_empty() => incident(word).map(Wish::Show),
            _ => None,
        };
        wish.unwrap_or(Wish::Help)
    }
}

/// The first word, and what follows it.
fn first(text: &str) -> (&str, &str) {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

fn incident(word: &str) -> Option<IncidentId> {
    IncidentId::parse(word).filter(|id| !id.is_system())
}

/// An incident, and what follows it.
fn about(text: &str) -> Option<(IncidentId, &str)> {
    let (word, rest) = first(text);
    Some((incident(word)?, rest))
}

fn reason(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn close(of: IncidentId, why: &str) -> Option<Wish> {
    let (word, rest) = first(why);
    let (double_of, why) = match word.eq_ignore_ascii_case("duplicate") {
        // A word that says it is a double, and of what isn't said: nothing is closed.
        true => about(rest).map(|(other, why)| (Some(other), why))?,
        false => (None, why),
    };
    Some(Wish::Close {
        incident: of,
        double_of,
        reason: reason(why)?,
    })
}

/// `me`, `team NAME`, or `<@U0123456789|anna>` as Slack writes a user that was named.
fn taker(text: &str) -> Option<Taker> {
    let (word, rest) = first(text);
    if word.eq_ignore_ascii_case("me") && rest.is_empty() {
        return Some(Taker::Me);
    }
    if word.eq_ignore_ascii_case("team") {
        return reason(rest).map(Taker::Team);
    }
    let named = text.strip_prefix("<@")?.strip_suffix('>')?;
    let id = named.split('|').next().unwrap_or_default();
    let is_id = (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    is_id.then(|| Taker::User(id.to_owned()))
}
