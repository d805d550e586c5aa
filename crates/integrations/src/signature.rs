//! Signatures of webhooks: HMAC-SHA256 over time and body, so that neither can be changed and an
//! old request can't be played again.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// When it was sent: seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "x-datapulse-timestamp";
/// `v1=` and the signature in hexadecimal.
pub const SIGNATURE_HEADER: &str = "x-datapulse-signature";
/// The key by which a receiver knows a request again.
pub const KEY_HEADER: &str = "idempotency-key";
/// A receiver should refuse what is older.
pub const MAX_AGE_S: i64 = 300;

/// `v1=` and HMAC-SHA256 of `<seconds>.<body>`.
pub fn sign(secret: &Secret, seconds: i64, body: &[u8]) -> String {
    match Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) {
        Ok(mut mac) => {
            mac.update(seconds.to_string().as_bytes());
            mac.update(b".");
            mac.update(body);
            format!("v1={}", hex::encode(mac.finalize().into_bytes()))
        }
        // HMAC takes keys of any length; a signature that no receiver accepts is the safe answer.
        Err(_) => String::new(),
    }
}

/// Whether `signature` is ours and not too old. Compared in constant time.
pub fn verify(secret: &Secret, seconds: i64, body: &[u8], signature: &str, now_s: i64) -> bool {
    if (now_s - seconds).abs() > MAX_AGE_S {
        return false;
    }
    let Some(given) = signature
        .strip_prefix("v1=")
        .and_then(|text| hex::decode(text).ok())
    else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
        return false;
    };
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(&given).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_body_an_old_time_and_another_secret_are_refused() {
        let secret = Secret::new("s3cret");
        let signature = sign(&secret, 1_000, b"{}");
        assert!(verify(&secret, 1_000, b"{}", &signature, 1_100));
        assert!(!verify(&secret, 1_000, b"{ }", &signature, 1_100));
        assert!(!verify(&secret, 1_001, b"{}", &signature, 1_100));
        assert!(!verify(
            &secret,
            1_000,
            b"{}",
            &signature,
            1_000 + MAX_AGE_S + 1
        ));
        assert!(!verify(
            &Secret::new("other"),
            1_000,
            b"{}",
            &signature,
            1_100
        ));
        assert_eq!(format!("{secret:?} {secret}"), "*** ***");
    }
}
