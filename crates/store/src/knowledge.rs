//! Knowledge: services, runbooks, and the hashed tokens of those who may ask.

mod service;

use async_trait::async_trait;
use model::{Role, Runbook, Scope, Service, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::Error;

pub(crate) use service::service;

#[async_trait]
pub trait Knowledge: Send + Sync {
    /// All services of `lookup-services`, by name.
    async fn services(&self) -> Result<Vec<Service>, Error>;

    /// Adds or replaces.
    async fn put_service(&self, service: &Service) -> Result<(), Error>;

    /// All runbooks, by id.
    async fn runbooks(&self) -> Result<Vec<Runbook>, Error>;

    /// Ids of the runbooks whose meaning is nearest to a vector of [`crate::embedding::embed`],
    /// the nearest first, at most `limit`; none where the vector has no direction.
    async fn nearest_runbooks(&self, vector: &[f32], limit: usize) -> Result<Vec<String>, Error>;

    /// Adds or replaces, with its embedding.
    async fn put_runbook(&self, runbook: &Runbook) -> Result<(), Error>;

    /// Adds a token; only its hash is kept.
    async fn put_token(&self, token: &SavedToken) -> Result<(), Error>;

    /// By the hash of the secret; revoked and expired ones too, so that the caller can say which.
    async fn token(&self, hash: &str) -> Result<Option<SavedToken>, Error>;

    async fn tokens(&self) -> Result<Vec<SavedToken>, Error>;

    /// [`Error::NotFound`] where there is no such id.
    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<(), Error>;

    /// Notes that a token was used; nothing where there is no such hash.
    async fn touch_token(&self, hash: &str, at: Timestamp) -> Result<(), Error>;

    /// Adds or replaces.
    async fn put_person(&self, person: &SavedPerson) -> Result<(), Error>;

    async fn person(&self, subject: &str) -> Result<Option<SavedPerson>, Error>;

    /// All people who were here, by subject.
    async fn people(&self) -> Result<Vec<SavedPerson>, Error>;
}

/// A person as the identity provider, their token or their login last described them: what a
/// decision of theirs is held against when the verdict is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPerson {
    pub subject: String,
    pub name: String,
    pub role: Role,
    /// At most the role's.
    pub scopes: Vec<Scope>,
    /// How they came in last: `local`, `token`, `session`, `oidc`.
    pub source: String,
    pub seen_at: Timestamp,
    /// Since then they may do nothing.
    pub disabled_at: Option<Timestamp>,
}

/// A token as it is kept: never its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedToken {
    pub id: String,
    /// SHA-256 of the secret, hexadecimal.
    pub hash: String,
    pub name: String,
    pub role: Role,
    /// At most the role's.
    pub scopes: Vec<Scope>,
    /// True: its bearer is a person, whose decisions count; false: a machine.
    pub person: bool,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// To some minutes: not every request is written down.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
}
