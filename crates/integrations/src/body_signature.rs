//! HMAC-SHA256 over a body alone, as Jira and PagerDuty sign what they send.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// Bytes of a signature.
const BYTES: usize = 32;

/// Whether `given`, in hexadecimal, is the secret's signature of the body. Compared in constant
/// time; an empty secret signs nothing.
pub(crate) fn is_signed(secret: &Secret, body: &[u8], given: &str) -> bool {
    if secret.reveal().is_empty() {
        return false;
    }
    let Some(given) = hex::decode(given).ok().filter(|given| given.len() == BYTES) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
        return false;
    };
    mac.update(body);
    mac.verify_slice(&given).is_ok()
}

/// As the other side would sign: for tests.
#[cfg(test)]
pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_jiras_documentation_and_what_differs_from_it() {
        // "Webhooks", "Secure admin webhooks" (developer.atlassian.com).
        let secret = Secret::new("It's a Secret to Everybody");
        let body = b"Hello World!";
        let given = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
        assert!(is_signed(&secret, body, given));
        assert!(is_signed(&secret, body, &given.to_uppercase()));
        assert!(!is_signed(&secret, b"Hello World?", given));
        assert!(!is_signed(&Secret::new("another"), body, given));
        for odd in ["", "zz", &given[2..], &format!("{given}00")] {
            assert!(!is_signed(&secret, body, odd), "{odd}");
        }
        let of_nothing = Secret::new("");
        assert!(!is_signed(&of_nothing, body, &sign("", body)));
    }
}
