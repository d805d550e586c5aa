//! Workloads of a Kubernetes cluster: the token that the cluster gives a pod for its service account
//! says who it is. Such a caller is a machine, and never decides.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use integrations::Outbound;
use integrations::outbound::Call;
use jsonwebtoken::jwk::JwkSet;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use super::bearer::{self, Expected, Refusal};
use super::machine::{Machine, Post};
use super::provider::{self, AGAIN_AFTER, KEPT, MAX_ANSWER, Trouble};
use super::settings::{MAX_MAPPED, known_algorithms, safe};

/// What begins `sub` of a service account's token.
const ACCOUNT: &str = "system:serviceaccount:";

/// `[identity.kubernetes]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kubernetes {
    /// `iss` of the cluster's tokens, to the letter; empty: none are taken.
    pub issuer: String,
    /// What the tokens must be made for (`serviceAccountToken.audience` of a projected volume).
    pub audience: String,
    /// Where the cluster shows its keys.
    pub jwks_url: String,
    /// Or a file that holds them, as `kubectl get --raw /openid/v1/jwks` prints them; it is read
    /// again as often as an address would be.
    pub jwks_file: String,
    pub algorithms: Vec<String>,
    /// From `system:serviceaccount:NAMESPACE:NAME` to one of our roles, or viewer, agent, shipper.
    pub workloads: BTreeMap<String, Post>,
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audience: String::new(),
            jwks_url: String::new(),
            jwks_file: String::new(),
            algorithms: vec!["RS256".to_owned(), "ES256".to_owned()],
            workloads: BTreeMap::new(),
        }
    }
}

impl Kubernetes {
    pub fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// What is wrong with it, beginning with the key.
    pub fn check(&self) -> Result<(), String> {
        if !self.is_on() {
            return match *self == Self::default() {
                true => Ok(()),
                false => Err("issuer: it is empty, so that nothing else here counts".to_owned()),
            };
        }
        if self.audience.is_empty() {
            return Err("audience: expected what tokens are made for, such as \"datapulse\": one that was made for another server must not count here".to_owned());
        }
        match (self.jwks_url.is_empty(), self.jwks_file.is_empty()) {
            (false, true) => {
                safe("jwks_url", &self.jwks_url)?;
            }
            (true, false) => {}
            _ => return Err("jwks_url: expected this or jwks_file, one of them".to_owned()),
        }
        known_algorithms(&self.algorithms)?;
        if self.workloads.len() > MAX_MAPPED {
            return Err(format!("workloads: at most {MAX_MAPPED}"));
        }
        for (account, post) in &self.workloads {
            let parts = account.strip_prefix(ACCOUNT).map(|rest| rest.split(':'));
            let named = parts.map(|parts| parts.filter(|part| !part.is_empty()).count());
            if named != Some(2) {
                return Err(format!(
                    "workloads: {account:?}: expected {ACCOUNT}NAMESPACE:NAME"
                ));
            }
            if !post.is_machines() {
                let name = post.name();
                return Err(format!(
                    "workloads: {account:?}: the role {name} is a person's; a machine never decides"
                ));
            }
        }
        Ok(())
    }

    /// Who a token says its bearer is, held against the cluster's keys. Pure.
    pub fn machine(
        &self,
        token: &str,
        keys: &JwkSet,
        now: Timestamp,
    ) -> Result<Machine, Unadmitted> {
        let expected = Expected {
            table: "identity.kubernetes",
            issuer: &self.issuer,
            audience: &self.audience,
            algorithms: &self.algorithms,
        };
        let claims = bearer::claims(token, keys, expected, now)?;
        let subject = claims.get("sub").and_then(Value::as_str);
        let subject = subject.filter(|subject| subject.starts_with(ACCOUNT));
        let subject =
            subject.ok_or_else(|| Unadmitted::Unmapped("no service account".to_owned()))?;
        match self.workloads.get(subject) {
            Some(post) => Ok(Machine {
                subject: subject.to_owned(),
                post: *post,
                via: "kubernetes",
            }),
            None => Err(Unadmitted::Unmapped(subject.to_owned())),
        }
    }
}

/// Why a token of the cluster lets nobody in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unadmitted {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{0} is none of identity.kubernetes.workloads")]
    Unmapped(String),
}

enum Source {
    File(PathBuf),
    Url { url: String, outbound: Outbound },
}

/// The cluster's keys, fetched when needed and kept for a while.
pub struct Workloads {
    settings: Kubernetes,
    source: Source,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    keys: Option<JwkSet>,
    /// When they were asked for last, whatever came of it.
    asked: Option<Instant>,
}

impl Workloads {
    /// `None`: no such tokens are taken.
    pub fn new(settings: &Kubernetes, outbound: &Outbound) -> Result<Option<Self>, String> {
        if !settings.is_on() {
            return Ok(None);
        }
        let source = match settings.jwks_url.as_str() {
            "" => Source::File(PathBuf::from(&settings.jwks_file)),
            url => Source::Url {
                url: url.to_owned(),
                outbound: outbound
                    .listed_url(url)
                    .map_err(|error| error.to_string())?,
            },
        };
        Ok(Some(Self {
            settings: settings.clone(),
            source,
            kept: Mutex::default(),
        }))
    }

    pub fn is_from(&self, issuer: &str) -> bool {
        self.settings.issuer == issuer
    }

    /// Who bears a token of the cluster.
    pub async fn admit(&self, token: &str, now: Timestamp) -> Result<Machine, Turned> {
        let keys = self.keys(false).await?;
        let admitted = self.settings.machine(token, &keys, now);
        if admitted != Err(Unadmitted::Refused(Refusal::UnknownKey)) {
            return Ok(admitted?);
        }
        let keys = self.keys(true).await?;
        Ok(self.settings.machine(token, &keys, now)?)
    }

    /// `anew`: because a key is missing. What is known goes on to count while it can't be renewed.
    async fn keys(&self, anew: bool) -> Result<JwkSet, Trouble> {
        let mut kept = self.kept.lock().await;
        let life = match (anew, &kept.keys) {
            (false, Some(_)) => KEPT,
            _ => AGAIN_AFTER,
        };
        let is_due = kept.asked.is_none_or(|at| at.elapsed() >= life);
        if is_due {
            kept.asked = Some(Instant::now());
            match self.fetch().await {
                Ok(keys) => kept.keys = Some(keys),
                Err(error) => {
                    metrics::counter!("identity_provider_failures_total").increment(1);
                    tracing::warn!(%error, "the cluster's keys can't be renewed");
                }
            }
        }
        let none = || Trouble::Provider("the cluster's keys can't be read now".to_owned());
        kept.keys.clone().ok_or_else(none)
    }

    async fn fetch(&self) -> Result<JwkSet, String> {
        match &self.source {
            Source::File(path) => {
                let shown = path.display();
                let size = tokio::fs::metadata(path).await;
                let size = size.map_err(|error| format!("{shown}: {error}"))?.len();
                if size > MAX_ANSWER as u64 {
                    return Err(format!("{shown}: {size} bytes are over {MAX_ANSWER}"));
                }
                let bytes = tokio::fs::read(path).await;
                let bytes = bytes.map_err(|error| format!("{shown}: {error}"))?;
                provider::keys(&bytes).map_err(|error| format!("{shown}: {error}"))
            }
            Source::Url { url, outbound } => {
                let call = Call::get("the cluster's keys", url).at_most(MAX_ANSWER);
                let answer = outbound.call(&call).await;
                let answer = answer.map_err(|error| error.to_string())?;
                if !answer.status.is_success() {
                    return Err(format!("{url}: it answers {}", answer.status));
                }
                provider::keys(&answer.body).map_err(|error| format!("{url}: {error}"))
            }
        }
    }
}

/// Why a token wasn't looked at to the end, or lets nobody in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Turned {
    #[error(transparent)]
    Away(#[from] Unadmitted),
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

#[cfg(test)]
mod tests;
