//! Time stamps (RFC 3161): an authority signs the digest of a line with the time at which it saw
//! it. This keeps nothing: the token is kept beside the anchors, for instance in a place of its own
//! as [`Stamped`], and proves that the line was there by then, even where the whole place was
//! written anew with the gateway's key.

mod token;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::asn1::{Int, Null, OctetString};
use der::oid::ObjectIdentifier;
use der::oid::db::rfc5912::ID_SHA_256;
use der::{Any, Decode as _, Encode as _};
use model::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_tsp::{MessageImprint, TimeStampReq, TimeStampResp, TspVersion};

use super::address;
use super::call::{Caller, listing, unsuccessful};
use crate::error::Error;
use crate::outbound::{Call, Outbound};

/// Bytes of a token and of the answer around it: a signature and a chain of certificates.
const MAX_TOKEN: usize = 64 << 10;
/// Certificates of authorities that are trusted.
const MAX_ROOTS: usize = 64;
/// How far an authority's clock may be from ours when it stamps.
const MAX_SKEW_MS: i64 = 300_000;
/// Bytes of a nonce, which ties an answer to its question.
const NONCE: usize = 16;

/// Certificates by which authorities are trusted, each as DER.
#[derive(Debug, Clone)]
pub struct Roots(Vec<CertificateDer<'static>>);

impl Roots {
    /// From a PEM file's bytes, which may hold several.
    ///
    /// # Errors
    /// [`Error::Configuration`]: none or too many, or one that can't be read.
    pub fn from_pem(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |why: String| Error::Configuration(format!("authorities of time: {why}"));
        let roots = CertificateDer::pem_slice_iter(bytes)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong(format!("{error:?}")))?;
        if !(1..=MAX_ROOTS).contains(&roots.len()) {
            return Err(wrong(format!(
                "expected 1 to {MAX_ROOTS} certificates, got {}",
                roots.len()
            )));
        }
        for (root, number) in roots.iter().zip(1..) {
            webpki::anchor_from_trusted_cert(root)
                .map_err(|error| wrong(format!("certificate {number}: {error}")))?;
        }
        Ok(Self(roots))
    }
}

/// A token beside its anchor, as a line that any place keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamped {
    /// The stamped anchor's number.
    pub anchor: u64,
    /// The token's DER in base64.
    pub token: String,
}

impl Stamped {
    pub fn new(anchor: u64, token: &[u8]) -> Self {
        Self {
            anchor,
            token: STANDARD.encode(token),
        }
    }

    /// When the anchor's line was there.
    ///
    /// # Errors
    /// Those of [`TimeStamp::verify`].
    pub fn verify(&self, line: &[u8], roots: &Roots) -> Result<Timestamp, Error> {
        let token = STANDARD
            .decode(&self.token)
            .map_err(|error| refused(self.anchor, &format!("not base64: {error}")))?;
        token::check(line, &token, roots)
            .map(|found| found.at)
            .map_err(|why| refused(self.anchor, &why))
    }
}

fn refused(anchor: u64, why: &str) -> Error {
    Error::Refused(format!("the time stamp of anchor {anchor}: {why}"))
}

/// An authority that is asked for time stamps.
pub struct TimeStamp {
    caller: Caller,
    url: Url,
    roots: Roots,
    policy: Option<ObjectIdentifier>,
}

impl TimeStamp {
    /// `policy`: the one under which it is to stamp, as `1.3.6.1.4.1.1`; `None`: its usual one.
    ///
    /// # Errors
    /// [`Error::Configuration`]: an address or a policy that can't be.
    pub fn new(name: &str, url: &str, policy: Option<&str>, roots: Roots) -> Result<Self, Error> {
        Self::through(name, url, policy, roots, listing(name, &[url])?)
    }

    /// Through a client that others share. It must allow the address.
    ///
    /// # Errors
    /// Those of [`Self::new`], and an address that the client doesn't allow.
    pub fn through(
        name: &str,
        url: &str,
        policy: Option<&str>,
        roots: Roots,
        outbound: Outbound,
    ) -> Result<Self, Error> {
        let url = address(name, url)?;
        let policy = policy.map(ObjectIdentifier::new).transpose();
        Ok(Self {
            caller: Caller::new(name, &[url.as_str()], outbound)?,
            url,
            roots,
            policy: policy
                .map_err(|error| Error::Configuration(format!("{name}: policy: {error}")))?,
        })
    }

    /// Another limit of one call than 30 s.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.caller.set_timeout(timeout);
        self
    }

    /// A token for this line, checked as [`Self::verify`] does, and that it answers this very
    /// question now. DER of RFC 3161's `TimeStampToken`.
    ///
    /// # Errors
    /// [`Error::Refused`]: the authority doesn't stamp, or what it gives proves nothing.
    /// [`Error::NotDone`], [`Error::CannotTell`]: worth another try.
    pub async fn stamp(&self, line: &[u8]) -> Result<Vec<u8>, Error> {
        let refused = |why: String| Error::Refused(format!("{}: {why}", self.caller.name()));
        let nonce = nonce().map_err(&refused)?;
        let question = self
            .question(line, &nonce)
            .map_err(|error| refused(format!("the question: {error}")))?;
        let answer = self
            .caller
            .call(MAX_TOKEN, || {
                Call::post(self.caller.name(), self.url.as_str(), question.clone())
                    .header("content-type", "application/timestamp-query")
            })
            .await?;
        if answer.status != 200 {
            let says = String::from_utf8_lossy(&answer.body);
            let name = self.caller.name();
            return Err(unsuccessful(name, "no time stamp", answer.status, &says));
        }
        let token = granted(&answer.body).map_err(&refused)?;
        let found = token::check(line, &token, &self.roots).map_err(&refused)?;
        if found.nonce.as_deref() != Some(nonce.as_bytes()) {
            return Err(refused(
                "it answers another question: the nonce differs".to_owned(),
            ));
        }
        let policy_differs = |policy: &ObjectIdentifier| *policy != found.policy;
        if self.policy.as_ref().is_some_and(policy_differs) {
            return Err(refused(format!("it stamps under policy {}", found.policy)));
        }
        let (now, at) = (now(), found.at);
        if (now.ms() - at.ms()).abs() > MAX_SKEW_MS {
            return Err(refused(format!(
                "its clock says {at} and ours {now}: more than {} s apart",
                MAX_SKEW_MS / 1_000
            )));
        }
        Ok(token)
    }

    /// The time that a token proves for this line, to the authority's accuracy. A certificate that
    /// has run out since still counts: it is held against the time of the stamp. Whether it was
    /// revoked isn't looked up.
    ///
    /// # Errors
    /// [`Error::Refused`]: the token is of another line, isn't signed as RFC 3161 wants it, or by
    /// nobody whom `roots` vouch for as an authority of time.
    pub fn verify(line: &[u8], token: &[u8], roots: &Roots) -> Result<Timestamp, Error> {
        token::check(line, token, roots)
            .map(|found| found.at)
            .map_err(|why| Error::Refused(format!("the time stamp: {why}")))
    }

    fn question(&self, line: &[u8], nonce: &Int) -> der::Result<Vec<u8>> {
        TimeStampReq {
            version: TspVersion::V1,
            message_imprint: MessageImprint {
                hash_algorithm: AlgorithmIdentifierOwned {
                    oid: ID_SHA_256,
                    parameters: Some(Any::encode_from(&Null)?),
                },
                hashed_message: OctetString::new(Sha256::digest(line).to_vec())?,
            },
            req_policy: self.policy,
            nonce: Some(nonce.clone()),
            cert_req: true,
            extensions: None,
        }
        .to_der()
    }
}

/// A number that nobody guesses, positive and as long as its bytes.
fn nonce() -> Result<Int, String> {
    let mut bytes = [0; NONCE];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random numbers: {error}"))?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Int::new(&bytes).map_err(|error| error.to_string())
}

/// The token of an answer that grants one.
fn granted(answer: &[u8]) -> Result<Vec<u8>, String> {
    let answer = TimeStampResp::from_der(answer)
        .map_err(|error| format!("the answer can't be read: {error}"))?;
    let status = answer.status.status;
    // RFC 3161, 2.4.2: a token comes with granted (0) and grantedWithMods (1) alone.
    if status as u8 > 1 {
        let says: Vec<&str> = answer
            .status
            .status_string
            .iter()
            .flatten()
            .map(|text| text.as_str())
            .collect();
        return Err(format!("it says {status:?} {}", says.join(" ")));
    }
    answer
        .time_stamp_token
        .ok_or("it grants a time stamp and gives none")?
        .to_der()
        .map_err(|error| error.to_string())
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| since.as_millis() as i64))
}
