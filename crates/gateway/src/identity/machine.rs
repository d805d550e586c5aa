//! Our own roles as callers, and workloads of a cluster: machines, which never decide. Who they are
//! is proven elsewhere: by a certificate ([`crate::tls`]), or a token ([`super::kubernetes`]).

use model::{Role, Scope, Writer};
use serde::{Deserialize, Serialize};

use crate::auth::Principal;

/// What begins the name of a role of ours in a certificate: SPIFFE's form, with our trust domain.
pub const SPIFFE: &str = "spiffe://datapulse/";

/// What a machine is let in as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Post {
    /// One of our roles.
    Ours(Writer),
    /// A role for callers.
    Caller(Role),
}

impl Post {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours(writer) => writer.name(),
            Self::Caller(role) => role.name(),
        }
    }

    /// Whether it may be a machine's.
    pub fn is_machines(self) -> bool {
        matches!(
            self,
            Self::Ours(_) | Self::Caller(Role::Viewer | Role::Agent | Role::Shipper)
        )
    }

    /// What it may do. Of what roles write ([`model::incident`]), reports come by HTTP.
    fn scopes(self) -> Vec<Scope> {
        match self {
            Self::Ours(Writer::Analyst) => vec![Scope::IncidentsRead, Scope::AgentReport],
            Self::Ours(_) => vec![Scope::IncidentsRead],
            Self::Caller(role) => role.scopes().to_vec(),
        }
    }
}

/// A machine whose name was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// By which it is known in records.
    pub subject: String,
    pub post: Post,
    /// How it came in.
    pub via: &'static str,
}

impl Machine {
    /// The one role that a certificate names. One that names none, or several, says nothing here.
    pub fn of_certificate(uris: &[String]) -> Option<Self> {
        let [uri] = uris else {
            return None;
        };
        let writer = Writer::parse(uri.strip_prefix(SPIFFE)?)?;
        Some(Self {
            subject: uri.clone(),
            post: Post::Ours(writer),
            via: "certificate",
        })
    }

    /// Whatever it may do, it doesn't decide.
    pub fn principal(&self) -> Principal {
        let mut scopes = self.post.scopes();
        scopes.retain(|scope| !matches!(scope, Scope::ActionsApprove | Scope::ActionsBreakGlass));
        Principal {
            subject: self.subject.clone(),
            name: self.post.name().to_owned(),
            role: match self.post {
                Post::Ours(_) => Role::Agent,
                Post::Caller(role) => role,
            },
            scopes,
            person: false,
            via: self.via.to_owned(),
            token: None,
            csrf: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_names_one_of_our_roles_or_nobody() {
        let of = |uris: &[&str]| {
            let uris: Vec<String> = uris.iter().map(|&uri| uri.to_owned()).collect();
            Machine::of_certificate(&uris).map(|machine| machine.post)
        };
        assert_eq!(
            of(&["spiffe://datapulse/executor"]),
            Some(Post::Ours(Writer::Executor))
        );
        for nobody in [
            "spiffe://elsewhere/executor",
            "spiffe://datapulse/admin",
            "spiffe://datapulse/executor/",
            "spiffe://datapulse/",
            "https://datapulse/executor",
        ] {
            assert_eq!(of(&[nobody]), None, "{nobody}");
        }
        assert_eq!(of(&[]), None);
        let two = ["spiffe://datapulse/executor", "spiffe://datapulse/gateway"];
        assert_eq!(of(&two), None);
    }

    #[test]
    fn no_machine_decides() {
        let ours = Writer::ALL.map(Post::Ours);
        let callers = Role::ALL.map(Post::Caller);
        for post in ours.into_iter().chain(callers) {
            let machine = Machine {
                subject: "m".to_owned(),
                post,
                via: "certificate",
            };
            let principal = machine.principal();
            assert!(!principal.person, "{post:?}");
            assert!(!principal.may(Scope::ActionsApprove), "{post:?}");
            assert!(!principal.may(Scope::ActionsBreakGlass), "{post:?}");
        }
        assert!(!Post::Caller(Role::Responder).is_machines());
        assert!(!Post::Caller(Role::Admin).is_machines());
    }

    #[test]
    fn posts_are_read_by_name() {
        let of = |name: &str| serde_json::from_value::<Post>(serde_json::json!(name)).ok();
        assert_eq!(of("executor"), Some(Post::Ours(Writer::Executor)));
        assert_eq!(of("shipper"), Some(Post::Caller(Role::Shipper)));
        assert_eq!(of("root"), None);
    }
}
