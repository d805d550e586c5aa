//! AWS Signature Version 4, as "Create a signed AWS API request" (IAM User Guide) and "Signature
//! Calculations for the Authorization Header" (Amazon S3 API Reference) describe it: the canonical
//! request, its digest in the string to sign, and a key made of secret, day, region and service.

use std::fmt::Write as _;

use hmac::{Hmac, Mac};
use model::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Credentials;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What is signed. `path` is encoded as it is sent; names of headers are lower case, and values
/// have no space around them.
#[derive(Debug)]
pub(super) struct Unsigned<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// Not yet encoded, in any order.
    pub query: &'a [(&'a str, &'a str)],
    /// All that are signed, `host` and `x-amz-date` among them, in any order.
    pub headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the body in hexadecimal.
    pub body: &'a str,
}

/// Where a signature holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub at: Timestamp,
    pub region: &'a str,
    pub service: &'a str,
}

impl Scope<'_> {
    fn text(&self) -> String {
        let date = date(self.at);
        format!(
            "{}/{}/{}/aws4_request",
            &date[..8],
            self.region,
            self.service
        )
    }
}

/// The value of the header `Authorization`.
pub(super) fn authorization(
    request: &Unsigned<'_>,
    scope: Scope<'_>,
    credentials: &Credentials,
) -> String {
    let (canonical, signed) = canonical(request);
    let within = scope.text();
    let to_sign = format!(
        "{ALGORITHM}\n{}\n{within}\n{}",
        date(scope.at),
        hex::encode(Sha256::digest(canonical))
    );
    let mut key = format!("AWS4{}", credentials.secret_key.reveal()).into_bytes();
    for part in within.split('/') {
        key = mac(&key, part.as_bytes());
    }
    let signature = hex::encode(mac(&key, to_sign.as_bytes()));
    format!(
        "{ALGORITHM} Credential={}/{within}, SignedHeaders={signed}, Signature={signature}",
        credentials.access_key
    )
}

/// The canonical request, and the names of what it signs.
fn canonical(request: &Unsigned<'_>) -> (String, String) {
    let mut headers = request.headers.to_vec();
    headers.sort_unstable();
    let signed: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let signed = signed.join(";");
    let mut text = format!(
        "{}\n{}\n{}\n",
        request.method,
        request.path,
        query(request.query)
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}:{value}\n"));
    }
    text.push_str(&format!("\n{signed}\n{}", request.body));
    (text, signed)
}

/// A query as it is signed and sent: encoded, then sorted.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let mut encoded: Vec<(String, String)> = pairs
        .iter()
        .map(|(name, value)| (encode(name, false), encode(value, false)))
        .collect();
    encoded.sort_unstable();
    let pairs: Vec<String> = encoded
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// Percent-encodes all but RFC 3986's unreserved characters; a path keeps its slashes.
pub(super) fn encode(text: &str, path: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte as char);
            }
            b'/' if path => out.push('/'),
            // Writing to a string doesn't fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

/// `20130524T000000Z`
pub(super) fn date(at: Timestamp) -> String {
    let text = at.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    let digits = seconds.replace(['-', ':'], "");
    format!("{digits}Z")
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        // HMAC takes keys of any length; a signature that nobody accepts is the safe answer.
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    //! AWS's own examples: of the S3 API Reference ("Examples: Signature Calculations"), and of the
    //! Signature Version 4 test suite, named `aws4_testsuite`.

    use super::*;
    use crate::secret::Secret;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const HOST: (&str, &str) = ("host", "examplebucket.s3.amazonaws.com");
    const DATE: (&str, &str) = ("x-amz-date", "20130524T000000Z");

    fn signature(request: &Unsigned<'_>) -> String {
        let credentials = Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        };
        let scope = Scope {
            at: Timestamp::parse("2013-05-24T00:00:00Z").expect("a time"),
            region: "us-east-1",
            service: "s3",
        };
        let value = authorization(request, scope, &credentials);
        let start = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=";
        assert!(value.starts_with(start), "{value}");
        value[value.len() - 64..].to_owned()
    }

    #[test]
    fn the_examples_of_s3_are_signed_as_amazon_signs_them() {
        let body = ("x-amz-content-sha256", EMPTY);
        let get = Unsigned {
            method: "GET",
            path: "/test.txt",
            query: &[],
            headers: &[HOST, ("range", "bytes=0-9"), body, DATE],
            body: EMPTY,
        };
        let lifecycle = Unsigned {
            method: "GET",
            path: "/",
            query: &[("lifecycle", "")],
            headers: &[DATE, body, HOST],
            body: EMPTY,
        };
        let listing = Unsigned {
            query: &[("prefix", "J"), ("max-keys", "2")],
            ..lifecycle
        };
        assert_eq!(
            [&get, &lifecycle, &listing].map(signature),
            [
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ]
        );
        let digest = hex::encode(Sha256::digest(b"Welcome to Amazon S3."));
        let path = encode("/test$file.text", true);
        let put = Unsigned {
            method: "PUT",
            path: &path,
            query: &[],
            headers: &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                HOST,
                DATE,
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ("x-amz-content-sha256", &digest),
            ],
            body: &digest,
        };
        assert_eq!(
            signature(&put),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
    }

    #[test]
    fn the_test_suites_requests_are_signed_as_it_says() {
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        };
        let scope = Scope {
            at: Timestamp::parse("2015-08-30T12:36:00Z").expect("a time"),
            region: "us-east-1",
            service: "service",
        };
        let headers = [
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ];
        let unordered = [("Param2", "value2"), ("Param1", "value1")];
        let cases = [
            // get-vanilla, post-vanilla, get-vanilla-query-order-key-case
            (
                "GET",
                &unordered[..0],
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                &unordered[..0],
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "GET",
                &unordered[..],
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
        ];
        for (method, query, expected) in cases {
            let request = Unsigned {
                method,
                path: "/",
                query,
                headers: &headers,
                body: EMPTY,
            };
            assert_eq!(
                authorization(&request, scope, &credentials),
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders=host;x-amz-date, Signature={expected}"
                )
            );
        }
    }
}
