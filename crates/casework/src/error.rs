//! What a caller can do about it.

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state machine says no; the text says why.
    #[error(transparent)]
    Illegal(#[from] model::Illegal),
    #[error("incident {0} not found")]
    NoIncident(String),
    #[error("there is no tool {0}")]
    NoTool(String),
    /// A parameter of a wrong type or name: what, and what is expected.
    #[error("{0}")]
    Parameter(String),
    /// A record would hold a secret that can't be taken out of it.
    #[error("{0}")]
    Secret(String),
    /// Others wrote all the time: try again.
    #[error("{0}")]
    Busy(String),
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The journal's records don't make an incident: run `datapulse audit verify`.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    #[error("{0}")]
    Internal(String),
}
