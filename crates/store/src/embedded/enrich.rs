//! Enrich policies: what `ENRICH` looks up in which indices.
//!
//! Elasticsearch copies a policy's documents when it is executed; here they are read when a query
//! asks, so what was written since is found too. A policy counts from its execution on.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::Embedded;
use super::database::{meta, set_meta};
use super::definition::wrong;
use crate::error::Error;

/// `meta`: all policies.
const POLICIES: &str = "enrich_policies";

/// Policies of a store, and fields of one, at most.
const MAX_POLICIES: usize = 200;
const MAX_FIELDS: usize = 100;

/// The body of `PUT /_enrich/policy/{name}`, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub indices: Vec<String>,
    pub match_field: String,
    pub enrich_fields: Vec<String>,
    /// It was executed: queries may use it.
    #[serde(default)]
    pub executed: bool,
}

impl Embedded {
    /// Keeps a new policy.
    ///
    /// # Errors
    /// A policy of this name, too many of them, too many fields.
    pub async fn put_enrich_policy(&self, name: &str, policy: Policy) -> Result<(), Error> {
        self.writable()?;
        if policy.enrich_fields.len() > MAX_FIELDS {
            let reason = format!("over {MAX_FIELDS} enrich fields");
            return Err(wrong("illegal_argument_exception", reason));
        }
        let name = name.to_owned();
        self.change_policies(move |policies| {
            if policies.contains_key(&name) {
                let reason = format!("policy [{name}] already exists");
                return Err(wrong("resource_already_exists_exception", reason));
            }
            if policies.len() >= MAX_POLICIES {
                let reason = format!("the store has {MAX_POLICIES} enrich policies already");
                return Err(wrong("illegal_argument_exception", reason));
            }
            policies.insert(name, policy);
            Ok(())
        })
        .await
    }

    /// Lets queries use a policy; false where there is none.
    ///
    /// # Errors
    /// Of the database.
    pub async fn execute_enrich_policy(&self, name: &str) -> Result<bool, Error> {
        self.writable()?;
        let name = name.to_owned();
        self.change_policies(move |policies| {
            let found = policies.get_mut(&name);
            Ok(found.map(|policy| policy.executed = true).is_some())
        })
        .await
    }

    /// Deletes a policy; false where there is none.
    ///
    /// # Errors
    /// Of the database.
    pub async fn delete_enrich_policy(&self, name: &str) -> Result<bool, Error> {
        self.writable()?;
        let name = name.to_owned();
        self.change_policies(move |policies| Ok(policies.remove(&name).is_some()))
            .await
    }

    /// All policies by name.
    ///
    /// # Errors
    /// Of the database.
    pub async fn enrich_policies(&self) -> Result<BTreeMap<String, Policy>, Error> {
        self.inner
            .database
            .call(|connection| load(connection))
            .await
    }

    async fn change_policies<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Policy>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let work = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            let mut policies = load(&transaction)?;
            let done = change(&mut policies)?;
            let json = serde_json::to_string(&policies)
                .map_err(|error| Error::Refused(error.to_string()))?;
            set_meta(&transaction, POLICIES, &json)?;
            transaction.commit()?;
            Ok(done)
        };
        self.inner.database.call(work).await
    }
}

/// All policies by name.
pub fn load(connection: &Connection) -> Result<BTreeMap<String, Policy>, Error> {
    match meta(connection, POLICIES)? {
        None => Ok(BTreeMap::new()),
        Some(json) => serde_json::from_str(&json)
            .map_err(|error| Error::Refused(format!("meta [{POLICIES}]: {error}"))),
    }
}
