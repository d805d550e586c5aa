//! What a caller can do about a call that failed.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The other side did not act: nothing was sent, or it said so. May be tried again.
    #[error("{0}")]
    NotDone(String),
    /// The other side did not act, and is to be asked again after a while: it said so, or it failed
    /// so often that it is left alone. The text says the same.
    #[error("{says}")]
    Later { says: String, after: Duration },
    /// Sent, and no answer that tells: it may have acted.
    #[error("{0}")]
    CannotTell(String),
    /// The other side understood and says no. Trying again gives the same.
    #[error("{0}")]
    Refused(String),
    /// Our own configuration is wrong, or does not allow the call: what and where. Nothing was sent.
    #[error("{0}")]
    Configuration(String),
}

/// Without the URL, which may hold a secret. A request that could not even be sent was surely not acted upon; anything later may have been.
pub(crate) fn from_request(what: &str, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let text = format!("{what}: {}", chain(&error));
    if error.is_connect() || error.is_builder() {
        Error::NotDone(text)
    } else {
        Error::CannotTell(text)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
