//! Slack's signature of a request, version 0.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// When Slack sent it: seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "x-slack-request-timestamp";
/// `v0=` and the signature in hexadecimal.
pub const SIGNATURE_HEADER: &str = "x-slack-signature";
/// How old, or how new, a request may be.
pub const MAX_AGE_S: i64 = 300;

const VERSION: &str = "v0=";
/// Bytes of an HMAC-SHA256.
const BYTES: usize = 32;
/// Digits of a time: more are none.
const MAX_DIGITS: usize = 12;

/// What was wrong with a signature. Says nothing of the secret. Answered as 401.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    #[error("the header {0} is missing")]
    Missing(&'static str),
    #[error("the header {TIMESTAMP_HEADER}: expected seconds since 1970")]
    NotSeconds,
    #[error("the header {SIGNATURE_HEADER}: expected v0= and 64 hexadecimal digits")]
    NotHexadecimal,
    #[error(
        "signed {seconds} s ago, at most {MAX_AGE_S} s are allowed: the clocks differ, or it was sent before"
    )]
    TooOld { seconds: i64 },
    #[error(
        "signed {seconds} s in the future, at most {MAX_AGE_S} s are allowed: the clocks differ"
    )]
    TooNew { seconds: i64 },
    #[error("the signature isn't that of the configured signing secret over what was sent")]
    WrongSignature,
    #[error("no signing secret is configured, or an empty one")]
    NoSecret,
}

impl Unproven {
    /// Whether it is about the time alone.
    pub fn is_untimely(&self) -> bool {
        matches!(self, Self::TooOld { .. } | Self::TooNew { .. })
    }
}

/// Checks a request as it came, before anything of it is read. `header` gives a header's value by
/// its name in lower case. Compared in constant time.
///
/// Gives the signature in one spelling, which a request is known by.
///
/// # Errors
/// What was wrong.
pub fn check<'h>(
    secret: &Secret,
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    now_s: i64,
) -> Result<String, Unproven> {
    if secret.reveal().is_empty() {
        return Err(Unproven::NoSecret);
    }
    let time = header(TIMESTAMP_HEADER).ok_or(Unproven::Missing(TIMESTAMP_HEADER))?;
    let given = header(SIGNATURE_HEADER).ok_or(Unproven::Missing(SIGNATURE_HEADER))?;
    recent(time, now_s)?;
    let given = given
        .strip_prefix(VERSION)
        .and_then(|digits| hex::decode(digits).ok())
        .filter(|bytes| bytes.len() == BYTES)
        .ok_or(Unproven::NotHexadecimal)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .map_err(|_| Unproven::NoSecret)?;
    mac.update(b"v0:");
    mac.update(time.as_bytes());
    mac.update(b":");
    mac.update(body);
    match mac.verify_slice(&given) {
        Ok(()) => Ok(hex::encode(given)),
        Err(_) => Err(Unproven::WrongSignature),
    }
}

fn recent(time: &str, now_s: i64) -> Result<(), Unproven> {
    // Digits alone: `+1` would parse, and isn't how Slack writes.
    let is_number =
        (1..=MAX_DIGITS).contains(&time.len()) && time.bytes().all(|digit| digit.is_ascii_digit());
    let at: i64 = time
        .parse()
        .ok()
        .filter(|_| is_number)
        .ok_or(Unproven::NotSeconds)?;
    match now_s.saturating_sub(at) {
        seconds if seconds > MAX_AGE_S => Err(Unproven::TooOld { seconds }),
        seconds if seconds < -MAX_AGE_S => Err(Unproven::TooNew {
            seconds: seconds.saturating_neg(),
        }),
        _ => Ok(()),
    }
}
