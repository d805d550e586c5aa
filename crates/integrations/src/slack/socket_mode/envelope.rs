//! What comes through the socket, and which envelopes came before.

use std::collections::{HashMap, VecDeque};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::slack::reply::Reply;

/// Envelopes that are remembered with their answers. The oldest is forgotten first: what is in it
/// is known by its own id all the same.
pub const MAX_ENVELOPES: usize = 1_000;
/// Characters of an envelope's id.
const MAX_ID: usize = 255;

/// One message of Slack's.
#[derive(Debug, PartialEq)]
pub enum Heard {
    /// The connection is ready, for this app.
    Hello {
        app: Option<String>,
    },
    Envelope(Envelope),
    /// The connection is about to be closed.
    Disconnect {
        reason: String,
    },
    /// Nothing that we know.
    Other,
}

/// Something to be acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    pub id: String,
    pub kind: String,
    pub payload: Value,
    /// Whether an acknowledgement may bring an answer.
    pub takes_answer: bool,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    envelope_id: Option<String>,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    accepts_response_payload: bool,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    connection_info: Value,
}

/// Reads a message. `None`: it isn't one of Slack's.
pub fn hear(text: &str) -> Option<Heard> {
    let raw: Raw = serde_json::from_str(text).ok()?;
    Some(match (raw.kind.as_str(), raw.envelope_id) {
        ("hello", _) => Heard::Hello {
            app: raw.connection_info["app_id"].as_str().map(str::to_owned),
        },
        ("disconnect", _) => Heard::Disconnect {
            reason: raw.reason.unwrap_or_default(),
        },
        (_, Some(id)) if (1..=MAX_ID).contains(&id.len()) => Heard::Envelope(Envelope {
            id,
            takes_answer: raw.accepts_response_payload,
            payload: raw.payload,
            kind: raw.kind,
        }),
        _ => Heard::Other,
    })
}

/// The acknowledgement of an envelope, with its answer where it takes one.
pub fn acknowledgement(envelope: &Envelope, reply: &Reply) -> Option<String> {
    if *reply == Reply::Silence {
        return None;
    }
    let body = reply.body();
    let said = match body.filter(|_| envelope.takes_answer) {
        Some(body) => json!({ "envelope_id": envelope.id, "payload": body }),
        // An answer that can't be given is no success: better nothing.
        None if matches!(reply, Reply::Errors(_) | Reply::Instead(_)) => return None,
        None => json!({ "envelope_id": envelope.id }),
    };
    Some(said.to_string())
}

/// What is known of an envelope.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    New,
    /// It is being handled.
    Working,
    Answered(Reply),
}

/// Envelopes and their answers.
#[derive(Debug)]
pub struct Envelopes {
    room: usize,
    known: HashMap<String, Option<Reply>>,
    order: VecDeque<String>,
}

impl Envelopes {
    /// Of at most `room` envelopes.
    pub fn new(room: usize) -> Self {
        Self {
            room,
            known: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// What was known of an envelope; from now on it is being handled.
    pub fn begin(&mut self, id: &str) -> Known {
        match self.known.get(id) {
            Some(Some(reply)) => return Known::Answered(reply.clone()),
            Some(None) => return Known::Working,
            None => {}
        }
        while self.known.len() >= self.room {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.known.remove(&oldest);
        }
        self.known.insert(id.to_owned(), None);
        self.order.push_back(id.to_owned());
        Known::New
    }

    /// It was answered.
    pub fn answered(&mut self, id: &str, reply: Reply) {
        if let Some(known) = self.known.get_mut(id) {
            *known = Some(reply);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(takes_answer: bool) -> Envelope {
        Envelope {
            id: "e1".to_owned(),
            kind: "interactive".to_owned(),
            payload: json!({}),
            takes_answer,
        }
    }

    #[test]
    fn slacks_documented_messages_are_read() {
        let hello = r#"{"type":"hello","connection_info":{"app_id":"A1234"},"num_connections":1,"debug_info":{"host":"applink-7fc4fdbb64-4x5xq","started":"2020-10-11 12:12:12.120","build_number":1,"approximate_connection_time":18060}}"#;
        let app = Some("A1234".to_owned());
        assert_eq!(hear(hello), Some(Heard::Hello { app }));
        let disconnect = r#"{"type":"disconnect","reason":"warning","debug_info":{"host":"applink-7fc4fdbb64-4x5xq"}}"#;
        let reason = "warning".to_owned();
        assert_eq!(hear(disconnect), Some(Heard::Disconnect { reason }));
        let sent = r#"{"payload":{},"envelope_id":"e1","type":"interactive","accepts_response_payload":true}"#;
        assert_eq!(hear(sent), Some(Heard::Envelope(envelope(true))));
        assert_eq!(hear(r#"{"type":"new","x":1}"#), Some(Heard::Other));
        assert_eq!(hear("Ping from applink"), None);
    }

    #[test]
    fn an_envelope_is_new_once_and_keeps_its_answer() {
        let mut envelopes = Envelopes::new(2);
        assert_eq!(envelopes.begin("a"), Known::New);
        assert_eq!(envelopes.begin("a"), Known::Working);
        envelopes.answered("a", Reply::Taken);
        assert_eq!(envelopes.begin("a"), Known::Answered(Reply::Taken));
        assert_eq!(envelopes.begin("b"), Known::New);
        assert_eq!(envelopes.begin("c"), Known::New, "the oldest is forgotten");
        assert_eq!(envelopes.known.len(), 2);
        assert_eq!(envelopes.begin("a"), Known::New);
    }

    #[test]
    fn an_acknowledgement_is_no_success_where_the_answer_was_none() {
        let errors = Reply::Errors("no".to_owned());
        let said = acknowledgement(&envelope(true), &errors).expect("is said");
        assert!(said.contains("response_action"), "{said}");
        assert_eq!(acknowledgement(&envelope(false), &errors), None);
        assert_eq!(acknowledgement(&envelope(true), &Reply::Silence), None);
        assert_eq!(
            acknowledgement(&envelope(false), &Reply::Taken).as_deref(),
            Some(r#"{"envelope_id":"e1"}"#)
        );
    }
}
