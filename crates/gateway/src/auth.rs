//! Who is asking: tokens, one-time login links, sessions.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use casework::people::local_subject;
use model::{Actor, Role, Scope, Timestamp};
use sha2::{Digest, Sha256};
use store::{Knowledge, SavedToken};
use subtle::ConstantTimeEq;

use crate::cors::is_foreign;
use crate::identity::by_signed_token;
use crate::identity::machine::Machine;
use crate::problem::Problem;
use crate::state::Gateway;
use crate::wrongs::{Peer, Wrongs};

/// A login link's life.
pub const LINK_LIFE: Duration = Duration::from_secs(600);
/// A session ends after so long without a request, and after so long in any case.
pub const SESSION_IDLE: Duration = Duration::from_secs(3_600);
pub const SESSION_LIFE: Duration = Duration::from_secs(12 * 3_600);
/// Sessions and links that are kept at once; the oldest go first.
pub const MAX_SESSIONS: usize = 1_000;
/// Login attempts with a wrong code within [`LINK_LIFE`], from one address, before it waits.
pub const MAX_WRONG_LOGINS: usize = 20;
/// A token's last use is written down at most so often, in milliseconds.
pub const TOUCH_EVERY_MS: i64 = 5 * 60 * 1000;
/// Wrong tokens within [`WRONG_TOKENS_IN`], from one address, before it is told to wait.
pub const MAX_WRONG_TOKENS: usize = 600;
pub const WRONG_TOKENS_IN: Duration = Duration::from_secs(60);
pub const COOKIE: &str = "datapulse_session";
pub const CSRF: &str = "x-csrf-token";

/// Who asks, and what they may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Principal {
    pub subject: String,
    pub name: String,
    pub role: Role,
    pub scopes: Vec<Scope>,
    /// A person, whose decisions count.
    pub person: bool,
    /// Token, session or local.
    pub via: String,
    /// The token that says so; a session's is the one that its link was made with.
    pub token: Option<String>,
    /// Sessions only: what unsafe requests must bring.
    pub csrf: Option<String>,
}

impl Principal {
    /// The one caller under `--no-auth`, and of a process that reads its own folder.
    pub fn local() -> Self {
        Self::person("local")
    }

    /// A person on this machine who started the process: an admin.
    pub fn person(name: &str) -> Self {
        Self {
            subject: local_subject(name),
            name: name.to_owned(),
            role: Role::Admin,
            // Deciding alone is a role of its own, and nobody's by the way.
            scopes: Scope::ALL
                .into_iter()
                .filter(|scope| *scope != Scope::ActionsBreakGlass)
                .collect(),
            person: true,
            via: "local".to_owned(),
            token: None,
            csrf: None,
        }
    }

    /// How they came in, as it is kept of people.
    pub fn source(&self) -> &'static str {
        match (&self.token, self.via.as_str()) {
            (Some(_), _) => "token",
            (None, "local") => "local",
            (None, "oidc" | "jwt") => "oidc",
            (None, _) => "session",
        }
    }

    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    pub fn actor(&self) -> Actor {
        let (subject, name) = (self.subject.clone(), self.name.clone());
        if self.person {
            let via = self.via.clone();
            Actor::Person { subject, name, via }
        } else {
            Actor::System { subject, name }
        }
    }
}

/// `bytes` random bytes in hexadecimal.
pub fn random(bytes: usize) -> Result<String, store::Error> {
    let mut buffer = vec![0u8; bytes];
    getrandom::fill(&mut buffer)
        .map_err(|error| store::Error::Unavailable(format!("no random numbers: {error}")))?;
    Ok(hex::encode(buffer))
}

pub fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Makes a token and keeps its hash; the secret is given out this once.
pub async fn issue_token(
    knowledge: &dyn Knowledge,
    name: &str,
    role: Role,
    person: bool,
    life_ms: Option<i64>,
    now: Timestamp,
) -> Result<(SavedToken, String), store::Error> {
    let id = random(6)?;
    let secret = format!("dp_{id}_{}", random(24)?);
    let token = SavedToken {
        id,
        hash: hash(&secret),
        name: name.to_owned(),
        role,
        scopes: role.scopes().to_vec(),
        person,
        created_at: now,
        expires_at: life_ms.map(|ms| now.plus_ms(ms)),
        revoked_at: None,
        last_used_at: None,
    };
    knowledge.put_token(&token).await?;
    Ok((token, secret))
}

/// Sessions and login links of this process: they end with it.
#[derive(Default)]
pub struct Sessions {
    state: Mutex<State>,
}

struct State {
    links: HashMap<String, (Principal, Instant)>,
    sessions: HashMap<String, Session>,
    wrong: Wrongs,
    wrong_tokens: Wrongs,
}

impl Default for State {
    fn default() -> Self {
        Self {
            links: HashMap::new(),
            sessions: HashMap::new(),
            wrong: Wrongs::new(MAX_WRONG_LOGINS, LINK_LIFE),
            wrong_tokens: Wrongs::new(MAX_WRONG_TOKENS, WRONG_TOKENS_IN),
        }
    }
}

impl State {
    fn begin(&mut self, secret: &str, principal: Principal) {
        let now = Instant::now();
        self.sessions.retain(|_, session| session.alive());
        if self.sessions.len() >= MAX_SESSIONS {
            let oldest = self
                .sessions
                .iter()
                .min_by_key(|(_, session)| session.seen)
                .map(|(key, _)| key.clone());
            oldest.map(|key| self.sessions.remove(&key));
        }
        let session = Session {
            principal,
            began: now,
            seen: now,
        };
        self.sessions.insert(hash(secret), session);
    }
}

struct Session {
    principal: Principal,
    began: Instant,
    seen: Instant,
}

impl Sessions {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A code that logs `principal` in once, within [`LINK_LIFE`].
    pub fn link(&self, principal: Principal) -> Result<String, store::Error> {
        let code = random(24)?;
        self.with(|state| {
            state
                .links
                .retain(|_, (_, made)| made.elapsed() < LINK_LIFE);
            if state.links.len() >= MAX_SESSIONS {
                state.links.clear();
            }
            state.links.insert(hash(&code), (principal, Instant::now()));
        });
        Ok(code)
    }

    /// A session's secret for a code; the code is used up.
    pub fn log_in(&self, code: &str, peer: Peer) -> Result<(String, Principal), Problem> {
        let secret = random(24)?;
        let csrf = random(16)?;
        self.with(|state| {
            if state.wrong.must_wait(peer, Instant::now()) {
                let text = "too many wrong login codes: wait ten minutes";
                return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, text));
            }
            let link = state.links.remove(&hash(code));
            let Some((mut principal, _)) = link.filter(|(_, made)| made.elapsed() < LINK_LIFE) else {
                state.wrong.count(peer, Instant::now());
                let text = "this login link was used, is too old, or is wrong: make another with `datapulse token login-link`";
                return Err(Problem::new(StatusCode::UNAUTHORIZED, text));
            };
            principal.via = "session".to_owned();
            principal.csrf = Some(csrf);
            state.begin(&secret, principal.clone());
            Ok((secret, principal))
        })
    }

    /// Counts a token that is none; after too many of them 429, so that nobody tries them all.
    /// Whoever has a right one is let in meanwhile.
    fn wrong_token(&self, peer: Peer) -> Result<(), Problem> {
        metrics::counter!("tokens_refused_total").increment(1);
        self.with(|state| {
            let now = Instant::now();
            if state.wrong_tokens.must_wait(peer, now) {
                let seconds = WRONG_TOKENS_IN.as_secs();
                let text = format!(
                    "{MAX_WRONG_TOKENS} wrong tokens came from your address within {seconds} s: wait {seconds} s"
                );
                return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, text));
            }
            state.wrong_tokens.count(peer, now);
            Ok(())
        })
    }

    /// A session of somebody who was just verified; gives its secret.
    pub fn begin(&self, mut principal: Principal) -> Result<String, store::Error> {
        let secret = random(24)?;
        principal.csrf = Some(random(16)?);
        self.with(|state| state.begin(&secret, principal));
        Ok(secret)
    }

    /// Ends what was begun with a token that is revoked.
    pub fn end_of_token(&self, id: &str) {
        let by = |principal: &Principal| principal.token.as_deref() == Some(id);
        self.with(|state| {
            state.links.retain(|_, (principal, _)| !by(principal));
            state.sessions.retain(|_, session| !by(&session.principal));
        });
    }

    /// Ends all that a person has begun.
    pub fn end_of_person(&self, subject: &str) {
        self.with(|state| {
            state
                .links
                .retain(|_, (principal, _)| principal.subject != subject);
            state
                .sessions
                .retain(|_, session| session.principal.subject != subject);
        });
    }

    pub fn log_out(&self, headers: &HeaderMap) {
        if let Some(secret) = cookie(headers) {
            self.with(|state| state.sessions.remove(&hash(secret)));
        }
    }

    fn find(&self, secret: &str) -> Option<Principal> {
        self.with(|state| {
            let session = state.sessions.get_mut(&hash(secret))?;
            if !session.alive() {
                return None;
            }
            session.seen = Instant::now();
            Some(session.principal.clone())
        })
    }
}

impl Session {
    fn alive(&self) -> bool {
        self.seen.elapsed() < SESSION_IDLE && self.began.elapsed() < SESSION_LIFE
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    cookie_of(headers, COOKIE)
}

/// The value of a cookie.
pub fn cookie_of<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}

/// The token in an `Authorization` header: bare, or as clients of Elasticsearch send what they
/// know: `ApiKey` with the base64 of an id and the token, `Basic` with any user whose password
/// is the token.
fn secret(header: &str) -> Option<String> {
    let (scheme, given) = header.split_once(' ')?;
    let given = given.trim();
    let behind_colon = || {
        let decoded = STANDARD.decode(given).ok()?;
        let pair = String::from_utf8(decoded).ok()?;
        pair.split_once(':').map(|(_, secret)| secret.to_owned())
    };
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(given.to_owned()),
        "apikey" => Some(behind_colon().unwrap_or_else(|| given.to_owned())),
        "basic" => behind_colon(),
        _ => None,
    }
}

/// The caller, or 401; a session's unsafe request without its CSRF token is 403.
pub async fn authenticate(
    gateway: &Gateway,
    method: &Method,
    headers: &HeaderMap,
    peer: Peer,
    machine: Option<&Machine>,
) -> Result<Principal, Problem> {
    // Who the connection is counts before all that is sent over it: a person's token in a
    // machine's hands is no person.
    if let Some(machine) = machine {
        return Ok(machine.principal());
    }
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let secret = value.to_str().ok().and_then(secret).ok_or_else(|| {
            unauthorized(
                "expected `Authorization: Bearer` and a token, or ApiKey or Basic with one",
            )
        })?;
        let found = by_token(gateway, &secret).await;
        if let Err(problem) = &found
            && problem.status == StatusCode::UNAUTHORIZED.as_u16()
        {
            gateway.sessions.wrong_token(peer)?;
        }
        return found;
    }
    if let Some(secret) = cookie(headers)
        && let Some(principal) = gateway.sessions.find(secret)
    {
        if !method.is_safe() {
            csrf_matches(&principal, headers)?;
        }
        return Ok(principal);
    }
    if gateway.options.no_auth {
        // Without a token to ask for, only the browser's word keeps pages elsewhere out.
        if !method.is_safe() && is_foreign(gateway, headers) {
            return Err(Problem::forbidden(
                "a page of another origin may not change anything here: list it in server.cors_origins",
            ));
        }
        return Ok(Principal::local());
    }
    Err(unauthorized(
        "no token and no session: send `Authorization: Bearer`, or log in with a link from `datapulse token login-link`",
    ))
}

fn csrf_matches(principal: &Principal, headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers
        .get(CSRF)
        .map(|value| value.as_bytes())
        .unwrap_or_default();
    let wanted = principal.csrf.as_deref().unwrap_or_default().as_bytes();
    if !wanted.is_empty() && bool::from(given.ct_eq(wanted)) {
        Ok(())
    } else {
        Err(Problem::forbidden(
            "the X-CSRF-Token header is missing or wrong: read it from GET me",
        ))
    }
}

async fn by_token(gateway: &Gateway, secret: &str) -> Result<Principal, Problem> {
    if let Some(principal) = by_signed_token(gateway, secret).await? {
        return Ok(principal);
    }
    let found = gateway.casework.knowledge().token(&hash(secret)).await?;
    let Some(token) = found else {
        return Err(unauthorized("this token is not known here"));
    };
    // Tokens outlive the demo's fast clock: their time is the wall's.
    let now = casework::Clock::wall().now();
    if token.revoked_at.is_some() {
        return Err(unauthorized("this token was revoked"));
    }
    if token.expires_at.is_some_and(|at| at <= now) {
        return Err(unauthorized("this token has expired"));
    }
    let stale = |at: Timestamp| now.ms() - at.ms() >= TOUCH_EVERY_MS;
    if token.last_used_at.is_none_or(stale) {
        // A store that can't take it says so elsewhere: the caller is who they are.
        if let Err(error) = gateway
            .casework
            .knowledge()
            .touch_token(&token.hash, now)
            .await
        {
            tracing::warn!(%error, token = token.id, "a token's use can't be noted");
        }
    }
    let scopes = token
        .scopes
        .into_iter()
        .filter(|scope| token.role.scopes().contains(scope))
        .collect();
    Ok(Principal {
        subject: if token.person {
            local_subject(&token.name)
        } else {
            format!("token:{}", token.id)
        },
        name: token.name,
        role: token.role,
        scopes,
        person: token.person,
        via: format!("token:{}", token.id),
        token: Some(token.id),
        csrf: None,
    })
}

#[cfg(test)]
mod tests {
    use super::{STANDARD, secret};
    use base64::Engine as _;

    #[test]
    fn a_token_comes_in_several_coats() {
        let pair = STANDARD.encode("some:dp_1_2");
        let token = Some("dp_1_2".to_owned());
        assert_eq!(secret("Bearer dp_1_2"), token);
        assert_eq!(secret("ApiKey dp_1_2"), token);
        assert_eq!(secret(&format!("ApiKey {pair}")), token);
        assert_eq!(secret(&format!("Basic {pair}")), token);
        assert_eq!(secret("Basic dp_1_2"), None);
        assert_eq!(secret("Digest dp_1_2"), None);
        assert_eq!(secret("dp_1_2"), None);
    }
}
