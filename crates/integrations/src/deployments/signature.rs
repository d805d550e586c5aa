//! How senders prove that they know the secret: GitHub's HMAC, GitLab's token, our own HMAC.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::secret::Secret;
use crate::signature;

/// `sha256=` and HMAC-SHA256 of the body in hexadecimal.
pub const GITHUB: &str = "x-hub-signature-256";
/// The secret itself.
pub const GITLAB: &str = "x-gitlab-token";
/// As our own webhooks are signed, with the time beside it.
pub const OWN: &str = signature::SIGNATURE_HEADER;

/// The headers of which one makes a request a signed one.
pub const HEADERS: [&str; 3] = [GITHUB, GITLAB, OWN];

/// Whether the one signature that a request brings is right. `header` gives a header's value.
pub fn verify<'h>(
    secret: &Secret,
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    now_s: i64,
) -> bool {
    if let Some(given) = header(GITHUB) {
        return github(secret, given, body);
    }
    if let Some(given) = header(GITLAB) {
        // Digests take the same time to compare, whatever was sent.
        return Sha256::digest(given) == Sha256::digest(secret.reveal());
    }
    let seconds = header(signature::TIMESTAMP_HEADER).and_then(|text| text.parse().ok());
    match (header(OWN), seconds) {
        (Some(given), Some(seconds)) => signature::verify(secret, seconds, body, given, now_s),
        _ => false,
    }
}

fn github(secret: &Secret, given: &str, body: &[u8]) -> bool {
    let given = given.strip_prefix("sha256=");
    let Some(given) = given.and_then(|text| hex::decode(text).ok()) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&given).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_senders_proof_is_checked() {
        let secret = Secret::new("It's a Secret to Everybody");
        let body = b"Hello, World!";
        // The example of GitHub's own documentation.
        let github = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let own = signature::sign(&secret, 1_000, body);
        let verified = |headers: &[(&str, &str)]| {
            let header = |name: &str| {
                let found = headers.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| *value)
            };
            verify(&secret, header, body, 1_010)
        };
        assert!(verified(&[(GITHUB, github)]));
        assert!(!verified(&[(GITHUB, &github.replace('7', "8"))]));
        assert!(verified(&[(GITLAB, secret.reveal())]));
        assert!(!verified(&[(GITLAB, "another")]));
        assert!(verified(&[
            (OWN, &own),
            (signature::TIMESTAMP_HEADER, "1000")
        ]));
        assert!(!verified(&[
            (OWN, &own),
            (signature::TIMESTAMP_HEADER, "1001")
        ]));
        assert!(!verified(&[(OWN, &own)]));
        assert!(!verified(&[]));
    }
}
