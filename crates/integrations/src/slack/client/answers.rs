//! What Slack's answers mean to a caller: whether it acted, and whether to ask again.

use std::time::Duration;

use model::render::one_line;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::outbound::{Answer, is_not_now};

/// Where Slack asks to come back and doesn't say when: its limits are by the minute.
pub const USUAL_WAIT: Duration = Duration::from_secs(30);
/// Characters of Slack's own words in an error's text.
const MAX_WORDS: usize = 300;

/// `error`s by which Slack says that it isn't now.
const NOT_NOW: &[&str] = &["ratelimited", "rate_limited", "message_limit_exceeded"];
/// `error`s by which Slack says that it didn't get the request, or can't serve it for a while.
const NOT_DONE: &[&str] = &[
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
    "accesslimited",
];
/// `error`s after which Slack says that part of it may have been done.
const CANNOT_TELL: &[&str] = &["fatal_error", "internal_error"];
/// What to do about an `error`, in words for an operator.
const HINTS: &[(&str, &str)] = &[
    ("not_authed", "no token was sent"),
    ("invalid_auth", "the token is wrong, or of another app"),
    ("account_inactive", "the bot was removed from the workspace"),
    (
        "token_revoked",
        "the token was revoked: install the app again",
    ),
    (
        "token_expired",
        "the token has expired: install the app again",
    ),
    (
        "channel_not_found",
        "the channel doesn't exist, or the bot isn't in it: invite it",
    ),
    ("not_in_channel", "invite the bot to the channel"),
    ("is_archived", "the channel is archived: name another"),
    ("restricted_action", "a setting of the workspace forbids it"),
    ("ekm_access_denied", "the workspace's keys are withdrawn"),
    (
        "missing_scope",
        "give the app the scope and install it again",
    ),
    (
        "not_allowed_token_type",
        "another kind of token is needed: see the guide",
    ),
    (
        "expired_trigger_id",
        "more than 3 s went by after the click",
    ),
    ("trigger_expired", "more than 3 s went by after the click"),
    ("trigger_exchanged", "the click had opened something before"),
    (
        "exchanged_trigger_id",
        "the click had opened something before",
    ),
    ("message_not_found", "somebody deleted the message"),
    (
        "edit_window_closed",
        "the workspace forbids changing messages so late",
    ),
    ("cant_update_message", "the message is another app's"),
];

/// The JSON of an answer that says `ok`, or what its error means.
pub(super) fn judge(method: &str, answer: &Answer) -> Result<Value, Error> {
    let what = format!("slack {method}");
    let status = answer.status;
    if !status.is_success() {
        let text = format!("{what}: status {status}");
        if is_not_now(status) {
            return Err(answer.later(&text).unwrap_or_else(|| later(&text)));
        }
        return Err(match status.as_u16() {
            400..=499 => Error::Refused(text),
            _ => Error::CannotTell(text),
        });
    }
    let unreadable = |why: &str| Error::CannotTell(format!("{what}: the answer {why}"));
    let body: Value = serde_json::from_slice(&answer.body).map_err(|_| unreadable("isn't JSON"))?;
    match body["ok"].as_bool() {
        Some(true) => Ok(body),
        Some(false) => Err(refusal(&what, &body)),
        None => Err(unreadable("doesn't say whether it is ok")),
    }
}

/// The fields of an answer that are needed. Slack acted, so what is missing is a thing that
/// nobody can tell.
pub(super) fn read<T: DeserializeOwned>(method: &str, answer: Value) -> Result<T, Error> {
    serde_json::from_value(answer).map_err(|error| {
        let why = one_line(&error.to_string(), MAX_WORDS);
        Error::CannotTell(format!("slack {method}: the answer: {why}"))
    })
}

/// Slack's own word in the text of an error of ours: `channel_not_found`.
pub fn refusal_code(says: &str) -> Option<&str> {
    let rest = says.strip_prefix("slack ")?;
    let word = rest.split_once(": ")?.1.split([':', ' ']).next()?;
    let is_code = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    (!word.is_empty() && word.chars().all(is_code)).then_some(word)
}

fn refusal(what: &str, body: &Value) -> Error {
    let error = body["error"].as_str().unwrap_or("no reason");
    let mut text = format!("{what}: {}", one_line(error, MAX_WORDS));
    if let Some(needed) = body["needed"].as_str() {
        text.push_str(&format!(" {}", one_line(needed, MAX_WORDS)));
    }
    if let Some((_, hint)) = HINTS.iter().find(|(known, _)| *known == error) {
        text.push_str(&format!(": {hint}"));
    }
    let messages = body["response_metadata"]["messages"].as_array();
    if let Some(first) = messages.and_then(|all| all.first()).and_then(Value::as_str) {
        text.push_str(&format!(" ({})", one_line(first, MAX_WORDS)));
    }
    if NOT_NOW.contains(&error) {
        return later(&text);
    }
    if NOT_DONE.contains(&error) {
        return Error::NotDone(text);
    }
    if CANNOT_TELL.contains(&error) {
        return Error::CannotTell(text);
    }
    Error::Refused(text)
}

fn later(text: &str) -> Error {
    let seconds = USUAL_WAIT.as_secs();
    Error::Later {
        says: format!("{text}: it doesn't say when to come back, {seconds} s are taken"),
        after: USUAL_WAIT,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn slacks_word_is_read_from_what_we_say_of_it() {
        for error in ["message_not_found", "channel_not_found", "not_known_to_us"] {
            let says = refusal("slack chat.update", &json!({ "ok": false, "error": error }));
            assert_eq!(refusal_code(&says.to_string()), Some(error), "{says}");
        }
        let needed = json!({ "error": "missing_scope", "needed": "channels:history" });
        let says = refusal("slack conversations.history", &needed).to_string();
        assert_eq!(refusal_code(&says), Some("missing_scope"));
        for other in ["slack chat.update: status 404", "host: refused", ""] {
            assert_ne!(refusal_code(other), Some("channel_not_found"));
        }
        assert_eq!(refusal_code("jira: GET issue: x"), None);
    }
}
