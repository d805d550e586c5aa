//! What a caller can do about a call that failed.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The other side did not act: nothing was sent, or it said so. May be tried again.
    #[error("{0}")]
    NotDone(String),
    /// Sent, and no answer that tells: it may have acted.
    #[error("{0}")]
    CannotTell(String),
    /// The other side understood and says no. Trying again gives the same.
    #[error("{0}")]
    Refused(String),
    /// Our own configuration is wrong: what and where.
    #[error("{0}")]
    Configuration(String),
}

/// A request that could not even be sent was surely not acted upon; anything later may have been.
pub(crate) fn from_request(what: &str, error: &reqwest::Error) -> Error {
    let text = format!("{what}: {}", chain(error));
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
