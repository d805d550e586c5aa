//! What was typed can't be meant so: exit code 2, as for an unknown option.

use std::fmt;

/// The text says what was expected.
#[derive(Debug)]
pub struct WrongUse(pub String);

impl fmt::Display for WrongUse {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for WrongUse {}

/// Makes the error.
pub fn wrong_use(text: impl Into<String>) -> anyhow::Error {
    WrongUse(text.into()).into()
}

/// An error's cause among statuses: what the caller wrote is wrong, or it failed.
pub fn of_status(status: u16, text: String) -> anyhow::Error {
    match status {
        400 | 413 | 415 | 422 => wrong_use(text),
        _ => anyhow::Error::msg(text),
    }
}
