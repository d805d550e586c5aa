//! A tick that failed.

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Casework(#[from] casework::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}
