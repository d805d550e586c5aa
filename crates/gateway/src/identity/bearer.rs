//! Bearer tokens that the provider signed, checked as RFC 8725 and RFC 9068 ask. Pure: keys and
//! time are arguments.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use model::{Scope, Timestamp};
use serde_json::{Map, Value};

use super::settings::Settings;

/// Bytes of a token: far more than any provider makes.
pub const MAX_TOKEN: usize = 16 * 1024;
/// How far clocks may be apart, in seconds.
pub const LEEWAY_S: i64 = 30;
/// Groups of one token that are looked at.
pub const MAX_GROUPS: usize = 500;

/// Who a token says its bearer is.
#[derive(Debug, Clone, PartialEq)]
pub struct Bearer {
    /// `sub`.
    pub subject: String,
    pub name: String,
    pub client: String,
    /// A person, by one of our own clients; else a machine.
    pub person: bool,
    pub groups: Vec<String>,
    /// What the token is for, of the scopes that we know.
    pub scopes: Vec<Scope>,
}

/// Why a token counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this token {0}")]
    Invalid(String),
    /// The key may be a new one: fetch the keys again.
    #[error("this token is signed with a key that the provider doesn't show")]
    UnknownKey,
}

fn invalid(says: impl Into<String>) -> Refusal {
    Refusal::Invalid(says.into())
}

/// Whether a secret has the form of a signed token rather than of one of ours.
pub fn looks_like_one(secret: &str) -> bool {
    secret.starts_with("ey") && secret.split('.').count() == 3
}

/// What a token must say for its claims to be looked at.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The table of the configuration, for messages.
    pub table: &'static str,
    pub issuer: &'a str,
    pub audience: &'a str,
    pub algorithms: &'a [String],
}

/// Checks signature, issuer, audience, times and kind.
pub fn check(
    token: &str,
    keys: &JwkSet,
    settings: &Settings,
    now: Timestamp,
) -> Result<Bearer, Refusal> {
    let expected = Expected {
        table: "identity",
        issuer: &settings.issuer,
        audience: &settings.audience,
        algorithms: &settings.algorithms,
    };
    bearer(&claims(token, keys, expected, now)?, settings)
}

/// Who a token says that it is from. Nothing is verified: it only tells whose rules to hold it
/// against.
pub fn issuer(token: &str) -> Option<String> {
    let payload = token.get(..MAX_TOKEN.min(token.len()))?.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Map<String, Value> = serde_json::from_slice(&payload).ok()?;
    claims.get("iss")?.as_str().map(str::to_owned)
}

/// The claims of a token whose signature, issuer, audience, times and type are as expected.
pub fn claims(
    token: &str,
    keys: &JwkSet,
    expected: Expected<'_>,
    now: Timestamp,
) -> Result<Map<String, Value>, Refusal> {
    let table = expected.table;
    if token.len() > MAX_TOKEN {
        return Err(invalid(format!("is longer than {MAX_TOKEN} bytes")));
    }
    let header = decode_header(token).map_err(|_| {
        invalid(format!(
            "has a header that isn't one: alg must be one of those in {table}.algorithms"
        ))
    })?;
    let algorithm = format!("{:?}", header.alg);
    if !expected.algorithms.contains(&algorithm) {
        return Err(invalid(format!(
            "is signed with {algorithm}, which {table}.algorithms doesn't have"
        )));
    }
    let kind = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
    if !matches!(kind.as_str(), "jwt" | "at+jwt" | "application/at+jwt") {
        return Err(invalid(format!(
            "is of the type {kind:?}, not an access token"
        )));
    }
    let key = key(keys, header.kid.as_deref(), header.alg)?;
    let key = DecodingKey::from_jwk(key)
        .map_err(|error| invalid(format!("has a key that can't be used: {error}")))?;
    // Times are held against our own clock, below.
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.audience]);
    let claims: Map<String, Value> = decode(token, &key, &validation)
        .map_err(|error| invalid(said(&error)))?
        .claims;
    times(&claims, now)?;
    Ok(claims)
}

/// The key that a token names, made for signatures of this kind; without a name, the only one.
fn key<'a>(keys: &'a JwkSet, kid: Option<&str>, algorithm: Algorithm) -> Result<&'a Jwk, Refusal> {
    let fits = |key: &&Jwk| {
        let for_signatures = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
        let named = key.common.key_algorithm.map(|own| own.to_string());
        let family = match &key.algorithm {
            AlgorithmParameters::RSA(_) => matches!(
                algorithm,
                Algorithm::RS256
                    | Algorithm::RS384
                    | Algorithm::RS512
                    | Algorithm::PS256
                    | Algorithm::PS384
                    | Algorithm::PS512
            ),
            AlgorithmParameters::EllipticCurve(_) => {
                matches!(algorithm, Algorithm::ES256 | Algorithm::ES384)
            }
            _ => false,
        };
        for_signatures && family && named.is_none_or(|own| own == format!("{algorithm:?}"))
    };
    let found = match kid {
        Some(kid) => keys
            .keys
            .iter()
            .filter(fits)
            .find(|key| key.common.key_id.as_deref() == Some(kid)),
        None => {
            let mut fitting = keys.keys.iter().filter(fits);
            let first = fitting.next();
            if fitting.next().is_some() {
                return Err(invalid("names no key, and the provider has several"));
            }
            first
        }
    };
    found.ok_or(Refusal::UnknownKey)
}

fn said(error: &jsonwebtoken::errors::Error) -> String {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => "has a signature that isn't the provider's".to_owned(),
        ErrorKind::InvalidIssuer => "is from another issuer".to_owned(),
        ErrorKind::InvalidAudience => "is for another audience".to_owned(),
        ErrorKind::MissingRequiredClaim(claim) => format!("has no {claim}"),
        other => format!("can't be read: {other:?}"),
    }
}

fn times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), Refusal> {
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64);
    let now = now.ms() as f64 / 1000.0;
    let leeway = LEEWAY_S as f64;
    match seconds("exp") {
        Some(exp) if now < exp + leeway => {}
        Some(_) => return Err(invalid("has expired")),
        None => return Err(invalid("has no exp")),
    }
    if seconds("nbf").is_some_and(|nbf| now + leeway < nbf) {
        return Err(invalid("isn't valid yet"));
    }
    if seconds("iat").is_some_and(|iat| now + leeway < iat) {
        return Err(invalid("was issued in the future"));
    }
    Ok(())
}

fn bearer(claims: &Map<String, Value>, settings: &Settings) -> Result<Bearer, Refusal> {
    let text = |name: &str| {
        let text = claims.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    // What a login was answered with says who somebody is, not what its bearer may do.
    if claims.contains_key("nonce") || claims.contains_key("at_hash") {
        return Err(invalid("is an ID token, not an access token"));
    }
    let subject = text("sub").ok_or_else(|| invalid("has no sub"))?;
    let client = text("client_id")
        .or_else(|| text("azp"))
        .ok_or_else(|| invalid("has no client_id"))?;
    let ours = client == settings.client_id
        || (!settings.cli_client_id.is_empty() && client == settings.cli_client_id);
    let scopes = text("scope").unwrap_or_default();
    Ok(Bearer {
        name: text(&settings.name_claim).unwrap_or_else(|| subject.clone()),
        person: ours && subject != client,
        groups: groups(claims, &settings.groups_claim),
        scopes: scopes.split(' ').filter_map(Scope::parse).collect(),
        subject,
        client,
    })
}

/// A list of texts, or one text; anything else is no group.
pub fn groups(claims: &Map<String, Value>, name: &str) -> Vec<String> {
    match claims.get(name) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several
            .iter()
            .filter_map(Value::as_str)
            .take(MAX_GROUPS)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
pub(in crate::identity) mod tests;
