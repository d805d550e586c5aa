//! How a sender of alerts proves that it knows the secret: Alertmanager by a bearer token or a
//! password, Grafana by the same or an HMAC, Kibana by a password or a header.
//!
//! A DataPulse token as bearer or as the password of any user needs none of this: the gateway
//! knows it. This is for secrets that are no tokens, and for Grafana's signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::secret::Secret;
use crate::signature::MAX_AGE_S;

/// Where Grafana writes its signature, unless told otherwise.
pub const GRAFANA_SIGNATURE: &str = "x-grafana-alerting-signature";
/// Where we ask Grafana to write the time; it writes none unless it is told where.
pub const GRAFANA_TIMESTAMP: &str = "x-grafana-alerting-timestamp";

const AUTHORIZATION: &str = "authorization";

/// What a sender must bring. Names of headers are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// `Authorization: Bearer` and the secret.
    Bearer(Secret),
    /// `Authorization: Basic` with this user and password.
    Basic { user: String, password: Secret },
    /// A header of any name with the secret as its value.
    Header { name: String, value: Secret },
    /// HMAC-SHA256 in hexadecimal, over `<seconds>:<body>` where `timestamp` names the header of
    /// the time, else over the body alone: then an old request can be played again.
    GrafanaHmac {
        secret: Secret,
        signature: String,
        timestamp: Option<String>,
    },
}

/// What was wrong with a proof. Says nothing of the secret. Answered as 401.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    #[error("the header {0} is missing")]
    Missing(String),
    #[error("the header authorization: expected the scheme {expected}")]
    Scheme { expected: &'static str },
    #[error("the header authorization: expected base64 of user:password")]
    NotBasic,
    #[error("the header {0} doesn't hold the configured secret")]
    WrongSecret(String),
    #[error("the header {0}: expected 64 hexadecimal digits")]
    NotHexadecimal(String),
    #[error("the header {0}: expected seconds since 1970")]
    NotSeconds(String),
    #[error(
        "signed {seconds} s ago, at most {MAX_AGE_S} s are allowed: the clocks differ, or it was sent before"
    )]
    TooOld { seconds: i64 },
    #[error(
        "signed {seconds} s in the future, at most {MAX_AGE_S} s are allowed: the clocks differ"
    )]
    TooNew { seconds: i64 },
    #[error("the signature isn't that of the configured secret over what was sent{0}")]
    WrongSignature(&'static str),
    #[error("no secret is configured, or an empty one")]
    NoSecret,
}

impl Proof {
    /// Grafana's signature where it is written by default, with the time where we ask for it.
    pub fn grafana(secret: Secret) -> Self {
        Self::GrafanaHmac {
            secret,
            signature: GRAFANA_SIGNATURE.to_owned(),
            timestamp: Some(GRAFANA_TIMESTAMP.to_owned()),
        }
    }

    /// Checks a request. `header` gives a header's value by its name in lower case; `now_s` is
    /// seconds since 1970. Secrets are compared in constant time.
    ///
    /// # Errors
    /// What was wrong.
    pub fn check<'h>(
        &self,
        header: impl Fn(&str) -> Option<&'h str>,
        body: &[u8],
        now_s: i64,
    ) -> Result<(), Unproven> {
        let need = |name: &str| header(name).ok_or_else(|| Unproven::Missing(name.to_owned()));
        match self {
            Self::Bearer(secret) => {
                let given = credentials(need(AUTHORIZATION)?, "Bearer")?;
                same(
                    given.as_bytes(),
                    secret.reveal().as_bytes(),
                    secret,
                    AUTHORIZATION,
                )
            }
            Self::Basic { user, password } => {
                let given = credentials(need(AUTHORIZATION)?, "Basic")?;
                let given = STANDARD.decode(given).map_err(|_| Unproven::NotBasic)?;
                let wanted = format!("{user}:{}", password.reveal());
                same(&given, wanted.as_bytes(), password, AUTHORIZATION)
            }
            Self::Header { name, value } => {
                let given = need(name)?;
                same(given.as_bytes(), value.reveal().as_bytes(), value, name)
            }
            Self::GrafanaHmac {
                secret,
                signature,
                timestamp,
            } => {
                let given = need(signature)?;
                let time = match timestamp {
                    Some(name) => Some(recent(name, need(name)?, now_s)?),
                    None => None,
                };
                signed(secret, signature, given, time, body)
            }
        }
    }
}

/// What follows the scheme, whose case doesn't matter.
fn credentials<'h>(header: &'h str, expected: &'static str) -> Result<&'h str, Unproven> {
    match header.split_once(' ') {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case(expected) => Ok(given.trim()),
        _ => Err(Unproven::Scheme { expected }),
    }
}

/// Digests take the same time to compare, whatever was sent.
fn same(given: &[u8], wanted: &[u8], secret: &Secret, name: &str) -> Result<(), Unproven> {
    if secret.reveal().is_empty() {
        return Err(Unproven::NoSecret);
    }
    if Sha256::digest(given) == Sha256::digest(wanted) {
        return Ok(());
    }
    Err(Unproven::WrongSecret(name.to_owned()))
}

/// The time as it was written, which is what was signed.
fn recent<'h>(name: &str, given: &'h str, now_s: i64) -> Result<&'h str, Unproven> {
    let not_seconds = |_| Unproven::NotSeconds(name.to_owned());
    let at: i64 = given.parse().map_err(not_seconds)?;
    match now_s.saturating_sub(at) {
        age if age > MAX_AGE_S => Err(Unproven::TooOld { seconds: age }),
        age if age < -MAX_AGE_S => Err(Unproven::TooNew {
            seconds: age.saturating_neg(),
        }),
        _ => Ok(given),
    }
}

fn signed(
    secret: &Secret,
    name: &str,
    given: &str,
    time: Option<&str>,
    body: &[u8],
) -> Result<(), Unproven> {
    if secret.reveal().is_empty() {
        return Err(Unproven::NoSecret);
    }
    let given = hex::decode(given.trim())
        .ok()
        .filter(|bytes| bytes.len() == 32)
        .ok_or_else(|| Unproven::NotHexadecimal(name.to_owned()))?;
    let fits = |time: Option<&str>| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
            return false;
        };
        if let Some(time) = time {
            mac.update(time.as_bytes());
            mac.update(b":");
        }
        mac.update(body);
        mac.verify_slice(&given).is_ok()
    };
    match (fits(time), time) {
        (true, _) => Ok(()),
        // A hint for who set it up half: it is refused all the same.
        (false, Some(_)) if fits(None) => Err(Unproven::WrongSignature(
            ": it is over the body alone, set Grafana's timestamp header",
        )),
        (false, _) => Err(Unproven::WrongSignature("")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"alerts":[]}"#;
    const NOW: i64 = 1_768_050_000;

    fn hmac(secret: &str, pieces: &[&[u8]]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
        pieces.iter().for_each(|piece| mac.update(piece));
        hex::encode(mac.finalize().into_bytes())
    }

    fn check(proof: &Proof, headers: &[(&str, &str)], now_s: i64) -> Result<(), String> {
        let header = |name: &str| {
            let found = headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| *value)
        };
        proof
            .check(header, BODY, now_s)
            .map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn bearer_password_and_header() {
        let bearer = Proof::Bearer(Secret::new("s3cret"));
        assert_eq!(
            check(&bearer, &[("authorization", "Bearer s3cret")], NOW),
            Ok(())
        );
        assert_eq!(
            check(&bearer, &[("authorization", "bearer s3cret")], NOW),
            Ok(())
        );
        let wrong = |proof: &Proof, value: &str| {
            check(proof, &[("authorization", value)], NOW).unwrap_err()
        };
        assert_eq!(
            wrong(&bearer, "Bearer s3cre"),
            "the header authorization doesn't hold the configured secret"
        );
        assert_eq!(
            wrong(&bearer, "s3cret"),
            "the header authorization: expected the scheme Bearer"
        );
        assert_eq!(
            check(&bearer, &[], NOW).unwrap_err(),
            "the header authorization is missing"
        );

        let basic = Proof::Basic {
            user: "kibana".to_owned(),
            password: Secret::new("pass:word"),
        };
        let given = format!("Basic {}", STANDARD.encode("kibana:pass:word"));
        assert_eq!(check(&basic, &[("authorization", &given)], NOW), Ok(()));
        let other = format!("Basic {}", STANDARD.encode("kibana:password"));
        assert_eq!(
            wrong(&basic, &other),
            "the header authorization doesn't hold the configured secret"
        );
        assert_eq!(
            wrong(&basic, "Basic ???"),
            "the header authorization: expected base64 of user:password"
        );

        let header = Proof::Header {
            name: "x-datapulse-secret".to_owned(),
            value: Secret::new("s3cret"),
        };
        assert_eq!(
            check(&header, &[("x-datapulse-secret", "s3cret")], NOW),
            Ok(())
        );
        assert_eq!(
            check(&header, &[("x-datapulse-secret", "")], NOW).unwrap_err(),
            "the header x-datapulse-secret doesn't hold the configured secret"
        );

        let empty = Proof::Bearer(Secret::new(""));
        assert_eq!(
            wrong(&empty, "Bearer "),
            "no secret is configured, or an empty one"
        );
        assert!(!format!("{bearer:?} {basic:?} {header:?}").contains("s3cret"));
    }

    #[test]
    fn grafanas_signature_with_its_time() {
        let proof = Proof::grafana(Secret::new("s3cret"));
        let time = NOW.to_string();
        let right = hmac("s3cret", &[time.as_bytes(), b":", BODY]);
        let sent = |signature: &str, time: &str, now_s: i64| {
            check(
                &proof,
                &[(GRAFANA_SIGNATURE, signature), (GRAFANA_TIMESTAMP, time)],
                now_s,
            )
        };
        assert_eq!(sent(&right, &time, NOW + MAX_AGE_S), Ok(()));
        assert_eq!(sent(&right.to_uppercase(), &time, NOW - MAX_AGE_S), Ok(()));
        assert_eq!(
            sent(&right, &time, NOW + 301).unwrap_err(),
            "signed 301 s ago, at most 300 s are allowed: the clocks differ, or it was sent before"
        );
        assert_eq!(
            sent(&right, &time, NOW - 301).unwrap_err(),
            "signed 301 s in the future, at most 300 s are allowed: the clocks differ"
        );
        let wrong = "the signature isn't that of the configured secret over what was sent";
        let other = hmac("other", &[time.as_bytes(), b":", BODY]);
        assert_eq!(sent(&other, &time, NOW).unwrap_err(), wrong);
        let later = (NOW + 1).to_string();
        assert_eq!(sent(&right, &later, NOW).unwrap_err(), wrong);
        let without = hmac("s3cret", &[BODY]);
        assert_eq!(
            sent(&without, &time, NOW).unwrap_err(),
            format!("{wrong}: it is over the body alone, set Grafana's timestamp header")
        );
        for odd in ["", "zz", &right[1..], &format!("{right}00"), "sha256=ab"] {
            assert_eq!(
                sent(odd, &time, NOW).unwrap_err(),
                format!("the header {GRAFANA_SIGNATURE}: expected 64 hexadecimal digits")
            );
        }
        assert_eq!(
            sent(&right, "noon", NOW).unwrap_err(),
            format!("the header {GRAFANA_TIMESTAMP}: expected seconds since 1970")
        );
        for far in [i64::MIN, i64::MAX] {
            assert!(sent(&right, &far.to_string(), NOW).is_err());
        }
        assert_eq!(
            check(&proof, &[(GRAFANA_SIGNATURE, &right)], NOW).unwrap_err(),
            format!("the header {GRAFANA_TIMESTAMP} is missing"),
            "without its time it isn't taken, whoever leaves it out"
        );
    }

    #[test]
    fn grafanas_signature_over_the_body_alone() {
        let proof = Proof::GrafanaHmac {
            secret: Secret::new("s3cret"),
            signature: GRAFANA_SIGNATURE.to_owned(),
            timestamp: None,
        };
        let right = hmac("s3cret", &[BODY]);
        assert_eq!(check(&proof, &[(GRAFANA_SIGNATURE, &right)], NOW), Ok(()));
        assert!(
            check(
                &proof,
                &[(GRAFANA_SIGNATURE, &right.replace('a', "b"))],
                NOW
            )
            .is_err()
        );
    }
}
