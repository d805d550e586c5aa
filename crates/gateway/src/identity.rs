//! People of an OpenID provider: their logins, and the tokens that it signs for them and for
//! machines.
//!
//! Read first: [`settings`], then [`bearer`] (pure), then [`provider`], then [`login`].

pub mod bearer;
pub mod kubernetes;
pub mod login;
pub mod machine;
pub mod provider;
pub mod settings;

use casework::Clock;
use integrations::Secret;
use model::{Role, Scope};

use crate::auth::Principal;
use crate::problem::Problem;
use crate::state::Gateway;
use bearer::{Bearer, Refusal};
use kubernetes::{Turned, Unadmitted, Workloads};
use provider::{Provider, Trouble};
pub use settings::{Grant, Settings};

/// The provider, and logins under way.
pub struct Identity {
    pub provider: Provider,
    pub attempts: login::Attempts,
}

impl Identity {
    /// `None`: no provider is configured.
    pub fn new(settings: &Settings, secret: Option<Secret>) -> Result<Option<Self>, String> {
        if !settings.is_on() {
            return Ok(None);
        }
        Ok(Some(Self {
            provider: Provider::new(settings.clone(), secret)?,
            attempts: login::Attempts::default(),
        }))
    }
}

/// How a person of the provider is called here.
pub fn subject(sub: &str) -> String {
    format!("oidc:{sub}")
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        use axum::http::StatusCode;
        let status = match &trouble {
            Trouble::Provider(_) => StatusCode::BAD_GATEWAY,
            Trouble::Login(_) => StatusCode::UNAUTHORIZED,
        };
        Self::new(status, trouble.to_string())
    }
}

/// Who bears a token that the provider signed; `None`: no such tokens are taken here.
pub async fn by_signed_token(gateway: &Gateway, token: &str) -> Result<Option<Principal>, Problem> {
    if let Some(workloads) = &gateway.workloads
        && bearer::looks_like_one(token)
        && bearer::issuer(token).is_some_and(|issuer| workloads.is_from(&issuer))
    {
        return of_workload(workloads, token).await.map(Some);
    }
    let Some(identity) = &gateway.identity else {
        return Ok(None);
    };
    let settings = identity.provider.settings();
    if settings.audience.is_empty() || !bearer::looks_like_one(token) {
        return Ok(None);
    }
    // Tokens live by the wall's time, whatever clock a demo runs on.
    let now = Clock::wall().now();
    let keys = identity.provider.keys(false).await?;
    let mut checked = bearer::check(token, &keys, settings, now);
    if checked == Err(Refusal::UnknownKey) {
        let keys = identity.provider.keys(true).await?;
        checked = bearer::check(token, &keys, settings, now);
    }
    let bearer = checked.map_err(|refusal| {
        metrics::counter!("identity_tokens_refused_total").increment(1);
        Problem::new(axum::http::StatusCode::UNAUTHORIZED, refusal.to_string())
    })?;
    let principal = principal(&bearer, settings);
    if principal.person {
        not_disabled(gateway, &principal).await?;
    }
    Ok(Some(principal))
}

/// A machine of the cluster, by the token that the cluster gave it.
async fn of_workload(workloads: &Workloads, token: &str) -> Result<Principal, Problem> {
    let admitted = workloads.admit(token, Clock::wall().now()).await;
    admitted
        .map(|machine| machine.principal())
        .map_err(|turned| match turned {
            Turned::Trouble(trouble) => trouble.into(),
            Turned::Away(Unadmitted::Unmapped(_)) => Problem::forbidden(turned.to_string()),
            Turned::Away(Unadmitted::Refused(_)) => {
                metrics::counter!("identity_tokens_refused_total").increment(1);
                Problem::new(axum::http::StatusCode::UNAUTHORIZED, turned.to_string())
            }
        })
}

/// What the bearer may do: what both the role and the token allow.
fn principal(bearer: &Bearer, settings: &Settings) -> Principal {
    let granted = match bearer.person {
        true => settings.granted(&bearer.groups),
        false => settings
            .machines
            .get(&bearer.client)
            .map(|role| (*role, role.scopes().to_vec())),
    };
    let (role, of_role) = granted.unwrap_or((Role::Viewer, Vec::new()));
    let scopes: Vec<Scope> = of_role
        .into_iter()
        .filter(|scope| bearer.scopes.contains(scope))
        .collect();
    Principal {
        subject: match bearer.person {
            true => subject(&bearer.subject),
            false => format!("client:{}", bearer.client),
        },
        name: match bearer.person {
            true => bearer.name.clone(),
            false => bearer.client.clone(),
        },
        role,
        scopes,
        person: bearer.person,
        via: "jwt".to_owned(),
        token: None,
        csrf: None,
    }
}

/// 403 for a person whom somebody disabled.
pub async fn not_disabled(gateway: &Gateway, principal: &Principal) -> Result<(), Problem> {
    let known = gateway
        .casework
        .knowledge()
        .person(&principal.subject)
        .await?;
    match known.and_then(|known| known.disabled_at) {
        Some(at) => Err(Problem::forbidden(format!(
            "{} was disabled at {at}",
            principal.name
        ))),
        None => Ok(()),
    }
}
