//! What an answer of Jira says: what came, or which field was wrong and whether Jira may have
//! acted.

use std::time::Duration;

use model::render::one_line;
use serde_json::Value;

use crate::error::Error;
use crate::outbound::{Answer, is_not_now};

/// Problems of one answer that are told: Jira names one for each field.
const MAX_PROBLEMS: usize = 20;
/// Characters of a field's name that are told.
const MAX_FIELD: usize = 80;
/// Characters of one problem that are told.
const MAX_PROBLEM: usize = 300;
/// When to come back after a 429 that doesn't say when.
pub const USUAL_WAIT: Duration = Duration::from_secs(60);

/// Whether a request could act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    ToRead,
    ToWrite,
}

impl Asked {
    /// Reading acts on nothing, however it fails.
    pub fn judged(self, error: Error) -> Error {
        match (self, error) {
            (Self::ToRead, Error::CannotTell(says)) => Error::NotDone(says),
            (_, error) => error,
        }
    }
}

/// What came; null where the body is empty.
pub(super) fn read(what: &str, asked: Asked, answer: &Answer) -> Result<Value, Error> {
    let status = answer.status;
    if status.is_success() {
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        return serde_json::from_slice(&answer.body).map_err(|error| {
            asked.judged(Error::CannotTell(format!(
                "{what}: status {status}, and an answer that can't be read: {error}"
            )))
        });
    }
    let value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let mut says = format!("{what}: status {}", status.as_u16());
    for problem in problems(&value) {
        says.push_str("; ");
        says.push_str(&problem);
    }
    if is_not_now(status) {
        return Err(not_now(says, status.as_u16(), answer));
    }
    Err(match status.as_u16() {
        401 => Error::Refused(format!(
            "{says}: Jira doesn't take the token: see whether it has expired, and whose it is"
        )),
        403 => Error::Refused(format!(
            "{says}: the token's account may not do this: see its permissions in the project"
        )),
        404 => Error::Refused(format!(
            "{says}: it isn't there, or the token's account can't see it"
        )),
        400..=499 => Error::Refused(says),
        _ => asked.judged(Error::CannotTell(says)),
    })
}

fn not_now(says: String, status: u16, answer: &Answer) -> Error {
    match answer.later(&says) {
        Some(later) => later,
        None if status == 429 => Error::Later {
            says: format!("{says}: come back in {} s", USUAL_WAIT.as_secs()),
            after: USUAL_WAIT,
        },
        None => Error::NotDone(says),
    }
}

/// `field: what is wrong with it`, and what belongs to no field. Jira's words are others' text.
fn problems(value: &Value) -> Vec<String> {
    let fields = value
        .get("errors")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(field, problem)| {
            let problem = problem.as_str().unwrap_or("is wrong");
            let field = one_line(field, MAX_FIELD);
            format!("field {field}: {}", one_line(problem, MAX_PROBLEM))
        });
    let messages = value
        .get("errorMessages")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|message| one_line(message, MAX_PROBLEM));
    fields.chain(messages).take(MAX_PROBLEMS).collect()
}
