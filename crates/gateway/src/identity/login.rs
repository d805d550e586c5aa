//! Logins of browsers: to the provider and back, each attempt once, in the browser that began it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use model::{Act, Actor};
use serde::{Deserialize, Serialize};

use super::provider::{Begun, Person};
use super::{Identity, subject};
use crate::api::proposals::remember;
use crate::auth::{COOKIE, Principal, SESSION_LIFE, cookie_of, hash, random};
use crate::problem::Problem;
use crate::routes::API;
use crate::state::Gateway;
use crate::wrongs::{Peer, Wrongs};

/// How long somebody may take at the provider.
pub const ATTEMPT_LIFE: Duration = Duration::from_secs(600);
/// Logins under way at once; the oldest go first.
pub const MAX_ATTEMPTS: usize = 1_000;
/// Logins that fail within [`ATTEMPT_LIFE`], from one address, before it waits.
pub const MAX_FAILED: usize = 100;
/// What ties an attempt to its browser.
const ATTEMPT_COOKIE: &str = "datapulse_login";

/// Logins under way, by the hash of their state.
#[derive(Default)]
pub struct Attempts {
    kept: Mutex<Kept>,
}

struct Kept {
    attempts: HashMap<String, Attempt>,
    failed: Wrongs,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            attempts: HashMap::new(),
            failed: Wrongs::new(MAX_FAILED, ATTEMPT_LIFE),
        }
    }
}

struct Attempt {
    nonce: String,
    verifier: String,
    /// The hash of the browser's cookie.
    browser: String,
    began: Instant,
}

impl Attempts {
    fn with<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether so many failed lately from this address that it has to wait.
    fn refused(&self, peer: Peer) -> Result<(), Problem> {
        self.with(|kept| match kept.failed.must_wait(peer, Instant::now()) {
            true => Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too many logins failed from your address: wait ten minutes",
            )),
            false => Ok(()),
        })
    }

    fn failed(&self, peer: Peer) {
        metrics::counter!("identity_logins_failed_total").increment(1);
        self.with(|kept| kept.failed.count(peer, Instant::now()));
    }

    fn keep(&self, begun: Begun, browser: &str) {
        let attempt = Attempt {
            nonce: begun.nonce,
            verifier: begun.verifier,
            browser: hash(browser),
            began: Instant::now(),
        };
        self.with(|kept| {
            kept.attempts
                .retain(|_, attempt| attempt.began.elapsed() < ATTEMPT_LIFE);
            if kept.attempts.len() >= MAX_ATTEMPTS {
                let oldest = kept
                    .attempts
                    .iter()
                    .min_by_key(|(_, attempt)| attempt.began)
                    .map(|(state, _)| state.clone());
                oldest.map(|state| kept.attempts.remove(&state));
            }
            kept.attempts.insert(hash(&begun.state), attempt);
        });
    }

    /// The attempt of this state, which is used up by asking for it.
    fn take(&self, state: &str, browser: Option<&str>) -> Result<(String, String), String> {
        let found = self.with(|kept| kept.attempts.remove(&hash(state)));
        let attempt = found
            .filter(|attempt| attempt.began.elapsed() < ATTEMPT_LIFE)
            .ok_or("it was begun too long ago, finished before, or never begun")?;
        match browser.map(hash) {
            Some(browser) if browser == attempt.browser => Ok((attempt.nonce, attempt.verifier)),
            _ => Err("it was begun in another browser".to_owned()),
        }
    }
}

fn identity(gateway: &Gateway) -> Result<&Identity, Problem> {
    gateway.identity.as_deref().ok_or_else(|| {
        Problem::not_found("no identity provider is configured: see [identity] in datapulse.toml")
    })
}

/// What programs need to know to log a person in.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LoginSettings {
    /// Whether `oidc/login` leads anywhere.
    pub enabled: bool,
    pub issuer: Option<String>,
    /// Of the command line; `null`: it has no login here.
    pub cli_client_id: Option<String>,
    pub scopes: Vec<String>,
}

pub async fn settings(State(gateway): State<Gateway>) -> Json<LoginSettings> {
    let settings = gateway
        .identity
        .as_ref()
        .map(|identity| identity.provider.settings());
    Json(LoginSettings {
        enabled: settings.is_some(),
        issuer: settings.map(|settings| settings.issuer.clone()),
        cli_client_id: settings
            .map(|settings| settings.cli_client_id.clone())
            .filter(|id| !id.is_empty()),
        scopes: settings.map_or_else(Vec::new, |settings| settings.scopes.clone()),
    })
}

/// Sends the browser to the provider.
pub async fn begin(State(gateway): State<Gateway>, peer: Peer) -> Result<Response, Problem> {
    let identity = identity(&gateway)?;
    identity.attempts.refused(peer)?;
    let begun = identity.provider.begin().await?;
    let browser = random(24)?;
    let url = begun.url.clone();
    identity.attempts.keep(begun, &browser);
    let life = ATTEMPT_LIFE.as_secs();
    // Lax: the way back comes from another site.
    let cookie = format!(
        "{ATTEMPT_COOKIE}={browser}; Path={API}/oidc; HttpOnly; SameSite=Lax; Max-Age={life}{}",
        secure(identity)
    );
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&url)).into_response())
}

fn secure(identity: &Identity) -> &'static str {
    match identity.provider.settings().is_secure() {
        true => "; Secure",
        false => "",
    }
}

/// What the provider sends a browser back with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Back {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// The provider sends the browser back: a session begins, under a new secret.
pub async fn callback(
    State(gateway): State<Gateway>,
    peer: Peer,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Result<Response, Problem> {
    let identity = identity(&gateway)?;
    identity.attempts.refused(peer)?;
    let person = match came_back(identity, &headers, back).await {
        Ok(person) => person,
        Err(problem) => {
            identity.attempts.failed(peer);
            return Err(problem);
        }
    };
    let Some((role, scopes)) = identity.provider.settings().granted(&person.groups) else {
        identity.attempts.failed(peer);
        return Err(Problem::forbidden(format!(
            "{} has no role here: none of their groups is in identity.groups",
            person.name
        )));
    };
    let principal = Principal {
        subject: subject(&person.subject),
        name: person.name,
        role,
        scopes,
        person: true,
        via: "oidc".to_owned(),
        token: None,
        csrf: None,
    };
    remember(&gateway, &principal).await?;
    let actor: Actor = principal.actor();
    let act = Act::LoggedIn {
        subject: principal.subject.clone(),
        via: "oidc".to_owned(),
    };
    gateway.casework.record_act(actor, act).await?;
    // Whatever session this browser had before, it is another one now.
    gateway.sessions.log_out(&headers);
    let secret = gateway.sessions.begin(principal)?;
    let (life, secure) = (SESSION_LIFE.as_secs(), secure(identity));
    let cookies = [
        format!("{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{secure}"),
        format!("{ATTEMPT_COOKIE}=; Path={API}/oidc; HttpOnly; SameSite=Lax; Max-Age=0{secure}"),
    ];
    // A page of our own and not a redirect: a strict cookie doesn't go with a redirect that
    // another site began.
    let page = "<!doctype html><html lang=en><title>DataPulse</title>\
<meta http-equiv=refresh content=\"0;url=/\"><p>You are logged in. <a href=\"/\">Go on</a></p></html>";
    let mut response = Html(page).into_response();
    for cookie in cookies {
        if let Ok(value) = cookie.parse() {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    Ok(response)
}

async fn came_back(
    identity: &Identity,
    headers: &HeaderMap,
    back: Back,
) -> Result<Person, Problem> {
    let fails = |why: &str| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            format!("this login doesn't hold: {why}; begin again at {API}/oidc/login"),
        )
    };
    let state = back
        .state
        .ok_or_else(|| fails("it comes without a state"))?;
    let browser = cookie_of(headers, ATTEMPT_COOKIE);
    let (nonce, verifier) = identity
        .attempts
        .take(&state, browser)
        .map_err(|why| fails(&why))?;
    if let Some(error) = back.error {
        let said: String = error
            .chars()
            .filter(char::is_ascii_graphic)
            .take(60)
            .collect();
        return Err(fails(&format!("the provider says {said}")));
    }
    let code = back.code.ok_or_else(|| fails("it comes without a code"))?;
    Ok(identity.provider.finish(code, &nonce, verifier).await?)
}
