//! What an answer of PagerDuty says: accepted, wrong, too many, or who knows.

use std::time::Duration;

use model::render::one_line;
use serde_json::Value;

use crate::error::Error;
use crate::outbound::{Answer, is_not_now};

/// Problems of one answer that are told.
const MAX_PROBLEMS: usize = 20;
/// Characters of one problem that are told.
const MAX_PROBLEM: usize = 300;
/// When to come back after a 429 that doesn't say when: PagerDuty asks for a few minutes' patience
/// at most.
pub const USUAL_WAIT: Duration = Duration::from_secs(60);

/// What came. `unclear` is the error of a status that doesn't tell whether PagerDuty acted.
pub(super) fn read(
    what: &str,
    answer: &Answer,
    unclear: fn(String) -> Error,
) -> Result<Value, Error> {
    let status = answer.status;
    let value: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(value);
    }
    let mut says = format!("{what}: status {}", status.as_u16());
    for problem in problems(&value) {
        says.push_str("; ");
        says.push_str(&problem);
    }
    if is_not_now(status) {
        return Err(match answer.later(&says) {
            Some(later) => later,
            None if status.as_u16() == 429 => Error::Later {
                says: format!("{says}: come back in {} s", USUAL_WAIT.as_secs()),
                after: USUAL_WAIT,
            },
            None => Error::NotDone(says),
        });
    }
    Err(match status.as_u16() {
        401 | 403 => Error::Refused(format!(
            "{says}: PagerDuty doesn't take the key: see which one it is, and what it may do"
        )),
        404 => Error::Refused(format!("{says}: it isn't there, or the key can't see it")),
        400..=499 => Error::Refused(says),
        _ => unclear(says),
    })
}

/// Events answer `message` and `errors`, REST answers both inside `error`. Others' text.
fn problems(value: &Value) -> Vec<String> {
    let of = value.get("error").unwrap_or(value);
    let message = of.get("message").into_iter();
    let errors = of.get("errors").and_then(Value::as_array);
    message
        .chain(errors.into_iter().flatten())
        .filter_map(Value::as_str)
        .map(|text| one_line(text, MAX_PROBLEM))
        .take(MAX_PROBLEMS)
        .collect()
}
