//! `[identity]`: whom we believe who somebody is.

use std::collections::BTreeMap;

use model::{Role, Scope};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::kubernetes::Kubernetes;

/// Groups, and clients of machines, that may be mapped.
pub const MAX_MAPPED: usize = 1_000;
/// Algorithms that a signature may have: what the provider's own key made, never a shared secret,
/// never none (RFC 8725, 3.1 and 3.2).
pub const ALGORITHMS: [&str; 8] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The OpenID provider's issuer, to the letter; empty: nobody logs in through one.
    pub issuer: String,
    /// Of the web UI, a confidential client.
    pub client_id: String,
    /// The environment variable that holds the client's secret; empty: a public client.
    pub client_secret_env: String,
    /// Where the provider sends browsers back to: this server's address, as browsers know it, and
    /// `/api/datapulse/v1/oidc/callback`.
    pub redirect_url: String,
    /// Of `datapulse login`, a public client; empty: no login for the command line.
    pub cli_client_id: String,
    /// What is asked for at a login.
    pub scopes: Vec<String>,
    /// `aud` of the access tokens that are taken as bearer tokens; empty: none are.
    pub audience: String,
    /// What a signature may be made with.
    pub algorithms: Vec<String>,
    /// The claim that names a person's groups. Whoever has none has no role.
    pub groups_claim: String,
    /// The claim that people are shown by.
    pub name_claim: String,
    /// From a group to a role, or to a list of scopes: a role of one's own.
    pub groups: BTreeMap<String, Grant>,
    /// From the client id of a machine to its role: what it may do at most.
    pub machines: BTreeMap<String, Role>,
    /// Workloads of a cluster, by the tokens of their service accounts.
    pub kubernetes: Kubernetes,
}

/// What a group gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Grant {
    Role(Role),
    Scopes(Vec<Scope>),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            client_secret_env: String::new(),
            redirect_url: String::new(),
            cli_client_id: String::new(),
            scopes: vec!["openid".to_owned(), "profile".to_owned()],
            audience: String::new(),
            algorithms: vec!["RS256".to_owned(), "ES256".to_owned()],
            groups_claim: "groups".to_owned(),
            name_claim: "name".to_owned(),
            groups: BTreeMap::new(),
            machines: BTreeMap::new(),
            kubernetes: Kubernetes::default(),
        }
    }
}

/// An address by which secrets may travel: with TLS, or on this machine.
pub(super) fn safe(name: &str, text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{name}: {text:?}: {error}"))?;
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if here => Ok(url),
        _ => Err(format!(
            "{name}: {text:?}: expected https:// (http:// only on this machine)"
        )),
    }
}

pub(super) fn known_algorithms(named: &[String]) -> Result<(), String> {
    if named.is_empty() {
        return Err("algorithms: expected at least one".to_owned());
    }
    let unknown = |name: &&String| !ALGORITHMS.contains(&name.as_str());
    match named.iter().find(unknown) {
        None => Ok(()),
        Some(unknown) => Err(format!(
            "algorithms: {unknown:?} is none of {}",
            ALGORITHMS.join(", ")
        )),
    }
}

impl Settings {
    pub fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// Whether browsers come by TLS: then cookies are for TLS only.
    pub fn is_secure(&self) -> bool {
        self.redirect_url.starts_with("https://")
    }

    /// What is wrong with it, beginning with the key.
    pub fn check(&self) -> Result<(), String> {
        self.kubernetes
            .check()
            .map_err(|fault| format!("kubernetes.{fault}"))?;
        if self.is_on() && self.kubernetes.issuer == self.issuer {
            return Err("kubernetes.issuer: it is the provider's own: whose rules a token is held against goes by its issuer".to_owned());
        }
        if !self.is_on() {
            let other = Self {
                kubernetes: self.kubernetes.clone(),
                ..Self::default()
            };
            return match *self == other {
                true => Ok(()),
                false => Err("issuer: it is empty, so that nothing else here counts".to_owned()),
            };
        }
        safe("issuer", &self.issuer)?;
        if self.client_id.is_empty() {
            return Err("client_id: expected the id that the provider knows us by".to_owned());
        }
        let redirect = safe("redirect_url", &self.redirect_url)?;
        let wanted = format!("{}/oidc/callback", crate::routes::API);
        if redirect.path() != wanted {
            return Err(format!(
                "redirect_url: expected this server's address and {wanted}"
            ));
        }
        if !self.scopes.iter().any(|scope| scope == "openid") {
            return Err("scopes: openid must be among them".to_owned());
        }
        known_algorithms(&self.algorithms)?;
        if self.groups.len() > MAX_MAPPED || self.machines.len() > MAX_MAPPED {
            return Err(format!("groups, machines: at most {MAX_MAPPED} each"));
        }
        for (group, grant) in &self.groups {
            if let Grant::Role(role @ (Role::Agent | Role::Shipper)) = grant {
                let role = role.name();
                return Err(format!("groups: {group:?}: the role {role} is a machine's"));
            }
        }
        Ok(())
    }

    /// What the groups of a person give: the highest role for people to read, and all scopes
    /// together. `None`: no group is mapped, so there is no role.
    pub fn granted(&self, groups: &[String]) -> Option<(Role, Vec<Scope>)> {
        let grants: Vec<&Grant> = groups
            .iter()
            .filter_map(|group| self.groups.get(group))
            .collect();
        if grants.is_empty() {
            return None;
        }
        let roles = grants.iter().filter_map(|grant| match grant {
            Grant::Role(role) => Some(*role),
            Grant::Scopes(_) => None,
        });
        let role = roles.max().unwrap_or(Role::Viewer);
        let mut scopes: Vec<Scope> = grants
            .iter()
            .flat_map(|grant| match grant {
                Grant::Role(role) => role.scopes().to_vec(),
                Grant::Scopes(scopes) => scopes.clone(),
            })
            .collect();
        scopes.sort();
        scopes.dedup();
        Some((role, scopes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            issuer: "https://login.example".to_owned(),
            client_id: "web".to_owned(),
            redirect_url: "https://dp.example/api/datapulse/v1/oidc/callback".to_owned(),
            groups: [
                ("sre".to_owned(), Grant::Role(Role::Responder)),
                (
                    "payments".to_owned(),
                    Grant::Scopes(vec![Scope::IncidentsRead, Scope::ToolsManage]),
                ),
            ]
            .into(),
            ..Settings::default()
        }
    }

    #[test]
    fn what_is_not_safe_is_refused() {
        assert_eq!(settings().check(), Ok(()));
        assert_eq!(Settings::default().check(), Ok(()));
        let wrong = |change: fn(&mut Settings), reason: &str| {
            let mut settings = settings();
            change(&mut settings);
            let said = settings.check().expect_err("refused");
            assert!(said.contains(reason), "{said}");
        };
        wrong(|s| s.issuer = "http://login.example".to_owned(), "https://");
        wrong(
            |s| s.redirect_url = "https://dp.example/".to_owned(),
            "oidc/callback",
        );
        wrong(|s| s.algorithms = vec!["none".to_owned()], "is none of");
        wrong(|s| s.algorithms = vec!["HS256".to_owned()], "is none of");
        wrong(|s| s.scopes = vec!["profile".to_owned()], "openid");
        wrong(|s| s.client_id.clear(), "client_id");
        wrong(
            |s| {
                s.groups.insert("x".to_owned(), Grant::Role(Role::Shipper));
            },
            "machine's",
        );
    }

    #[test]
    fn groups_give_all_that_any_of_them_gives_and_none_gives_nothing() {
        let of = |names: &[&str]| {
            let groups: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            settings().granted(&groups)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["everybody"]), None);
        let (role, scopes) = of(&["payments", "sre"]).expect("a role");
        assert_eq!(role, Role::Responder);
        assert!(scopes.contains(&Scope::ActionsApprove) && scopes.contains(&Scope::ToolsManage));
        let (role, scopes) = of(&["payments"]).expect("a role");
        assert_eq!((role, scopes.len()), (Role::Viewer, 2));
    }
}
