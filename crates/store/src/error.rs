//! What a caller can do about it, by name.

use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another writer was first: read again and decide anew.
    #[error("{0} exists already")]
    Conflict(String),
    /// It isn't there.
    #[error("{0} not found")]
    NotFound(String),
    /// Try again later: busy, disk full, locked.
    #[error("{0}")]
    Unavailable(String),
    /// Never as asked: what is wrong and what to do.
    #[error("{0}")]
    Refused(String),
    /// Stored bytes that can't be trusted: what, where.
    #[error("damaged: {0}")]
    Damaged(String),
    /// The query's own error, in Elasticsearch's words.
    #[error(transparent)]
    Query(#[from] esql::Error),
}

/// An I/O error with its place, and what the caller can do.
pub(crate) fn at(path: &Path, what: &str, error: &std::io::Error) -> Error {
    let hint = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::FileTooLarge => {
            "; free space on the disk, then try again"
        }
        std::io::ErrorKind::PermissionDenied => "; check who owns it",
        _ => "",
    };
    Error::Unavailable(format!("{}: {what}: {error}{hint}", path.display()))
}
